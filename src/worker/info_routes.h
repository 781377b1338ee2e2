// The routes that answer questions about the worker: health, metadata, status, metrics, OpenAPI.
#pragma once

#include <string_view>

#include "http/router.h"
#include "worker/worker_context.h"

namespace octoscale::worker {

// `context` outlives the router.
void AddInfoRoutes(WorkerContext* context, http::Router* router);

// The OpenAPI 3 description served at /openapi.json.
std::string_view OpenApiJson();

// Version of the program, e.g. "0.1.0".
std::string_view WorkerVersion();

}  // namespace octoscale::worker
