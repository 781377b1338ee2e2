#include "coordinator/trace_id.h"

#include <cstdint>
#include <random>

namespace octoscale::coordinator {
namespace {

// Never all zero, which the specification calls invalid.
std::string RandomHex(int digits) {
  static thread_local std::mt19937_64 engine{std::random_device{}()};
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (int i = 0; i < digits; ++i) text += kDigits[engine() >> 60];
  if (text.find_first_not_of('0') == std::string::npos) text.back() = '1';
  return text;
}

}  // namespace

TraceId::TraceId() : id_(RandomHex(32)) {}

std::string TraceId::NextParent() const { return "00-" + id_ + "-" + RandomHex(16) + "-01"; }

}  // namespace octoscale::coordinator
