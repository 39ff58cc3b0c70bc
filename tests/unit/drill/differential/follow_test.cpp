#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "drill/differential/play.hpp"
#include "drill/stack_backend.hpp"

namespace fairlead::drill::differential {
namespace {

Segment segment(TcpFlags flags, std::uint32_t at) {
    Segment s;
    s.body.flags = flags;
    s.body.range = {.begin = at, .end = at, .bytes = 0};
    s.body.window = 65535;
    s.ack_of = flags.ack ? AckOf::Latest : AckOf::Nothing;
    return s;
}

// A write that nobody acknowledges for a while.
Plan silence(Duration until_ack) {
    Plan plan;
    const auto call = [&](const char* text) { plan.steps.push_back({0_ms, CallLine{text}}); };
    call("socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3");
    call("bind(3, ..., ...) = ...");
    call("listen(3, 1) = ...");
    plan.steps.push_back({0_ms, segment({.syn = true}, 0)});
    plan.steps.push_back({20_ms, segment({.ack = true}, 1)});
    call("accept(3, ..., ...) = 4");
    call("write(4, ..., 400) = ...");
    plan.steps.push_back({until_ack, segment({.ack = true}, 1)});
    plan.tail = 100_ms;
    return plan;
}

Trace play(const Plan& plan) {
    const Settings settings;
    const auto backend = make_stack_backend(settings);
    const Played played = differential::play(plan, settings, **backend);
    return played ? *played : Trace{};
}

Trace follow(const Plan& plan, const Trace& before, const Timing& timing = {}) {
    const Settings settings;
    const auto backend = make_stack_backend(settings);
    const Played played = differential::follow(plan, before, settings, **backend, timing);
    return played ? *played : Trace{};
}

std::vector<Duration> departures(const Trace& trace) {
    std::vector<Duration> all;
    for (const Entry& e : trace.entries) {
        if (!e.is_input()) all.push_back(e.at);
    }
    return all;
}

TEST(Follow, AnAlarmIsHeardAsLateAsItWas) {
    const Plan plan = silence(2'000_ms);
    Trace before = play(plan);
    const std::vector<Duration> on_time = departures(before);
    ASSERT_EQ(on_time.size(), 5u);  // SYN-ACK, data, and three times again
    // Late twice: what is doubled is doubled from there.
    Duration late{};
    std::size_t n = 0;
    for (Entry& e : before.entries) {
        if (e.is_input()) continue;
        if (++n >= 3 && n <= 4) late = late + 15_ms;
        e.at = e.at + late;
    }
    EXPECT_EQ(departures(follow(plan, before)), departures(before));
    EXPECT_EQ(departures(before).back(), on_time.back() + 30_ms);
}

TEST(Follow, NoAlarmIsLaterThanAlarmsMayBe) {
    const Plan plan = silence(2'000_ms);
    Trace before = play(plan);
    const std::vector<Duration> on_time = departures(before);
    std::size_t n = 0;
    for (Entry& e : before.entries) {
        if (!e.is_input() && ++n >= 3) e.at = e.at + 90_ms;
    }
    EXPECT_EQ(departures(follow(plan, before))[2], on_time[2]);
}

TEST(Follow, AnAlarmThatDidNotRingBeforeWhatComesInRingsBehindIt) {
    // The probe is due at 260 ms, and what it is of acknowledged just behind that; who was late with the
    // alarm sends nothing.
    const Plan plan = silence(245_ms);
    Trace before = play(plan);
    std::erase_if(before.entries, [&](const Entry& e) {
        return !e.is_input() && e.at > 100_ms && std::get<Left>(e.what).body.range.bytes != 0;
    });
    const Trace late = follow(plan, before);
    EXPECT_EQ(departures(late).size(), 2u);
    ASSERT_EQ(late.delays.size(), 1u);
    EXPECT_EQ(departures(follow(plan, before, {.punctual = {0}})).size(), 3u);
}

TEST(Follow, WhatIsMovedComesLater) {
    const Plan plan = silence(100_ms);
    const Trace before = play(plan);
    const Trace moved = follow(plan, before, {.moved = before.entries.size() - 1, .by = 4_ms});
    EXPECT_EQ(moved.entries.back().at, before.entries.back().at + 4_ms);
    EXPECT_EQ(moved.entries.front().at, before.entries.front().at);
}

}  // namespace
}  // namespace fairlead::drill::differential
