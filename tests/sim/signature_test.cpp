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

}  // namespace
