// RFC 9293 §3.9.2.1: routes that an application gives, or a SYN brings. The bytes are those that Linux 6.18
// sends for the same.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "fairlead/stack.hpp"
#include "unit/base/hex.hpp"
#include "unit/ip/packets.hpp"
#include "wire/checksum.hpp"
#include "wire/tcp.hpp"
#include "wire/tcp_options.hpp"

namespace fairlead::tcp {
namespace {

using fairlead::testing::Frame;
using namespace testing_hex;

constexpr std::uint16_t kPort = 80;

class SourceRoutes : public ::testing::Test {
protected:
    SourceRoutes() {
        device.settings().features = {.checksum_out = false};
        interface = *stack.add_interface(device);
        EXPECT_TRUE(stack.add_address(interface, fairlead::testing::prefix("192.168.0.1/24")));
        EXPECT_TRUE(stack.add_route(
            {.destination = fairlead::testing::prefix("0.0.0.0/0"), .interface = interface}));
    }

    struct Sent {
        std::string target{};
        std::string options{};
        wire::TcpHeader header{};
        std::size_t payload = 0;
        bool is_summed_right = false;
    };
    // What has left, oldest first; the checksum is over the peer's address, wherever it goes first.
    std::vector<Sent> run(Duration for_how_long = {}) {
        const Instant end = now + for_how_long;
        do {
            while (stack.poll(now).is_busy) {
            }
            now = std::min(std::max(now, stack.next_deadline()), end);
        } while (now < end);
        stack.advance(now);
        std::vector<Sent> all;
        for (; !device.sent.empty(); device.sent.pop_front()) {
            const Frame& frame = device.sent.front();
            const wire::Ipv4Header ip = wire::load_ipv4(frame);
            const Bytes tcp = Bytes{frame}.subspan(ip.header_bytes);
            wire::PartialSum sum = wire::pseudo_header(ip.source, peer, wire::IpProtocol::Tcp,
                                                       static_cast<std::uint32_t>(tcp.size()));
            sum.add(tcp);
            const auto header = wire::parse_tcp(tcp);
            all.push_back({.target = ip.target.to_string(),
                           .options = hex(wire::ipv4_options_of(frame, ip)),
                           .header = *header,
                           .payload = tcp.size() - header->header_bytes,
                           .is_summed_right = sum.is_valid()});
        }
        return all;
    }
    std::vector<Sent> say(wire::TcpFlags flags, std::uint32_t seq, std::uint32_t ack,
                          std::string_view route, std::uint32_t payload = 0) {
        Frame segment(24 + payload);
        wire::write_tcp(segment, {.source_port = 1000,
                                  .target_port = flags.syn && flags.ack ? port : kPort,
                                  .seq = wire::Seq32{seq},
                                  .ack = wire::Seq32{ack},
                                  .flags = flags,
                                  .window = 60000,
                                  .header_bytes = 24});
        wire::write_tcp_options(MutableBytes{segment}.subspan(20), {.mss = 1460});
        const auto raw = from_hex(route);
        device.inbox.push_back(fairlead::testing::ipv4(
            {.id = 7, .protocol = wire::IpProtocol::Tcp, .source = peer, .target = own},
            fairlead::testing::with_checksum(segment, peer, own, wire::IpProtocol::Tcp,
                                             wire::TcpHeader::kChecksumAt),
            Frame(raw.begin(), raw.end())));
        return run();
    }
    SocketId listening() {
        const SocketId l = *stack.socket(Family::Inet, SocketType::Stream);
        EXPECT_TRUE(stack.bind(l, {IpAddress::any(Family::Inet), kPort}));
        EXPECT_TRUE(stack.listen(l, 5));
        return l;
    }

    fairlead::testing::FakeDevice device{LinkKind::Ip};
    Stack stack{{.seed = {4, 5, 6}}};
    InterfaceIndex interface = 0;
    IpAddress peer = IpAddress::v4(192, 0, 2, 1);
    IpAddress own = IpAddress::v4(192, 168, 0, 1);
    std::uint16_t port = 0;
    Instant now = Instant::from_ns(1'000'000'000);
};

// RFC 9293 MUST-51, MUST-52
TEST_F(SourceRoutes, ThatAnApplicationGivesHold) {
    const SocketId s = *stack.socket(Family::Inet, SocketType::Stream);
    EXPECT_EQ(stack.set_header_options(s, from_hex("830708")).error(), Errc::InvalidArgument);
    ASSERT_TRUE(stack.set_header_options(s, from_hex("830b040a0000010a00000200")));
    ASSERT_FALSE(stack.connect(s, {peer, 1000}));
    const auto syn = run();
    ASSERT_EQ(syn.size(), 1u);
    EXPECT_EQ(syn[0].target, "10.0.0.1");
    EXPECT_EQ(syn[0].options, "830b040a000002c000020100");
    EXPECT_TRUE(syn[0].is_summed_right);
    port = syn[0].header.source_port;
    const auto isn = static_cast<std::uint32_t>(syn[0].header.seq);
    // Another one that the answer came by changes nothing.
    ASSERT_TRUE(stack.set_config("net.ipv4.conf.all.accept_source_route", "1"));
    const auto ack = say({.syn = true, .ack = true}, 7, isn + 1, "0189070808080808");
    ASSERT_EQ(ack.size(), 1u);
    EXPECT_EQ(ack[0].target, "10.0.0.1");
    EXPECT_EQ(ack[0].options, "830b040a000002c000020100");
    std::array<std::byte, 40> room{};
    EXPECT_EQ(stack.header_options(s, room), 12u);
    EXPECT_EQ(hex(Bytes{room}.first(12)), "830b040a0000010a00000200");
    // Each segment is smaller by them.
    EXPECT_EQ(stack.send(s, std::vector<std::byte>(5000)), 5000u);
    const auto data = run();
    ASSERT_EQ(data.size(), 4u);
    for (const Sent& d : data) {
        EXPECT_EQ(d.target, "10.0.0.1");
        EXPECT_TRUE(d.is_summed_right);
    }
    EXPECT_EQ(data[0].payload, 1448u);
    EXPECT_EQ(data[3].payload, 5000u - 3 * 1448);
    // Without them it goes straight.
    ASSERT_TRUE(stack.set_header_options(s, {}));
    const auto straight = run(2_s);
    ASSERT_FALSE(straight.empty());
    EXPECT_EQ(straight[0].target, "192.0.2.1");
    EXPECT_EQ(straight[0].options, "");
    EXPECT_EQ(stack.header_options(s, room), 0u);
}

// RFC 9293 MUST-53
TEST_F(SourceRoutes, ThatASynBringsAreKeptForTheAnswers) {
    const SocketId listener = listening();
    EXPECT_TRUE(say({.syn = true}, 7, 0, "830b0c0a0000010a00000200").empty()) << "not by default";
    ASSERT_TRUE(stack.set_config("net.ipv4.conf.all.accept_source_route", "1"));
    const auto answer = say({.syn = true}, 7, 0, "830b0c0a0000010a00000200");
    ASSERT_EQ(answer.size(), 1u);
    EXPECT_EQ(answer[0].target, "10.0.0.2");
    EXPECT_EQ(answer[0].options, "830b040a000001c000020100");
    EXPECT_TRUE(answer[0].is_summed_right);
    const auto isn = static_cast<std::uint32_t>(answer[0].header.seq);
    const auto again = run(2_s);
    ASSERT_FALSE(again.empty());
    EXPECT_EQ(again[0].target, "10.0.0.2");
    EXPECT_TRUE(say({.ack = true}, 8, isn + 1, "").empty());
    const auto s = stack.accept(listener);
    ASSERT_TRUE(s);
    EXPECT_EQ(stack.send(*s, bytes_of("hello")), 5u);
    const auto data = run();
    ASSERT_EQ(data.size(), 1u);
    EXPECT_EQ(data[0].target, "10.0.0.2");
    EXPECT_EQ(data[0].options, "830b040a000001c000020100");
    EXPECT_TRUE(data[0].is_summed_right);
    // To the last ACK, which TIME-WAIT sends.
    ASSERT_TRUE(stack.close(*s));
    ASSERT_EQ(run().size(), 1u);
    EXPECT_TRUE(say({.ack = true}, 8, isn + 7, "").empty());
    const auto last = say({.fin = true, .ack = true}, 8, isn + 7, "");
    ASSERT_EQ(last.size(), 1u);
    EXPECT_EQ(last[0].options, "830b040a000001c000020100");
}

TEST_F(SourceRoutes, ThatAreNotAtTheirEndAreNotOurs) {
    listening();
    ASSERT_TRUE(stack.set_config("net.ipv4.conf.all.accept_source_route", "1"));
    EXPECT_TRUE(say({.syn = true}, 7, 0, "830b080a0000010a00000200").empty());
    const auto answer = say({.syn = true}, 7, 0, "070b080a0000010000000000");
    ASSERT_EQ(answer.size(), 1u);
    EXPECT_EQ(answer[0].options, "") << "a recorded route is no source route";
}

TEST_F(SourceRoutes, AreInTheAnswerOfASynCookieToo) {
    const SocketId listener = listening();
    ASSERT_TRUE(stack.set_config("net.ipv4.conf.all.accept_source_route", "1"));
    ASSERT_TRUE(stack.set_config("net.ipv4.tcp_syncookies", "2"));
    const auto cookie = say({.syn = true}, 7, 0, "0189070808080808");
    ASSERT_EQ(cookie.size(), 1u);
    EXPECT_EQ(cookie[0].options, "890704c000020100");
    const auto isn = static_cast<std::uint32_t>(cookie[0].header.seq);
    EXPECT_TRUE(say({.ack = true}, 8, isn + 1, "0189070808080808").empty());
    const auto s = stack.accept(listener);
    ASSERT_TRUE(s);
    EXPECT_EQ(stack.send(*s, bytes_of("hello")), 5u);
    const auto data = run();
    ASSERT_EQ(data.size(), 1u);
    EXPECT_EQ(data[0].target, "8.8.8.8");
}

}  // namespace
}  // namespace fairlead::tcp
