#include <array>
#include <deque>
#include <vector>

#include "sim/transfer.hpp"
#include "stack/recorder.hpp"
#include "stack/replay.hpp"

using namespace fairlead;
using namespace fairlead::testing_worlds;

namespace {

Bytes secret() {
    static constexpr std::array kKey{std::byte{'k'}, std::byte{'e'}, std::byte{'y'}};
    return kKey;
}

Prefix just(const IpAddress& address) {
    return {address, static_cast<std::uint8_t>(address.is_v4() ? 32 : 128)};
}

// A socket that signs, on its way.
SocketId connect_signed(sim::Host& host, const Endpoint& to) {
    Stack& stack = host.stack();
    const SocketId s = *stack.socket(to.address.family(), SocketType::Stream);
    EXPECT_TRUE(stack.set_signature_key(s, just(to.address), secret()));
    EXPECT_FALSE(stack.connect(s, to));
    return s;
}

// RFC 2385: lost, repeated and overtaken segments are signed like others, and so is what ends a connection.
TEST(Signature, ALossyTransferIsSignedFromEndToEndAndCanBeReplayed) {
    std::vector<std::byte> file;
    {
        // It ends the recording when it goes.
        InputRecorder recorder{{&file, [](void* context, Bytes bytes) {
                                    auto& to = *static_cast<std::vector<std::byte>*>(context);
                                    to.insert(to.end(), bytes.begin(), bytes.end());
                                }}};
        sim::World world{7};
        sim::Host& a = world.add_host("a", {}, &recorder);
        sim::Host& b = world.add_host("b");
        const sim::Faults faults{.loss = 10'000,
                                 .duplication = 10'000,
                                 .reordering = 10'000,
                                 .delay = 3_ms,
                                 .bits_per_second = 50'000'000};
        world.join(a, b, {.there = faults, .back = faults});
        const sim::StreamPlan plan{.to_send = 300'000};
        std::deque<sim::Listener> listeners;
        std::deque<sim::Stream> streams;
        for (const Family family : {Family::Inet, Family::Inet6}) {
            const Endpoint at{b.address(family), 179};
            listeners.emplace_back(b, at, sim::mirrored(plan, 100'000));
            ASSERT_TRUE(b.stack().set_signature_key(listeners.back().socket(),
                                                    just(a.address(family)), secret()));
            streams.emplace_back(a, connect_signed(a, at), plan);
        }
        const SocketId unsigned_one = sim::start_connecting(a, {b.address(Family::Inet), 179});
        world.run_for(60_s);
        for (const sim::Stream& s : streams) {
            EXPECT_EQ(s.state(), sim::Stream::State::Closed);
            EXPECT_EQ(s.received(), 100'000u);
        }
        EXPECT_EQ(a.stack().tcp_info(unsigned_one)->state, TcpState::SynSent);
        for (sim::Host* host : {&a, &b}) {
            const Counters& counters = host->stack().counters();
            EXPECT_EQ(counters[Counter::TcpExtTCPMD5Failure], 0u);
            EXPECT_EQ(counters[Counter::TcpExtTCPMD5Unexpected], 0u);
        }
        EXPECT_EQ(a.stack().counters()[Counter::TcpExtTCPMD5NotFound], 0u);
        EXPECT_GT(b.stack().counters()[Counter::TcpExtTCPMD5NotFound], 3u);
    }
    Replay replay{file};
    EXPECT_TRUE(replay.run());
    EXPECT_GT(replay.counts().frames_out, 100u);
}

}  // namespace
