// Frames that mean nothing, or lie, beside a transfer with the kernel: the bytes arrive, and each
// such frame is counted.
#include <algorithm>
#include <cstring>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>

#include "base/prng.hpp"
#include "interop/beside_kernel.hpp"

namespace fairlead::testing_interop {
namespace {

constexpr std::uint64_t kSeed = 20;

class Noise : public BesideKernelInBothFamilies {
protected:
    void SetUp() override {
        BesideKernelInBothFamilies::SetUp();
        if (IsSkipped() || HasFatalFailure()) return;
        // Complete checksums, so that a corrupted frame can be told from a good one.
        ASSERT_NO_FATAL_FAILURE(start({.offload = false}));
        open_raw();
    }
    // Whatever is sent here leaves by the kernel's end of the link, and comes to the stack.
    void open_raw() {
        raw_ = device::FileDescriptor{::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0)};
        ASSERT_TRUE(raw_.is_open());
        sockaddr_ll name{};
        name.sll_family = AF_PACKET;
        name.sll_protocol = 0;
        name.sll_ifindex = static_cast<int>(::if_nametoindex(link().kernel_interface.c_str()));
        ASSERT_EQ(::bind(raw_.get(), reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    }
    std::size_t below(std::size_t n) { return static_cast<std::size_t>(prng_.below(n)); }

    // A frame for the stack with random bytes behind a header that gets it further each time.
    std::vector<std::byte> random_frame() {
        std::vector<std::byte> frame(14 + below(1480));
        for (std::byte& b : frame) b = static_cast<std::byte>(prng_.next());
        const MacAddress mac = link().device->info().mac;
        std::memcpy(frame.data(), mac.data(), 6);
        static constexpr std::uint16_t kTypes[] = {ETH_P_IP, ETH_P_IPV6, ETH_P_ARP, ETH_P_8021Q};
        const std::size_t which = below(5);
        if (which < 4) put(frame, 12, kTypes[which]);
        if (which == 0 && frame.size() >= 34) make_v4(frame);
        if (which == 1 && frame.size() >= 54) make_v6(frame);
        return frame;
    }
    static void put(std::vector<std::byte>& frame, std::size_t at, std::uint16_t value) {
        frame[at] = static_cast<std::byte>(value >> 8);
        frame[at + 1] = static_cast<std::byte>(value);
    }
    static void put(std::vector<std::byte>& frame, std::size_t at, Bytes bytes) {
        std::ranges::copy(bytes, frame.begin() + static_cast<std::ptrdiff_t>(at));
    }
    // From the kernel's address to ours, with a right header sum half of the time; options,
    // fragments, protocol and what follows are chance.
    void make_v4(std::vector<std::byte>& frame) {
        frame[14] = static_cast<std::byte>(0x45 + (below(4) == 0 ? below(11) : 0));
        put(frame, 16, static_cast<std::uint16_t>(frame.size() - 14));
        if (below(2) == 0) put(frame, 20, std::uint16_t{0});
        static constexpr std::uint8_t kProtocols[] = {1, 6, 17};
        if (below(4) != 0) frame[23] = std::byte{kProtocols[below(3)]};
        put(frame, 26, std::as_bytes(kernels(Family::Inet).wire_bytes()));
        put(frame, 30, std::as_bytes(ours(Family::Inet).wire_bytes()));
        if (below(2) == 0) return;
        put(frame, 24, std::uint16_t{0});
        std::uint32_t sum = 0;
        for (std::size_t i = 14; i < 34; i += 2) {
            sum += std::to_integer<std::uint32_t>(frame[i]) << 8 |
                   std::to_integer<std::uint32_t>(frame[i + 1]);
        }
        while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
        put(frame, 24, static_cast<std::uint16_t>(~sum));
    }
    void make_v6(std::vector<std::byte>& frame) {
        frame[14] = std::byte{0x60};
        put(frame, 18, static_cast<std::uint16_t>(frame.size() - 54));
        static constexpr std::uint8_t kNext[] = {0, 6, 17, 43, 44, 58, 60};
        if (below(8) != 0) frame[20] = std::byte{kNext[below(7)]};
        put(frame, 22, std::as_bytes(kernels(Family::Inet6).wire_bytes()));
        put(frame, 38, std::as_bytes(ours(Family::Inet6).wire_bytes()));
    }
    void make_noise(int frames) {
        for (int i = 0; i < frames; ++i) {
            std::vector<std::byte> frame = random_frame();
            if (below(8) == 0) frame.resize(14 + below(20));
            if (::send(raw_.get(), frame.data(), frame.size(), 0) >= 0) ++made_;
        }
    }

    Prng prng_{kSeed};
    device::FileDescriptor raw_{};
    int made_ = 0;
};

TEST_P(Noise, OnTheLinkDisturbsNoTransfer) {
    SCOPED_TRACE("seed " + std::to_string(kSeed));
    Connected c = connect_out(GetParam());
    const auto bytes = pattern(20'000);
    for (int round = 0; round < 100; ++round) {
        make_noise(20);
        ASSERT_TRUE(flows_out(c, bytes)) << "round " << round;
        make_noise(20);
        ASSERT_TRUE(flows_in(c, bytes)) << "round " << round;
    }
    EXPECT_GT(made_, 3000);
    const auto counter = [&](Counter v4, Counter v6) { return counted(v4) + counted(v6); };
    EXPECT_GT(counter(Counter::IpInHdrErrors, Counter::Ip6InHdrErrors), 50u);
    EXPECT_GT(counter(Counter::IpInUnknownProtos, Counter::Ip6InUnknownProtos), 5u);
    EXPECT_GT(counted(Counter::TcpInErrs) + counted(Counter::TcpInCsumErrors), 5u);
    EXPECT_EQ(counted(Counter::TcpEstabResets), 0u);
}

// The link flips a bit in one frame of fifty, both ways: what is corrupt is thrown away by either
// end, and the rest sent again.
TEST_P(Noise, InTheFramesThemselvesIsFoundByTheirChecksums) {
    if (link().kind != "TAP") GTEST_SKIP() << "a veth leaves its checksums open: " << link().why;
    ASSERT_NO_FATAL_FAILURE(start({.offload = false}, {}, {.corruption = 20'000}));
    Connected c = connect_out(GetParam());
    EXPECT_TRUE(flows_out(c, pattern(1'000'000), 60_s));
    EXPECT_TRUE(flows_in(c, pattern(1'000'000, 1), 60_s));
    EXPECT_GT(counted(Counter::TcpInCsumErrors), 3u);
    EXPECT_GT(counted(Counter::TcpRetransSegs), 3u);
}

INSTANTIATE_TEST_SUITE_P(Beside, Noise, testing::Values(Family::Inet, Family::Inet6),
                         name_of_family);

}  // namespace
}  // namespace fairlead::testing_interop
