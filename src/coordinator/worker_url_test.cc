#include "coordinator/worker_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace octoscale::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(WorkerUrlTest, FormsOfOneWorkerAreEqual) {
  for (const char* text : {"a.example:8090", "http://A.example:8090", "HTTP://a.example:8090/",
                           "http://a.example:08090//", "a.example:8090/x/.."}) {
    const auto url = NormaliseWorkerUrl(text);
    ASSERT_TRUE(url.ok()) << text << ": " << url.status().message();
    EXPECT_EQ(*url, "http://a.example:8090");
  }
}

TEST(WorkerUrlTest, DefaultPortsPathsAndIpv6) {
  EXPECT_EQ(*NormaliseWorkerUrl("http://h"), "http://h:80");
  EXPECT_EQ(*NormaliseWorkerUrl("https://h/gpu/1/"), "https://h:443/gpu/1");
  EXPECT_EQ(*NormaliseWorkerUrl("[::1]:9"), "http://[::1]:9");
  EXPECT_EQ(*NormaliseWorkerUrl("https://[FE80::1]"), "https://[fe80::1]:443");
}

TEST(WorkerUrlTest, RefusesWhatIsNoAddressAndNamesIt) {
  for (const char* text : {"", "ftp://h:1", "http://", "http://:80", "h:0", "h:65536", "h:12x",
                           "http://h:1?x=1", "http://h:1#a", "http://h h:1", "http://h\n:1",
                           "http://[::1", "[::1]x1", "http://h\xc3\xa9:1"}) {
    const auto url = NormaliseWorkerUrl(text);
    ASSERT_FALSE(url.ok()) << text;
    EXPECT_EQ(url.status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(url.status().message(), HasSubstr(std::string(text)));
  }
}

TEST(WorkerUrlTest, ListsAreSplitAndTrimmed) {
  const auto urls = ParseWorkerList("a:1, http://b:2 ,c:3");
  ASSERT_TRUE(urls.ok());
  EXPECT_THAT(*urls, ElementsAre("http://a:1", "http://b:2", "http://c:3"));
}

TEST(WorkerUrlTest, DuplicatesAreRefusedByName) {
  const auto urls = ParseWorkerList("http://a:80,b:1,A");
  ASSERT_FALSE(urls.ok());
  EXPECT_THAT(urls.status().message(), HasSubstr("http://a:80 twice"));
}

TEST(WorkerUrlTest, FormsOfOneAddressAreOneWorker) {
  for (const char* text : {"0x7f.1:8090", "2130706433:8090", "http://127.1:8090/"}) {
    const auto urls = ParseWorkerList("127.0.0.1:8090," + std::string(text));
    ASSERT_FALSE(urls.ok()) << text;
    EXPECT_THAT(urls.status().message(), HasSubstr("http://127.0.0.1:8090 twice"));
  }
}

TEST(WorkerUrlTest, PasswordsAreRefusedAndNotShown) {
  for (const char* text : {"http://user:secret@h:1", "user:secret@h:1/path"}) {
    const Status status = NormaliseWorkerUrl(text).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("--token-file"));
    EXPECT_THAT(status.message(), testing::Not(HasSubstr("secret")));
  }
}

TEST(WorkerUrlTest, EmptyEntriesAndHugeListsAreRefused) {
  EXPECT_FALSE(ParseWorkerList("").ok());
  EXPECT_FALSE(ParseWorkerList("a:1,,b:1").ok());
  EXPECT_FALSE(ParseWorkerList("a:1,").ok());
  std::string many = "h:1";
  for (int port = 2; port <= kWorkersMax + 1; ++port) many += ",h:" + std::to_string(port);
  EXPECT_FALSE(ParseWorkerList(many).ok());
}

}  // namespace
}  // namespace octoscale::coordinator
