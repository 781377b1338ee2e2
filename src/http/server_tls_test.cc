// The server over TLS, with a client that checks its certificate.
#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/testing/temp_dir.h"
#include "http/client.h"
#include "http/server.h"

namespace octoscale::http {
namespace {

// A self-signed certificate of 127.0.0.1 and its key, in PEM files that go with this object.
class TestCertificate {
 public:
  TestCertificate() {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"),
                                                                  &EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), &X509_free);
    X509_set_version(certificate.get(), X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 24 * 3600);
    X509_set_pubkey(certificate.get(), key.get());
    X509_NAME* name = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("worker"), -1, -1, 0);
    X509_set_issuer_name(certificate.get(), name);
    X509_EXTENSION* address =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(certificate.get(), address, -1);
    X509_EXTENSION_free(address);
    X509_sign(certificate.get(), key.get(), EVP_sha256());
    std::FILE* file = std::fopen(certificate_path().c_str(), "w");
    PEM_write_X509(file, certificate.get());
    std::fclose(file);
    file = std::fopen(key_path().c_str(), "w");
    PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
  }
  std::string certificate_path() const { return folder_ / "server.crt"; }
  std::string key_path() const { return folder_ / "server.key"; }

 private:
  const TempDir folder_;
};

class ServerTlsTest : public testing::Test {
 protected:
  void SetUp() override {
    Router router;
    router.AddGet("/hello",
                  [](const RequestHead&) { return TextResponse(200, "text/plain", "hello"); });
    ServerOptions options;
    options.tls_cert_path = certificate_.certificate_path();
    options.tls_key_path = certificate_.key_path();
    auto server = Server::Create(std::move(options), std::move(router));
    ASSERT_TRUE(server.ok()) << server.status().message();
    server_ = std::move(*server);
    server_->Start();
    MakeClient();
  }

  void MakeClient() {
    auto client = Client::Create({.ca_path = certificate_.certificate_path()});
    ASSERT_TRUE(client.ok()) << client.status().message();
    client_ = std::move(*client);
  }

  std::string Get(const std::vector<Field>& fields) {
    ClientRequest request;
    request.url = "https://127.0.0.1:" + std::to_string(server_->port()) + "/hello";
    request.fields = fields;
    std::optional<ClientAnswer> answer;
    client_->Start(std::move(request), [&](ClientAnswer a) { answer = std::move(a); });
    while (!answer) client_->Poll(std::chrono::milliseconds(100));
    EXPECT_EQ(answer->status, 200) << answer->error;
    return {answer->body.begin(), answer->body.end()};
  }

  const TestCertificate certificate_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Client> client_;
};

TEST_F(ServerTlsTest, EndsConnectionsAfterTheirLastAnswer) {
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Get({{"Connection", "close"}}), "hello");
  EXPECT_TRUE(server_->WaitDrained(std::chrono::seconds(20)));
  EXPECT_EQ(server_->active_requests(), 0);
}

TEST_F(ServerTlsTest, DrainEndsConnectionsThatWait) {
  EXPECT_EQ(Get({}), "hello");
  const std::unique_ptr<Client> stays = std::move(client_);
  MakeClient();
  EXPECT_EQ(Get({}), "hello");
  server_->BeginDrain();
  client_.reset();
  EXPECT_TRUE(server_->WaitDrained(std::chrono::seconds(20)));
  server_->Stop();
}

}  // namespace
}  // namespace octoscale::http
