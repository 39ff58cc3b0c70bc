// A program that writes whatever it likes into the memory it shares with the host, and says whatever it
// likes to it, beside one that behaves: the host goes on, and the other's bytes come as they were sent.
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "fuzz/fuzz.hpp"
#include "host/host.hpp"

using namespace fairlead;
using namespace fairlead::host;

namespace {

constexpr std::size_t kSlotsUsed = 8;
constexpr std::size_t kMostTurns = 64;
constexpr std::size_t kMostSockets = 32;

// What is left of the input.
class Input {
public:
    explicit Input(Bytes bytes) : bytes_{bytes} {}
    bool is_empty() const { return bytes_.empty(); }
    template <typename T>
    T take() {
        T value{};
        const std::size_t size = std::min(sizeof value, bytes_.size());
        std::memcpy(&value, bytes_.data(), size);
        bytes_ = bytes_.subspan(size);
        return value;
    }
    Bytes take_bytes(std::size_t most) {
        const Bytes taken = bytes_.first(std::min(most, bytes_.size()));
        bytes_ = bytes_.subspan(taken.size());
        return taken;
    }

private:
    Bytes bytes_;
};

struct Program {
    FileDescriptor control{};
    ArenaView arena{};
    Reply reply{};
    std::vector<FileDescriptor> fds{};  // of the last reply

    Program() = default;
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;
    ~Program() {
        if (arena) ::munmap(arena.base(), kArenaBytes);
    }
};

class World {
public:
    World() : path_{"/tmp/fairlead-fuzz." + std::to_string(::getpid())} {
        auto opened = Host::open(stack_, path_, {});
        FAIRLEAD_ASSERT(opened.has_value());
        host_ = std::move(*opened);
    }

    void turn(int times = 1) {
        for (int i = 0; i < times; ++i) {
            now_ = now_ + 1_ms;
            stack_.poll(now_);
            (void)host_->work(now_);
            stack_.flush();
        }
    }

    void attach(Program& p) {
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        path_.copy(name.sun_path, path_.size());
        p.control = FileDescriptor{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0)};
        const auto* at = reinterpret_cast<const sockaddr*>(&name);
        FAIRLEAD_ASSERT(::connect(p.control.get(), at, sizeof name) == 0);
        turn();
        FAIRLEAD_ASSERT(ask(p, {.op = Op::Attach, .arguments = {kLayoutVersion}}) == 0);
        void* memory =
            ::mmap(nullptr, kArenaBytes, PROT_READ | PROT_WRITE, MAP_SHARED, p.fds.at(0).get(), 0);
        FAIRLEAD_ASSERT(memory != MAP_FAILED);
        p.arena = ArenaView{static_cast<std::byte*>(memory)};
    }

    int ask(Program& p, Request request, Bytes bytes = {}, int fd = -1) {
        request.size = static_cast<std::uint32_t>(bytes.size());
        std::vector<std::byte> letter(sizeof request + bytes.size());
        std::memcpy(letter.data(), &request, sizeof request);
        std::ranges::copy(bytes, letter.begin() + sizeof request);
        say(p, letter, fd);
        return p.reply.result;
    }

    void say(Program& p, Bytes letter, int fd) {
        const auto sent = fd < 0 ? std::span<const int>{} : std::span<const int>{&fd, 1};
        (void)send_with_descriptors(p.control.get(), letter, sent);
        turn();
        p.reply = {.result = -EIO};
        p.fds.clear();
        std::array<std::byte, kMostBytes> rest{};
        receive(p.control.get(), {iovec{&p.reply, sizeof p.reply}, iovec{rest.data(), rest.size()}},
                p.fds);
    }

    static ssize_t receive(int from, std::array<iovec, 2> pieces,
                           std::vector<FileDescriptor>& fds) {
        alignas(cmsghdr) std::array<char, 64> control{};
        msghdr message{};
        message.msg_iov = pieces.data();
        message.msg_iovlen = pieces.size();
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        const ssize_t got = ::recvmsg(from, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        const cmsghdr* head = got < 0 ? nullptr : CMSG_FIRSTHDR(&message);
        const std::size_t count =
            head == nullptr ? 0 : (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(head) + i * sizeof fd, sizeof fd);
            fds.emplace_back(fd);
        }
        return got;
    }

private:
    Stack stack_{{}};
    std::string path_;
    std::unique_ptr<Host> host_{};
    Instant now_ = Instant::from_ns(1'000'000'000);
};

constexpr std::uint32_t kStream = 1;
constexpr std::uint32_t kInet = 2;

// The one that behaves: a connection to itself.
class Good {
public:
    explicit Good(World& world) : world_{world} {
        world_.attach(program_);
        const auto name = loopback(99);
        listener_ = open(key_);
        const SocketKey listener = key_;
        FAIRLEAD_ASSERT(world_.ask(program_, {.op = Op::Bind, .key = listener}, name) == 0);
        FAIRLEAD_ASSERT(
            world_.ask(program_, {.op = Op::Listen, .key = listener, .arguments = {5}}) == 0);
        client_ = open(key_);
        FAIRLEAD_ASSERT(world_.ask(program_, {.op = Op::Connect, .key = key_}, name) ==
                        -EINPROGRESS);
        world_.turn(4);
        Accepted record{};
        const ssize_t got = World::receive(
            listener_.get(), {iovec{&record, sizeof record}, iovec{nullptr, 0}}, server_);
        FAIRLEAD_ASSERT(got == sizeof record && server_.size() == 1);
        from_ = record.key;
    }

    void check() {
        constexpr std::string_view kText = "as it was sent";
        Slot& slot = program_.arena.slot(key_.slot);
        const std::uint32_t tail = slot.program.tx_tail;
        ring_put(program_.arena.tx_ring(key_.slot), tail, std::as_bytes(std::span{kText}));
        slot.program.tx_tail = tail + static_cast<std::uint32_t>(kText.size());
        program_.arena.mark_dirty(key_.slot);
        world_.turn(8);
        Slot& other = program_.arena.slot(from_.slot);
        FAIRLEAD_ASSERT(other.host.rx_tail - other.program.rx_head == kText.size());
        std::string got(kText.size(), '\0');
        ring_get(program_.arena.rx_ring(from_.slot), other.program.rx_head,
                 std::as_writable_bytes(std::span{got}));
        FAIRLEAD_ASSERT(got == kText);
    }

private:
    static std::array<std::byte, sizeof(sockaddr_in)> loopback(std::uint16_t port) {
        sockaddr_in name{};
        name.sin_family = AF_INET;
        name.sin_port = htons(port);
        name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return std::bit_cast<std::array<std::byte, sizeof name>>(name);
    }
    FileDescriptor open(SocketKey& key) {
        FAIRLEAD_ASSERT(world_.ask(program_, {.op = Op::Socket, .arguments = {kInet, kStream}}) ==
                        0);
        key = program_.reply.key;
        return std::move(program_.fds.at(0));
    }

    World& world_;
    Program program_;
    FileDescriptor listener_{};
    FileDescriptor client_{};
    std::vector<FileDescriptor> server_{};
    SocketKey key_{};
    SocketKey from_{};
};

class Bad {
public:
    explicit Bad(World& world) : world_{world} { world_.attach(program_); }

    void act(Input& input) {
        switch (input.take<std::uint8_t>() % 7) {
            case 0: return scribble(input);
            case 1: return scribble_ring(input);
            case 2: return program_.arena.mark_dirty(input.take<std::uint16_t>() % kSlots);
            case 3: return world_.say(program_, input.take_bytes(input.take<std::uint8_t>()), -1);
            case 4: return ask(input);
            case 5: return turn();
            default: return close(input);
        }
    }

private:
    void scribble(Input& input) {
        auto* words = reinterpret_cast<std::uint32_t*>(
            &program_.arena.slot(input.take<std::uint8_t>() % kSlotsUsed));
        words[input.take<std::uint8_t>() % (sizeof(Slot) / sizeof *words)] =
            input.take<std::uint32_t>();
    }
    void scribble_ring(Input& input) {
        const std::uint32_t slot = input.take<std::uint8_t>() % kSlotsUsed;
        const auto at = input.take<std::uint32_t>();
        ring_put(program_.arena.tx_ring(slot), at, input.take_bytes(input.take<std::uint8_t>()));
    }
    // A request that may be meant, with a descriptor of its own or none.
    void ask(Input& input) {
        Request request{.op = static_cast<Op>(input.take<std::uint8_t>() % 16),
                        .key = key_of(input.take<std::uint8_t>())};
        for (std::uint32_t& argument : request.arguments) argument = input.take<std::uint8_t>();
        const std::uint8_t chosen = input.take<std::uint8_t>();
        const int fd = fds_.empty() || chosen % 4 != 0 ? -1 : fds_[chosen % fds_.size()].get();
        (void)world_.ask(program_, request, input.take_bytes(input.take<std::uint8_t>() % 32), fd);
        if (request.op != Op::Socket || program_.reply.result != 0) return;
        keys_.push_back(program_.reply.key);
        if (fds_.size() < kMostSockets) std::ranges::move(program_.fds, std::back_inserter(fds_));
    }
    SocketKey key_of(std::uint8_t chosen) const {
        return keys_.empty() ? SocketKey{.arena = chosen} : keys_[chosen % keys_.size()];
    }
    void turn() {
        if (turns_++ < kMostTurns) world_.turn();
    }
    void close(Input& input) {
        const std::uint8_t chosen = input.take<std::uint8_t>();
        if (!fds_.empty()) fds_.erase(fds_.begin() + chosen % static_cast<int>(fds_.size()));
    }

    World& world_;
    Program program_;
    std::vector<SocketKey> keys_{};
    std::vector<FileDescriptor> fds_{};
    std::size_t turns_ = 0;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    World world;
    Good good{world};
    std::optional<Bad> bad{world};
    for (Input input{fuzz::input(data, size)}; !input.is_empty();) bad->act(input);
    good.check();
    bad.reset();
    world.turn(2);
    return 0;
}
