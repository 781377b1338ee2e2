#include "cli/service_flags.h"

#include <CLI/CLI.hpp>
#include <cstdint>

namespace octoscale {

template <typename T>
CLI::Option* AddOption(CLI::App& command, const char* group, const char* name, T& value,
                       const char* help, const char* type) {
  return command.add_option(name, value, help)
      ->type_name(type)
      ->capture_default_str()
      ->group(group);
}

template <typename T>
CLI::Option* AddNumber(CLI::App& command, const char* group, const char* name, T& value,
                       const char* help, double least, double most, const char* type) {
  // The range is said when it is broken; in --help it would hide the default.
  return AddOption(command, group, name, value, help, type)
      ->check(CLI::Range(least, most).description(""));
}

template CLI::Option* AddOption(CLI::App&, const char*, const char*, std::string&, const char*,
                                const char*);
template CLI::Option* AddNumber(CLI::App&, const char*, const char*, int&, const char*, double,
                                double, const char*);
template CLI::Option* AddNumber(CLI::App&, const char*, const char*, int64_t&, const char*, double,
                                double, const char*);
template CLI::Option* AddNumber(CLI::App&, const char*, const char*, uint64_t&, const char*, double,
                                double, const char*);
template CLI::Option* AddNumber(CLI::App&, const char*, const char*, double&, const char*, double,
                                double, const char*);

void AddListenFlag(CLI::App& command, const char* group, std::string& listen) {
  AddOption(command, group, "--listen", listen, "Address and port; port 0 lets the system choose",
            "ADDRESS:PORT");
}

void AddAccessFlags(CLI::App& command, std::string& token_path, bool& insecure,
                    std::string& tls_cert_path, std::string& tls_key_path) {
  command.add_option("--token-file", token_path, "Let in who sends one of these bearer tokens")
      ->type_name("FILE")
      ->group(kAccessGroup);
  command.add_flag("--insecure", insecure, "Allow another address than loopback without a token")
      ->group(kAccessGroup);
  command.add_option("--tls-cert", tls_cert_path, "PEM certificate chain; with --tls-key")
      ->type_name("FILE")
      ->group(kAccessGroup);
  command.add_option("--tls-key", tls_key_path, "PEM key of the certificate")
      ->type_name("FILE")
      ->group(kAccessGroup);
}

}  // namespace octoscale
