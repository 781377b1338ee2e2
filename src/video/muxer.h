// Muxer: an output file under construction. Included only by the .cc files of this folder.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/cancel.h"
#include "base/partial_file.h"
#include "base/status.h"
#include "video/container.h"
#include "video/libav.h"

namespace octoscale {

// Not thread-safe. Writes packets in the order given (no interleaving buffer): memory is bounded.
class Muxer {
 public:
  // `work_directory`: where the unfinished file lies; empty: beside the output.
  static Result<std::unique_ptr<Muxer>> Create(const std::string& path, const Container& container,
                                               const std::string& work_directory,
                                               const CancelToken& cancel);
  ~Muxer();

  AVFormatContext* context() { return context_; }
  const Container& container() const { return container_; }
  const std::string& unfinished_path() const { return partial_.path(); }

  // `options` keeps those that the muxer doesn't know.
  Status WriteHeader(AvDict* options);
  // The packet's times are in its stream's time base. Takes the packet's references.
  Status Write(AVPacket* packet);
  // Trailer, `before_naming` (may be empty), sync, final name. The size of the file.
  Result<int64_t> Close(bool overwrite,
                        const std::function<Status(const std::string&)>& before_naming);

 private:
  Muxer(std::string path, const Container& container, const CancelToken& cancel,
        PartialFile partial);
  Status WriteError(int error, const char* what);

  std::string path_;
  Container container_;
  CancelToken cancel_;
  PartialFile partial_;
  AVFormatContext* context_ = nullptr;
};

}  // namespace octoscale
