#include "drill/calls.hpp"

#include <cstring>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "drill/structs.hpp"
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
    EXPECT_EQ(endpoint_of(request_of<request::Bind>("bind(3, ..., ...) = 0").name),
              (Endpoint{settings.local_v6.address, 8080}));
    settings.ip_version = IpVersion::V4MappedV6;
    EXPECT_EQ(request_of<request::Socket>("socket(..., SOCK_STREAM, 0) = 4").domain, AF_INET6);
    const auto mapped = request_of<request::Connect>("connect(9, ..., ...) = 0").name;
    EXPECT_EQ(mapped.size(), sizeof(sockaddr_in6));
    EXPECT_EQ(endpoint_of(mapped), (Endpoint{settings.remote_v4, 8080}));
    // The name is of the family that the socket has.
    EXPECT_EQ(request_of<request::Connect>("connect(3, ..., ...) = 0").name.size(),
              sizeof(sockaddr_in6));
}

TEST_F(CallsTest, AddressesAreStructs) {
    EXPECT_EQ(request_of<request::Bind>("bind(3, {sa_family=AF_INET, sin_port=htons(80), "
                                        "sin_addr=inet_addr(\"1.2.3.4\")}, 16) = 0")
                  .name,
              (Octets{AF_INET, 0, 0, 80, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0}));
    EXPECT_EQ(request_of<request::Bind>("bind(3, {sa_family=AF_UNSPEC}, 2) = 0").name,
              (Octets{0, 0}));
    const auto v6 = request_of<request::Bind>(
                        "bind(3, {sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=7, "
                        "sin6_addr=inet_pton(AF_INET6, \"fd3d::5\"), sin6_scope_id=9}, ...) = 0")
                        .name;
    Octets by_hand{AF_INET6, 0, 0, 80, 0, 0, 0, 7, 0xfd, 0x3d};
    by_hand.resize(23);
    for (const int byte : {5, 9, 0, 0, 0}) by_hand.push_back(static_cast<std::uint8_t>(byte));
    EXPECT_EQ(v6, by_hand);
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
    EXPECT_EQ(r.pieces, (std::vector<std::size_t>{10}));
    EXPECT_FALSE(r.is_read);
    EXPECT_TRUE(request_of<request::Receive>("read(3, ..., 10) = 1").is_read);
    EXPECT_TRUE(request_of<request::Send>("write(3, ..., 10) = 1").is_write);
    EXPECT_EQ(r.flags, MSG_PEEK | MSG_DONTWAIT);
    using Lengths = std::vector<std::size_t>;
    EXPECT_EQ(request_of<request::Receive>("readv(3, [{..., 10}, {..., 20}], 2) = 1").pieces,
              (Lengths{10, 20}));
    EXPECT_EQ(request_of<request::Send>("writev(3, [{iov_base=..., iov_len=10}, {..., 20}], 2) = 1")
                  .pieces,
              (Lengths{10, 20}));
    EXPECT_EQ(error_of_call("readv(3, [{..., 10}], 2) = 1"), "there are 1 pieces, not 2");
    EXPECT_EQ(error_of_call("writev(3, [{..., 67108864}, {..., 1}], 2) = 1"),
              "a call moves at most 67108864 bytes");
    EXPECT_EQ(error_of_call("writev(3, [7], 1) = 1"), "expected {..., bytes}");
    const auto s = request_of<request::Send>("sendto(3, ..., 5, MSG_MORE, ..., ...) = 5");
    EXPECT_EQ(s.flags, MSG_MORE);
    EXPECT_EQ(endpoint_of(s.name), (Endpoint{settings.remote_v4, 8080}));
    EXPECT_TRUE(request_of<request::Send>("sendto(3, ..., 5, 0, NULL, 0) = 5").name.empty());
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
    EXPECT_GT(r.entries[1].fd, 1'000'000);  // not open, and not passed over
    EXPECT_EQ(r.timeout_ms, -1);
}

TEST_F(CallsTest, MessagesHavePiecesNamesAndControl) {
    const auto sent = request_of<request::Send>(
        "sendmsg(3, {msg_name(...)=..., msg_iov(2)=[{..., 10}, {..., 20}], msg_flags=0, "
        "msg_control=[{cmsg_level=SOL_IP, cmsg_type=IP_TTL, cmsg_data=7}]}, MSG_DONTWAIT) = 30");
    EXPECT_EQ(sent.pieces, (std::vector<std::size_t>{10, 20}));
    EXPECT_EQ(sent.flags, MSG_DONTWAIT);
    EXPECT_EQ(endpoint_of(sent.name), (Endpoint{settings.remote_v4, 8080}));
    EXPECT_EQ(sent.control, (Octets{20,     0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  // SOL_IP
                                    IP_TTL, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0}));
    const auto received = request_of<request::Receive>(
        "recvmsg(3, {msg_iov(1)=[{..., 9}], msg_control=[{cmsg_level=SOL_IP, cmsg_type=IP_TTL, "
        "cmsg_data=7}]}, 0) = 9");
    EXPECT_EQ(received.control_bytes, CMSG_SPACE(4));
    EXPECT_EQ(error_of_call("sendmsg(3, {msg_iov(2)=[{..., 1}]}, 0) = 1"),
              "there are 1 pieces, not 2");
    EXPECT_EQ(error_of_call("sendmsg(3, {msg_name=...}, 0) = 1"),
              "expected {msg_iov(count)=[{..., bytes}]}");
    EXPECT_EQ(error_of_call("sendmsg(3, {msg_lov=[{..., 1}]}, 0) = 1"),
              "msg_lov=[{..., 1}] is no field of msghdr");
    EXPECT_EQ(error_of_call("sendmsg(3, {msg_iov=[{..., 1}], msg_control=[{cmsg_type=1}]}, 0) = 1"),
              "expected {cmsg_level=, cmsg_type=, cmsg_data=}");
}

// struct cmsghdr, and two numbers of 64 bits.
Octets time_stamp(int type, std::int64_t seconds, std::int64_t rest) {
    Octets control(CMSG_SPACE(16));
    const std::uint64_t length = CMSG_LEN(16);
    const int level = SOL_SOCKET;
    std::memcpy(control.data(), &length, 8);
    std::memcpy(control.data() + 8, &level, 4);
    std::memcpy(control.data() + 12, &type, 4);
    std::memcpy(control.data() + 16, &seconds, 8);
    std::memcpy(control.data() + 24, &rest, 8);
    return control;
}

TEST_F(CallsTest, ATimeStampIsHeldAgainstTheTimeSinceTheScriptBegan) {
    const auto told = [&](std::string data, int type, Octets control) {
        relate_stamps(control, Instant::from_ns(5'900'000'000));
        const Call call = call_of(
            "0 recvmsg(3, {msg_iov(1)=[{..., 9}], msg_control=["
            "{cmsg_level=SOL_SOCKET, cmsg_type=" +
            std::to_string(type) + ", cmsg_data=" + data + "}]}, 0) = 0");
        const auto fault = calls.check(call, *calls.to_request(call),
                                       {.control = std::move(control), .tolerance = 4_ms});
        return fault ? fault->message : "";
    };
    constexpr int kMicroseconds = SO_TIMESTAMP;
    constexpr int kNanoseconds = SO_TIMESTAMPNS;
    EXPECT_EQ(
        told("{scm_sec=1, scm_nsec=102000000}", SO_TIMESTAMPING, time_stamp(SO_TIMESTAMPING, 7, 0)),
        "");
    EXPECT_EQ(told("{tv_sec=1, tv_usec=104000}", kMicroseconds, time_stamp(kMicroseconds, 7, 0)),
              "");
    EXPECT_EQ(told("{tv_sec=1, tv_nsec=96000000}", kNanoseconds, time_stamp(kNanoseconds, 7, 0)),
              "");
    EXPECT_EQ(told("{tv_sec=1, tv_usec=105000}", kMicroseconds, time_stamp(kMicroseconds, 7, 100)),
              "the time stamp is 1.1001 s, not 1.105 s (give or take 0.004)");
    EXPECT_EQ(told("7", kNanoseconds, time_stamp(kNanoseconds, 7, 0)),
              "expected {scm_sec=, scm_nsec=}");
}

TEST_F(CallsTest, WhatAMessageToldIsHeldAgainstTheScript) {
    const auto told = [&](std::string_view text, const Outcome& outcome) {
        const Call call = call_of("0 " + std::string{text});
        const auto fault = calls.check(call, *calls.to_request(call), outcome);
        return fault ? fault->message : "";
    };
    const std::string text =
        "recvmsg(3, {msg_name=..., msg_iov(1)=[{..., 9}], msg_flags=MSG_TRUNC, "
        "msg_control=[{cmsg_level=SOL_IP, cmsg_type=IP_TTL, cmsg_data=7}]}, 0) = 9";
    Outcome outcome{.value = 9, .control = {20,     0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  //
                                            IP_TTL, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0}};
    EXPECT_EQ(told(text, outcome), "msg_flags is 0x0, not MSG_TRUNC");
    outcome.message_flags = MSG_TRUNC;
    EXPECT_EQ(told(text, outcome), "");
    outcome.control[16] = 8;
    EXPECT_EQ(told(text, outcome), "cmsg_data is 8, not 7");
    outcome.control[12] = IP_TOS;
    EXPECT_EQ(told(text, outcome), "the control message is of level 0 and type 1, not 0 and 2");
    outcome.control.clear();
    EXPECT_EQ(told(text, outcome), "there are 0 control messages, not 1");
    const std::string from =
        "recvfrom(3, ..., 9, 0, {sa_family=AF_INET, sin_port=htons(80), "
        "sin_addr=inet_addr(\"1.2.3.4\")}, [16]) = 0";
    EXPECT_EQ(told(from, {.name = name_of({IpAddress::v4(1, 2, 3, 4), 80}, AF_INET)}), "");
    EXPECT_EQ(told(from, {.name = name_of({IpAddress::v4(1, 2, 3, 4), 81}, AF_INET)}),
              "the address is 1.2.3.4:81, not {sa_family=AF_INET, sin_port=htons(80), "
              "sin_addr=inet_addr(\"1.2.3.4\")}");
}

TEST_F(CallsTest, AnErrorOfTheQueueIsComparedByItsFields) {
    const Call call = call_of(
        "0 recvmsg(3, {msg_iov(1)=[{..., 9}], msg_control=[{cmsg_level=SOL_IP, "
        "cmsg_type=IP_RECVERR, cmsg_data={ee_errno=ECONNREFUSED, ee_origin=SO_EE_ORIGIN_ICMP, "
        "ee_type=3, ee_code=3, ee_info=0, ee_data=0}}]}, MSG_ERRQUEUE) = 0");
    Octets control{32,         0, 0, 0, 0,   0, 0, 0, 0, 0, 0, 0,
                   IP_RECVERR, 0, 0, 0, 111, 0, 0, 0, 2, 3, 3, 0};
    control.resize(32);
    const auto request = calls.to_request(call);
    EXPECT_GE(std::get<request::Receive>(*request).control_bytes, CMSG_SPACE(16 + 28));
    EXPECT_FALSE(calls.check(call, *request, {.control = control}));
    control[22] = 4;
    EXPECT_EQ(calls.check(call, *request, {.control = control})->message, "ee_code is 4, not 3");
    control.resize(24);
    control[0] = 24;
    EXPECT_EQ(calls.check(call, *request, {.control = control})->message,
              "the control message is too short for an error");
}

TEST_F(CallsTest, EpollEventsCarryWhatTheScriptGives) {
    const auto control = request_of<request::EpollControl>(
        "epoll_ctl(3, EPOLL_CTL_ADD, 3, {events=EPOLLIN|EPOLLET, fd=3}) = 0");
    EXPECT_EQ(control.epfd, 33);
    EXPECT_EQ(control.fd, 33);
    EXPECT_EQ(control.events, EPOLLIN | static_cast<std::uint32_t>(EPOLLET));
    EXPECT_EQ(control.data, 3u);
    EXPECT_EQ(request_of<request::EpollControl>(
                  "epoll_ctl(3, EPOLL_CTL_ADD, 3, {events=0, u64=0x1234567890}) = 0")
                  .data,
              0x1234567890u);
    EXPECT_EQ(request_of<request::EpollCreate>("epoll_create(0) = -1").flags, -1);
    EXPECT_EQ(request_of<request::EpollCreate>("epoll_create1(EPOLL_CLOEXEC) = 5").flags,
              EPOLL_CLOEXEC);
    const Call wait = call_of("0 epoll_wait(3, {events=EPOLLIN, fd=3}, 1, 5) = 1");
    const auto request = calls.to_request(wait);
    EXPECT_EQ(std::get<request::EpollWait>(*request).most, 1);
    EXPECT_EQ(std::get<request::EpollWait>(*request).timeout_ms, 5);
    EXPECT_FALSE(calls.check(wait, *request, {.value = 1, .events = {{EPOLLIN, 3}}}));
    EXPECT_EQ(calls.check(wait, *request, {.value = 1, .events = {{EPOLLOUT, 3}}})->message,
              "events is 0x4, not EPOLLIN");
    EXPECT_EQ(calls.check(wait, *request, {.value = 1, .events = {{EPOLLIN, 4}}})->message,
              "the event carries 4, not 3");
    EXPECT_EQ(error_of_call("epoll_wait(3, {events=EPOLLIN, fd=3}, 99999, 0) = 1"),
              "a call asks for at most 65536 events");
}

TEST_F(CallsTest, PipesFilesAndCopiesMakeDescriptors) {
    const Call pipe = call_of("0 pipe([5, 6]) = 0");
    EXPECT_FALSE(calls.check(pipe, *calls.to_request(pipe), {.ends = {55, 66}}));
    const auto splice = request_of<request::Splice>(
        "splice(5, NULL, 6, NULL, 100, SPLICE_F_MOVE|SPLICE_F_NONBLOCK) = 100");
    EXPECT_EQ(splice.in, 55);
    EXPECT_EQ(splice.out, 66);
    EXPECT_EQ(splice.bytes, 100u);
    EXPECT_EQ(splice.flags, 3u);
    const Call copy = call_of("0 fcntl(3, F_DUPFD, 10) = 10");
    EXPECT_FALSE(calls.check(copy, *calls.to_request(copy), {.value = 77}));
    EXPECT_EQ(request_of<request::Close>("close(10) = 0").fd, 77);
    const Call open = call_of("0 open(\"/tmp/testfile\", O_RDONLY) = 11");
    EXPECT_FALSE(calls.check(open, *calls.to_request(open), {.value = 78}));
    const auto file = request_of<request::SendFile>("sendfile(3, 11, [5], 100) = 100");
    EXPECT_EQ(file.in, 78);
    EXPECT_EQ(file.offset, 5);
    EXPECT_FALSE(request_of<request::SendFile>("sendfile(3, 11, NULL, 100) = 100").offset);
    EXPECT_EQ(error_of_call("open(\"/etc/passwd\", O_RDONLY) = 12"),
              "a script opens files of its own only: /tmp/NAME");
    EXPECT_EQ(error_of_call("open(\"/tmp/x\", O_RDWR) = 12"),
              "a script's files are opened for reading");
    EXPECT_EQ(error_of_call("splice(5, [0], 6, NULL, 1, 0) = 1"),
              "splice is called as splice(fd, NULL, fd, NULL, bytes, flags)");
    // A descriptor that is open already is not given twice.
    EXPECT_EQ(calls.check(copy, *calls.to_request(copy), {.value = 79})->message,
              "descriptor 10 is open already");
}

TEST_F(CallsTest, OptionsMayBeTimesAndAddresses) {
    const auto value = [&](const std::string& text) {
        return request_of<request::SetOption>("setsockopt(3, SOL_SOCKET, SO_RCVTIMEO, " + text +
                                              ") = 0")
            .value;
    };
    EXPECT_EQ(value("{tv_sec=1, tv_usec=258}, 16"),
              (Octets{1, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0}));
    EXPECT_EQ(value("inet_addr(\"1.2.3.4\"), 4"), (Octets{1, 2, 3, 4}));
    EXPECT_EQ(value("[inet_addr(\"1.2.3.4\")], ..."), (Octets{1, 2, 3, 4}));
    EXPECT_EQ(value("{imr_multiaddr=inet_addr(\"224.0.0.5\"), "
                    "imr_interface=inet_addr(\"1.2.3.4\")}, 8"),
              (Octets{224, 0, 0, 5, 1, 2, 3, 4}));
    EXPECT_EQ(value("{ipv6mr_multiaddr=inet6_addr(\"ff02::5\"), ipv6mr_interface=2}, 20"),
              (Octets{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 2, 0, 0, 0}));
    EXPECT_EQ(value("[7], 1"), (Octets{7}));
    EXPECT_TRUE(value("NULL, 0").empty());
    EXPECT_EQ(error_of_call("setsockopt(3, SOL_SOCKET, SO_RCVTIMEO, [1], 5000) = 0"),
              "an option has at most 4096 bytes");
}

TEST_F(CallsTest, AnOptionHasTheLengthThatTheScriptNames) {
    const Call call =
        call_of("0 getsockopt(3, SOL_SOCKET, SO_LINGER, {onoff=1, linger=5}, [8]) = 0");
    const auto request = calls.to_request(call);
    EXPECT_FALSE(calls.check(call, *request, {.data = {1, 0, 0, 0, 5, 0, 0, 0}}));
    EXPECT_EQ(calls.check(call, *request, {.data = {1, 0, 0, 0}})->message,
              "the option has 4 bytes, not 8");
    EXPECT_TRUE(calls.check(call, *request, {.data = {1, 0, 0, 0, 6, 0, 0, 0}}));
}

TEST_F(CallsTest, IoctlIsToldOrTells) {
    EXPECT_EQ(request_of<request::IoControl>("ioctl(3, FIONBIO, [1]) = 0").argument, 1);
    EXPECT_EQ(request_of<request::IoControl>("ioctl(3, SIOCINQ, [1000]) = 0").argument, 0);
}

TEST_F(CallsTest, CapabilitiesAreText) {
    const auto sets =
        request_of<request::SetCapabilities>("cap_set(\"cap_net_admin=ep\") = 0").sets;
    EXPECT_EQ(sets.effective, std::uint64_t{1} << 12);
    EXPECT_EQ(error_of_call("cap_set(1) = 0"), "cap_set is called as cap_set(\"NAME,...=ep\")");
    EXPECT_EQ(error_of_call("cap_set(\"cap_nothing=ep\") = 0"),
              "'cap_nothing=ep' names no capabilities");
}

TEST_F(CallsTest, CallsOfPspAreAskedWhateverTheyAreGiven) {
    (void)request_of<request::Psp>("psp_rx_assoc(3, {version=0}, ...) = -1 ENOENT");
    (void)request_of<request::Psp>("psp_get_assoc() = -1");
}

TEST_F(CallsTest, WrongArgumentsAndUnknownNamesAreFaults) {
    EXPECT_EQ(error_of_call("listen(3) = 0"), "listen is called as listen(fd, backlog)");
    EXPECT_EQ(error_of_call("accept4(3, ..., ...) = 0"),
              "accept4 is called as accept4(fd, ..., ..., flags)");
    EXPECT_EQ(error_of_call("listen(3, NONSENSE) = 0"), "'NONSENSE' is no constant");
    EXPECT_EQ(error_of_call("listen(3, [1]) = 0"), "[1] is not a number");
    EXPECT_EQ(error_of_call("listen(3, 9999999999) = 0"), "9999999999 is not an int");
    EXPECT_EQ(error_of_call("splice(3) = 0"),
              "splice is called as splice(fd, NULL, fd, NULL, bytes, flags)");
    EXPECT_TRUE(calls.to_request(call_of("0 mmap(3) = 0")).error().is_unsupported);
}

}  // namespace
}  // namespace fairlead::drill
