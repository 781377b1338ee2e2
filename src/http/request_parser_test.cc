#include "http/request_parser.h"

#include <gtest/gtest.h>

namespace octoscale::http {
namespace {

struct Parsed {
  std::optional<ParseError> error;
  RequestHead head;
  std::string body;
  bool done = false;
};

// Feeds `text` in pieces of `step` bytes, offering unused bytes again as a connection does.
Parsed Parse(const std::string& text, size_t step = std::string::npos, const Limits& limits = {},
             uint64_t body_limit = 1 << 20) {
  RequestParser parser(limits);
  Parsed parsed;
  std::string pending;
  const auto on_body = [&](std::span<const uint8_t> bytes) {
    parsed.body.append(bytes.begin(), bytes.end());
  };
  for (size_t at = 0; at < text.size() && !parsed.error;) {
    const size_t size = std::min(step, text.size() - at);
    pending += text.substr(at, size);
    at += size;
    for (int round = 0; round < 2 && !parsed.error; ++round) {
      const bool in_head = parser.state() == RequestParser::State::kHead;
      if (parser.state() == RequestParser::State::kDone) break;
      const size_t used =
          parser.Feed({reinterpret_cast<const uint8_t*>(pending.data()), pending.size()}, on_body,
                      &parsed.error);
      pending.erase(0, used);
      if (in_head && parser.state() != RequestParser::State::kHead) {
        parser.SetBodyLimit(body_limit);
      } else {
        break;
      }
    }
  }
  parsed.head = parser.head();
  parsed.done = parser.state() == RequestParser::State::kDone;
  return parsed;
}

int ErrorOf(const std::string& text, const Limits& limits = {}) {
  const Parsed parsed = Parse(text, std::string::npos, limits);
  return parsed.error ? parsed.error->status : 0;
}

TEST(RequestParserTest, ReadsHeadAndBodyWhateverThePieces) {
  const std::string text =
      "POST /a%20b/c?scale=4&name=x%2By+z HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
      "X-Thing:  value \r\n\r\nhello";
  for (const size_t step : {1, 2, 7, 1000}) {
    const Parsed parsed = Parse(text, step);
    ASSERT_FALSE(parsed.error) << parsed.error->detail;
    EXPECT_TRUE(parsed.done);
    EXPECT_EQ(parsed.head.path, "/a b/c");
    EXPECT_EQ(parsed.head.Query("scale"), "4");
    EXPECT_EQ(parsed.head.Query("name"), "x+y z");
    EXPECT_EQ(parsed.head.Header("x-thing"), "value");
    EXPECT_EQ(parsed.body, "hello");
  }
}

TEST(RequestParserTest, ReadsChunkedBodiesWithExtensionsAndTrailers) {
  const std::string text =
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n";
  for (const size_t step : {1, 3, 1000}) {
    const Parsed parsed = Parse(text, step);
    ASSERT_FALSE(parsed.error) << parsed.error->detail;
    EXPECT_TRUE(parsed.done);
    EXPECT_TRUE(parsed.head.chunked);
    EXPECT_EQ(parsed.body, "hello!");
    EXPECT_EQ(parsed.head.Header("Trailer"), "");
  }
}

TEST(RequestParserTest, EmptyBodiesEndWhateverThePieces) {
  const std::string chunked =
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
  const std::string plain = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n";
  for (const size_t step : {1, 2, 3, 4, 5, 1000}) {
    for (const std::string& text : {chunked, plain}) {
      const Parsed parsed = Parse(text, step);
      ASSERT_FALSE(parsed.error) << parsed.error->detail;
      EXPECT_TRUE(parsed.done) << step;
    }
  }
}

TEST(RequestParserTest, RefusesAmbiguousFraming) {
  const std::string post = "POST / HTTP/1.1\r\nHost: h\r\n";
  EXPECT_EQ(ErrorOf(post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf(post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf(post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf(post + "Content-Length: 3, 3\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf(post + "Content-Length: -1\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf(post + "Content-Length: +1\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf(post + "Content-Length: 0x10\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf(post + "Content-Length: 99999999999999999999\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf(post + "Content-Length:\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf(post + "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501);
  EXPECT_EQ(ErrorOf(post + "Transfer-Encoding: identity\r\n\r\n"), 501);
  EXPECT_EQ(ErrorOf(post + "Transfer-Encoding:\r\n\r\n"), 501);
  EXPECT_EQ(ErrorOf(post + "Transfer-Encoding : chunked\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
}

TEST(RequestParserTest, RefusesBrokenHeads) {
  EXPECT_EQ(ErrorOf("GET / HTTP/1.1\r\n\r\n"), 400) << "no Host";
  EXPECT_EQ(ErrorOf("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf("GET nowhere HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf("GET / HTTP/1.1\r\nHost: a\r\nA: b\nC: d\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf(std::string("GET / HTTP/1.1\r\nHost: a\r\nA: b") + '\0' + "c\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf("\x16\x03\x01\x02 TLS on a plain port\r\n\r\n"), 400);
  EXPECT_EQ(ErrorOf("GET / HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\n\r\n"), 417);
  EXPECT_EQ(ErrorOf("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n"), 0);
  EXPECT_EQ(ErrorOf("GET / HTTP/1.0\r\n\r\n"), 0) << "HTTP/1.0 needs no Host";
}

TEST(RequestParserTest, BoundsTheHead) {
  Limits limits;
  limits.header_bytes_max = 1000;
  limits.header_fields_max = 4;
  limits.target_bytes_max = 50;
  const std::string start = "GET / HTTP/1.1\r\nHost: a\r\n";
  EXPECT_EQ(ErrorOf(start + "A: " + std::string(2000, 'x') + "\r\n\r\n", limits), 431);
  EXPECT_EQ(ErrorOf(start + "A: b\r\nB: b\r\nC: b\r\nD: b\r\n\r\n", limits), 431);
  EXPECT_EQ(ErrorOf("GET /" + std::string(60, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n", limits), 414);
  // Fields short enough one by one, too long together, in one piece and in many.
  std::string long_head = start;
  for (int i = 0; i < 3; ++i) long_head += "A: " + std::string(400, 'x') + "\r\n";
  EXPECT_EQ(ErrorOf(long_head + "\r\n", limits), 431);
  const Parsed parsed = Parse(long_head, 10, limits);
  ASSERT_TRUE(parsed.error);
  EXPECT_EQ(parsed.error->status, 431);
}

TEST(RequestParserTest, BoundsChunks) {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(ErrorOf(head + "1;" + std::string(1000, 'x') + "\r\n!\r\n0\r\n\r\n"), 400);
  std::string many = head;
  for (int i = 0; i < 100; ++i) many += "1;" + std::string(100, 'x') + "\r\n!\r\n";
  EXPECT_EQ(ErrorOf(many), 400) << "extensions of all chunks together";
  EXPECT_EQ(ErrorOf(head + "5\r\nhello!\r\n0\r\n\r\n"), 400) << "no CRLF after a chunk";
  for (const char* line : {"-1\r\n", "\r\n", "0x5\r\n", "5 x\r\n", "5\n", "5\rx", "5;a\tb\x01\r\n",
                           "0\r\nno field\r\n\r\n", "0\r\n: x\r\n\r\n"}) {
    EXPECT_EQ(ErrorOf(head + line), 400) << line;
  }
  EXPECT_EQ(ErrorOf(head + "0\r\n" + std::string(100'000, 'T')), 400) << "a trailer without end";
  EXPECT_EQ(ErrorOf(head + "fffffffffffffffff\r\n"), 400);
  EXPECT_EQ(ErrorOf(head + std::string(200'000, '0')), 400) << "a size line without end";
  EXPECT_EQ(ErrorOf(head + "200000\r\n"), 413) << "2 MiB over a limit of 1 MiB";
}

}  // namespace
}  // namespace octoscale::http
