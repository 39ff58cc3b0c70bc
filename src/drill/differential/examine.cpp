#include "drill/differential/examine.hpp"

#include <algorithm>
#include <expected>
#include <functional>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "drill/format.hpp"
#include "drill/stack_backend.hpp"
#include "drill/symbols.hpp"

namespace fairlead::drill::differential {
namespace {

constexpr std::size_t kColumn = 100;  // of the left trace

Expression integer(std::int64_t number) {
    return {.kind = ExpressionKind::Integer, .number = number};
}

Call with_result(const Called& called) {
    Call call = called.call;
    const Outcome& outcome = called.outcome;
    const bool makes = call.result.kind == ExpressionKind::Integer;
    if (!makes || outcome.value < 0) call.result = integer(outcome.value);
    if (outcome.value < 0) call.error = errno_name(outcome.error);
    const auto answer = [&](std::size_t argument, std::int64_t number) {
        call.arguments[argument] = {.kind = ExpressionKind::Array, .items = {integer(number)}};
    };
    if (call.name == "ioctl" && outcome.value >= 0) answer(2, outcome.number);
    if (call.name == "getsockopt" && outcome.value >= 0 && outcome.data.size() == 4) {
        std::int32_t value = 0;
        for (std::size_t i = 4; i-- > 0;) value = value << 8 | outcome.data[i];
        answer(3, value);
    }
    if (!outcome.revents.empty()) {
        for (Expression& field : call.arguments[0].items[0].items) {
            if (field.text == "revents") field.items[0] = integer(outcome.revents[0]);
        }
    }
    return call;
}

std::string script_of(const Plan& plan, const Trace& trace) {
    Script script;
    script.options.push_back({.name = "tolerance_usecs", .value = "20000"});
    for (const Setting& setting : plan.settings) {
        script.first_commands.push_back(
            {.command = fmt::format("sysctl -q {}=\"{}\"", setting.name, setting.value)});
    }
    for (const Entry& entry : trace.entries) {
        Event event;
        // A script begins at 0.
        if (!script.events.empty()) event.time.at = Duration::from_us(entry.at.us());
        if (const auto* called = std::get_if<Called>(&entry.what)) {
            event.action = with_result(*called);
        } else if (const auto* in = std::get_if<Arrived>(&entry.what)) {
            event.action = PacketLine{.direction = Direction::In, .ip = in->ip, .body = in->body};
        } else {
            const auto& left = std::get<Left>(entry.what);
            if (!left.other.empty()) continue;
            event.action = PacketLine{.direction = Direction::Out, .body = left.body};
            if (left.mark != EcnMark::NotEct) std::get<PacketLine>(event.action).ip.ecn = left.mark;
        }
        script.events.push_back(std::move(event));
    }
    return format(script);
}

// What both have done, in two columns, up to where they part and a little further.
std::string side_by_side(const Trace& kernel, const Trace& stack, const Difference& difference) {
    const auto left = kernel.lines();
    const auto right = stack.lines();
    constexpr std::size_t kMore = 4;
    std::string out = fmt::format("    {:<{}} | {}\n", "kernel", kColumn, "stack");
    std::size_t k = 0;
    std::size_t s = 0;
    while (k < std::min(left.size(), difference.kernel + kMore) ||
           s < std::min(right.size(), difference.stack + kMore)) {
        // An input stands beside itself.
        const bool left_out = k < left.size() && !kernel.entries[k].is_input();
        const bool right_out = s < right.size() && !stack.entries[s].is_input();
        const bool takes_left = k < left.size() && (left_out || !right_out);
        const bool takes_right = s < right.size() && (right_out || !left_out);
        const bool is_here =
            (takes_left && k == difference.kernel) || (takes_right && s == difference.stack);
        out += fmt::format("{}   {:<{}} | {}\n", is_here ? ">" : " ",
                           takes_left ? left[k] : std::string{}, kColumn,
                           takes_right ? right[s] : std::string{});
        k += takes_left ? 1 : 0;
        s += takes_right ? 1 : 0;
        if (!takes_left && !takes_right) break;
    }
    return out;
}

struct Followed {
    Trace stack{};
    std::optional<Difference> difference{};
    bool is_decided() const { return !difference || difference->is_known; }
    // Of the alarms that were heard late up to there, the first of the last `count`.
    std::size_t first_in_doubt(std::size_t count) const {
        const auto& entries = stack.entries;
        if (entries.empty()) return 0;
        const Duration at = entries[std::min(difference->stack, entries.size() - 1)].at;
        const auto past = std::ranges::upper_bound(stack.delays, at) - stack.delays.begin();
        return past > static_cast<std::ptrdiff_t>(count) ? static_cast<std::size_t>(past) - count
                                                         : 0;
    }
};
using Follow = std::function<std::expected<Followed, std::string>(const Timing&)>;

// As long as the two part later then, alarms that would be heard late are heard on time, one after the
// other.
std::expected<Followed, std::string> furthest(const Follow& follow, Timing& timing) {
    constexpr int kMostTries = 40;
    auto best = follow(timing);
    if (!best || best->is_decided()) return best;
    std::size_t next = best->first_in_doubt(kMostTries);
    for (int i = 0;
         i < kMostTries && best && !best->is_decided() && next < best->stack.delays.size(); ++i) {
        timing.punctual.push_back(next++);
        auto other = follow(timing);
        if (!other) return other;
        if (other->is_decided() || other->difference->kernel > best->difference->kernel) {
            best = std::move(other);
        } else {
            timing.punctual.pop_back();
        }
    }
    return best;
}

// An alarm was overdue when that came in behind which the two part: the kernel's may ring before it,
// or behind it, or behind the next.
bool is_of_an_alarm(const Trace& stack, std::size_t difference) {
    if (stack.entries.empty()) return false;
    std::size_t input = std::min(difference, stack.entries.size() - 1);
    while (input > 0 && !stack.entries[input].is_input()) --input;
    return std::ranges::find(stack.delays, stack.entries[input].at) != stack.delays.end();
}

// Whether the two part there only because of when, by less than a tick: with one silence that is longer
// or shorter by so much, or by what a packet takes through a kernel, they do not.
bool is_of_a_tick(const Follow& follow, Timing timing, const Trace& kernel,
                  std::size_t difference) {
    constexpr Duration kTick = 4_ms;
    constexpr Duration kThroughKernel = 60_us;
    const auto is_further = [&](std::size_t from, Duration by) {
        timing.moved = from;
        timing.by = by;
        const auto other = follow(timing);
        return other && (!other->difference || other->difference->kernel > difference);
    };
    for (std::size_t i = 1; i <= std::min(difference, kernel.entries.size() - 1); ++i) {
        const Duration silence = kernel.entries[i].at - kernel.entries[i - 1].at;
        for (const Duration by : {kTick, kThroughKernel}) {
            if (silence < by * 2) continue;
            if (is_further(i, by) || is_further(i, Duration{} - by)) return true;
        }
    }
    return false;
}

Examined examine_once(const Plan& plan, const ExamineOptions& options) {
    Examined examined{.finding = Finding::Unusable};
    Settings settings;
    Played kernel = std::unexpected{std::string{}};
    {
        const auto backend = options.make_kernel(settings);
        if (!backend) {
            examined.error = backend.error();
            return examined;
        }
        kernel = play(plan, settings, **backend);
    }
    if (!kernel) {
        examined.error = "on the kernel: " + kernel.error();
        return examined;
    }
    const Follow follow_kernel = [&](const Timing& timing) -> std::expected<Followed, std::string> {
        const auto backend = make_stack_backend(settings);
        if (!backend) return std::unexpected{backend.error()};
        Played stack = follow(plan, *kernel, settings, **backend, timing);
        if (!stack) return std::unexpected{stack.error()};
        auto difference = compare(*kernel, *stack, options.known);
        return Followed{std::move(*stack), std::move(difference)};
    };
    Timing timing;
    auto followed = furthest(follow_kernel, timing);
    if (!followed) {
        examined.error = "on the stack: " + followed.error();
        return examined;
    }
    auto& difference = followed->difference;
    if (!followed->is_decided() && !difference->is_unsteady) {
        difference->is_unsteady = is_of_an_alarm(followed->stack, difference->stack) ||
                                  is_of_a_tick(follow_kernel, timing, *kernel, difference->kernel);
    }
    examined.packets = static_cast<std::size_t>(
        std::ranges::count_if(kernel->entries, [](const Entry& e) { return !e.is_input(); }));
    examined.script = script_of(plan, *kernel);
    examined.finding = !difference               ? Finding::Same
                       : difference->is_known    ? Finding::Known
                       : difference->is_unsteady ? Finding::Unsteady
                                                 : Finding::Differs;
    examined.difference = difference.value_or(Difference{});
    examined.traces = side_by_side(*kernel, followed->stack, examined.difference);
    const auto& entries = kernel->entries;
    const std::size_t last = std::min(examined.difference.kernel, entries.size() - 1);
    examined.steps = entries.empty() ? 0 : entries[last].step + 1;
    return examined;
}

Plan without(const Plan& plan, const std::vector<std::size_t>& dropped) {
    Plan out = plan;
    out.steps.clear();
    Duration owed{};
    for (std::size_t i = 0; i < plan.steps.size(); ++i) {
        if (std::ranges::find(dropped, i) != dropped.end()) {
            owed = owed + plan.steps[i].after;
            continue;
        }
        out.steps.push_back(plan.steps[i]);
        out.steps.back().after = out.steps.back().after + std::exchange(owed, Duration{});
    }
    return out;
}

}  // namespace

Examined examine(const Plan& plan, const ExamineOptions& options) {
    Examined examined = examine_once(plan, options);
    for (std::size_t i = 1; i < options.attempts && examined.finding > Finding::Known; ++i) {
        Examined again = examine_once(plan, options);
        const bool is_steady =
            again.finding == examined.finding && again.difference.what == examined.difference.what;
        if (again.finding <= Finding::Known) return again;
        if (!is_steady && again.finding != Finding::Unusable) again.finding = Finding::Unsteady;
        examined = std::move(again);
    }
    return examined;
}

Plan shrunk(Plan plan, std::size_t steps, const Try& shows) {
    constexpr int kMostRounds = 5;
    const auto drop_behind = [&] {
        Plan cut = plan;
        if (steps < cut.steps.size()) cut.steps.resize(steps);
        return cut;
    };
    if (const Plan cut = drop_behind(); shows({cut}).front()) plan = cut;
    for (int round = 0; round < kMostRounds; ++round) {
        std::vector<Plan> candidates;
        for (std::size_t i = 0; i < plan.steps.size(); ++i) {
            candidates.push_back(without(plan, {i}));
        }
        const std::vector<bool> stays = shows(candidates);
        std::vector<std::size_t> droppable;
        for (std::size_t i = 0; i < stays.size(); ++i) {
            if (stays[i]) droppable.push_back(i);
        }
        if (droppable.empty()) return plan;
        // All of them at once, or half of them; else one.
        const auto middle =
            droppable.begin() + static_cast<std::ptrdiff_t>((droppable.size() + 1) / 2);
        candidates = {without(plan, droppable), without(plan, {droppable.begin(), middle}),
                      without(plan, {middle, droppable.end()})};
        const std::vector<bool> together = shows(candidates);
        const auto best = std::ranges::find(together, true);
        plan = best == together.end()
                   ? without(plan, {droppable.front()})
                   : candidates[static_cast<std::size_t>(best - together.begin())];
    }
    return plan;
}

}  // namespace fairlead::drill::differential
