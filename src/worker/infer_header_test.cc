#include "worker/infer_header.h"

#include <gtest/gtest.h>

namespace octoscale::worker {
namespace {

std::string Header(const std::string& input, const std::string& more = "") {
  return "{\"inputs\":[{" + input + "}]" + more + "}";
}

const char kInput[] =
    "\"name\":\"frames\",\"datatype\":\"UINT8\",\"shape\":[2,4,6,3],"
    "\"parameters\":{\"binary_data_size\":144}";

int StatusOf(const std::string& json) {
  const InferHeader header = ParseInferHeader(json);
  return header.problem ? header.problem->status : 200;
}

TEST(InferHeaderTest, ReadsShapeIdAndParameters) {
  const InferHeader header = ParseInferHeader(
      Header(kInput,
             ",\"id\":\"a1\",\"parameters\":{\"scale\":4,\"patch_size\":\"auto\","
             "\"binary_data_output\":true},"
             "\"outputs\":[{\"name\":\"frames\",\"parameters\":{\"binary_data\":true}}]"));
  ASSERT_FALSE(header.problem) << header.problem->detail;
  EXPECT_EQ(header.request.id, "a1");
  EXPECT_EQ(header.request.frames, 2);
  EXPECT_EQ(header.request.size, (FrameSize{6, 4}));
  EXPECT_EQ(header.request.options.scale, 4);
  EXPECT_EQ(header.request.options.patch_size, 0);
  EXPECT_EQ(header.request.frame_bytes(), 72u);
}

TEST(InferHeaderTest, RefusesWhatIsNotTheProtocol) {
  for (const std::string& json :
       {std::string(), std::string("nonsense"), std::string("[]"), std::string("{}"),
        std::string("{\"inputs\":[]}"), std::string("{\"inputs\":[3]}"),
        Header("\"name\":\"pixels\""), Header(std::string(kInput) + ",\"data\":[1]"),
        Header("\"name\":\"frames\",\"datatype\":\"UINT8\",\"shape\":[2,4,6,3]"),
        Header("\"name\":\"frames\",\"datatype\":\"UINT8\",\"shape\":[2,4,6,3],"
               "\"parameters\":{\"binary_data_size\":145}"),
        Header(kInput, ",\"id\":7"), Header(kInput, ",\"parameters\":7"),
        Header(kInput, ",\"outputs\":{}"), std::string(100'000, ' '), std::string(5000, '['),
        std::string("{\"inputs\":\"\xff\"}")}) {
    EXPECT_EQ(StatusOf(json), 400) << json.substr(0, 100);
  }
}

TEST(InferHeaderTest, RefusesWhatCannotBe) {
  const auto shape = [](const std::string& s) {
    return Header("\"name\":\"frames\",\"datatype\":\"UINT8\",\"shape\":" + s);
  };
  for (const std::string& json :
       {Header("\"name\":\"frames\",\"datatype\":\"FP32\",\"shape\":[1,1,1,3]"), shape("[1,1,3]"),
        shape("[0,4,6,3]"), shape("[1,-4,6,3]"), shape("[1,4,6,4]"), shape("[1,4.5,6,3]"),
        shape("[1,99999999999999,6,3]"), shape("[1,32769,6,3]"), shape("\"1,4,6,3\""),
        Header(kInput, ",\"parameters\":{\"scale\":\"two\"}"),
        Header(kInput, ",\"parameters\":{\"scale\":2.5}"),
        Header(kInput, ",\"parameters\":{\"speed\":2}"),
        Header(kInput, ",\"outputs\":[{\"name\":\"logits\"}]"),
        Header(kInput,
               ",\"outputs\":[{\"name\":\"frames\",\"parameters\":{\"binary_data\":false}}]")}) {
    EXPECT_EQ(StatusOf(json), 422) << json;
  }
}

TEST(InferHeaderTest, TheAnswerSaysWhatTheBytesAre) {
  InferRequest request;
  request.id = "a1";
  request.frames = 2;
  EXPECT_EQ(
      MakeInferAnswer(request, {"m", 4, 0}, {24, 16}, "print"),
      "{\"model_name\":\"m\",\"model_version\":\"1\",\"id\":\"a1\",\"parameters\":{\"scale\":4,"
      "\"fingerprint\":\"print\"},\"outputs\":[{\"name\":\"frames\",\"datatype\":\"UINT8\","
      "\"shape\":[2,16,24,3],\"parameters\":{\"binary_data_size\":2304}}]}");
}

}  // namespace
}  // namespace octoscale::worker
