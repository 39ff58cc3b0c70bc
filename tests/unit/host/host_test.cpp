// A host and a program in one process: the program's side is played with bare system calls, well and
// badly.
#include "host/host.hpp"

#include <array>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "posix/abi.hpp"

namespace fairlead::host {
namespace {

// What a program's library does, a call at a time.
struct Peer {
    FileDescriptor control{};
    ArenaView arena{};
    std::uint32_t arena_number = 0;
    Secret secret{};
    std::vector<int> fds{};  // of the last reply
    Reply reply{};
    std::array<std::byte, kMostBytes> bytes{};

    ~Peer() {
        if (arena) ::munmap(arena.base(), kArenaBytes);
    }
};

class HostTest : public ::testing::Test {
protected:
    HostTest()
        : path_{std::string{"/tmp/fairlead-host-test."} + std::to_string(::getpid())},
          host_{std::move(*Host::open(stack_, path_, {}))} {}

    void turn(int times = 4) {
        for (int i = 0; i < times; ++i) {
            now_ = now_ + 1_ms;
            stack_.poll(now_);
            (void)host_->work(now_);
            stack_.flush();
        }
    }

    void connect(Peer& peer) {
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        path_.copy(name.sun_path, path_.size());
        peer.control = FileDescriptor{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0)};
        ASSERT_EQ(::connect(peer.control.get(), reinterpret_cast<sockaddr*>(&name), sizeof name),
                  0);
        turn(1);
    }

    int ask(Peer& peer, Request request, Bytes bytes = {}, int fd = -1) {
        request.size = static_cast<std::uint32_t>(bytes.size());
        std::vector<std::byte> letter(sizeof request + bytes.size());
        std::memcpy(letter.data(), &request, sizeof request);
        std::ranges::copy(bytes, letter.begin() + sizeof request);
        const std::span<const int> sent = fd < 0 ? std::span<const int>{} : std::span{&fd, 1};
        EXPECT_EQ(send_with_descriptors(peer.control.get(), letter, sent), 0);
        turn(1);
        return read_reply(peer);
    }

    static int read_reply(Peer& peer) {
        std::array<iovec, 2> pieces{iovec{&peer.reply, sizeof peer.reply},
                                    iovec{peer.bytes.data(), peer.bytes.size()}};
        alignas(cmsghdr) std::array<char, 64> control{};
        msghdr message{};
        message.msg_iov = pieces.data();
        message.msg_iovlen = pieces.size();
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        if (::recvmsg(peer.control.get(), &message, 0) <= 0) return -1000;
        peer.fds.clear();
        if (const cmsghdr* head = CMSG_FIRSTHDR(&message)) {
            peer.fds.resize((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
            std::memcpy(peer.fds.data(), CMSG_DATA(head), peer.fds.size() * sizeof(int));
        }
        return peer.reply.result;
    }

    void attach(Peer& peer, const Secret* secret = nullptr) {
        connect(peer);
        const Bytes known = secret == nullptr ? Bytes{} : Bytes{*secret};
        ASSERT_EQ(ask(peer, {.op = Op::Attach, .arguments = {kLayoutVersion}}, known), 0);
        ASSERT_EQ(peer.fds.size(), 3u);
        void* memory =
            ::mmap(nullptr, kArenaBytes, PROT_READ | PROT_WRITE, MAP_SHARED, peer.fds[0], 0);
        ASSERT_NE(memory, MAP_FAILED);
        peer.arena = ArenaView{static_cast<std::byte*>(memory)};
        peer.arena_number = peer.reply.key.arena;
        std::copy_n(peer.bytes.begin(), kSecretBytes, peer.secret.begin());
        for (const int fd : peer.fds) ::close(fd);
    }

    // A descriptor, whose key is in peer.reply.
    FileDescriptor open_socket(Peer& peer, int type) {
        EXPECT_EQ(
            ask(peer, {.op = Op::Socket, .arguments = {AF_INET, static_cast<unsigned>(type)}}), 0);
        return FileDescriptor{peer.fds.at(0)};
    }

    static std::array<std::byte, sizeof(sockaddr_in)> loopback(std::uint16_t port) {
        sockaddr_in name{};
        name.sin_family = AF_INET;
        name.sin_port = htons(port);
        name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return std::bit_cast<std::array<std::byte, sizeof name>>(name);
    }

    // A connection over loopback: the listener's port, the connecting descriptor.
    struct Connection {
        FileDescriptor listener{};
        FileDescriptor client{};
        SocketKey client_key{};
        FileDescriptor server{};
        SocketKey server_key{};
    };

    Connection connection(Peer& peer, std::uint16_t port) {
        Connection c;
        c.listener = open_socket(peer, SOCK_STREAM);
        const SocketKey listener = peer.reply.key;
        EXPECT_EQ(ask(peer, {.op = Op::Bind, .key = listener}, loopback(port)), 0);
        EXPECT_EQ(ask(peer, {.op = Op::Listen, .key = listener, .arguments = {5}}), 0);
        c.client = open_socket(peer, SOCK_STREAM);
        c.client_key = peer.reply.key;
        EXPECT_EQ(ask(peer, {.op = Op::Connect, .key = c.client_key}, loopback(port)),
                  -EINPROGRESS);
        turn();
        Accepted record{};
        iovec piece{&record, sizeof record};
        alignas(cmsghdr) std::array<char, 64> control{};
        msghdr message{};
        message.msg_iov = &piece;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        EXPECT_EQ(::recvmsg(c.listener.get(), &message, MSG_DONTWAIT),
                  static_cast<ssize_t>(sizeof record));
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
        c.server = FileDescriptor{fd};
        c.server_key = record.key;
        peer.arena.slot(record.key.slot).both.is_taken = 1;
        return c;
    }

    static void write(Peer& peer, const SocketKey& key, std::string_view text) {
        Slot& slot = peer.arena.slot(key.slot);
        const std::uint32_t tail = slot.program.tx_tail;
        ring_put(peer.arena.tx_ring(key.slot), tail,
                 std::as_bytes(std::span{text.data(), text.size()}));
        slot.program.tx_tail = tail + static_cast<std::uint32_t>(text.size());
        peer.arena.mark_dirty(key.slot);
    }

    static std::string there(Peer& peer, const SocketKey& key) {
        const Slot& slot = peer.arena.slot(key.slot);
        const std::uint32_t head = slot.program.rx_head;
        std::string text(slot.host.rx_tail - head, '\0');
        ring_get(peer.arena.rx_ring(key.slot, slot.host.rx_doublings), head,
                 std::as_writable_bytes(std::span{text}));
        return text;
    }

    static int mask_of(const FileDescriptor& fd) {
        pollfd entry{.fd = fd.get(), .events = POLLIN | POLLOUT | POLLRDHUP, .revents = 0};
        return ::poll(&entry, 1, 0) == 1 ? entry.revents : 0;
    }

    Stack stack_{{}};
    std::string path_;
    std::unique_ptr<Host> host_;
    Instant now_ = Instant::from_ns(1'000'000'000);
};

TEST_F(HostTest, ItsSocketIsItsUsersAloneAndGoesWithIt) {
    struct stat s{};
    ASSERT_EQ(::stat(path_.c_str(), &s), 0);
    EXPECT_EQ(s.st_mode & 0777, 0600u);
    host_.reset();
    EXPECT_NE(::stat(path_.c_str(), &s), 0);
    host_ = std::move(*Host::open(stack_, path_, {}));
}

TEST_F(HostTest, BytesCrossFromRingToRingAndRaiseReadable) {
    Peer peer;
    attach(peer);
    const Connection c = connection(peer, 80);
    EXPECT_EQ(mask_of(c.client), POLLOUT);
    EXPECT_EQ(mask_of(c.server), POLLOUT);
    write(peer, c.client_key, "hello");
    turn();
    EXPECT_EQ(there(peer, c.server_key), "hello");
    EXPECT_EQ(mask_of(c.server), POLLIN | POLLOUT);
    EXPECT_EQ(peer.arena.slot(c.server_key.slot).both.rx_tokens.load(), 1u);
    EXPECT_EQ(peer.arena.slot(c.client_key.slot).host.tx_head.load(), 5u);
}

TEST_F(HostTest, TheLastCloseSendsFin) {
    Peer peer;
    attach(peer);
    Connection c = connection(peer, 80);
    write(peer, c.client_key, "last words");
    c.client.reset();
    turn();
    EXPECT_EQ(there(peer, c.server_key), "last words");
    const std::uint32_t status = peer.arena.slot(c.server_key.slot).host.status;
    EXPECT_EQ(status, kStatusConnected | kStatusReadEnd);
    EXPECT_EQ(mask_of(c.server), POLLIN | POLLOUT | POLLRDHUP);
    EXPECT_EQ(host_->socket_count(), 2u);
}

TEST_F(HostTest, AProgramThatDoesNotReadClosesTheWindowAndLosesNothing) {
    Peer peer;
    attach(peer);
    const Connection c = connection(peer, 80);
    std::string sent;
    Slot& slot = peer.arena.slot(c.client_key.slot);
    for (int i = 0; i < 40'000; ++i) {
        const std::string text = std::to_string(i) + std::string(1000, 'x');
        if (kRingBytes - (slot.program.tx_tail - slot.host.tx_head) < text.size()) break;
        write(peer, c.client_key, text);
        sent += text;
        turn(1);
    }
    EXPECT_LT(sent.size(), 20'000'000u);
    EXPECT_EQ(there(peer, c.server_key).size(), kRingBytes);
    Slot& server = peer.arena.slot(c.server_key.slot);
    std::string got;
    for (int i = 0; i < 50'000 && got.size() < sent.size(); ++i) {
        const std::string text = there(peer, c.server_key);
        got += text;
        server.program.rx_head += static_cast<std::uint32_t>(text.size());
        peer.arena.mark_dirty(c.server_key.slot);
        turn(1);
    }
    EXPECT_TRUE(got == sent);
}

TEST_F(HostTest, RingsGrowWhileTheyAreFullAndEmptyByTurns) {
    Peer peer;
    attach(peer);
    const Connection c = connection(peer, 80);
    Slot& client = peer.arena.slot(c.client_key.slot);
    Slot& server = peer.arena.slot(c.server_key.slot);
    std::string sent;
    std::string got;
    // A writer that fills its ring and waits for room, and a reader that takes all there is.
    for (int i = 0; i < 200; ++i) {
        const std::uint32_t used = client.program.tx_tail - client.host.tx_head;
        const std::string text(kRingBytes - used, static_cast<char>('a' + i % 26));
        write(peer, c.client_key, text);
        sent += text;
        client.both.tx_room = kRoomFilled;
        turn(1);
        const std::string more = there(peer, c.server_key);
        got += more;
        server.program.rx_head += static_cast<std::uint32_t>(more.size());
        peer.arena.mark_dirty(c.server_key.slot);
    }
    EXPECT_TRUE(sent.starts_with(got));
    EXPECT_GT(got.size(), sent.size() / 2);
    EXPECT_EQ(server.host.rx_doublings.load(), kMostDoublings);
    // It is granted one more than it has made.
    EXPECT_EQ(client.host.tx_granted.load(), 1u);
    client.program.tx_doublings = 2;
    peer.arena.mark_dirty(c.client_key.slot);
    turn();
    EXPECT_NE(client.host.status & kStatusReset, 0u);
}

TEST_F(HostTest, TheStackHoldsNoMoreForAProgramThanItMay) {
    host_.reset();
    constexpr std::uint32_t kMay = 1'000'000;
    host_ = std::move(*Host::open(stack_, path_, {.program_buffers = kMay}));
    Peer peer;
    attach(peer);
    const Connection c = connection(peer, 80);
    const Slot& client = peer.arena.slot(c.client_key.slot);
    // Its peer, which is its own too, reads nothing.
    for (int i = 0; i < 400; ++i) {
        const std::uint32_t used = client.program.tx_tail - client.host.tx_head;
        write(peer, c.client_key, std::string(kRingBytes - used, 'x'));
        turn(1);
    }
    const auto bytes = [&](const SocketKey& key, std::uint32_t request) {
        EXPECT_EQ(ask(peer, {.op = Op::Ioctl, .key = key, .arguments = {request}}), 0);
        std::int32_t value = 0;
        std::memcpy(&value, peer.bytes.data(), sizeof value);
        return static_cast<std::uint32_t>(value);
    };
    const std::uint32_t held = bytes(c.client_key, posix::abi::io::kBytesUnacked) +
                               bytes(c.server_key, posix::abi::io::kBytesToRead);
    EXPECT_GT(held, kMay / 2);
    EXPECT_LT(held, kMay + kRingBytes);
    EXPECT_EQ(ask(peer, {.op = Op::Socket, .arguments = {AF_INET, SOCK_STREAM}}), -ENOBUFS);
    // Another program has its own.
    Peer other;
    attach(other);
    EXPECT_TRUE(open_socket(other, SOCK_STREAM).is_open());
    // What is read makes room, and all that was written comes.
    Slot& server = peer.arena.slot(c.server_key.slot);
    std::size_t got = 0;
    for (int i = 0; i < 400 && client.host.tx_head != client.program.tx_tail; ++i) {
        got += there(peer, c.server_key).size();
        server.program.rx_head = server.host.rx_tail.load();
        peer.arena.mark_dirty(c.server_key.slot);
        turn();
    }
    EXPECT_EQ(client.host.tx_head.load(), client.program.tx_tail.load());
    EXPECT_GT(got, held / 2);
}

TEST_F(HostTest, RingsOfAProgramTakeNoMoreMemoryThanItMayHave) {
    host_.reset();
    // Three sockets of two rings each, and one doubling.
    host_ = std::move(*Host::open(stack_, path_, {.program_memory = 7 * kRingBytes}));
    Peer peer;
    attach(peer);
    Connection c = connection(peer, 80);
    EXPECT_EQ(ask(peer, {.op = Op::Socket, .arguments = {AF_INET, SOCK_STREAM}}), -ENOBUFS);
    Slot& client = peer.arena.slot(c.client_key.slot);
    for (int i = 0; i < 20; ++i) {
        const std::uint32_t used = client.program.tx_tail - client.host.tx_head;
        write(peer, c.client_key, std::string(kRingBytes - used, 'x'));
        client.both.tx_room = kRoomFilled;
        turn(1);
        Slot& server = peer.arena.slot(c.server_key.slot);
        server.program.rx_head += static_cast<std::uint32_t>(there(peer, c.server_key).size());
        peer.arena.mark_dirty(c.server_key.slot);
    }
    const std::uint32_t grown =
        client.host.tx_granted + peer.arena.slot(c.server_key.slot).host.rx_doublings;
    EXPECT_EQ(grown, 1u);
    // What sockets had is there for the next.
    c = {};
    turn();
    const FileDescriptor next = open_socket(peer, SOCK_STREAM);
    EXPECT_TRUE(next.is_open());
    Peer other;
    attach(other);
    EXPECT_TRUE(open_socket(other, SOCK_STREAM).is_open());
}

TEST_F(HostTest, AConnectionThatIsRefusedShowsEveryBitAndTheError) {
    Peer peer;
    attach(peer);
    const FileDescriptor s = open_socket(peer, SOCK_STREAM);
    const SocketKey key = peer.reply.key;
    ASSERT_EQ(ask(peer, {.op = Op::Connect, .key = key}, loopback(81)), -EINPROGRESS);
    turn();
    EXPECT_EQ(mask_of(s), POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR);
    const Slot& slot = peer.arena.slot(key.slot);
    EXPECT_EQ(slot.host.error.load() & 0xffff, static_cast<std::uint32_t>(ECONNREFUSED));
    EXPECT_NE(slot.host.status & kStatusReset, 0u);
    // Renewed, it connects.
    ASSERT_EQ(ask(peer, {.op = Op::Renew, .key = key}), 0);
    const FileDescriptor again{peer.fds.at(0)};
    EXPECT_EQ(mask_of(again), POLLOUT);
    EXPECT_EQ(slot.host.status.load(), 0u);
}

TEST_F(HostTest, AnIndexThatCannotBeCostsThatSocketAlone) {
    Peer peer;
    attach(peer);
    Connection bad = connection(peer, 80);
    Connection good = connection(peer, 81);
    peer.arena.slot(bad.client_key.slot).program.tx_tail = kRingBytes + 1;
    peer.arena.mark_dirty(bad.client_key.slot);
    turn();
    EXPECT_NE(peer.arena.slot(bad.client_key.slot).host.status & kStatusReset, 0u);
    EXPECT_EQ(mask_of(bad.server) & POLLERR, POLLERR);  // its peer was reset
    write(peer, good.client_key, "still");
    turn();
    EXPECT_EQ(there(peer, good.server_key), "still");
}

TEST_F(HostTest, ARecordThatCannotBeIsNotSent) {
    Peer peer;
    attach(peer);
    const FileDescriptor s = open_socket(peer, SOCK_DGRAM);
    const SocketKey key = peer.reply.key;
    const RecordHead head{.payload = 0xffff'0000};
    write(peer, key, {reinterpret_cast<const char*>(&head), sizeof head});
    turn();
    EXPECT_NE(peer.arena.slot(key.slot).host.status & kStatusReset, 0u);
}

TEST_F(HostTest, AProgramReachesItsOwnSocketsOnly) {
    Peer one;
    Peer other;
    attach(one);
    attach(other);
    const FileDescriptor s = open_socket(one, SOCK_STREAM);
    const SocketKey key = one.reply.key;
    EXPECT_EQ(ask(other, {.op = Op::Bind, .key = key}, loopback(80)), -EPERM);
    SocketKey old = key;
    ++old.generation;
    EXPECT_EQ(ask(one, {.op = Op::Bind, .key = old}, loopback(80)), -EBADF);
    old = key;
    old.slot = 0xffff'ffff;
    EXPECT_EQ(ask(one, {.op = Op::Bind, .key = old}, loopback(80)), -EBADF);
    // Whoever holds the descriptor may; and the child of a fork, by the secret.
    ASSERT_EQ(ask(other, {.op = Op::Identify}, {}, s.get()), 0);
    EXPECT_EQ(other.reply.key.slot, key.slot);
    for (const int fd : other.fds) ::close(fd);
    EXPECT_EQ(ask(other, {.op = Op::Bind, .key = key}, loopback(80)), 0);
    Peer child;
    attach(child, &one.secret);
    EXPECT_EQ(child.arena_number, one.arena_number);
    EXPECT_EQ(ask(child, {.op = Op::GetName, .key = key}), 0);
    EXPECT_EQ(ask(child, {.op = Op::Identify}, {}, 0), -ENOTSOCK);
}

TEST_F(HostTest, GarbageEndsTheConnectionAndNothingElse) {
    Peer good;
    attach(good);
    for (const std::size_t size : {std::size_t{1}, sizeof(Request) - 1, sizeof(Request) + 2000}) {
        Peer bad;
        connect(bad);
        const std::vector<std::byte> letter(size, std::byte{0x5a});
        (void)send_with_descriptors(bad.control.get(), letter, {});
        turn();
        EXPECT_EQ(host_->program_count(), 1u) << size;
    }
    EXPECT_EQ(ask(good, {.op = static_cast<Op>(77), .key = {.arena = 7}}), -EPERM);
    EXPECT_EQ(ask(good, {.op = static_cast<Op>(77), .key = {.arena = good.arena_number}}), -EBADF);
}

TEST_F(HostTest, WithItsProgramsAllMemoryGoes) {
    {
        Peer peer;
        attach(peer);
        const Connection c = connection(peer, 80);
        EXPECT_EQ(host_->socket_count(), 3u);
        EXPECT_EQ(host_->owners().size(), 3u);
    }
    turn();
    EXPECT_EQ(host_->socket_count(), 0u);
    EXPECT_EQ(host_->program_count(), 0u);
}

TEST_F(HostTest, ScribblingOverAnArenaHarmsNoOther) {
    std::mt19937 engine{20261121};
    const auto chance = [&] { return static_cast<std::uint32_t>(engine()); };
    Peer bad;
    Peer good;
    attach(bad);
    attach(good);
    std::vector<Connection> theirs;
    for (std::uint16_t port = 100; port < 110; ++port) theirs.push_back(connection(bad, port));
    const FileDescriptor datagrams = open_socket(bad, SOCK_DGRAM);
    const Connection c = connection(good, 200);
    std::string sent;
    for (int round = 0; round < 300; ++round) {
        for (int i = 0; i < 20; ++i) {
            const std::uint32_t slot = chance() % 32;
            auto* words = reinterpret_cast<std::uint32_t*>(&bad.arena.slot(slot));
            words[chance() % (sizeof(Slot) / 4)] = chance() % 2 == 0 ? chance() : chance() % 4096;
            bad.arena.header().dirty[chance() % kDirtyWords] = chance();
            bad.arena.header().dirty_sum[chance() % kDirtySums] = chance();
        }
        write(good, c.client_key, std::to_string(round));
        sent += std::to_string(round);
        turn(2);
    }
    EXPECT_EQ(there(good, c.server_key), sent);
}

}  // namespace
}  // namespace fairlead::host
