#include "cli/octoscale.h"

int main(int argc, char** argv) { return octoscale::RunOctoscale(argc, argv); }
