// netstat -s: the counters in words.
#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "inspect/netstat.hpp"
#include "inspect/proc_counters.hpp"
#include "inspect/proc_net.hpp"

namespace fairlead::inspect {
namespace {

struct Phrase {
    Counter counter;
    std::string_view text;        // {} is the number
    bool is_always_told = false;  // even when it is 0
};

// The counters for which netstat has words; of the others it tells the names.
constexpr Phrase kPhrases[] = {
    // clang-format off
    {Counter::IpInReceives, "{} total packets received", true},
    {Counter::IpInHdrErrors, "{} with invalid headers"},
    {Counter::IpInAddrErrors, "{} with invalid addresses"},
    {Counter::IpForwDatagrams, "{} forwarded", true},
    {Counter::IpInUnknownProtos, "{} with unknown protocol"},
    {Counter::IpInDiscards, "{} incoming packets discarded", true},
    {Counter::IpInDelivers, "{} incoming packets delivered", true},
    {Counter::IpOutRequests, "{} requests sent out", true},
    {Counter::IpOutDiscards, "{} outgoing packets dropped"},
    {Counter::IpOutNoRoutes, "{} dropped because of missing route"},
    {Counter::IpReasmTimeout, "{} fragments dropped after timeout"},
    {Counter::IpReasmReqds, "{} reassemblies required"},
    {Counter::IpReasmOKs, "{} packets reassembled ok"},
    {Counter::IpReasmFails, "{} packet reassemblies failed"},
    {Counter::IpFragOKs, "{} outgoing packets fragmented ok"},
    {Counter::IpFragFails, "{} outgoing packets failed fragmentation"},
    {Counter::IpFragCreates, "{} fragments created"},
    {Counter::IcmpInMsgs, "{} ICMP messages received", true},
    {Counter::IcmpInErrors, "{} input ICMP message failed", true},
    {Counter::IcmpInDestUnreachs, "destination unreachable: {}"},
    {Counter::IcmpInTimeExcds, "timeout in transit: {}"},
    {Counter::IcmpInParmProbs, "wrong parameters: {}"},
    {Counter::IcmpInSrcQuenchs, "source quenches: {}"},
    {Counter::IcmpInRedirects, "redirects: {}"},
    {Counter::IcmpInEchos, "echo requests: {}"},
    {Counter::IcmpInEchoReps, "echo replies: {}"},
    {Counter::IcmpInTimestamps, "timestamp request: {}"},
    {Counter::IcmpInTimestampReps, "timestamp reply: {}"},
    {Counter::IcmpInAddrMasks, "address mask request: {}"},
    {Counter::IcmpInAddrMaskReps, "address mask replies: {}"},
    {Counter::IcmpOutMsgs, "{} ICMP messages sent", true},
    {Counter::IcmpOutErrors, "{} ICMP messages failed", true},
    {Counter::IcmpOutDestUnreachs, "destination unreachable: {}"},
    {Counter::IcmpOutTimeExcds, "time exceeded: {}"},
    {Counter::IcmpOutParmProbs, "wrong parameters: {}"},
    {Counter::IcmpOutSrcQuenchs, "source quench: {}"},
    {Counter::IcmpOutRedirects, "redirect: {}"},
    {Counter::IcmpOutEchos, "echo requests: {}"},
    {Counter::IcmpOutEchoReps, "echo replies: {}"},
    {Counter::IcmpOutTimestamps, "timestamp requests: {}"},
    {Counter::IcmpOutTimestampReps, "timestamp replies: {}"},
    {Counter::IcmpOutAddrMasks, "address mask requests: {}"},
    {Counter::IcmpOutAddrMaskReps, "address mask replies: {}"},
    {Counter::TcpActiveOpens, "{} active connection openings", true},
    {Counter::TcpPassiveOpens, "{} passive connection openings", true},
    {Counter::TcpAttemptFails, "{} failed connection attempts", true},
    {Counter::TcpEstabResets, "{} connection resets received", true},
    {Counter::TcpCurrEstab, "{} connections established", true},
    {Counter::TcpInSegs, "{} segments received", true},
    {Counter::TcpOutSegs, "{} segments sent out", true},
    {Counter::TcpRetransSegs, "{} segments retransmitted", true},
    {Counter::TcpInErrs, "{} bad segments received", true},
    {Counter::TcpOutRsts, "{} resets sent", true},
    {Counter::UdpInDatagrams, "{} packets received", true},
    {Counter::UdpNoPorts, "{} packets to unknown port received", true},
    {Counter::UdpInErrors, "{} packet receive errors", true},
    {Counter::UdpOutDatagrams, "{} packets sent", true},
    {Counter::UdpRcvbufErrors, "{} receive buffer errors", true},
    {Counter::UdpSndbufErrors, "{} send buffer errors", true},
    {Counter::TcpExtSyncookiesSent, "{} SYN cookies sent"},
    {Counter::TcpExtSyncookiesRecv, "{} SYN cookies received"},
    {Counter::TcpExtSyncookiesFailed, "{} invalid SYN cookies received"},
    {Counter::TcpExtEmbryonicRsts, "{} resets received for embryonic SYN_RECV sockets"},
    {Counter::TcpExtPruneCalled, "{} packets pruned from receive queue because of socket buffer overrun"},
    {Counter::TcpExtRcvPruned, "{} packets pruned from receive queue"},
    {Counter::TcpExtOfoPruned, "{} packets dropped from out-of-order queue because of socket buffer overrun"},
    {Counter::TcpExtOutOfWindowIcmps, "{} ICMP packets dropped because they were out-of-window"},
    {Counter::TcpExtLockDroppedIcmps, "{} ICMP packets dropped because socket was locked"},
    {Counter::TcpExtTW, "{} TCP sockets finished time wait in fast timer"},
    {Counter::TcpExtTWRecycled, "{} time wait sockets recycled by time stamp"},
    {Counter::TcpExtPAWSActive, "{} active connections rejected because of time stamp"},
    {Counter::TcpExtPAWSEstab, "{} packets rejected in established connections because of timestamp"},
    {Counter::TcpExtDelayedACKs, "{} delayed acks sent"},
    {Counter::TcpExtDelayedACKLocked, "{} delayed acks further delayed because of locked socket"},
    {Counter::TcpExtDelayedACKLost, "Quick ack mode was activated {} times"},
    {Counter::TcpExtListenOverflows, "{} times the listen queue of a socket overflowed"},
    {Counter::TcpExtListenDrops, "{} SYNs to LISTEN sockets dropped"},
    {Counter::TcpExtTCPHPHits, "{} packet headers predicted", true},
    {Counter::TcpExtTCPPureAcks, "{} acknowledgments not containing data payload received"},
    {Counter::TcpExtTCPHPAcks, "{} predicted acknowledgments"},
    {Counter::TcpExtTCPRenoRecovery, "{} times recovered from packet loss due to fast retransmit"},
    {Counter::TcpExtTCPSACKReorder, "Detected reordering {} times using SACK"},
    {Counter::TcpExtTCPRenoReorder, "Detected reordering {} times using reno fast retransmit"},
    {Counter::TcpExtTCPTSReorder, "Detected reordering {} times using time stamp"},
    {Counter::TcpExtTCPFullUndo, "{} congestion windows fully recovered without slow start"},
    {Counter::TcpExtTCPPartialUndo, "{} congestion windows partially recovered using Hoe heuristic"},
    {Counter::TcpExtTCPLossUndo, "{} congestion windows recovered without slow start after partial ack"},
    {Counter::TcpExtTCPRenoFailures, "{} timeouts after reno fast retransmit"},
    {Counter::TcpExtTCPLossFailures, "{} timeouts in loss state"},
    {Counter::TcpExtTCPFastRetrans, "{} fast retransmits"},
    {Counter::TcpExtTCPSlowStartRetrans, "{} retransmits in slow start"},
    {Counter::TcpExtTCPRcvCollapsed, "{} packets collapsed in receive queue due to low socket buffer"},
    {Counter::TcpExtTCPAbortOnData, "{} connections reset due to unexpected data"},
    {Counter::TcpExtTCPAbortOnClose, "{} connections reset due to early user close"},
    {Counter::TcpExtTCPAbortOnMemory, "{} connections aborted due to memory pressure"},
    {Counter::TcpExtTCPAbortOnTimeout, "{} connections aborted due to timeout"},
    {Counter::TcpExtTCPAbortOnLinger, "{} connections aborted after user close in linger timeout"},
    {Counter::TcpExtTCPAbortFailed, "{} times unable to send RST due to no memory"},
    {Counter::TcpExtTCPMemoryPressures, "TCP ran low on memory {} times"},
    {Counter::Ip6InReceives, "{} total packets received", true},
    {Counter::Ip6InHdrErrors, "{} with invalid headers"},
    {Counter::Ip6InTooBigErrors, "{} with packets too big"},
    {Counter::Ip6InNoRoutes, "{} incoming packets with no route"},
    {Counter::Ip6InAddrErrors, "{} with invalid addresses"},
    {Counter::Ip6InUnknownProtos, "{} with unknown protocol"},
    {Counter::Ip6InTruncatedPkts, "{} with truncated packets"},
    {Counter::Ip6InDiscards, "{} incoming packets discarded", true},
    {Counter::Ip6InDelivers, "{} incoming packets delivered", true},
    {Counter::Ip6OutForwDatagrams, "{} forwarded", true},
    {Counter::Ip6OutRequests, "{} requests sent out", true},
    {Counter::Ip6OutDiscards, "{} outgoing packets dropped"},
    {Counter::Ip6OutNoRoutes, "{} dropped because of missing route"},
    {Counter::Ip6ReasmTimeout, "{} fragments dropped after timeout"},
    {Counter::Ip6ReasmReqds, "{} reassemblies required"},
    {Counter::Ip6ReasmOKs, "{} packets reassembled ok"},
    {Counter::Ip6ReasmFails, "{} packet reassemblies failed"},
    {Counter::Ip6FragOKs, "{} outgoing packets fragmented ok"},
    {Counter::Ip6FragFails, "{} outgoing packets failed fragmentation"},
    {Counter::Ip6FragCreates, "{} fragments created"},
    {Counter::Ip6InMcastPkts, "{} incoming multicast packets"},
    {Counter::Ip6OutMcastPkts, "{} outgoing multicast packets"},
    {Counter::Icmp6InMsgs, "{} ICMP messages received", true},
    {Counter::Icmp6InErrors, "{} input ICMP message failed", true},
    {Counter::Icmp6OutMsgs, "{} ICMP messages sent", true},
    {Counter::Icmp6InDestUnreachs, "destination unreachable: {}"},
    {Counter::Icmp6InPktTooBigs, "packets too big: {}"},
    {Counter::Icmp6InTimeExcds, "received ICMPv6 time exceeded: {}"},
    {Counter::Icmp6InParmProblems, "parameter problem: {}"},
    {Counter::Icmp6InEchos, "echo requests: {}"},
    {Counter::Icmp6InEchoReplies, "echo replies: {}"},
    {Counter::Icmp6InGroupMembQueries, "group member queries: {}"},
    {Counter::Icmp6InGroupMembResponses, "group member responses: {}"},
    {Counter::Icmp6InGroupMembReductions, "group member reductions: {}"},
    {Counter::Icmp6InRouterSolicits, "router solicits: {}"},
    {Counter::Icmp6InRouterAdvertisements, "router advertisement: {}"},
    {Counter::Icmp6InNeighborSolicits, "neighbour solicits: {}"},
    {Counter::Icmp6InNeighborAdvertisements, "neighbour advertisement: {}"},
    {Counter::Icmp6InRedirects, "redirects: {}"},
    {Counter::Icmp6OutDestUnreachs, "destination unreachable: {}"},
    {Counter::Icmp6OutPktTooBigs, "packets too big: {}"},
    {Counter::Icmp6OutTimeExcds, "sent ICMPv6 time exceeded: {}"},
    {Counter::Icmp6OutParmProblems, "parameter problem: {}"},
    {Counter::Icmp6OutEchos, "echo requests: {}"},
    {Counter::Icmp6OutEchoReplies, "echo replies: {}"},
    {Counter::Icmp6OutGroupMembQueries, "group member queries: {}"},
    {Counter::Icmp6OutGroupMembResponses, "group member responses: {}"},
    {Counter::Icmp6OutGroupMembReductions, "group member reductions: {}"},
    {Counter::Icmp6OutRouterSolicits, "router solicits: {}"},
    {Counter::Icmp6OutNeighborSolicits, "neighbor solicits: {}"},
    {Counter::Icmp6OutNeighborAdvertisements, "neighbor advertisements: {}"},
    {Counter::Icmp6OutRedirects, "redirects: {}"},
    {Counter::Udp6InDatagrams, "{} packets received", true},
    {Counter::Udp6NoPorts, "{} packets to unknown port received", true},
    {Counter::Udp6InErrors, "{} packet receive errors", true},
    {Counter::Udp6OutDatagrams, "{} packets sent", true},
    // clang-format on
};

struct Section {
    std::string_view title;
    std::string_view cut;  // of the counters' names, where they are told by name
    Counter first;
    Counter last;
};

constexpr std::string_view kIndent = "    ";
constexpr std::string_view kDeeper = "        ";

constexpr Section kIp{"Ip", "Ip", Counter::IpInReceives, Counter::IpOutTransmits};
constexpr Section kIcmp{"Icmp", "Icmp", Counter::IcmpInMsgs, Counter::IcmpOutAddrMaskReps};
constexpr Section kTcp{"Tcp", "Tcp", Counter::TcpActiveOpens, Counter::TcpInCsumErrors};
constexpr Section kUdp{"Udp", "Udp", Counter::UdpInDatagrams, Counter::UdpMemErrors};
constexpr Section kTcpExt{"TcpExt", "TcpExt", Counter::TcpExtSyncookiesSent,
                          Counter::TcpExtTCPAODroppedIcmps};
constexpr Section kIpExt{"IpExt", "IpExt", Counter::IpExtInNoRoutes, Counter::IpExtReasmOverlaps};
constexpr Section kIp6{"Ip6", "", Counter::Ip6InReceives, Counter::Ip6OutTransmits};
constexpr Section kIcmp6{"Icmp6", "", Counter::Icmp6InMsgs, Counter::Icmp6OutMLDv2Reports};
constexpr Section kUdp6{"Udp6", "", Counter::Udp6InDatagrams, Counter::Udp6MemErrors};

// Where a histogram begins; it stands before its first counter, and what follows is deeper.
std::string_view heading_before(Counter counter) {
    switch (counter) {
        case Counter::IcmpInDestUnreachs: return "    ICMP input histogram:\n";
        case Counter::IcmpOutDestUnreachs: return "    ICMP output histogram:\n";
        case Counter::Icmp6InDestUnreachs: return "    ICMP input histogram:\n";
        case Counter::Icmp6OutDestUnreachs: return "        ICMP output histogram:\n";
        default: return {};
    }
}

// The order in which netstat meets them: Icmp's totals stand before each histogram.
std::string line_of(const Counters& counters, Counter counter, const Section& section,
                    std::string_view indent) {
    const std::uint64_t value = counters[counter];
    const auto* phrase = std::ranges::find(kPhrases, counter, &Phrase::counter);
    if (phrase != std::end(kPhrases)) {
        if (value == 0 && !phrase->is_always_told) return {};
        return fmt::format("{}{}\n", indent, fmt::format(fmt::runtime(phrase->text), value));
    }
    if (value == 0) return {};
    return fmt::format("{}{}: {}\n", indent, name_of(counter).substr(section.cut.size()), value);
}

std::string text_of(const Counters& counters, const Section& section,
                    std::string_view before = {}) {
    std::string text = fmt::format("{}:\n{}", section.title, before);
    std::string_view indent = kIndent;
    for (auto i = static_cast<std::size_t>(section.first);
         i <= static_cast<std::size_t>(section.last); ++i) {
        const auto counter = static_cast<Counter>(i);
        if (counter == Counter::IcmpOutMsgs) indent = kIndent;
        if (const std::string_view heading = heading_before(counter); !heading.empty()) {
            text += heading;
            indent = kDeeper;
        }
        text += line_of(counters, counter, section, indent);
    }
    return text;
}

// IcmpMsg and Icmp6's counts by number repeat what the histograms say.
std::string by_number(std::string_view file, std::string_view line_begin) {
    std::string text;
    for (std::size_t at = 0; at < file.size();) {
        const std::size_t end = std::min(file.find('\n', at), file.size());
        const std::string_view line = file.substr(at, end - at);
        if (line.starts_with(line_begin)) {
            const std::size_t blank = line.find_first_of(" \t");
            text += fmt::format("        {}: {}\n", line.substr(0, blank),
                                line.substr(line.find_last_of(" \t") + 1));
        }
        at = end + 1;
    }
    return text;
}

// As deep as the histogram before it, where there is one.
std::string icmp_messages(const Counters& counters, std::string_view indent) {
    const std::string lines = icmp_type_lines(counters);
    if (lines.empty()) return {};
    const std::size_t half = lines.find('\n');
    std::string_view names = std::string_view{lines}.substr(0, half);
    std::string_view values = std::string_view{lines}.substr(half + 1);
    const auto take = [](std::string_view& rest) {
        rest.remove_prefix(std::min(rest.find(' ') + 1, rest.size()));
        return rest.substr(0, rest.find_first_of(" \n"));
    };
    std::string text = "IcmpMsg:\n";
    while (names.contains(' ')) {
        const std::string_view name = take(names);
        text += fmt::format("{}{}: {}\n", indent, name, take(values));
    }
    return text;
}

}  // namespace

std::string netstat_statistics(const Snapshot& snapshot, Family family, Statistics which) {
    const Counters& c = snapshot.counters;
    const bool is_all = which == Statistics::All;
    if (family == Family::Inet6) {
        std::string text;
        if (is_all) {
            text += text_of(c, kIp6) + text_of(c, kIcmp6) +
                    by_number(proc_net_snmp6(c), "Icmp6InType") +
                    by_number(proc_net_snmp6(c), "Icmp6OutType");
        }
        if (which != Statistics::Tcp) text += text_of(c, kUdp6) + "UdpLite6:\n";
        if (which != Statistics::Udp) text += text_of(c, kTcp);
        return text;
    }
    std::string text;
    if (is_all) {
        text +=
            text_of(c, kIp,
                    fmt::format("    Forwarding: {}\n", snapshot.config.ip_forward != 0 ? 1 : 2)) +
            text_of(c, kIcmp);
    }
    text += icmp_messages(c, is_all ? kDeeper : kIndent);
    if (which != Statistics::Udp) text += text_of(c, kTcp);
    if (which != Statistics::Tcp) text += text_of(c, kUdp);
    text += "UdpLite:\n";
    if (which != Statistics::Udp) text += text_of(c, kTcpExt);
    return text + text_of(c, kIpExt);
}

}  // namespace fairlead::inspect
