#include "http/file_transfer.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <new>
#include <utility>

namespace octoscale::http {
namespace {

constexpr size_t kTextBytesMax = 16 * 1024;
constexpr size_t kFieldsMax = 100;
constexpr long kSocketBufferBytes = 256 * 1024;

struct EasyCloser {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct ListCloser {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// State of one call; libcurl's callbacks get a pointer to it.
struct Call {
  const FileTransfer& transfer;
  const CancelToken& cancel;
  CURL* easy = nullptr;
  TransferAnswer answer = {};
  Status stopped = {};  // why a callback ended the transfer
  uint64_t sent = 0;
  bool head_done = false;
  bool no_memory = false;

  bool Stop(Status status) {
    if (stopped.ok()) stopped = std::move(status);
    return false;
  }
  bool TakeHeadLine(std::string_view line);
  bool TakeBody(std::span<const uint8_t> bytes);
};

// libcurl is C: nothing may be thrown through it.
template <typename Take>
bool Guarded(Call* call, Take take) {
  try {
    return take();
  } catch (const std::bad_alloc&) {
    call->no_memory = true;
    return false;
  }
}

bool Call::TakeHeadLine(std::string_view line) {
  if (head_done) return true;  // a trailer
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  // A new status line (after 100 Continue) starts the fields afresh.
  if (line.starts_with("HTTP/")) answer.fields.clear();
  const size_t colon = line.find(':');
  if (colon != std::string_view::npos && colon > 0) {
    if (answer.fields.size() >= kFieldsMax) {
      return Stop(Unavailable("the answer has more than 100 header fields"));
    }
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    answer.fields.push_back({std::string(line.substr(0, colon)), std::string(value)});
  }
  if (!line.empty()) return true;
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  answer.status = static_cast<int>(status);
  head_done = status >= 200;
  if (status != 200 || !transfer.on_head) return true;
  Status checked = transfer.on_head(answer);
  return checked.ok() || Stop(std::move(checked));
}

bool Call::TakeBody(std::span<const uint8_t> bytes) {
  if (answer.status != 200) {
    const size_t room = kTextBytesMax - answer.text.size();
    answer.text.append(reinterpret_cast<const char*>(bytes.data()), std::min(room, bytes.size()));
    return bytes.size() <= room;
  }
  if (!transfer.on_body) return true;
  Status status = transfer.on_body(bytes);
  return status.ok() || Stop(std::move(status));
}

size_t OnField(char* bytes, size_t size, size_t count, void* user) {
  auto* call = static_cast<Call*>(user);
  const auto take = [&] { return call->TakeHeadLine({bytes, size * count}); };
  return Guarded(call, take) ? size * count : 0;
}

size_t OnBody(char* bytes, size_t size, size_t count, void* user) {
  auto* call = static_cast<Call*>(user);
  const auto take = [&] {
    return call->TakeBody({reinterpret_cast<const uint8_t*>(bytes), size * count});
  };
  return Guarded(call, take) ? size * count : 0;
}

size_t ReadUpload(char* bytes, size_t size, size_t count, void* user) {
  auto* call = static_cast<Call*>(user);
  const UploadBody& body = *call->transfer.upload;
  const size_t want = static_cast<size_t>(
      std::min<uint64_t>(size * count, body.bytes - std::min(body.bytes, call->sent)));
  if (want == 0) return 0;
  const ssize_t got = pread(body.fd, bytes, want, static_cast<off_t>(call->sent));
  if (got <= 0) {
    call->Stop(got < 0 ? ErrnoStatus(errno, "reading what is sent")
                       : IoError("the file that is sent became shorter"));
    return CURL_READFUNC_ABORT;
  }
  call->sent += static_cast<uint64_t>(got);
  return static_cast<size_t>(got);
}

int SeekUpload(void* user, curl_off_t offset, int origin) {
  if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<Call*>(user)->sent = static_cast<uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

curl_socket_t OpenSocket(void* user, curlsocktype, curl_sockaddr* address) {
  auto* call = static_cast<Call*>(user);
  // One refused address ends it all: a host that also has a harmless one is no better.
  if (!call->stopped.ok()) return CURL_SOCKET_BAD;
  if (call->transfer.check_address) {
    Status checked = call->transfer.check_address(&address->addr);
    if (!checked.ok()) {
      call->Stop(std::move(checked));
      return CURL_SOCKET_BAD;
    }
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

int OnProgress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto* call = static_cast<Call*>(user);
  if (Status status = call->cancel.Check(); !status.ok()) call->Stop(std::move(status));
  return call->stopped.ok() ? 0 : 1;
}

Status StatusOf(CURLcode code, const char* detail) {
  const std::string text = detail[0] != 0 ? detail : curl_easy_strerror(code);
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return DeadlineExceeded("too slow: " + text);
    case CURLE_COULDNT_RESOLVE_HOST:
      return Unavailable("the host is unknown: " + text);
    case CURLE_COULDNT_CONNECT:
      return Unavailable("nobody answers: " + text);
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
      return Unavailable("the connection broke: " + text);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return InvalidArgument("the TLS certificate is not trusted: " + text);
    default:
      return Unavailable(text);
  }
}

template <typename T>
void Set(CURL* easy, CURLoption option, T value) {
  curl_easy_setopt(easy, option, value);
}

void SetLimits(CURL* easy, const FileTransfer& transfer) {
  Set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(transfer.connect_timeout.count()));
  Set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<int64_t>(1, transfer.timeout.count())));
  Set(easy, CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(transfer.rate_bytes_per_s_min));
  Set(easy, CURLOPT_LOW_SPEED_TIME, static_cast<long>(transfer.rate_window.count()));
}

void SetUpload(CURL* easy, Call* call) {
  Set(easy, CURLOPT_UPLOAD, 1L);
  Set(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(call->transfer.upload->bytes));
  Set(easy, CURLOPT_READFUNCTION, &ReadUpload);
  Set(easy, CURLOPT_READDATA, call);
  Set(easy, CURLOPT_SEEKFUNCTION, &SeekUpload);
  Set(easy, CURLOPT_SEEKDATA, call);
  Set(easy, CURLOPT_UPLOAD_BUFFERSIZE, kSocketBufferBytes);
}

void SetOptions(CURL* easy, Call* call) {
  const FileTransfer& transfer = call->transfer;
  Set(easy, CURLOPT_URL, transfer.url.c_str());
  Set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  Set(easy, CURLOPT_PROXY, "");
  Set(easy, CURLOPT_FOLLOWLOCATION, 0L);
  Set(easy, CURLOPT_NOSIGNAL, 1L);
  Set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  Set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!transfer.ca_path.empty()) {
    Set(easy, CURLOPT_CAINFO, transfer.ca_path.c_str());
    Set<const char*>(easy, CURLOPT_CAPATH, nullptr);
  }
  Set(easy, CURLOPT_BUFFERSIZE, kSocketBufferBytes);
  Set(easy, CURLOPT_HEADERFUNCTION, &OnField);
  Set(easy, CURLOPT_HEADERDATA, call);
  Set(easy, CURLOPT_WRITEFUNCTION, &OnBody);
  Set(easy, CURLOPT_WRITEDATA, call);
  Set(easy, CURLOPT_OPENSOCKETFUNCTION, &OpenSocket);
  Set(easy, CURLOPT_OPENSOCKETDATA, call);
  Set(easy, CURLOPT_NOPROGRESS, 0L);
  Set(easy, CURLOPT_XFERINFOFUNCTION, &OnProgress);
  Set(easy, CURLOPT_XFERINFODATA, call);
  SetLimits(easy, transfer);
  if (transfer.upload) SetUpload(easy, call);
}

}  // namespace

std::string_view TransferAnswer::Header(std::string_view name) const {
  for (const Field& field : fields) {
    if (EqualsIgnoreCase(field.name, name)) return field.value;
  }
  return {};
}

Result<TransferAnswer> RunTransfer(const FileTransfer& transfer, const CancelToken& cancel) {
  OCTO_RETURN_IF_ERROR(cancel.Check());
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, EasyCloser> easy(initialised == CURLE_OK ? curl_easy_init()
                                                                       : nullptr);
  if (!easy) return Internal("libcurl could not be initialised");
  Call call{transfer, cancel, easy.get()};
  char detail[CURL_ERROR_SIZE] = {};
  SetOptions(easy.get(), &call);
  Set(easy.get(), CURLOPT_ERRORBUFFER, detail);
  std::unique_ptr<curl_slist, ListCloser> list;
  for (const Field& field : transfer.fields) {
    const std::string line = field.name + ": " + field.value;
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) return Internal("no memory for a request");
    static_cast<void>(list.release());
    list.reset(longer);
  }
  Set(easy.get(), CURLOPT_HTTPHEADER, list.get());
  const CURLcode code = curl_easy_perform(easy.get());
  if (!call.stopped.ok()) return call.stopped;
  if (call.no_memory) return ResourceExhausted("not enough memory for an answer");
  // A server may answer and close before it has read an upload, and the body of any answer but a
  // 200 may be longer than is of interest: then the answer counts.
  const bool answered = (transfer.upload && call.answer.status >= 400) || code == CURLE_WRITE_ERROR;
  if (code != CURLE_OK && !answered) return StatusOf(code, detail);
  return std::move(call.answer);
}

}  // namespace octoscale::http
