#include "device/tap.hpp"

#include <gtest/gtest.h>
#include <net/if_arp.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>

#include "unit/device/kernel_listener.hpp"
#include "unit/device/private_network.hpp"
#include "unit/device/tcp_by_hand.hpp"
#include "wire/udp.hpp"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

using namespace fairlead;
using namespace fairlead::testing_network;
using device::Tap;

namespace {

class TapToKernel : public PrivateTapNetwork {
protected:
    void open(const device::TapOptions& options) {
        auto opened = Tap::open(options);
        ASSERT_TRUE(opened.has_value()) << opened.error().text;
        tap_ = std::move(*opened);
        const std::string& name = tap_->info().name;
        for (const char* address : {"10.9.0.1/24", "fd09::1/64"}) {
            const auto done = control().add_address(name, *Prefix::parse(address));
            ASSERT_TRUE(done.has_value()) << done.error().text;
        }
        kernel_mac_ = control().state(name)->mac;
        if (options.link == LinkKind::Ethernet) answer_arp_for_the_stack();
    }

    // The neighbour entry that ARP would have made.
    void answer_arp_for_the_stack() {
        arpreq request{};
        const SocketAddress address{{IpAddress::v4(10, 9, 0, 2), 0}};
        std::memcpy(&request.arp_pa, &address.storage, sizeof request.arp_pa);
        request.arp_ha.sa_family = ARPHRD_ETHER;
        std::memcpy(request.arp_ha.sa_data, tap_->info().mac.data(), 6);
        request.arp_flags = ATF_COM | ATF_PERM;
        std::strcpy(request.arp_dev, tap_->info().name.c_str());
        device::FileDescriptor s{::socket(AF_INET, SOCK_DGRAM, 0)};
        ASSERT_EQ(::ioctl(s.get(), SIOCSARP, &request), 0);
    }

    // Both ways, the large segments of a TCP connection cross whole and arrive right.
    void exchange_large_segments(const IpAddress& kernel, const IpAddress& stack) {
        KernelListener listener{{kernel, 7000}};
        TcpByHand tcp{.device = *tap_,
                      .pool = pool_,
                      .ours = {stack, static_cast<std::uint16_t>(stack.is_v4() ? 4444 : 6666)},
                      .theirs = {kernel, 7000},
                      .their_mac = kernel_mac_};
        ASSERT_NO_FATAL_FAILURE(tcp.connect());
        ASSERT_NO_FATAL_FAILURE(listener.accept());

        tcp.send({.psh = true, .ack = true}, 30000);
        const auto read = listener.read(30000);
        ASSERT_EQ(read.size(), 30000u);
        for (std::size_t i = 0; i < read.size(); ++i) ASSERT_EQ(read[i], payload_byte(i));

        listener.write(5000);
        std::size_t at = 0;
        bool saw_large = false;
        while (at < 5000) {
            auto got = tcp.receive();
            ASSERT_TRUE(got.has_value()) << "after " << at << " bytes";
            for (const std::byte b : got->payload) ASSERT_EQ(b, payload_byte(at++));
            const PacketMeta& meta = got->packet->meta;
            // The kernel leaves the sum to us, or made it: it never says nothing.
            EXPECT_NE(meta.checksum, ChecksumState::None);
            EXPECT_NE(meta.arrived, Instant{});
            if (got->payload.size() <= 1460) continue;
            saw_large = true;
            EXPECT_EQ(meta.gso, kernel.is_v4() ? GsoType::Tcp4 : GsoType::Tcp6);
            EXPECT_EQ(meta.gso_segments, (got->payload.size() + meta.gso_size - 1) / meta.gso_size);
        }
        EXPECT_TRUE(saw_large);
    }

    // Before the device and the packets that came from it are gone, the pool stays.
    PacketPool pool_;
    std::unique_ptr<Tap> tap_;
    MacAddress kernel_mac_{};
};

TEST_F(TapToKernel, LargeSegmentsCrossWholeBothWaysOverATap) {
    ASSERT_NO_FATAL_FAILURE(open({}));
    EXPECT_EQ(tap_->info().name, "tap0");
    EXPECT_EQ(tap_->info().link, LinkKind::Ethernet);
    EXPECT_TRUE(tap_->info().is_up);
    EXPECT_EQ(tap_->info().mtu, 1500u);
    EXPECT_TRUE(tap_->info().features.tso4 && tap_->info().features.checksum_out);
    EXPECT_NE(tap_->info().mac, kernel_mac_);
    EXPECT_FALSE(wire::is_group(tap_->info().mac));
    exchange_large_segments(IpAddress::v4(10, 9, 0, 1), IpAddress::v4(10, 9, 0, 2));
    EXPECT_EQ(tap_->counts().not_sent, 0u);
    EXPECT_EQ(tap_->counts().bad_header, 0u);
}

TEST_F(TapToKernel, LargeSegmentsCrossWholeBothWaysOverATun) {
    ASSERT_NO_FATAL_FAILURE(open({.name = "stack6", .link = LinkKind::Ip}));
    EXPECT_EQ(tap_->info().name, "stack6");
    exchange_large_segments(*IpAddress::parse("fd09::1"), *IpAddress::parse("fd09::2"));
    exchange_large_segments(IpAddress::v4(10, 9, 0, 1), IpAddress::v4(10, 9, 0, 2));
    EXPECT_EQ(tap_->counts().not_sent, 0u);
}

TEST_F(TapToKernel, LargeDatagramsComeWholeWhereTheKernelHasUso) {
    ASSERT_NO_FATAL_FAILURE(open({.link = LinkKind::Ip}));
    if (!tap_->info().features.uso) GTEST_SKIP() << "this kernel grants no USO (Linux 6.2 does)";
    device::FileDescriptor s{::socket(AF_INET, SOCK_DGRAM, 0)};
    const int segment = 1000;
    ASSERT_EQ(::setsockopt(s.get(), IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment), 0);
    const std::vector<char> data(4500, 'x');
    const SocketAddress to{{IpAddress::v4(10, 9, 0, 2), 53}};
    ASSERT_EQ(::sendto(s.get(), data.data(), data.size(), 0, to.get(), to.size), 4500);
    const Instant until = test_clock() + 2_s;
    bool is_seen = false;
    while (!is_seen && test_clock() < until) {
        PacketPtr p;
        if (tap_->receive(0, test_clock(), pool_, {&p, 1}) == 0) continue;
        if (p->meta.gso != GsoType::Udp) continue;
        is_seen = true;
        EXPECT_EQ(p->meta.gso_size, 1000);
        EXPECT_EQ(p->meta.gso_segments, 5);
        EXPECT_EQ(p->size(), 4500u + 28);
        EXPECT_EQ(p->network_offset(), 0u);
        EXPECT_EQ(p->transport_offset(), 20u);
    }
    EXPECT_TRUE(is_seen);
}

TEST_F(TapToKernel, WithoutOffloadEverythingIsWireSizedAndSummed) {
    ASSERT_NO_FATAL_FAILURE(open({.link = LinkKind::Ip, .mtu = 1280, .offload = false}));
    EXPECT_EQ(tap_->info().mtu, 1280u);
    EXPECT_FALSE(tap_->info().features.checksum_out);
    device::FileDescriptor s{::socket(AF_INET, SOCK_DGRAM, 0)};
    const SocketAddress to{{IpAddress::v4(10, 9, 0, 2), 53}};
    ASSERT_EQ(::sendto(s.get(), "hello", 5, 0, to.get(), to.size), 5);
    const Instant until = test_clock() + 2_s;
    bool is_seen = false;
    while (!is_seen && test_clock() < until) {
        PacketPtr p;
        if (tap_->receive(0, test_clock(), pool_, {&p, 1}) == 0 || p->size() != 33) continue;
        is_seen = true;
        EXPECT_EQ(p->meta.checksum, ChecksumState::None);
        std::vector<std::byte> ip(p->size());
        p->copy_to(0, ip);
        auto sum = wire::pseudo_header(IpAddress::v4(10, 9, 0, 1), IpAddress::v4(10, 9, 0, 2),
                                       wire::IpProtocol::Udp, 13);
        sum.add(Bytes{ip}.subspan(20));
        EXPECT_TRUE(sum.is_valid());
    }
    EXPECT_TRUE(is_seen);
}

TEST_F(TapToKernel, ASmallFrameCostsASmallBuffer) {
    ASSERT_NO_FATAL_FAILURE(open({.link = LinkKind::Ip}));
    device::FileDescriptor s{::socket(AF_INET, SOCK_DGRAM, 0)};
    const SocketAddress to{{IpAddress::v4(10, 9, 0, 2), 53}};
    for (int i = 0; i < 10; ++i) ::sendto(s.get(), "hello", 5, 0, to.get(), to.size);
    std::array<PacketPtr, 64> kept;
    std::size_t n = 0;
    const Instant until = test_clock() + 2_s;
    while (n < 10 && test_clock() < until) {
        n += tap_->receive(0, test_clock(), pool_, std::span{kept}.subspan(n));
    }
    ASSERT_GE(n, 10u);
    EXPECT_EQ(pool_.usage().buffer_bytes, n * PacketPool::kSmallBytes);
}

constexpr Instant kByTheClock = Instant::from_ns(7'000'000'000);

TEST_F(TapToKernel, AFrameIsStampedByTheClockWhenItHasBeenRead) {
    ASSERT_NO_FATAL_FAILURE(open({.clock = [] { return kByTheClock; }}));
    const auto stamp_at = [this](Instant now) {
        device::FileDescriptor s{::socket(AF_INET, SOCK_DGRAM, 0)};
        const SocketAddress to{{IpAddress::v4(10, 9, 0, 2), 9}};
        EXPECT_EQ(::sendto(s.get(), "x", 1, 0, to.get(), to.size), 1);
        PacketPtr frame;
        while (tap_->receive(0, now, pool_, std::span{&frame, 1}) == 0) {
        }
        return frame->meta.arrived;
    };
    EXPECT_EQ(stamp_at(kByTheClock - 5_ms), kByTheClock);
    // Never before what the stack holds for now.
    EXPECT_EQ(stamp_at(kByTheClock + 5_ms), kByTheClock + 5_ms);
}

TEST_F(TapToKernel, ADownInterfaceIsToldAndTakesFramesToLoseThem) {
    ASSERT_NO_FATAL_FAILURE(open({.link = LinkKind::Ip}));
    ASSERT_TRUE(control().set_up(tap_->info().name, false));
    PacketPtr p = pool_.copy(std::vector<std::byte>(40, std::byte{0x45}));
    EXPECT_EQ(tap_->send(0, test_clock(), {&p, 1}), 1u);
    EXPECT_EQ(p, nullptr);
    EXPECT_EQ(tap_->counts().not_sent, 1u);
    EXPECT_FALSE(tap_->info().is_up);
    ASSERT_TRUE(control().set_up(tap_->info().name, true));
    ASSERT_TRUE(control().set_mtu(tap_->info().name, 1400));
    EXPECT_EQ(tap_->receive(0, test_clock() + 1_s, pool_, {}), 0u);
    EXPECT_TRUE(tap_->info().is_up);
    EXPECT_EQ(tap_->info().mtu, 1400u);
}

TEST_F(TapToKernel, AnInterfaceRemovedUnderUsIsDownForGood) {
    ASSERT_NO_FATAL_FAILURE(open({}));
    ASSERT_TRUE(control().remove(tap_->info().name));
    PacketPtr p;
    EXPECT_EQ(tap_->receive(0, test_clock(), pool_, {&p, 1}), 0u);
    EXPECT_FALSE(tap_->info().is_up);
    p = pool_.copy(std::vector<std::byte>(60));
    EXPECT_EQ(tap_->send(0, test_clock(), {&p, 1}), 1u);
    EXPECT_EQ(tap_->counts().not_sent, 1u);
    EXPECT_EQ(tap_->receive(0, test_clock() + 1_s, pool_, {&p, 1}), 0u);
    EXPECT_FALSE(tap_->info().is_up);
}

TEST_F(TapToKernel, APoolAtItsLimitLeavesFramesInTheKernel) {
    ASSERT_NO_FATAL_FAILURE(open({.link = LinkKind::Ip}));
    PacketPool tight{{.packets = 1, .buffer_bytes = 70000}};
    device::FileDescriptor s{::socket(AF_INET, SOCK_DGRAM, 0)};
    const SocketAddress to{{IpAddress::v4(10, 9, 0, 2), 53}};
    for (int i = 0; i < 3; ++i) ::sendto(s.get(), "hello", 5, 0, to.get(), to.size);
    std::size_t seen = 0;
    const Instant until = test_clock() + 2_s;
    while (seen < 3 && test_clock() < until) {
        std::array<PacketPtr, 4> out;
        const std::size_t n = tap_->receive(0, test_clock(), tight, out);
        ASSERT_LE(n, 1u);
        if (n == 1 && out[0]->size() == 33) ++seen;
    }
    EXPECT_EQ(seen, 3u);
}

TEST_F(TapToKernel, ErrorsOfOpeningSayWhatFailed) {
    ASSERT_NO_FATAL_FAILURE(open({.name = "tap7"}));
    const auto busy = Tap::open({.name = "tap7"});
    ASSERT_FALSE(busy.has_value());
    EXPECT_EQ(busy.error().code, EBUSY);
    EXPECT_NE(busy.error().text.find("tap7"), std::string::npos);
    EXPECT_NE(busy.error().text.find("another program"), std::string::npos);
    const auto wrong_kind = Tap::open({.name = "lo"});
    ASSERT_FALSE(wrong_kind.has_value());
    EXPECT_EQ(wrong_kind.error().code, EINVAL);
    const auto long_name = Tap::open({.name = "a-name-of-more-than-15"});
    ASSERT_FALSE(long_name.has_value());
    EXPECT_NE(long_name.error().text.find("15"), std::string::npos);
}

}  // namespace
