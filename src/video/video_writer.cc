#include "video/video_writer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>
#include <optional>
#include <utility>

extern "C" {
#include <libavutil/stereo3d.h>
}

#include "video/container.h"
#include "video/describe.h"
#include "video/encoder.h"
#include "video/metadata.h"
#include "video/muxer.h"
#include "video/picture_impl.h"
#include "video/segment_joiner.h"
#include "video/stream_copier.h"

namespace octoscale {
namespace {

constexpr int kMovieTimescaleMin = 1000;

// Why the container can't hold a stream's side data; empty when it can. Matroska's muxer fails for
// 3D marks that WebM does not allow, that of MOV is silent.
std::string MarkWithoutPlace(const Container& container, AVPacketSideDataType type,
                             const uint8_t* data) {
  const bool mov = container.kind == ContainerKind::kMov;
  if (type == AV_PKT_DATA_SPHERICAL) return mov ? "the mark of a 360 degree video" : "";
  if (type != AV_PKT_DATA_STEREO3D) return "";
  const AVStereo3DType mode = reinterpret_cast<const AVStereo3D*>(data)->type;
  if (mode == AV_STEREO3D_2D) return "";
  const bool halves = mode == AV_STEREO3D_SIDEBYSIDE || mode == AV_STEREO3D_TOPBOTTOM;
  const bool held = container.kind == ContainerKind::kMatroska
                        ? mode != AV_STEREO3D_SIDEBYSIDE_QUINCUNX
                        : halves && !mov;
  return held ? "" : std::string("the 3D mark (") + av_stereo3d_type_name(mode) + ")";
}

}  // namespace

struct VideoWriter::Impl {
  Status Start(const std::string& output_path, const VideoReader::Impl& source, FrameSize size);
  Status AddVideoStream(const VideoReader::Impl& source);
  void CopyVideoSideData(const VideoReader::Impl& source);
  void CopyDisplayMatrix(const VideoReader::Impl& source);
  void AddSideData(AVPacketSideDataType type, const void* data, size_t size);
  Status WriteHeader(const VideoReader::Impl& source);
  void KeepUnusualTags(AvDict* dictionary);
  void NameLostStreamTags();
  Status WritePackets();
  Status WritePacket(AVPacket* packet);
  Status AppendSegments(const std::vector<std::string>& paths);
  Result<WriterReport> Finish(bool trim_end);

  std::string path;
  WriterOptions options;
  CancelToken cancel;
  std::vector<std::string> warnings;
  std::vector<std::pair<std::string, std::string>> muxer_options;
  std::unique_ptr<Encoder> encoder;
  std::unique_ptr<Muxer> muxer;  // declared before the copier, which points at it
  std::unique_ptr<StreamCopier> copier;
  AVStream* video = nullptr;
  int64_t frames = 0;
  int64_t end_pts = 0;  // end of the last picture, source ticks
  bool joined = false;  // from segments: the encoder has nothing to drain
};

Status VideoWriter::Impl::Start(const std::string& output_path, const VideoReader::Impl& source,
                                FrameSize size) {
  path = output_path;
  OCTO_RETURN_IF_ERROR(CheckOutput(source.info.path, output_path, options));
  OCTO_ASSIGN_OR_RETURN(const Container container, ContainerFor(output_path));
  OCTO_ASSIGN_OR_RETURN(
      encoder, Encoder::Open(source, size, options.encoder, container, &muxer_options, &warnings));
  OCTO_ASSIGN_OR_RETURN(muxer,
                        Muxer::Create(output_path, container, options.work_directory, cancel));
  OCTO_RETURN_IF_ERROR(AddVideoStream(source));
  OCTO_ASSIGN_OR_RETURN(copier,
                        StreamCopier::Open(source, options, muxer.get(), cancel, &warnings));
  OCTO_RETURN_IF_ERROR(WriteHeader(source));
  return copier->WriteCovers();
}

Status VideoWriter::Impl::AddVideoStream(const VideoReader::Impl& source) {
  const VideoStreamInfo& info = source.info.video;
  video = avformat_new_stream(muxer->context(), nullptr);
  if (video == nullptr) throw std::bad_alloc();
  const int error = avcodec_parameters_from_context(video->codecpar, &encoder->context());
  if (error < 0) return AvStatus(error, "stream parameters");
  video->time_base = ToAv(info.time_base);
  video->sample_aspect_ratio = encoder->context().sample_aspect_ratio;
  // Only a rate that the source really has: players of Matroska believe it.
  if (info.frame_rate.num > 0) video->avg_frame_rate = ToAv(info.frame_rate);
  const AVStream& from = source.stream();
  video->disposition = from.disposition;
  if (options.copy_metadata) CopyMetadata(from.metadata, &video->metadata);
  CopyVideoSideData(source);
  return OkStatus();
}

void VideoWriter::Impl::AddSideData(AVPacketSideDataType type, const void* data, size_t size) {
  uint8_t* copy = av_stream_new_side_data(video, type, size);
  if (copy == nullptr) throw std::bad_alloc();
  std::memcpy(copy, data, size);
}

void VideoWriter::Impl::CopyVideoSideData(const VideoReader::Impl& source) {
  const AVStream& from = source.stream();
  if (muxer->container().is_mov_family()) CopyDisplayMatrix(source);
  for (const AVPacketSideDataType type :
       {AV_PKT_DATA_STEREO3D, AV_PKT_DATA_SPHERICAL, AV_PKT_DATA_MASTERING_DISPLAY_METADATA,
        AV_PKT_DATA_CONTENT_LIGHT_LEVEL, AV_PKT_DATA_ICC_PROFILE}) {
    size_t size = 0;
    const uint8_t* data = av_stream_get_side_data(&from, type, &size);
    if (data == nullptr) continue;
    const std::string lost = MarkWithoutPlace(muxer->container(), type, data);
    if (lost.empty()) {
      AddSideData(type, data, size);
      continue;
    }
    warnings.push_back(lost + " is left out: a ." + muxer->container().extension +
                       " file can't hold it");
    if (type == AV_PKT_DATA_STEREO3D) av_dict_set(&video->metadata, "stereo_mode", nullptr, 0);
  }
  // Static HDR metadata travels in the container or in the bitstream.
  for (const auto& [of_frame, of_stream] :
       {std::pair(AV_FRAME_DATA_MASTERING_DISPLAY_METADATA, AV_PKT_DATA_MASTERING_DISPLAY_METADATA),
        {AV_FRAME_DATA_CONTENT_LIGHT_LEVEL, AV_PKT_DATA_CONTENT_LIGHT_LEVEL}}) {
    const AVFrameSideData* side = av_frame_get_side_data(source.first.get(), of_frame);
    if (side == nullptr || av_stream_get_side_data(video, of_stream, nullptr) != nullptr) continue;
    AddSideData(of_stream, side->data, side->size);
  }
}

void VideoWriter::Impl::CopyDisplayMatrix(const VideoReader::Impl& source) {
  std::optional<DisplayMatrix> matrix = DisplayMatrixOf(source.stream(), *source.first);
  if (!matrix) return;
  // Where the picture's corner goes, in pixels.
  const double scale =
      static_cast<double>(encoder->format().size.width) / source.info.video.size.width;
  for (const int place : {6, 7}) {
    const double shift = std::round((*matrix)[place] * scale);
    (*matrix)[place] = static_cast<int32_t>(std::clamp<double>(shift, INT32_MIN, INT32_MAX));
  }
  AddSideData(AV_PKT_DATA_DISPLAYMATRIX, matrix->data(), sizeof(*matrix));
}

// MP4 keeps tags outside its classic list only in another list that has no room for covers.
void VideoWriter::Impl::KeepUnusualTags(AvDict* dictionary) {
  const std::vector<std::string> unusual =
      TagsWithoutPlace(muxer->container(), muxer->context()->metadata);
  if (unusual.empty()) return;
  if (copier->covers() > 0) {
    warnings.push_back("metadata is left out: a ." + muxer->container().extension +
                       " file with cover art can't hold " + JoinNames(unusual));
    return;
  }
  const AVDictionaryEntry* flags = av_dict_get(*dictionary->get(), "movflags", nullptr, 0);
  dictionary->Set("movflags",
                  (flags == nullptr ? "" : std::string(flags->value)) + "+use_metadata_tags");
}

void VideoWriter::Impl::NameLostStreamTags() {
  const AVFormatContext& context = *muxer->context();
  std::vector<std::string> keys;
  for (unsigned i = 0; i < context.nb_streams; ++i) {
    const AVStream& stream = *context.streams[i];
    if (stream.disposition & AV_DISPOSITION_ATTACHED_PIC) continue;
    for (std::string& key : StreamTagsWithoutPlace(muxer->container(), stream.metadata)) {
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(std::move(key));
    }
  }
  if (keys.empty()) return;
  warnings.push_back("metadata of streams is left out: a ." + muxer->container().extension +
                     " file can't hold " + JoinNames(keys));
}

Status VideoWriter::Impl::WriteHeader(const VideoReader::Impl& source) {
  AvDict dictionary;
  for (const auto& [key, value] : muxer_options) dictionary.Set(key, value);
  if (muxer->container().is_mov_family()) {
    // Start offsets are stored in movie ticks: as fine as the video's own.
    const int timescale = std::max(kMovieTimescaleMin, source.info.video.time_base.den);
    dictionary.Set("movie_timescale", std::to_string(timescale));
  }
  KeepUnusualTags(&dictionary);
  NameLostStreamTags();
  OCTO_RETURN_IF_ERROR(muxer->WriteHeader(&dictionary));
  for (const auto& [key, value] : muxer_options) {
    if (av_dict_get(*dictionary.get(), key.c_str(), nullptr, 0) == nullptr) continue;
    warnings.push_back("option '" + key + "' is unknown to encoder '" + options.encoder.codec +
                       "' and is ignored");
  }
  return OkStatus();
}

Status VideoWriter::Impl::WritePackets() {
  while (true) {
    OCTO_ASSIGN_OR_RETURN(const AvPacketPtr packet, encoder->Receive());
    if (!packet) return OkStatus();
    OCTO_RETURN_IF_ERROR(WritePacket(packet.get()));
  }
}

Status VideoWriter::Impl::WritePacket(AVPacket* packet) {
  av_packet_rescale_ts(packet, encoder->time_base(), video->time_base);
  packet->stream_index = video->index;
  const int64_t due = av_rescale_q(packet->dts, video->time_base, AV_TIME_BASE_Q);
  OCTO_RETURN_IF_ERROR(copier->CopyUntil(due));
  return muxer->Write(packet);
}

Status VideoWriter::Impl::AppendSegments(const std::vector<std::string>& paths) {
  OCTO_ASSIGN_OR_RETURN(const std::unique_ptr<SegmentJoiner> joiner,
                        SegmentJoiner::Open(paths, *encoder));
  while (true) {
    OCTO_RETURN_IF_ERROR(cancel.Check());
    OCTO_ASSIGN_OR_RETURN(const AvPacketPtr packet, joiner->Next());
    if (!packet) break;
    OCTO_RETURN_IF_ERROR(WritePacket(packet.get()));
  }
  frames = joiner->pictures();
  end_pts = joiner->end_pts();
  joined = true;
  return OkStatus();
}

Result<WriterReport> VideoWriter::Impl::Finish(bool trim_end) {
  if (!joined) {
    OCTO_RETURN_IF_ERROR(encoder->Send(Picture()));
    OCTO_RETURN_IF_ERROR(WritePackets());
  }
  std::optional<int64_t> end;
  if (trim_end) {
    end = av_rescale_q(end_pts, encoder->time_base(), AV_TIME_BASE_Q);
  }
  OCTO_RETURN_IF_ERROR(copier->Finish(end));
  WriterReport report;
  report.frames = frames;
  report.audio_streams = copier->audio_streams();
  report.subtitle_streams = copier->subtitle_streams();
  report.attachments = copier->attachments();
  report.chapters = copier->chapters();
  OCTO_ASSIGN_OR_RETURN(report.bytes, muxer->Close(options.overwrite, options.before_naming));
  return report;
}

VideoWriter::VideoWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
VideoWriter::~VideoWriter() = default;

Result<std::unique_ptr<VideoWriter>> VideoWriter::Open(const std::string& output_path,
                                                       const VideoReader& source,
                                                       FrameSize output_size,
                                                       const WriterOptions& options,
                                                       const CancelToken& cancel) {
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  impl->cancel = cancel;
  OCTO_RETURN_IF_ERROR(impl->Start(output_path, source.impl(), output_size));
  return std::unique_ptr<VideoWriter>(new VideoWriter(std::move(impl)));
}

const PictureFormat& VideoWriter::format() const { return impl_->encoder->format(); }
std::vector<std::string> VideoWriter::warnings() const { return impl_->warnings; }

Status VideoWriter::Write(Picture picture) {
  const FrameTime time = picture.time();
  OCTO_RETURN_IF_ERROR(impl_->cancel.Check());
  OCTO_RETURN_IF_ERROR(impl_->encoder->Send(std::move(picture)));
  ++impl_->frames;
  impl_->end_pts = time.pts + time.duration;
  return impl_->WritePackets();
}

Status VideoWriter::AppendSegments(const std::vector<std::string>& paths) {
  return impl_->AppendSegments(paths);
}

const std::string& VideoWriter::unfinished_path() const { return impl_->muxer->unfinished_path(); }

Result<WriterReport> VideoWriter::Finish(bool trim_end) { return impl_->Finish(trim_end); }

}  // namespace octoscale
