#include "video/chapters.h"

#include <algorithm>
#include <cmath>
#include <new>

namespace octoscale {

int CopyChapters(const AVFormatContext& in, const SourceWindow& window,
                 std::optional<int64_t> end_us, bool with_metadata, AVFormatContext* out) {
  if (in.nb_chapters == 0) return 0;
  out->chapters = static_cast<AVChapter**>(av_calloc(in.nb_chapters, sizeof(AVChapter*)));
  if (out->chapters == nullptr) throw std::bad_alloc();
  const int64_t origin_us = std::llround(window.origin_seconds * AV_TIME_BASE);
  for (unsigned i = 0; i < in.nb_chapters; ++i) {
    const AVChapter& from = *in.chapters[i];
    const int64_t offset = av_rescale_q(origin_us, AV_TIME_BASE_Q, from.time_base);
    if (window.trimmed_start && from.end <= offset) continue;
    const int64_t start = std::max<int64_t>(0, from.start - offset);
    int64_t end = from.end - offset;
    if (end_us) end = std::min(end, av_rescale_q(*end_us, AV_TIME_BASE_Q, from.time_base));
    if (end_us && start >= end) continue;
    auto* to = static_cast<AVChapter*>(av_mallocz(sizeof(AVChapter)));
    if (to == nullptr) throw std::bad_alloc();
    to->id = from.id;
    to->time_base = from.time_base;
    to->start = start;
    to->end = end;
    if (with_metadata) av_dict_copy(&to->metadata, from.metadata, 0);
    out->chapters[out->nb_chapters++] = to;
  }
  return static_cast<int>(out->nb_chapters);
}

}  // namespace octoscale
