// What sysctls bound for a host: challenge ACKs, orphans, bytes that wait to be sent.
#include "tcp/challenge_limit.hpp"
#include "unit/tcp/loopback.hpp"
#include "unit/tcp/peer.hpp"

namespace fairlead::tcp {
namespace {

// RFC 5961 REQ-7, REQ-10
TEST(ChallengeLimit, IsDrawnAnewForEachSecondBetweenHalfAndOneAndAHalf) {
    ChallengeLimit limit{SipKey{1, 2}};
    std::vector<int> taken;
    for (std::int64_t second = 1; second <= 50; ++second) {
        const Instant now = Instant::from_ns(second * 1'000'000'000);
        int n = 0;
        while (limit.take(100, now + 500_ms)) ++n;
        taken.push_back(n);
        EXPECT_GE(n, 50);
        EXPECT_LT(n, 150);
    }
    EXPECT_GT(*std::ranges::max_element(taken) - *std::ranges::min_element(taken), 20);
}

TEST(ChallengeLimit, IsNoneByDefaultAndNoneAtAllAtZero) {
    ChallengeLimit limit{SipKey{1, 2}};
    for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(limit.take(INT32_MAX, Instant::from_ns(1)));
    EXPECT_FALSE(limit.take(0, Instant::from_ns(1)));
}

using LimitsByHand = HandPeer;

TEST_F(LimitsByHand, AHostThatMayChallengeNobodyStaysSilent) {
    open();
    const Segment almost{.seq = 100, .ack = 1, .flags = {.rst = true, .ack = true}};
    say(almost);
    EXPECT_EQ(told(), "1-1@1");
    ASSERT_TRUE(stack.set_config("net.ipv4.tcp_challenge_ack_limit", "0"));
    run(1_s);
    say(almost);
    EXPECT_EQ(told(), "");
}

TEST_F(LimitsByHand, NoMoreIsTakenWhileTooManyBytesWaitToBeSent) {
    ASSERT_TRUE(stack.set_config("net.ipv4.tcp_notsent_lowat", "10000"));
    open({.mss = 1000, .sack_permitted = true}, 3000);
    std::size_t taken = 0;
    const std::vector<std::byte> piece(1000);
    while (const auto n = stack.send(socket, piece)) {
        taken += *n;
        run();
    }
    // Three thousand are on their way, ten thousand wait.
    EXPECT_EQ(taken, 13'000u);
    EXPECT_EQ(stack.bytes_unsent(socket), std::size_t{10'000});
    EXPECT_EQ(*stack.readiness(socket) & kWritable, 0u);
    // What the socket says of itself comes before. Less than half of it waits where there is room.
    ASSERT_TRUE(stack.set_option(socket, Option::NotSentLowWater, 20'000));
    EXPECT_EQ(*stack.readiness(socket) & kWritable, 0u);
    ASSERT_TRUE(stack.set_option(socket, Option::NotSentLowWater, 20'001));
    EXPECT_EQ(*stack.readiness(socket) & kWritable, kWritable);
    say({.seq = 1, .ack = 3001, .window = 3000});
    run();
    EXPECT_EQ(stack.bytes_unsent(socket), std::size_t{7'000});
    EXPECT_EQ(*stack.readiness(socket) & kWritable, kWritable);
}

// What is cut to be sent takes more of the buffer: an event may tell of room that is gone when somebody
// looks. Then another tells of the room that comes later.
TEST_F(LimitsByHand, WhoFindsNoRoomAfterAnEventIsToldAgain) {
    open({.mss = 1000, .sack_permitted = true}, 3000);
    int in_vain = 0;
    const auto told_of_room = [&] {
        bool has_room = false;
        std::array<SocketEvent, 4> events;
        const std::size_t count = stack.take_events(events);
        for (const SocketEvent& e : std::span{events}.first(count)) {
            if ((e.rose & kWritable) == 0) continue;
            has_room = (e.readiness & kWritable) != 0;
            in_vain += has_room ? 0 : 1;
        }
        return has_room;
    };
    const std::vector<std::byte> piece(7'000);
    std::int64_t written = 0;
    std::int64_t acked = 0;
    int most_in_vain = 0;
    for (std::uint16_t window = 3'000; window <= 60'000; window += 700) {
        while (const auto n = stack.send(socket, piece)) written += static_cast<std::int64_t>(*n);
        (void)told_of_room();
        in_vain = 0;
        bool has_room = false;
        while (!has_room && acked < written) {
            const auto unsent = static_cast<std::int64_t>(*stack.bytes_unsent(socket));
            acked += std::min<std::int64_t>(written - unsent - acked, 4'000);
            run(20_ms);
            say({.seq = 1, .ack = 1 + acked, .window = window});
            has_room = told_of_room();
        }
        EXPECT_TRUE(has_room) << "with a window of " << window;
        most_in_vain = std::max(most_in_vain, in_vain);
    }
    EXPECT_GT(most_in_vain, 0);
}

class Orphans : public Loopback {
protected:
    // A connection whose server reads nothing, closed with bytes still to send.
    SocketId make_one(SocketId listener, const Endpoint& at) {
        auto [client, server] = connect_to(listener, at);
        const std::vector<std::byte> bytes(100'000);
        while (stack.send(client, bytes)) run(10_ms);
        EXPECT_TRUE(stack.close(client));
        run(10_ms);
        return server;
    }
    std::uint64_t aborted() const { return stack.counters()[Counter::TcpExtTCPAbortOnMemory]; }
};

TEST_F(Orphans, AreNoMoreThanTheHostAllows) {
    ASSERT_TRUE(stack.set_config("net.ipv4.tcp_max_orphans", "2"));
    const Endpoint at = *Endpoint::parse("127.0.0.1:80");
    const SocketId listener = listen_on(at);
    const SocketId first = make_one(listener, at);
    make_one(listener, at);
    EXPECT_EQ(aborted(), 0u);
    const SocketId third = make_one(listener, at);
    EXPECT_EQ(aborted(), 1u);
    EXPECT_EQ(stack.option(third, Option::Error), to_errno(Errc::ConnectionReset));
    // One that ends makes room for another.
    ASSERT_TRUE(stack.set_option(first, Option::LingerSeconds, 0));
    ASSERT_TRUE(stack.close(first));
    run(10_ms);
    make_one(listener, at);
    EXPECT_EQ(aborted(), 1u);
}

class TimeWaits : public Loopback {
protected:
    // A connection from the one port there is; the client has closed first.
    void leave_one(const Endpoint& at) {
        const SocketId listener = listen_on(at);
        auto [client, server] = connect_to(listener, at);
        EXPECT_TRUE(stack.close(client));
        run(1_ms);
        EXPECT_TRUE(stack.close(server));
        run(1_ms);
        EXPECT_TRUE(stack.close(listener));
    }
    Result<void> again(const Endpoint& at) {
        const SocketId s = *stack.socket(Family::Inet, SocketType::Stream);
        const auto result = stack.connect(s, at);
        EXPECT_TRUE(stack.close(s));
        run(1_ms);
        return result;
    }
};

TEST_F(TimeWaits, AreNoMoreThanTheHostAllows) {
    ASSERT_TRUE(stack.set_config("net.ipv4.tcp_max_tw_buckets", "5"));
    for (std::uint16_t port = 80; port < 89; ++port) {
        leave_one({IpAddress::loopback(Family::Inet), port});
    }
    EXPECT_EQ(stack.counters()[Counter::TcpExtTCPTimeWaitOverflow], 4u);
    EXPECT_EQ(
        std::ranges::count_if(stack.sockets(),
                              [](const SocketInfo& s) { return s.state == TcpState::TimeWait; }),
        5);
}

// tcp_tw_reuse and its delay, from the only port there is: which is free again after how long.
TEST_F(TimeWaits, AreReusedAsTheHostSaysAndNotBeforeTheirDelayIsOver) {
    ASSERT_TRUE(stack.set_config("net.ipv4.ip_local_port_range", "20000 20000"));
    ASSERT_TRUE(stack.set_config("net.ipv4.tcp_tw_reuse_delay", "2000"));
    std::uint16_t port = 80;
    for (const char* mode : {"0", "1", "2"}) {
        ASSERT_TRUE(stack.set_config("net.ipv4.tcp_tw_reuse", mode));
        const Endpoint at{IpAddress::loopback(Family::Inet), port++};
        leave_one(at);
        run(1900_ms);
        EXPECT_EQ(again(at).error(), Errc::AddressNotAvailable) << mode;
        run(200_ms);
        const bool is_reused = std::string_view{mode} != "0";
        EXPECT_EQ(again(at).error(), is_reused ? Errc::InProgress : Errc::AddressNotAvailable)
            << mode;
        run(60_s);
        EXPECT_EQ(again(at).error(), Errc::InProgress) << mode;
    }
}

TEST_F(TimeWaits, WithoutTimestampsAreNotReused) {
    ASSERT_TRUE(stack.set_config("net.ipv4.ip_local_port_range", "20000 20000"));
    ASSERT_TRUE(stack.set_config("net.ipv4.tcp_tw_reuse", "1"));
    ASSERT_TRUE(stack.set_config("net.ipv4.tcp_timestamps", "0"));
    const Endpoint at{IpAddress::loopback(Family::Inet), 80};
    leave_one(at);
    run(30_s);
    EXPECT_EQ(again(at).error(), Errc::AddressNotAvailable);
}

class SharedPort : public Loopback {};

TEST_F(SharedPort, BalancesConnectionsOverItsListenersByFlow) {
    const Endpoint at = *Endpoint::parse("127.0.0.1:80");
    std::vector<SocketId> listeners;
    for (int i = 0; i < 4; ++i) {
        const SocketId s = *stack.socket(Family::Inet, SocketType::Stream);
        ASSERT_TRUE(stack.set_option(s, Option::ReusePort, 1));
        ASSERT_TRUE(stack.bind(s, at));
        ASSERT_TRUE(stack.listen(s, 1000));
        listeners.push_back(s);
    }
    for (int i = 0; i < 400; ++i) {
        const SocketId c = *stack.socket(Family::Inet, SocketType::Stream);
        ASSERT_EQ(stack.connect(c, at).error(), Errc::InProgress);
    }
    run(100_ms);
    int all = 0;
    for (const SocketId listener : listeners) {
        int n = 0;
        while (stack.accept(listener)) ++n;
        EXPECT_GT(n, 60);
        EXPECT_LT(n, 140);
        all += n;
    }
    EXPECT_EQ(all, 400);
}

}  // namespace
}  // namespace fairlead::tcp
