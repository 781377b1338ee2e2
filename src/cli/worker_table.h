// How the workers of a run are shown to people.
#pragma once

#include <string>
#include <vector>

#include "coordinator/worker_report.h"

namespace octoscale {

// Share of the frames that each worker did, in their order: "17/17/16% of 3 workers"; with more
// than eight, the smallest and the largest. Empty when nothing is done yet.
std::string WorkerSharesText(const std::vector<coordinator::WorkerReport>& reports);

// A line of headings, then one for each worker: batches, frames, share, frames per second while it
// computed, retries, hedges, and its state if it isn't up.
std::vector<std::string> WorkerTable(const std::vector<coordinator::WorkerReport>& reports);

// Frames of a worker's share, 0 to 1.
double WorkerShare(const std::vector<coordinator::WorkerReport>& reports, size_t index);

}  // namespace octoscale
