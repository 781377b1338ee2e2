// The worker as a whole: HTTP server, handlers, scheduler, and its life from warm-up to drain.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/status.h"
#include "http/server.h"
#include "worker/options.h"
#include "worker/worker_context.h"

namespace octoscale::worker {

// Lines for the operator. Thread-safe; either may be empty.
struct WorkerLog {
  std::function<void(const std::string& line)> request;  // one for each
  std::function<void(const std::string& line)> failure;  // what callers are not told
};

class WorkerServer {
 public:
  // Binds the address; answers nothing yet. Errors: InvalidArgument (options that contradict each
  // other or are out of range; a public address without token; model or scale not served), those of
  // http::Server::Create and BearerAuth::FromFile.
  static Result<std::unique_ptr<WorkerServer>> Create(WorkerOptions options,
                                                      std::shared_ptr<UpscalerProvider> provider,
                                                      WorkerLog log);
  ~WorkerServer();  // Stop()

  // Answers requests; loads and warms the default model up meanwhile, and calls `on_warm` (from a
  // thread of its own) when the worker is ready or that failed.
  void Start(std::function<void(Status)> on_warm);
  uint16_t port() const { return server_->port(); }

  // No longer ready: new work is refused, what was accepted is finished.
  void BeginDrain();
  // False when `timeout` passed first.
  bool WaitDrained(std::chrono::milliseconds timeout);
  // Breaks off what is left.
  void Stop();

  WorkerContext& context() { return *context_; }

 private:
  WorkerServer(std::unique_ptr<WorkerContext> context, std::unique_ptr<http::Server> server)
      : context_(std::move(context)), server_(std::move(server)) {}
  Status WarmUp();

  const std::unique_ptr<WorkerContext> context_;
  const std::unique_ptr<http::Server> server_;
  std::thread warm_up_;
  CancelToken warm_up_cancel_;
};

}  // namespace octoscale::worker
