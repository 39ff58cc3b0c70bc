// inspect/filter.hpp — which sockets ss shows: states and an expression, as ss(8) has them.
//
// Owns:      StateSet; Filter, parsed of the words of a command line: "state established
//            ( dport = :80 or dport = :443 ) and not src 10.0.0.0/8".
// Terms:     src, dst with an address, a prefix, "*", and a port; sport, dport with = != < > <= >=
//            (eq neq lt gt le ge); dev. and (or nothing), or, not and their signs; parentheses.
// Not here:  names of hosts; fwmark, cgroup and autobound, of which a stack knows nothing.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fairlead/info.hpp"

namespace fairlead::inspect {

using StateSet = std::uint32_t;  // a bit for each TcpState's number
constexpr StateSet set_of(TcpState s) { return StateSet{1} << static_cast<unsigned>(s); }
inline constexpr StateSet kAllStates = 0xffe;
inline constexpr StateSet kListeningStates = set_of(TcpState::Listen) | set_of(TcpState::Closed);
// What ss shows if nobody asked for more.
inline constexpr StateSet kConnectedStates =
    kAllStates & ~(kListeningStates | set_of(TcpState::TimeWait) | set_of(TcpState::SynReceived));

enum class Comparison : std::uint8_t { Equal, NotEqual, Less, Greater, AtMost, AtLeast };

// One step of an expression in the order of evaluation (reverse Polish).
struct FilterStep {
    enum class Kind : std::uint8_t { Source, Destination, Device, And, Or, Not };
    Kind kind = Kind::And;
    Comparison comparison = Comparison::Equal;
    std::optional<Prefix> prefix{};
    std::optional<std::uint16_t> port{};
    std::string device{};
};

struct Filter {
    std::optional<StateSet> states{};  // none: nobody said
    std::vector<FilterStep> steps{};   // empty: all

    bool admits(const SocketInfo& socket, std::string_view device) const;
};

// "http" for tcp as a number; nothing: unknown. Null: numbers only.
using ServiceNumber = std::function<std::optional<std::uint16_t>(const std::string&)>;

// The words as a shell splits them. What is wrong, in words.
std::expected<Filter, std::string> parse_filter(const std::vector<std::string>& words,
                                                const ServiceNumber& service = {});

}  // namespace fairlead::inspect
