// Names, options, admission, budgets, the pool, the ZIP writer and the upscaler cache.
#include <gtest/gtest.h>
#include <libdeflate.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>
#include <stdexcept>

#include "worker/admission.h"
#include "worker/entry_names.h"
#include "worker/request_options.h"
#include "worker/task_pool.h"
#include "worker/test_support.h"
#include "worker/upscaler_cache.h"
#include "worker/worker_server.h"
#include "worker/zip_writer.h"

namespace octoscale::worker {
namespace {

TEST(EntryNamesTest, AreCleanAndUnique) {
  EntryNames names;
  EXPECT_EQ(names.Next("frame_0001.png"), "frame_0001.png");
  EXPECT_EQ(names.Next("frame_0001.jpg"), "frame_0001_2.png");
  EXPECT_EQ(names.Next("FRAME_0001.PNG"), "FRAME_0001_3.png");
  EXPECT_EQ(names.Next("../../etc/passwd"), "passwd.png");
  EXPECT_EQ(names.Next("..\\..\\boot.ini"), "boot.png");
  EXPECT_EQ(names.Next("/abs/a.b.png"), "a.b.png");
  EXPECT_EQ(names.Next(".."), "frame_0007.png");
  EXPECT_EQ(names.Next(""), "frame_0008.png");
  EXPECT_EQ(names.Next(".png"), "frame_0009.png");
  EXPECT_EQ(names.Next("a\x01:b*.png"), "a__b_.png");
  EXPECT_EQ(names.Next("\xf0\x9f\x90\x99.png"), "\xf0\x9f\x90\x99.png");
  EXPECT_EQ(names.Next("caf\xe9\xff.png"), "caf__.png");
  EXPECT_EQ(names.Next("\xed\xa0\x80\xc2\x85\xc0\xaf.png"), "______.png");
  EXPECT_EQ(names.Next(std::string(4096, 'x') + ".png").size(), 204u);
  EXPECT_EQ(names.Next(std::string("nul\0.png", 8)), "nul_.png");
  EXPECT_EQ(names.Next("errors.json"), "errors.png");
}

TEST(EntryNamesTest, ANumberedNameDoesNotHideALaterOne) {
  EntryNames names;
  EXPECT_EQ(names.Next("a_2.png"), "a_2.png");
  EXPECT_EQ(names.Next("a.png"), "a.png");
  EXPECT_EQ(names.Next("a.png"), "a_3.png");
}

TEST(RequestOptionsTest, RefusesWhatCannotBe) {
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"scale", "two"},
                                                        {"scale", ""},
                                                        {"scale", "2.0"},
                                                        {"scale", "99999999999"},
                                                        {"patch_size", "0"},
                                                        {"patch_size", "-1"},
                                                        {"patch_size", "40000"},
                                                        {"on_error", "maybe"},
                                                        {"model", ""},
                                                        {"sclae", "2"}}) {
    RequestOptions options;
    const auto problem = options.Set(name, value);
    ASSERT_TRUE(problem) << name << "=" << value;
    EXPECT_EQ(problem->status, 422);
    EXPECT_EQ(problem->part, name);
  }
  RequestOptions options;
  EXPECT_FALSE(options.Set("scale", "2"));
  EXPECT_FALSE(options.Set("scale", "2"));
  EXPECT_TRUE(options.Set("scale", "3")) << "two different scales";
  EXPECT_FALSE(options.Set("patch_size", "auto"));
}

TEST(RequestOptionsTest, ResolvesDefaultsAliasesAndScales) {
  const FakeProvider provider;
  WorkerOptions worker;
  worker.model = "fake";
  worker.scale = 2;
  const auto key = [&](const char* model, int scale) {
    RequestOptions options;
    if (model != nullptr) options.model = model;
    if (scale != 0) options.scale = scale;
    const ResolvedOptions resolved = Resolve(options, worker, provider.models());
    return resolved.problem ? resolved.problem->part
                            : resolved.key.model + " " + std::to_string(resolved.key.scale);
  };
  EXPECT_EQ(key(nullptr, 0), "fake 2");
  EXPECT_EQ(key("ALIAS", 4), "fake 4");
  EXPECT_EQ(key("other", 0), "other 4") << "its own scale, not the worker's";
  EXPECT_EQ(key("other", 2), "scale");
  EXPECT_EQ(key(nullptr, 5), "scale");
  EXPECT_EQ(key("../../etc/passwd", 0), "model");
}

TEST(RequestOptionsTest, PatchSizesAreRoundedToAFewSteps) {
  const FakeProvider provider;
  WorkerOptions worker;
  worker.model = "fake";
  const auto step = [&](const char* patch_size) {
    RequestOptions options;
    EXPECT_FALSE(options.Set("patch_size", patch_size));
    return Resolve(options, worker, provider.models()).key.patch_size;
  };
  EXPECT_EQ(step("auto"), 0);
  EXPECT_EQ(step("1"), 32);
  EXPECT_EQ(step("127"), 32);
  EXPECT_EQ(step("128"), 128);
  EXPECT_EQ(step("511"), 128);
  EXPECT_EQ(step("32768"), 512);
}

TEST(AdmissionTest, BoundsFramesBytesAndCallers) {
  Admission admission({10, 6, 1000});
  auto a = admission.Enter("a", 6, 100);
  ASSERT_TRUE(a.grant);
  EXPECT_EQ(admission.Enter("a", 1, 0).refusal, Refusal::kCallerQuota);
  EXPECT_EQ(admission.Enter("b", 5, 0).refusal, Refusal::kQueueFull);
  EXPECT_EQ(admission.Enter("b", 1, 901).refusal, Refusal::kMemory);
  EXPECT_EQ(admission.bytes(), 100u) << "a refusal holds nothing";
  auto b = admission.Enter("b", 4, 900);
  ASSERT_TRUE(b.grant);
  EXPECT_EQ(b.grant->GrowBytes(1), Refusal::kMemory);
  EXPECT_EQ(b.grant->SetFrames(5), Refusal::kQueueFull);
  a.grant->FramesDone(4);
  EXPECT_EQ(admission.frames(), 6);
  EXPECT_EQ(b.grant->SetFrames(5), Refusal::kNone);
  a.grant.reset();
  b.grant.reset();
  EXPECT_EQ(admission.frames(), 0);
  EXPECT_EQ(admission.bytes(), 0u);
}

TEST(ByteBudgetTest, HoldsSplitShrinkAndTellOfRelease) {
  int released = 0;
  auto budget = std::make_shared<ByteBudget>(100, [&] { ++released; });
  ASSERT_TRUE(budget->TryTake(100));
  EXPECT_FALSE(budget->TryTake(1));
  {
    ByteHold hold(budget, 100);
    ByteHold part = hold.Split(30);
    EXPECT_EQ(part.bytes(), 30u);
    hold.Shrink(20);
    EXPECT_EQ(budget->used(), 80u);
    ByteHold moved = std::move(part);
    EXPECT_EQ(part.bytes(), 0u);
    EXPECT_TRUE(moved.TryGrow(20));
    EXPECT_FALSE(moved.TryGrow(1));
  }
  EXPECT_EQ(budget->used(), 0u);
  EXPECT_EQ(released, 3);
}

TEST(TaskPoolTest, RunsUrgentTasksFirstAndDropsTheRestAtStop) {
  TaskPool pool(1);
  std::mutex mutex;
  std::condition_variable changed;
  bool go = false;
  std::string order;
  const auto note = [&](char c) {
    const std::lock_guard lock(mutex);
    order += c;
    changed.notify_all();
  };
  pool.Post([&] {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return go; });
  });
  pool.Post([&] { note('n'); });
  pool.Post([&] { note('u'); }, TaskPool::Priority::kUrgent);
  {
    std::unique_lock lock(mutex);
    go = true;
    changed.notify_all();
    ASSERT_TRUE(
        changed.wait_for(lock, std::chrono::seconds(20), [&] { return order.size() == 2; }));
  }
  EXPECT_EQ(order, "un");
  pool.Stop();
  pool.Post([&] { note('x'); });
  EXPECT_EQ(order, "un");
}

TEST(ZipWriterTest, WritesWhatAnyReaderFollows) {
  ZipWriter writer;
  const std::string content = "123456789";
  std::string zip = writer.EntryHeader(
      "a.png", {reinterpret_cast<const uint8_t*>(content.data()), content.size()});
  zip += content;
  zip += writer.EntryHeader("\xf0\x9f\x90\x99.png", std::span<const uint8_t>());
  zip += writer.End();
  // CRC-32 of "123456789" is the standard's check value, at offset 14 of the local header.
  EXPECT_EQ(zip.substr(14, 4), "\x26\x39\xf4\xcb");
  const auto entries = ReadStoredZip(zip);
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0], std::make_pair(std::string("a.png"), content));
  EXPECT_EQ(entries[1].second, "");
}

// An answer of more than 4 GiB: 8 pictures of 16384x16384 can have as much. The pictures' bytes are
// a hole in the file.
TEST(ZipWriterTest, BeyondFourGibibytesAsZip64ForThreeReaders) {
  const std::filesystem::path path =
      std::filesystem::path(::testing::TempDir()) / "octoscale_zip64_test.zip";
  const std::vector<uint8_t> zeros(1 << 20);
  constexpr uint64_t kLarge = (uint64_t{4} << 30) + 5;
  uint32_t crc = 0;
  for (uint64_t done = 0; done < kLarge; done += zeros.size()) {
    crc = libdeflate_crc32(crc, zeros.data(), std::min<uint64_t>(zeros.size(), kLarge - done));
  }
  ZipWriter writer;
  {
    std::ofstream file(path, std::ios::binary);
    file << writer.EntryHeader("large.png", kLarge, crc);
    file.seekp(static_cast<std::streamoff>(kLarge), std::ios::cur);
    const std::string last = "123456789";  // its offset needs 64 bits
    file << writer.EntryHeader("last.png",
                               {reinterpret_cast<const uint8_t*>(last.data()), last.size()});
    file << last << writer.End();
    ASSERT_TRUE(file.flush());
  }
  const std::string quoted = "'" + path.string() + "'";
  for (const std::string& command :
       {"python3 -c 'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); "
        "sys.exit(z.testzip() is not None or z.getinfo(\"large.png\").file_size != " +
            std::to_string(kLarge) + ")' " + quoted,
        "unzip -tqq " + quoted, "test \"$(bsdtar -xOf " + quoted + " last.png)\" = 123456789"}) {
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
  }
  std::filesystem::remove(path);
}

TEST(ZipWriterTest, AnEmptyArchiveIsOneEndRecord) {
  EXPECT_EQ(ZipWriter().End(), std::string("PK\5\6", 4) + std::string(18, '\0'));
}

TEST(UpscalerCacheTest, KeepsTheMostRecentlyUsed) {
  auto provider = std::make_shared<FakeProvider>();
  UpscalerCache cache(provider, 2);
  EXPECT_FALSE(cache.Fingerprint("fake", 2));
  ASSERT_TRUE(cache.Get({"fake", 2, 0}).ok());
  EXPECT_EQ(cache.Fingerprint("fake", 2), "fake fake x2");
  ASSERT_TRUE(cache.Get({"fake", 3, 0}).ok());
  ASSERT_TRUE(cache.Get({"fake", 2, 0}).ok());
  EXPECT_EQ(provider->made(), 2);
  ASSERT_TRUE(cache.Get({"fake", 4, 0}).ok());  // 3 goes
  ASSERT_TRUE(cache.Get({"fake", 2, 0}).ok());
  EXPECT_EQ(provider->made(), 3);
  ASSERT_TRUE(cache.Get({"fake", 3, 0}).ok());
  EXPECT_EQ(provider->made(), 4);
}

TEST(UpscalerCacheTest, AFailureIsNotKept) {
  auto provider = std::make_shared<FakeProvider>();
  UpscalerCache cache(provider, 2);
  provider->SetMakeError(ResourceExhausted("no memory"));
  EXPECT_EQ(cache.Get({"fake", 2, 0}).status().code(), StatusCode::kResourceExhausted);
  provider->SetMakeError(OkStatus());
  EXPECT_TRUE(cache.Get({"fake", 2, 0}).ok());
}

TEST(UpscalerCacheTest, AFailureToLoadIsNeverTheCallers) {
  auto provider = std::make_shared<FakeProvider>();
  std::string log;
  UpscalerCache cache(provider, 2, [&](const std::string& line) { log += line; });
  for (const auto& [error, expected] : std::vector<std::pair<Status, StatusCode>>{
           {CorruptInput("/models/x.bin: damaged"), StatusCode::kInternal},
           {NotFound("/models/x.bin: missing"), StatusCode::kInternal},
           {IoError("/models/x.bin: unreadable"), StatusCode::kInternal},
           {ResourceExhausted("/models/x.bin: large"), StatusCode::kResourceExhausted}}) {
    provider->SetMakeError(error);
    log.clear();
    const Status status = cache.GetForRequest({"fake", 2, 0}).status();
    EXPECT_EQ(status.code(), expected);
    EXPECT_EQ(status.message().find("/models"), std::string::npos) << status.message();
    EXPECT_EQ(log, "loading fake x2: " + error.message());
    EXPECT_EQ(cache.Get({"fake", 2, 0}).status().code(), error.code()) << "the worker's own";
  }
}

TEST(UpscalerCacheTest, WhatIsThrownIsAnErrorAndNotKept) {
  auto provider = std::make_shared<FakeProvider>();
  UpscalerCache cache(provider, 2);
  provider->OnMake([] { throw std::bad_alloc(); });
  EXPECT_EQ(cache.Get({"fake", 2, 0}).status().code(), StatusCode::kResourceExhausted);
  provider->OnMake([] { throw std::runtime_error("a broken file"); });
  const Status status = cache.Get({"fake", 2, 0}).status();
  EXPECT_EQ(status.code(), StatusCode::kInternal);
  EXPECT_NE(status.message().find("a broken file"), std::string::npos) << status.message();
  provider->OnMake([] { throw 1; });
  EXPECT_EQ(cache.Get({"fake", 2, 0}).status().code(), StatusCode::kInternal);
  provider->OnMake({});
  EXPECT_TRUE(cache.Get({"fake", 2, 0}).ok()) << "nobody waits for the one that was never made";
}

TEST(FormatExchangeTest, EscapesWhatCallersSend) {
  http::ExchangeRecord record;
  record.method = "GET";
  record.target = "/a\n\"b\" level=error\x80";
  record.peer = "127.0.0.1";
  record.status = 404;
  const std::string line = FormatExchange(record);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_NE(line.find("target=\"/a\\x0a\\\"b\\\" level=error\\x80\""), std::string::npos) << line;
}

}  // namespace
}  // namespace octoscale::worker
