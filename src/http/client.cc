#include "http/client.h"

#include <curl/curl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <new>
#include <utility>

namespace octoscale::http {
namespace {

constexpr uint64_t kErrorBytesMax = 64 * 1024;
constexpr size_t kAnswerFieldsMax = 100;
constexpr long kSocketBufferBytes = 512 * 1024;

// libcurl wants it once per process, before threads use it.
CURLcode GlobalInit() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  return code;
}

// Position in a body that is made of pieces.
struct BodyCursor {
  size_t piece = 0;
  size_t offset = 0;
};

ClientFailure FailureOf(CURLcode code) {
  switch (code) {
    case CURLE_OK:
      return ClientFailure::kNone;
    case CURLE_COULDNT_RESOLVE_HOST:
      return ClientFailure::kResolve;
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:  // also a peer that closes in the middle of the handshake
      return ClientFailure::kConnect;
    case CURLE_OPERATION_TIMEDOUT:
      return ClientFailure::kTimeout;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
      return ClientFailure::kTls;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
      return ClientFailure::kProtocol;
    default:
      return ClientFailure::kBroken;
  }
}

// What OpenSSL calls an HTTP answer to its first message.
bool AnswersWithoutTls(CURLcode code, std::string_view error) {
  return code == CURLE_SSL_CONNECT_ERROR && error.find("wrong version number") != error.npos;
}

}  // namespace

std::string_view ClientAnswer::Header(std::string_view name) const {
  for (const Field& field : fields) {
    if (EqualsIgnoreCase(field.name, name)) return field.value;
  }
  return {};
}

class Client::Impl {
 public:
  // One request; libcurl holds pointers to it.
  struct Transfer {
    ~Transfer() {
      if (easy != nullptr) curl_easy_cleanup(easy);
      curl_slist_free_all(header_list);
    }
    RequestId id = 0;
    ClientRequest request;
    Done done;
    CURL* easy = nullptr;
    curl_slist* header_list = nullptr;
    BodyCursor cursor;
    ClientAnswer answer;
    bool too_large = false;
    bool bad_head = false;
    bool no_memory = false;
    char error[CURL_ERROR_SIZE] = {};
  };

  explicit Impl(ClientOptions options) : options_(std::move(options)), multi_(curl_multi_init()) {
    curl_multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(options_.connections_max));
  }
  ~Impl() {
    for (const auto& [id, transfer] : transfers_) {
      curl_multi_remove_handle(multi_, transfer->easy);
    }
    transfers_.clear();
    curl_multi_cleanup(multi_);
  }

  RequestId Start(ClientRequest request, Done done);
  void Cancel(RequestId id);
  void Poll(std::chrono::milliseconds timeout);
  void Wake() { curl_multi_wakeup(multi_); }

 private:
  void SetOptions(Transfer* transfer);
  void SetBody(Transfer* transfer);
  void Finish(CURL* easy, CURLcode code);
  template <typename Append>
  static size_t Guarded(Transfer* self, Append append);
  static size_t OnField(char* bytes, size_t size, size_t count, void* transfer);
  static size_t OnBody(char* bytes, size_t size, size_t count, void* transfer);
  static size_t AppendField(std::string_view line, Transfer* self);
  static size_t AppendBody(const char* bytes, size_t length, Transfer* self);
  static size_t ReadBody(char* bytes, size_t size, size_t count, void* transfer);
  static int SeekBody(void* transfer, curl_off_t offset, int origin);

  const ClientOptions options_;
  CURLM* const multi_;
  std::map<RequestId, std::unique_ptr<Transfer>> transfers_;
  RequestId next_id_ = 1;
};

// libcurl is C: nothing may be thrown through it.
template <typename Append>
size_t Client::Impl::Guarded(Transfer* self, Append append) {
  try {
    return append();
  } catch (const std::bad_alloc&) {
    self->no_memory = true;
    return 0;
  }
}

size_t Client::Impl::OnField(char* bytes, size_t size, size_t count, void* transfer) {
  auto* self = static_cast<Transfer*>(transfer);
  return Guarded(self, [&] { return AppendField({bytes, size * count}, self); });
}

size_t Client::Impl::OnBody(char* bytes, size_t size, size_t count, void* transfer) {
  auto* self = static_cast<Transfer*>(transfer);
  return Guarded(self, [&] { return AppendBody(bytes, size * count, self); });
}

size_t Client::Impl::AppendField(std::string_view line, Transfer* self) {
  const size_t length = line.size();
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  // A new status line (after 100 Continue) starts the fields afresh.
  if (line.starts_with("HTTP/")) self->answer.fields.clear();
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return length;
  if (self->answer.fields.size() >= kAnswerFieldsMax) {
    self->bad_head = true;
    return 0;
  }
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  self->answer.fields.push_back({std::string(line.substr(0, colon)), std::string(value)});
  return length;
}

size_t Client::Impl::AppendBody(const char* bytes, size_t length, Transfer* self) {
  ByteBuffer& body = self->answer.body;
  long status = 0;
  curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &status);
  const uint64_t most = status == 200 ? self->request.answer_bytes_max : kErrorBytesMax;
  if (body.empty()) {
    curl_off_t announced = 0;
    curl_easy_getinfo(self->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
    if (announced > 0 && static_cast<uint64_t>(announced) <= most) {
      body.reserve(static_cast<size_t>(announced));
    }
  }
  if (length > most - body.size()) {
    self->too_large = true;
    return 0;
  }
  const size_t at = body.size();
  body.resize(at + length);
  std::memcpy(body.data() + at, bytes, length);
  return length;
}

size_t Client::Impl::ReadBody(char* bytes, size_t size, size_t count, void* transfer) {
  auto* self = static_cast<Transfer*>(transfer);
  const std::vector<BodyPiece>& pieces = self->request.body;
  BodyCursor& cursor = self->cursor;
  const size_t room = size * count;
  size_t copied = 0;
  while (copied < room && cursor.piece < pieces.size()) {
    const auto& piece = pieces[cursor.piece].bytes;
    const size_t take = std::min(room - copied, piece.size() - cursor.offset);
    std::memcpy(bytes + copied, piece.data() + cursor.offset, take);
    copied += take;
    cursor.offset += take;
    if (cursor.offset < piece.size()) break;
    cursor = {cursor.piece + 1, 0};
  }
  return copied;
}

// A kept connection that turns out to be closed makes libcurl start over on a new one.
int Client::Impl::SeekBody(void* transfer, curl_off_t offset, int origin) {
  if (origin != SEEK_SET || offset != 0) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<Transfer*>(transfer)->cursor = {};
  return CURL_SEEKFUNC_OK;
}

void Client::Impl::SetBody(Transfer* transfer) {
  uint64_t bytes = 0;
  for (const BodyPiece& piece : transfer->request.body) bytes += piece.bytes.size();
  CURL* easy = transfer->easy;
  curl_easy_setopt(easy, CURLOPT_POST, 1L);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(bytes));
  curl_easy_setopt(easy, CURLOPT_READFUNCTION, &ReadBody);
  curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
  curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, &SeekBody);
  curl_easy_setopt(easy, CURLOPT_SEEKDATA, transfer);
  curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, kSocketBufferBytes);
}

void Client::Impl::SetOptions(Transfer* transfer) {
  const ClientRequest& request = transfer->request;
  CURL* easy = transfer->easy;
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!options_.ca_path.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, options_.ca_path.c_str());
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  }
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(request.connect_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kSocketBufferBytes);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &OnField);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &OnBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
  for (const Field& field : request.fields) {
    const std::string line = field.name + ": " + field.value;
    transfer->header_list = curl_slist_append(transfer->header_list, line.c_str());
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->header_list);
  if (request.post) SetBody(transfer);
}

Client::RequestId Client::Impl::Start(ClientRequest request, Done done) {
  auto transfer = std::make_unique<Transfer>();
  transfer->id = next_id_++;
  transfer->request = std::move(request);
  transfer->done = std::move(done);
  transfer->easy = curl_easy_init();
  if (transfer->easy == nullptr) throw std::bad_alloc();
  SetOptions(transfer.get());
  const RequestId id = transfer->id;
  curl_multi_add_handle(multi_, transfer->easy);
  transfers_.emplace(id, std::move(transfer));
  return id;
}

void Client::Impl::Cancel(RequestId id) {
  const auto found = transfers_.find(id);
  if (found == transfers_.end()) return;
  curl_multi_remove_handle(multi_, found->second->easy);
  transfers_.erase(found);
}

void Client::Impl::Finish(CURL* easy, CURLcode code) {
  Transfer* raw = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &raw);
  const auto found = transfers_.find(raw->id);
  const std::unique_ptr<Transfer> transfer = std::move(found->second);
  transfers_.erase(found);
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl_multi_remove_handle(multi_, easy);
  ClientAnswer& answer = transfer->answer;
  answer.status = static_cast<int>(status);
  answer.failure = FailureOf(code);
  if (transfer->too_large) answer.failure = ClientFailure::kTooLarge;
  if (transfer->bad_head) answer.failure = ClientFailure::kProtocol;
  if (answer.failure == ClientFailure::kNone && status == 0) {
    answer.failure = ClientFailure::kProtocol;
  }
  if (answer.failure != ClientFailure::kNone) {
    answer.error = transfer->error[0] != 0 ? transfer->error : curl_easy_strerror(code);
    if (AnswersWithoutTls(code, answer.error)) {
      answer.failure = ClientFailure::kProtocol;
      answer.error = "it answers without TLS; write http:// for https://";
    }
    if (transfer->too_large) answer.error = "the answer is longer than it may be";
    if (transfer->no_memory) answer.error = "no memory for the answer";
    answer.body.clear();
  }
  transfer->done(std::move(answer));
}

void Client::Impl::Poll(std::chrono::milliseconds timeout) {
  int running = 0;
  curl_multi_perform(multi_, &running);
  int left = 0;
  bool any_done = false;
  while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    Finish(message->easy_handle, message->data.result);
    any_done = true;
  }
  if (!any_done) curl_multi_poll(multi_, nullptr, 0, static_cast<int>(timeout.count()), nullptr);
}

Result<std::unique_ptr<Client>> Client::Create(const ClientOptions& options) {
  if (GlobalInit() != CURLE_OK) return Internal("libcurl could not be initialised");
  if (!options.ca_path.empty() && ::access(options.ca_path.c_str(), R_OK) != 0) {
    return InvalidArgument(ErrnoStatus(errno, options.ca_path).message() +
                           "; expected a PEM file of trusted certificates");
  }
  return std::unique_ptr<Client>(new Client(std::make_unique<Impl>(options)));
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

Client::RequestId Client::Start(ClientRequest request, Done done) {
  return impl_->Start(std::move(request), std::move(done));
}
void Client::Cancel(RequestId id) { impl_->Cancel(id); }
void Client::Poll(std::chrono::milliseconds timeout) { impl_->Poll(timeout); }
void Client::Wake() { impl_->Wake(); }

}  // namespace octoscale::http
