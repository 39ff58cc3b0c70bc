#include "inspect/netstat.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace fairlead::inspect {
namespace {

std::string_view state_name(const SocketInfo& s) {
    constexpr std::array<std::string_view, 12> kNames{
        "",          "ESTABLISHED", "SYN_SENT",   "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",
        "TIME_WAIT", "CLOSE",       "CLOSE_WAIT", "LAST_ACK", "LISTEN",    "CLOSING"};
    // A datagram socket without a peer has no word of its own.
    if (s.type == SocketType::Datagram && s.state == TcpState::Closed) return "";
    return kNames[static_cast<std::size_t>(s.state)];
}

std::string timer_text(const SocketInfo& s) {
    constexpr std::array<std::string_view, 5> kNames{"off", "on", "keepalive", "timewait", "probe"};
    const bool is_off = s.timer == TimerKind::Off;
    const auto hundredths = is_off ? 0 : std::max<std::int64_t>(s.timer_left.ms() / 10, 0);
    return fmt::format("{} ({:.2f}/{}/{})", kNames[static_cast<std::size_t>(s.timer)],
                       static_cast<double>(hundredths) / 100, s.retransmits, s.probes);
}

std::string name_text(const Endpoint& e, const SocketInfo& s, const NetstatOptions& o) {
    constexpr std::size_t kShort = 22;
    std::string port = e.port == 0 ? "*" : std::to_string(e.port);
    if (o.service && e.port != 0) {
        if (std::string name = o.service(e.port, s.type); !name.empty()) port = std::move(name);
    }
    const bool is_no_name = s.family == Family::Inet6 && e.address.is_any();
    std::string address = is_no_name ? "::" : e.address.with_zone(0).to_string();
    if (address.size() + port.size() > kShort) {
        address.resize(kShort - std::min(port.size(), kShort));
    }
    return fmt::format("{}:{}", address, port);
}

bool is_wanted(const SocketInfo& s, const NetstatOptions& o) {
    if (!is_listed(s)) return false;
    const bool is_listening =
        s.type == SocketType::Stream ? s.state == TcpState::Listen : s.state == TcpState::Closed;
    return o.shows_all || is_listening == o.shows_listening;
}

std::string_view scope(const NetstatOptions& o) {
    if (o.shows_all) return "(servers and established)";
    return o.shows_listening ? "(only servers)" : "(w/o servers)";
}

std::string row_text(const SocketInfo& s, const NetstatOptions& o) {
    const std::string protocol = fmt::format("{}{}", s.type == SocketType::Stream ? "tcp" : "udp",
                                             s.family == Family::Inet6 ? "6" : "");
    std::string text =
        fmt::format("{:<5} {:>6} {:>6} {:<23} {:<23} {:<11}", protocol, s.receive_queue,
                    s.state == TcpState::Listen ? 0 : s.send_queue, name_text(s.local, s, o),
                    name_text(s.peer, s, o), state_name(s));
    if (o.shows_programs) {
        std::string owner;
        if (o.program) {
            owner = o.program(s);
        } else if (s.socket) {
            owner = fmt::format("{}/{}", o.owner_pid, o.owner);
        }
        text += fmt::format(" {:<20}", owner.empty() ? "-" : owner);
    }
    if (o.shows_timers) text += fmt::format(" {}", timer_text(s));
    return text + "\n";
}

std::string mask_text(std::uint8_t length) {
    const std::uint32_t mask = length == 0 ? 0 : std::uint32_t{0xffff'ffff} << (32 - length);
    return fmt::format("{}.{}.{}.{}", mask >> 24, mask >> 16 & 0xff, mask >> 8 & 0xff, mask & 0xff);
}

std::string route_flags(const Route& r) {
    const std::size_t whole = r.destination.address.is_v4() ? 32 : 128;
    return fmt::format("U{}{}", r.gateway.is_any() ? "" : "G",
                       r.destination.length == whole ? "H" : "");
}

}  // namespace

std::string netstat_table(const Snapshot& snapshot, const NetstatOptions& o) {
    std::string text = fmt::format("Active Internet connections {}\n", scope(o));
    text += fmt::format("Proto Recv-Q Send-Q {:<23} {:<23} {:<11}", "Local Address",
                        "Foreign Address", "State");
    if (o.shows_programs) text += fmt::format(" {:<20}", "PID/Program name");
    if (o.shows_timers) text += " Timer";
    text += "\n";
    for (const SocketType type : {SocketType::Stream, SocketType::Datagram}) {
        if (!(type == SocketType::Stream ? o.shows_tcp : o.shows_udp)) continue;
        for (const Family family : {Family::Inet, Family::Inet6}) {
            if (!(family == Family::Inet ? o.shows_v4 : o.shows_v6)) continue;
            for (const SocketRow& row : snapshot.sockets) {
                const SocketInfo& s = row.info;
                if (s.type == type && s.family == family && is_wanted(s, o)) text += row_text(s, o);
            }
        }
    }
    return text;
}

std::string netstat_interfaces(const Snapshot& snapshot) {
    std::string text =
        "Kernel Interface table\n"
        "Iface             MTU    RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR TX-DRP TX-OVR Flg\n";
    for (const InterfaceInfo& i : snapshot.interfaces) {
        const std::string flags =
            fmt::format("{}{}{}{}", i.has_broadcast ? "BM" : "", i.is_loopback ? "L" : "",
                        i.is_up ? "R" : "", i.is_up ? "U" : "");
        text += fmt::format("{:<15} {:>5} {:>8} {:>6} {:>6} {:<6} {:>8} {:>6} {:>6} {:>6} {}\n",
                            i.name, i.mtu, i.received_packets, i.receive_errors, i.receive_drops, 0,
                            i.sent_packets, 0, i.send_drops, 0, flags);
    }
    return text;
}

std::string netstat_routes(const Snapshot& snapshot, Family family) {
    const bool is_v4 = family == Family::Inet;
    std::string text =
        is_v4 ? "Kernel IP routing table\n"
                "Destination     Gateway         Genmask         Flags   MSS Window  irtt Iface\n"
              : "Kernel IPv6 routing table\n"
                "Destination                    Next Hop                   Flag Met Ref  Use If\n";
    for (const Route& r : snapshot.routes) {
        if (r.destination.address.is_v4() != is_v4) continue;
        const std::string gateway =
            r.gateway.is_any() ? is_v4 ? "0.0.0.0" : "::" : r.gateway.with_zone(0).to_string();
        const std::string_view interface = snapshot.interface_name(r.interface);
        if (is_v4) {
            text += fmt::format("{:<15} {:<15} {:<15} {:<6}{:>5} {:<5} {:>6} {}\n",
                                r.destination.address.to_string(), gateway,
                                mask_text(r.destination.length), route_flags(r), r.mtu, 0, 0,
                                interface);
        } else {
            text +=
                fmt::format("{:<30} {:<26} {:<4} {:<3} {:<3} {:>4} {}\n", r.destination.to_string(),
                            gateway, route_flags(r), r.metric, 1, 0, interface);
        }
    }
    return text;
}

}  // namespace fairlead::inspect
