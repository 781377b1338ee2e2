#include "coordinator/worker_fleet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/testing/temp_dir.h"
#include "http/bearer_auth.h"

namespace octoscale::coordinator {
namespace {

using testing::HasSubstr;
using testing::Not;

class ClientTokenTest : public testing::Test {
 protected:
  std::string Write(const std::string& text) {
    std::ofstream(path_) << text;
    return path_;
  }

  TempDir folder_;
  const std::string path_ = folder_ / "tokens";
};

TEST_F(ClientTokenTest, OneFileServesWorkerAndClient) {
  for (const char* text :
       {"sesame-0123456789abcdef", "# the farm\n\nsesame-0123456789abcdef\r\nother-0123456789abc\n",
        "\n  \n#sesame-no\nsesame-0123456789abcdef \n"}) {
    const auto token = ReadClientToken(Write(text));
    ASSERT_TRUE(token.ok()) << text << ": " << token.status().message();
    EXPECT_EQ(*token, "sesame-0123456789abcdef");
    const auto auth = http::BearerAuth::FromFile(path_);
    ASSERT_TRUE(auth.ok()) << text << ": " << auth.status().message();
    EXPECT_EQ(auth->Match("Bearer " + *token), 0u) << text;
  }
}

TEST_F(ClientTokenTest, FilesWithoutATokenAreRefusedUnquoted) {
  for (const char* text :
       {"", "\n\n", "# only a comment\n", "two words\n", "caf\xc3\xa9-0123456789\n"}) {
    const Status status = ReadClientToken(Write(text)).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(status.message(), HasSubstr(path_ + ": expected a token"));
    EXPECT_THAT(status.message(), Not(HasSubstr("two words")));
  }
  EXPECT_EQ(ReadClientToken(folder_ / "none").status().code(), StatusCode::kNotFound);
  EXPECT_FALSE(ReadClientToken(folder_.path()).ok());
}

}  // namespace
}  // namespace octoscale::coordinator
