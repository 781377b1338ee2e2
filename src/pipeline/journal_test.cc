#include "pipeline/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace octoscale {
namespace {

using ::testing::HasSubstr;

JournalHeader SmallHeader() {
  JournalHeader header;
  header.input = "clip.mp4";
  header.started = "2026-11-26 08:00:00";
  header.segment_frames = 2;
  header.encoder_threads = 4;
  header.facts = {{"codec", "libx264"}, {"crf", "18"}};
  return header;
}

SegmentRecord SmallSegment(int number, int frames = 2) {
  SegmentRecord record;
  record.first_frame = number * 2;
  record.frames = frames;
  record.bytes = 1000 + number;
  record.hash = 0x0123456789abcdef * (number + 1);
  record.first_pts = number * 100;
  record.last_pts = number * 100 + 50 * (frames - 1);
  record.end_pts = record.last_pts + 50;
  for (int i = 0; i < frames; ++i) record.frame_hashes.push_back(~uint64_t{0} / (i + number + 1));
  return record;
}

// Two full segments, a short one and the intent to join them.
std::string SmallJournal() {
  uint64_t hash = 0;
  std::string text = JournalStart(SmallHeader(), &hash);
  text += JournalLine(SmallSegment(0), &hash);
  text += JournalLine(SmallSegment(1), &hash);
  text += JournalLine(SmallSegment(2, 1), &hash);
  text += JournalLine(JoinRecord{7, 123456789}, &hash);
  return text;
}

bool Same(const SegmentRecord& a, const SegmentRecord& b) {
  return a.first_frame == b.first_frame && a.frames == b.frames && a.bytes == b.bytes &&
         a.hash == b.hash && a.first_pts == b.first_pts && a.last_pts == b.last_pts &&
         a.end_pts == b.end_pts && a.frame_hashes == b.frame_hashes;
}

// What came of a journal is the whole of it or its beginning, nothing else.
void ExpectBeginningOfSmallJournal(const std::optional<Journal>& journal,
                                   const std::string& context) {
  if (!journal) return;
  EXPECT_EQ(journal->header.facts, SmallHeader().facts) << context;
  EXPECT_EQ(journal->header.segment_frames, 2) << context;
  EXPECT_EQ(journal->header.encoder_threads, 4) << context;
  ASSERT_LE(journal->segments.size(), 3u) << context;
  for (size_t i = 0; i < journal->segments.size(); ++i) {
    const int number = static_cast<int>(i);
    EXPECT_TRUE(Same(journal->segments[i], SmallSegment(number, i == 2 ? 1 : 2))) << context;
  }
  if (journal->join) {
    EXPECT_EQ(journal->segments.size(), 3u) << context;
    EXPECT_EQ(journal->join->device, 7u) << context;
    EXPECT_EQ(journal->join->inode, 123456789u) << context;
  }
}

TEST(JournalTest, WhatIsWrittenIsRead) {
  const std::string text = SmallJournal();
  const Result<std::optional<Journal>> journal = ParseJournal(text, "j");
  ASSERT_TRUE(journal.ok()) << journal.status().message();
  ASSERT_TRUE(journal->has_value());
  EXPECT_EQ((*journal)->header.input, "clip.mp4");
  EXPECT_EQ((*journal)->segments.size(), 3u);
  EXPECT_EQ((*journal)->frames(), 5);
  EXPECT_TRUE((*journal)->join.has_value());
  EXPECT_EQ((*journal)->valid_bytes, text.size());
  ExpectBeginningOfSmallJournal(*journal, "whole");
}

TEST(JournalTest, LinesWrittenAfterReadingFitOn) {
  uint64_t hash = 0;
  std::string text = JournalStart(SmallHeader(), &hash);
  text += JournalLine(SmallSegment(0), &hash);
  auto journal = ParseJournal(text, "j");
  ASSERT_TRUE(journal.ok() && journal->has_value());
  uint64_t again = (*journal)->last_hash;
  text += JournalLine(SmallSegment(1), &again);
  journal = ParseJournal(text, "j");
  ASSERT_TRUE(journal.ok() && journal->has_value());
  EXPECT_EQ((*journal)->segments.size(), 2u);
}

TEST(JournalTest, CutAnywhereItIsAShorterJournal) {
  const std::string text = SmallJournal();
  size_t most = 0;
  for (size_t size = 0; size < text.size(); ++size) {
    const auto journal = ParseJournal(text.substr(0, size), "j");
    ASSERT_TRUE(journal.ok()) << size << ": " << journal.status().message();
    ExpectBeginningOfSmallJournal(*journal, "cut to " + std::to_string(size));
    if (!journal->has_value()) continue;
    EXPECT_LE((*journal)->valid_bytes, size);
    EXPECT_GE((*journal)->segments.size(), most);
    most = (*journal)->segments.size();
  }
  EXPECT_EQ(most, 3u);
}

TEST(JournalTest, AnyByteChangedIsNoticedOrCostsTheEndOnly) {
  const std::string text = SmallJournal();
  int refused = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    for (const char wrong : {char(text[at] ^ 1), char(text[at] ^ 0x80), '\n', '\0', ' ', '0'}) {
      if (wrong == text[at]) continue;
      std::string damaged = text;
      damaged[at] = wrong;
      const auto journal = ParseJournal(damaged, "j");
      if (!journal.ok()) {
        ++refused;
        EXPECT_THAT(journal.status().message(), HasSubstr("-y"));
        continue;
      }
      ExpectBeginningOfSmallJournal(*journal, "byte " + std::to_string(at));
      ASSERT_TRUE(!journal->has_value() || !(*journal)->join) << "byte " << at;
    }
  }
  EXPECT_GT(refused, 0);
}

TEST(JournalTest, BytesInsertedOrRemovedAreNoticed) {
  const std::string text = SmallJournal();
  for (size_t at = 0; at < text.size(); ++at) {
    std::string shorter = text;
    shorter.erase(at, 1);
    std::string longer = text;
    longer.insert(at, 1, 'x');
    for (const std::string& damaged : {shorter, longer}) {
      const auto journal = ParseJournal(damaged, "j");
      if (!journal.ok()) continue;
      ExpectBeginningOfSmallJournal(*journal, "byte " + std::to_string(at));
      ASSERT_TRUE(!journal->has_value() || !(*journal)->join) << "byte " << at;
    }
  }
}

TEST(JournalTest, TornLastRecordIsDropped) {
  const std::string torn = SmallJournal() + "0123456789abcdef {\"record\":\"segm";
  const auto journal = ParseJournal(torn, "j");
  ASSERT_TRUE(journal.ok() && journal->has_value());
  EXPECT_EQ((*journal)->segments.size(), 3u);
  EXPECT_EQ((*journal)->valid_bytes, SmallJournal().size());
  // What a file system may leave after a power failure.
  const auto zeros = ParseJournal(SmallJournal() + std::string(300, '\0'), "j");
  ASSERT_TRUE(zeros.ok() && zeros->has_value());
  EXPECT_EQ((*zeros)->segments.size(), 3u);
}

TEST(JournalTest, RecordsThatWereMovedAreRefused) {
  uint64_t hash = 0;
  const std::string start = JournalStart(SmallHeader(), &hash);
  const std::string first = JournalLine(SmallSegment(0), &hash);
  const std::string second = JournalLine(SmallSegment(1), &hash);
  const std::string third = JournalLine(SmallSegment(2), &hash);
  for (const std::string& text :
       {start + second + third, start + second + first + third, start + first + first + second}) {
    const auto journal = ParseJournal(text, "some/journal");
    ASSERT_FALSE(journal.ok());
    EXPECT_EQ(journal.status().code(), StatusCode::kCorruptInput);
    EXPECT_THAT(journal.status().message(), HasSubstr("some/journal: line "));
  }
}

// Right hashes around records that no octoscale writes.
TEST(JournalTest, RecordsThatMakeNoSenseAreRefused) {
  const auto refused = [](const JournalHeader& header, std::vector<SegmentRecord> records) {
    uint64_t hash = 0;
    std::string text = JournalStart(header, &hash);
    for (const SegmentRecord& record : records) text += JournalLine(record, &hash);
    return !ParseJournal(text, "j").ok();
  };
  EXPECT_FALSE(refused(SmallHeader(), {SmallSegment(0), SmallSegment(1)}));
  EXPECT_TRUE(refused(SmallHeader(), {SmallSegment(1)}));
  EXPECT_TRUE(refused(SmallHeader(), {SmallSegment(0, 1), SmallSegment(1)}));
  EXPECT_TRUE(refused(SmallHeader(), {SmallSegment(0, 3)}));
  SegmentRecord record = SmallSegment(0);
  record.frame_hashes.pop_back();
  EXPECT_TRUE(refused(SmallHeader(), {record}));
  record = SmallSegment(0);
  record.bytes = -1;
  EXPECT_TRUE(refused(SmallHeader(), {record}));
  record = SmallSegment(1);
  record.first_pts = 0;
  EXPECT_TRUE(refused(SmallHeader(), {SmallSegment(0), record}));
  JournalHeader header = SmallHeader();
  header.segment_frames = 0;
  EXPECT_TRUE(refused(header, {SmallSegment(0)}));
}

TEST(JournalTest, OtherFormatsAndOtherFilesAreTold) {
  const auto newer = ParseJournal("octoscale journal 2\nwhatever\n", "j");
  ASSERT_FALSE(newer.ok());
  EXPECT_EQ(newer.status().code(), StatusCode::kUnsupported);
  EXPECT_THAT(newer.status().message(), HasSubstr("format '2'"));
  EXPECT_EQ(ParseJournal("# a shopping list\n", "j").status().code(), StatusCode::kCorruptInput);
  const auto empty = ParseJournal("", "j");
  ASSERT_TRUE(empty.ok());
  EXPECT_FALSE(empty->has_value());
}

TEST(JournalTest, NamesThatAreNotUtf8AreKept) {
  JournalHeader header = SmallHeader();
  header.input = "cl\xff\xfeip.mp4";
  uint64_t hash = 0;
  const auto journal = ParseJournal(JournalStart(header, &hash), "j");
  ASSERT_TRUE(journal.ok() && journal->has_value());
  EXPECT_THAT((*journal)->header.input, HasSubstr("ip.mp4"));
}

TEST(JournalTest, DifferencesAreNamed) {
  const JobFacts there = {{"codec", "libx264"}, {"crf", "18"}, {"old", "1"}};
  EXPECT_EQ(DescribeDifferences(there, there), "");
  EXPECT_EQ(DescribeDifferences(there, {{"codec", "libx264"}, {"crf", "20"}, {"new", "2"}}),
            "crf: 18 there, 20 here; old: 1 there, none here; new: none there, 2 here");
}

}  // namespace
}  // namespace octoscale
