#include "drill/differential/examine.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "drill/parser.hpp"
#include "drill/stack_backend.hpp"

namespace fairlead::drill::differential {
namespace {

TEST(Examine, TheStackDoesTheSameAsTheStack) {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        const Examined examined = examine(generate(seed), {.make_kernel = &make_stack_backend});
        EXPECT_EQ(examined.finding, Finding::Same)
            << "seed " << seed << ": " << examined.difference.text << examined.error << "\n"
            << examined.traces;
    }
}

// Though what comes in hangs on what has left.
TEST(Examine, TheStackDoesTheSameAsTheStackBehindAPath) {
    std::size_t packets = 0;
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        const Examined examined =
            examine(generate_path(seed), {.make_kernel = &make_stack_backend});
        EXPECT_EQ(examined.finding, Finding::Same)
            << "seed " << seed << ": " << examined.difference.text << examined.error << "\n"
            << examined.traces;
        packets += examined.packets;
    }
    EXPECT_GT(packets, 2000u);
}

TEST(Examine, TheScriptOfAPathPassesOnWhatItWasTakenFrom) {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        const Examined examined =
            examine(generate_path(seed), {.make_kernel = &make_stack_backend});
        const auto verdict = run_text(examined.script, "seed", {}, &make_stack_backend, {});
        ASSERT_TRUE(verdict) << to_text("seed", verdict.error()) << examined.script;
        EXPECT_EQ(verdict->kind, VerdictKind::Passed)
            << "seed " << seed << ": " << verdict->text << examined.script;
    }
}

TEST(Examine, ASeedGivesTheSameScriptEachTime) {
    const auto script = [](std::uint64_t seed) {
        return examine(generate(seed), {.make_kernel = &make_stack_backend}).script;
    };
    EXPECT_EQ(script(7), script(7));
    EXPECT_NE(script(7), script(8));
}

// What was found is played again by `fairlead drill`.
TEST(Examine, ItsScriptPassesOnWhatItWasTakenFrom) {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        const Examined examined = examine(generate(seed), {.make_kernel = &make_stack_backend});
        const auto verdict = run_text(examined.script, "seed", {}, &make_stack_backend, {});
        ASSERT_TRUE(verdict) << to_text("seed", verdict.error()) << examined.script;
        EXPECT_EQ(verdict->kind, VerdictKind::Passed)
            << "seed " << seed << ": " << verdict->text << examined.script;
    }
}

TEST(Shrunk, KeepsOnlyWhatTheDifferenceNeeds) {
    Plan plan;
    for (int i = 0; i < 10; ++i) plan.steps.push_back({1_ms, CallLine{std::to_string(i)}});
    const auto text = [](const Step& step) { return std::get<CallLine>(step.action).text; };
    const Plan small = shrunk(plan, 8, [&](const std::vector<Plan>& plans) {
        std::vector<bool> shows;
        for (const Plan& p : plans) {
            const auto has = [&](const char* wanted) {
                return std::ranges::any_of(p.steps,
                                           [&](const Step& s) { return text(s) == wanted; });
            };
            shows.push_back(has("2") && has("5"));
        }
        return shows;
    });
    ASSERT_EQ(small.steps.size(), 2u);
    EXPECT_EQ(text(small.steps[0]), "2");
    EXPECT_EQ(text(small.steps[1]), "5");
    // What was dropped leaves its time.
    EXPECT_EQ(small.steps[1].after, 3_ms);
}

}  // namespace
}  // namespace fairlead::drill::differential
