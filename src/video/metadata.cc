#include "video/metadata.h"

#include <strings.h>

#include <string_view>

namespace octoscale {
namespace {

bool IsStaleKey(std::string_view key) {
  for (const std::string_view stale :
       {"major_brand", "minor_version", "compatible_brands", "encoder", "vendor_id", "rotate"}) {
    if (key.size() == stale.size() && strncasecmp(key.data(), stale.data(), key.size()) == 0) {
      return true;
    }
  }
  for (const std::string_view prefix :
       {"_STATISTICS_", "BPS", "DURATION", "NUMBER_OF_FRAMES", "NUMBER_OF_BYTES"}) {
    if (key.starts_with(prefix)) return true;
  }
  return false;
}

// What FFmpeg 5.1's muxers write to the iTunes list of MP4 and to the user data of MOV; times and
// time codes have boxes of their own.
constexpr const char* kMp4Keys[] = {
    "title",         "artist",     "album_artist",  "composer",    "album",    "date",
    "comment",       "genre",      "copyright",     "grouping",    "lyrics",   "description",
    "synopsis",      "show",       "episode_id",    "network",     "keywords", "episode_sort",
    "season_number", "media_type", "hd_video",      "compilation", "disc",     "gapless_playback",
    "track",         "tmpo",       "creation_time", "timecode"};
constexpr const char* kMovKeys[] = {"title",   "artist",   "album",         "date",
                                    "comment", "genre",    "copyright",     "make",
                                    "model",   "keywords", "creation_time", "timecode"};

// Title, language, handler and time code have boxes; the others repeat what the file says itself.
constexpr const char* kMovStreamKeys[] = {
    "title", "language", "handler_name", "timecode", "creation_time", "stereo_mode", "alpha_mode"};

template <size_t kCount>
bool Contains(const char* const (&keys)[kCount], const char* key) {
  for (const char* known : keys) {
    if (strcasecmp(known, key) == 0) return true;
  }
  return false;
}

template <size_t kCount>
std::vector<std::string> KeysBeside(const char* const (&known)[kCount],
                                    const AVDictionary* metadata) {
  std::vector<std::string> keys;
  const AVDictionaryEntry* entry = nullptr;
  while ((entry = av_dict_get(metadata, "", entry, AV_DICT_IGNORE_SUFFIX)) != nullptr) {
    if (!Contains(known, entry->key)) keys.push_back(entry->key);
  }
  return keys;
}

}  // namespace

void CopyMetadata(const AVDictionary* from, AVDictionary** to) {
  const AVDictionaryEntry* entry = nullptr;
  while ((entry = av_dict_get(from, "", entry, AV_DICT_IGNORE_SUFFIX)) != nullptr) {
    if (!IsStaleKey(entry->key)) av_dict_set(to, entry->key, entry->value, 0);
  }
}

std::vector<std::string> TagsWithoutPlace(const Container& container,
                                          const AVDictionary* metadata) {
  if (!container.is_mov_family()) return {};
  return container.kind == ContainerKind::kMp4 ? KeysBeside(kMp4Keys, metadata)
                                               : KeysBeside(kMovKeys, metadata);
}

std::vector<std::string> StreamTagsWithoutPlace(const Container& container,
                                                const AVDictionary* metadata) {
  if (!container.is_mov_family()) return {};
  return KeysBeside(kMovStreamKeys, metadata);
}

}  // namespace octoscale
