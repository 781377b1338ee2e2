#include "vidaio/service_routes.h"

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "http/handler.h"
#include "http/problem.h"

namespace octoscale {
namespace {

using http::Problem;
using http::RequestHead;
using http::Response;
using http::ToResponse;

constexpr uint64_t kBodyBytesMax = 256 * 1024;
constexpr int kDrainRetrySeconds = 10;

enum class Form { kUpscale, kOlder };

Problem GoingDown() {
  Problem problem = Problem::Make(503,
                                  "the service is going down; accepted tasks are finished by the "
                                  "next one, repeat the request with its task_id then");
  problem.retry_after_s = kDrainRetrySeconds;
  return problem;
}

bool IsJson(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
  return http::EqualsIgnoreCase(type, "application/json");
}

// POST /upscale and POST /upscale-video.
class TaskHandler : public http::RequestHandler {
 public:
  TaskHandler(ServiceContext* context, Form form) : context_(context), form_(form) {}

  std::optional<Response> OnHead(const RequestHead& head,
                                 std::shared_ptr<http::Exchange> exchange) override {
    exchange_ = std::move(exchange);
    if (context_->draining) return ToResponse(GoingDown());
    // Browsers send other types across sites without asking first.
    if (IsJson(head.Header("Content-Type"))) return std::nullopt;
    return ToResponse(Problem::Make(415, "expected application/json", "Content-Type"));
  }
  std::optional<Response> OnBody(std::span<const uint8_t> bytes) override {
    body_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return std::nullopt;
  }
  void OnBodyEnd() override {
    context_->desk_thread->Post([context = context_, form = form_, body = std::move(body_),
                                 exchange = exchange_,
                                 gone = gone_] { Admit(context, form, body, exchange, gone); });
  }
  // The task goes on: a repeated request gets its answer.
  void OnAbandoned(http::AbandonReason) override { *gone_ = true; }

 private:
  static void Admit(ServiceContext* context, Form form, const std::string& body,
                    const std::shared_ptr<http::Exchange>& exchange,
                    const std::shared_ptr<std::atomic<bool>>& gone) {
    UpscaleRequest request;
    auto problem = form == Form::kUpscale ? ParseUpscaleRequest(body, &request)
                                          : ParseOlderRequest(body, &request);
    if (!problem) {
      const auto answer = [exchange, form](const JobRecord& job) {
        if (!IsFinished(job.state)) return exchange->Send(ToResponse(GoingDown()));
        exchange->Send(form == Form::kUpscale ? UpscaleAnswer(job) : OlderAnswer(job));
      };
      problem = context->desk->Admit(request, {answer, gone});
    }
    if (problem) exchange->Send(ToResponse(*problem));
  }

  ServiceContext* const context_;
  const Form form_;
  const std::shared_ptr<std::atomic<bool>> gone_ = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<http::Exchange> exchange_;
  std::string body_;
};

// GET /tasks/{id}: reads the disk.
class LookHandler : public http::RequestHandler {
 public:
  explicit LookHandler(ServiceContext* context) : context_(context) {}

  std::optional<Response> OnHead(const RequestHead& head,
                                 std::shared_ptr<http::Exchange> exchange) override {
    context_->desk_thread->Post([desk = context_->desk, exchange = std::move(exchange),
                                 id = std::string(head.PathParameter("id"))] {
      const auto job = desk->Find(id);
      if (!job.ok()) return exchange->Send(ToResponse(http::ProblemOf(job.status())));
      if (!job->has_value()) {
        return exchange->Send(ToResponse(Problem::Make(404, "no such task is known", "id")));
      }
      exchange->Send(TaskAnswer(**job));
    });
    return std::nullopt;
  }
  std::optional<Response> OnBody(std::span<const uint8_t>) override { return std::nullopt; }
  void OnBodyEnd() override {}
  void OnAbandoned(http::AbandonReason) override {}

 private:
  ServiceContext* const context_;
};

Response Health(const ServiceContext& context) {
  HealthFacts facts;
  facts.draining = context.draining;
  facts.queue = context.queue->state();
  facts.storage_problem = context.storage_problem;
  facts.remote_disabled = context.options->remote_disabled;
  facts.shared_volume = context.options->shared_volume;
  return HealthAnswer(facts);
}

}  // namespace

http::Router MakeServiceRouter(ServiceContext* context) {
  http::Router router;
  const auto task = [context](Form form) {
    return [context, form] { return std::make_shared<TaskHandler>(context, form); };
  };
  router.Add({"POST", "/upscale", task(Form::kUpscale), kBodyBytesMax, false});
  router.Add({"POST", "/upscale-video", task(Form::kOlder), kBodyBytesMax, false});
  router.Add({"GET", "/tasks/{id}", [context] { return std::make_shared<LookHandler>(context); }, 0,
              false});
  router.AddGet("/queue",
                [context](const RequestHead&) { return QueueAnswer(context->queue->state()); });
  router.AddGet(
      "/health", [context](const RequestHead&) { return Health(*context); }, true);
  router.AddGet("/metrics", [context](const RequestHead&) {
    return http::TextResponse(200, "text/plain; version=0.0.4; charset=utf-8",
                              context->metrics->Text());
  });
  return router;
}

}  // namespace octoscale
