// Problems, tokens, routes, targets and listen addresses.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "http/address_group.h"
#include "http/bearer_auth.h"
#include "http/problem.h"
#include "http/router.h"
#include "http/server.h"
#include "http/url.h"

namespace octoscale::http {
namespace {

std::string BodyOf(const Response& response) {
  std::string text;
  for (const BodyPiece& piece : response.body) text.append(piece.bytes.begin(), piece.bytes.end());
  return text;
}

TEST(ProblemTest, IsJsonWhateverTheBytes) {
  Problem problem = Problem::Make(422, "bad \"file\" \xff\n", "a\xf0.png");
  problem.retry_after_s = 2;
  const Response response = ToResponse(problem);
  EXPECT_EQ(response.head.content_type, "application/problem+json");
  EXPECT_EQ(BodyOf(response),
            "{\"type\":\"about:blank\",\"title\":\"Unprocessable Content\",\"status\":422,"
            "\"detail\":\"bad \\\"file\\\" \xef\xbf\xbd\\n\",\"part\":\"a\xef\xbf\xbd.png\"}\n");
  ASSERT_EQ(response.head.fields.size(), 1u);
  EXPECT_EQ(response.head.fields[0].value, "2");
}

TEST(ProblemTest, MapsEveryStatusCode) {
  EXPECT_EQ(HttpStatusOf(StatusCode::kInvalidArgument), 422);
  EXPECT_EQ(HttpStatusOf(StatusCode::kNotFound), 404);
  EXPECT_EQ(HttpStatusOf(StatusCode::kUnavailable), 503);
  EXPECT_EQ(HttpStatusOf(StatusCode::kDeadlineExceeded), 504);
  EXPECT_EQ(HttpStatusOf(StatusCode::kInternal), 500);
  EXPECT_EQ(ProblemOf(Unavailable("later")).retry_after_s, 1);
}

TEST(BearerAuthTest, LetsOnlyKnownTokensIn) {
  EXPECT_FALSE(BearerAuth().required());
  auto auth = BearerAuth::FromTokens({"0123456789abcdef", "fedcba9876543210"});
  ASSERT_TRUE(auth.ok());
  EXPECT_TRUE(auth->required());
  EXPECT_EQ(auth->Match("Bearer 0123456789abcdef"), 0u);
  EXPECT_EQ(auth->Match("bearer  fedcba9876543210"), 1u);
  EXPECT_FALSE(auth->Match("Bearer 0123456789abcde"));
  EXPECT_FALSE(auth->Match("Basic 0123456789abcdef"));
  EXPECT_FALSE(auth->Match("Bearer "));
  EXPECT_FALSE(auth->Match(""));
}

TEST(BearerAuthTest, ReadsTheTokenFileAndNeverQuotesIt) {
  const auto path =
      std::filesystem::temp_directory_path() / ("octoscale_tokens_" + std::to_string(::getpid()));
  std::ofstream(path) << "# the farm\n\n0123456789abcdef\r\n";
  EXPECT_TRUE(BearerAuth::FromFile(path).ok());
  std::ofstream(path) << "shortsecret\n";
  const Status bad = BearerAuth::FromFile(path).status();
  EXPECT_EQ(bad.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(bad.message().find("shortsecret"), std::string::npos);
  std::ofstream(path) << "# nothing\n";
  EXPECT_FALSE(BearerAuth::FromFile(path).ok());
  std::filesystem::remove(path);
  EXPECT_EQ(BearerAuth::FromFile(path).status().code(), StatusCode::kNotFound);
}

TEST(AddressGroupTest, IsTheAddressOrAnIpv6Slash64) {
  EXPECT_EQ(AddressGroup("192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(AddressGroup("::ffff:192.0.2.7"), "::ffff:192.0.2.7");
  EXPECT_EQ(AddressGroup("2001:db8:1:2::7"), "2001:db8:1:2::/64");
  EXPECT_EQ(AddressGroup("2001:db8:1:2:ffff:ffff:ffff:ffff"), "2001:db8:1:2::/64");
  EXPECT_EQ(AddressGroup("2001:db8:1:3::7"), "2001:db8:1:3::/64");
  EXPECT_EQ(AddressGroup("fe80::1%eth0"), "fe80::/64");
  EXPECT_EQ(AddressGroup("::1"), "::/64");
}

TEST(RouterTest, MatchesSegmentsAndMethods) {
  Router router;
  router.AddGet("/v2", [](const RequestHead&) { return Response(); });
  router.AddGet("/v2/models/{model}", [](const RequestHead&) { return Response(); });
  router.Add({"POST", "/v2/models/{model}/infer", [] { return nullptr; }, 1, false});
  EXPECT_NE(router.Find("GET", "/v2").route, nullptr);
  EXPECT_NE(router.Find("HEAD", "/v2").route, nullptr);
  const auto infer = router.Find("POST", "/v2/models/a b/infer");
  ASSERT_NE(infer.route, nullptr);
  ASSERT_EQ(infer.path_parameters.size(), 1u);
  EXPECT_EQ(infer.path_parameters[0].value, "a b");
  EXPECT_EQ(router.Find("GET", "/v2/models/m/infer").allowed, std::vector<std::string>{"POST"});
  for (const char* path : {"/", "/v2/", "/v2/models/", "/v2/models//infer", "/v2/models/a/b/infer",
                           "/v22", "/V2", ""}) {
    const auto match = router.Find("GET", path);
    EXPECT_EQ(match.route, nullptr) << path;
    EXPECT_TRUE(match.allowed.empty()) << path;
  }
}

TEST(UrlTest, ReadsTargets) {
  EXPECT_EQ(ParseTarget("/a/../b?x=1&&y")->path, "/a/../b");
  EXPECT_EQ(ParseTarget("http://host:80/a?b")->path, "/a");
  EXPECT_EQ(ParseTarget("http://host")->path, "/");
  EXPECT_EQ(ParseTarget("/?x=1&&y")->query.size(), 2u);
  std::string many = "/?";
  for (int i = 0; i < 65; ++i) many += "a=b&";
  for (const std::string& bad : {many, std::string("*"), std::string("a"), std::string(""),
                                 std::string("/a#b"), std::string("/%4"), std::string("/?%")}) {
    EXPECT_FALSE(ParseTarget(bad).ok()) << bad;
  }
}

TEST(ListenAddressTest, KnowsLoopback) {
  EXPECT_TRUE(ParseListenAddress("127.0.0.1:8090")->loopback);
  EXPECT_TRUE(ParseListenAddress("localhost:0")->loopback);
  EXPECT_TRUE(ParseListenAddress("[::1]:80")->loopback);
  EXPECT_FALSE(ParseListenAddress("0.0.0.0:80")->loopback);
  EXPECT_FALSE(ParseListenAddress("[::]:80")->loopback);
  for (const char* bad : {"", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000",
                          "example.org:80", "::1:80", "[::1]"}) {
    EXPECT_FALSE(ParseListenAddress(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace octoscale::http
