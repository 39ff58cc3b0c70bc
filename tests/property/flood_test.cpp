// Storms from strangers: what they can make us hold, and that the honest still get through.
#include <gtest/gtest.h>

#include "property/stranger.hpp"
#include "tcp/fast_open.hpp"

using namespace fairlead;
using namespace fairlead::testing;

namespace {

class Flood : public ::testing::Test {
protected:
    SocketId listen_on(Family f, int backlog) {
        const SocketId s = *world.stack.socket(f, SocketType::Stream);
        if (f == Family::Inet6) {
            EXPECT_TRUE(world.stack.set_option(s, Option::V6Only, 1));
        }
        EXPECT_TRUE(world.stack.bind(s, {IpAddress::any(f), 80}));
        EXPECT_TRUE(world.stack.listen(s, backlog));
        return s;
    }
    std::size_t requests() const {
        std::size_t n = 0;
        for (const SocketInfo& row : world.stack.sockets()) n += row.state == TcpState::SynReceived;
        return n;
    }
    std::size_t held() const {
        const PacketPool::Usage& u = world.pool.usage();
        return u.buffer_bytes + u.packets * sizeof(Packet);
    }
    template <typename F>
    void spoof_syns(Family f, std::uint32_t seed, F&& in_between);
    // The station is still served.
    void expect_service(SocketId listener, Family f, std::uint16_t port) {
        Talk& t = world.open(f, 80, port, Stranger::syn_options());
        const auto s = world.stack.accept(listener);
        ASSERT_TRUE(s);
        world.say(t, Stranger::honest(t, text("hello")));
        ASSERT_TRUE(world.settle());
        Frame room(10);
        EXPECT_EQ(world.stack.receive(*s, room), std::size_t{5});
        EXPECT_TRUE(world.stack.close(*s));
    }

    Stranger world{};
};

TEST_F(Flood, GarbageFramesHarmNobody) {
    const SocketId four = listen_on(Family::Inet, 4);
    const SocketId six = listen_on(Family::Inet6, 4);
    const std::size_t before = held();
    for (std::uint32_t seed = 1; seed <= 8; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Chance random{seed};
        for (int i = 0; i < 20'000; ++i) {
            Frame f(random() % 160);
            for (std::byte& b : f) b = static_cast<std::byte>(random() % 8 == 0 ? random() : 0);
            // Ever deeper: the station, the type, the version, the protocol are right.
            const auto put = [&](std::size_t place, auto... values) {
                ((place < f.size() ? void(f[place] = static_cast<std::byte>(values)) : void(),
                  ++place),
                 ...);
            };
            const auto depth = random() % 5;
            if (depth > 0)
                std::copy_n(reinterpret_cast<const std::byte*>(world.our_mac.data()),
                            std::min<std::size_t>(6, f.size()), f.begin());
            const bool v4 = random() % 2 == 0;
            if (depth > 1) v4 ? put(12, 8, 0) : put(12, 0x86, 0xdd);
            if (depth > 2) put(14, v4 ? 0x45 : 0x60);
            if (depth > 3) {
                v4 ? put(16, 0, f.size() - std::min<std::size_t>(f.size(), 14))
                   : put(18, 0, f.size() - std::min<std::size_t>(f.size(), 54));
                v4 ? put(22, 64, random() % 2 == 0 ? 6 : 17) : put(20, random() % 2 == 0 ? 6 : 58);
            }
            world.raw(std::move(f));
            if (i % 64 == 0) {
                ASSERT_TRUE(world.settle());
            }
        }
        ASSERT_TRUE(world.wait(60_s));
        expect_service(four, Family::Inet, static_cast<std::uint16_t>(2000 + seed));
        expect_service(six, Family::Inet6, static_cast<std::uint16_t>(2000 + seed));
    }
    ASSERT_TRUE(world.wait(60_s));
    EXPECT_LT(held(), before + (std::size_t{64} << 10));
}

// In one of four floods. (What a sanitizer looks for shows in a fifth of it, which takes long enough.)
#ifdef FAIRLEAD_SANITIZED
constexpr int kSyns = 50'000;
#else
constexpr int kSyns = 250'000;
#endif
constexpr int kBetweenLooks = kSyns / 16 / 256 * 256;
constexpr std::uint64_t kMostSyns = kSyns * 2 / 10 * 8;  // of two floods

// SYNs from addresses that are not theirs; `in_between` is called now and then.
template <typename F>
void Flood::spoof_syns(Family f, std::uint32_t seed, F&& in_between) {
    Chance random{seed};
    for (int i = 0; i < kSyns; ++i) {
        Talk t{.stack_address = world.us(f),
               .own_address = f == Family::Inet ? IpAddress::v4(0xc000'0200u + 2 + random() % 250)
                                                : world.peer6,
               .stack_port = 80,
               .own_port = static_cast<std::uint16_t>(random())};
        Said syn{.seq = static_cast<std::uint32_t>(random()), .options = Stranger::syn_options()};
        syn.flags.syn = true;
        world.say(t, syn);
        if (i % 256 != 0) continue;
        ASSERT_TRUE(world.settle());
        if (i % kBetweenLooks == 0) in_between();
    }
}

TEST_F(Flood, SpoofedSynsFillTheQueueAndNothingElse) {
    constexpr int kBacklog = 64;
    ASSERT_TRUE(world.stack.set_config("net.ipv4.tcp_syncookies", "0"));
    for (const Family f : {Family::Inet, Family::Inet6}) {
        const SocketId listener = listen_on(f, kBacklog);
        const auto look = [&] { ASSERT_LE(requests(), std::size_t{kBacklog + 1}); };
        spoof_syns(f, 1, look);
        const std::size_t slabs = world.pool.usage().slabs;
        spoof_syns(f, 2, look);
        EXPECT_LE(world.pool.usage().slabs, slabs + 2);
        EXPECT_GT(world.count(Counter::TcpExtTCPReqQFullDrop), kMostSyns);
        // What nobody answered is forgotten; then the honest are served again.
        ASSERT_TRUE(world.wait(Duration::from_s(200)));
        EXPECT_EQ(requests(), 0u);
        expect_service(listener, f, 3000);
        ASSERT_TRUE(world.wait(Duration::from_s(100)));
        EXPECT_LE(held(), std::size_t{PacketPool::kLargeBytes});
    }
}

// With cookies (RFC 4987 §3.6) they are served while it goes on, and nothing is kept for the others.
TEST_F(Flood, WithCookiesTheHonestAreServedAmongAMillionSpoofedSyns) {
    constexpr int kBacklog = 64;
    for (const Family f : {Family::Inet, Family::Inet6}) {
        const SocketId listener = listen_on(f, kBacklog);
        std::uint16_t port = 3000;
        const auto look = [&] {
            ASSERT_LE(requests(), std::size_t{kBacklog + 1});
            expect_service(listener, f, port++);
        };
        spoof_syns(f, 1, look);
        const std::size_t slabs = world.pool.usage().slabs;
        spoof_syns(f, 2, look);
        EXPECT_LE(world.pool.usage().slabs, slabs + 2);
        EXPECT_GT(world.count(Counter::TcpExtSyncookiesSent), kMostSyns);
        EXPECT_GE(world.count(Counter::TcpExtSyncookiesRecv), 20u);
        ASSERT_TRUE(world.wait(Duration::from_s(300)));
        EXPECT_EQ(requests(), 0u);
        EXPECT_LE(held(), std::size_t{PacketPool::kLargeBytes});
    }
}

// Spoofed SYNs with data, some with the right cookie (RFC 7413 §5.1): what they hold stays within
// TCP_FASTOPEN's number of connections, and the listener's two queues.
TEST_F(Flood, SynsWithDataHoldNoMoreThanTheListenerAllows) {
    constexpr std::int64_t kLimit = 16;
    constexpr int kBacklog = 64;
    ASSERT_TRUE(world.stack.set_config("net.ipv4.tcp_fastopen", "2"));
    ASSERT_TRUE(world.stack.set_config("net.ipv4.tcp_syncookies", "0"));
    ASSERT_TRUE(
        world.stack.set_config("net.ipv4.tcp_fastopen_key", "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4"));
    const SocketId listener = listen_on(Family::Inet, kBacklog);
    ASSERT_TRUE(world.stack.set_option(listener, Option::FastOpen, kLimit));
    const tcp::FastOpenSecrets secrets = tcp::secrets_of(world.stack.config().tcp_fastopen_key);
    std::size_t slabs = 0;
    for (const std::uint32_t seed : {1u, 2u}) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Chance random{seed};
        for (int i = 0; i < 40'000; ++i) {
            Talk t{.stack_address = world.us4,
                   .own_address = IpAddress::v4(0xc000'0200u + 2 + random() % 250),
                   .stack_port = 80,
                   .own_port = static_cast<std::uint16_t>(random())};
            tcp::FastOpenCookie cookie =
                tcp::make_cookie(secrets.keys[0], t.own_address, t.stack_address);
            if (random() % 4 == 0) cookie.bytes[random() % 8] ^= std::byte{1};
            Said syn{.seq = static_cast<std::uint32_t>(random()),
                     .options = Stranger::options_of(
                         {.mss = std::uint16_t{1460}, .fast_open = cookie.option()}),
                     .payload = Frame(random() % 1400)};
            syn.flags.syn = true;
            world.say(t, syn);
            // Now and then one is accepted, and reset by who knows of none.
            if (random() % 8 == 0) {
                if (const auto s = world.stack.accept(listener)) (void)world.stack.close(*s);
                syn.flags = {.rst = true};
                syn.seq += 1 + static_cast<std::uint32_t>(syn.payload.size());
                syn.payload.clear();
                world.say(t, syn);
            }
            if (i % 256 != 0) continue;
            ASSERT_TRUE(world.settle());
            ASSERT_LE(requests(), std::size_t{kBacklog + 1 + kLimit});
        }
        if (seed == 1) slabs = world.pool.usage().slabs;
    }
    EXPECT_LE(world.pool.usage().slabs, slabs + 2);
    EXPECT_GT(world.count(Counter::TcpExtTCPFastOpenPassive), 16u);
    EXPECT_GT(world.count(Counter::TcpExtTCPFastOpenPassiveFail), 0u);
    EXPECT_GT(world.count(Counter::TcpExtTCPFastOpenListenOverflow), 10u);
    ASSERT_TRUE(world.wait(Duration::from_s(300)));
    while (const auto s = world.stack.accept(listener)) (void)world.stack.close(*s);
    EXPECT_EQ(requests(), 0u);
    expect_service(listener, Family::Inet, 3000);
    EXPECT_TRUE(world.stack.close(listener));
    ASSERT_TRUE(world.wait(Duration::from_s(100)));
    EXPECT_LE(held(), std::size_t{PacketPool::kLargeBytes});
}

TEST_F(Flood, FragmentsThatNeverMeetAreHeldWithinTheLimit) {
    const auto limit = static_cast<std::size_t>(world.stack.config().ipfrag_high_thresh);
    std::size_t most = 0;
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        const auto offset = static_cast<std::uint16_t>((i % 100) * 8 * 3);
        if (i % 2 == 0) {
            world.packet(ipv4({.id = static_cast<std::uint16_t>(i / 3),
                               .more_fragments = true,
                               .fragment_offset = offset,
                               .protocol = wire::IpProtocol::Udp,
                               .source = world.peer4,
                               .target = world.us4},
                              Frame(8)));
        } else {
            Frame header(8);
            wire::write_ipv6_fragment(header, {.id = i / 3, .offset = offset, .more = true},
                                      wire::IpProtocol::Udp);
            world.packet(ipv6({.next_header = static_cast<wire::IpProtocol>(44),
                               .source = world.peer6,
                               .target = world.us6},
                              header + Frame(8)));
        }
        if (i % 64 == 0) {
            ASSERT_TRUE(world.settle());
            most = std::max(most, held());
        }
    }
    EXPECT_LT(most, limit + (std::size_t{256} << 10));
    EXPECT_GT(world.count(Counter::IpReasmFails), 0u);
    EXPECT_GT(world.count(Counter::Ip6ReasmFails), 0u);
    ASSERT_TRUE(world.wait(Duration::from_s(70)));
    EXPECT_LE(held(), std::size_t{PacketPool::kLargeBytes});
    // There is room again.
    const Frame whole = udp(world.peer4, world.us4, 9, 9, pattern(64));
    const std::uint64_t before = world.count(Counter::IpReasmOKs);
    world.packet(ipv4({.id = 5,
                       .more_fragments = true,
                       .protocol = wire::IpProtocol::Udp,
                       .source = world.peer4,
                       .target = world.us4},
                      part(whole, 20, 32)));
    world.packet(ipv4({.id = 5,
                       .fragment_offset = 32,
                       .protocol = wire::IpProtocol::Udp,
                       .source = world.peer4,
                       .target = world.us4},
                      part(whole, 52)));
    ASSERT_TRUE(world.settle());
    EXPECT_EQ(world.count(Counter::IpReasmOKs), before + 1);
}

TEST_F(Flood, MadeUpNeighboursPushOutNobodyInUse) {
    const SocketId four = listen_on(Family::Inet, 4);
    expect_service(four, Family::Inet, 4000);
    for (std::uint32_t i = 0; i < 50'000; ++i) {
        Frame f(14 + wire::ArpPacket::kBytes);
        const MacAddress liar{2, 9, 9, 9, 9, static_cast<std::uint8_t>(i)};
        wire::write_ethernet(
            f, {.target = wire::kBroadcastMac, .source = liar, .type = wire::EtherType::Arp});
        wire::write_arp(MutableBytes{f}.subspan(14),
                        {.operation = wire::ArpOperation::Request,
                         .sender_mac = liar,
                         .sender = IpAddress::v4(0xc000'0200u + 3 + i % 250),
                         .target = world.us4});
        world.raw(std::move(f));
        const IpAddress made_up = IpAddress::v6(
            {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 1, 0, 0, 0, 0, static_cast<std::uint8_t>(i >> 16),
             static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)});
        const wire::NeighborSolicitation asks{.target = world.us6, .options = {.source_mac = liar}};
        Frame message(wire::nd_bytes(asks));
        wire::write_nd(message, asks);
        world.packet(ipv6({.next_header = wire::IpProtocol::Icmpv6,
                           .hop_limit = 255,
                           .source = made_up,
                           .target = world.us6},
                          with_checksum(message, made_up, world.us6, wire::IpProtocol::Icmpv6, 2)));
        // And packets from made-up stations that want an answer: each must be asked for.
        world.packet(udp(IpAddress::v4(0xc000'0200u + 3 + i % 250), world.us4, 7, 7, Frame(64)));
        if (i % 32 == 0) {
            ASSERT_TRUE(world.settle());
            if (i % 1024 == 0) {
                ASSERT_TRUE(world.wait(100_ms));
            }
            ASSERT_LT(held(), std::size_t{8} << 20);
        }
    }
    expect_service(four, Family::Inet, 4001);
    ASSERT_TRUE(world.wait(Duration::from_s(300)));
    EXPECT_LE(held(), std::size_t{PacketPool::kLargeBytes});
}

TEST_F(Flood, SegmentsForNobodyAreAnsweredOneForOneAndKeepNothing) {
    for (const Family f : {Family::Inet, Family::Inet6}) {
        Talk t{.stack_address = world.us(f), .own_address = world.peer(f)};
        for (std::uint32_t i = 0; i < 100'000; ++i) {
            t.stack_port = static_cast<std::uint16_t>(i);
            t.own_port = static_cast<std::uint16_t>(i * 7);
            Said s{.seq = i, .ack = i};
            s.flags = {.fin = i % 3 == 0, .rst = i % 2 == 0, .ack = i % 5 == 0};
            world.say(t, s);
            if (i % 128 == 0) {
                ASSERT_TRUE(world.settle());
            }
        }
        ASSERT_TRUE(world.settle());
        EXPECT_TRUE(world.stack.sockets().empty());
        EXPECT_LE(held(), std::size_t{PacketPool::kLargeBytes});
    }
    EXPECT_EQ(world.count(Counter::TcpOutRsts), 100'000u);
}

}  // namespace
