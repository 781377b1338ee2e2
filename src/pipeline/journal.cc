#include "pipeline/journal.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/content_hash.h"

namespace octoscale {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kMagic = "octoscale journal ";
constexpr std::string_view kFirstLine = "octoscale journal 1\n";
constexpr size_t kHashDigits = 16;
// More than any video has; keeps sums of hostile numbers from overflowing.
constexpr int64_t kFramesMax = int64_t{1} << 40;

uint64_t ChainHash(uint64_t last_hash, std::string_view json) {
  return ContentHash(HashText(last_hash) + std::string(json));
}

std::string Line(const Json& record, uint64_t* last_hash) {
  // Names of files may be anything but valid UTF-8.
  const std::string text = record.dump(-1, ' ', true, Json::error_handler_t::replace);
  *last_hash = ChainHash(*last_hash, text);
  return HashText(*last_hash) + " " + text + "\n";
}

// Readers of single fields: false leaves the record unread.
bool Read(const Json& record, const char* key, int64_t* value) {
  const auto found = record.find(key);
  if (found == record.end() || !found->is_number_integer()) return false;
  *value = found->get<int64_t>();
  return true;
}

bool Read(const Json& record, const char* key, std::string* value) {
  const auto found = record.find(key);
  if (found == record.end() || !found->is_string()) return false;
  *value = found->get<std::string>();
  return true;
}

bool Read(const Json& record, const char* key, uint64_t* hash) {
  std::string text;
  if (!Read(record, key, &text)) return false;
  const std::optional<uint64_t> value = ParseHashText(text);
  if (value) *hash = *value;
  return value.has_value();
}

bool ReadHeader(const Json& record, JournalHeader* header) {
  int64_t threads = 0;
  if (!Read(record, "input", &header->input) || !Read(record, "started", &header->started) ||
      !Read(record, "segment_frames", &header->segment_frames) ||
      !Read(record, "encoder_threads", &threads)) {
    return false;
  }
  if (header->segment_frames < 1 || header->segment_frames > kFramesMax || threads < 0 ||
      threads > INT32_MAX) {
    return false;
  }
  header->encoder_threads = static_cast<int>(threads);
  const auto facts = record.find("job");
  if (facts == record.end() || !facts->is_object()) return false;
  for (const auto& [name, value] : facts->items()) {
    if (!value.is_string()) return false;
    header->facts.emplace_back(name, value.get<std::string>());
  }
  return true;
}

bool ReadSegment(const Json& record, const Journal& journal, SegmentRecord* segment) {
  std::string hashes;
  if (!Read(record, "first_frame", &segment->first_frame) ||
      !Read(record, "frames", &segment->frames) || !Read(record, "bytes", &segment->bytes) ||
      !Read(record, "hash", &segment->hash) || !Read(record, "first_pts", &segment->first_pts) ||
      !Read(record, "last_pts", &segment->last_pts) ||
      !Read(record, "end_pts", &segment->end_pts) || !Read(record, "frame_hashes", &hashes)) {
    return false;
  }
  const int64_t full = journal.header.segment_frames;
  if (segment->frames < 1 || segment->frames > full || segment->first_frame > kFramesMax ||
      segment->first_frame != journal.frames() || segment->first_frame % full != 0 ||
      segment->bytes < 1 || segment->last_pts < segment->first_pts) {
    return false;
  }
  if (!journal.segments.empty() && journal.segments.back().last_pts >= segment->first_pts) {
    return false;
  }
  if (hashes.size() != static_cast<size_t>(segment->frames) * kHashDigits) return false;
  for (size_t at = 0; at < hashes.size(); at += kHashDigits) {
    const auto hash = ParseHashText(std::string_view(hashes).substr(at, kHashDigits));
    if (!hash) return false;
    segment->frame_hashes.push_back(*hash);
  }
  return true;
}

// Adds the record to the journal. False when it has no place there.
bool ReadRecord(std::string_view text, Journal* journal, bool* has_header) {
  const Json record = Json::parse(text, nullptr, false);
  std::string kind;
  if (record.is_discarded() || !record.is_object() || !Read(record, "record", &kind)) return false;
  if (!*has_header) {
    *has_header = kind == "job" && ReadHeader(record, &journal->header);
    return *has_header;
  }
  if (journal->join) {
    // A second attempt to join is the only thing that may follow.
    if (kind != "join") return false;
  }
  if (kind == "segment") {
    SegmentRecord segment;
    if (!ReadSegment(record, *journal, &segment)) return false;
    journal->segments.push_back(std::move(segment));
    return true;
  }
  JoinRecord join;
  if (kind != "join" || journal->segments.empty() || !Read(record, "device", &join.device) ||
      !Read(record, "inode", &join.inode)) {
    return false;
  }
  journal->join = join;
  return true;
}

// The JSON text of a line whose hash is right; also moves last_hash on.
std::optional<std::string_view> CheckedText(std::string_view line, uint64_t* last_hash) {
  if (line.size() < kHashDigits + 1 || line[kHashDigits] != ' ') return std::nullopt;
  const std::string_view json = line.substr(kHashDigits + 1);
  const uint64_t hash = ChainHash(*last_hash, json);
  if (ParseHashText(line.substr(0, kHashDigits)) != hash) return std::nullopt;
  *last_hash = hash;
  return json;
}

// Of the first line. False: nothing was written whole.
Result<bool> CheckFirstLine(std::string_view text, const std::string& name) {
  if (text.starts_with(kFirstLine)) return true;
  if (kFirstLine.starts_with(text)) return false;
  const std::string_view line = text.substr(0, text.find('\n'));
  if (line.starts_with(kMagic) && line.size() < kMagic.size() + 6) {
    return Unsupported(name + ": the journal has format '" +
                       std::string(line.substr(kMagic.size())) +
                       "', this octoscale reads format 1; start over with -y");
  }
  return CorruptInput(name + ": not a journal of octoscale; start over with -y");
}

}  // namespace

std::string DescribeDifferences(const JobFacts& there, const JobFacts& here) {
  const auto find = [](const JobFacts& facts, const std::string& name) -> const std::string* {
    for (const auto& [fact, value] : facts) {
      if (fact == name) return &value;
    }
    return nullptr;
  };
  const auto shown = [](const std::string* value) {
    return value == nullptr || value->empty() ? "none" : *value;
  };
  std::string text;
  const auto add = [&](const std::string& name, const std::string* a, const std::string* b) {
    if (!text.empty()) text += "; ";
    text += name + ": " + shown(a) + " there, " + shown(b) + " here";
  };
  for (const auto& [name, value] : there) {
    const std::string* other = find(here, name);
    if (other == nullptr || *other != value) add(name, &value, other);
  }
  for (const auto& [name, value] : here) {
    if (find(there, name) == nullptr) add(name, nullptr, &value);
  }
  return text;
}

std::string JournalStart(const JournalHeader& header, uint64_t* last_hash) {
  Json record = {{"record", "job"},
                 {"input", header.input},
                 {"started", header.started},
                 {"segment_frames", header.segment_frames},
                 {"encoder_threads", header.encoder_threads}};
  Json facts = Json::object();
  for (const auto& [name, value] : header.facts) facts[name] = value;
  record["job"] = std::move(facts);
  *last_hash = 0;
  return std::string(kFirstLine) + Line(record, last_hash);
}

std::string JournalLine(const SegmentRecord& record, uint64_t* last_hash) {
  std::string hashes;
  for (const uint64_t hash : record.frame_hashes) hashes += HashText(hash);
  return Line({{"record", "segment"},
               {"first_frame", record.first_frame},
               {"frames", record.frames},
               {"bytes", record.bytes},
               {"hash", HashText(record.hash)},
               {"first_pts", record.first_pts},
               {"last_pts", record.last_pts},
               {"end_pts", record.end_pts},
               {"frame_hashes", hashes}},
              last_hash);
}

std::string JournalLine(const JoinRecord& record, uint64_t* last_hash) {
  return Line(
      {{"record", "join"}, {"device", HashText(record.device)}, {"inode", HashText(record.inode)}},
      last_hash);
}

Result<std::optional<Journal>> ParseJournal(std::string_view text, const std::string& name) {
  OCTO_ASSIGN_OR_RETURN(const bool started, CheckFirstLine(text, name));
  if (!started) return std::optional<Journal>();
  Journal journal;
  bool has_header = false;
  int line_number = 1;
  size_t at = kFirstLine.size();
  while (at < text.size()) {
    ++line_number;
    const size_t newline = text.find('\n', at);
    const size_t end = newline == std::string_view::npos ? text.size() : newline + 1;
    const bool whole = newline != std::string_view::npos;
    uint64_t hash = journal.last_hash;
    const auto json = whole ? CheckedText(text.substr(at, newline - at), &hash) : std::nullopt;
    if (!json && end == text.size()) break;  // the last one: never finished
    if (!json || !ReadRecord(*json, &journal, &has_header)) {
      return CorruptInput(name + ": line " + std::to_string(line_number) +
                          " is damaged and others follow it; the journal can't be trusted, start "
                          "over with -y");
    }
    journal.last_hash = hash;
    at = end;
  }
  if (!has_header) return std::optional<Journal>();
  journal.valid_bytes = at;
  return std::optional<Journal>(std::move(journal));
}

std::string SegmentName(size_t number) {
  char name[32];
  std::snprintf(name, sizeof(name), "segment-%06zu", number);
  return name;
}

}  // namespace octoscale
