#include "vidaio/address_guard.h"

#include <arpa/inet.h>

#include <cstring>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octoscale {
namespace {

std::string Kind(const std::string& text) {
  sockaddr_storage storage = {};
  if (text.find(':') == std::string::npos) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    EXPECT_EQ(inet_pton(AF_INET, text.c_str(), &address.sin_addr), 1) << text;
    std::memcpy(&storage, &address, sizeof(address));
  } else {
    sockaddr_in6 address = {};
    address.sin6_family = AF_INET6;
    EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &address.sin6_addr), 1) << text;
    std::memcpy(&storage, &address, sizeof(address));
  }
  const auto* address = reinterpret_cast<const sockaddr*>(&storage);
  EXPECT_EQ(AddressText(address), text);
  return std::string(SpecialAddressKind(address));
}

TEST(AddressGuardTest, PublicAddressesPass) {
  for (const char* address :
       {"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
        "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "223.255.255.255",
        "2606:4700::1111", "2a00:1450:4001::200e", "2001:4860:4860::8888", "64:ff9b::808:808",
        "2002:808:808::1", "::ffff:8.8.8.8"}) {
    EXPECT_EQ(Kind(address), "") << address;
  }
}

TEST(AddressGuardTest, SpecialAddressesAreNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"0.0.0.0", "\"this network\""},
      {"10.1.2.3", "private"},
      {"100.64.0.1", "carrier-grade NAT"},
      {"100.100.100.200", "carrier-grade NAT"},
      {"127.0.0.1", "loopback"},
      {"127.255.255.255", "loopback"},
      {"168.63.129.16", "cloud metadata"},
      {"169.254.169.254", "link-local"},
      {"172.16.0.1", "private"},
      {"172.31.255.255", "private"},
      {"192.168.255.255", "private"},
      {"198.19.255.255", "benchmarking"},
      {"224.0.0.1", "multicast"},
      {"255.255.255.255", "reserved"},
      {"::", "reserved"},
      {"::1", "loopback"},
      {"::2", "reserved"},
      {"::ffff:127.0.0.1", "loopback"},
      {"::ffff:169.254.169.254", "link-local"},
      {"64:ff9b::7f00:1", "loopback"},
      {"2002:7f00:1::", "loopback"},
      {"2001::1", "reserved"},
      {"2001:db8::1", "documentation"},
      {"fc00::1", "unique local"},
      {"fd00:ec2::254", "unique local"},
      {"fe80::1", "link-local"},
      {"febf::1", "link-local"},
      {"ff02::1", "multicast"},
      {"4000::1", "reserved"},
  };
  for (const auto& [address, kind] : cases) EXPECT_EQ(Kind(address), kind) << address;
}

TEST(AddressGuardTest, HostRules) {
  const HostRule plain = *ParseHostRule("Cache.Example");
  EXPECT_TRUE(plain.Matches("cache.example", 80));
  EXPECT_FALSE(plain.Matches("x.cache.example", 80));
  const HostRule port = *ParseHostRule("127.0.0.1:9000");
  EXPECT_TRUE(port.Matches("127.0.0.1", 9000));
  EXPECT_FALSE(port.Matches("127.0.0.1", 9001));
  const HostRule v6 = *ParseHostRule("[::1]:9000");
  EXPECT_TRUE(v6.Matches("[::1]", 9000));
  const HostRule domain = *ParseHostRule("*.example.org");
  EXPECT_TRUE(domain.Matches("a.b.example.org", 443));
  EXPECT_FALSE(domain.Matches("example.org", 443));
  EXPECT_FALSE(domain.Matches("badexample.org", 443));
  for (const char* bad : {"", "*", "host:", "host:0", "host:70000", "http://host", "a*.b"}) {
    EXPECT_FALSE(ParseHostRule(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace octoscale
