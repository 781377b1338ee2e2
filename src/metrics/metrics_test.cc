#include "metrics/metrics.h"

#include <gtest/gtest.h>

#include <thread>

namespace octoscale::metrics {
namespace {

TEST(MetricsTest, WritesPrometheusText) {
  Registry registry;
  registry.AddCounter("requests_total", "Requests.", {{"route", "/a\"b\n"}, {"code", "200"}})
      .Add(3);
  registry.AddReader("asked", "Read on demand.", [] { return 7.0; });
  Histogram& seconds = registry.AddHistogram("seconds", "Time.", {0.1, 1});
  for (const double value : {0.05, 0.1, 0.5, 20.0}) seconds.Observe(value);
  EXPECT_EQ(registry.Text(),
            "# HELP asked Read on demand.\n# TYPE asked gauge\nasked 7\n"
            "# HELP requests_total Requests.\n# TYPE requests_total counter\n"
            "requests_total{route=\"/a\\\"b\\n\",code=\"200\"} 3\n"
            "# HELP seconds Time.\n# TYPE seconds histogram\n"
            "seconds_bucket{le=\"0.1\"} 2\nseconds_bucket{le=\"1\"} 3\n"
            "seconds_bucket{le=\"+Inf\"} 4\nseconds_sum 20.65\nseconds_count 4\n");
}

TEST(MetricsTest, SameNameAndLabelsIsTheSameMetric) {
  Registry registry;
  Counter& a = registry.AddCounter("x", "X.", {{"l", "1"}});
  EXPECT_EQ(&a, &registry.AddCounter("x", "X.", {{"l", "1"}}));
  EXPECT_NE(&a, &registry.AddCounter("x", "X.", {{"l", "2"}}));
}

TEST(MetricsTest, LosesNothingBetweenThreads) {
  Registry registry;
  Counter& counter = registry.AddCounter("n", "N.");
  Histogram& histogram = registry.AddHistogram("h", "H.", SecondsBuckets());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        counter.Add();
        histogram.Observe(0.5);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter.value(), 4000);
  EXPECT_EQ(histogram.count(), 4000u);
  EXPECT_EQ(histogram.sum(), 2000);
}

}  // namespace
}  // namespace octoscale::metrics
