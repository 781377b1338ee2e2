// Counters, gauges and histograms, and their text form for Prometheus (exposition format 0.0.4).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace octoscale::metrics {

// Label names and values. Values may hold anything; names are [a-zA-Z_][a-zA-Z0-9_]*.
using Labels = std::vector<std::pair<std::string, std::string>>;

// Only goes up. Thread-safe.
class Counter {
 public:
  void Add(double amount = 1) { value_.fetch_add(amount, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

// Counts observations at or below each bound. Thread-safe.
class Histogram {
 public:
  // bounds: upper ends of the buckets, ascending; a last one without an end is added.
  explicit Histogram(std::vector<double> bounds);
  void Observe(double value);

  const std::vector<double>& bounds() const { return bounds_; }
  // Of bucket i alone, 0 <= i <= bounds().size().
  uint64_t bucket(size_t i) const { return counts_[i].load(std::memory_order_relaxed); }
  uint64_t count() const;
  double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  const std::vector<double> bounds_;
  std::vector<std::atomic<uint64_t>> counts_;
  std::atomic<double> sum_{0};
};

// 1 ms to about 5 min in steps of roughly 2.5.
std::vector<double> SecondsBuckets();

// Owns the metrics. Asking again for the same name and labels gives the same object; references
// stay valid as long as the registry. Every name has one help text and one kind. Thread-safe.
class Registry {
 public:
  Counter& AddCounter(std::string_view name, std::string_view help, const Labels& labels = {});
  Histogram& AddHistogram(std::string_view name, std::string_view help,
                          const std::vector<double>& bounds, const Labels& labels = {});
  // A gauge that is asked for its value when the text is made; `read` must be thread-safe.
  void AddReader(std::string_view name, std::string_view help, std::function<double()> read);

  // Families sorted by name, one sample a line.
  std::string Text() const;

 private:
  struct Series {
    std::unique_ptr<Counter> counter;
    std::unique_ptr<Histogram> histogram;
    std::function<double()> read;
  };
  struct Family {
    std::string help;
    const char* kind = "";
    std::map<std::string, Series> series;  // by the text of the labels
  };
  Series& Find(std::string_view name, std::string_view help, const char* kind,
               const Labels& labels);

  mutable std::mutex mutex_;
  std::map<std::string, Family, std::less<>> families_;
};

}  // namespace octoscale::metrics
