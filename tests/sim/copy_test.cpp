// A payload is copied once into the stack and once out of it, and never in between: the linker
// gives every memcpy() and memmove() of the stack to one that counts bytes.
#include <algorithm>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "device/memory.hpp"
#include "fairlead/stack.hpp"

namespace {

std::size_t* counting = nullptr;  // where the bytes are counted now; null: nowhere

// Two words are a value, not a payload: some builds copy such with a call, some without.
constexpr std::size_t kValue = 16;

void count(std::size_t bytes) {
    if (counting != nullptr && bytes > kValue) *counting += bytes;
}

}  // namespace

extern "C" {
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FAIRLEAD_ASAN_CALLS
#endif
#endif
#ifdef FAIRLEAD_ASAN_CALLS
// What clang's sanitizer makes of the two.
void* __real___asan_memcpy(void* to, const void* from, std::size_t n);
void* __wrap___asan_memcpy(void* to, const void* from, std::size_t n);
void* __wrap___asan_memcpy(void* to, const void* from, std::size_t n) {
    count(n);
    return __real___asan_memcpy(to, from, n);
}
void* __real___asan_memmove(void* to, const void* from, std::size_t n);
void* __wrap___asan_memmove(void* to, const void* from, std::size_t n);
void* __wrap___asan_memmove(void* to, const void* from, std::size_t n) {
    count(n);
    return __real___asan_memmove(to, from, n);
}
#endif
void* __real_memcpy(void* to, const void* from, std::size_t n);
void* __wrap_memcpy(void* to, const void* from, std::size_t n);
void* __wrap_memcpy(void* to, const void* from, std::size_t n) {
    count(n);
    return __real_memcpy(to, from, n);
}
void* __real_memmove(void* to, const void* from, std::size_t n);
void* __wrap_memmove(void* to, const void* from, std::size_t n);
void* __wrap_memmove(void* to, const void* from, std::size_t n) {
    count(n);
    return __real_memmove(to, from, n);
}
}

namespace {

using namespace fairlead;

class Counting {
public:
    explicit Counting(std::size_t& where) { counting = &where; }
    Counting(const Counting&) = delete;
    Counting& operator=(const Counting&) = delete;
    ~Counting() { counting = nullptr; }
};

// Loses one in so many of the large frames that it is to send.
class LossyDevice final : public Device {
public:
    LossyDevice(Device& inner, std::uint32_t one_in) : inner_{inner}, one_in_{one_in} {}
    const DeviceInfo& info() const override { return inner_.info(); }
    std::size_t receive(std::uint16_t queue, Instant now, PacketPool& pool,
                        std::span<PacketPtr> out) override {
        return inner_.receive(queue, now, pool, out);
    }
    std::size_t send(std::uint16_t queue, Instant now, std::span<PacketPtr> burst) override {
        std::size_t taken = 0;
        for (PacketPtr& packet : burst) {
            const bool is_large = packet->size() > 1000;
            largest_head_ = std::max(largest_head_, packet->head().size());
            if (is_large && one_in_ != 0 && ++frames_ % one_in_ == 0) {
                packet = nullptr;
            } else if (inner_.send(queue, now, {&packet, 1}) == 0) {
                break;
            }
            ++taken;
        }
        return taken;
    }
    std::size_t largest_head() const { return largest_head_; }

private:
    Device& inner_;
    std::uint32_t one_in_;
    std::uint32_t frames_ = 0;
    std::size_t largest_head_ = 0;
};

struct Path {
    const char* name = "";
    Family family = Family::Inet;
    DeviceFeatures features{};
    std::uint32_t lose_one_in = 0;
};

class Copies : public testing::TestWithParam<Path> {
protected:
    static constexpr std::size_t kBytes = 2'000'000;
    // Headers, and what else is small: far from a segment.
    static constexpr std::size_t kMostPerFrame = 400;

    void SetUp() override {
        client_.advance(now_);
        server_.advance(now_);
        add(client_, lossy_, "1");
        add(server_, link_.right(), "2");
    }
    static void add(Stack& stack, Device& device, const std::string& host) {
        const InterfaceIndex interface = *stack.add_interface(device);
        ASSERT_TRUE(stack.add_address(interface, *Prefix::parse("192.0.2." + host + "/24")));
        ASSERT_TRUE(stack.add_address(interface, *Prefix::parse("2001:db8::" + host + "/64")));
    }
    static StackOptions options(PacketPool& pool, std::uint8_t seed) {
        StackOptions options{.pool = &pool};
        options.seed[0] = seed;
        options.config.ip6_dad_transmits = 0;
        return options;
    }
    // Both stacks work until neither has anything to do now; then it is later.
    void turn() {
        const Counting on{between_};
        bool is_busy = true;
        while (is_busy) {
            is_busy = client_.poll(now_).is_busy;
            is_busy = server_.poll(now_).is_busy || is_busy || link_.waiting() != 0;
        }
        now_ = std::min(now_ + 1_s, std::min(client_.next_deadline(), server_.next_deadline()));
        now_ = std::max(now_, client_.now());
    }
    std::uint64_t frames() const {
        // What goes again is counted apart.
        const auto of = [](const Counters& c) {
            return c[Counter::TcpOutSegs] + c[Counter::TcpRetransSegs];
        };
        return of(client_.counters()) + of(server_.counters());
    }

    PacketPool pool_{};
    device::MemoryLink link_{{.features = GetParam().features}};
    LossyDevice lossy_{link_.left(), GetParam().lose_one_in};
    Stack client_{options(pool_, 1)};
    Stack server_{options(pool_, 2)};
    Instant now_ = Instant::from_ns(1'000'000'000);
    std::size_t written_ = 0;  // bytes copied within send()
    std::size_t between_ = 0;  // by the stacks at work
    std::size_t read_ = 0;     // within receive()
};

TEST_P(Copies, AByteIsCopiedOnceOnTheWayInAndOnceOnTheWayOut) {
    const Family f = GetParam().family;
    const IpAddress there = *IpAddress::parse(f == Family::Inet ? "192.0.2.2" : "2001:db8::2");
    const SocketId listener = *server_.socket(f, SocketType::Stream);
    ASSERT_TRUE(server_.bind(listener, {there, 80}));
    ASSERT_TRUE(server_.listen(listener, 1));
    const SocketId client = *client_.socket(f, SocketType::Stream);
    ASSERT_EQ(client_.connect(client, {there, 80}).error(), Errc::InProgress);
    SocketId server;
    for (int i = 0; i < 10 && !server; ++i) {
        turn();
        server = server_.accept(listener).value_or(SocketId{});
    }
    ASSERT_TRUE(server);

    std::vector<std::byte> from(kBytes);
    for (std::size_t i = 0; i < kBytes; ++i) from[i] = static_cast<std::byte>(i * 31 + i / 251);
    std::vector<std::byte> into(kBytes);
    std::size_t sent = 0;
    std::size_t got = 0;
    between_ = 0;
    const std::uint64_t frames_before = frames();
    for (int i = 0; i < 10'000 && got < kBytes; ++i) {
        if (sent < kBytes) {
            const Counting on{written_};
            const std::size_t piece = std::min<std::size_t>(60'000, kBytes - sent);
            const auto n = client_.send(client, Bytes{from}.subspan(sent, piece));
            if (n) sent += *n;
        }
        turn();
        const Counting on{read_};
        while (const auto n = server_.receive(server, MutableBytes{into}.subspan(got))) {
            if (*n == 0) break;
            got += *n;
        }
    }
    ASSERT_EQ(got, kBytes);
    EXPECT_EQ(into, from);
    EXPECT_EQ(client_.counters()[Counter::TcpRetransSegs] > 0, GetParam().lose_one_in != 0);

    const std::size_t a_little = kBytes / 100;
    // At least once: else the copies went by unseen.
    EXPECT_GE(written_, kBytes - a_little);
    EXPECT_LE(written_, kBytes + a_little);
    EXPECT_GE(read_, kBytes - a_little);
    EXPECT_LE(read_, kBytes + a_little);
    EXPECT_LE(between_, (frames() - frames_before) * kMostPerFrame);
    EXPECT_LE(between_, kBytes / 2);
    // Nor does payload travel in the room for headers.
    EXPECT_LE(lossy_.largest_head(), 14u + 40u + 60u);
}

std::vector<Path> paths() {
    const DeviceFeatures all{.checksum_out = true, .tso4 = true, .tso6 = true};
    return {{.name = "wire_sized", .features = {}},
            {.name = "wire_sized_v6", .family = Family::Inet6},
            {.name = "large", .features = all},
            {.name = "large_v6", .family = Family::Inet6, .features = all},
            {.name = "wire_sized_lossy", .lose_one_in = 50},
            {.name = "large_lossy", .features = all, .lose_one_in = 10}};
}

INSTANTIATE_TEST_SUITE_P(Over, Copies, testing::ValuesIn(paths()),
                         [](const auto& row) { return std::string{row.param.name}; });

}  // namespace
