#include "worker/worker_server.h"

#include <algorithm>
#include <utility>

#include "base/guarded.h"
#include "base/process_usage.h"
#include "worker/image_handler.h"
#include "worker/infer_handler.h"
#include "worker/info_routes.h"

namespace octoscale::worker {
namespace {

constexpr FrameSize kWarmUpSize{64, 64};

Status CheckOptions(const WorkerOptions& o) {
  const auto at_least = [](const char* name, int64_t value, int64_t least) {
    if (value >= least) return OkStatus();
    return InvalidArgument(std::string(name) + ": expected at least " + std::to_string(least) +
                           ", found " + std::to_string(value));
  };
  OCTO_RETURN_IF_ERROR(at_least("batch size", o.batch_frames, 1));
  OCTO_RETURN_IF_ERROR(at_least("frames of a request", o.frames_max, 1));
  OCTO_RETURN_IF_ERROR(at_least("frames of the queue", o.queue_frames_max, o.frames_max));
  OCTO_RETURN_IF_ERROR(at_least("engines", o.engines_max, 1));
  if (o.caller_frames_max > 0) {
    OCTO_RETURN_IF_ERROR(at_least("frames of a caller", o.caller_frames_max, o.frames_max));
  }
  if (o.queue_bytes_max < o.body_bytes_max) {
    return InvalidArgument("the queue's memory is smaller than one request's body may be");
  }
  return OkStatus();
}

void AddRoutes(WorkerContext* context, http::Router* router) {
  const uint64_t body_max = context->options.body_bytes_max;
  const auto image = [context](ImageHandler::Kind kind) {
    return [context, kind] { return std::make_shared<ImageHandler>(context, kind); };
  };
  router->Add({"POST", "/upscale_batch", image(ImageHandler::Kind::kBatch), body_max, false});
  router->Add({"POST", "/upscale", image(ImageHandler::Kind::kSingle), body_max, false});
  router->Add({"POST", "/v2/models/{model}/infer",
               [context] { return std::make_shared<InferHandler>(context); }, body_max, false});
  AddInfoRoutes(context, router);
}

void CountExchange(const WorkerContext& context, const http::ExchangeRecord& record) {
  metrics::Registry& registry = *context.metrics.registry;
  const metrics::Labels route = {{"route", record.route.empty() ? "none" : record.route}};
  metrics::Labels labels = route;
  labels.emplace_back("code", std::to_string(record.status));
  registry
      .AddCounter("octoscale_requests_total",
                  "Requests by route and code; code 0: the peer left before an answer.", labels)
      .Add();
  if (!record.complete) {
    registry
        .AddCounter("octoscale_requests_broken_off_total",
                    "Requests whose answer did not go out whole.", route)
        .Add();
  }
  registry
      .AddHistogram("octoscale_request_seconds", "From the head to the answer's last byte.",
                    metrics::SecondsBuckets(), route)
      .Observe(std::chrono::duration<double>(record.duration).count());
  registry.AddCounter("octoscale_received_bytes_total", "Bytes of bodies received.")
      .Add(static_cast<double>(record.bytes_in));
  registry.AddCounter("octoscale_sent_bytes_total", "Bytes of answers sent.")
      .Add(static_cast<double>(record.bytes_out));
}

void AddReaders(WorkerContext* context, metrics::Registry* registry) {
  registry->AddReader("octoscale_queue_frames", "Frames admitted and not yet upscaled.",
                      [context] { return static_cast<double>(context->admission.frames()); });
  registry->AddReader("octoscale_queue_bytes", "Bytes of bodies and decoded inputs held.",
                      [context] { return static_cast<double>(context->admission.bytes()); });
  registry->AddReader("octoscale_output_bytes", "Bytes of results not yet sent.",
                      [context] { return static_cast<double>(context->scheduler.output_bytes()); });
  registry->AddReader("octoscale_resident_bytes", "Resident memory of the process.",
                      [] { return RssMib() * 1024 * 1024; });
  registry->AddReader("octoscale_ready", "1 when the worker takes requests.",
                      [context] { return context->stage == LifeStage::kReady ? 1.0 : 0.0; });
}

Result<http::ServerOptions> MakeServerOptions(const WorkerOptions& options) {
  OCTO_ASSIGN_OR_RETURN(
      http::ServerOptions server,
      http::GuardedServerOptions(options.listen, options.token_path, options.insecure));
  server.io_threads = options.io_threads;
  server.tls_cert_path = options.tls_cert_path;
  server.tls_key_path = options.tls_key_path;
  server.limits = options.http;
  server.limits.body_bytes_max = options.body_bytes_max;
  return server;
}

}  // namespace

Result<std::unique_ptr<WorkerServer>> WorkerServer::Create(
    WorkerOptions options, std::shared_ptr<UpscalerProvider> provider, WorkerLog log) {
  OCTO_RETURN_IF_ERROR(CheckOptions(options));
  RequestOptions defaults;
  defaults.scale = options.scale;
  const ResolvedOptions resolved = Resolve(defaults, options, provider->models());
  if (resolved.problem) return InvalidArgument(resolved.problem->detail);
  options.model = resolved.key.model;
  OCTO_ASSIGN_OR_RETURN(http::ServerOptions server_options, MakeServerOptions(options));

  auto context = std::make_unique<WorkerContext>(std::move(options), std::move(provider),
                                                 std::move(log.failure));
  AddReaders(context.get(), &context->registry);
  server_options.observer.on_exchange =
      [c = context.get(), log = std::move(log.request)](const http::ExchangeRecord& record) {
        CountExchange(*c, record);
        if (log) log(http::FormatExchange(record));
      };
  server_options.observer.on_refused = [c = context.get()](const char* reason) {
    c->metrics.Rejected(reason).Add();
  };
  http::Router router;
  AddRoutes(context.get(), &router);
  OCTO_ASSIGN_OR_RETURN(std::unique_ptr<http::Server> server,
                        http::Server::Create(std::move(server_options), std::move(router)));
  return std::unique_ptr<WorkerServer>(new WorkerServer(std::move(context), std::move(server)));
}

WorkerServer::~WorkerServer() { Stop(); }

void WorkerServer::Start(std::function<void(Status)> on_warm) {
  server_->Start();
  warm_up_ = std::thread([this, on_warm = std::move(on_warm)] {
    const Status status = Guarded("warm the model up", [this] { return WarmUp(); });
    LifeStage expected = LifeStage::kStarting;
    context_->stage.compare_exchange_strong(expected,
                                            status.ok() ? LifeStage::kReady : LifeStage::kFailed);
    if (on_warm) on_warm(status);
  });
}

Status WorkerServer::WarmUp() {
  const UpscalerKey key{context_->options.model, context_->options.scale, 0};
  OCTO_ASSIGN_OR_RETURN(const std::shared_ptr<FrameUpscaler> upscaler, context_->cache.Get(key));
  std::vector<Frame> batch;
  batch.emplace_back(kWarmUpSize, SampleType::kU8);
  for (int plane = 0; plane < Frame::kPlanes; ++plane) {
    for (int y = 0; y < kWarmUpSize.height; ++y) {
      std::fill_n(batch[0].row(plane, y), kWarmUpSize.width, uint8_t{128});
    }
  }
  return upscaler->Upscale(std::move(batch), warm_up_cancel_).status();
}

void WorkerServer::BeginDrain() {
  context_->stage = LifeStage::kDraining;
  server_->BeginDrain();
}

bool WorkerServer::WaitDrained(std::chrono::milliseconds timeout) {
  return server_->WaitDrained(timeout);
}

void WorkerServer::Stop() {
  warm_up_cancel_.Cancel();
  server_->Stop();  // handlers are told and cancel their jobs
  context_->scheduler.Stop();
  context_->pool.Stop();
  if (warm_up_.joinable()) warm_up_.join();
}

}  // namespace octoscale::worker
