// Marks on a whole path: what the queue marks is what both ends count (RFC 9768).
#include <array>

#include "sim/transfer.hpp"

using namespace fairlead;
using namespace fairlead::testing_worlds;

namespace {

constexpr std::uint64_t kWithoutEnd = UINT64_MAX / 2;

Settings accurate(const char* controller, const char* option = "2") {
    return {{"tcp_ecn", "3"}, {"tcp_congestion_control", controller}, {"tcp_ecn_option", option}};
}

Case marked(link::QueueKind kind, const Settings& settings, std::uint64_t seed) {
    Case c{
        .link = {.there = {.delay = 5_ms, .bits_per_second = 50'000'000}, .back = {.delay = 5_ms}},
        .client = settings,
        .server = settings,
        .bytes_there = kWithoutEnd,
        .seed = seed};
    c.link.there.rules = {.kind = kind, .marks = true};
    c.link.there.queue_bytes = 1'000'000;
    return c;
}

struct Seen {
    TcpInfo sender{};
    TcpInfo receiver{};
    std::uint64_t marked = 0;  // by the queue
    std::uint64_t lost = 0;
};

// A flow for a while; then the path marks no more, until all is acknowledged.
Seen run(Case c, Duration length) {
    Pair pair{c};
    pair.connect(c);
    pair.world.run_for(length);
    c.link.there.rules = {};
    pair.path.set_there(c.link.there);
    pair.world.run_for(1_s);
    return {.sender = *pair.client.stack().tcp_info(pair.streams.at(0).socket()),
            .receiver = *pair.server.stack().tcp_info(pair.listener.streams().at(0).socket()),
            .marked = pair.path.there().queue_marked,
            .lost = pair.path.there().queue_full + pair.path.there().queue_dropped};
}

TEST(AccurateEcn, BothEndsCountWhatTheQueueMarked) {
    for (const link::QueueKind kind : {link::QueueKind::Step, link::QueueKind::Red}) {
        for (const char* controller : {"reno", "cubic", "dctcp"}) {
            const Seen seen = run(marked(kind, accurate(controller), 1), 3_s);
            SCOPED_TRACE(std::string{controller} + (kind == link::QueueKind::Red ? " red" : ""));
            EXPECT_GT(seen.marked, 3u);
            EXPECT_EQ(seen.receiver.received_marked, seen.marked);
            EXPECT_EQ(seen.sender.delivered_marked, seen.marked);
            EXPECT_EQ(seen.sender.marked_bytes.delivered, seen.receiver.marked_bytes.received);
            // All that is marked is full segments, but one that a write may have cut short.
            constexpr std::uint64_t kOption = 12;  // which each segment of theirs may have
            EXPECT_GE(seen.receiver.marked_bytes.received,
                      (seen.marked - 1) * (seen.sender.send_mss - kOption));
            EXPECT_LE(seen.receiver.marked_bytes.received, seen.marked * 1448);
            EXPECT_EQ(seen.sender.total_retransmitted, 0u);
        }
    }
}

// The field has three bits: where nearly all is marked, it wraps with every few ACKs.
TEST(AccurateEcn, TheCountHoldsWhereEverythingIsMarked) {
    for (const char* option : {"0", "1", "2"}) {
        Case c = marked(link::QueueKind::Step, accurate("fixed", option), 1);
        c.link.there.rules.step = 1_us;
        const Seen seen = run(c, 3_s);
        SCOPED_TRACE(option);
        EXPECT_GT(seen.marked, 1000u);
        EXPECT_EQ(seen.receiver.received_marked, seen.marked);
        EXPECT_EQ(seen.sender.delivered_marked, seen.marked);
    }
}

// ACKs that are lost make of many one: then as many count as are likely, and no fewer than there were.
TEST(AccurateEcn, LostAcksMakeItNoLess) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        Case c = marked(link::QueueKind::Step, accurate("cubic"), seed);
        c.link.back.loss = 500'000;
        const Seen seen = run(c, 3_s);
        SCOPED_TRACE("seed " + std::to_string(seed));
        EXPECT_EQ(seen.receiver.received_marked, seen.marked);
        EXPECT_GE(seen.sender.delivered_marked, seen.marked);
        EXPECT_LE(seen.sender.delivered_marked, seen.marked + seen.marked / 4 + 8);
    }
}

// Who does not know of it gets RFC 3168, both ways round.
TEST(AccurateEcn, FallsBackToTheOtherFormWhereOneEndIsOlder) {
    for (const bool is_client_older : {true, false}) {
        Case c = marked(link::QueueKind::Step, accurate("cubic"), 1);
        const Settings older{{"tcp_ecn", is_client_older ? "1" : "2"}};
        (is_client_older ? c.client : c.server) = older;
        const Seen seen = run(c, 2_s);
        EXPECT_TRUE(seen.sender.has_ecn && seen.receiver.has_ecn);
        EXPECT_FALSE(seen.sender.has_accurate_ecn || seen.receiver.has_accurate_ecn);
        EXPECT_GT(seen.marked, 3u);
        EXPECT_GT(seen.sender.delivered_marked, 0u);
        EXPECT_EQ(seen.lost, 0u);
    }
}

// A path that marks, loses, doubles and reorders, both ways, for any controller and use of the option.
TEST(AccurateEcn, NoCountRunsAwayAndNothingStallsWhateverThePathDoes) {
    constexpr std::array kControllers{"reno", "cubic", "dctcp", "prague", "bbr3"};
    constexpr std::array kOptions{"0", "1", "2"};
    for (std::uint64_t seed = 1; seed <= 15; ++seed) {
        Prng chance{seed};
        const auto up_to = [&](std::uint32_t most) {
            return static_cast<std::uint32_t>(chance.below(most));
        };
        const char* controller = kControllers[seed % kControllers.size()];
        SCOPED_TRACE("seed " + std::to_string(seed) + ", " + controller);
        const Settings settings = accurate(controller, kOptions[up_to(3)]);
        Case c = marked(link::QueueKind::Step, settings, seed);
        c.link.there.bits_per_second = 5'000'000;
        c.link.there.rules.step = Duration::from_us(1 + up_to(3000));
        for (link::Faults* way : {&c.link.there, &c.link.back}) {
            way->loss = up_to(30'000);
            way->duplication = up_to(20'000);
            way->reordering = up_to(50'000);
            way->jitter = Duration::from_us(up_to(3000));
        }
        Pair pair{c};
        pair.connect(c);
        const auto received = [&] {
            return pair.listener.streams().empty() ? 0 : pair.listener.streams().at(0).received();
        };
        // The handshake may be lost too.
        ASSERT_TRUE(pair.world.run_while_not([&] { return received() > 0; }, 30_s));
        for (int second = 0; second < 4; ++second) {
            const std::uint64_t before = received();
            pair.world.run_for(1_s);
            EXPECT_GT(received(), before + 20 * 1448) << "in second " << second;
        }
        const TcpInfo sender = *pair.client.stack().tcp_info(pair.streams.at(0).socket());
        const TcpInfo receiver =
            *pair.server.stack().tcp_info(pair.listener.streams().at(0).socket());
        ASSERT_TRUE(sender.has_accurate_ecn && receiver.has_accurate_ecn);
        // What is on its way was not told yet; what came twice is counted twice; many that are
        // acknowledged at once are thought to be marked where they may be.
        const std::uint64_t marked = receiver.received_marked;
        EXPECT_GT(marked, 0u);
        EXPECT_LE(marked, pair.path.there().queue_marked + pair.path.there().duplicated);
        EXPECT_LE(sender.delivered_marked, marked + marked / 4 + 16);
        EXPECT_GE(sender.delivered_marked + 64, marked - marked / 4);
        EXPECT_LE(sender.marked_bytes.delivered, receiver.marked_bytes.received + 65'536);
        EXPECT_EQ(sender.accurate_ecn_failures, 0u);
        EXPECT_EQ(receiver.accurate_ecn_failures, 0u);
    }
}

}  // namespace
