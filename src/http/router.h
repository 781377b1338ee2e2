// Maps a method and a path to the handler that answers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/handler.h"

namespace octoscale::http {

struct Route {
  std::string method;   // "GET" also answers HEAD
  std::string pattern;  // "/v2/models/{model}/infer"; {name} takes one segment
  std::function<std::shared_ptr<RequestHandler>()> make_handler;
  uint64_t body_bytes_max = 0;  // 0: no body is accepted
  bool open = false;            // served without a token
};

class Router {
 public:
  void Add(Route route);
  // A route without a body whose answer is ready at once. `answer` runs on an I/O thread.
  void AddGet(std::string pattern, std::function<Response(const RequestHead&)> answer,
              bool open = false);

  struct Match {
    const Route* route = nullptr;  // null: see `allowed`
    std::vector<Field> path_parameters;
    std::vector<std::string> allowed;  // methods of this path; empty: no such path
  };
  // The routes must not change while matches are in use.
  Match Find(std::string_view method, std::string_view path) const;

 private:
  std::vector<Route> routes_;
};

}  // namespace octoscale::http
