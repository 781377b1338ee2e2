#include "base/status.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

namespace octoscale {
namespace {

Result<int> Half(int value) {
  if (value % 2 != 0) return InvalidArgument("value: expected an even number");
  return value / 2;
}

Result<int> Quarter(int value) {
  OCTO_ASSIGN_OR_RETURN(const int half, Half(value));
  return Half(half);
}

TEST(StatusTest, ContextKeepsCodeAndPrefixesMessage) {
  const Status status = NotFound("no such file").WithContext("clip.mp4");
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "clip.mp4: no such file");
  EXPECT_TRUE(OkStatus().WithContext("clip.mp4").ok());
}

TEST(StatusTest, AssignOrReturnPassesValuesAndErrors) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_EQ(Quarter(6).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Quarter(3).status().code(), StatusCode::kInvalidArgument);
}

TEST(StatusTest, ResultHoldsMoveOnlyValues) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  const std::unique_ptr<int> value = std::move(result).value();
  EXPECT_EQ(*value, 7);
}

TEST(StatusTest, ErrnoMapsMissingFilesAndFullDisks) {
  EXPECT_EQ(ErrnoStatus(ENOENT, "a").code(), StatusCode::kNotFound);
  EXPECT_EQ(ErrnoStatus(ENOSPC, "a").code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrnoStatus(EACCES, "a").code(), StatusCode::kIoError);
}

}  // namespace
}  // namespace octoscale
