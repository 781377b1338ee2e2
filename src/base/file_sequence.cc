#include "base/file_sequence.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <memory>

namespace octoscale {
namespace {

constexpr size_t kDigitsMax = 12;

// "%d" or "%06d" at `at`: how many characters it takes, and the digits it asks for.
size_t NumberAt(std::string_view name, size_t at, int* digits) {
  size_t end = at + 1;
  *digits = 0;
  if (end < name.size() && name[end] == '0') {
    while (end < name.size() && name[end] >= '0' && name[end] <= '9' && *digits < 100) {
      *digits = *digits * 10 + (name[end++] - '0');
    }
  }
  const bool number = end < name.size() && name[end] == 'd';
  return number && *digits <= static_cast<int>(kDigitsMax) ? end + 1 - at : 0;
}

}  // namespace

std::optional<FileSequence> FileSequence::Parse(std::string_view path) {
  const size_t slash = path.rfind('/');
  const size_t start = slash == std::string_view::npos ? 0 : slash + 1;
  const std::string_view name = path.substr(start);
  FileSequence sequence;
  size_t found = std::string_view::npos;
  size_t length = 0;
  for (size_t at = name.find('%'); at != std::string_view::npos; at = name.find('%', at + 1)) {
    int digits = 0;
    const size_t taken = NumberAt(name, at, &digits);
    if (taken == 0 || found != std::string_view::npos) return std::nullopt;
    found = at;
    length = taken;
    sequence.digits_ = digits;
  }
  if (found == std::string_view::npos) return std::nullopt;
  sequence.path_ = path;
  sequence.directory_ = path.substr(0, start);
  sequence.folder_ = start == 0 ? "." : start == 1 ? "/" : std::string(path.substr(0, start - 1));
  sequence.before_ = name.substr(0, found);
  sequence.after_ = name.substr(found + length);
  return sequence;
}

std::string FileSequence::Name(int64_t number) const {
  std::string digits = std::to_string(number);
  if (digits.size() < static_cast<size_t>(digits_)) {
    digits.insert(0, static_cast<size_t>(digits_) - digits.size(), '0');
  }
  return before_ + digits + after_;
}

std::string FileSequence::Path(int64_t number) const { return directory_ + Name(number); }

std::string FileSequence::Escaped() const {
  std::string escaped;
  for (const char c : directory_) escaped += c == '%' ? std::string("%%") : std::string(1, c);
  return escaped + path_.substr(directory_.size());
}

Result<std::vector<int64_t>> FileSequence::Numbers() const {
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(folder_.c_str()), closedir);
  if (!entries) return ErrnoStatus(errno, folder_);
  std::vector<int64_t> numbers;
  while (const dirent* entry = readdir(entries.get())) {
    const std::string_view name = entry->d_name;
    if (name.size() <= before_.size() + after_.size()) continue;
    if (!name.starts_with(before_) || !name.ends_with(after_)) continue;
    const std::string_view digits =
        name.substr(before_.size(), name.size() - before_.size() - after_.size());
    int64_t number = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, number);
    if (error != std::errc() || stop != end || number < 0 || number > INT_MAX) continue;
    if (Name(number) == name) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Result<SequenceRange> FindSequence(const FileSequence& sequence) {
  OCTO_ASSIGN_OR_RETURN(const std::vector<int64_t> numbers, sequence.Numbers());
  if (numbers.empty()) {
    return NotFound(sequence.path() + ": no file of this sequence, such as " + sequence.Name(1) +
                    ", is in " + sequence.folder());
  }
  for (size_t i = 1; i < numbers.size(); ++i) {
    const int64_t expected = numbers[i - 1] + 1;
    if (numbers[i] == expected) continue;
    return InvalidArgument(sequence.Path(expected) + " is missing: the sequence begins at " +
                           std::to_string(numbers[0]) + " and goes on at " +
                           std::to_string(numbers[i]) + "; number the files without gaps");
  }
  return SequenceRange{numbers[0], static_cast<int64_t>(numbers.size())};
}

bool IsInputSequence(const std::string& path) {
  struct stat info {};
  return FileSequence::Parse(path).has_value() && stat(path.c_str(), &info) != 0;
}

}  // namespace octoscale
