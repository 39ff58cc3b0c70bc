// Loads the shared object as packetdrill does, and drives it as packetdrill does: a first thread
// that moves the time, a second one for calls that block, and calls of the system on live
// descriptors at the end. Run with the other library preloaded.
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "packetdrill/interface.hpp"

namespace {

constexpr std::uint8_t kFin = 1;
constexpr std::uint8_t kSyn = 2;
constexpr std::uint8_t kRst = 4;
constexpr std::uint8_t kPush = 8;
constexpr std::uint8_t kAck = 16;
constexpr std::uint16_t kRemotePort = 40001;
constexpr std::uint16_t kPort = 8080;
constexpr int kOptionCongestionInfo = 26;  // TCP_CC_INFO
constexpr int kOptionMemory = 55;          // SO_MEMINFO

struct Segment {
    std::uint32_t seq = 0;
    std::uint32_t ack = 0;
    std::uint8_t flags = 0;
    std::vector<std::uint8_t> options{};
    std::size_t payload = 0;
    long long usecs = 0;
};

void put16(std::vector<std::uint8_t>& to, std::size_t at, unsigned value) {
    to[at] = static_cast<std::uint8_t>(value >> 8);
    to[at + 1] = static_cast<std::uint8_t>(value);
}
void put32(std::vector<std::uint8_t>& to, std::size_t at, std::uint32_t value) {
    put16(to, at, value >> 16);
    put16(to, at + 2, value & 0xffff);
}
std::uint32_t get32(const std::uint8_t* from) {
    return std::uint32_t{from[0]} << 24 | std::uint32_t{from[1]} << 16 |
           std::uint32_t{from[2]} << 8 | from[3];
}

unsigned sum_of(const std::vector<std::uint8_t>& bytes, std::size_t from, std::size_t size,
                unsigned sum = 0) {
    for (std::size_t i = 0; i < size; ++i) {
        sum += i % 2 == 0 ? static_cast<unsigned>(bytes[from + i]) << 8 : bytes[from + i];
    }
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

// From 192.0.2.1:40001 to 192.168.0.1:8080.
std::vector<std::uint8_t> packet_of(const Segment& s) {
    const std::size_t header = 20 + s.options.size();
    std::vector<std::uint8_t> p(20 + header + s.payload);
    p[0] = 0x45;
    put16(p, 2, static_cast<unsigned>(p.size()));
    p[8] = 64;
    p[9] = IPPROTO_TCP;
    put32(p, 12, 0xc0000201);
    put32(p, 16, 0xc0a80001);
    put16(p, 10, ~sum_of(p, 0, 20) & 0xffff);
    put16(p, 20, kRemotePort);
    put16(p, 22, kPort);
    put32(p, 24, s.seq);
    put32(p, 28, s.ack);
    p[32] = static_cast<std::uint8_t>(header / 4 << 4);
    p[33] = s.flags;
    put16(p, 34, 32792);
    std::copy(s.options.begin(), s.options.end(), p.begin() + 40);
    const auto length = static_cast<unsigned>(header + s.payload);
    const unsigned pseudo = sum_of(p, 12, 8, IPPROTO_TCP + length);
    put16(p, 36, ~sum_of(p, 20, length, pseudo) & 0xffff);
    return p;
}

class Packetdrill : public testing::Test {
protected:
    void SetUp() override {
        void* const loaded =
            ::dlopen(STACK_LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE | RTLD_DEEPBIND);
        ASSERT_NE(loaded, nullptr) << ::dlerror();
        using Init = void (*)(const char*, packetdrill_interface*);
        const auto init = reinterpret_cast<Init>(::dlsym(loaded, "packetdrill_interface_init"));
        ASSERT_NE(init, nullptr);
        init("--local_ip=192.168.0.1", &i);
        u = i.userdata;
    }
    void TearDown() override { i.free(u); }

    long long now() {
        timeval time{};
        EXPECT_EQ(i.gettimeofday(u, &time, nullptr), 0);
        return time.tv_sec * 1'000'000LL + time.tv_usec;
    }
    void send(const Segment& s) {
        const auto packet = packet_of(s);
        EXPECT_EQ(i.netdev_send(u, packet.data(), packet.size()), 0);
    }
    // As packetdrill does after an error: again, at once.
    Segment receive() {
        std::array<std::uint8_t, 65536> buffer{};
        std::size_t size = buffer.size();
        long long usecs = 0;
        while (i.netdev_receive(u, buffer.data(), &size, &usecs) != 0) size = buffer.size();
        const std::uint8_t* tcp = buffer.data() + 20;
        const std::size_t header = static_cast<std::size_t>(tcp[12] >> 4) * 4;
        return {.seq = get32(tcp + 4),
                .ack = get32(tcp + 8),
                .flags = tcp[13],
                .options = {tcp + 20, tcp + header},
                .payload = size - 20 - header,
                .usecs = usecs};
    }
    int listener() {
        const int fd = i.socket(u, AF_INET, SOCK_STREAM, IPPROTO_TCP);
        EXPECT_GE(fd, 0);
        sockaddr_in name{};
        name.sin_family = AF_INET;
        name.sin_port = htons(kPort);
        EXPECT_EQ(i.bind(u, fd, reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
        EXPECT_EQ(i.listen(u, fd, 1), 0);
        return fd;
    }
    // The handshake, up to its last segment, as the peer of a script makes it.
    void open() {
        send({.flags = kSyn, .options = {2, 4, 5, 0xb4}});
        const Segment answer = receive();
        EXPECT_EQ(answer.flags, kSyn | kAck);
        EXPECT_EQ(answer.ack, 1u);
        ours = answer.seq;
    }
    void finish_opening() { send({.seq = 1, .ack = ours + 1, .flags = kAck}); }

    packetdrill_interface i{};
    void* u = nullptr;
    std::uint32_t ours = 0;  // our ISN
};

// A thread for one call that blocks, and its state as the system tells it.
class Blocked {
public:
    template <typename Call>
    Blocked(packetdrill_interface& i, Call call)
        : thread_{[this, &i, call] {
              tid_ = ::gettid();
              result_ = call();
              timeval time{};
              i.gettimeofday(i.userdata, &time, nullptr);
              ended_ = time.tv_sec * 1'000'000LL + time.tv_usec;
          }} {}
    ~Blocked() { join(); }

    void join() {
        if (thread_.joinable()) thread_.join();
    }
    // 'S' within a second.
    bool sleeps() const {
        for (int tries = 0; tries < 1000; ++tries) {
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
            if (tid_ == 0) continue;
            const std::string path = "/proc/self/task/" + std::to_string(tid_) + "/stat";
            std::string stat;
            std::getline(std::ifstream{path} >> std::ws, stat);
            const auto name_end = stat.rfind(") ");
            if (name_end != std::string::npos && stat[name_end + 2] == 'S') return true;
        }
        return false;
    }
    long result() const { return result_; }
    long long ended() const { return ended_; }

private:
    std::atomic<int> tid_ = 0;
    std::atomic<long> result_ = -2;
    std::atomic<long long> ended_ = 0;
    std::thread thread_;
};

TEST_F(Packetdrill, AScriptWithoutWaitingIsPlayedInVirtualTime) {
    const long long begin = now();
    const int fd = listener();
    open();
    EXPECT_EQ(i.usleep(u, 100'000), 0);
    EXPECT_EQ(now(), begin + 100'000);
    finish_opening();
    const int accepted = i.accept(u, fd, nullptr, nullptr);
    ASSERT_GE(accepted, 0);
    const std::vector<char> zeros(2000);
    EXPECT_EQ(i.write(u, accepted, zeros.data(), zeros.size()), 2000);
    const Segment first = receive();
    EXPECT_EQ(first.payload, 1460u);
    EXPECT_EQ(first.seq, ours + 1);
    EXPECT_EQ(first.usecs, begin + 100'000);
    const Segment second = receive();
    EXPECT_EQ(second.payload, 540u);
    EXPECT_EQ(second.flags, kAck | kPush);
    // Nobody acknowledges: the time goes on to the retransmission by itself.
    const Segment again = receive();
    EXPECT_GT(again.usecs, begin + 200'000);
    EXPECT_EQ(now(), again.usecs);
    send({.seq = 1, .ack = ours + 2001, .flags = kAck, .payload = 10});
    std::array<char, 64> buffer{};
    EXPECT_EQ(i.recv(u, accepted, buffer.data(), buffer.size(), 0), 10);
    EXPECT_EQ(i.recv(u, accepted, buffer.data(), buffer.size(), MSG_DONTWAIT), -1);
    EXPECT_EQ(errno, EAGAIN);
    send({.seq = 11, .ack = ours + 2001, .flags = kFin | kAck});
    EXPECT_EQ(i.read(u, accepted, buffer.data(), buffer.size()), 0);
    send({.seq = 12, .ack = ours + 2001, .flags = kRst});
    EXPECT_EQ(i.close(u, accepted), 0);
    EXPECT_EQ(i.close(u, accepted), -1);
    EXPECT_EQ(errno, EBADF);
}

TEST_F(Packetdrill, CallsThatBlockSleepOnASecondThread) {
    const int fd = listener();
    Blocked accept{i, [&] { return static_cast<long>(i.accept(u, fd, nullptr, nullptr)); }};
    EXPECT_TRUE(accept.sleeps());
    open();
    EXPECT_EQ(accept.result(), -2) << "not before the third segment";
    i.usleep(u, 50'000);
    const long long established = now();
    finish_opening();
    i.usleep(u, 70'000);
    accept.join();
    ASSERT_GE(accept.result(), 0);
    EXPECT_EQ(accept.ended(), established) << "the time stood still until it was back";

    const int accepted = static_cast<int>(accept.result());
    std::array<char, 64> buffer{};
    Blocked read{i, [&] { return i.read(u, accepted, buffer.data(), buffer.size()); }};
    EXPECT_TRUE(read.sleeps());
    i.usleep(u, 10'000);
    const long long came = now();
    send({.seq = 1, .ack = ours + 1, .flags = kAck | kPush, .payload = 5});
    i.usleep(u, 1'000'000);
    read.join();
    EXPECT_EQ(read.result(), 5);
    EXPECT_EQ(read.ended(), came);
}

TEST_F(Packetdrill, ATimeoutEndsABlockedCallAtItsMoment) {
    const int fd = listener();
    const timeval quarter{0, 250'000};
    EXPECT_EQ(i.setsockopt(u, fd, SOL_SOCKET, SO_RCVTIMEO, &quarter, sizeof quarter), 0);
    const long long begin = now();
    Blocked accept{i, [&] { return static_cast<long>(i.accept(u, fd, nullptr, nullptr)); }};
    EXPECT_TRUE(accept.sleeps());
    i.usleep(u, 1'000'000);
    accept.join();
    EXPECT_EQ(accept.result(), -1);
    EXPECT_EQ(accept.ended(), begin + 250'000);
    pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
    Blocked poll{i, [&] { return static_cast<long>(i.poll(u, &entry, 1, 300)); }};
    EXPECT_TRUE(poll.sleeps());
    i.usleep(u, 1'000'000);
    poll.join();
    EXPECT_EQ(poll.result(), 0);
    EXPECT_EQ(poll.ended(), begin + 1'300'000);
}

TEST_F(Packetdrill, EpollAndPipesHaveDescriptorsToo) {
    const int fd = listener();
    const int epfd = i.epoll_create(u, 1);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    EXPECT_EQ(i.epoll_ctl(u, epfd, EPOLL_CTL_ADD, fd, &event), 0);
    EXPECT_EQ(i.epoll_wait(u, epfd, &event, 1, 0), 0);
    open();
    finish_opening();
    EXPECT_EQ(i.epoll_wait(u, epfd, &event, 1, 0), 1);
    EXPECT_EQ(event.data.fd, fd);
    const int accepted = i.accept(u, fd, nullptr, nullptr);
    int fds[2];
    ASSERT_EQ(i.pipe(u, fds), 0);
    send({.seq = 1, .ack = ours + 1, .flags = kAck | kPush, .payload = 7});
    EXPECT_EQ(i.splice(u, accepted, nullptr, fds[1], nullptr, 100, 0), 7);
    std::array<char, 8> buffer{};
    EXPECT_EQ(i.read(u, fds[0], buffer.data(), buffer.size()), 7);
    EXPECT_NE(i.fcntl(u, fds[0], F_GETFL), -1);
    int queued = -1;
    EXPECT_EQ(i.ioctl(u, accepted, FIONREAD, &queued), 0);
    EXPECT_EQ(queued, 0);
}

// What packetdrill itself calls, past the interface.
TEST_F(Packetdrill, CallsOfTheSystemFindTheStack) {
    if (::dlsym(RTLD_DEFAULT, "fairlead_packetdrill_attach") == nullptr) {
        GTEST_SKIP() << "the other library is not preloaded";
    }
    const int fd = listener();
    open();
    finish_opening();
    const int accepted = i.accept(u, fd, nullptr, nullptr);
    tcp_info info{};
    socklen_t size = sizeof info;
    ASSERT_EQ(::getsockopt(accepted, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    EXPECT_EQ(size, sizeof info);
    EXPECT_EQ(info.tcpi_state, 1);
    EXPECT_EQ(info.tcpi_snd_mss, 1460u);
    std::array<std::uint32_t, 16> words{};
    size = sizeof words;
    EXPECT_EQ(::getsockopt(accepted, IPPROTO_TCP, kOptionCongestionInfo, words.data(), &size), 0);
    size = sizeof words;
    EXPECT_EQ(::getsockopt(accepted, SOL_SOCKET, kOptionMemory, words.data(), &size), 0);
    EXPECT_EQ(size, 9 * sizeof(std::uint32_t));

    char path[] = "/tmp/fairlead-loader-XXXXXX";
    const int file = ::mkstemp(path);
    ::unlink(path);
    const std::string text(1000, 'x');
    ASSERT_EQ(::write(file, text.data(), text.size()), 1000);
    off_t offset = 100;
    EXPECT_EQ(::sendfile(accepted, file, &offset, 5000), 900);
    EXPECT_EQ(offset, 1000);
    EXPECT_EQ(receive().payload, 900u);
    EXPECT_EQ(i.close(u, file), 0) << "one of the system's";

    EXPECT_EQ(::close(accepted), 0);
    EXPECT_EQ(receive().flags, kFin | kAck) << "the stack has heard of it";
    EXPECT_EQ(::close(accepted), -1);
    EXPECT_EQ(errno, EBADF);
    EXPECT_EQ(::close(fd), 0);
}

TEST_F(Packetdrill, TheSettingsOfTheNamespaceAreTheStacks) {
    if (::unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "needs a network namespace of its own";
    const auto options_with = [&](const char* sack) {
        std::ofstream{"/proc/sys/net/ipv4/tcp_sack"} << sack;
        const int fd = listener();
        send({.flags = kSyn, .options = {2, 4, 5, 0xb4, 4, 2, 1, 1}});
        const Segment answer = receive();
        send({.seq = 1, .ack = answer.seq + 1, .flags = kRst});
        i.close(u, fd);
        return answer.options;
    };
    EXPECT_EQ(options_with("1").size(), 8u) << "MSS and SACK permitted";
    EXPECT_EQ(options_with("0").size(), 4u) << "MSS alone";
}

TEST_F(Packetdrill, AWaitForNothingEndsTheProgram) {
    std::array<char, 100> buffer{};
    std::size_t size = buffer.size();
    long long usecs = 0;
    EXPECT_EXIT(i.netdev_receive(u, buffer.data(), &size, &usecs), testing::ExitedWithCode(1),
                "no packet will ever leave");
    const int fd = listener();
    EXPECT_EXIT(i.accept(u, fd, nullptr, nullptr), testing::ExitedWithCode(1),
                "waits for what will never happen");
}

}  // namespace
