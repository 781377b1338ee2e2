#include "http/multipart.h"

#include <gtest/gtest.h>

namespace octoscale::http {
namespace {

struct Part {
  PartHead head;
  std::string data;
  bool ended = false;
};

std::span<const uint8_t> Bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

Result<std::vector<Part>> Parse(std::string_view body, size_t step = std::string::npos,
                                const MultipartLimits& limits = {}) {
  std::vector<Part> parts;
  MultipartParser parser("b0", limits,
                         {[&](PartHead head) {
                            parts.push_back({std::move(head), {}, false});
                            return OkStatus();
                          },
                          [&](std::span<const uint8_t> bytes) {
                            parts.back().data.append(bytes.begin(), bytes.end());
                            return OkStatus();
                          },
                          [&] {
                            parts.back().ended = true;
                            return OkStatus();
                          }});
  for (size_t at = 0; at < body.size(); at += std::min(step, body.size())) {
    OCTO_RETURN_IF_ERROR(parser.Feed(Bytes(body.substr(at, step))));
  }
  OCTO_RETURN_IF_ERROR(parser.Finish());
  return parts;
}

const char kTwoParts[] =
    "preamble\r\n--b0\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.png\"\r\n"
    "Content-Type: image/png\r\n\r\n\r\n--b\r\n--b1\r\n-- data \r\n--b0 \t\r\n"
    "content-disposition: form-data; name=scale\r\n\r\n4\r\n--b0--\r\nepilogue";

TEST(MultipartTest, SplitsPartsWhateverThePieces) {
  for (const size_t step : {1, 2, 3, 5, 8, 13, 1000}) {
    auto parts = Parse(kTwoParts, step);
    ASSERT_TRUE(parts.ok()) << parts.status().message();
    ASSERT_EQ(parts->size(), 2u);
    EXPECT_EQ((*parts)[0].head.name, "files");
    EXPECT_EQ((*parts)[0].head.filename, "a.png");
    EXPECT_EQ((*parts)[0].head.content_type, "image/png");
    EXPECT_EQ((*parts)[0].data, "\r\n--b\r\n--b1\r\n-- data ");
    EXPECT_EQ((*parts)[1].head.name, "scale");
    EXPECT_FALSE((*parts)[1].head.filename.has_value());
    EXPECT_EQ((*parts)[1].data, "4");
    EXPECT_TRUE((*parts)[1].ended);
  }
}

TEST(MultipartTest, AcceptsEmptyPartsAndNoParts) {
  auto parts = Parse("--b0\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--b0--");
  ASSERT_TRUE(parts.ok()) << parts.status().message();
  EXPECT_EQ(parts->at(0).data, "");
  parts = Parse("--b0--\r\n");
  ASSERT_TRUE(parts.ok());
  EXPECT_TRUE(parts->empty());
}

TEST(MultipartTest, RefusesWhatBreaksTheFormat) {
  const std::string head = "--b0\r\nContent-Disposition: form-data; name=a\r\n\r\n";
  for (const std::string& body : {
           std::string(),
           std::string("no boundary at all"),
           head + "data",               // never closed
           head + "data\r\n--b0",       // closing boundary cut
           head + "data\r\n--b0-\r\n",  // neither CRLF nor --
           std::string("--b0\r\n\r\ndata\r\n--b0--"),
           std::string("--b0\r\nContent-Disposition: attachment; name=a\r\n\r\n\r\n--b0--"),
           std::string("--b0\r\nContent-Disposition: form-data; filename=a\r\n\r\n\r\n--b0--"),
           std::string("--b0\r\nContent-Disposition: form-data; name=\"a\r\n\r\n\r\n--b0--"),
           std::string("--b0\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n\r\n--b0--"),
           std::string("--b0\r\nno colon\r\n\r\n\r\n--b0--"),
           std::string("--b0\r\nContent-Disposition: form-data; name=a\r\n"
                       "Content-Transfer-Encoding: base64\r\n\r\n\r\n--b0--"),
           std::string("--b0\r\nContent-Disposition: form-data; name=\"a") + '\0' +
               "\"\r\n\r\n\r\n--b0--",
       }) {
    EXPECT_EQ(Parse(body).status().code(), StatusCode::kCorruptInput) << body;
  }
}

TEST(MultipartTest, EnforcesItsLimits) {
  const std::string part = "--b0\r\nContent-Disposition: form-data; name=a\r\n\r\n12345\r\n";
  MultipartLimits limits;
  limits.parts_max = 2;
  limits.part_bytes_max = 5;
  EXPECT_TRUE(Parse(part + part + "--b0--", 7, limits).ok());
  EXPECT_EQ(Parse(part + part + part + "--b0--", 7, limits).status().code(),
            StatusCode::kResourceExhausted);
  limits.part_bytes_max = 4;
  EXPECT_EQ(Parse(part + "--b0--", 7, limits).status().code(), StatusCode::kResourceExhausted);
  limits.part_header_bytes_max = 20;
  EXPECT_EQ(Parse(part + "--b0--", 7, limits).status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(Parse(std::string(10'000, 'x'), 100).status().code(), StatusCode::kCorruptInput)
      << "preamble without end";
  const std::string late = std::string(5'000, 'x') + "\r\n" + part + "--b0--";
  for (const size_t step : {size_t{7}, late.size()}) {
    EXPECT_EQ(Parse(late, step).status().code(), StatusCode::kCorruptInput) << step;
  }
}

TEST(MultipartTest, HandsOnTheErrorOfACallback) {
  MultipartParser parser(
      "b0", {},
      {[](PartHead) { return InvalidArgument("not this part"); },
       [](std::span<const uint8_t>) { return OkStatus(); }, [] { return OkStatus(); }});
  EXPECT_EQ(parser.Feed(Bytes(kTwoParts)).message(), "not this part");
}

TEST(MultipartTest, ReadsFileNamesOfAllKinds) {
  const auto name = [](const std::string& parameter) {
    auto head = ParsePartHead("Content-Disposition: form-data; name=f; " + parameter + "\r\n");
    return head.ok() ? head->filename.value_or("(none)") : head.status().message();
  };
  EXPECT_EQ(name("filename=\"a \\\"b\\\".png\""), "a \"b\".png");
  EXPECT_EQ(name("filename=\"C:\\dir\\a.png\""), "C:\\dir\\a.png");
  EXPECT_EQ(name("filename=\"\xf0\x9f\x90\x99.png\""), "\xf0\x9f\x90\x99.png");
  EXPECT_EQ(name("filename=\"a;b.png\"; x=y"), "a;b.png");
  EXPECT_EQ(name("filename=\"\""), "");
  EXPECT_EQ(name("filename=plain.png"), "plain.png");
}

TEST(MultipartTest, ChecksTheBoundary) {
  EXPECT_EQ(*MultipartBoundary("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(*MultipartBoundary("Multipart/Form-Data; charset=x; Boundary=\"a b?c\""), "a b?c");
  EXPECT_EQ(*MultipartBoundary("multipart/form-data; boundary=" + std::string(70, 'x')),
            std::string(70, 'x'));
  for (const std::string& type :
       {std::string("multipart/form-data"), std::string("multipart/form-data; boundary="),
        "multipart/form-data; boundary=" + std::string(71, 'x'),
        std::string("multipart/form-data; boundary=a\"b"),
        std::string("multipart/form-data; boundary=\"open"), std::string("text/plain; boundary=a"),
        std::string()}) {
    EXPECT_FALSE(MultipartBoundary(type).ok()) << type;
  }
}

}  // namespace
}  // namespace octoscale::http
