// The functions by which both sides keep readiness exact, run in every order of their steps; and that this finds
// what is wrong with those that lack a fence or a second look.
#include "host/readiness.hpp"

#include <gtest/gtest.h>

#include "unit/host/every_order.hpp"

namespace fairlead::host {
namespace {

using namespace every_order;

enum Words : std::size_t {
    kTxTail,
    kRxHead,
    kTxHead,
    kRxTail,
    kRxTokens,
    kTxRoom,
    kWantsSpace,
    kIsEdge,
    kWantsEdge,
    kEdgeSkipped,
    kIsLazy,
    kWaiters,
    kIsAsleep,
    kIsDirty,
    kWords,
};
enum Counts : std::size_t {
    kTokens,   // in the program's descriptor
    kFillers,  // in the host's
    kNotices,  // the host has been told to look
    kEdges,
    kEnds,  // of the program
    kAnswers,
    kEdgeAt,  // where what is to be read ended at the last edge
    kCounts,
};

struct ModelSlot {
    static constexpr std::uint32_t kMostTokens = 2;
    static void fence() { full_fence(); }

    struct {
        ModelWord tx_tail{kTxTail};
        ModelWord rx_head{kRxHead};
    } program;
    struct {
        ModelWord tx_head{kTxHead};
        ModelWord rx_tail{kRxTail};
    } host;
    struct {
        ModelWord rx_tokens{kRxTokens};
        ModelWord tx_room{kTxRoom};
        ModelWord wants_space{kWantsSpace};
        ModelWord is_edge{kIsEdge};
        ModelWord wants_edge{kWantsEdge};
        ModelWord edge_skipped{kEdgeSkipped};
        ModelWord is_lazy{kIsLazy};
        ModelWord waiters{kWaiters};
    } both;
};

bool send_token() {
    note([](State& s) {
        ++s.counts[kTokens];
        ++s.counts[kEdges];
    });
    return true;
}

struct ModelEnd {
    static bool is_reset() { return false; }
    static void take_tokens(std::uint32_t count) { await(kTokens, count, count); }
    static void send_filler() { count_up(kFillers); }
    static void notify() { count_up(kNotices); }
};

constexpr auto kRelease = std::memory_order_release;
constexpr auto kAcquire = std::memory_order_acquire;

// --- what is to be read ---

struct ReadingRules {
    std::uint32_t bytes = 3;
    std::uint32_t ring = 8;
    std::uint32_t at_once = 8;  // of the bytes that are read
    bool is_edge = false;
    bool reads_all = true;
    std::function<void(ModelSlot&, std::uint32_t)> raise = [](ModelSlot& slot, std::uint32_t tail) {
        raise_readable(slot, &tail, send_token);
    };
    std::function<bool(ModelSlot&)> lower = [](ModelSlot& slot) {
        ModelEnd end;
        return lower_readable(slot, end);
    };
};

// As the host's pump: a byte at a time.
void give(const ReadingRules& rules) {
    ModelSlot slot;
    for (std::uint32_t tail = 0; tail < rules.bytes;) {
        const std::uint32_t head = slot.program.rx_head.load(kAcquire);
        if (tail - head == rules.ring) {
            if (await_space(slot, head)) await(kNotices, 1, 1);
            continue;
        }
        slot.host.rx_tail.store(++tail, kRelease);
        rules.raise(slot, tail);
    }
    if (!rules.is_edge) return;
    // What the program asks for when it has taken tokens back.
    for (bool is_last = false; !is_last;) {
        await(kNotices, 1, 1);
        is_last = count_of(kEnds) != 0;
        if (slot.both.wants_edge.exchange(0) != 0) rules.raise(slot, rules.bytes);
    }
}

// As the library's take(); returns where it stands then.
std::uint32_t take(const ReadingRules& rules, std::uint32_t head) {
    ModelSlot slot;
    ModelEnd end;
    const std::uint32_t begin = head;
    for (;;) {
        const std::uint32_t tail = slot.host.rx_tail.load(kAcquire);
        head = std::min(tail, begin + rules.at_once);
        slot.program.rx_head.store(head, kRelease);
        const bool is_empty = head == tail && rules.lower(slot);
        if (!is_empty && head - begin < rules.at_once) continue;
        if (!is_empty) keep_edges(slot, end);
        if (is_space_awaited(slot, rules.ring, rules.ring - (tail - head))) end.notify();
        return head;
    }
}

void read(const ReadingRules& rules) {
    std::uint32_t head = 0;
    do {
        await(kTokens, 1, 0);
        head = take(rules, head);
    } while (rules.reads_all && head < rules.bytes);
    if (!rules.is_edge) return;
    count_up(kEnds);
    ModelEnd::notify();
}

std::string fault_of_reading(const State& s) {
    if (s.words[kRxTokens] != s.counts[kTokens]) return "tokens are miscounted";
    const bool is_there = s.words[kRxTail] != s.words[kRxHead];
    if (is_there && s.counts[kTokens] == 0) return "there is something to read, and nobody says so";
    if (!is_there && s.counts[kTokens] != 0) return "readable, and there is nothing";
    return {};
}

Scenario reading(const ReadingRules& rules) {
    return {.words = kWords,
            .counts = kCounts,
            .begin = [=](State& s) { s.words[kIsEdge] = rules.is_edge ? 1 : 0; },
            .sides = {[=] { give(rules); }, [=] { read(rules); }},
            .fault = fault_of_reading};
}

TEST(ReadinessInEveryOrder, WhatIsThereIsReadAndNoTokenIsLeft) {
    const Verdict verdict = try_every_order(reading({}));
    EXPECT_EQ(verdict.fault, "");
    EXPECT_GT(verdict.states, 1000u);
}

TEST(ReadinessInEveryOrder, WhoReadsOnceIsToldOfTheRest) {
    EXPECT_EQ(try_every_order(reading({.reads_all = false})).fault, "");
    EXPECT_EQ(try_every_order(reading({.at_once = 1, .reads_all = false})).fault, "");
}

TEST(ReadinessInEveryOrder, ARingThatIsFullIsGoneOnWithWhenThereIsSpace) {
    EXPECT_EQ(try_every_order(reading({.bytes = 2, .ring = 1})).fault, "");
    EXPECT_EQ(try_every_order(reading({.bytes = 2, .ring = 1, .at_once = 1})).fault, "");
}

TEST(ReadinessInEveryOrder, WithoutItsFencesAReaderIsForgotten) {
    Scenario scenario = reading({});
    scenario.has_fences = false;
    EXPECT_NE(try_every_order(scenario).fault, "");
    scenario = reading({.bytes = 2, .ring = 1});
    scenario.has_fences = false;
    EXPECT_EQ(try_every_order(scenario).fault, "both wait for ever");
}

TEST(ReadinessInEveryOrder, WithoutItsSecondLookAReaderTakesTheTokenOfWhatHasJustCome) {
    const auto lower = [](ModelSlot& slot) {
        const std::uint32_t count = slot.both.rx_tokens.exchange(0);
        if (count != 0) ModelEnd::take_tokens(count);
        return true;
    };
    EXPECT_EQ(try_every_order(reading({.lower = lower})).fault, "both wait for ever");
}

TEST(ReadinessInEveryOrder, WithoutItsSecondLookTheHostTellsOfWhatHasBeenRead) {
    const auto raise = [](ModelSlot& slot, std::uint32_t) {
        raise_readable(slot, nullptr, send_token);
    };
    EXPECT_EQ(try_every_order(reading({.raise = raise})).fault, "readable, and there is nothing");
}

// --- edges ---

// The last arrival is an edge, if anything of it is left; and there are no more edges than arrivals.
Scenario edges(ReadingRules rules) {
    rules.is_edge = true;
    Scenario scenario = reading(rules);
    scenario.fault = [=](const State& s) -> std::string {
        if (const std::string fault = fault_of_reading(s); !fault.empty()) return fault;
        if (s.counts[kEdges] > rules.bytes) return "an edge too many";
        const bool is_left = s.words[kRxTail] != s.words[kRxHead];
        // Where there was no place for its token it waits for the next read.
        const bool waits =
            s.counts[kTokens] == ModelSlot::kMostTokens && s.words[kEdgeSkipped] != 0;
        if (is_left && !waits && s.counts[kEdgeAt] != rules.bytes) {
            return "the last arrival was no edge";
        }
        return {};
    };
    return scenario;
}

bool send_token_at(std::uint32_t tail) {
    note([&](State& s) {
        ++s.counts[kTokens];
        ++s.counts[kEdges];
        s.counts[kEdgeAt] = tail;
    });
    return true;
}

ReadingRules edge_rules() {
    return {.bytes = 3,
            .at_once = 1,
            .reads_all = false,
            .raise = [](ModelSlot& slot, std::uint32_t tail) {
                raise_readable(slot, &tail, [&] { return send_token_at(tail); });
            }};
}

TEST(ReadinessInEveryOrder, EachArrivalThatIsNotReadIsAnEdgeAndThereIsNoOther) {
    EXPECT_EQ(try_every_order(edges(edge_rules())).fault, "");
    ReadingRules rules = edge_rules();
    rules.at_once = 2;
    EXPECT_EQ(try_every_order(edges(rules)).fault, "");
}

TEST(ReadinessInEveryOrder, AnArrivalThatFoundNoPlaceForItsTokenIsForgottenWithoutASecondLook) {
    ReadingRules rules = edge_rules();
    rules.raise = [](ModelSlot& slot, std::uint32_t tail) {
        auto& both = slot.both;
        ModelSlot::fence();
        if (both.rx_tokens.load() >= ModelSlot::kMostTokens) return both.edge_skipped.store(1);
        both.rx_tokens.fetch_add(1);
        send_token_at(tail);
    };
    EXPECT_NE(try_every_order(edges(rules)).fault, "");
}

// --- nobody looks at the descriptor, until somebody does ---

struct LazyRules {
    bool is_asked_for = false;  // after the first read
    bool looks_before_sleep = true;
    bool asks_host = true;
};

void serve(std::uint32_t tail) {
    ModelSlot slot;
    if (slot.both.wants_edge.exchange(0) != 0) raise_readable(slot, &tail, send_token);
    count_up(kAnswers);
}

constexpr std::uint32_t kLazyBytes = 2;

void give_lazily(const LazyRules& rules) {
    ModelSlot slot;
    for (std::uint32_t tail = 0; tail < kLazyBytes;) {
        if (rules.is_asked_for && count_of(kNotices) != 0) {
            await(kNotices, 1, 1);
            serve(tail);
        }
        slot.host.rx_tail.store(++tail, kRelease);
        raise_readable(slot, &tail, send_token);
    }
    while (rules.is_asked_for) {
        await(kNotices, 1, 1);
        if (count_of(kEnds) != 0) return;
        serve(kLazyBytes);
    }
}

void read_lazily(const LazyRules& rules) {
    ModelSlot slot;
    ModelEnd end;
    std::uint32_t head = 0;
    const auto is_there = [&] {
        return rules.looks_before_sleep && slot.host.rx_tail.load(kAcquire) != head;
    };
    while (head < kLazyBytes) {
        const bool is_shown = rules.is_asked_for && head > 0;
        if (is_shown) {
            show_readiness(slot, end, [&] {
                if (!rules.asks_host) return;
                ModelEnd::notify();
                await(kAnswers, 1, 1);
            });
            await(kTokens, 1, 0);
        } else if (begin_to_wait(slot, is_there)) {
            await(kTokens, 1, 0);
            slot.both.waiters.fetch_sub(1);
        }
        head = take({}, head);
    }
    if (!rules.is_asked_for) return;
    count_up(kEnds);
    ModelEnd::notify();
}

Scenario lazy(const LazyRules& rules) {
    return {.words = kWords,
            .counts = kCounts,
            .begin = [](State& s) { s.words[kIsLazy] = 1; },
            .sides = {[=] { give_lazily(rules); }, [=] { read_lazily(rules); }},
            .fault = fault_of_reading};
}

TEST(ReadinessInEveryOrder, WhoReadsWithoutLookingAtItsDescriptorIsWoken) {
    EXPECT_EQ(try_every_order(lazy({})).fault, "");
}

TEST(ReadinessInEveryOrder, WhoLooksAtItsDescriptorFromSomeTimeOnIsToldOfWhatIsThere) {
    EXPECT_EQ(try_every_order(lazy({.is_asked_for = true})).fault, "");
}

TEST(ReadinessInEveryOrder, ALazyReaderIsForgottenWithoutItsFencesOrItsLooks) {
    constexpr const char* kForgotten = "both wait for ever";
    for (const bool is_asked_for : {false, true}) {
        Scenario scenario = lazy({.is_asked_for = is_asked_for});
        scenario.has_fences = false;
        EXPECT_EQ(try_every_order(scenario).fault, kForgotten);
    }
    EXPECT_EQ(try_every_order(lazy({.looks_before_sleep = false})).fault, kForgotten);
    EXPECT_EQ(try_every_order(lazy({.is_asked_for = true, .asks_host = false})).fault, kForgotten);
}

// --- room for what is written ---

struct WritingRules {
    std::uint32_t bytes = 3;
    std::uint32_t ring = 1;
    bool is_lazy = false;
    std::function<bool(ModelSlot&, std::uint32_t)> lower = [](ModelSlot& slot,
                                                              std::uint32_t bytes_of_ring) {
        ModelEnd end;
        return lower_writable(slot, bytes_of_ring, 1, end);
    };
};

// As the library's put(), and its wait.
void write(const WritingRules& rules) {
    ModelSlot slot;
    ModelEnd end;
    for (std::uint32_t tail = 0; tail < rules.bytes;) {
        const std::uint32_t begin = tail;
        for (;;) {
            const std::uint32_t head = slot.host.tx_head.load(kAcquire);
            const std::uint32_t room = rules.ring - (tail - head);
            const std::uint32_t more = std::min(room, rules.bytes - tail);
            tail += more;
            slot.program.tx_tail.store(tail, kRelease);
            if (room > more || rules.lower(slot, rules.ring)) break;
        }
        full_fence();
        if (tail != begin) {
            ModelEnd::notify();
        } else {
            if (rules.is_lazy) show_no_room(slot, end);
            await_none(kFillers);
        }
    }
}

void send(const WritingRules& rules) {
    ModelSlot slot;
    for (std::uint32_t head = 0; head < rules.bytes;) {
        await(kNotices, 1, 1);
        head = slot.program.tx_tail.load(kAcquire);
        slot.host.tx_head.store(head, kRelease);
        full_fence();
        if (slot.both.tx_room.load() != kRoomThere && raise_writable(slot)) await(kFillers, 1, 1);
    }
}

Scenario writing(const WritingRules& rules) {
    return {.words = kWords,
            .counts = kCounts,
            .begin = [=](State& s) { s.words[kIsLazy] = rules.is_lazy ? 1 : 0; },
            .sides = {[=] { send(rules); }, [=] { write(rules); }},
            .fault = [](const State& s) -> std::string {
                const std::uint32_t fillers = s.words[kTxRoom] == kRoomFilled ? 1 : 0;
                if (fillers != s.counts[kFillers]) return "fillers are miscounted";
                return s.counts[kFillers] != 0 ? "not writable, and there is room" : "";
            }};
}

TEST(ReadinessInEveryOrder, WhoWaitsForRoomGetsItAndNoFillerIsLeft) {
    EXPECT_EQ(try_every_order(writing({})).fault, "");
    EXPECT_EQ(try_every_order(writing({.bytes = 4, .ring = 2})).fault, "");
    EXPECT_EQ(try_every_order(writing({.bytes = 4, .ring = 2, .is_lazy = true})).fault, "");
}

TEST(ReadinessInEveryOrder, WithoutItsFencesAWriterIsForgotten) {
    Scenario scenario = writing({});
    scenario.has_fences = false;
    EXPECT_NE(try_every_order(scenario).fault, "");
}

TEST(ReadinessInEveryOrder, WithoutItsSecondLookAWriterWaitsForRoomThatIsThere) {
    const auto lower = [](ModelSlot& slot, std::uint32_t) {
        if (slot.both.tx_room.exchange(kRoomFilled) != kRoomFilled) ModelEnd::send_filler();
        return true;
    };
    EXPECT_NE(try_every_order(writing({.lower = lower})).fault, "");
}

// --- whoever sleeps is woken ---

Scenario sleeping(bool looks_again) {
    const auto program = [] {
        ModelWord tail{kTxTail};
        ModelWord dirty{kIsDirty};
        ModelWord asleep{kIsAsleep};
        for (std::uint32_t i = 1; i <= 2; ++i) {
            tail.store(i, kRelease);
            full_fence();
            dirty.exchange(1);
            if (asleep.load() != 0) ModelEnd::notify();
        }
    };
    const auto host = [=] {
        ModelWord tail{kTxTail};
        ModelWord dirty{kIsDirty};
        ModelWord asleep{kIsAsleep};
        for (;;) {
            asleep.store(0);
            if (dirty.exchange(0) != 0 && tail.load(kAcquire) == 2) return;
            asleep.store(1);
            if (looks_again && dirty.load() != 0) continue;
            await(kNotices, 1, 1);
        }
    };
    return {
        .words = kWords, .counts = kCounts, .sides = {host, program}, .fault = [](const State&) {
            return std::string{};
        }};
}

TEST(ReadinessInEveryOrder, AHostThatSleepsIsRungFor) {
    EXPECT_EQ(try_every_order(sleeping(true)).fault, "");
    EXPECT_EQ(try_every_order(sleeping(false)).fault, "both wait for ever");
}

}  // namespace
}  // namespace fairlead::host
