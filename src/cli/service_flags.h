// What the options of `octoscale worker` and `octoscale serve` have in common.
#pragma once

#include <string>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace octoscale {

// An option with its default in --help. T: std::string.
template <typename T>
CLI::Option* AddOption(CLI::App& command, const char* group, const char* name, T& value,
                       const char* help, const char* type);

// The same for a number from `least` to `most`. T: int, int64_t, uint64_t or double.
template <typename T>
CLI::Option* AddNumber(CLI::App& command, const char* group, const char* name, T& value,
                       const char* help, double least, double most, const char* type = "N");

void AddListenFlag(CLI::App& command, const char* group, std::string& listen);

constexpr const char* kAccessGroup = "Access";

// --token-file, --insecure, --tls-cert and --tls-key, in kAccessGroup.
void AddAccessFlags(CLI::App& command, std::string& token_path, bool& insecure,
                    std::string& tls_cert_path, std::string& tls_key_path);

}  // namespace octoscale
