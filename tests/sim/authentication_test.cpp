#include <algorithm>
#include <string_view>
#include <vector>

#include "sim/recorded.hpp"

using namespace fairlead;
using namespace fairlead::testing_worlds;

namespace {

MasterKey key_for(const IpAddress& peer, std::uint8_t send_id, std::uint8_t receive_id,
                  KeyAlgorithm algorithm) {
    constexpr std::string_view kSecret = "of no particular length";
    MasterKey key{.peers = {peer, static_cast<std::uint8_t>(peer.is_v4() ? 32 : 128)},
                  .algorithm = algorithm,
                  .send_id = send_id,
                  .receive_id = receive_id,
                  .bytes = kSecret.size()};
    std::ranges::copy(std::as_bytes(std::span{kSecret}), key.storage.begin());
    return key;
}

// RFC 5925: lost, repeated and overtaken segments are signed like others, whatever key is in use.
TEST(Authentication, ALossyTransferIsSignedFromEndToEndWhileKeysChange) {
    std::vector<std::byte> file;
    {
        RecordedPair pair{11, file};
        sim::Host& a = pair.a;
        sim::Host& b = pair.b;
        std::vector<SocketId> ours;
        for (const Family family : {Family::Inet, Family::Inet6}) {
            const Endpoint at{b.address(family), 179};
            const auto first =
                family == Family::Inet ? KeyAlgorithm::HmacSha1 : KeyAlgorithm::AesCmac;
            const SocketId l = pair.listen_on(at);
            ASSERT_TRUE(b.stack().add_key(l, key_for(a.address(family), 1, 2, first)));
            ASSERT_TRUE(
                b.stack().add_key(l, key_for(a.address(family), 3, 4, KeyAlgorithm::AesCmac)));
            const SocketId s = *a.stack().socket(family, SocketType::Stream);
            MasterKey second = key_for(at.address, 4, 3, KeyAlgorithm::AesCmac);
            ASSERT_TRUE(a.stack().add_key(s, second));
            ASSERT_TRUE(a.stack().add_key(s, key_for(at.address, 2, 1, first)));
            ASSERT_FALSE(a.stack().connect(s, at));
            pair.carry(s);
            ours.push_back(s);
        }
        pair.world.run_for(25_ms);
        for (const SocketId s : ours) {
            EXPECT_EQ(a.stack().tcp_info(s)->state, TcpState::Established);
            EXPECT_TRUE(a.stack().set_authentication(s, {.keys = {.current = 4, .next = 3}}));
        }
        pair.expect_that_all_arrives();
        for (sim::Host* host : {&a, &b}) {
            const Counters& counters = host->stack().counters();
            EXPECT_EQ(counters[Counter::TcpExtTCPAOBad], 0u);
            EXPECT_EQ(counters[Counter::TcpExtTCPAOKeyNotFound], 0u);
            EXPECT_EQ(counters[Counter::TcpExtTCPAORequired], 0u);
            EXPECT_GT(counters[Counter::TcpExtTCPAOGood], 200u);
        }
    }
    expect_that_it_replays(file);
}

}  // namespace
