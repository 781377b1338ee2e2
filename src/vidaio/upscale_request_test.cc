#include "vidaio/upscale_request.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octoscale {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Status of the problem, or 0.
int Parse(const std::string& body, UpscaleRequest* request = nullptr) {
  UpscaleRequest own;
  const auto problem = ParseUpscaleRequest(body, request != nullptr ? request : &own);
  return problem ? problem->status : 0;
}

TEST(UpscaleRequestTest, AllMembers) {
  UpscaleRequest request;
  ASSERT_EQ(Parse(R"({"video_paths":["a","http://h/b"],"output_paths":["c","d"],"scale":4,
                      "task_id":"t","model":"m","codec":"av1","cq":20,"deadline_s":37.5,
                      "unknown":[]})",
                  &request),
            0);
  EXPECT_THAT(request.video_paths, ElementsAre("a", "http://h/b"));
  EXPECT_THAT(request.output_paths, ElementsAre("c", "d"));
  EXPECT_EQ(request.scale, 4);
  EXPECT_EQ(request.task_id, "t");
  EXPECT_EQ(request.codec, "av1");
  EXPECT_EQ(request.cq, 20);
  EXPECT_EQ(request.deadline_s, 37.5);
}

TEST(UpscaleRequestTest, DefaultsAndNulls) {
  UpscaleRequest request;
  ASSERT_EQ(
      Parse(R"({"video_paths":["a"],"scale":2.0,"task_id":null,"output_paths":null})", &request),
      0);
  EXPECT_EQ(request.cq, 35);
  EXPECT_EQ(request.task_id, "");
  EXPECT_EQ(request.deadline_s, 0);
}

TEST(UpscaleRequestTest, TheFormIs422) {
  for (const char* body : {"",
                           "{",
                           "[]",
                           "null",
                           "\"x\"",
                           R"({"scale":2})",
                           R"({"video_paths":["a"]})",
                           R"({"video_paths":[],"scale":2})",
                           R"({"video_paths":"a","scale":2})",
                           R"({"video_paths":[1],"scale":2})",
                           R"({"video_paths":["a"],"scale":"two"})",
                           R"({"video_paths":["a"],"scale":true})",
                           R"({"video_paths":["a"],"scale":2.5})",
                           R"({"video_paths":["a"],"scale":1e300})",
                           R"({"video_paths":["a"],"scale":2,"cq":64})",
                           R"({"video_paths":["a"],"scale":2,"task_id":7})",
                           R"({"video_paths":["a"],"scale":2,"task_id":"a\nb"})",
                           R"({"video_paths":["a"],"scale":2,"deadline_s":0})",
                           R"({"video_paths":["a"],"scale":2,"deadline_s":-1})",
                           R"({"video_paths":["a"],"scale":2,"deadline_s":604801})",
                           R"({"video_paths":["a"],"scale":2,"deadline_s":true})",
                           R"({"video_paths":["a"],"scale":2,"deadline_s":"40s"})",
                           R"({"video_paths":["a"],"scale":2,"output_paths":["a","b"]})",
                           R"({"video_paths":["1","2","3","4","5","6"],"scale":2})"}) {
    EXPECT_EQ(Parse(body), 422) << body;
  }
  EXPECT_EQ(Parse(R"({"video_paths":["a"],"scale":2,"x":)" + std::string(50000, '[')), 422);
  EXPECT_EQ(Parse(R"({"video_paths":["a"],"scale":2,"task_id":")" + std::string(201, 'x') + "\"}"),
            422);
}

TEST(UpscaleRequestTest, TheValuesAre400) {
  EXPECT_EQ(Parse(R"({"video_paths":["a"],"scale":3})"), 400);
  EXPECT_EQ(Parse(R"({"video_paths":["a"],"scale":-2})"), 400);
  EXPECT_EQ(Parse(R"({"video_paths":["a",""],"scale":2})"), 400);
  EXPECT_EQ(Parse(R"({"video_paths":["a"],"output_paths":[""],"scale":2})"), 400);
}

TEST(UpscaleRequestTest, OlderForm) {
  UpscaleRequest request;
  EXPECT_FALSE(ParseOlderRequest(R"({"payload_url":"https://h/x","task_type":"SD24K"})", &request));
  EXPECT_EQ(request.scale, 4);
  EXPECT_EQ(
      ParseOlderRequest(R"({"payload_url":"https://h/x","task_type":"8K"})", &request)->status,
      422);
  EXPECT_EQ(ParseOlderRequest(R"({"task_type":"SD24K"})", &request)->status, 422);
  EXPECT_EQ(ParseOlderRequest(R"({"payload_url":"/etc/x","task_type":"SD24K"})", &request)->status,
            400);
}

TEST(UpscaleRequestTest, SameTaskMayHaveAnotherSignature) {
  JobRecord job;
  job.scale = 2;
  job.clips.resize(2);
  job.clips[0].source = "https://h/x?sig=1";
  job.clips[0].remote = true;
  job.clips[1].source = "a?1";
  UpscaleRequest request;
  request.video_paths = {"https://h/x?sig=2", "a?1"};
  EXPECT_TRUE(AsksTheSame(request, job));
  request.video_paths[1] = "a?2";
  EXPECT_FALSE(AsksTheSame(request, job));
  request.video_paths.pop_back();
  EXPECT_FALSE(AsksTheSame(request, job));
}

TEST(UpscaleRequestTest, LongUrlsAreComparedToTheirEnd) {
  const std::string begin = "https://h/" + std::string(300, 'x');
  JobRecord job;
  job.clips.resize(1);
  job.clips[0].source = begin + "a.mp4?sig=1";
  job.clips[0].remote = true;
  UpscaleRequest request;
  request.video_paths = {begin + "a.mp4?sig=2"};
  EXPECT_TRUE(AsksTheSame(request, job));
  request.video_paths = {begin + "b.mp4?sig=1"};
  EXPECT_FALSE(AsksTheSame(request, job));
}

TEST(UpscaleRequestTest, AnswersHaveOneEntryForEachClip) {
  JobRecord job;
  job.state = JobState::kFailed;
  job.queue_position = 1;
  job.clips.resize(3);
  job.clips[0].state = JobState::kDone;
  job.clips[0].output = "/v/a.mp4";
  job.clips[1].state = JobState::kFailed;
  job.clips[1].output = "/v/b.mp4";
  job.clips[1].error = "b: \xff";
  job.clips[2].state = JobState::kDone;
  job.clips[2].remote = true;
  job.clips[2].url = "https://u";
  const http::Response answer = UpscaleAnswer(job);
  const std::string text(reinterpret_cast<const char*>(answer.body[0].bytes.data()),
                         answer.body[0].bytes.size());
  EXPECT_EQ(text, R"({"output_paths":["/v/a.mp4","",""],"output_urls":["","","https://u"],)"
                  "\"errors\":[\"\",\"b: \xef\xbf\xbd\",\"\"],"
                  R"("success":false,"queue_position":1,"active_tasks":0,"queued_tasks":0})"
                  "\n");
}

TEST(UpscaleRequestTest, AnswersWithADeadlineSayWhetherTheyAreLate) {
  JobRecord job;
  job.state = JobState::kDone;
  job.deadline_ms = 40'000;
  job.taken_ms = 40'000;
  const auto text = [&job] {
    const http::Response answer = UpscaleAnswer(job);
    return std::string(reinterpret_cast<const char*>(answer.body[0].bytes.data()),
                       answer.body[0].bytes.size());
  };
  EXPECT_THAT(text(), HasSubstr(R"("deadline_s":40.0,"seconds":40.0,"late":false})"));
  job.taken_ms = 40'001;
  EXPECT_THAT(text(), HasSubstr(R"("deadline_s":40.0,"seconds":40.001,"late":true})"));
}

}  // namespace
}  // namespace octoscale
