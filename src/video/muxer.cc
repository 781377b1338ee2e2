#include "video/muxer.h"

#include <sys/stat.h>

#include <cerrno>
#include <utility>

namespace octoscale {

Muxer::Muxer(std::string path, const Container& container, const CancelToken& cancel,
             PartialFile partial)
    : path_(std::move(path)),
      container_(container),
      cancel_(cancel),
      partial_(std::move(partial)) {}

Muxer::~Muxer() {
  if (context_ == nullptr) return;
  avio_closep(&context_->pb);
  avformat_free_context(context_);
}

Result<std::unique_ptr<Muxer>> Muxer::Create(const std::string& path, const Container& container,
                                             const std::string& work_directory,
                                             const CancelToken& cancel) {
  OCTO_ASSIGN_OR_RETURN(PartialFile partial, PartialFile::Create(path, work_directory));
  std::unique_ptr<Muxer> muxer(new Muxer(path, container, cancel, std::move(partial)));
  const std::string url = "file:" + muxer->partial_.path();
  int error =
      avformat_alloc_output_context2(&muxer->context_, container.format, nullptr, url.c_str());
  if (error < 0) return AvStatus(error, path);
  AVFormatContext* context = muxer->context_;
  context->interrupt_callback = InterruptOn(&muxer->cancel_);
  // FLAC, Opus and others in MP4 are only "experimental" on paper.
  context->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL;
  // Times are final: moving everything because sound begins with a priming packet before 0 would
  // move the pictures too.
  context->avoid_negative_ts = 0;
  error =
      avio_open2(&context->pb, url.c_str(), AVIO_FLAG_WRITE, &context->interrupt_callback, nullptr);
  if (error < 0) return AvStatus(error, path + ": opening for writing");
  return muxer;
}

Status Muxer::WriteError(int error, const char* what) {
  if (error == AVERROR_EXIT || cancel_.stopped()) {
    OCTO_RETURN_IF_ERROR(cancel_.Check());
    return Cancelled(path_ + ": writing was stopped");
  }
  const Status status = AvStatus(error, path_ + ": " + what);
  if (error == AVERROR(ENOSPC) || error == AVERROR(EDQUOT) || error == AVERROR(EFBIG)) {
    return ResourceExhausted(status.message() + "; the partial file was removed");
  }
  return status;
}

Status Muxer::WriteHeader(AvDict* options) {
  TakeAvLogLine();
  const int error = avformat_write_header(context_, options->get());
  if (error < 0) return WriteError(error, "writing the file header");
  return OkStatus();
}

Status Muxer::Write(AVPacket* packet) {
  const int error = av_write_frame(context_, packet);
  av_packet_unref(packet);
  if (error < 0) return WriteError(error, "writing");
  return OkStatus();
}

Result<int64_t> Muxer::Close(bool overwrite,
                             const std::function<Status(const std::string&)>& before_naming) {
  int error = av_write_trailer(context_);
  if (error < 0) return WriteError(error, "finishing the file");
  error = avio_closep(&context_->pb);
  if (error < 0) return WriteError(error, "closing the file");
  OCTO_RETURN_IF_ERROR(cancel_.Check());
  if (before_naming) OCTO_RETURN_IF_ERROR(before_naming(partial_.path()));
  struct stat info {};
  if (stat(partial_.path().c_str(), &info) != 0) return ErrnoStatus(errno, partial_.path());
  OCTO_RETURN_IF_ERROR(partial_.Commit(overwrite));
  return int64_t{info.st_size};
}

}  // namespace octoscale
