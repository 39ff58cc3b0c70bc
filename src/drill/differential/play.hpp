// drill/differential/play.hpp — a plan is played, and what came of it is written down.
//
// Owns:   Trace: inputs and outputs in their order, in the script's numbers; play() and follow().
// Rules:  play() finds out what the segments acknowledge and echo as it goes, and what the peer behind
//         a path answers. follow() does again what a trace says was done: the same numbers at the
//         same moments, late ones included, so that a busy machine makes no difference between the
//         two. A timestamp that is echoed is that of the same segment.
// Alarms: a kernel's ring late. follow() is as late with each as the trace shows: until something
//         leaves there, or behind the next input, should that come first; never by more than
//         most_late().
// Numbers: our first sequence number is 0, our first timestamp kFirstTimestamp.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "drill/backend.hpp"
#include "drill/differential/plan.hpp"
#include "drill/seen.hpp"
#include "drill/settings.hpp"

namespace fairlead::drill::differential {

inline constexpr std::uint32_t kFirstTimestamp = 1000;

// By how much an alarm may be late that was set so long ago: by a kernel's ticks, the more of which go
// into one the further it is away, and by a machine with other work.
constexpr Duration most_late(Duration set_ago) { return 20_ms + set_ago / 8; }

struct Called {
    Call call{};
    Outcome outcome{};
    bool has_returned = false;
};
struct Arrived {
    TcpBody body{};
    IpFields ip{};
    std::optional<std::size_t> echoes{};  // whose timestamp, counted among all that left
};
struct Left {
    TcpBody body{};
    EcnMark mark = EcnMark::NotEct;
    std::string other{};  // what is no TCP, in the form of dump()
};

struct Entry {
    Duration at{};  // since the beginning
    std::variant<Called, Arrived, Left> what{};
    std::size_t step = 0;  // of the plan: the latest that was begun

    bool is_input() const { return !std::holds_alternative<Left>(what); }
};

struct Trace {
    std::vector<Entry> entries{};
    bool is_active = false;  // connect() began it
    Duration ends{};         // when the listening stopped
    Duration phase{};        // of its clock at the beginning: what was over of a millisecond
    std::vector<Duration> delays{};  // when follow() heard an alarm that was late

    // In tcpdump's style, calls among the packets.
    std::vector<std::string> lines() const;
};

// The error says what the backend refused, or what left malformed.
using Played = std::expected<Trace, std::string>;

Played play(const Plan& plan, const Settings& settings, Backend& backend);
// What a trace does not tell of time.
struct Timing {
    // Of the alarms that would be heard late, in ascending order, those that are not: one that says
    // nothing leaves no trace of when it rang.
    std::vector<std::size_t> punctual{};
    // From this entry on, all is so much later: a kernel counts some of its times in ticks.
    std::size_t moved = 0;
    Duration by{};
};

Played follow(const Plan& plan, const Trace& before, const Settings& settings, Backend& backend,
              const Timing& timing = {});

}  // namespace fairlead::drill::differential
