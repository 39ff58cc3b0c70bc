#include "drill/differential/compare.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "drill/differential/round_trips.hpp"
#include "drill/format.hpp"
#include "drill/symbols.hpp"

namespace fairlead::drill::differential {
namespace {

constexpr Duration kAtOnce = 3_ms;       // what leaves sooner is no timer's
constexpr std::int64_t kSlackPart = 8;   // a timer may be late by this part of its time
constexpr std::int64_t kPacePart = 200;  // of a round trip: what makes a packet of one segment more
constexpr Duration kNear = 1_ms;         // a round trip, where a packet may be as large as any
constexpr Duration kTick = 4_ms;         // of a kernel
constexpr Duration kAckWaits = 30_ms;    // so that another ends the wait
constexpr std::int64_t kStampTolerance = 5;  // milliseconds beyond what the times differ

using Found = std::optional<Difference>;

template <typename T>
Found differs(const std::string& what, const T& kernel, const T& stack) {
    if (kernel == stack) return std::nullopt;
    return Difference{.what = what,
                      .text = fmt::format("{}: kernel {}, stack {}", what, kernel, stack)};
}

std::string values(const std::vector<std::int16_t>& numbers) {
    return fmt::format("{:#x}", fmt::join(numbers, " "));
}

std::string result_of(const Outcome& outcome) {
    return outcome.value < 0 ? errno_name(outcome.error) : std::to_string(outcome.value);
}

// The name of an option that is set or asked for.
std::string name_of(const Call& call) {
    const bool is_option = call.name.ends_with("sockopt") && call.arguments.size() > 2;
    const bool is_control = call.name == "ioctl" && call.arguments.size() > 1;
    if (is_option) return fmt::format("{}({})", call.name, format(call.arguments[2]));
    if (is_control) return fmt::format("{}({})", call.name, format(call.arguments[1]));
    return call.name;
}

Found compare_calls(const Called& kernel, const Called& stack) {
    const std::string name = name_of(kernel.call);
    const bool makes = kernel.call.name == "socket" || kernel.call.name == "accept";
    if (makes && kernel.outcome.value >= 0 && stack.outcome.value >= 0) return std::nullopt;
    if (auto d =
            differs("result of " + name, result_of(kernel.outcome), result_of(stack.outcome))) {
        return d;
    }
    if (auto d = differs("answer of " + name, kernel.outcome.number, stack.outcome.number)) {
        return d;
    }
    if (auto d =
            differs("revents", values(kernel.outcome.revents), values(stack.outcome.revents))) {
        return d;
    }
    if (kernel.call.name != "getsockopt") return std::nullopt;
    const auto number = [](const Octets& data) {
        std::int32_t value = 0;
        for (std::size_t i = std::min<std::size_t>(data.size(), 4); i-- > 0;) {
            value = value << 8 | data[i];
        }
        return value;
    };
    return differs("answer of " + name, number(kernel.outcome.data), number(stack.outcome.data));
}

// All options but the value of a timestamp.
std::string options_of(const TcpBody& body) {
    std::vector<TcpOption> options = body.options;
    for (TcpOption& option : options) {
        if (auto* t = std::get_if<option::Timestamp>(&option)) t->value = 0;
    }
    return format(options);
}

std::optional<std::uint32_t> stamp_of(const TcpBody& body) {
    for (const TcpOption& option : body.options) {
        if (const auto* t = std::get_if<option::Timestamp>(&option)) return t->value;
    }
    return std::nullopt;
}

std::string mark_of(const Left& left) {
    constexpr std::string_view kNames[] = {"noecn", "ect0", "ect1", "ce", "ect"};
    return std::string{kNames[static_cast<std::size_t>(left.mark)]};
}

std::string kind_of(const Entry& entry) {
    const auto& left = std::get<Left>(entry.what);
    if (!left.other.empty()) return "no TCP";
    const bool has_data = left.body.range.bytes != 0;
    return fmt::format("[{}]{}", format(left.body.flags), has_data ? " with data" : "");
}

// All that differs between two packets.
std::vector<Difference> compare_packets(const Entry& kernel, const Entry& stack,
                                        Duration since_input) {
    const auto& k = std::get<Left>(kernel.what);
    const auto& s = std::get<Left>(stack.what);
    std::vector<Difference> all;
    const auto add = [&](Found found) {
        if (found) all.push_back(std::move(*found));
    };
    if (k.other.empty() != s.other.empty()) {
        add(differs("packets", kind_of(kernel), kind_of(stack)));
    }
    if (!k.other.empty() || !s.other.empty()) return all;
    const std::string of = " of " + kind_of(kernel);
    const TcpBody& kb = k.body;
    const TcpBody& sb = s.body;
    add(differs("flags", format(kb.flags), format(sb.flags)));
    add(differs("ecn" + of, mark_of(k), mark_of(s)));
    add(differs("seq" + of, kb.range.begin, sb.range.begin));
    add(differs("length" + of, kb.range.bytes, sb.range.bytes));
    add(differs("ack" + of, kb.ack.value_or(0), sb.ack.value_or(0)));
    add(differs("win" + of, kb.window.value_or(0), sb.window.value_or(0)));
    add(differs("options" + of, options_of(kb), options_of(sb)));
    const Duration apart = std::max(kernel.at - stack.at, stack.at - kernel.at);
    if (apart > most_late(since_input)) {
        add(differs("time" + of, format_seconds(kernel.at), format_seconds(stack.at)));
    }
    const auto k_stamp = stamp_of(kb);
    const auto s_stamp = stamp_of(sb);
    if (!k_stamp || !s_stamp) return all;
    const std::int64_t off = static_cast<std::int32_t>(*k_stamp - *s_stamp);
    if (std::max(off, -off) > apart.ms() + kStampTolerance) {
        add(differs("TS val" + of, *k_stamp, *s_stamp));
    }
    return all;
}

// What left between two inputs.
struct Interval {
    std::size_t input = 0;  // its entry; before the first there is nothing
    std::size_t begin = 0;
    std::size_t end = 0;
};

std::vector<Interval> intervals(const Trace& trace) {
    std::vector<Interval> all;
    for (std::size_t i = 0; i < trace.entries.size(); ++i) {
        if (trace.entries[i].is_input()) all.push_back({i, i + 1, i + 1});
        if (!all.empty()) all.back().end = i + 1;
    }
    return all;
}

class Comparison {
public:
    Comparison(const Trace& kernel, const Trace& stack, const std::vector<Known>& known)
        : kernel_{kernel}, stack_{stack}, known_{known}, lines_{kernel.lines()} {}

    Found run() const {
        const auto ours = intervals(stack_);
        const auto theirs = intervals(kernel_);
        const std::size_t count = std::min(ours.size(), theirs.size());
        for (std::size_t i = 0; i < count; ++i) {
            if (auto d = compare_interval(theirs[i], ours[i])) return d;
        }
        return std::nullopt;
    }

private:
    Found compare_interval(const Interval& k, const Interval& s) const {
        const Entry& input = kernel_.entries[k.input];
        if (const auto* called = std::get_if<Called>(&input.what)) {
            const auto* other = std::get_if<Called>(&stack_.entries[s.input].what);
            auto d = other == nullptr ? differs("inputs", 0, 1) : compare_calls(*called, *other);
            if (d && !is_passed_over(*d, k.input)) return placed(*d, k.input, s.input);
        }
        const std::size_t count = std::min(k.end - k.begin, s.end - s.begin);
        for (std::size_t i = 0; i < count; ++i) {
            const Entry& kernel = kernel_.entries[k.begin + i];
            const Entry& stack = stack_.entries[s.begin + i];
            for (Difference& d : compare_packets(kernel, stack, kernel.at - input.at)) {
                if (is_passed_over(d, k.begin + i)) continue;
                const bool is_push = d.what == "flags" && differ_by_push(kernel, stack);
                d.is_unsteady = (is_push && are_paces_apart(k.begin + i, s.begin + i)) ||
                                is_lost_within_a_write(k.input, s.begin + i);
                return placed(std::move(d), k.begin + i, s.begin + i);
            }
        }
        return compare_rest(k.input, k.begin + count, k.end, s.begin + count, s.end);
    }

    Found compare_rest(std::size_t input, std::size_t k, std::size_t k_end, std::size_t s,
                       std::size_t s_end) const {
        if (k == k_end && s == s_end) return std::nullopt;
        const bool is_kernels = k < k_end;
        const Trace& trace = is_kernels ? kernel_ : stack_;
        const std::size_t at = is_kernels ? k : s;
        const Entry& extra = trace.entries[at];
        const std::string kind = kind_of(extra);
        Difference d{.what = fmt::format("{} sends {}",
                                         is_kernels ? "only the kernel" : "only the stack", kind)};
        d.text = d.what;
        d.is_unsteady = is_near_end(trace, at) || hangs_on_time(extra, k, s) ||
                        (!is_kernels && is_lost_within_a_write(input, s)) ||
                        (is_kernels ? is_of_a_page(input, extra, stack_, s_end)
                                    : is_of_a_page(input, extra, kernel_, k_end));
        d.is_known = is_passed_over(d, k);
        return placed(d, k, s);
    }

    bool is_passed_over(const Difference& d, std::size_t at) const {
        const auto end =
            lines_.begin() + static_cast<std::ptrdiff_t>(std::min(at + 1, lines_.size()));
        std::size_t input = std::min(at, kernel_.entries.size() - 1);
        while (input > 0 && !kernel_.entries[input].is_input()) --input;
        return is_known(known_, d.text, {lines_.begin(), end}, lines_[input]);
    }

    // Whether it left just before the next input, where a timer of the other may be later.
    bool is_near_end(const Trace& trace, std::size_t at) const {
        const Entry& entry = trace.entries[at];
        std::size_t before = at;
        while (before > 0 && !trace.entries[before].is_input()) --before;
        std::size_t next = at;
        while (next < trace.entries.size() && !trace.entries[next].is_input()) ++next;
        const Duration since = entry.at - trace.entries[before].at;
        const Duration end = next == trace.entries.size() ? trace.ends : trace.entries[next].at;
        // The stack's times are exact.
        const bool is_timer = since > (&trace == &stack_ ? Duration{} : kAtOnce);
        return is_timer && end - entry.at < most_late(silence_before(trace, at));
    }

    // When that byte left the kernel for the first time, if it has before that entry.
    std::optional<std::size_t> departure(std::uint32_t byte, std::size_t before) const {
        for (std::size_t i = 0; i < before; ++i) {
            const auto* left = std::get_if<Left>(&kernel_.entries[i].what);
            if (left == nullptr || !left->other.empty()) continue;
            const SequenceRange& range = left->body.range;
            if (byte - range.begin < range.bytes) return i;
        }
        return std::nullopt;
    }
    std::size_t input_of(std::size_t entry) const {
        while (entry > 0 && !kernel_.entries[entry].is_input()) --entry;
        return entry;
    }

    // A kernel sends a large write in several bursts, microseconds apart. RACK then waits for a segment
    // of a later one by as much longer than the round trip of what the ACK acknowledges, which is 2 ms
    // or until the next ACK; without time within a call it is lost at once.
    bool is_lost_within_a_write(std::size_t input, std::size_t s) const {
        const auto* ack = std::get_if<Arrived>(&kernel_.entries[input].what);
        const auto* left = std::get_if<Left>(&stack_.entries[s].what);
        if (ack == nullptr || !ack->body.ack || left == nullptr || left->body.range.bytes == 0) {
            return false;
        }
        const std::uint32_t at = left->body.range.begin;
        const auto lost = departure(at, input);
        const auto acknowledged = departure(*ack->body.ack - 1, input);
        if (!lost || !acknowledged || input_of(*lost) != input_of(*acknowledged)) return false;
        const Duration apart = kernel_.entries[*lost].at - kernel_.entries[*acknowledged].at;
        const Duration latest = kernel_.entries[input].at + apart + most_late(2_ms);
        for (std::size_t i = input + 1; i < kernel_.entries.size(); ++i) {
            if (kernel_.entries[i].at > latest) return false;
            const auto* again = std::get_if<Left>(&kernel_.entries[i].what);
            if (again != nullptr && again->body.range.begin == at) return apart > Duration{};
        }
        return false;
    }

    // Of data as predicted Linux takes no occasion to send what waits; and that it is hangs on whether
    // the rest of a page has room for it, of the memory of both directions (sk_forward_alloc), to which
    // each cut of a segment adds. The same then leaves with the next that comes in.
    bool is_of_a_page(std::size_t input, const Entry& extra, const Trace& other,
                      std::size_t from) const {
        const auto* in = std::get_if<Arrived>(&kernel_.entries[input].what);
        const auto* left = std::get_if<Left>(&extra.what);
        if (in == nullptr || in->body.range.bytes == 0 || left == nullptr) return false;
        if (left->body.range.bytes == 0 || departure(left->body.range.begin, input)) return false;
        constexpr int kSoon = 2;
        int inputs = 0;
        for (std::size_t i = from; i < other.entries.size() && inputs <= kSoon; ++i) {
            if (other.entries[i].is_input()) ++inputs;
            const auto* late = std::get_if<Left>(&other.entries[i].what);
            if (late != nullptr && late->body.range.begin == left->body.range.begin) {
                return late->body.range.bytes == left->body.range.bytes;
            }
        }
        return false;
    }

    // Since the last packet: a call that sends nothing sets no timer.
    static Duration silence_before(const Trace& trace, std::size_t at) {
        std::size_t last = at;
        while (last > 0 && std::holds_alternative<Called>(trace.entries[last - 1].what)) --last;
        return trace.entries[at].at - trace.entries[last == 0 ? at : last - 1].at;
    }

    // Each host measures its own round trips. From those follows whether the rest of a window waits for
    // an ACK that is due,
    bool are_trips_apart(std::size_t kernel, std::size_t stack) const {
        return are_apart(kernel, stack, {}, kSlackPart);
    }
    // and how many segments leave in one packet, which ends in a push: one more or less where the pace is
    // just on the other side of it. A peer so near that no pace bounds a packet is no question.
    bool are_paces_apart(std::size_t kernel, std::size_t stack) const {
        return are_apart(kernel, stack, kNear, kPacePart);
    }
    bool are_apart(std::size_t kernel, std::size_t stack, Duration least, std::int64_t part) const {
        const auto theirs = round_trips(kernel_, kernel);
        const auto ours = round_trips(stack_, stack);
        if (!theirs || !ours) return false;
        const auto differ = [&](Duration a, Duration b) {
            const Duration longer = std::max(a, b);
            return longer >= least && longer - std::min(a, b) > longer / part;
        };
        return differ(theirs->smoothed, ours->smoothed) || differ(theirs->shortest, ours->shortest);
    }

    static bool differ_by_push(const Entry& kernel, const Entry& stack) {
        TcpFlags flags = std::get<Left>(stack.what).body.flags;
        flags.psh = !flags.psh;
        return flags == std::get<Left>(kernel.what).body.flags;
    }

    bool hangs_on_time(const Entry& extra, std::size_t k, std::size_t s) const {
        const auto& left = std::get<Left>(extra.what);
        if (!left.other.empty()) return false;
        if (left.body.range.bytes != 0) return are_trips_apart(k, s);
        return left.body.flags == TcpFlags{.ack = true} && (is_behind_rto(k) || is_near_alarm(k));
    }

    // Whether the ACK that is owed has waited for three quarters of its 40 ms, or nearly: then it goes
    // with what comes next, and a kernel counts in ticks.
    bool is_near_alarm(std::size_t kernel) const {
        std::optional<Duration> now;
        Duration owed_since;
        std::size_t i = std::min(kernel, kernel_.entries.size());
        while (i > 0 && !std::holds_alternative<Left>(kernel_.entries[i - 1].what)) {
            const Entry& entry = kernel_.entries[--i];
            const auto* in = std::get_if<Arrived>(&entry.what);
            if (in == nullptr || in->body.range.bytes == 0) continue;
            if (!now) now = entry.at;
            owed_since = entry.at;
        }
        if (!now) return false;
        const Duration waited = *now - owed_since;
        return waited > kAckWaits - kTick && waited < kAckWaits + kTick;
    }

    // Whether what came last ended a silence that is as long as the RTO, or by little longer: then its
    // ACK goes at once, and a kernel counts both in ticks.
    bool is_behind_rto(std::size_t kernel) const {
        constexpr Duration kLeastRto = 200_ms;
        constexpr Duration kFirstRto = 1_s;
        std::optional<Duration> last;
        std::optional<Duration> before;
        std::uint32_t next = 1;
        for (std::size_t i = 0; i < kernel && i < kernel_.entries.size(); ++i) {
            const auto* in = std::get_if<Arrived>(&kernel_.entries[i].what);
            if (in == nullptr) continue;
            const SequenceRange& range = in->body.range;
            if (range.begin > next || range.end <= next) continue;
            next = range.end;
            before = std::exchange(last, kernel_.entries[i].at);
        }
        if (!before) return false;
        const auto measured = round_trips(kernel_, kernel);
        const Duration rto = measured ? measured->smoothed + kLeastRto : kFirstRto;
        const Duration silence = *last - *before;
        return silence >= rto - kTick && silence <= rto + kTick * 2;
    }

    static Difference placed(Difference d, std::size_t kernel, std::size_t stack) {
        d.kernel = kernel;
        d.stack = stack;
        return d;
    }

    const Trace& kernel_;
    const Trace& stack_;
    const std::vector<Known>& known_;
    std::vector<std::string> lines_;
};

}  // namespace

std::optional<Difference> compare(const Trace& kernel, const Trace& stack,
                                  const std::vector<Known>& known) {
    return Comparison{kernel, stack, known}.run();
}

}  // namespace fairlead::drill::differential
