#include "http/connection.h"

namespace octoscale::http {

const char* ConnectionRegistry::Admit(const std::string& address_group) {
  const std::lock_guard lock(mutex_);
  if (admitted_ >= limits_.connections_max) return "the server has all the connections it may";
  int& of_address = by_address_[address_group];
  if (of_address >= limits_.connections_per_address_max) {
    return "this address has all the connections it may";
  }
  ++of_address;
  ++admitted_;
  return nullptr;
}

void ConnectionRegistry::Add(const std::shared_ptr<Connection>& connection) {
  const std::lock_guard lock(mutex_);
  connections_[connection.get()] = connection;
}

void ConnectionRegistry::Remove(Connection* connection, const std::string& address_group) {
  const std::lock_guard lock(mutex_);
  connections_.erase(connection);
  const auto it = by_address_.find(address_group);
  if (it != by_address_.end()) {
    --admitted_;
    if (--it->second == 0) by_address_.erase(it);
  }
  changed_.notify_all();
}

std::vector<std::shared_ptr<Connection>> ConnectionRegistry::All() const {
  std::vector<std::shared_ptr<Connection>> all;
  const std::lock_guard lock(mutex_);
  for (const auto& [key, weak] : connections_) {
    if (auto connection = weak.lock()) all.push_back(std::move(connection));
  }
  return all;
}

void ConnectionRegistry::ExchangeBegins() {
  const std::lock_guard lock(mutex_);
  ++exchanges_;
}

void ConnectionRegistry::ExchangeEnds() {
  const std::lock_guard lock(mutex_);
  --exchanges_;
  changed_.notify_all();
}

int ConnectionRegistry::exchanges() const {
  const std::lock_guard lock(mutex_);
  return exchanges_;
}

bool ConnectionRegistry::WaitIdle(std::chrono::steady_clock::time_point until, bool closed) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, until,
                             [&] { return exchanges_ == 0 && (!closed || connections_.empty()); });
}

}  // namespace octoscale::http
