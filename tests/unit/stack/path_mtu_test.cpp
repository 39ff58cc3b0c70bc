#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.hpp"
#include "device/memory.hpp"
#include "fairlead/stack.hpp"
#include "wire/checksum.hpp"
#include "wire/ethernet.hpp"
#include "wire/icmp.hpp"
#include "wire/ipv4.hpp"

using namespace fairlead;

namespace {

// A router on the way that takes no packet over `most` bytes, and says so (RFC 1191 §4).
class NarrowPath final : public Device {
public:
    NarrowPath(Device& inner, PacketPool& pool, std::size_t most)
        : inner_{inner}, pool_{pool}, most_{most} {}

    const DeviceInfo& info() const override { return inner_.info(); }
    std::size_t receive(std::uint16_t queue, Instant now, PacketPool& pool,
                        std::span<PacketPtr> out) override {
        std::size_t n = 0;
        while (n < out.size() && !answers_.empty()) out[n++] = answers_.pop_front();
        return n + inner_.receive(queue, now, pool, out.subspan(n));
    }
    std::size_t send(std::uint16_t queue, Instant now, std::span<PacketPtr> burst) override {
        for (std::size_t i = 0; i < burst.size(); ++i) {
            const bool is_ip = load_be<std::uint16_t>(burst[i]->front(), 12) == 0x0800;
            const bool has_df = is_ip && (burst[i]->front()[20] & std::byte{0x40}) != std::byte{0};
            if (is_ip) ++(has_df ? with_df : without_df);
            // What may be cut would be, and come out whole at the far end.
            if (has_df && burst[i]->size() > most_ + wire::EthernetHeader::kBytes) {
                answer(*burst[i]);
                burst[i].reset();
                ++dropped;
                continue;
            }
            if (inner_.send(queue, now, burst.subspan(i, 1)) == 0) return i;
        }
        return burst.size();
    }

    void widen(std::size_t most) { most_ = most; }

    std::size_t dropped = 0;
    std::size_t with_df = 0;
    std::size_t without_df = 0;

private:
    void answer(const Packet& frame) {
        std::vector<std::byte> bytes(14 + 20 + 8 + 28);
        std::vector<std::byte> original(14 + 28);
        frame.copy_to(0, original);
        const MutableBytes out{bytes};
        std::ranges::copy(Bytes{original}.subspan(6, 6), out.begin());
        std::ranges::copy(Bytes{original}.first(6), out.begin() + 6);
        std::ranges::copy(Bytes{original}.subspan(12, 2), out.begin() + 12);
        wire::write_ipv4(out.subspan(14, 20),
                         {.total_bytes = 20 + 8 + 28,
                          .ttl = 64,
                          .protocol = wire::IpProtocol::Icmp,
                          .source = IpAddress::v4(192, 0, 2, 254),
                          .target = IpAddress::v4(load_be<std::uint32_t>(original, 14 + 12))});
        std::ranges::copy(Bytes{original}.subspan(14, 28), out.begin() + 14 + 20 + 8);
        auto header = wire::icmp_fragmentation_needed(static_cast<std::uint16_t>(most_));
        wire::write_icmp(out.subspan(34, 8), header);
        header.checksum = wire::sum_of(out.subspan(34)).checksum();
        wire::write_icmp(out.subspan(34, 8), header);
        answers_.push_back(pool_.copy(bytes));
    }

    Device& inner_;
    PacketPool& pool_;
    std::size_t most_;
    PacketQueue answers_{};
};

class PathMtu : public testing::Test {
protected:
    // A hundred kilobytes to a server behind the narrow path; the client's IP_MTU_DISCOVER.
    void transfer(std::int64_t mode) {
        const auto l = *left.add_interface(path);
        const auto r = *right.add_interface(link.right());
        ASSERT_TRUE(left.add_address(l, *Prefix::parse("192.0.2.1/24")));
        ASSERT_TRUE(right.add_address(r, *Prefix::parse("192.0.2.2/24")));
        const SocketId listener = *right.socket(Family::Inet, SocketType::Stream);
        ASSERT_TRUE(right.bind(listener, at));
        ASSERT_TRUE(right.listen(listener, 1));
        client = *left.socket(Family::Inet, SocketType::Stream);
        ASSERT_TRUE(left.set_option(client, Option::MtuDiscover, mode));
        ASSERT_EQ(left.connect(client, at).error(), Errc::InProgress);

        const Instant end = now + 100_ms;  // less than any RTO
        SocketId server;
        std::vector<std::byte> bytes(100'000);
        std::vector<std::byte> into(100'000);
        for (std::size_t i = 0; i < bytes.size(); ++i)
            bytes[i] = static_cast<std::byte>(i * i >> 7);
        std::vector<std::byte> received;
        std::size_t written = 0;
        for (; now < end && received.size() < bytes.size(); now = now + 100_us) {
            if (const auto n = left.send(client, Bytes{bytes}.subspan(written))) written += *n;
            left.poll(now);
            right.poll(now);
            if (!server) server = right.accept(listener).value_or(SocketId{});
            while (const auto n = right.receive(server, into)) {
                received.insert(received.end(), into.begin(), into.begin() + static_cast<long>(*n));
            }
        }
        EXPECT_EQ(received, bytes);
    }

    PacketPool pool;
    device::MemoryLink link{};
    NarrowPath path{link.left(), pool, 1000};
    Stack left{{.seed = {1}, .pool = &pool}};
    Stack right{{.seed = {2}, .pool = &pool}};
    Instant now = Instant::from_ns(1'000'000'000);
    SocketId client{};
    const Endpoint at = *Endpoint::parse("192.0.2.2:80");
};

TEST_F(PathMtu, ATransferGoesOnInSmallerSegmentsWithoutWaitingForATimeout) {
    ASSERT_NO_FATAL_FAILURE(transfer(1));
    EXPECT_EQ(path.without_df, 0u);
    EXPECT_GT(path.dropped, 0u);
    EXPECT_LE(path.dropped, 10u);  // the first window only
    EXPECT_EQ(left.tcp_info(client)->send_mss, 1000u - 40 - 12);
    EXPECT_EQ(left.tcp_info(client)->path_mtu, 1000u);
    EXPECT_EQ(left.counters()[Counter::TcpExtTCPTimeouts], 0u);
    // What is remembered of the path serves the next connection from its SYN on.
    const SocketId other = *left.socket(Family::Inet, SocketType::Stream);
    ASSERT_EQ(left.connect(other, at).error(), Errc::InProgress);
    EXPECT_EQ(left.tcp_info(other)->path_mtu, 1000u);
}

// RFC 1191 §6.3: ten minutes later the old size is tried again, within a connection too.
TEST_F(PathMtu, AConnectionTriesLargerSegmentsAgainWhenTheWordIsOld) {
    ASSERT_NO_FATAL_FAILURE(transfer(1));
    EXPECT_EQ(left.tcp_info(client)->send_mss, 1000u - 40 - 12);
    path.widen(1500);
    const auto send = [&](Duration later) {
        now = now + later;
        left.poll(now);
        right.poll(now);
        ASSERT_EQ(left.send(client, std::vector<std::byte>(5000)), std::size_t{5000});
        for (int i = 0; i < 100; ++i, now = now + 1_ms) {
            left.poll(now);
            right.poll(now);
        }
    };
    send(500_s);
    EXPECT_EQ(left.tcp_info(client)->send_mss, 1000u - 40 - 12);
    send(101_s);
    EXPECT_EQ(left.tcp_info(client)->path_mtu, 1500u);
    EXPECT_EQ(left.tcp_info(client)->send_mss, 1448u);
    EXPECT_EQ(left.bytes_unacked(client), std::size_t{0});
}

// IP_PMTUDISC_DO sets DF as the default does; the four others do not (asked of Linux 6.18).
TEST_F(PathMtu, ASocketThatWantsNoDiscoverySetsNoDf) {
    ASSERT_NO_FATAL_FAILURE(transfer(0));
    EXPECT_EQ(path.with_df, 0u);
    EXPECT_GT(path.without_df, 70u);
    EXPECT_EQ(left.tcp_info(client)->send_mss, 1448u);
}

TEST(PathMtuMode, OfADatagramSetsDfInThreeOfSixWays) {
    for (const std::int64_t mode : {0, 1, 2, 3, 4, 5}) {
        PacketPool pool;
        device::MemoryLink link{};
        NarrowPath path{link.left(), pool, 1000};
        Stack stack{{.seed = {1}, .pool = &pool}};
        const auto l = *stack.add_interface(path);
        ASSERT_TRUE(stack.add_address(l, *Prefix::parse("192.0.2.1/24")));
        // A broadcast address has no neighbour to wait for; a datagram shows the same modes.
        const SocketId s = *stack.socket(Family::Inet, SocketType::Datagram);
        ASSERT_TRUE(stack.set_option(s, Option::Broadcast, 1));
        ASSERT_TRUE(stack.set_option(s, Option::MtuDiscover, mode));
        ASSERT_TRUE(stack.send_to(s, std::vector<std::byte>(10),
                                  {.to = *Endpoint::parse("192.0.2.255:9")}));
        stack.poll(Instant::from_ns(1));
        // UDP sets it for IP_PMTUDISC_PROBE too.
        const bool has_df = mode == 1 || mode == 2 || mode == 3;
        EXPECT_EQ(path.with_df, has_df ? 1u : 0u) << mode;
        EXPECT_EQ(path.without_df, has_df ? 0u : 1u) << mode;
    }
}

}  // namespace
