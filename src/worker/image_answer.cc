// The answering half of ImageHandler: the job's sink.
#include <nlohmann/json.hpp>
#include <utility>

#include "worker/image_handler.h"

namespace octoscale::worker {

using http::BodyPiece;

void ImageHandler::StartAnswer() {
  answer_started_ = true;
  http::ResponseHead head;
  head.content_type = "application/zip";
  head.fields =
      AnswerFields(key_, context_->cache.Fingerprint(key_.model, key_.scale).value_or(""));
  head.fields.push_back({"Content-Disposition", "attachment; filename=\"upscaled.zip\""});
  exchange_->Start(std::move(head), std::nullopt);
}

void ImageHandler::OnOutput(size_t unit, BodyPiece piece) {
  if (kind_ == Kind::kSingle) {
    answer_started_ = true;
    http::Response response;
    response.head.content_type = "image/png";
    response.head.fields =
        AnswerFields(key_, context_->cache.Fingerprint(key_.model, key_.scale).value_or(""));
    response.body.push_back(std::move(piece));
    return exchange_->Send(std::move(response));
  }
  if (!answer_started_) StartAnswer();
  exchange_->Write(BodyPiece::Own(zip_.EntryHeader(names_[unit], piece.bytes)));
  exchange_->Write(std::move(piece));
}

void ImageHandler::OnDone() {
  if (kind_ == Kind::kSingle) return;  // OnOutput sent the whole answer
  if (names_.size() < items_.size()) {
    const std::string json = ErrorsJson();
    BodyPiece piece = BodyPiece::Own(json);
    exchange_->Write(BodyPiece::Own(zip_.EntryHeader("errors.json", piece.bytes)));
    exchange_->Write(std::move(piece));
  }
  exchange_->Write(BodyPiece::Own(zip_.End()));
  exchange_->Finish();
}

void ImageHandler::OnError(size_t unit, const Status& status) {
  if (answer_started_) return exchange_->Abort();
  const std::string& name = items_[good_[unit]].sent_name;
  http::Problem problem = http::ProblemOf(status);
  // A failure of ours is named after a file only when it is that file's alone.
  if (good_.size() == 1) problem.part = name;
  exchange_->Send(http::ToResponse(problem));
}

// An array in the order of the files: what was wrong with each that is missing from the ZIP.
std::string ImageHandler::ErrorsJson() const {
  nlohmann::ordered_json errors = nlohmann::ordered_json::array();
  for (size_t i = 0; i < items_.size(); ++i) {
    const Item& item = items_[i];
    if (!item.problem) continue;
    errors.push_back({{"index", i},
                      {"part", item.problem->part},
                      {"status", item.problem->status},
                      {"detail", item.problem->detail}});
  }
  return errors.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace octoscale::worker
