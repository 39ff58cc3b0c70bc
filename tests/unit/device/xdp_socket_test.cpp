#include "device/xdp_socket.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <net/if_arp.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>

#include "device/packet_socket.hpp"
#include "unit/device/in_child.hpp"
#include "unit/device/kernel_listener.hpp"
#include "unit/device/private_network.hpp"
#include "unit/device/tcp_by_hand.hpp"
#include "wire/arp.hpp"

using namespace fairlead;
using namespace fairlead::testing_network;
using device::PacketSocket;
using device::XdpProgram;
using device::XdpQueue;
using device::XdpSocket;

namespace {

// Nobody answers it: for local experiments.
constexpr std::byte kExperiment[] = {std::byte{0x88}, std::byte{0xb5}};

bool is_experiment(const Packet& p) {
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
        const auto can = XdpSocket::open({.interface = "stack0"});
        if (can) return;
        const int code = can.error().code;
        ASSERT_TRUE(code == EPERM || code == EACCES || code == ENOSYS || code == EAFNOSUPPORT)
            << can.error().text;
        GTEST_SKIP() << can.error().text;
    }
    void open(device::XdpSocketOptions options = {}) {
        options.interface = "stack0";
        auto opened = XdpSocket::open(options);
        ASSERT_TRUE(opened.has_value()) << opened.error().text;
        socket_ = std::move(*opened);
    }
    void open_far_end() {
        auto opened = PacketSocket::open({.interface = "kernel0", .offload = false});
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
    std::unique_ptr<XdpSocket> socket_;
    std::unique_ptr<PacketSocket> far_;
    MacAddress kernel_mac_{};
};

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

TEST_F(XdpToKernel, TheKernelAnswersNothingWhileItIsOpenAndAllOnceItIsClosed) {
    ASSERT_TRUE(control().add_address("stack0", {IpAddress::v4(10, 9, 1, 2), 24}));
    ASSERT_NO_FATAL_FAILURE(open_far_end());
    const auto ask = [&] {
        std::vector<std::byte> frame(60);
        const MutableBytes all{frame};
        wire::write_ethernet(
            all,
            {.target = wire::kBroadcastMac, .source = kernel_mac_, .type = wire::EtherType::Arp});
        wire::write_arp(all.subspan(wire::EthernetHeader::kBytes),
                        {.operation = wire::ArpOperation::Request,
                         .sender_mac = kernel_mac_,
                         .sender = IpAddress::v4(10, 9, 1, 1),
                         .target = IpAddress::v4(10, 9, 1, 2)});
        PacketPtr p = pool_.copy(frame);
        EXPECT_EQ(far_->send(0, test_clock(), {&p, 1}), 1u);
    };
    const auto is_arp_seen = [&](Device& at, Duration patience) {
        const Instant until = test_clock() + patience;
        while (test_clock() < until) {
            PacketPtr p;
            if (at.receive(0, test_clock(), pool_, {&p, 1}) == 0) continue;
            if (p->size() >= 42 && load_be<std::uint16_t>(p->front(), 12) == 0x0806) return true;
        }
        return false;
    };
    ASSERT_NO_FATAL_FAILURE(open());
    ask();
    EXPECT_TRUE(is_arp_seen(*socket_, 2_s));
    EXPECT_FALSE(is_arp_seen(*far_, 50_ms));
    socket_.reset();
    ask();
    EXPECT_TRUE(is_arp_seen(*far_, 2_s));
}

TEST_F(XdpToKernel, AProcessThatIsKilledLeavesTheInterfaceToTheNextOne) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const auto opened = XdpSocket::open({.interface = "stack0"});
        const char said = opened ? 'y' : 'n';
        if (::write(ends[1], &said, 1) != 1) ::_exit(1);
        ::pause();
        ::_exit(0);
    }
    char said = 0;
    ASSERT_EQ(::read(ends[0], &said, 1), 1);
    EXPECT_EQ(said, 'y');
    const auto busy = XdpSocket::open({.interface = "stack0"});
    ASSERT_FALSE(busy);
    EXPECT_EQ(busy.error().code, EBUSY);
    EXPECT_NE(busy.error().text.find("another program has this queue"), std::string::npos);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(ends[0]);
    ::close(ends[1]);
    const Instant until = test_clock() + 2_s;
    auto opened = XdpSocket::open({.interface = "stack0"});
    while (!opened && test_clock() < until) opened = XdpSocket::open({.interface = "stack0"});
    EXPECT_TRUE(opened) << opened.error().text;
}

std::size_t lines_of(const char* path) {
    std::ifstream file{path};
    return static_cast<std::size_t>(std::count(std::istreambuf_iterator<char>{file}, {}, '\n'));
}

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all{"/proc/self/fd"};
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

TEST_F(XdpToKernel, NothingIsLeftOfManyThatWereOpenedAndClosed) {
    constexpr int kTimes = 10;  // the kernel takes a tenth of a second for each
    const std::size_t descriptors = open_descriptors();
    const std::size_t mappings = lines_of("/proc/self/maps");
    for (int i = 0; i < kTimes; ++i) {
        ASSERT_NO_FATAL_FAILURE(open());
        socket_.reset();
    }
    EXPECT_EQ(open_descriptors(), descriptors);
    EXPECT_LE(lines_of("/proc/self/maps"), mappings + 2);
    ASSERT_NO_FATAL_FAILURE(open_far_end());
    ASSERT_NO_FATAL_FAILURE(open());
    auto burst = numbered_from(0, 10);
    EXPECT_EQ(far_->send(0, test_clock(), burst), 10u);
    EXPECT_EQ(numbers(*socket_, 10), counted(0, 10));
}

TEST_F(XdpToKernel, AllQueuesOfAnInterfaceAreHeard) {
    if (std::system("ethtool -L stack0 rx 2 tx 2 && ethtool -L kernel0 rx 2 tx 2") != 0) {
        GTEST_SKIP() << "a veth pair of this machine has one queue";
    }
    ASSERT_TRUE(control().add_address("kernel0", {IpAddress::v4(10, 9, 0, 1), 24}));
    ASSERT_EQ(std::system("ip neigh add 10.9.0.2 dev kernel0 lladdr 02:00:00:00:00:02"), 0);
    ASSERT_NO_FATAL_FAILURE(open());
    ASSERT_EQ(socket_->info().queues, 2);
    // From ports of its own each goes to a queue of its own.
    constexpr std::size_t kSenders = 64;
    std::array<device::FileDescriptor, kSenders> senders;
    const SocketAddress to{{IpAddress::v4(10, 9, 0, 2), 53}};
    for (device::FileDescriptor& s : senders) {
        s = device::FileDescriptor{::socket(AF_INET, SOCK_DGRAM, 0)};
        ASSERT_EQ(::sendto(s.get(), "hello", 5, 0, to.get(), to.size), 5);
    }
    std::array<std::size_t, 2> seen{};
    const Instant until = test_clock() + 2_s;
    while (seen[0] + seen[1] < kSenders && test_clock() < until) {
        pollfd waiting{.fd = socket_->fd(), .events = POLLIN, .revents = 0};
        ASSERT_EQ(::poll(&waiting, 1, 2000), 1);
        for (std::uint16_t queue = 0; queue < 2; ++queue) {
            PacketPtr p;
            while (socket_->receive(queue, test_clock(), pool_, {&p, 1}) == 1) {
                if (p->size() == 47) ++seen[queue];
            }
        }
    }
    EXPECT_EQ(seen[0] + seen[1], kSenders);
    EXPECT_GT(seen[0], 0u);
    EXPECT_GT(seen[1], 0u);
}

TEST_F(XdpToKernel, ErrorsOfOpeningSayWhatFailedAndWhatToDo) {
    const auto expect_error = [](const auto& opened, int code, const char* words) {
        ASSERT_FALSE(opened.has_value()) << words;
        EXPECT_EQ(opened.error().code, code) << opened.error().text;
        EXPECT_NE(opened.error().text.find(words), std::string::npos) << opened.error().text;
    };
    expect_error(XdpSocket::open({.interface = "nosuch0"}), ENODEV, "nosuch0");
    expect_error(XdpSocket::open({.interface = "stack0", .queue = 7}), EINVAL, "queue 7 of stack0");
    ASSERT_TRUE(control().set_mtu("stack0", 9000));
    expect_error(XdpSocket::open({.interface = "stack0"}), 0, "`ip link set stack0 mtu 3822`");
    ASSERT_TRUE(control().set_mtu("stack0", 1500));
    // The program is another's, the queue is nobody's.
    const auto elsewhere = XdpQueue::open("kernel0", control().state("kernel0")->index, 0);
    ASSERT_TRUE(elsewhere) << elsewhere.error().text;
    const std::array targets{XdpProgram::Target{.queue = 0, .socket = elsewhere->fd()}};
    const auto program = XdpProgram::attach("stack0", control().state("stack0")->index, targets);
    ASSERT_TRUE(program) << program.error().text;
    expect_error(XdpSocket::open({.interface = "stack0"}), EBUSY,
                 "an XDP program is there already");
}

TEST_F(XdpToKernel, WithoutRootItSaysSo) {
    constexpr uid_t kNobody = 65534;
    EXPECT_EQ(in_child([] {
                  if (::setresuid(kNobody, kNobody, kNobody) != 0) return std::string{"still root"};
                  const auto opened = XdpSocket::open({.interface = "stack0"});
                  if (opened) return std::string{"it opened"};
                  if (opened.error().code != EPERM) return opened.error().text;
                  const bool is_said = opened.error().text.find("run as root") != std::string::npos;
                  return is_said ? std::string{} : opened.error().text;
              }),
              "");
}

}  // namespace
