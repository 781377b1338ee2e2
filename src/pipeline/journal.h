// The journal of a video that is made in segments: which job it is, and which segments are closed.
//
// A text file. The first line is "octoscale journal 1"; every other is a record, "HASH JSON": the
// hash (16 hexadecimal digits) covers the hash before it and the JSON text, so a record can be
// neither changed, dropped nor moved. A last record that was cut off or damaged counts as not
// written; damage before it is an error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace octoscale {

// What decides the output, as names for people and values: ("crf", "18").
using JobFacts = std::vector<std::pair<std::string, std::string>>;

// "crf 18 there, 20 here; preset ..."; empty when they are equal. `there` is the journal's side.
std::string DescribeDifferences(const JobFacts& there, const JobFacts& here);

struct JournalHeader {
  std::string input;    // path, for messages only
  std::string started;  // local time, for messages only
  int64_t segment_frames = 0;
  int encoder_threads = 0;
  JobFacts facts;
};

// A closed segment. Its file is SegmentName(its number).
struct SegmentRecord {
  int64_t first_frame = 0;
  int64_t frames = 0;
  int64_t bytes = 0;  // of the file
  uint64_t hash = 0;  // ContentHash of the file
  int64_t first_pts = 0;
  int64_t last_pts = 0;
  int64_t end_pts = 0;
  std::vector<uint64_t> frame_hashes;  // of the upscaled frames, HashFrame()
};

// All segments are joined in the file with this inode, which is about to get the output's name.
struct JoinRecord {
  uint64_t device = 0;
  uint64_t inode = 0;
};

struct Journal {
  JournalHeader header;
  std::vector<SegmentRecord> segments;  // without gaps; all but the last hold segment_frames
  std::optional<JoinRecord> join;
  size_t valid_bytes = 0;  // what follows was cut off
  uint64_t last_hash = 0;  // of the last record: input to the next one's

  int64_t frames() const {
    return segments.empty() ? 0 : segments.back().first_frame + segments.back().frames;
  }
};

// The records as lines with their newline. `last_hash`: of the record before; updated.
std::string JournalStart(const JournalHeader& header, uint64_t* last_hash);
std::string JournalLine(const SegmentRecord& record, uint64_t* last_hash);
std::string JournalLine(const JoinRecord& record, uint64_t* last_hash);

// nullopt when not even the header was written whole. Errors: CorruptInput (damage in the middle,
// or no journal at all), Unsupported (another format version). `name` is for messages.
Result<std::optional<Journal>> ParseJournal(std::string_view text, const std::string& name);

// "segment-000012".
std::string SegmentName(size_t number);

}  // namespace octoscale
