#include "cli/video2x.h"

int main(int argc, char** argv) { return octoscale::RunVideo2x(argc, argv); }
