// POST /upscale_batch (pictures in a form, a ZIP out) and POST /upscale (one picture in, one out).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/multipart.h"
#include "image/image.h"
#include "worker/entry_names.h"
#include "worker/job_handler.h"
#include "worker/zip_writer.h"

namespace octoscale::worker {

// Pictures are decoded on the pool while the body still arrives; the upscaling begins when all are
// decoded, so that a bad one is refused before any work.
class ImageHandler : public JobHandler {
 public:
  enum class Kind { kBatch, kSingle };

  ImageHandler(WorkerContext* context, Kind kind) : JobHandler(context), kind_(kind) {}

  std::optional<http::Response> OnHead(const http::RequestHead& head,
                                       std::shared_ptr<http::Exchange> exchange) override;
  std::optional<http::Response> OnBody(std::span<const uint8_t> bytes) override;
  void OnBodyEnd() override;

 private:
  // One input, bad or good.
  struct Item {
    std::string sent_name;
    Image image;                 // the frame leaves it when the job starts
    std::optional<Frame> alpha;  // as a frame of its own, for the upscaler
    std::optional<http::Problem> problem;
  };

  std::optional<http::Problem> CheckHead(const http::RequestHead& head);
  std::optional<http::Problem> StartBody(std::string_view content_type);
  std::optional<http::Problem> TakeBody(std::span<const uint8_t> bytes);
  Status OnPart(http::PartHead head);
  Status OnPartData(std::span<const uint8_t> bytes);
  Status OnPartEnd();
  Status Stop(http::Problem problem);
  Status AddItem(std::string name);
  void PostDecode(size_t index, std::vector<uint8_t> bytes);
  void DecodeItem(size_t index, std::vector<uint8_t> bytes);
  std::optional<http::Problem> Decode(std::span<const uint8_t> bytes, Item* item);
  std::optional<http::Problem> ReserveDecoded(const ImageHeader& header);

  // Require the lock, once everything is decoded.
  void Begin();
  std::optional<http::Problem> CheckItems();
  std::optional<http::Problem> AdmitFrames();
  JobUnit MakeUnit(Item* item) const;
  void MakeUnits(std::vector<JobUnit>* units);

  void StartAnswer();
  void OnOutput(size_t unit, http::BodyPiece piece) override;
  void OnDone() override;
  void OnError(size_t unit, const Status& status) override;
  void DropInputs() override { items_.clear(); }
  std::string ErrorsJson() const;

  const Kind kind_;
  RequestOptions request_;

  // I/O thread only, until the body is complete.
  std::optional<http::MultipartParser> multipart_;  // null: the body is the picture
  std::optional<http::Problem> stop_;               // why the parser's callback failed
  std::string field_name_;                          // of the option being read; empty: a file
  std::string field_value_;
  std::vector<uint8_t> file_;
  bool announced_ = false;  // the grant covers the whole body
  uint64_t body_left_ = 0;  // of the announced length

  // With the lock, until the job starts.
  std::vector<Item> items_;
  std::vector<size_t> good_;  // unit i of the job is items_[good_[i]]
  size_t decoding_ = 0;
  uint64_t decoded_bytes_ = 0;
  bool body_complete_ = false;

  std::vector<std::string> names_;  // of the results, by unit
  ZipWriter zip_;
};

}  // namespace octoscale::worker
