// StreamCopier: everything of the source but its video into the output. Included only by the .cc
// files of this folder.
//
// It opens the source a second time and reads only as far as the video has been written, so that
// nothing piles up however slow the upscaler is or however badly the source is interleaved.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "video/demuxer.h"
#include "video/muxer.h"
#include "video/packet_transform.h"
#include "video/video_reader_impl.h"
#include "video/video_writer.h"

namespace octoscale {

class StreamCopier {
 public:
  // Adds the output's streams (after its video stream), chapters and global metadata; call before
  // the header is written.
  static Result<std::unique_ptr<StreamCopier>> Open(const VideoReader::Impl& source,
                                                    const WriterOptions& options, Muxer* muxer,
                                                    const CancelToken& cancel,
                                                    std::vector<std::string>* warnings);
  ~StreamCopier();

  // After the header: pictures that players show as covers.
  Status WriteCovers();
  // Copies packets up to `microseconds` of the output's timeline.
  Status CopyUntil(int64_t microseconds);
  // Copies the rest, up to `end_microseconds` of the output's timeline if given.
  Status Finish(std::optional<int64_t> end_microseconds);

  int audio_streams() const { return audio_streams_; }
  int subtitle_streams() const { return subtitle_streams_; }
  int attachments() const { return attachments_; }
  int covers() const { return covers_; }      // those that are streams
  int chapters() const { return chapters_; }  // complete after Finish()

 private:
  struct Track;
  StreamCopier(const WriterOptions& options, Muxer* muxer, std::vector<std::string>* warnings);

  Status AddTrack(AVStream* input);
  Status AddAudio(AVStream* input, Track* track);
  Status AddSubtitle(AVStream* input, Track* track);
  Status AddAttachment(AVStream* input, Track* track);
  Status AddCover(AVStream* input, Track* track);
  Status CopyParameters(const AVStream& input, AVStream* output);
  AVStream* NewStream(const AVStream& input);
  void AddChapters(const VideoReader::Impl& source, const CancelToken& cancel);
  void PlanEnd(const VideoReader::Impl& source, const CancelToken& cancel);
  void CopyChaptersUntil(std::optional<int64_t> end_us);
  void CopyGlobalMetadata();
  void NameLateStreams();
  void NameLostPackets();
  void Drop(const AVStream& input, const std::string& reason);
  void SeekToStart();

  Status FillNext();
  Status WriteNext();
  Status WriteTrackPacket(Track* track, AVPacket* packet);
  bool CutToWindow(const Track& track, AVPacket* packet) const;

  WriterOptions options_;
  Muxer* muxer_;
  std::vector<std::string>* warnings_;
  std::unique_ptr<Demuxer> demuxer_;
  SourceWindow window_;
  int64_t origin_us_ = 0;          // source time that became 0
  std::optional<int64_t> end_us_;  // output timeline
  // The same before it is known, for subtitles whose end is written with their beginning.
  std::optional<int64_t> planned_end_us_;
  std::vector<std::unique_ptr<Track>> tracks_;  // by input stream index; null: not copied
  AvPacketPtr next_;
  int64_t next_us_ = 0;  // when next_ is due, output timeline
  bool has_next_ = false;
  bool ended_ = false;
  int audio_streams_ = 0;
  int subtitle_streams_ = 0;
  int attachments_ = 0;
  int covers_ = 0;
  int chapters_ = 0;
  bool chapters_at_end_ = false;  // added by Finish()
};

}  // namespace octoscale
