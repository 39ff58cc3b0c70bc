#include "drill/calls.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "unit/drill/parsed.hpp"

namespace fairlead::drill {
namespace {

class CallsTest : public testing::Test {
protected:
    // Descriptor 3 of the script is 33 of the backend.
    void SetUp() override {
        const Call call = call_of("0 socket(..., SOCK_STREAM, 0) = 3");
        EXPECT_FALSE(calls.check(call, request::Socket{}, {.value = 33}));
    }
    template <typename R>
    R request_of(std::string_view text) {
        const auto request = calls.to_request(call_of("0 " + std::string{text}));
        EXPECT_TRUE(request) << request.error().message;
        return request ? std::get<R>(*request) : R{};
    }
    std::string error_of_call(std::string_view text) {
        const auto request = calls.to_request(call_of("0 " + std::string{text}));
        return request ? "" : request.error().message;
    }

    Settings settings;
    Calls calls{settings};
};

TEST_F(CallsTest, ThreeDotsStandForWhatTheSettingsSay) {
    EXPECT_EQ(request_of<request::Socket>("socket(..., SOCK_STREAM, 0) = 4").domain, AF_INET);
    settings.ip_version = IpVersion::V6;
    EXPECT_EQ(request_of<request::Socket>("socket(..., SOCK_STREAM, 0) = 4").domain, AF_INET6);
    EXPECT_EQ(request_of<request::Bind>("bind(3, ..., ...) = 0").local,
              (Endpoint{settings.local_v6.address, 8080}));
    settings.ip_version = IpVersion::V4MappedV6;
    EXPECT_EQ(request_of<request::Socket>("socket(..., SOCK_STREAM, 0) = 4").domain, AF_INET6);
    EXPECT_EQ(request_of<request::Connect>("connect(3, ..., ...) = 0").peer,
              (Endpoint{settings.remote_v4, 8080}));
}

TEST_F(CallsTest, AddressesAreStructs) {
    EXPECT_EQ(request_of<request::Bind>("bind(3, {sa_family=AF_INET, sin_port=htons(80), "
                                        "sin_addr=inet_addr(\"1.2.3.4\")}, 16) = 0")
                  .local,
              (Endpoint{IpAddress::v4(1, 2, 3, 4), 80}));
    EXPECT_EQ(error_of_call("bind(3, {sa_family=AF_INET, sin_port=htons(80), "
                            "sin_addr=inet_addr(\"1.2.3\")}, 16) = 0"),
              "inet_addr(\"1.2.3\") is not an address");
    EXPECT_EQ(error_of_call("bind(3, {sa_family=AF_INET}, 16) = 0"),
              "{sa_family=AF_INET} lacks sa_family, a port or an address");
    EXPECT_EQ(error_of_call("connect(3, 7, 16) = 0"), "7 is not a socket address");
}

TEST_F(CallsTest, TransfersHaveLengthsAndFlags) {
    const auto r = request_of<request::Receive>("recv(3, ..., 10, MSG_PEEK|MSG_DONTWAIT) = 1");
    EXPECT_EQ(r.fd, 33);
    EXPECT_EQ(r.bytes, 10u);
    EXPECT_EQ(r.flags, MSG_PEEK | MSG_DONTWAIT);
    EXPECT_EQ(request_of<request::Receive>("readv(3, [{..., 10}, {..., 20}], 2) = 1").bytes, 30u);
    EXPECT_EQ(request_of<request::Send>("writev(3, [{iov_base=..., iov_len=10}, {..., 20}], 2) = 1")
                  .bytes,
              30u);
    const auto s = request_of<request::Send>("sendto(3, ..., 5, MSG_MORE, ..., ...) = 5");
    EXPECT_EQ(s.flags, MSG_MORE);
    EXPECT_EQ(s.to, (Endpoint{settings.remote_v4, 8080}));
    EXPECT_FALSE(request_of<request::Send>("sendto(3, ..., 5, 0, NULL, 0) = 5").to);
    EXPECT_EQ(error_of_call("read(3, ..., -1) = 0"), "-1 is no length from 0 to 67108864");
    EXPECT_EQ(error_of_call("read(3, ..., 99999999) = 0"),
              "99999999 is no length from 0 to 67108864");
}

TEST_F(CallsTest, OptionsAreBytes) {
    using Octets = std::vector<std::uint8_t>;
    EXPECT_EQ(
        request_of<request::SetOption>("setsockopt(3, IPPROTO_TCP, TCP_NODELAY, [258], 4) = 0")
            .value,
        (Octets{2, 1, 0, 0}));
    EXPECT_EQ(request_of<request::SetOption>(
                  "setsockopt(3, SOL_SOCKET, SO_LINGER, {onoff=1, linger=5}, 8) = 0")
                  .value,
              (Octets{1, 0, 0, 0, 5, 0, 0, 0}));
    EXPECT_EQ(request_of<request::SetOption>(
                  "setsockopt(3, IPPROTO_TCP, TCP_CONGESTION, \"reno\", 4) = 0")
                  .value,
              (Octets{'r', 'e', 'n', 'o'}));
    const auto get =
        request_of<request::GetOption>("getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [4]) = 0");
    EXPECT_EQ(get.level, SOL_SOCKET);
    EXPECT_EQ(get.name, SO_ERROR);
    EXPECT_EQ(get.bytes, 4u);
}

TEST_F(CallsTest, PollHasEntries) {
    const auto r = request_of<request::Poll>(
        "poll([{fd=3, events=POLLIN|POLLOUT, revents=0}, {fd=9, events=POLLIN}], 2, -1) = 0");
    ASSERT_EQ(r.entries.size(), 2u);
    EXPECT_EQ(r.entries[0].fd, 33);
    EXPECT_EQ(r.entries[0].events, POLLIN | POLLOUT);
    EXPECT_EQ(r.entries[1].fd, -1);
    EXPECT_EQ(r.timeout_ms, -1);
}

TEST_F(CallsTest, WrongArgumentsAndUnknownNamesAreFaults) {
    EXPECT_EQ(error_of_call("listen(3) = 0"), "listen is called as listen(fd, backlog)");
    EXPECT_EQ(error_of_call("accept4(3, ..., ...) = 0"),
              "accept4 is called as accept4(fd, ..., ..., flags)");
    EXPECT_EQ(error_of_call("listen(3, NONSENSE) = 0"), "'NONSENSE' is no constant");
    EXPECT_EQ(error_of_call("listen(3, [1]) = 0"), "[1] is not a number");
    EXPECT_EQ(error_of_call("listen(3, 9999999999) = 0"), "9999999999 is not an int");
    EXPECT_TRUE(calls.to_request(call_of("0 splice(3) = 0")).error().is_unsupported);
}

}  // namespace
}  // namespace fairlead::drill
