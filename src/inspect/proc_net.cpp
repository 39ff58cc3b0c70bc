#include "inspect/proc_net.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include <fmt/format.h>

#include "inspect/proc_counters.hpp"

namespace fairlead::inspect {
namespace {

constexpr std::size_t kTcpRow = 149;  // the kernel pads the rows of IPv4 to these
constexpr std::size_t kUdpRow = 127;
constexpr std::size_t kRouteRow = 127;

// Words of 32 bits in the order of memory, as a little-endian machine prints them.
std::string words(const IpAddress& address, Family family) {
    const auto& bytes = address.bytes();
    std::string text;
    for (std::size_t at = family == Family::Inet ? 12 : 0; at < bytes.size(); at += 4) {
        text += fmt::format("{:02X}{:02X}{:02X}{:02X}", bytes[at + 3], bytes[at + 2], bytes[at + 1],
                            bytes[at]);
    }
    return text;
}

// A socket of IPv6 without a name has :: and not ::ffff:0.0.0.0.
std::string endpoint(const Endpoint& e, Family family) {
    const bool is_no_name = family == Family::Inet6 && e.address.is_any();
    const IpAddress address = is_no_name ? IpAddress::any(Family::Inet6) : e.address;
    return fmt::format("{}:{:04X}", words(address, family), e.port);
}

std::int64_t clock_ticks(Duration d) {
    return std::max<std::int64_t>((d.ns() + 9'999'999) / 10'000'000, 0);
}

std::string row(std::string text, std::size_t width) {
    if (text.size() < width) text.resize(width, ' ');
    return text + "\n";
}

bool has_family(const SocketRow& row, SocketType type, Family family) {
    return row.info.type == type && row.info.family == family && is_listed(row.info);
}

// What tcp and udp rows begin alike with.
std::string beginning(const SocketInfo& s, Family family) {
    const std::uint32_t out = s.state == TcpState::Listen ? 0 : s.send_queue;
    return fmt::format(
        "{} {} {:02X} {:08X}:{:08X} {:02X}:{:08X} {:08X} {:5} {:8} {}", endpoint(s.local, family),
        endpoint(s.peer, family), static_cast<unsigned>(s.state), out, s.receive_queue,
        static_cast<unsigned>(s.timer), s.timer == TimerKind::Off ? 0 : clock_ticks(s.timer_left),
        s.retransmits, 0, s.probes, inode_of(s));
}

// RTO, the delay of ACKs, quick-ACK and ping-pong, the two windows.
std::string ending(const TcpInfo& tcp) {
    const bool is_listening = tcp.state == TcpState::Listen;
    const std::int64_t threshold = is_listening ? 0
                                   : tcp.slow_start_threshold_segments >= INT32_MAX
                                       ? -1
                                       : std::int64_t{tcp.slow_start_threshold_segments};
    return fmt::format(" {} {} {} {} {}", clock_ticks(tcp.rto), clock_ticks(tcp.ack_timeout), 0,
                       tcp.congestion_window_segments, threshold);
}

std::string header(Family family, std::string_view more) {
    const bool is_v4 = family == Family::Inet;
    return fmt::format(
        "  sl  {} {} st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode{}",
        is_v4 ? "local_address" : "local_address                        ",
        is_v4 ? "rem_address  " : "remote_address                       ", more);
}

std::string flags_of(const Route& r) {
    constexpr unsigned kUp = 1;
    constexpr unsigned kGateway = 2;
    constexpr unsigned kHost = 4;
    return fmt::format("{:04X}", kUp | (r.gateway.is_any() ? 0 : kGateway) |
                                     (r.destination.length == 32 ? kHost : 0));
}

std::uint32_t mask_of(std::uint8_t length) {
    return length == 0 ? 0 : std::uint32_t{0xffff'ffff} << (32 - length);
}

struct Census {
    std::size_t in_use = 0;
    std::size_t orphans = 0;
    std::size_t time_waits = 0;
    std::size_t allocated = 0;
    std::uint64_t bytes = 0;
};

Census count(const Snapshot& snapshot, SocketType type, Family family) {
    Census c;
    for (const SocketRow& row : snapshot.sockets) {
        if (row.info.type != type) continue;
        c.bytes += row.memory.receive_allocated + row.memory.write_queued;
        const bool is_time_wait = row.info.timer == TimerKind::TimeWait;
        c.time_waits += is_time_wait ? 1 : 0;
        c.orphans += row.info.is_orphan ? 1 : 0;
        if (is_time_wait || !row.info.socket) continue;
        ++c.allocated;
        c.in_use += row.info.family == family && is_listed(row.info) ? 1 : 0;
    }
    return c;
}

struct File {
    std::string_view name;
    std::string (*text)(const Snapshot&);
};

// Sorted by name.
constexpr File kFiles[] = {
    {"dev", proc_net_dev},
    {"netstat", [](const Snapshot& s) { return proc_net_netstat(s.counters); }},
    {"route", proc_net_route},
    {"snmp", proc_net_snmp},
    {"snmp6", [](const Snapshot& s) { return proc_net_snmp6(s.counters); }},
    {"sockstat", proc_net_sockstat},
    {"sockstat6", proc_net_sockstat6},
    {"tcp", [](const Snapshot& s) { return proc_net_tcp(s, Family::Inet); }},
    {"tcp6", [](const Snapshot& s) { return proc_net_tcp(s, Family::Inet6); }},
    {"udp", [](const Snapshot& s) { return proc_net_udp(s, Family::Inet); }},
    {"udp6", [](const Snapshot& s) { return proc_net_udp(s, Family::Inet6); }},
};

}  // namespace

std::uint32_t inode_of(const SocketInfo& socket) {
    constexpr std::uint32_t kNumber = 0x7fff'ffff;
    return socket.socket ? (socket.socket.index & kNumber) + 1 : 0;
}

std::string proc_net_tcp(const Snapshot& snapshot, Family family) {
    const std::size_t width = family == Family::Inet ? kTcpRow : 0;
    std::string text = row(header(family, ""), width);
    int number = 0;
    for (const SocketRow& r : snapshot.sockets) {
        if (!has_family(r, SocketType::Stream, family)) continue;
        const int references = r.info.timer == TimerKind::TimeWait ? 3 : 1;
        text += row(fmt::format("{:4}: {} {} {:016x}{}", number++, beginning(r.info, family),
                                references, r.info.identity, r.tcp ? ending(*r.tcp) : ""),
                    width);
    }
    return text;
}

std::string proc_net_udp(const Snapshot& snapshot, Family family) {
    const std::size_t width = family == Family::Inet ? kUdpRow : 0;
    std::string text = row(header(family, " ref pointer drops"), width);
    int number = 0;
    for (const SocketRow& r : snapshot.sockets) {
        if (!has_family(r, SocketType::Datagram, family)) continue;
        text += row(fmt::format("{:5}: {} {} {:016x} {}", number++, beginning(r.info, family), 2,
                                r.info.identity, r.memory.drops),
                    width);
    }
    return text;
}

std::string proc_net_snmp(const Snapshot& snapshot) {
    const Counters& counters = snapshot.counters;
    std::string text =
        counter_lines(counters, {.name = "Ip",
                                 .first = Counter::IpInReceives,
                                 .last = Counter::IpOutTransmits,
                                 .before = {{"Forwarding", snapshot.config.ip_forward != 0 ? 1 : 2},
                                            {"DefaultTTL", snapshot.config.ip_default_ttl}}});
    text += counter_lines(
        counters,
        {.name = "Icmp", .first = Counter::IcmpInMsgs, .last = Counter::IcmpOutAddrMaskReps});
    text += icmp_type_lines(counters);
    text += counter_lines(
        counters,
        {.name = "Tcp",
         .first = Counter::TcpActiveOpens,
         .last = Counter::TcpInCsumErrors,
         .before = {{"RtoAlgorithm", 1}, {"RtoMin", 200}, {"RtoMax", 120000}, {"MaxConn", -1}}});
    const CounterLine udp{
        .name = "Udp", .first = Counter::UdpInDatagrams, .last = Counter::UdpMemErrors};
    text += counter_lines(counters, udp);
    CounterLine lite = udp;
    lite.shown_as = "UdpLite";
    return text + counter_lines(Counters{}, lite);
}

std::string proc_net_netstat(const Counters& counters) {
    return counter_lines(counters, {.name = "TcpExt",
                                    .first = Counter::TcpExtSyncookiesSent,
                                    .last = Counter::TcpExtTCPAODroppedIcmps}) +
           counter_lines(counters, {.name = "IpExt",
                                    .first = Counter::IpExtInNoRoutes,
                                    .last = Counter::IpExtReasmOverlaps});
}

std::string proc_net_sockstat(const Snapshot& snapshot) {
    constexpr std::uint64_t kPage = 4096;
    const Census tcp = count(snapshot, SocketType::Stream, Family::Inet);
    const Census udp = count(snapshot, SocketType::Datagram, Family::Inet);
    return fmt::format(
        "sockets: used {}\n"
        "TCP: inuse {} orphan {} tw {} alloc {} mem {}\n"
        "UDP: inuse {} mem {}\n"
        "UDPLITE: inuse 0\n"
        "RAW: inuse 0\n"
        "FRAG: inuse 0 memory 0\n",
        tcp.allocated + udp.allocated, tcp.in_use, tcp.orphans, tcp.time_waits, tcp.allocated,
        (tcp.bytes + kPage - 1) / kPage, udp.in_use, (udp.bytes + kPage - 1) / kPage);
}

std::string proc_net_sockstat6(const Snapshot& snapshot) {
    return fmt::format(
        "TCP6: inuse {}\n"
        "UDP6: inuse {}\n"
        "UDPLITE6: inuse 0\n"
        "RAW6: inuse 0\n"
        "FRAG6: inuse 0 memory 0\n",
        count(snapshot, SocketType::Stream, Family::Inet6).in_use,
        count(snapshot, SocketType::Datagram, Family::Inet6).in_use);
}

std::string proc_net_dev(const Snapshot& snapshot) {
    std::string text =
        "Inter-|   Receive                                                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs "
        "drop fifo colls carrier compressed\n";
    for (const InterfaceInfo& i : snapshot.interfaces) {
        text += fmt::format(
            "{:>6}: {:7} {:7} {:4} {:4} {:4} {:5} {:10} {:9} {:8} {:7} {:4} {:4} "
            "{:4} {:5} {:7} {:10}\n",
            i.name, i.received_bytes, i.received_packets, i.receive_errors, i.receive_drops, 0, 0,
            0, 0, i.sent_bytes, i.sent_packets, 0, i.send_drops, 0, 0, 0, 0);
    }
    return text;
}

std::string proc_net_route(const Snapshot& snapshot) {
    std::string text =
        row("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
            kRouteRow);
    for (const Route& r : snapshot.routes) {
        if (!r.destination.address.is_v4()) continue;
        const IpAddress gateway = r.gateway.is_v4() ? r.gateway : IpAddress::any(Family::Inet);
        const std::uint32_t mask = mask_of(r.destination.length);
        const auto byte = [mask](int at) {
            return static_cast<std::uint8_t>(mask >> (24 - 8 * at));
        };
        text +=
            row(fmt::format(
                    "{}\t{}\t{}\t{}\t0\t0\t{}\t{}\t{}\t0\t0", snapshot.interface_name(r.interface),
                    words(r.destination.address, Family::Inet), words(gateway, Family::Inet),
                    flags_of(r), r.metric,
                    words(IpAddress::v4(byte(0), byte(1), byte(2), byte(3)), Family::Inet), r.mtu),
                kRouteRow);
    }
    return text;
}

std::string proc_net(const Snapshot& snapshot, std::string_view name) {
    const auto* file = std::ranges::find(kFiles, name, &File::name);
    return file == std::end(kFiles) ? std::string{} : file->text(snapshot);
}

std::vector<std::string_view> proc_net_names() {
    std::vector<std::string_view> names;
    for (const File& file : kFiles) names.push_back(file.name);
    return names;
}

}  // namespace fairlead::inspect
