#include "inspect/nstat.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include <fmt/format.h>
#include <fnmatch.h>

#include "inspect/proc_counters.hpp"
#include "inspect/proc_net.hpp"

namespace fairlead::inspect {
namespace {

constexpr std::array<std::string_view, 7> kNoCounts{
    "IpForwarding", "IpDefaultTTL", "TcpRtoAlgorithm", "TcpRtoMin",
    "TcpRtoMax",    "TcpMaxConn",   "TcpCurrEstab"};

std::string_view take_line(std::string_view& text) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

std::string_view take_word(std::string_view& line) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    const std::string_view word = line.substr(0, line.find_first_of(" \t"));
    line.remove_prefix(word.size());
    return word;
}

void put(std::vector<NamedCount>& counts, std::string name, std::string_view number) {
    std::uint64_t value = 0;
    const auto [end, fault] = std::from_chars(number.data(), number.data() + number.size(), value);
    const bool is_number = fault == std::errc{} && end == number.data() + number.size();
    if (is_number && std::ranges::find(kNoCounts, name) == kNoCounts.end()) {
        counts.push_back({std::move(name), value});
    }
}

// A line of names and a line of values for each group.
void read_groups(std::vector<NamedCount>& counts, std::string_view text) {
    while (!text.empty()) {
        std::string_view names = take_line(text);
        std::string_view values = take_line(text);
        std::string_view group = take_word(names);
        take_word(values);
        group.remove_suffix(group.ends_with(':') ? 1 : 0);
        for (std::string_view name; !(name = take_word(names)).empty();) {
            put(counts, fmt::format("{}{}", group, name), take_word(values));
        }
    }
}

void read_rows(std::vector<NamedCount>& counts, std::string_view text) {
    while (!text.empty()) {
        std::string_view line = take_line(text);
        const std::string_view name = take_word(line);
        if (!name.empty() && name[0] != '#') put(counts, std::string{name}, take_word(line));
    }
}

bool is_wanted(const NamedCount& count, const NstatOptions& options) {
    if (count.value == 0 && !options.shows_zeros) return false;
    return options.patterns.empty() ||
           std::ranges::any_of(options.patterns, [&](const std::string& pattern) {
               return ::fnmatch(pattern.c_str(), count.name.c_str(), FNM_CASEFOLD) == 0;
           });
}

}  // namespace

std::vector<NamedCount> all_counts(std::string_view snmp, std::string_view snmp6,
                                   std::string_view netstat) {
    std::vector<NamedCount> counts;
    read_groups(counts, snmp);
    read_rows(counts, snmp6);
    read_groups(counts, netstat);
    return counts;
}

std::vector<NamedCount> all_counts(const Snapshot& snapshot) {
    return all_counts(proc_net_snmp(snapshot), proc_net_snmp6(snapshot.counters),
                      proc_net_netstat(snapshot.counters));
}

std::vector<NamedCount> own_counts(const Counters& counters) {
    std::vector<NamedCount> counts;
    read_groups(counts, counter_lines(counters, {.name = "",
                                                 .first = Counter::DropNotSpecified,
                                                 .last = Counter::TimeWentBack}));
    return counts;
}

std::vector<NamedCount> since(const std::vector<NamedCount>& counts,
                              const std::vector<NamedCount>& history) {
    std::map<std::string_view, std::uint64_t> before;
    for (const NamedCount& h : history) before[h.name] = h.value;
    std::vector<NamedCount> moved = counts;
    for (NamedCount& count : moved) {
        const auto found = before.find(count.name);
        if (found != before.end() && found->second <= count.value) count.value -= found->second;
    }
    return moved;
}

std::string nstat_text(const std::vector<NamedCount>& counts, const NstatOptions& options) {
    std::string text = options.is_json ? "{\"kernel\":{" : "#kernel\n";
    bool is_first = true;
    for (const NamedCount& count : counts) {
        if (!is_wanted(count, options)) continue;
        if (options.is_json) {
            text += fmt::format("{}\"{}\":{}", std::exchange(is_first, false) ? "" : ",",
                                count.name, count.value);
        } else {
            text += fmt::format("{:<32}{:<16}{:>6.1f}\n", count.name, count.value, 0.0);
        }
    }
    return options.is_json ? text + "}}\n" : text;
}

std::string write_history(const std::vector<NamedCount>& counts) {
    std::string text = "#fairlead\n";
    for (const NamedCount& count : counts) {
        text += fmt::format("{:<32}{:<16}{:>6.1f}\n", count.name, count.value, 0.0);
    }
    return text;
}

std::vector<NamedCount> read_history(std::string_view text) {
    std::vector<NamedCount> counts;
    read_rows(counts, text);
    return counts;
}

}  // namespace fairlead::inspect
