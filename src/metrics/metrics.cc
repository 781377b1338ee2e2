#include "metrics/metrics.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdio>

namespace octoscale::metrics {
namespace {

std::string Escape(std::string_view text, bool quotes) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\\' || (c == '"' && quotes)) {
      out += '\\';
      out += c;
    } else {
      out += c;
    }
  }
  return out;
}

std::string Number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char text[32];
  const bool whole = value == std::floor(value) && std::fabs(value) < 1e15;
  std::snprintf(text, sizeof(text), whole ? "%.0f" : "%.9g", value);
  return text;
}

std::string LabelText(const Labels& labels) {
  std::string text;
  for (const auto& [name, value] : labels) {
    if (!text.empty()) text += ',';
    text += name + "=\"" + Escape(value, true) + "\"";
  }
  return text;
}

void AppendSample(std::string_view name, std::string_view labels, std::string_view more,
                  double value, std::string* out) {
  *out += name;
  if (!labels.empty() || !more.empty()) {
    *out += '{';
    *out += labels;
    if (!labels.empty() && !more.empty()) *out += ',';
    *out += more;
    *out += '}';
  }
  *out += ' ' + Number(value) + '\n';
}

void AppendHistogram(const std::string& name, const std::string& labels, const Histogram& histogram,
                     std::string* out) {
  uint64_t below = 0;
  for (size_t i = 0; i <= histogram.bounds().size(); ++i) {
    below += histogram.bucket(i);
    const double bound = i < histogram.bounds().size() ? histogram.bounds()[i] : INFINITY;
    AppendSample(name + "_bucket", labels, "le=\"" + Number(bound) + "\"",
                 static_cast<double>(below), out);
  }
  AppendSample(name + "_sum", labels, {}, histogram.sum(), out);
  AppendSample(name + "_count", labels, {}, static_cast<double>(below), out);
}

}  // namespace

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {
  assert(std::is_sorted(bounds_.begin(), bounds_.end()));
}

void Histogram::Observe(double value) {
  const auto at = std::lower_bound(bounds_.begin(), bounds_.end(), value);
  counts_[static_cast<size_t>(at - bounds_.begin())].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

uint64_t Histogram::count() const {
  uint64_t total = 0;
  for (const auto& count : counts_) total += count.load(std::memory_order_relaxed);
  return total;
}

std::vector<double> SecondsBuckets() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};
}

Registry::Series& Registry::Find(std::string_view name, std::string_view help, const char* kind,
                                 const Labels& labels) {
  auto it = families_.find(name);
  if (it == families_.end()) {
    it = families_.emplace(std::string(name), Family{std::string(help), kind, {}}).first;
  }
  assert(std::string_view(it->second.kind) == kind);
  return it->second.series[LabelText(labels)];
}

Counter& Registry::AddCounter(std::string_view name, std::string_view help, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  Series& series = Find(name, help, "counter", labels);
  if (!series.counter) series.counter = std::make_unique<Counter>();
  return *series.counter;
}

Histogram& Registry::AddHistogram(std::string_view name, std::string_view help,
                                  const std::vector<double>& bounds, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  Series& series = Find(name, help, "histogram", labels);
  if (!series.histogram) series.histogram = std::make_unique<Histogram>(bounds);
  return *series.histogram;
}

void Registry::AddReader(std::string_view name, std::string_view help,
                         std::function<double()> read) {
  const std::lock_guard lock(mutex_);
  Find(name, help, "gauge", {}).read = std::move(read);
}

std::string Registry::Text() const {
  std::string out;
  const std::lock_guard lock(mutex_);
  for (const auto& [name, family] : families_) {
    out += "# HELP " + name + ' ' + Escape(family.help, false) + '\n';
    out += "# TYPE " + name + ' ' + family.kind + '\n';
    for (const auto& [labels, series] : family.series) {
      if (series.counter) AppendSample(name, labels, {}, series.counter->value(), &out);
      if (series.read) AppendSample(name, labels, {}, series.read(), &out);
      if (series.histogram) AppendHistogram(name, labels, *series.histogram, &out);
    }
  }
  return out;
}

}  // namespace octoscale::metrics
