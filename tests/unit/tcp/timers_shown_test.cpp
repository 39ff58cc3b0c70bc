// The seven timers of TCP in a snapshot of the stack, with the time that is left of each.
#include <array>
#include <vector>

#include "fairlead/stack.hpp"
#include "unit/tcp/loopback.hpp"

namespace fairlead {
namespace {

const Endpoint kServer{IpAddress::v4(127, 0, 0, 1), 80};
const std::vector<std::byte> kBytes(100'000);

class TimersShown : public Loopback {
protected:
    SocketInfo shown(TcpState state, std::uint16_t peer_port = 80) {
        SocketCursor cursor;
        std::vector<SocketRow> rows;
        while (stack.sockets(cursor, 100, rows)) {
        }
        for (const SocketRow& row : rows) {
            if (row.info.state == state && row.info.peer.port == peer_port) return row.info;
        }
        ADD_FAILURE() << "no socket is in " << name_of(state);
        return {};
    }
    // What lasts so long is filed by the millisecond.
    void expect_about(Duration left, Duration expected) {
        EXPECT_GE(left, expected);
        EXPECT_LE(left, expected + 1_ms);
    }
    std::uint16_t port_of(SocketId socket) { return stack.local_name(socket)->port; }
    void send(SocketId from, std::size_t bytes) {
        ASSERT_EQ(stack.send(from, Bytes{kBytes}.first(bytes)), bytes);
    }
};

TEST_F(TimersShown, Opening) {
    listen_on(kServer);
    const SocketId client = *stack.socket(Family::Inet, SocketType::Stream);
    stack.advance(now);
    ASSERT_EQ(stack.connect(client, kServer).error(), Errc::InProgress);
    stack.flush();
    EXPECT_EQ(shown(TcpState::SynSent).timer, TimerKind::Retransmit);
    EXPECT_EQ(shown(TcpState::SynSent).timer_left, 1_s);
    stack.poll(now);
    const SocketInfo request = shown(TcpState::SynReceived, port_of(client));
    EXPECT_EQ(request.timer, TimerKind::Retransmit);
    EXPECT_EQ(request.timer_left, 1_s);
}

TEST_F(TimersShown, RetransmissionAndDelayedAck) {
    const Pair pair = connect_to(listen_on(kServer), kServer);
    // Questions and answers: the server expects to carry its ACKs.
    std::array<std::byte, 10> got{};
    for (int i = 0; i < 50; ++i) {
        send(pair.client, 10);
        run(1_ms);
        ASSERT_EQ(stack.receive(pair.server, got), 10u);
        send(pair.server, 10);
        run(1_ms);
        ASSERT_EQ(stack.receive(pair.client, got), 10u);
    }
    send(pair.client, 10);
    stack.flush();
    const SocketInfo sender = shown(TcpState::Established);
    EXPECT_EQ(sender.timer, TimerKind::Retransmit);
    EXPECT_GT(sender.timer_left, 0_ms);
    run(10_ms);
    EXPECT_EQ(shown(TcpState::Established, port_of(pair.client)).ack_left, 30_ms);
}

TEST_F(TimersShown, ShutWindow) {
    const SocketId listener = listen_on(kServer);
    ASSERT_TRUE(stack.set_option(listener, Option::ReceiveBuffer, 4096));
    const Pair pair = connect_to(listener, kServer);
    ASSERT_TRUE(stack.send(pair.client, kBytes));
    run(1_s);
    EXPECT_EQ(shown(TcpState::Established).timer, TimerKind::Persist);
    EXPECT_GT(shown(TcpState::Established).timer_left, 0_ms);
}

TEST_F(TimersShown, KeepAlive) {
    const Pair pair = connect_to(listen_on(kServer), kServer);
    ASSERT_TRUE(stack.set_option(pair.client, Option::KeepAlive, 1));
    run(1_s);
    EXPECT_EQ(shown(TcpState::Established).timer, TimerKind::KeepAlive);
    EXPECT_EQ(shown(TcpState::Established).timer_left, Duration::from_s(7199));
}

TEST_F(TimersShown, FinWait2AndTimeWait) {
    const Pair pair = connect_to(listen_on(kServer), kServer);
    ASSERT_TRUE(stack.close(pair.client));
    run(10_s);
    EXPECT_EQ(shown(TcpState::FinWait2).timer, TimerKind::TimeWait);
    expect_about(shown(TcpState::FinWait2).timer_left, 50_s);
    ASSERT_TRUE(stack.close(pair.server));
    run(10_s);
    EXPECT_EQ(shown(TcpState::TimeWait).timer, TimerKind::TimeWait);
    expect_about(shown(TcpState::TimeWait).timer_left, 50_s);
}

}  // namespace
}  // namespace fairlead
