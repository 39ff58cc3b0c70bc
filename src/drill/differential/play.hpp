// drill/differential/play.hpp — a plan is played, and what came of it is written down.
//
// Owns:   Trace: inputs and outputs in their order, in the script's numbers; play() and follow().
// Rules:  play() finds out what the segments acknowledge and echo as it goes, and what the peer behind
//         a path answers. follow() does again what a trace says was done: the same numbers at the
//         same moments, late ones included, so that a busy machine makes no difference between the
//         two. A timestamp that is echoed is that of the same segment.
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

    // In tcpdump's style, calls among the packets.
    std::vector<std::string> lines() const;
};

// The error says what the backend refused, or what left malformed.
using Played = std::expected<Trace, std::string>;

Played play(const Plan& plan, const Settings& settings, Backend& backend);
Played follow(const Plan& plan, const Trace& before, const Settings& settings, Backend& backend);

}  // namespace fairlead::drill::differential
