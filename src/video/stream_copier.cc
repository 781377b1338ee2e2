#include "video/stream_copier.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

#include "video/chapters.h"
#include "video/cover_art.h"
#include "video/describe.h"
#include "video/metadata.h"
#include "video/planned_end.h"

namespace octoscale {
namespace {

constexpr char kBeginsLate[] = "it begins in the middle of the file, behind the headers";
constexpr int64_t kMicroseconds = 1'000'000;
// Subtitles that began this long before the asked part may still be on screen.
constexpr double kSeekBackSeconds = 30;

bool IsTextSubtitle(AVCodecID codec) {
  const AVCodecDescriptor* descriptor = avcodec_descriptor_get(codec);
  return descriptor != nullptr && (descriptor->props & AV_CODEC_PROP_TEXT_SUB) != 0;
}

AVCodecID TextSubtitleFor(const Container& container) {
  switch (container.kind) {
    case ContainerKind::kMp4:
    case ContainerKind::kMov:
      return AV_CODEC_ID_MOV_TEXT;
    case ContainerKind::kMatroska:
      return AV_CODEC_ID_SUBRIP;
    case ContainerKind::kWebm:
      return AV_CODEC_ID_WEBVTT;
  }
  return AV_CODEC_ID_NONE;
}

bool AsksForFragments(const WriterOptions& options) {
  for (const auto& [key, value] : options.encoder.extra) {
    if (key.starts_with("frag_")) return true;
    if (key != "movflags") continue;
    for (const char* flag : {"frag", "empty_moov", "cmaf", "dash"}) {
      if (value.find(flag) != std::string::npos) return true;
    }
  }
  return false;
}

}  // namespace

struct StreamCopier::Track {
  AVStream* input = nullptr;
  AVStream* output = nullptr;
  std::unique_ptr<PacketTransform> transform;  // null: packets are copied
  bool cover = false;                          // written once, after the header
  int64_t last_dts = AV_NOPTS_VALUE;           // output ticks
  int64_t rescale_state = AV_NOPTS_VALUE;      // of av_rescale_delta
  int64_t last_us = 0;                         // due time of the last packet
  int64_t refused = 0;                         // packets that the muxer did not take
};

StreamCopier::StreamCopier(const WriterOptions& options, Muxer* muxer,
                           std::vector<std::string>* warnings)
    : options_(options), muxer_(muxer), warnings_(warnings), next_(NewAvPacket()) {}

StreamCopier::~StreamCopier() = default;

Result<std::unique_ptr<StreamCopier>> StreamCopier::Open(const VideoReader::Impl& source,
                                                         const WriterOptions& options, Muxer* muxer,
                                                         const CancelToken& cancel,
                                                         std::vector<std::string>* warnings) {
  std::unique_ptr<StreamCopier> copier(new StreamCopier(options, muxer, warnings));
  copier->window_ = source.window;
  copier->origin_us_ = std::llround(source.window.origin_seconds * kMicroseconds);
  OCTO_ASSIGN_OR_RETURN(copier->demuxer_, Demuxer::Open(source.info.path, cancel));
  copier->demuxer_->set_allow_truncated(source.options.allow_truncated);
  AVFormatContext* context = copier->demuxer_->context();
  for (unsigned i = 0; i < context->nb_streams; ++i) {
    AVStream* stream = context->streams[i];
    copier->tracks_.push_back(nullptr);
    if (static_cast<int>(i) != source.info.video.stream_index) {
      OCTO_RETURN_IF_ERROR(copier->AddTrack(stream));
    }
    copier->demuxer_->Keep(static_cast<int>(i), copier->tracks_.back() != nullptr);
  }
  // The file need not be read a second time when nothing is copied from it.
  copier->ended_ = !copier->demuxer_->may_find_streams() &&
                   std::all_of(copier->tracks_.begin(), copier->tracks_.end(),
                               [](const auto& track) { return track == nullptr || track->cover; });
  if (copier->subtitle_streams_ > 0) copier->PlanEnd(source, cancel);
  if (options.copy_chapters) copier->AddChapters(source, cancel);
  if (options.copy_metadata) copier->CopyGlobalMetadata();
  copier->SeekToStart();
  return copier;
}

void StreamCopier::Drop(const AVStream& input, const std::string& reason) {
  warnings_->push_back(std::string(StreamKindName(KindOf(input))) + " stream " +
                       std::to_string(input.index) + " (" +
                       avcodec_get_name(input.codecpar->codec_id) + ") is left out: " + reason);
}

AVStream* StreamCopier::NewStream(const AVStream& input) {
  AVStream* output = avformat_new_stream(muxer_->context(), nullptr);
  if (output == nullptr) throw std::bad_alloc();
  output->time_base = input.time_base;
  output->disposition = input.disposition;
  if (options_.copy_metadata) CopyMetadata(input.metadata, &output->metadata);
  return output;
}

Status StreamCopier::CopyParameters(const AVStream& input, AVStream* output) {
  const int error = avcodec_parameters_copy(output->codecpar, input.codecpar);
  if (error < 0) return AvStatus(error, "stream parameters");
  const AVCodecTag* const* tags = muxer_->container().format->codec_tag;
  unsigned tag = 0;
  const AVCodecID codec = input.codecpar->codec_id;
  if (tags != nullptr && av_codec_get_id(tags, input.codecpar->codec_tag) != codec &&
      av_codec_get_tag2(tags, codec, &tag)) {
    output->codecpar->codec_tag = 0;  // let the muxer choose its own
  }
  for (int i = 0; i < input.nb_side_data; ++i) {
    const AVPacketSideData& side = input.side_data[i];
    uint8_t* copy = av_stream_new_side_data(output, side.type, side.size);
    if (copy == nullptr) throw std::bad_alloc();
    std::memcpy(copy, side.data, side.size);
  }
  return OkStatus();
}

Status StreamCopier::AddTrack(AVStream* input) {
  auto track = std::make_unique<Track>();
  track->input = input;
  Status status;
  switch (KindOf(*input)) {
    case StreamKind::kAudio:
      if (options_.copy_audio) status = AddAudio(input, track.get());
      break;
    case StreamKind::kSubtitle:
      if (options_.copy_subtitles) status = AddSubtitle(input, track.get());
      break;
    case StreamKind::kAttachment:
      if (options_.copy_attachments) status = AddAttachment(input, track.get());
      break;
    case StreamKind::kCoverArt:
      if (options_.copy_attachments) status = AddCover(input, track.get());
      break;
    case StreamKind::kVideo:
      break;  // the reader has said that it is left out
    case StreamKind::kData:
      // Time code tracks come back from the video stream's "timecode" tag.
      if (input->codecpar->codec_tag != MKTAG('t', 'm', 'c', 'd')) Drop(*input, "data");
      break;
  }
  OCTO_RETURN_IF_ERROR(status);
  if (track->output != nullptr) tracks_.back() = std::move(track);
  return OkStatus();
}

Status StreamCopier::AddAudio(AVStream* input, Track* track) {
  if (input->codecpar->sample_rate <= 0 || input->codecpar->ch_layout.nb_channels <= 0) {
    Drop(*input, kBeginsLate);
    return OkStatus();
  }
  const Container& container = muxer_->container();
  if (container.Holds(input->codecpar->codec_id)) {
    track->output = NewStream(*input);
    ++audio_streams_;
    return CopyParameters(*input, track->output);
  }
  const AVCodecID target =
      container.kind == ContainerKind::kWebm ? AV_CODEC_ID_OPUS : AV_CODEC_ID_AAC;
  const bool global_header = (container.format->flags & AVFMT_GLOBALHEADER) != 0;
  Result<std::unique_ptr<PacketTransform>> transcoder =
      NewAudioTranscoder(*input, target, global_header);
  if (!transcoder.ok()) {
    Drop(*input, "a ." + container.extension + " file can't hold it and it can't be converted (" +
                     transcoder.status().message() + ")");
    return OkStatus();
  }
  warnings_->push_back("audio stream " + std::to_string(input->index) + " (" +
                       avcodec_get_name(input->codecpar->codec_id) + ") is converted to " +
                       avcodec_get_name(target) + ": a ." + container.extension +
                       " file can't hold it");
  track->transform = std::move(transcoder).value();
  track->output = NewStream(*input);
  track->output->time_base = track->transform->output_time_base();
  ++audio_streams_;
  return track->transform->FillParameters(track->output->codecpar);
}

Status StreamCopier::AddSubtitle(AVStream* input, Track* track) {
  const Container& container = muxer_->container();
  const AVCodecID codec = input->codecpar->codec_id;
  if (container.Holds(codec)) {
    track->output = NewStream(*input);
    ++subtitle_streams_;
    return CopyParameters(*input, track->output);
  }
  const AVCodecID target = TextSubtitleFor(container);
  if (!IsTextSubtitle(codec)) {
    Drop(*input, "a ." + container.extension + " file can't hold picture subtitles of this kind");
    return OkStatus();
  }
  Result<std::unique_ptr<PacketTransform>> converter = NewSubtitleConverter(*input, target);
  if (!converter.ok()) {
    Drop(*input, "it can't be converted to " + std::string(avcodec_get_name(target)) + " (" +
                     converter.status().message() + ")");
    return OkStatus();
  }
  track->transform = std::move(converter).value();
  track->output = NewStream(*input);
  track->output->time_base = track->transform->output_time_base();
  ++subtitle_streams_;
  return track->transform->FillParameters(track->output->codecpar);
}

Status StreamCopier::AddAttachment(AVStream* input, Track* track) {
  const Container& container = muxer_->container();
  if (container.kind != ContainerKind::kMatroska) {
    const std::string name = MetadataValue(input->metadata, "filename");
    Drop(*input, "a ." + container.extension + " file can't hold attachments" +
                     (name.empty() ? "" : " ('" + name + "')"));
    return OkStatus();
  }
  track->output = NewStream(*input);
  // The muxer insists on a name and type, whether or not metadata is copied.
  for (const char* key : {"filename", "mimetype"}) {
    std::string value = MetadataValue(input->metadata, key);
    if (value.empty() && std::string_view(key) == "filename") {
      value = "attachment" + std::to_string(input->index);
    }
    if (value.empty()) value = "application/octet-stream";
    av_dict_set(&track->output->metadata, key, value.c_str(), 0);
  }
  ++attachments_;
  return CopyParameters(*input, track->output);
}

Status StreamCopier::AddCover(AVStream* input, Track* track) {
  const Container& container = muxer_->container();
  const AVPacket& picture = input->attached_pic;
  if (picture.size <= 0) return OkStatus();
  if (HoldsCover(container, input->codecpar->codec_id)) {
    track->output = NewStream(*input);
    track->cover = true;
    ++attachments_;
    ++covers_;
    return CopyParameters(*input, track->output);
  }
  if (container.kind != ContainerKind::kMatroska) {
    Drop(*input, "a ." + container.extension + " file can't hold cover art" +
                     (container.kind == ContainerKind::kMp4 ? " of this format" : ""));
    return OkStatus();
  }
  // Matroska keeps covers as attached files.
  track->output = NewStream(*input);
  AVCodecParameters* parameters = track->output->codecpar;
  parameters->codec_type = AVMEDIA_TYPE_ATTACHMENT;
  parameters->codec_id = input->codecpar->codec_id;
  parameters->extradata =
      static_cast<uint8_t*>(av_mallocz(picture.size + AV_INPUT_BUFFER_PADDING_SIZE));
  if (parameters->extradata == nullptr) throw std::bad_alloc();
  std::memcpy(parameters->extradata, picture.data, picture.size);
  parameters->extradata_size = picture.size;
  const CoverFile file = CoverFileFor(input->codecpar->codec_id);
  av_dict_set(&track->output->metadata, "filename", file.name, AV_DICT_DONT_OVERWRITE);
  av_dict_set(&track->output->metadata, "mimetype", file.mime_type, AV_DICT_DONT_OVERWRITE);
  track->output->disposition = 0;
  ++attachments_;
  return OkStatus();
}

// A limited part ends where its last picture does, which is known at the end. Both muxers take
// chapters then too, but not for a file of fragments.
void StreamCopier::AddChapters(const VideoReader::Impl& source, const CancelToken& cancel) {
  if (demuxer_->context()->nb_chapters == 0) return;
  if (muxer_->container().kind == ContainerKind::kWebm) {
    warnings_->push_back("chapters are left out: a .webm file can't hold them");
    return;
  }
  const bool limited = source.options.duration_seconds > 0 || source.options.frames > 0;
  chapters_at_end_ = limited && !AsksForFragments(options_);
  if (chapters_at_end_) return;
  if (limited && !planned_end_us_) PlanEnd(source, cancel);
  CopyChaptersUntil(planned_end_us_);
}

void StreamCopier::PlanEnd(const VideoReader::Impl& source, const CancelToken& cancel) {
  planned_end_us_ = PlannedEnd(source, cancel);
  if (planned_end_us_) *planned_end_us_ -= origin_us_;
}

void StreamCopier::CopyChaptersUntil(std::optional<int64_t> end_us) {
  chapters_ = CopyChapters(*demuxer_->context(), window_, end_us, options_.copy_metadata,
                           muxer_->context());
}

void StreamCopier::CopyGlobalMetadata() {
  CopyMetadata(demuxer_->context()->metadata, &muxer_->context()->metadata);
}

// Without a seek everything before the asked part is read and dropped, which only costs time.
void StreamCopier::SeekToStart() {
  if (!window_.trimmed_start) return;
  const double target = std::max(0.0, window_.origin_seconds - kSeekBackSeconds);
  if (target <= 0) return;
  const int64_t ticks = std::llround(target * kMicroseconds);
  demuxer_->Seek(-1, ticks);
}

Status StreamCopier::WriteCovers() {
  for (const std::unique_ptr<Track>& track : tracks_) {
    if (track == nullptr || !track->cover) continue;
    AvPacketPtr packet(av_packet_clone(&track->input->attached_pic));
    if (!packet) throw std::bad_alloc();
    packet->stream_index = track->output->index;
    packet->pts = packet->dts = 0;
    OCTO_RETURN_IF_ERROR(muxer_->Write(packet.get()));
  }
  return OkStatus();
}

// Streams may appear while reading; they have no place in the written header.
void StreamCopier::NameLateStreams() {
  const AVFormatContext* context = demuxer_->context();
  while (tracks_.size() < context->nb_streams) {
    const AVStream& stream = *context->streams[tracks_.size()];
    const StreamKind kind = KindOf(stream);
    const bool wanted = (kind == StreamKind::kAudio && options_.copy_audio) ||
                        (kind == StreamKind::kSubtitle && options_.copy_subtitles) ||
                        kind == StreamKind::kVideo;
    if (wanted) Drop(stream, kBeginsLate);
    demuxer_->Keep(static_cast<int>(tracks_.size()), false);
    tracks_.push_back(nullptr);
  }
}

Status StreamCopier::FillNext() {
  while (!has_next_ && !ended_) {
    av_packet_unref(next_.get());
    OCTO_ASSIGN_OR_RETURN(const bool more, demuxer_->Read(next_.get()));
    if (!more) {
      ended_ = true;
      break;
    }
    NameLateStreams();
    Track* track = tracks_[next_->stream_index].get();
    if (track == nullptr || track->cover) continue;
    if (track->output->codecpar->codec_type == AVMEDIA_TYPE_ATTACHMENT) continue;
    const int64_t time = next_->dts != AV_NOPTS_VALUE ? next_->dts : next_->pts;
    if (time != AV_NOPTS_VALUE) {
      track->last_us = av_rescale_q(time, track->input->time_base, AV_TIME_BASE_Q) - origin_us_;
    }
    next_us_ = track->last_us;
    has_next_ = true;
  }
  return OkStatus();
}

// Moves the packet to the output's timeline (still in input ticks). False when it lies outside the
// asked part. Subtitles that overlap an edge are shortened.
bool StreamCopier::CutToWindow(const Track& track, AVPacket* packet) const {
  const AVRational base = track.input->time_base;
  const bool subtitle = track.input->codecpar->codec_type == AVMEDIA_TYPE_SUBTITLE;
  if (packet->pts == AV_NOPTS_VALUE) packet->pts = packet->dts;
  if (packet->dts == AV_NOPTS_VALUE) packet->dts = packet->pts;
  if (packet->pts == AV_NOPTS_VALUE) return !window_.trimmed_start;
  const int64_t origin = av_rescale_q(origin_us_, AV_TIME_BASE_Q, base);
  packet->pts -= origin;
  packet->dts -= origin;
  if (window_.trimmed_start && packet->pts < 0) {
    if (!subtitle || packet->pts + packet->duration <= 0) return false;
    packet->duration += packet->pts;
    packet->pts = packet->dts = 0;
  }
  const std::optional<int64_t> end_us = end_us_ ? end_us_ : planned_end_us_;
  if (!end_us) return true;
  const int64_t end = av_rescale_q(*end_us, AV_TIME_BASE_Q, base);
  if (packet->pts >= end) return !end_us_;
  if (subtitle && packet->duration > 0) {
    packet->duration = std::min(packet->duration, end - packet->pts);
  }
  return true;
}

Status StreamCopier::WriteTrackPacket(Track* track, AVPacket* packet) {
  const AVRational from =
      track->transform ? track->transform->output_time_base() : track->input->time_base;
  const AVRational to = track->output->time_base;
  const AVCodecParameters* parameters = track->output->codecpar;
  if (!track->transform && parameters->codec_type == AVMEDIA_TYPE_AUDIO &&
      parameters->sample_rate > 0 && packet->dts != AV_NOPTS_VALUE) {
    // Coarse container ticks (1 ms) would make audio jitter; sample counts don't.
    int samples = av_get_audio_frame_duration2(track->input->codecpar, packet->size);
    if (samples <= 0) samples = parameters->frame_size;
    const AVRational sample_base{1, parameters->sample_rate};
    packet->dts = packet->pts =
        av_rescale_delta(from, packet->dts, sample_base, samples, &track->rescale_state, to);
    packet->duration = av_rescale_q(packet->duration, from, to);
  } else {
    av_packet_rescale_ts(packet, from, to);
  }
  if (track->last_dts != AV_NOPTS_VALUE && packet->dts <= track->last_dts) {
    packet->dts = track->last_dts + 1;
    packet->pts = std::max(packet->pts, packet->dts);
  }
  track->last_dts = packet->dts;
  packet->stream_index = track->output->index;
  packet->pos = -1;
  const Status written = muxer_->Write(packet);
  // A packet that its own format forbids is no reason to lose hours of pictures.
  if (written.code() != StatusCode::kCorruptInput &&
      written.code() != StatusCode::kInvalidArgument) {
    return written;
  }
  ++track->refused;
  return OkStatus();
}

Status StreamCopier::WriteNext() {
  Track* track = tracks_[next_->stream_index].get();
  has_next_ = false;
  if (!CutToWindow(*track, next_.get())) return OkStatus();
  if (!track->transform) return WriteTrackPacket(track, next_.get());
  std::vector<AvPacketPtr> converted;
  OCTO_RETURN_IF_ERROR(track->transform->Push(next_.get(), &converted));
  for (const AvPacketPtr& packet : converted) {
    OCTO_RETURN_IF_ERROR(WriteTrackPacket(track, packet.get()));
  }
  return OkStatus();
}

Status StreamCopier::CopyUntil(int64_t microseconds) {
  while (true) {
    OCTO_RETURN_IF_ERROR(FillNext());
    if (!has_next_ || next_us_ > microseconds) return OkStatus();
    OCTO_RETURN_IF_ERROR(WriteNext());
  }
}

Status StreamCopier::Finish(std::optional<int64_t> end_microseconds) {
  end_us_ = end_microseconds;
  if (chapters_at_end_) CopyChaptersUntil(end_us_);
  // A second past the end: streams of badly interleaved files come late.
  const int64_t stop = end_us_ ? *end_us_ + kMicroseconds : INT64_MAX;
  OCTO_RETURN_IF_ERROR(CopyUntil(stop));
  for (const std::unique_ptr<Track>& track : tracks_) {
    if (track == nullptr || !track->transform) continue;
    std::vector<AvPacketPtr> rest;
    OCTO_RETURN_IF_ERROR(track->transform->Push(nullptr, &rest));
    for (const AvPacketPtr& packet : rest) {
      OCTO_RETURN_IF_ERROR(WriteTrackPacket(track.get(), packet.get()));
    }
  }
  NameLostPackets();
  return OkStatus();
}

void StreamCopier::NameLostPackets() {
  for (const std::unique_ptr<Track>& track : tracks_) {
    if (track == nullptr) continue;
    const std::string stream = std::string(StreamKindName(KindOf(*track->input))) + " stream " +
                               std::to_string(track->input->index);
    const bool cues = track->input->codecpar->codec_type == AVMEDIA_TYPE_SUBTITLE;
    const int64_t lost = track->transform ? track->transform->lost() : 0;
    if (track->refused > 0) {
      warnings_->push_back(std::to_string(track->refused) + " damaged packets of " + stream +
                           " are left out");
    }
    if (lost > 0) {
      warnings_->push_back(std::to_string(lost) + (cues ? " cues of " : " packets of ") + stream +
                           " could not be converted and are left out");
    }
  }
}

}  // namespace octoscale
