#include "vidaio/sigv4.h"

#include "gtest/gtest.h"

namespace octoscale {
namespace {

// The credentials, requests and signatures of the examples in Amazon's S3 API reference.
const S3Credentials kExample = {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                                "us-east-1"};
const SystemTime kExampleTime{std::chrono::seconds(1369353600)};  // 24 May 2013, 00:00:00 UTC

TEST(SigV4Test, PutMatchesThePublishedExample) {
  SignedRequest request;
  request.method = "PUT";
  request.host = "examplebucket.s3.amazonaws.com";
  request.path = PercentEncode("/test$file.text", true);
  request.fields = {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                    {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
  request.payload_sha256 = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
  const auto fields = SignFields(request, kExample, kExampleTime);
  EXPECT_EQ(fields.back().name, "Authorization");
  EXPECT_EQ(fields.back().value,
            "AWS4-HMAC-SHA256 "
            "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
            "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,"
            "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(SigV4Test, PresignedGetMatchesThePublishedExample) {
  EXPECT_EQ(PresignGet("https", "examplebucket.s3.amazonaws.com", "/test.txt", kExample,
                       kExampleTime, std::chrono::seconds(86400)),
            "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
            "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
            "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
            "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

TEST(SigV4Test, PercentEncodingKeepsUnreservedOnly) {
  EXPECT_EQ(PercentEncode("aZ09-._~/ +\xc3\xa9", true), "aZ09-._~/%20%2B%C3%A9");
  EXPECT_EQ(PercentEncode("a/b", false), "a%2Fb");
}

}  // namespace
}  // namespace octoscale
