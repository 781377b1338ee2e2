// Exceptions as errors, at the edge of threads on which one would end the process.
#pragma once

#include <exception>
#include <new>
#include <string>

#include "base/status.h"

namespace octoscale {

// The Status or Result of `work`. What it throws becomes ResourceExhausted (memory) or Internal;
// `what` completes "not enough memory to ..." and "could not ...".
template <typename Work>
auto Guarded(const char* what, Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return ResourceExhausted(std::string("not enough memory to ") + what);
  } catch (const std::exception& error) {
    return Internal(std::string("could not ") + what + ": " + error.what());
  } catch (...) {
    return Internal(std::string("could not ") + what);
  }
}

}  // namespace octoscale
