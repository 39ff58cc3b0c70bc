#include <array>
#include <vector>

#include "sim/recorded.hpp"

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
        RecordedPair pair{7, file};
        sim::Host& a = pair.a;
        sim::Host& b = pair.b;
        for (const Family family : {Family::Inet, Family::Inet6}) {
            const Endpoint at{b.address(family), 179};
            ASSERT_TRUE(
                b.stack().set_signature_key(pair.listen_on(at), just(a.address(family)), secret()));
            pair.carry(connect_signed(a, at));
        }
        const SocketId unsigned_one = sim::start_connecting(a, {b.address(Family::Inet), 179});
        pair.expect_that_all_arrives();
        EXPECT_EQ(a.stack().tcp_info(unsigned_one)->state, TcpState::SynSent);
        for (sim::Host* host : {&a, &b}) {
            const Counters& counters = host->stack().counters();
            EXPECT_EQ(counters[Counter::TcpExtTCPMD5Failure], 0u);
            EXPECT_EQ(counters[Counter::TcpExtTCPMD5Unexpected], 0u);
        }
        EXPECT_EQ(a.stack().counters()[Counter::TcpExtTCPMD5NotFound], 0u);
        EXPECT_GT(b.stack().counters()[Counter::TcpExtTCPMD5NotFound], 3u);
    }
    expect_that_it_replays(file);
}

// RFC 2385 §2.0: what remembers a connection that signed hears nobody who does not, and signs what it answers.
TEST(Signature, HoldsInTimeWait) {
    sim::World world{5};
    sim::Host& a = world.add_host("a");
    sim::Host& b = world.add_host("b");
    world.join(a, b, {.there = {.delay = 5_ms}, .back = {.delay = 5_ms}});
    const Endpoint at{b.address(Family::Inet), 179};
    const SocketId listener = *b.stack().socket(Family::Inet, SocketType::Stream);
    ASSERT_TRUE(b.stack().bind(listener, at));
    ASSERT_TRUE(b.stack().set_signature_key(listener, just(a.address(Family::Inet)), secret()));
    ASSERT_TRUE(b.stack().listen(listener, 5));
    const SocketId first = connect_signed(a, at);
    world.run_for(100_ms);
    const Endpoint from = *a.stack().local_name(first);
    const SocketId accepted = *b.stack().accept(listener);
    ASSERT_TRUE(a.stack().close(first));
    world.run_for(100_ms);
    ASSERT_TRUE(b.stack().close(accepted));
    ASSERT_TRUE(b.stack().close(listener));
    world.run_for(100_ms);

    // The same two ends, without a signature: it waits in vain, and costs the entry nothing.
    const auto call = [&](bool is_signed) {
        const SocketId s = *b.stack().socket(Family::Inet, SocketType::Stream);
        EXPECT_TRUE(b.stack().bind(s, at));
        if (is_signed) {
            EXPECT_TRUE(b.stack().set_signature_key(s, just(from.address), secret()));
        }
        EXPECT_FALSE(b.stack().connect(s, from));
        return s;
    };
    const SocketId unsigned_one = call(false);
    world.run_for(500_ms);
    EXPECT_EQ(b.stack().tcp_info(unsigned_one)->state, TcpState::SynSent);
    EXPECT_EQ(b.stack().tcp_info(unsigned_one)->segments_in, 0u) << "not even a RST";
    EXPECT_EQ(a.stack().counters()[Counter::TcpExtTCPMD5NotFound], 1u);
    ASSERT_TRUE(b.stack().close(unsigned_one));
    // Signed it is answered, by what is signed too.
    const SocketId signed_one = call(true);
    world.run_for(500_ms);
    EXPECT_GT(b.stack().tcp_info(signed_one)->segments_in, 0u);
    EXPECT_EQ(b.stack().counters()[Counter::TcpExtTCPMD5NotFound], 0u);
    EXPECT_EQ(b.stack().counters()[Counter::TcpExtTCPMD5Failure], 0u);
    EXPECT_EQ(a.stack().counters()[Counter::TcpExtTCPMD5NotFound], 1u);
}

}  // namespace
