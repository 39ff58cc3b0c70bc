// xdp_to_kernel.hpp — AF_XDP at one end of a veth pair, the kernel's stack at the other.
#pragma once

#include <array>
#include <cerrno>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "device/packet_socket.hpp"
#include "device/xdp_socket.hpp"
#include "unit/device/private_network.hpp"
#include "unit/device/tcp_by_hand.hpp"

namespace fairlead::testing_network {

// Nobody answers it: for local experiments.
inline constexpr std::byte kExperiment[] = {std::byte{0x88}, std::byte{0xb5}};

inline bool is_experiment(const Packet& p) {
    return p.size() >= 18 && p.front()[12] == kExperiment[0] && p.front()[13] == kExperiment[1];
}

// veth: the kernel's stack on `kernel0`, ours on `stack0`.
class XdpToKernel : public PrivateNetwork {
protected:
    void SetUp() override {
        PrivateNetwork::SetUp();
        if (IsSkipped() || HasFatalFailure()) return;
        ASSERT_TRUE(control().add_veth("kernel0", "stack0"));
        for (const char* end : {"kernel0", "stack0"}) ASSERT_TRUE(control().set_up(end));
        // The far end of a veth pair leaves sums to us otherwise, and XDP cannot say so.
        ASSERT_TRUE(control().set_checksum_offload("kernel0", false));
        kernel_mac_ = control().state("kernel0")->mac;
        const auto can = device::XdpSocket::open({.interface = "stack0"});
        if (can) return;
        const int code = can.error().code;
        ASSERT_TRUE(code == EPERM || code == EACCES || code == ENOSYS || code == EAFNOSUPPORT)
            << can.error().text;
        GTEST_SKIP() << can.error().text;
    }
    void open(device::XdpSocketOptions options = {}) {
        options.interface = "stack0";
        socket_.reset();
        auto opened = device::XdpSocket::open(options);
        ASSERT_TRUE(opened.has_value()) << opened.error().text;
        socket_ = std::move(*opened);
    }
    void open_far_end() {
        auto opened = device::PacketSocket::open({.interface = "kernel0", .offload = false});
        ASSERT_TRUE(opened.has_value()) << opened.error().text;
        far_ = std::move(*opened);
    }
    // 60 bytes, of which four say which it is.
    PacketPtr numbered(std::uint32_t number) {
        std::vector<std::byte> frame(60, std::byte{0xff});
        frame[12] = kExperiment[0];
        frame[13] = kExperiment[1];
        store_be<std::uint32_t>(frame, 14, number);
        return pool_.copy(frame);
    }
    std::vector<PacketPtr> numbered_from(std::uint32_t first, std::size_t count) {
        std::vector<PacketPtr> burst(count);
        for (PacketPtr& p : burst) p = numbered(first++);
        return burst;
    }
    // The numbers of those frames that come until there are as many, or no more for a while.
    std::vector<std::uint32_t> numbers(Device& at, std::size_t most, Duration patience = 2_s) {
        std::vector<std::uint32_t> seen;
        Instant until = test_clock() + patience;
        while (seen.size() < most && test_clock() < until) {
            std::array<PacketPtr, 64> burst;
            for (std::uint16_t queue = 0; queue < at.info().queues; ++queue) {
                const std::size_t n = at.receive(queue, test_clock(), pool_, burst);
                for (const PacketPtr& p : std::span{burst}.first(n)) {
                    if (!is_experiment(*p)) continue;
                    seen.push_back(load_be<std::uint32_t>(p->front(), 14));
                }
            }
        }
        return seen;
    }
    static std::vector<std::uint32_t> counted(std::uint32_t first, std::size_t count) {
        std::vector<std::uint32_t> all(count);
        for (std::uint32_t& n : all) n = first++;
        return all;
    }

    // Before the devices and the packets that came from them are gone, the pool stays.
    PacketPool pool_;
    std::unique_ptr<device::XdpSocket> socket_;
    std::unique_ptr<device::PacketSocket> far_;
    MacAddress kernel_mac_{};
};

}  // namespace fairlead::testing_network
