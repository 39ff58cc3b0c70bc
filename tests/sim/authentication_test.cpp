#include <algorithm>
#include <deque>
#include <string_view>
#include <vector>

#include "sim/transfer.hpp"
#include "stack/recorder.hpp"
#include "stack/replay.hpp"

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
        InputRecorder recorder{{&file, [](void* context, Bytes bytes) {
                                    auto& to = *static_cast<std::vector<std::byte>*>(context);
                                    to.insert(to.end(), bytes.begin(), bytes.end());
                                }}};
        sim::World world{11};
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
        std::vector<SocketId> ours;
        for (const Family family : {Family::Inet, Family::Inet6}) {
            const Endpoint at{b.address(family), 179};
            const auto first =
                family == Family::Inet ? KeyAlgorithm::HmacSha1 : KeyAlgorithm::AesCmac;
            listeners.emplace_back(b, at, sim::mirrored(plan, 100'000));
            const SocketId l = listeners.back().socket();
            ASSERT_TRUE(b.stack().add_key(l, key_for(a.address(family), 1, 2, first)));
            ASSERT_TRUE(
                b.stack().add_key(l, key_for(a.address(family), 3, 4, KeyAlgorithm::AesCmac)));
            const SocketId s = *a.stack().socket(family, SocketType::Stream);
            MasterKey second = key_for(at.address, 4, 3, KeyAlgorithm::AesCmac);
            ASSERT_TRUE(a.stack().add_key(s, second));
            ASSERT_TRUE(a.stack().add_key(s, key_for(at.address, 2, 1, first)));
            ASSERT_FALSE(a.stack().connect(s, at));
            streams.emplace_back(a, s, plan);
            ours.push_back(s);
        }
        world.run_for(25_ms);
        for (const SocketId s : ours) {
            EXPECT_EQ(a.stack().tcp_info(s)->state, TcpState::Established);
            EXPECT_TRUE(a.stack().set_authentication(s, {.keys = {.current = 4, .next = 3}}));
        }
        world.run_for(60_s);
        for (const sim::Stream& s : streams) {
            EXPECT_EQ(s.state(), sim::Stream::State::Closed);
            EXPECT_EQ(s.received(), 100'000u);
        }
        for (sim::Host* host : {&a, &b}) {
            const Counters& counters = host->stack().counters();
            EXPECT_EQ(counters[Counter::TcpExtTCPAOBad], 0u);
            EXPECT_EQ(counters[Counter::TcpExtTCPAOKeyNotFound], 0u);
            EXPECT_EQ(counters[Counter::TcpExtTCPAORequired], 0u);
            EXPECT_GT(counters[Counter::TcpExtTCPAOGood], 200u);
        }
    }
    Replay replay{file};
    EXPECT_TRUE(replay.run());
    EXPECT_GT(replay.counts().frames_out, 100u);
}

}  // namespace
