#include "vidaio/job_store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace octoscale {
namespace {

constexpr int kSchemaVersion = 2;
constexpr int kApplicationId = 0x6f63746f;  // "octo"

constexpr const char* kSchema =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE jobs ("
    " number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, folder TEXT NOT NULL,"
    " scale INTEGER NOT NULL, model TEXT NOT NULL, codec TEXT NOT NULL, cq INTEGER NOT NULL,"
    " state INTEGER NOT NULL, queue_position INTEGER NOT NULL,"
    " active_tasks INTEGER NOT NULL, queued_tasks INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
    " deadline_ms INTEGER NOT NULL, taken_ms INTEGER NOT NULL, finished INTEGER NOT NULL) STRICT;"
    "CREATE TABLE clips ("
    " job TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE, place INTEGER NOT NULL,"
    " source TEXT NOT NULL, remote INTEGER NOT NULL, input TEXT NOT NULL, output TEXT NOT NULL,"
    " key TEXT NOT NULL, state INTEGER NOT NULL, error TEXT NOT NULL, url TEXT NOT NULL,"
    " url_expires INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    " published INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0,"
    " removed INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (job, place)) STRICT;"
    "CREATE INDEX jobs_by_state ON jobs(state);"
    "CREATE INDEX clips_by_output ON clips(output);"
    "PRAGMA user_version = 2;"
    "PRAGMA application_id = 0x6f63746f;"
    "COMMIT;";

// Format 2: deadlines, attempts by clip, results that were removed.
constexpr const char* kFrom1To2 =
    "BEGIN IMMEDIATE;"
    "ALTER TABLE clips ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE clips ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE jobs RENAME COLUMN created TO created_ms;"
    "ALTER TABLE jobs ADD COLUMN deadline_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE jobs ADD COLUMN taken_ms INTEGER NOT NULL DEFAULT 0;"
    "UPDATE jobs SET created_ms = created_ms * 1000;"
    "ALTER TABLE jobs DROP COLUMN attempts;"
    "PRAGMA user_version = 2;"
    "COMMIT;";

sqlite3* Handle(void* database) { return static_cast<sqlite3*>(database); }

}  // namespace

// One prepared statement; parameters are bound in order.
class JobStore::Statement {
 public:
  Statement(JobStore& store, const char* sql) : store_(store) {
    code_ = sqlite3_prepare_v2(Handle(store.database_), sql, -1, &statement_, nullptr);
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& Bind(int64_t value) {
    if (code_ == SQLITE_OK) code_ = sqlite3_bind_int64(statement_, ++bound_, value);
    return *this;
  }
  Statement& Bind(const std::string& value) {
    if (code_ == SQLITE_OK) {
      code_ = sqlite3_bind_text64(statement_, ++bound_, value.data(), value.size(),
                                  SQLITE_TRANSIENT, SQLITE_UTF8);
    }
    return *this;
  }
  // True: a row is there.
  Result<bool> Step() {
    if (code_ != SQLITE_OK) return store_.ErrorOf(code_);
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    return store_.ErrorOf(code);
  }
  Status Run() { return Step().status(); }

  int64_t Integer(int column) { return sqlite3_column_int64(statement_, column); }
  int Int(int column) { return sqlite3_column_int(statement_, column); }
  std::string Text(int column) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    if (text == nullptr) return {};
    return {text, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
  }

 private:
  JobStore& store_;
  sqlite3_stmt* statement_ = nullptr;
  int code_ = SQLITE_OK;
  int bound_ = 0;
};

JobStore::JobStore(std::string path, void* database, int lock_fd)
    : path_(std::move(path)), database_(database), lock_fd_(lock_fd) {}

JobStore::~JobStore() {
  sqlite3_close(Handle(database_));
  close(lock_fd_);
}

Status JobStore::ErrorOf(int code) const {
  const std::string text = path_ + ": " + sqlite3_errmsg(Handle(database_));
  switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
      return AlreadyExists(text);
    case SQLITE_FULL:
      return ResourceExhausted(text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return CorruptInput(text + "; move the file away to start with an empty list of tasks");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Unavailable(text + "; another program uses it");
    default:
      return IoError(text);
  }
}

Status JobStore::Run(const char* sql) {
  const int code = sqlite3_exec(Handle(database_), sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? OkStatus() : ErrorOf(code);
}

Result<std::unique_ptr<JobStore>> JobStore::Open(const std::string& path) {
  const std::string lock_path = path + ".lock";
  const int lock = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock < 0) return ErrnoStatus(errno, lock_path);
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    close(lock);
    return Unavailable(path + " is used by another service; stop it, or give another --state-dir");
  }
  // The URLs of clips may hold signatures: nobody else may read them.
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) {
    const Status status = ErrnoStatus(errno, path);
    close(lock);
    return status;
  }
  close(file);
  sqlite3* database = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &database,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, nullptr);
  std::unique_ptr<JobStore> store(new JobStore(path, database, lock));
  if (code != SQLITE_OK) return store->ErrorOf(code);
  sqlite3_extended_result_codes(database, 1);
  OCTO_RETURN_IF_ERROR(store->Prepare());
  return store;
}

Status JobStore::Prepare() {
  OCTO_RETURN_IF_ERROR(Run("PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON;"));
  int64_t version = 0;
  int64_t application = 0;
  bool empty = false;
  {
    Statement statement(
        *this,
        "SELECT v.user_version, a.application_id, (SELECT count(*) FROM sqlite_master)"
        " FROM pragma_user_version v, pragma_application_id a");
    OCTO_ASSIGN_OR_RETURN(const bool row, statement.Step());
    if (!row) return Internal(path_ + ": no version");
    version = statement.Integer(0);
    application = statement.Integer(1);
    empty = statement.Integer(2) == 0;
  }
  if (!empty && application != kApplicationId) {
    return Unsupported(path_ + " is a database of another program; give another --state-dir");
  }
  if (version > kSchemaVersion) {
    return Unsupported(path_ + " was written by a newer octoscale (format " +
                       std::to_string(version) + ", this one knows " +
                       std::to_string(kSchemaVersion) + "); update octoscale");
  }
  OCTO_RETURN_IF_ERROR(Run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"));
  if (empty) return Run(kSchema);
  OCTO_RETURN_IF_ERROR(CheckPages());
  return version == 1 ? Run(kFrom1To2) : OkStatus();
}

Status JobStore::CheckPages() {
  Statement check(*this, "PRAGMA quick_check(1)");
  OCTO_ASSIGN_OR_RETURN(const bool row, check.Step());
  if (!row || check.Text(0) != "ok") {
    return CorruptInput(path_ + " is damaged: " + (row ? check.Text(0) : "no answer") +
                        "; move the file away to start with an empty list of tasks");
  }
  return OkStatus();
}

Status JobStore::InTransaction(const std::function<Status()>& steps) {
  OCTO_RETURN_IF_ERROR(Run("BEGIN IMMEDIATE"));
  Status status = steps();
  if (status.ok()) status = Run("COMMIT");
  if (!status.ok()) static_cast<void>(Run("ROLLBACK"));
  return status;
}

Status JobStore::Insert(const JobRecord& job) {
  const std::lock_guard lock(mutex_);
  return InTransaction([&] { return InsertRows(job); });
}

Status JobStore::InsertRows(const JobRecord& job) {
  Status status =
      Statement(*this,
                "INSERT INTO jobs (id, folder, scale, model, codec, cq, state,"
                " queue_position, active_tasks, queued_tasks, created_ms, deadline_ms, taken_ms,"
                " finished) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)")
          .Bind(job.id)
          .Bind(job.folder)
          .Bind(job.scale)
          .Bind(job.model)
          .Bind(job.codec)
          .Bind(job.cq)
          .Bind(static_cast<int64_t>(job.state))
          .Bind(job.queue_position)
          .Bind(job.active_tasks)
          .Bind(job.queued_tasks)
          .Bind(job.created_ms)
          .Bind(job.deadline_ms)
          .Bind(job.taken_ms)
          .Bind(job.finished_s)
          .Run();
  for (size_t i = 0; status.ok() && i < job.clips.size(); ++i) {
    const ClipRecord& clip = job.clips[i];
    status = Statement(*this,
                       "INSERT INTO clips (job, place, source, remote, input, output, key, state,"
                       " error, url, url_expires, bytes) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)")
                 .Bind(job.id)
                 .Bind(static_cast<int64_t>(i))
                 .Bind(clip.source)
                 .Bind(clip.remote ? 1 : 0)
                 .Bind(clip.input)
                 .Bind(clip.output)
                 .Bind(clip.key)
                 .Bind(static_cast<int64_t>(clip.state))
                 .Bind(clip.error)
                 .Bind(clip.url)
                 .Bind(clip.url_expires_s)
                 .Bind(clip.bytes)
                 .Run();
  }
  return status;
}

Status JobStore::SaveJob(const JobRecord& job) {
  const std::lock_guard lock(mutex_);
  return UpdateJob(job);
}

Status JobStore::SaveClip(const JobRecord& job, size_t index) {
  const std::lock_guard lock(mutex_);
  return UpdateClip(job, index);
}

Status JobStore::SaveAll(const JobRecord& job) {
  const std::lock_guard lock(mutex_);
  return InTransaction([&] {
    Status status = UpdateJob(job);
    for (size_t i = 0; status.ok() && i < job.clips.size(); ++i) status = UpdateClip(job, i);
    return status;
  });
}

Status JobStore::UpdateJob(const JobRecord& job) {
  return Statement(*this,
                   "UPDATE jobs SET state=?, active_tasks=?, queued_tasks=?,"
                   " taken_ms=?, finished=? WHERE id=?")
      .Bind(static_cast<int64_t>(job.state))
      .Bind(job.active_tasks)
      .Bind(job.queued_tasks)
      .Bind(job.taken_ms)
      .Bind(job.finished_s)
      .Bind(job.id)
      .Run();
}

Status JobStore::UpdateClip(const JobRecord& job, size_t index) {
  const ClipRecord& clip = job.clips[index];
  const bool published = clip.state == JobState::kDone && !clip.remote;
  return Statement(*this,
                   "UPDATE clips SET state=?, error=?, url=?, url_expires=?, bytes=?, published=?,"
                   " attempts=? WHERE job=? AND place=?")
      .Bind(static_cast<int64_t>(clip.state))
      .Bind(clip.error)
      .Bind(clip.url)
      .Bind(clip.url_expires_s)
      .Bind(clip.bytes)
      .Bind(published ? 1 : 0)
      .Bind(clip.attempts)
      .Bind(job.id)
      .Bind(static_cast<int64_t>(index))
      .Run();
}

Status JobStore::LoadClips(JobRecord* job) {
  Statement statement(*this,
                      "SELECT source, remote, input, output, key, state, error, url, url_expires,"
                      " bytes, attempts, removed FROM clips WHERE job=? ORDER BY place");
  statement.Bind(job->id);
  for (;;) {
    OCTO_ASSIGN_OR_RETURN(const bool row, statement.Step());
    if (!row) return OkStatus();
    ClipRecord clip;
    clip.source = statement.Text(0);
    clip.remote = statement.Int(1) != 0;
    clip.input = statement.Text(2);
    clip.output = statement.Text(3);
    clip.key = statement.Text(4);
    clip.state = static_cast<JobState>(statement.Int(5));
    clip.error = statement.Text(6);
    clip.url = statement.Text(7);
    clip.url_expires_s = statement.Integer(8);
    clip.bytes = statement.Integer(9);
    clip.attempts = statement.Int(10);
    clip.removed_s = statement.Integer(11);
    job->clips.push_back(std::move(clip));
  }
}

Result<std::vector<JobRecord>> JobStore::Load(const char* where, const std::string* id) {
  const std::string sql =
      std::string(
          "SELECT id, folder, scale, model, codec, cq, state, queue_position,"
          " active_tasks, queued_tasks, created_ms, deadline_ms, taken_ms, finished FROM jobs"
          " WHERE ") +
      where + " ORDER BY number";
  Statement statement(*this, sql.c_str());
  if (id != nullptr) statement.Bind(*id);
  std::vector<JobRecord> jobs;
  for (;;) {
    OCTO_ASSIGN_OR_RETURN(const bool row, statement.Step());
    if (!row) return jobs;
    JobRecord job;
    job.id = statement.Text(0);
    job.folder = statement.Text(1);
    job.scale = statement.Int(2);
    job.model = statement.Text(3);
    job.codec = statement.Text(4);
    job.cq = statement.Int(5);
    job.state = static_cast<JobState>(statement.Int(6));
    job.queue_position = statement.Int(7);
    job.active_tasks = statement.Int(8);
    job.queued_tasks = statement.Int(9);
    job.created_ms = statement.Integer(10);
    job.deadline_ms = statement.Integer(11);
    job.taken_ms = statement.Integer(12);
    job.finished_s = statement.Integer(13);
    OCTO_RETURN_IF_ERROR(LoadClips(&job));
    jobs.push_back(std::move(job));
  }
}

Result<std::optional<JobRecord>> JobStore::Find(const std::string& id) {
  const std::lock_guard lock(mutex_);
  OCTO_ASSIGN_OR_RETURN(std::vector<JobRecord> jobs, Load("id=?", &id));
  if (jobs.empty()) return std::optional<JobRecord>();
  return std::optional<JobRecord>(std::move(jobs.front()));
}

Status JobStore::UncountRunning() {
  const std::lock_guard lock(mutex_);
  return Statement(*this, "UPDATE clips SET attempts=attempts-1 WHERE state=1 AND attempts>0")
      .Run();
}

Result<std::vector<JobRecord>> JobStore::Unfinished() {
  const std::lock_guard lock(mutex_);
  return Load("state < 3", nullptr);
}

Result<std::vector<int64_t>> JobStore::RecentSizes(int most) {
  const std::lock_guard lock(mutex_);
  Statement statement(*this,
                      "SELECT bytes FROM clips WHERE bytes > 0 ORDER BY clips.rowid DESC LIMIT ?");
  statement.Bind(most);
  std::vector<int64_t> sizes;
  for (;;) {
    OCTO_ASSIGN_OR_RETURN(const bool row, statement.Step());
    if (!row) return sizes;
    sizes.push_back(statement.Integer(0));
  }
}

Result<std::vector<JobStore::Published>> JobStore::PublishedResults() {
  const std::lock_guard lock(mutex_);
  Statement statement(*this,
                      "SELECT output, bytes, finished FROM clips JOIN jobs ON jobs.id = clips.job"
                      " WHERE published = 1 AND jobs.state >= 3 ORDER BY finished");
  std::vector<Published> results;
  for (;;) {
    OCTO_ASSIGN_OR_RETURN(const bool row, statement.Step());
    if (!row) return results;
    results.push_back({statement.Text(0), statement.Integer(1), statement.Integer(2)});
  }
}

Status JobStore::ForgetResult(const std::string& output, int64_t removed_s) {
  const std::lock_guard lock(mutex_);
  return Statement(*this, "UPDATE clips SET published=0, removed=? WHERE output=? AND published=1")
      .Bind(removed_s)
      .Bind(output)
      .Run();
}

Status JobStore::RemoveJobs(int64_t finished_before_s) {
  const std::lock_guard lock(mutex_);
  return Statement(*this,
                   "DELETE FROM jobs WHERE state >= 3 AND finished < ? AND NOT EXISTS"
                   " (SELECT 1 FROM clips WHERE clips.job = jobs.id AND published = 1)")
      .Bind(finished_before_s)
      .Run();
}

}  // namespace octoscale
