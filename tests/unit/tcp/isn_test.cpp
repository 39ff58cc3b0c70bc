// Initial sequence numbers (RFC 6528) and timestamp offsets (RFC 7323 §5.4): keyed, and on Linux's
// clocks.
#include <gtest/gtest.h>

#include "fairlead/stack.hpp"
#include "unit/ip/fake_device.hpp"
#include "unit/ip/packets.hpp"
#include "wire/tcp.hpp"
#include "wire/tcp_options.hpp"

namespace fairlead::tcp {
namespace {

struct Syn {
    std::uint32_t isn = 0;
    std::uint32_t stamp = 0;
};

// What a stack's SYN to `peer` says.
class Opener {
public:
    explicit Opener(std::uint8_t seed, Instant now) : now_{now}, stack_{{.seed = {seed}}} {
        stack_.advance(now);
        const InterfaceIndex i = *stack_.add_interface(device_);
        EXPECT_TRUE(stack_.add_address(i, fairlead::testing::prefix("192.0.2.1/24")));
    }
    Syn open(const char* peer, std::uint16_t port = 5000, Duration later = {}) {
        now_ = now_ + later;
        stack_.advance(now_);
        const SocketId s = *stack_.socket(Family::Inet, SocketType::Stream);
        EXPECT_TRUE(stack_.bind(s, {IpAddress::any(Family::Inet), port}));
        EXPECT_EQ(stack_.connect(s, *Endpoint::parse(peer)).error(), Errc::InProgress);
        device_.sent.clear();
        stack_.poll(now_);
        EXPECT_EQ(device_.sent.size(), 1u);
        const Bytes segment = Bytes{device_.sent.at(0)}.subspan(20);
        wire::TcpHeader header;
        wire::load_tcp(segment, header);
        wire::TcpOptions options;
        wire::parse_tcp_options(wire::tcp_options_of(segment, header), true, options);
        EXPECT_TRUE(header.flags.syn);
        EXPECT_TRUE(stack_.close(s));
        stack_.poll(now_);
        return {static_cast<std::uint32_t>(header.seq), options.timestamps->value};
    }

private:
    Instant now_;
    fairlead::testing::FakeDevice device_{LinkKind::Ip};
    Stack stack_;
};

constexpr Instant kStart = Instant::from_ns(1'000'000'000'000);

TEST(Isn, MovesBy64NanosecondsForOneConnection) {
    Opener a{1, kStart};
    const Syn first = a.open("192.0.2.2:80");
    const Syn second = a.open("192.0.2.2:80", 5000, 1_s);
    EXPECT_EQ(second.isn - first.isn, 1'000'000'000u / 64);
    EXPECT_EQ(second.stamp - first.stamp, 1000u);
}

TEST(Isn, IsKeyedByTheStackAndByAllFourNames) {
    const Syn mine = Opener{1, kStart}.open("192.0.2.2:80");
    EXPECT_EQ(mine.isn, Opener(1, kStart).open("192.0.2.2:80").isn) << "the same seed";
    for (const std::uint32_t other : {
             Opener{2, kStart}.open("192.0.2.2:80").isn,
             Opener{1, kStart}.open("192.0.2.3:80").isn,
             Opener{1, kStart}.open("192.0.2.2:81").isn,
             Opener{1, kStart}.open("192.0.2.2:80", 5001).isn,
         }) {
        // Nobody who knows one number knows another one's neighbourhood.
        EXPECT_GT(other - mine.isn, 10'000u);
        EXPECT_GT(mine.isn - other, 10'000u);
    }
}

TEST(TimestampOffset, IsOneForAPairOfHostsAndKeyed) {
    const Syn mine = Opener{1, kStart}.open("192.0.2.2:80");
    EXPECT_EQ(mine.stamp, Opener(1, kStart).open("192.0.2.2:81", 5001).stamp);
    EXPECT_NE(mine.stamp, Opener(1, kStart).open("192.0.2.3:80").stamp);
    EXPECT_NE(mine.stamp, Opener(2, kStart).open("192.0.2.2:80").stamp);
}

}  // namespace
}  // namespace fairlead::tcp
