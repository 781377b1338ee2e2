#include "worker/info_routes.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/clock.h"
#include "base/guarded.h"

namespace octoscale::worker {
namespace {

using http::RequestHead;
using http::Response;
using Json = nlohmann::ordered_json;

Response JsonResponse(int status, const Json& json) {
  return http::TextResponse(
      status, "application/json",
      json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

Response Ready(const WorkerContext& context) {
  if (context.stage == LifeStage::kReady) return JsonResponse(200, {{"ready", true}});
  http::Problem problem =
      http::Problem::Make(503, std::string("this worker is ") + LifeStageName(context.stage));
  problem.retry_after_s = 1;
  return http::ToResponse(problem);
}

Response Health(const WorkerContext& context) {
  const bool ready = context.stage == LifeStage::kReady;
  return JsonResponse(ready ? 200 : 503, {{"status", ready ? "ok" : LifeStageName(context.stage)},
                                          {"model_loaded", ready},
                                          {"model", context.options.model},
                                          {"scale", context.options.scale},
                                          {"version", WorkerVersion()}});
}

Response Status(WorkerContext& context) {
  const SchedulerState state = context.scheduler.state();
  Json batch = nullptr;
  if (!state.running_model.empty()) {
    batch = {{"model", state.running_model},
             {"scale", state.running_scale},
             {"frames", state.frames_running},
             {"running_ms", state.running_for.count()}};
  }
  const double uptime = SecondsSince(context.start);
  return JsonResponse(
      200, {{"stage", LifeStageName(context.stage)},
            {"version", WorkerVersion()},
            {"model", context.options.model},
            {"scale", context.options.scale},
            {"batch_frames", context.options.batch_frames},
            {"threads", context.cache.provider().threads()},
            {"uptime_seconds", static_cast<int64_t>(uptime)},
            {"queue",
             {{"frames_admitted", context.admission.frames()},
              {"frames_max", context.options.queue_frames_max},
              {"frames_waiting", state.frames_waiting},
              {"bytes", context.admission.bytes()},
              {"bytes_max", context.options.queue_bytes_max},
              {"output_bytes", context.scheduler.output_bytes()},
              {"output_bytes_max", context.options.output_bytes_max}}},
            {"current_batch", batch},
            {"frames_done", static_cast<uint64_t>(context.metrics.scheduler.frames->value())},
            {"batches_done", static_cast<uint64_t>(context.metrics.scheduler.executions->value())},
            {"frames_per_second", context.speed.FramesPerSecond()}});
}

Json TensorJson() {
  return Json::array({{{"name", "frames"}, {"datatype", "UINT8"}, {"shape", {-1, -1, -1, 3}}}});
}

Response ModelInfo(const WorkerContext& context, const ServedModel& model) {
  Json fingerprints = Json::object();
  for (const int scale : model.scales) {
    const auto fingerprint = context.cache.Fingerprint(model.name, scale);
    if (fingerprint) fingerprints[std::to_string(scale)] = *fingerprint;
  }
  return JsonResponse(200, {{"name", model.name},
                            {"versions", {"1"}},
                            {"platform", "octoscale"},
                            {"inputs", TensorJson()},
                            {"outputs", TensorJson()},
                            {"parameters",
                             {{"octoscale_version", WorkerVersion()},
                              {"scales", model.scales},
                              {"datatypes", {"UINT8", "UINT16"}},
                              {"fingerprints", fingerprints},
                              {"threads", context.cache.provider().threads()},
                              {"batch_frames", context.options.batch_frames},
                              {"frames_max", context.options.frames_max},
                              {"body_bytes_max", context.options.body_bytes_max}}}});
}

// GET /v2/models/{model}?scale=N loads the weights of that scale first, so that its fingerprint is
// in the answer; that takes too long for an I/O thread.
class ModelHandler : public http::RequestHandler {
 public:
  explicit ModelHandler(WorkerContext* context) : context_(context) {}

  std::optional<Response> OnHead(const RequestHead& head,
                                 std::shared_ptr<http::Exchange> exchange) override {
    const auto& models = context_->cache.provider().models();
    const ServedModel* model = FindModel(models, std::string(head.PathParameter("model")));
    if (model == nullptr) {
      return http::ToResponse(http::Problem::Make(404, "this model is not served here", "model"));
    }
    const auto scale = head.Query("scale");
    if (!scale) return ModelInfo(*context_, *model);
    RequestOptions request;
    request.model = model->name;
    if (auto problem = request.Set("scale", *scale)) return http::ToResponse(*problem);
    const ResolvedOptions resolved = Resolve(request, context_->options, models);
    if (resolved.problem) return http::ToResponse(*resolved.problem);
    context_->pool.Post([context = context_, model, key = resolved.key, exchange] {
      const Result<Response> answer = Guarded("describe the model", [&]() -> Result<Response> {
        OCTO_RETURN_IF_ERROR(context->cache.GetForRequest(key).status());
        return ModelInfo(*context, *model);
      });
      exchange->Send(answer.ok() ? *answer : http::ToResponse(http::ProblemOf(answer.status())));
    });
    return std::nullopt;
  }
  std::optional<Response> OnBody(std::span<const uint8_t>) override { return std::nullopt; }
  void OnBodyEnd() override {}
  void OnAbandoned(http::AbandonReason) override {}

 private:
  WorkerContext* const context_;
};

Response ModelList(const WorkerContext& context) {
  Json list = Json::array();
  for (const ServedModel& model : context.cache.provider().models()) {
    list.push_back({{"name", model.name}, {"aliases", model.aliases}, {"scales", model.scales}});
  }
  return JsonResponse(200, {{"models", list}});
}

Response ModelReady(const WorkerContext& context, const RequestHead& head) {
  if (FindModel(context.cache.provider().models(), std::string(head.PathParameter("model"))) ==
      nullptr) {
    return http::ToResponse(http::Problem::Make(404, "this model is not served here", "model"));
  }
  return Ready(context);
}

}  // namespace

std::string_view WorkerVersion() { return OCTOSCALE_VERSION; }

void AddInfoRoutes(WorkerContext* context, http::Router* router) {
  constexpr bool kOpen = true;  // probes carry no token
  router->AddGet(
      "/v2/health/live",
      [](const RequestHead&) {
        return JsonResponse(200, {{"live", true}});
      },
      kOpen);
  router->AddGet(
      "/v2/health/ready", [context](const RequestHead&) { return Ready(*context); }, kOpen);
  router->AddGet(
      "/health", [context](const RequestHead&) { return Health(*context); }, kOpen);
  router->AddGet("/v2", [](const RequestHead&) {
    return JsonResponse(200, {{"name", "octoscale"},
                              {"version", WorkerVersion()},
                              {"extensions", {"binary_tensor_data"}}});
  });
  router->AddGet("/v2/models", [context](const RequestHead&) { return ModelList(*context); });
  router->AddGet("/v2/models/{model}/ready",
                 [context](const RequestHead& head) { return ModelReady(*context, head); });
  router->Add({"GET", "/v2/models/{model}",
               [context] { return std::make_shared<ModelHandler>(context); }, 0, false});
  router->AddGet("/status", [context](const RequestHead&) { return Status(*context); });
  router->AddGet("/metrics", [context](const RequestHead&) {
    return http::TextResponse(200, "text/plain; version=0.0.4; charset=utf-8",
                              context->registry.Text());
  });
  router->AddGet("/openapi.json", [](const RequestHead&) {
    return http::TextResponse(200, "application/json", std::string(OpenApiJson()));
  });
}

}  // namespace octoscale::worker
