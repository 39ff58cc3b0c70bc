// A steady transfer asks nothing of the heap: operator new is replaced by one that counts.
#include <cstdlib>
#include <new>
#include <vector>

#include "sim/transfer.hpp"

namespace {

std::uint64_t allocations = 0;
bool is_counting = false;

void* allocate(std::size_t bytes, std::size_t alignment) {
    if (is_counting) ++allocations;
    // aligned_alloc() wants a multiple of the alignment.
    const std::size_t whole = (bytes + alignment - 1) / alignment * alignment;
    return std::aligned_alloc(alignment, whole == 0 ? alignment : whole);
}

void* allocate_or_end(std::size_t bytes, std::size_t alignment) {
    void* memory = allocate(bytes, alignment);
    if (memory == nullptr) std::abort();
    return memory;
}

constexpr std::size_t kUsual = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

}  // namespace

// The array forms come to these.
[[gnu::noinline]] void* operator new(std::size_t n) { return allocate_or_end(n, kUsual); }
[[gnu::noinline]] void* operator new(std::size_t n, std::align_val_t a) {
    return allocate_or_end(n, static_cast<std::size_t>(a));
}
[[gnu::noinline]] void* operator new(std::size_t n, const std::nothrow_t&) noexcept {
    return allocate(n, kUsual);
}
[[gnu::noinline]] void* operator new(std::size_t n, std::align_val_t a,
                                     const std::nothrow_t&) noexcept {
    return allocate(n, static_cast<std::size_t>(a));
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
    std::free(p);
}

namespace {

using namespace fairlead;
using namespace fairlead::testing_worlds;

struct Measured {
    std::uint64_t allocations = 0;
    std::uint64_t segments = 0;  // received by the server
    std::uint64_t retransmitted = 0;
};

// The pool as it is when more than this transfer ever needs at once was out before.
void stock_up(PacketPool& pool) {
    std::vector<PacketPtr> packets;
    std::vector<Slice> buffers;
    for (int i = 0; i < 4000; ++i) packets.push_back(pool.packet());
    for (int i = 0; i < 1000; ++i) buffers.push_back(pool.small_buffer());
    for (int i = 0; i < 200; ++i) buffers.push_back(pool.large_buffer());
}

// Connections beside the one that is measured, gone before it is: every slab and table has been
// several times as full as one connection, whose buffers are bounded, can make it again.
void connect_companions(Pair& pair, Case c) {
    c.connections = 7;
    c.plan.give_up_after = 2'000'000;
    pair.connect(c);
}

// What the next `span` of a transfer costs.
Measured measure(Pair& pair, Duration span) {
    const auto read = [&](Counter counter) {
        return pair.server.stack().counters()[counter] + pair.client.stack().counters()[counter];
    };
    const std::uint64_t segments = read(Counter::TcpInSegs);
    const std::uint64_t retransmitted = read(Counter::TcpRetransSegs);
    allocations = 0;
    is_counting = true;
    pair.world.run_for(span);
    is_counting = false;
    EXPECT_FALSE(pair.streams.front().is_over());
    return {.allocations = allocations,
            .segments = read(Counter::TcpInSegs) - segments,
            .retransmitted = read(Counter::TcpRetransSegs) - retransmitted};
}

TEST(Allocation, IsCounted) {
    allocations = 0;
    is_counting = true;
    {
        const std::vector<int> made(1000);
    }
    is_counting = false;
    EXPECT_EQ(allocations, 1u);
}

class Steady : public testing::TestWithParam<Case> {};

TEST_P(Steady, TransferAsksNothingOfTheHeap) {
    Case c = GetParam();
    // Bounded, so that the buffers have grown as far as they will before we count.
    c.client = c.server = {{"tcp_rmem", "4096 131072 524288"}, {"tcp_wmem", "4096 16384 262144"}};
    c.bytes_there = c.bytes_back = std::uint64_t{1} << 40;
    Pair pair{c};
    stock_up(pair.world.pool());
    pair.connect(c);
    connect_companions(pair, c);
    // Worse than what follows, so that tables have been larger before.
    sim::Faults worse = c.link.there;
    worse.loss = worse.reordering = 50'000;
    pair.path.set_there(worse);
    pair.path.set_back(worse);
    pair.world.run_for(20_s);
    for (std::size_t i = 1; i < pair.streams.size(); ++i) EXPECT_TRUE(pair.streams[i].is_over());
    pair.path.set_there(c.link.there);
    pair.path.set_back(c.link.back);
    pair.world.run_for(8_s);
    const Measured m = measure(pair, 8_s);
    EXPECT_EQ(m.allocations, 0u);
    EXPECT_GT(m.segments, 3'000u);
    const bool is_lossy = c.link.there.loss != 0;
    EXPECT_EQ(m.retransmitted > 0, is_lossy);
}

std::vector<Case> transfers() {
    // A queue that holds all that is in flight: nothing is lost but what is meant to be.
    const auto path = [](std::uint32_t loss) {
        return path_with(
            {.loss = loss, .delay = 5_ms, .bits_per_second = 20'000'000, .queue_bytes = 1'000'000});
    };
    Case clean{.name = "clean", .link = path(0)};
    Case lossy{.name = "one_percent_lost", .link = path(10'000)};
    Case clean_v6{.name = "clean_v6", .family = Family::Inet6, .link = path(0)};
    Case lossy_v6{.name = "one_percent_lost_v6", .family = Family::Inet6, .link = path(10'000)};
    Case whole{.name = "without_offloads", .link = path(10'000)};
    whole.link.features = {};
    return {clean, lossy, clean_v6, lossy_v6, whole};
}

INSTANTIATE_TEST_SUITE_P(Over, Steady, testing::ValuesIn(transfers()),
                         [](const auto& row) { return row.param.name; });

}  // namespace
