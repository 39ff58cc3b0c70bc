#include "stack/group.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <gtest/gtest.h>

#include "sim/link.hpp"
#include "sim/steered_device.hpp"

using namespace fairlead;

namespace {

constexpr std::uint16_t kMembers = 4;

// A peer at one end of a wire, a group of four behind a device with four queues at the other.
class GroupOfStacks : public testing::TestWithParam<Family> {
protected:
    GroupOfStacks() {
        const auto left = peer.add_interface(wire.left());
        const auto right = group.add_interface(device);
        EXPECT_TRUE(left && right);
        for (const char* prefix : {"10.0.0.1/24", "2001:db8::1/64"}) {
            EXPECT_TRUE(peer.add_address(*left, *Prefix::parse(prefix)));
        }
        for (const char* prefix : {"10.0.0.2/24", "2001:db8::2/64"}) {
            EXPECT_TRUE(group.add_address(*right, *Prefix::parse(prefix)));
        }
        interface = *right;
        run(3_s);
    }

    // Whoever has something to do does it, in turn, until the time is over.
    void run(Duration span) {
        const Instant end = now + span;
        peer.flush();
        for (std::uint16_t m = 0; m < kMembers; ++m) group.member(m).flush();
        for (int i = 0; i < 200'000; ++i) {
            Instant next = std::min(peer.next_deadline(), wire.left().next_deadline());
            next = std::min(next, device.next_deadline());
            for (std::uint16_t m = 0; m < kMembers; ++m) {
                next = device.has_waiting(m) ? now : std::min(next, group.next_deadline(m));
            }
            if (next > end) {
                now = end;
                return;
            }
            now = std::max(now, next);
            peer.poll(now);
            for (std::uint16_t m = 0; m < kMembers; ++m) group.poll(m, now);
        }
        FAIL() << "the group does not come to rest";
    }

    IpAddress peers_address() const {
        return *IpAddress::parse(GetParam() == Family::Inet ? "10.0.0.1" : "2001:db8::1");
    }
    IpAddress groups_address() const {
        return *IpAddress::parse(GetParam() == Family::Inet ? "10.0.0.2" : "2001:db8::2");
    }
    std::uint64_t crossed() const {
        std::uint64_t n = 0;
        for (std::uint16_t m = 0; m < kMembers; ++m) n += group.counts(m).crossed;
        return n;
    }
    std::uint64_t dropped() const {
        std::uint64_t n = 0;
        for (std::uint16_t m = 0; m < kMembers; ++m) n += group.counts(m).dropped;
        return n;
    }
    std::size_t established(Stack& stack) {
        return static_cast<std::size_t>(std::ranges::count_if(
            stack.sockets(), [](const SocketInfo& s) { return s.state == TcpState::Established; }));
    }
    // A port of the peer's for which datagrams to `local` are another member's than the addresses'.
    std::uint16_t misplaced_port(std::uint16_t local) const {
        const std::uint16_t by_addresses = steering.member_of(peers_address(), groups_address());
        std::uint16_t port = 20'000;
        while (steering.member_of({peers_address(), port}, {groups_address(), local}) ==
               by_addresses) {
            ++port;
        }
        return port;
    }

    PacketPool pool;
    sim::Recorder recorder;
    sim::Link wire{{.there = {.delay = 1_ms}, .back = {.delay = 1_ms}}, 1, 1, pool, recorder};
    ip::Steering steering{kMembers};
    sim::SteeredDevice device{wire.right(), steering, pool};
    Stack peer{{.seed = {1}, .pool = &pool}};
    Group group{steering, {.seed = {2}}};
    InterfaceIndex interface = 0;
    Instant now = Instant::from_ns(1'000'000'000);
};

TEST_P(GroupOfStacks, EveryMemberListensAndGetsItsShare) {
    const auto listeners = group.listen({groups_address(), 80}, 100);
    ASSERT_TRUE(listeners);
    std::vector<SocketId> clients;
    for (int i = 0; i < 64; ++i) {
        clients.push_back(*peer.socket(GetParam(), SocketType::Stream));
        EXPECT_EQ(peer.connect(clients.back(), {groups_address(), 80}).error(), Errc::InProgress);
    }
    run(1_s);
    EXPECT_EQ(established(peer), 64u);
    const std::uint64_t before = crossed();
    std::size_t accepted = 0;
    for (std::uint16_t m = 0; m < kMembers; ++m) {
        Stack& member = group.member(m);
        std::size_t own = 0;
        while (const auto s = member.accept((*listeners)[m])) {
            ++own;
            // It is the device's choice who accepts.
            EXPECT_EQ(steering.member_of(*member.peer_name(*s), *member.local_name(*s)), m);
            EXPECT_TRUE(member.send(*s, std::array<std::byte, 3>{}));
        }
        EXPECT_GE(own, 4u);
        accepted += own;
    }
    EXPECT_EQ(accepted, 64u);
    run(1_s);
    for (const SocketId c : clients) EXPECT_EQ(peer.bytes_to_read(c), std::size_t{3});
    EXPECT_EQ(crossed(), before);  // what the device placed stays where it is
}

TEST_P(GroupOfStacks, AConnectingMemberPicksAPortThatComesBackToIt) {
    const SocketId listener = *peer.socket(GetParam(), SocketType::Stream);
    ASSERT_TRUE(peer.bind(listener, {peers_address(), 9000}));
    ASSERT_TRUE(peer.listen(listener, 100));
    std::set<std::uint16_t> ports;
    for (std::uint16_t m = 0; m < kMembers; ++m) {
        for (int i = 0; i < 8; ++i) {
            Stack& member = group.member(m);
            const SocketId s = *member.socket(GetParam(), SocketType::Stream);
            EXPECT_EQ(member.connect(s, {peers_address(), 9000}).error(), Errc::InProgress);
            const Endpoint local = *member.local_name(s);
            EXPECT_EQ(steering.member_of({peers_address(), 9000}, local), m);
            ports.insert(local.port);
        }
    }
    run(1_s);
    EXPECT_EQ(ports.size(), 32u);  // no two members ever pick the same
    EXPECT_EQ(established(peer), 32u);
    for (std::uint16_t m = 0; m < kMembers; ++m) EXPECT_EQ(established(group.member(m)), 8u);
}

TEST_P(GroupOfStacks, ADatagramInFragmentsReachesTheOneItBelongsTo) {
    const auto sockets = group.bind_datagrams({groups_address(), 53});
    ASSERT_TRUE(sockets);
    const std::uint16_t port = misplaced_port(53);
    const std::uint16_t owner = steering.member_of({peers_address(), port}, {groups_address(), 53});
    const SocketId sender = *peer.socket(GetParam(), SocketType::Datagram);
    ASSERT_TRUE(peer.bind(sender, {peers_address(), port}));
    std::vector<std::byte> sent(4000);
    for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<std::byte>(i % 253);
    ASSERT_TRUE(peer.send_to(sender, Bytes{sent}.first(100), {.to = {groups_address(), 53}}));
    run(100_ms);
    const std::uint64_t before = crossed();
    ASSERT_TRUE(peer.send_to(sender, sent, {.to = {groups_address(), 53}}));
    run(100_ms);
    EXPECT_EQ(crossed(), before + 1);  // whole, once
    EXPECT_EQ(dropped(), 0u);
    std::vector<std::byte> got(5000);
    for (std::uint16_t m = 0; m < kMembers; ++m) {
        Stack& member = group.member(m);
        if (m != owner) {
            EXPECT_EQ(member.receive_from((*sockets)[m], got).error(), Errc::WouldBlock);
            continue;
        }
        EXPECT_EQ(member.receive_from((*sockets)[m], got)->size, 100u);
        const auto info = member.receive_from((*sockets)[m], got);
        ASSERT_TRUE(info);
        EXPECT_EQ(info->size, 4000u);
        EXPECT_EQ(info->from, (Endpoint{peers_address(), port}));
        EXPECT_TRUE(std::equal(sent.begin(), sent.end(), got.begin()));
    }
}

TEST_P(GroupOfStacks, AnIcmpErrorReachesTheOneItConcerns) {
    const auto sockets = group.bind_datagrams({groups_address(), 53});
    ASSERT_TRUE(sockets);
    const std::uint16_t port = misplaced_port(53);
    const std::uint16_t owner = steering.member_of({peers_address(), port}, {groups_address(), 53});
    for (std::uint16_t m = 0; m < kMembers; ++m) {
        ASSERT_TRUE(group.member(m).connect((*sockets)[m], {peers_address(), port}));
    }
    const std::uint64_t before = crossed();
    ASSERT_TRUE(group.member(owner).send((*sockets)[owner], std::array<std::byte, 10>{}));
    run(100_ms);
    EXPECT_EQ(crossed(), before + 1);
    for (std::uint16_t m = 0; m < kMembers; ++m) {
        EXPECT_EQ(group.member(m).option((*sockets)[m], Option::Error),
                  m == owner ? to_errno(Errc::ConnectionRefused) : 0);
    }
}

TEST_P(GroupOfStacks, LoopbackCrossesToWhoeverListensForIt) {
    const auto listeners = group.listen({groups_address(), 80}, 100);
    ASSERT_TRUE(listeners);
    const std::uint64_t before = crossed();
    std::vector<SocketId> clients;
    Stack& first = group.member(0);
    for (int i = 0; i < 12; ++i) {
        clients.push_back(*first.socket(GetParam(), SocketType::Stream));
        EXPECT_EQ(first.connect(clients.back(), {groups_address(), 80}).error(), Errc::InProgress);
    }
    run(1_s);
    EXPECT_GT(crossed(), before);
    std::size_t accepted = 0;
    std::size_t elsewhere = 0;
    for (std::uint16_t m = 0; m < kMembers; ++m) {
        while (const auto s = group.member(m).accept((*listeners)[m])) {
            ++accepted;
            if (m != 0) ++elsewhere;
            EXPECT_TRUE(group.member(m).send(*s, std::array<std::byte, 5>{}));
        }
    }
    EXPECT_EQ(accepted, 12u);
    EXPECT_GT(elsewhere, 0u);
    run(1_s);
    for (const SocketId c : clients) EXPECT_EQ(first.bytes_to_read(c), std::size_t{5});
}

TEST_P(GroupOfStacks, RoutesReachTheOthersAtTheirNextPoll) {
    const bool is_v4 = GetParam() == Family::Inet;
    const Endpoint far{*IpAddress::parse(is_v4 ? "192.0.2.9" : "2001:db8:9::9"), 80};
    const Prefix prefix = *Prefix::parse(is_v4 ? "192.0.2.0/24" : "2001:db8:9::/48");
    const auto connect = [&](std::uint16_t m) {
        const SocketId s = *group.member(m).socket(GetParam(), SocketType::Stream);
        return group.member(m).connect(s, far).error();
    };
    EXPECT_EQ(connect(0), Errc::NetworkUnreachable);
    ASSERT_TRUE(group.add_route({.destination = prefix, .gateway = peers_address()}));
    EXPECT_EQ(connect(0), Errc::InProgress);
    EXPECT_EQ(connect(1), Errc::NetworkUnreachable);
    EXPECT_EQ(group.next_deadline(1), group.member(1).now());  // it has something to do
    group.poll(1, now);
    EXPECT_EQ(connect(1), Errc::InProgress);
    // What the first refuses reaches nobody.
    EXPECT_FALSE(group.add_address(99, prefix));
    ASSERT_TRUE(group.remove_route(prefix));
    run(1_ms);
    for (std::uint16_t m = 0; m < kMembers; ++m) EXPECT_EQ(connect(m), Errc::NetworkUnreachable);
}

TEST_P(GroupOfStacks, AnAddressInUseIsNobodys) {
    const SocketId taken = *group.member(2).socket(GetParam(), SocketType::Stream);
    ASSERT_TRUE(group.member(2).bind(taken, {groups_address(), 80}));
    ASSERT_TRUE(group.member(2).listen(taken, 1));
    EXPECT_EQ(group.listen({groups_address(), 80}, 10).error(), Errc::AddressInUse);
    for (std::uint16_t m = 0; m < kMembers; ++m) {
        EXPECT_EQ(group.member(m).sockets().size(), m == 2 ? 1u : 0u);
    }
}

INSTANTIATE_TEST_SUITE_P(Over, GroupOfStacks, testing::Values(Family::Inet, Family::Inet6),
                         [](const auto& row) { return row.param == Family::Inet ? "v4" : "v6"; });

TEST(CrossingRing, IsFirstInFirstOutAndBounded) {
    PacketPool pool;
    CrossingRing ring;
    for (std::size_t i = 0; i < CrossingRing::kPlaces; ++i) {
        Crossing c{.kind = Crossing::Kind::Frame, .port = static_cast<std::uint16_t>(i)};
        c.incoming.packet = pool.packet();
        ASSERT_TRUE(ring.push(c));
    }
    Crossing more{.port = 999};
    more.incoming.packet = pool.packet();
    EXPECT_FALSE(ring.push(more));
    EXPECT_NE(more.incoming.packet, nullptr);
    for (std::uint16_t i = 0; i < 10; ++i) {
        ASSERT_NE(ring.front(), nullptr);
        EXPECT_EQ(ring.front()->port, i);
        ring.pop();
    }
    // What was read is let go by the writer, not by the reader.
    EXPECT_EQ(pool.usage().packets, CrossingRing::kPlaces + 1);
    EXPECT_TRUE(ring.push(more));
    EXPECT_EQ(pool.usage().packets, CrossingRing::kPlaces - 10 + 1);
}

}  // namespace
