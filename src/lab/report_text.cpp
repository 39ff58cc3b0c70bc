#include "lab/report_text.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "inspect/nstat.hpp"
#include "inspect/ss.hpp"

namespace fairlead::lab {
namespace {

// Three digits that matter: 4.19, 41.9, 419.
std::string three_digits(double v) {
    return v < 10    ? fmt::format("{:.2f}", v)
           : v < 100 ? fmt::format("{:.1f}", v)
                     : fmt::format("{:.0f}", v);
}

}  // namespace

std::string socket_table(const inspect::Snapshot& all, std::size_t most) {
    inspect::Snapshot shown;
    shown.interfaces = all.interfaces;
    const std::span rows{all.sockets};
    const std::size_t count = std::min(most, rows.size());
    shown.sockets.assign(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(count));
    std::string text =
        inspect::ss_table(shown, {.shows_all = true, .shows_udp = false, .shows_timers = true});
    std::map<std::string_view, std::size_t> more;
    for (const SocketRow& row : rows.subspan(count)) ++more[name_of(row.info.state)];
    for (const auto& [state, number] : more) text += fmt::format("... and {} {}\n", number, state);
    return text;
}

std::string moved_counters(const Counters& before, const Counters& after) {
    inspect::Snapshot then;
    then.counters = before;
    inspect::Snapshot now;
    now.counters = after;
    return inspect::nstat_text(inspect::since(inspect::all_counts(now), inspect::all_counts(then)),
                               {});
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
