#include "video/picture.h"

#include "video/picture_impl.h"

namespace octoscale {

Picture::Picture() = default;
Picture::Picture(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Picture::Picture(Picture&&) noexcept = default;
Picture& Picture::operator=(Picture&&) noexcept = default;
Picture::~Picture() = default;

FrameSize Picture::size() const { return {impl_->frame->width, impl_->frame->height}; }
FrameTime Picture::time() const { return impl_->time; }
void Picture::set_time(FrameTime time) { impl_->time = time; }

size_t Picture::size_bytes() const {
  size_t bytes = 0;
  for (const AVBufferRef* buffer : impl_->frame->buf) {
    if (buffer != nullptr) bytes += buffer->size;
  }
  return bytes;
}

}  // namespace octoscale
