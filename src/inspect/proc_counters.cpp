#include "inspect/proc_counters.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "inspect/proc_net.hpp"

namespace fairlead::inspect {
namespace {

struct TypeCounter {
    unsigned type = 0;
    Counter in{};
    Counter out{};
};

// Sorted by type, as the kernel lists them.
constexpr std::array kIcmp{
    TypeCounter{0, Counter::IcmpInEchoReps, Counter::IcmpOutEchoReps},
    TypeCounter{3, Counter::IcmpInDestUnreachs, Counter::IcmpOutDestUnreachs},
    TypeCounter{4, Counter::IcmpInSrcQuenchs, Counter::IcmpOutSrcQuenchs},
    TypeCounter{5, Counter::IcmpInRedirects, Counter::IcmpOutRedirects},
    TypeCounter{8, Counter::IcmpInEchos, Counter::IcmpOutEchos},
    TypeCounter{11, Counter::IcmpInTimeExcds, Counter::IcmpOutTimeExcds},
    TypeCounter{12, Counter::IcmpInParmProbs, Counter::IcmpOutParmProbs},
    TypeCounter{13, Counter::IcmpInTimestamps, Counter::IcmpOutTimestamps},
    TypeCounter{14, Counter::IcmpInTimestampReps, Counter::IcmpOutTimestampReps},
    TypeCounter{17, Counter::IcmpInAddrMasks, Counter::IcmpOutAddrMasks},
    TypeCounter{18, Counter::IcmpInAddrMaskReps, Counter::IcmpOutAddrMaskReps},
};
constexpr std::array kIcmp6{
    TypeCounter{1, Counter::Icmp6InDestUnreachs, Counter::Icmp6OutDestUnreachs},
    TypeCounter{2, Counter::Icmp6InPktTooBigs, Counter::Icmp6OutPktTooBigs},
    TypeCounter{3, Counter::Icmp6InTimeExcds, Counter::Icmp6OutTimeExcds},
    TypeCounter{4, Counter::Icmp6InParmProblems, Counter::Icmp6OutParmProblems},
    TypeCounter{128, Counter::Icmp6InEchos, Counter::Icmp6OutEchos},
    TypeCounter{129, Counter::Icmp6InEchoReplies, Counter::Icmp6OutEchoReplies},
    TypeCounter{130, Counter::Icmp6InGroupMembQueries, Counter::Icmp6OutGroupMembQueries},
    TypeCounter{131, Counter::Icmp6InGroupMembResponses, Counter::Icmp6OutGroupMembResponses},
    TypeCounter{132, Counter::Icmp6InGroupMembReductions, Counter::Icmp6OutGroupMembReductions},
    TypeCounter{133, Counter::Icmp6InRouterSolicits, Counter::Icmp6OutRouterSolicits},
    TypeCounter{134, Counter::Icmp6InRouterAdvertisements, Counter::Icmp6OutRouterAdvertisements},
    TypeCounter{135, Counter::Icmp6InNeighborSolicits, Counter::Icmp6OutNeighborSolicits},
    TypeCounter{136, Counter::Icmp6InNeighborAdvertisements,
                Counter::Icmp6OutNeighborAdvertisements},
    TypeCounter{137, Counter::Icmp6InRedirects, Counter::Icmp6OutRedirects},
    TypeCounter{143, Counter::Icmp6InMLDv2Reports, Counter::Icmp6OutMLDv2Reports},
};

// Calls f(name, value) for each type that moved: what came, then what went.
template <typename Types, typename F>
void for_each_type(const Counters& counters, const Types& types, F f) {
    for (const bool is_in : {true, false}) {
        for (const TypeCounter& t : types) {
            const std::uint64_t value = counters[is_in ? t.in : t.out];
            if (value != 0) f(fmt::format("{}Type{}", is_in ? "In" : "Out", t.type), value);
        }
    }
}

std::string snmp6_row(std::string_view name, std::uint64_t value) {
    return fmt::format("{:<32}\t{}\n", name, value);
}

std::string snmp6_rows(const Counters& counters, Counter first, Counter last) {
    std::string text;
    for (auto i = static_cast<std::size_t>(first); i <= static_cast<std::size_t>(last); ++i) {
        const auto counter = static_cast<Counter>(i);
        text += snmp6_row(name_of(counter), counters[counter]);
    }
    return text;
}

}  // namespace

std::string counter_lines(const Counters& counters, const CounterLine& line) {
    std::string names{line.shown_as.empty() ? line.name : line.shown_as};
    names += ':';
    std::string values = names;
    for (const auto& [name, value] : line.before) {
        names += fmt::format(" {}", name);
        values += fmt::format(" {}", value);
    }
    for (auto i = static_cast<std::size_t>(line.first); i <= static_cast<std::size_t>(line.last);
         ++i) {
        const auto counter = static_cast<Counter>(i);
        names += fmt::format(" {}", name_of(counter).substr(line.name.size()));
        values += fmt::format(" {}", counters[counter]);
    }
    return names + "\n" + values + "\n";
}

std::string icmp_type_lines(const Counters& counters) {
    std::string names = "IcmpMsg:";
    std::string values = names;
    for_each_type(counters, kIcmp, [&](const std::string& name, std::uint64_t value) {
        names += ' ' + name;
        values += fmt::format(" {}", value);
    });
    return names == "IcmpMsg:" ? std::string{} : names + "\n" + values + "\n";
}

std::string proc_net_snmp6(const Counters& counters) {
    std::string text = snmp6_rows(counters, Counter::Ip6InReceives, Counter::Icmp6OutMLDv2Reports);
    for_each_type(counters, kIcmp6, [&](const std::string& name, std::uint64_t value) {
        text += snmp6_row("Icmp6" + name, value);
    });
    const std::string udp = snmp6_rows(counters, Counter::Udp6InDatagrams, Counter::Udp6MemErrors);
    text += udp;
    for (std::string_view name : {"InDatagrams", "NoPorts", "InErrors", "OutDatagrams",
                                  "RcvbufErrors", "SndbufErrors", "InCsumErrors", "MemErrors"}) {
        text += snmp6_row(fmt::format("UdpLite6{}", name), 0);
    }
    return text;
}

}  // namespace fairlead::inspect
