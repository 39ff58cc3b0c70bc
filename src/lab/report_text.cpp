#include "lab/report_text.hpp"

#include <array>
#include <map>
#include <string_view>

#include <fmt/format.h>

namespace fairlead::lab {
namespace {

std::string_view name_of(TimerKind timer) {
    switch (timer) {
        case TimerKind::Off: return "off";
        case TimerKind::Retransmit: return "on";
        case TimerKind::KeepAlive: return "keepalive";
        case TimerKind::TimeWait: return "timewait";
        case TimerKind::Persist: return "persist";
    }
    return "unknown";
}

// ss writes 60sec, 54sec, 200ms.
std::string timer_text(const SocketInfo& s) {
    if (s.timer == TimerKind::Off) return {};
    const std::int64_t ms = s.timer_left.ms();
    const std::string left = ms >= 1000 ? fmt::format("{}sec", ms / 1000) : fmt::format("{}ms", ms);
    return fmt::format(" timer:({},{},{})", name_of(s.timer), left, s.retransmits);
}

std::string endpoint_text(const Endpoint& e) {
    const std::string address = e.address.is_any() && !e.address.is_v4() ? "*"
                                : e.address.is_v4()                      ? e.address.to_string()
                                                    : fmt::format("[{}]", e.address.to_string());
    return e.port == 0 ? address + ":*" : fmt::format("{}:{}", address, e.port);
}

// Three digits that matter: 4.19, 41.9, 419.
std::string three_digits(double v) {
    return v < 10    ? fmt::format("{:.2f}", v)
           : v < 100 ? fmt::format("{:.1f}", v)
                     : fmt::format("{:.0f}", v);
}

}  // namespace

std::string socket_table(std::span<const SocketInfo> sockets, std::size_t most) {
    std::string text = fmt::format("{:<11}{:>7} {:>7}  {:<26} {}\n", "State", "Recv-Q", "Send-Q",
                                   "Local Address:Port", "Peer Address:Port");
    for (const SocketInfo& s : sockets.first(std::min(most, sockets.size()))) {
        const bool is_udp = s.type == SocketType::Datagram;
        text +=
            fmt::format("{:<11}{:>7} {:>7}  {:<26} {}{}\n",
                        is_udp ? "UNCONN" : fairlead::name_of(s.state), s.receive_queue,
                        s.send_queue, endpoint_text(s.local), endpoint_text(s.peer), timer_text(s));
    }
    std::map<std::string_view, std::size_t> more;
    for (const SocketInfo& s : sockets.subspan(std::min(most, sockets.size()))) {
        ++more[fairlead::name_of(s.state)];
    }
    for (const auto& [state, count] : more) text += fmt::format("... and {} {}\n", count, state);
    return text;
}

std::string moved_counters(const Counters& before, const Counters& after) {
    std::string text;
    for (std::size_t i = 0; i < kCounterCount; ++i) {
        const auto counter = static_cast<Counter>(i);
        if (before[counter] == after[counter]) continue;
        // A gauge may have gone down.
        const auto moved = static_cast<std::int64_t>(after[counter] - before[counter]);
        text += fmt::format("{:<32}{:>16}\n", fairlead::name_of(counter), moved);
    }
    return text;
}

std::string bytes_text(std::uint64_t bytes) {
    constexpr std::array<std::string_view, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
    std::size_t unit = 0;
    auto v = static_cast<double>(bytes);
    while (v >= 1024 && unit + 1 < kUnits.size()) {
        v /= 1024;
        ++unit;
    }
    const bool is_whole = v == static_cast<double>(static_cast<std::uint64_t>(v));
    return is_whole ? fmt::format("{:.0f} {}", v, kUnits[unit])
                    : fmt::format("{:.1f} {}", v, kUnits[unit]);
}

std::string rate_text(std::uint64_t bytes, Duration elapsed) {
    if (elapsed.ns() <= 0) return "-";
    const double bits = static_cast<double>(bytes) * 8e9 / static_cast<double>(elapsed.ns());
    if (bits >= 1e9) return three_digits(bits / 1e9) + " Gbit/s";
    if (bits >= 1e6) return three_digits(bits / 1e6) + " Mbit/s";
    return three_digits(bits / 1e3) + " kbit/s";
}

std::string seconds_text(Duration elapsed) {
    return fmt::format("{:.3f} s", static_cast<double>(elapsed.ns()) / 1e9);
}

}  // namespace fairlead::lab
