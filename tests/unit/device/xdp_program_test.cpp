// Whose the frames of an interface are while AF_XDP is open on it, and after.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include "unit/device/in_child.hpp"
#include "unit/device/kernel_listener.hpp"
#include "unit/device/xdp_to_kernel.hpp"
#include "wire/arp.hpp"

using namespace fairlead;
using namespace fairlead::testing_network;
using device::PacketSocket;
using device::XdpProgram;
using device::XdpQueue;
using device::XdpSocket;

namespace {

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

std::size_t mapped_kilobytes() {
    std::ifstream file{"/proc/self/status"};
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("VmSize:")) return std::stoul(line.substr(7));
    }
    return 0;
}

TEST_F(XdpToKernel, AChildIsNotGivenTheFrames) {
    constexpr std::size_t kFrames =
        std::size_t{2} * XdpQueue::kRingFrames * XdpQueue::kFrameBytes / 1024;
    ASSERT_NO_FATAL_FAILURE(open());
    const std::size_t ours = mapped_kilobytes();
    const std::string theirs = in_child([] { return std::to_string(mapped_kilobytes()); });
    EXPECT_LE(std::stoul(theirs) + kFrames, ours);
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

// A veth pair of two queues each, whose kernel sends to both.
class XdpToTwoQueues : public XdpToKernel {
protected:
    static constexpr std::size_t kSenders = 64;

    void SetUp() override {
        XdpToKernel::SetUp();
        if (IsSkipped() || HasFatalFailure()) return;
        if (std::system("ethtool -L stack0 rx 2 tx 2 && ethtool -L kernel0 rx 2 tx 2") != 0) {
            GTEST_SKIP() << "a veth pair of this machine has one queue";
        }
        ASSERT_TRUE(control().add_address("kernel0", {IpAddress::v4(10, 9, 0, 1), 24}));
        ASSERT_EQ(std::system("ip neigh add 10.9.0.2 dev kernel0 lladdr 02:00:00:00:00:02"), 0);
    }
    // From ports of its own each goes to a queue of its own.
    void send_from_many() {
        const SocketAddress to{{IpAddress::v4(10, 9, 0, 2), 53}};
        for (device::FileDescriptor& s : senders_) {
            if (!s.is_open()) s = device::FileDescriptor{::socket(AF_INET, SOCK_DGRAM, 0)};
            ASSERT_EQ(::sendto(s.get(), "hello", 5, 0, to.get(), to.size), 5);
        }
    }
    // How many came to each queue of the device, until there are as many.
    std::array<std::size_t, 2> datagrams(std::size_t most) {
        std::array<std::size_t, 2> seen{};
        const Instant until = test_clock() + 2_s;
        while (seen[0] + seen[1] < most && test_clock() < until) {
            pollfd waiting{.fd = socket_->fd(), .events = POLLIN, .revents = 0};
            EXPECT_EQ(::poll(&waiting, 1, 2000), 1);
            for (std::uint16_t queue = 0; queue < socket_->info().queues; ++queue) {
                PacketPtr p;
                while (socket_->receive(queue, test_clock(), pool_, {&p, 1}) == 1) {
                    if (p->size() == 47) ++seen[queue];
                }
            }
        }
        return seen;
    }

    std::array<device::FileDescriptor, kSenders> senders_;
};

TEST_F(XdpToTwoQueues, BothAreHeardOrOneAloneAndTheOtherStaysTheKernels) {
    ASSERT_NO_FATAL_FAILURE(open());
    ASSERT_EQ(socket_->info().queues, 2);
    send_from_many();
    const auto both = datagrams(kSenders);
    EXPECT_EQ(both[0] + both[1], kSenders);
    EXPECT_GT(both[0], 0u);
    EXPECT_GT(both[1], 0u);
    ASSERT_NO_FATAL_FAILURE(open({.queue = 1}));
    ASSERT_EQ(socket_->info().queues, 1);
    auto kernels = PacketSocket::open({.interface = "stack0"});
    ASSERT_TRUE(kernels) << kernels.error().text;
    send_from_many();
    EXPECT_EQ(datagrams(both[1])[0], both[1]);
    std::size_t passed = 0;
    const Instant until = test_clock() + 2_s;
    while (passed < both[0] && test_clock() < until) {
        PacketPtr p;
        if ((*kernels)->receive(0, test_clock(), pool_, {&p, 1}) == 1 && p->size() == 47) ++passed;
    }
    EXPECT_EQ(passed, both[0]);
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
    auto program = XdpProgram::load(1);
    ASSERT_TRUE(program) << program.error().text;
    ASSERT_TRUE(program->redirect(0, elsewhere->fd()));
    ASSERT_TRUE(program->attach_to("stack0", control().state("stack0")->index));
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
