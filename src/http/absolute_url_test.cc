#include "http/absolute_url.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octoscale::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(AbsoluteUrlTest, Parts) {
  const AbsoluteUrl url = *ParseAbsoluteUrl("HTTPS://Host.Example/a%20b?sig=1#part");
  EXPECT_EQ(url.scheme, "https");
  EXPECT_EQ(url.host, "host.example");
  EXPECT_EQ(url.port, 443);
  EXPECT_EQ(url.path, "/a%20b");
  EXPECT_EQ(url.HostField(), "host.example");
  EXPECT_THAT(url.text, HasSubstr("sig=1"));
  EXPECT_THAT(url.text, Not(HasSubstr("#part")));
  EXPECT_THAT(url.ForPeople(), Not(HasSubstr("sig")));
  EXPECT_EQ(ParseAbsoluteUrl("http://h:81")->HostField(), "h:81");
  EXPECT_EQ(ParseAbsoluteUrl("http://[::1]:81/x")->HostField(), "[::1]:81");
}

TEST(AbsoluteUrlTest, NumbersAreAddresses) {
  for (const char* text : {"http://0x7f.1/", "http://2130706433/", "http://017700000001/"}) {
    EXPECT_EQ(ParseAbsoluteUrl(text)->host, "127.0.0.1") << text;
  }
}

TEST(AbsoluteUrlTest, OthersAreRefused) {
  for (const char* text : {"", "/path", "host/path", "ftp://h/", "file:///etc/passwd", "http://",
                           "http://u:p@h/", "http://h:99999/", "http://a b/"}) {
    const auto url = ParseAbsoluteUrl(text);
    EXPECT_EQ(url.status().code(), StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(url.status().message(), Not(HasSubstr("u:p"))) << text;
  }
  EXPECT_FALSE(ParseAbsoluteUrl("http://h/" + std::string(9000, 'x')).ok());
}

TEST(AbsoluteUrlTest, LocationsAreResolved) {
  const AbsoluteUrl base = *ParseAbsoluteUrl("http://h:81/a/b?q");
  EXPECT_EQ(ResolveLocation(base, "c")->text, "http://h:81/a/c");
  EXPECT_EQ(ResolveLocation(base, "/c?d")->text, "http://h:81/c?d");
  EXPECT_EQ(ResolveLocation(base, "//other/x")->host, "other");
  EXPECT_EQ(ResolveLocation(base, "https://o/")->scheme, "https");
  EXPECT_FALSE(ResolveLocation(base, "gopher://o/").ok());
  EXPECT_FALSE(ResolveLocation(base, "http://u@o/").ok());
}

}  // namespace
}  // namespace octoscale::http
