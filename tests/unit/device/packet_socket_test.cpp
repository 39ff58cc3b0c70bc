#include "device/packet_socket.hpp"

#include <gtest/gtest.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>

#include "unit/device/kernel_listener.hpp"
#include "unit/device/private_network.hpp"
#include "unit/device/tcp_by_hand.hpp"

using namespace fairlead;
using namespace fairlead::testing_network;
using device::PacketSocket;

namespace {

const IpAddress kKernel = IpAddress::v4(10, 9, 0, 1);
const IpAddress kStack = IpAddress::v4(10, 9, 0, 2);

// veth: the kernel's stack on `kernel0`, ours on `stack0`, which has no address.
class VethToKernel : public PrivateNetwork {
protected:
    void open(device::PacketSocketOptions options) {
        options.interface = "stack0";
        ASSERT_TRUE(control().add_veth("kernel0", "stack0"));
        ASSERT_TRUE(control().set_up("kernel0"));
        ASSERT_TRUE(control().set_up("stack0"));
        ASSERT_TRUE(control().add_address("kernel0", {kKernel, 24}));
        auto opened = PacketSocket::open(options);
        ASSERT_TRUE(opened.has_value()) << opened.error().text;
        socket_ = std::move(*opened);
        kernel_mac_ = control().state("kernel0")->mac;
        arpreq request{};
        const SocketAddress address{{kStack, 0}};
        std::memcpy(&request.arp_pa, &address.storage, sizeof request.arp_pa);
        request.arp_ha.sa_family = ARPHRD_ETHER;
        std::memcpy(request.arp_ha.sa_data, socket_->info().mac.data(), 6);
        request.arp_flags = ATF_COM | ATF_PERM;
        std::strcpy(request.arp_dev, "kernel0");
        device::FileDescriptor s{::socket(AF_INET, SOCK_DGRAM, 0)};
        ASSERT_EQ(::ioctl(s.get(), SIOCSARP, &request), 0);
    }

    void exchange_large_segments() {
        KernelListener listener{{kKernel, 7000}};
        TcpByHand tcp{.device = *socket_,
                      .pool = pool_,
                      .ours = {kStack, 4444},
                      .theirs = {kKernel, 7000},
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
            const auto got = tcp.receive();
            ASSERT_TRUE(got.has_value()) << "after " << at << " bytes";
            for (const std::byte b : got->payload) ASSERT_EQ(b, payload_byte(at++));
            EXPECT_NE(got->packet->meta.checksum, ChecksumState::None);
            if (got->payload.size() <= 1460) continue;
            saw_large = true;
            EXPECT_EQ(got->packet->meta.gso, GsoType::Tcp4);
        }
        EXPECT_TRUE(saw_large);
    }

    PacketPool pool_;
    std::unique_ptr<PacketSocket> socket_;
    MacAddress kernel_mac_{};
};

TEST_F(VethToKernel, LargeSegmentsCrossWholeBothWays) {
    ASSERT_NO_FATAL_FAILURE(open({}));
    EXPECT_EQ(socket_->info().name, "stack0");
    EXPECT_EQ(socket_->info().mtu, 1500u);
    EXPECT_TRUE(socket_->info().is_up);
    EXPECT_EQ(socket_->info().mac, control().state("stack0")->mac);
    exchange_large_segments();
    EXPECT_EQ(socket_->counts().not_sent, 0u);
    EXPECT_EQ(socket_->counts().bad_header, 0u);
    EXPECT_EQ(socket_->counts().overrun, 0u);
}

TEST_F(VethToKernel, AnAddressOfOurOwnWorksPromiscuously) {
    ASSERT_NO_FATAL_FAILURE(open({.mac = {2, 0, 0, 0, 0, 7}, .promiscuous = true}));
    EXPECT_EQ(socket_->info().mac, (MacAddress{2, 0, 0, 0, 0, 7}));
    exchange_large_segments();
}

TEST_F(VethToKernel, ABurstGoesOutInOneAndNothingOfItComesBack) {
    ASSERT_NO_FATAL_FAILURE(open({}));
    std::array<PacketPtr, 40> burst;
    for (PacketPtr& p : burst) {
        std::vector<std::byte> frame(60, std::byte{0xff});
        frame[12] = std::byte{0x88};
        frame[13] = std::byte{0xb5};  // for local experiments: nobody answers
        p = pool_.copy(frame);
    }
    EXPECT_EQ(socket_->send(0, test_clock(), burst), 40u);
    for (const PacketPtr& p : burst) EXPECT_EQ(p, nullptr);
    PacketPtr p;
    while (socket_->receive(0, test_clock(), pool_, {&p, 1}) == 1) {
        EXPECT_NE(p->front()[13], std::byte{0xb5});
    }
}

TEST_F(VethToKernel, AFrameLongerThanTheMtuIsLostAndTheRestGoes) {
    ASSERT_NO_FATAL_FAILURE(open({}));
    std::array<PacketPtr, 2> burst{pool_.copy(std::vector<std::byte>(3000)),
                                   pool_.copy(std::vector<std::byte>(60))};
    EXPECT_EQ(socket_->send(0, test_clock(), burst), 2u);
    EXPECT_EQ(socket_->counts().not_sent, 1u);
}

TEST_F(VethToKernel, TheLinkGoesDownWithItsPeer) {
    ASSERT_NO_FATAL_FAILURE(open({}));
    ASSERT_TRUE(control().set_up("kernel0", false));
    EXPECT_EQ(socket_->receive(0, test_clock() + 1_s, pool_, {}), 0u);
    EXPECT_FALSE(socket_->info().is_up);
    ASSERT_TRUE(control().set_up("kernel0", true));
    EXPECT_EQ(socket_->receive(0, test_clock() + 2_s, pool_, {}), 0u);
    EXPECT_TRUE(socket_->info().is_up);
    ASSERT_TRUE(control().remove("stack0"));
    EXPECT_EQ(socket_->receive(0, test_clock() + 3_s, pool_, {}), 0u);
    EXPECT_FALSE(socket_->info().is_up);
    PacketPtr p = pool_.copy(std::vector<std::byte>(60));
    EXPECT_EQ(socket_->send(0, test_clock(), {&p, 1}), 1u);
    EXPECT_EQ(socket_->counts().not_sent, 1u);
}

TEST_F(VethToKernel, AnInterfaceThatIsNotThereIsNamed) {
    const auto opened = PacketSocket::open({.interface = "nosuch0"});
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().code, ENODEV);
    EXPECT_NE(opened.error().text.find("nosuch0"), std::string::npos);
}

}  // namespace
