// The miner's service as a whole: HTTP servers, front desk, queue, files, and its life from the
// recovery of unfinished tasks to the drain. docs/vidaio.md describes the routes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "vidaio/service_options.h"

namespace octoscale {

class VidaioService {
 public:
  // Opens the state, checks the shared volume, binds the addresses, loads the tasks' network once;
  // answers nothing yet. `log` gets
  // lines for people and must be thread-safe. Errors: InvalidArgument (options; a public address
  // without token), Unavailable (a port or the state is in use), those of JobStore::Open
  // and CreateModelUpscaler (NotFound: the weights are not installed).
  static Result<std::unique_ptr<VidaioService>> Create(
      ServiceOptions options, std::function<void(const std::string& line)> log);
  ~VidaioService();  // Stop()

  // Goes on with unfinished tasks and answers requests.
  void Start();
  uint16_t port() const;
  uint16_t older_port() const;  // 0: none

  // New tasks are refused from now on.
  void BeginDrain();
  // True when every accepted task is finished; false when `timeout` passed first.
  bool WaitDrained(std::chrono::milliseconds timeout);
  // Breaks off what is left; the next start goes on with it.
  void Stop();

 private:
  class Impl;
  explicit VidaioService(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace octoscale
