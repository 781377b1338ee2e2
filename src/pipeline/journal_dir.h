// The directory of a job that can be resumed: ".NAME.octoscale" beside the output NAME, with the
// journal, the closed segments, and whatever is being written.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "pipeline/journal.h"

namespace octoscale {

// Where the journal of an output lies.
std::string JournalDirectory(const std::string& output);

// Not thread-safe. Holds a lock: a second process can't work on the same output.
class JournalDir {
 public:
  // Makes the directory when it is missing. Errors: Unavailable (another process holds it), IoError
  // (not writable), ResourceExhausted.
  static Result<std::unique_ptr<JournalDir>> Open(const std::string& output);
  // Removes the directory when it is empty.
  ~JournalDir();

  const std::string& path() const { return path_; }
  std::string SegmentPath(size_t number) const;

  // What an earlier run left; nullopt when there is nothing to go on from. Errors: those of
  // ParseJournal, IoError.
  Result<std::optional<Journal>> Load() const;

  // A new journal, in place of everything else in the directory.
  Status Start(const JournalHeader& header);
  // Goes on with the first `segments` of a loaded journal; what else is there is removed.
  Status Continue(const Journal& journal, size_t segments);
  // On disk when these return.
  Status Append(const SegmentRecord& record);
  Status Append(const JoinRecord& record);

  // Makes a directory's new names durable.
  Status Sync() const;
  // Removes everything, the journal last: as long as files are left, a journal says whose they are.
  // Best effort.
  void Remove();

 private:
  JournalDir(std::string path, int lock);
  Status Write(const std::string& text);
  Status OpenJournal(int flags);
  void RemoveStrangers(size_t segments);
  std::string JournalPath() const { return path_ + "/journal"; }

  std::string path_;
  int lock_;     // the directory
  int fd_ = -1;  // the journal
  uint64_t last_hash_ = 0;
  int64_t bytes_ = 0;  // of the journal
};

// What is left of an interrupted run, for messages.
struct KeptWork {
  std::string directory;
  std::string input;
  std::string started;
  int64_t frames = 0;   // upscaled, encoded and safe
  bool joined = false;  // the output itself is that run's, complete
};

// Whether `output` is the file that the journal's run joined.
bool IsJoinedOutput(const std::string& output, const Journal& journal);

// A run that was killed in its last moment may have left the directory with nothing in it: removed,
// unless a run is just about to use it.
void RemoveEmptyJournalDirectory(const std::string& output);

// nullopt when nothing is worth keeping. Takes no lock and changes nothing. Errors: those of
// ParseJournal, IoError.
Result<std::optional<KeptWork>> FindKeptWork(const std::string& output);

}  // namespace octoscale
