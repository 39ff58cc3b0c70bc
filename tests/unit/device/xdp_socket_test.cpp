#include "device/xdp_socket.hpp"

#include <cstdlib>

#include <gtest/gtest.h>
#include <poll.h>

#include "unit/device/kernel_listener.hpp"
#include "unit/device/xdp_to_kernel.hpp"

using namespace fairlead;
using namespace fairlead::testing_network;
using device::XdpQueue;
using device::XdpSocket;

namespace {

class XdpTcpToKernel : public XdpToKernel, public testing::WithParamInterface<bool> {
protected:
    // The neighbour entry that ARP or ND would have made.
    static void make_known(const IpAddress& stack, const MacAddress& mac) {
        std::string command =
            "ip neigh replace " + stack.to_string() + " dev kernel0 nud permanent lladdr ";
        for (std::size_t i = 0; i < mac.size(); ++i) {
            command += fmt::format("{}{:02x}", i == 0 ? "" : ":", mac[i]);
        }
        ASSERT_EQ(std::system(command.c_str()), 0) << command;
    }
};

TEST_P(XdpTcpToKernel, AConnectionCarriesBothWaysInFramesOfTheWire) {
    const bool is_v4 = GetParam();
    const IpAddress kernel = is_v4 ? IpAddress::v4(10, 9, 0, 1) : *IpAddress::parse("fd09::1");
    const IpAddress stack = is_v4 ? IpAddress::v4(10, 9, 0, 2) : *IpAddress::parse("fd09::2");
    ASSERT_TRUE(
        control().add_address("kernel0", {kernel, static_cast<std::uint8_t>(is_v4 ? 24 : 64)}));
    ASSERT_NO_FATAL_FAILURE(open());
    EXPECT_EQ(socket_->info().name, "stack0");
    EXPECT_EQ(socket_->info().mtu, 1500u);
    EXPECT_EQ(socket_->info().queues, 1);
    EXPECT_TRUE(socket_->info().is_up);
    EXPECT_EQ(socket_->info().mac, control().state("stack0")->mac);
    EXPECT_FALSE(socket_->info().features.checksum_out || socket_->info().features.tso4);
    ASSERT_NO_FATAL_FAILURE(make_known(stack, socket_->info().mac));
    KernelListener listener{{kernel, 7000}};
    TcpByHand tcp{.device = *socket_,
                  .pool = pool_,
                  .ours = {stack, 4444},
                  .theirs = {kernel, 7000},
                  .their_mac = kernel_mac_};
    ASSERT_NO_FATAL_FAILURE(tcp.connect());
    ASSERT_NO_FATAL_FAILURE(listener.accept());
    ASSERT_NO_FATAL_FAILURE(tcp.send({.psh = true, .ack = true}, 30000));
    const auto read = listener.read(30000);
    ASSERT_EQ(read.size(), 30000u);
    for (std::size_t i = 0; i < read.size(); ++i) ASSERT_EQ(read[i], payload_byte(i));
    listener.write(5000);
    const std::size_t headers = is_v4 ? 34 : 54;
    for (std::size_t at = 0; at < 5000;) {
        const auto got = tcp.receive();
        ASSERT_TRUE(got.has_value()) << "after " << at << " bytes";
        for (const std::byte b : got->payload) ASSERT_EQ(b, payload_byte(at++));
        EXPECT_LE(got->payload.size(), 1460u);
        EXPECT_EQ(got->packet->meta.gso, GsoType::None);
        EXPECT_EQ(got->packet->meta.checksum, ChecksumState::None);
        EXPECT_NE(got->packet->meta.arrived, Instant{});
        std::vector<std::byte> frame(got->packet->size());
        got->packet->copy_to(0, frame);
        const Bytes segment = Bytes{frame}.subspan(headers);
        auto sum = wire::pseudo_header(kernel, stack, wire::IpProtocol::Tcp,
                                       static_cast<std::uint32_t>(segment.size()));
        sum.add(segment);
        EXPECT_TRUE(sum.is_valid());
    }
    const XdpSocket::Counts counts = socket_->counts();
    EXPECT_EQ(counts.not_sent + counts.tx_invalid, 0u);
    EXPECT_EQ(counts.rx_dropped + counts.rx_ring_full, 0u);
}

INSTANTIATE_TEST_SUITE_P(Xdp, XdpTcpToKernel, testing::Bool(),
                         [](const auto& each) { return each.param ? "IPv4" : "IPv6"; });

TEST_F(XdpToKernel, ABurstGoesOutInOrderAndNothingOfItComesBack) {
    ASSERT_NO_FATAL_FAILURE(open());
    ASSERT_NO_FATAL_FAILURE(open_far_end());
    auto burst = numbered_from(1, 300);
    EXPECT_EQ(socket_->send(0, test_clock(), burst), 300u);
    for (const PacketPtr& p : burst) EXPECT_EQ(p, nullptr);
    EXPECT_EQ(numbers(*far_, 300), counted(1, 300));
    EXPECT_EQ(numbers(*socket_, 1, 20_ms), counted(0, 0));
    EXPECT_EQ(socket_->counts().not_sent, 0u);
    EXPECT_EQ(socket_->next_deadline(), Instant::never());
}

TEST_F(XdpToKernel, ABurstComesInOrderAndWakesWhoWaits) {
    ASSERT_NO_FATAL_FAILURE(open());
    ASSERT_NO_FATAL_FAILURE(open_far_end());
    pollfd waiting{.fd = socket_->fd(), .events = POLLIN, .revents = 0};
    while (::poll(&waiting, 1, 0) == 1) (void)numbers(*socket_, 1, 1_ms);
    // More than the rings hold, so that every frame of them is used again.
    for (std::uint32_t first = 0; first < 10'000; first += 1000) {
        auto burst = numbered_from(first, 1000);
        EXPECT_EQ(far_->send(0, test_clock(), burst), 1000u);
        EXPECT_EQ(::poll(&waiting, 1, 2000), 1);
        ASSERT_EQ(numbers(*socket_, 1000), counted(first, 1000));
    }
    EXPECT_EQ(socket_->counts().rx_dropped, 0u);
}

TEST_F(XdpToKernel, WhatTheRingsDoNotHoldIsLostAndCountedAndTheRestComes) {
    ASSERT_NO_FATAL_FAILURE(open());
    ASSERT_NO_FATAL_FAILURE(open_far_end());
    for (std::uint32_t first = 0; first < 3000; first += 500) {
        auto burst = numbered_from(first, 500);
        EXPECT_EQ(far_->send(0, test_clock(), burst), 500u);
        const Instant until = test_clock() + 20_ms;  // the kernel's own queue is shorter
        while (test_clock() < until) ::poll(nullptr, 0, 5);
    }
    const auto first_ones = numbers(*socket_, 3000, 200_ms);
    const XdpSocket::Counts counts = socket_->counts();
    EXPECT_LE(first_ones.size(), XdpQueue::kRingFrames);
    EXPECT_GT(first_ones.size(), XdpQueue::kRingFrames - 50);  // a few are the kernel's own
    EXPECT_EQ(first_ones, counted(0, first_ones.size()));
    EXPECT_GE(counts.rx_dropped + counts.rx_ring_full, 3000u - XdpQueue::kRingFrames);
    EXPECT_EQ(counts.rx_fill_ring_empty, counts.rx_dropped);
    auto burst = numbered_from(5000, 500);
    EXPECT_EQ(far_->send(0, test_clock(), burst), 500u);
    EXPECT_EQ(numbers(*socket_, 500), counted(5000, 500));
}

TEST_F(XdpToKernel, ASendRingThatTheKernelDoesNotEmptyTakesNoMoreAndNothingIsLost) {
    ASSERT_NO_FATAL_FAILURE(open_far_end());
    auto queue = XdpQueue::open("stack0", control().state("stack0")->index, 0);
    ASSERT_TRUE(queue) << queue.error().text;
    ASSERT_TRUE(control().set_up("stack0", false));
    auto burst = numbered_from(0, 3000);
    const std::span all{burst};
    EXPECT_EQ(queue->send(all, 1518), XdpQueue::kRingFrames);
    EXPECT_EQ(queue->send(all.subspan(XdpQueue::kRingFrames), 1518), 0u);
    EXPECT_NE(burst[XdpQueue::kRingFrames], nullptr);
    EXPECT_FALSE(queue->is_stuck());  // asking again helps nothing
    ASSERT_TRUE(control().set_up("stack0", true));
    queue->push_out();
    EXPECT_EQ(queue->send(all.subspan(XdpQueue::kRingFrames), 1518), 3000 - XdpQueue::kRingFrames);
    EXPECT_EQ(numbers(*far_, 3000), counted(0, 3000));
    EXPECT_EQ(queue->not_sent(), 0u);
}

// A driver that is slow to be done with what it was given: a virtual interface above a queue with a
// rate.
TEST_F(XdpToKernel, WhatASlowDriverHasNotSentYetMakesTheRestWaitUntilATimeThatIsTold) {
    if (std::system("tc qdisc add dev stack0 root tbf rate 8mbit burst 2k limit 1m &&"
                    "ip link add link stack0 name upper0 type macvlan && ip link set upper0 up") !=
        0) {
        GTEST_SKIP() << "this machine has no macvlan or no tbf";
    }
    ASSERT_NO_FATAL_FAILURE(open_far_end());
    auto opened = XdpSocket::open({.interface = "upper0"});
    ASSERT_TRUE(opened) << opened.error().text;
    auto burst = numbered_from(0, 3000);
    std::span rest{burst};
    const std::size_t taken = (*opened)->send(0, test_clock(), rest);
    EXPECT_LT(taken, rest.size());
    EXPECT_GE(taken, XdpQueue::kRingFrames);
    rest = rest.subspan(taken);
    std::size_t waits = 0;
    const Instant until = test_clock() + 5_s;
    while (!rest.empty() && test_clock() < until) {
        ASSERT_NE(rest.front(), nullptr);
        ASSERT_LE((*opened)->next_deadline(), test_clock() + 1_ms);
        while (test_clock() < (*opened)->next_deadline()) ++waits;
        EXPECT_EQ((*opened)->receive(0, test_clock(), pool_, {}), 0u);
        rest = rest.subspan((*opened)->send(0, test_clock(), rest));
    }
    EXPECT_TRUE(rest.empty());
    EXPECT_GT(waits, 0u);
    EXPECT_EQ(numbers(*far_, 3000), counted(0, 3000));
    EXPECT_EQ((*opened)->counts().not_sent, 0u);
}

TEST_F(XdpToKernel, APoolAtItsLimitLeavesFramesInTheRing) {
    ASSERT_NO_FATAL_FAILURE(open());
    ASSERT_NO_FATAL_FAILURE(open_far_end());
    auto burst = numbered_from(0, 8);
    EXPECT_EQ(far_->send(0, test_clock(), burst), 8u);
    PacketPool tight{{.packets = 1, .buffer_bytes = PacketPool::kSmallBytes}};
    std::vector<std::uint32_t> seen;
    const Instant until = test_clock() + 2_s;
    while (seen.size() < 8 && test_clock() < until) {
        std::array<PacketPtr, 4> out;
        const std::size_t n = socket_->receive(0, test_clock(), tight, out);
        ASSERT_LE(n, 1u);
        if (n == 1 && is_experiment(*out[0])) {
            seen.push_back(load_be<std::uint32_t>(out[0]->front(), 14));
        }
    }
    EXPECT_EQ(seen, counted(0, 8));
}

TEST_F(XdpToKernel, AFrameLongerThanTheMtuIsLostAndTheRestGoes) {
    ASSERT_NO_FATAL_FAILURE(open());
    std::array<PacketPtr, 2> burst{pool_.copy(std::vector<std::byte>(1519)), numbered(0)};
    EXPECT_EQ(socket_->send(0, test_clock(), burst), 2u);
    EXPECT_EQ(socket_->counts().not_sent, 1u);
}

TEST_F(XdpToKernel, TheLinkGoesDownWithItsPeer) {
    ASSERT_NO_FATAL_FAILURE(open());
    ASSERT_TRUE(control().set_up("kernel0", false));
    EXPECT_EQ(socket_->receive(0, test_clock() + 1_s, pool_, {}), 0u);
    EXPECT_FALSE(socket_->info().is_up);
    ASSERT_TRUE(control().set_up("kernel0", true));
    EXPECT_EQ(socket_->receive(0, test_clock() + 2_s, pool_, {}), 0u);
    EXPECT_TRUE(socket_->info().is_up);
    ASSERT_TRUE(control().remove("stack0"));
    EXPECT_EQ(socket_->receive(0, test_clock() + 3_s, pool_, {}), 0u);
    EXPECT_FALSE(socket_->info().is_up);
    PacketPtr p = numbered(0);
    EXPECT_EQ(socket_->send(0, test_clock(), {&p, 1}), 1u);
    EXPECT_EQ(p, nullptr);
    EXPECT_EQ(socket_->counts().not_sent, 1u);
}

}  // namespace
