#include "inspect/ss.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include <fmt/format.h>

#include "inspect/proc_net.hpp"

namespace fairlead::inspect {
namespace {

enum ColumnName : std::size_t {
    kNetid,
    kState,
    kReceiveQueue,
    kSendQueue,
    kLocalAddress,
    kLocalPort,
    kPeerAddress,
    kPeerPort,
    kProcess,  // and all that is behind it
    kColumns,
};

struct Column {
    std::string_view title{};
    std::string_view before{};  // what stands between it and the one on its left
    bool is_right = false;
    bool is_hidden = false;
    std::size_t width = 0;  // with `before`
};

using Cells = std::array<std::string, kColumns>;

constexpr std::array<Column, kColumns> kLayout{{{"Netid"},
                                                {"State", " "},
                                                {"Recv-Q", " "},
                                                {"Send-Q", " "},
                                                {"Local Address:", " ", true},
                                                {"Port", ""},
                                                {"Peer Address:", " ", true},
                                                {"Port", ""},
                                                {"Process", ""}}};

StateSet states_of(const SsOptions& o) {
    if (o.filter.states) return *o.filter.states;
    if (o.shows_all) return kAllStates;
    return o.shows_listening ? kListeningStates : kConnectedStates;
}

std::string address_cell(const IpAddress& address, const SocketInfo& s, std::string_view device) {
    const bool is_v4 = s.family == Family::Inet;
    std::string text;
    if (is_v4) {
        text = address.with_zone(0).to_string();
    } else if (address.is_any()) {
        text = s.is_v6_only ? "[::]" : "*";
    } else {
        const std::string_view mapped = address.is_v4() ? "::ffff:" : "";
        text = fmt::format("[{}{}]", mapped, address.with_zone(0).to_string());
    }
    if (!device.empty()) text += fmt::format("%{}", device);
    return text + ":";
}

std::string port_cell(std::uint16_t port, const SocketInfo& s, const SsOptions& o) {
    if (port == 0) return "*";
    std::string name = o.service ? o.service(port, s.type) : std::string{};
    return name.empty() ? std::to_string(port) : name;
}

std::string details(const SocketRow& row) {
    const SocketInfo& s = row.info;
    std::string text = fmt::format(" ino:{} sk:{:x}", inode_of(s), s.identity);
    const bool is_whole = row.tcp || s.type == SocketType::Datagram;
    if (!is_whole) return text;
    const bool says_v6_only =
        s.family == Family::Inet6 && (s.state == TcpState::Listen || s.state == TcpState::Closed);
    if (says_v6_only) text += fmt::format(" v6only:{}", s.is_v6_only ? 1 : 0);
    return text + fmt::format(" {}-{}", s.has_shut_read ? '-' : '<', s.has_shut_write ? '-' : '>');
}

std::string last_cell(const SocketRow& row, const SsOptions& o) {
    const SocketInfo& s = row.info;
    const bool is_stream = s.type == SocketType::Stream;
    std::string text;
    if (o.shows_processes && o.users) {
        const std::string users = o.users(s);
        if (!users.empty()) text += fmt::format(" users:({})", users);
    } else if (o.shows_processes && s.socket && !o.owner.empty()) {
        text += fmt::format(" users:((\"{}\",pid={},fd={}))", o.owner, o.owner_pid, inode_of(s));
    }
    if (o.shows_timers || o.shows_details) text += ss_timer(s);
    if (o.shows_details) text += details(row);
    if (!o.shows_memory && !(o.shows_info && is_stream)) return text;
    if (!o.is_one_line) text += "\n\t";
    const bool is_whole = row.tcp || !is_stream;
    if (o.shows_memory && is_whole) text += ss_memory(row.memory);
    if (o.shows_info && row.tcp) {
        text += ss_tcp_info(row, o.shows_timers || o.shows_details);
    }
    return text;
}

std::string_view state_cell(const SocketInfo& s) {
    return s.state == TcpState::Closed ? std::string_view{"UNCONN"} : name_of(s.state);
}

std::string_view protocol_cell(const SocketInfo& s) {
    switch (s.type) {
        case SocketType::Stream: return "tcp";
        case SocketType::Ping: return s.family == Family::Inet ? "icmp" : "icmp6";
        case SocketType::Datagram: break;
    }
    return "udp";
}

Cells cells_of(const Snapshot& snapshot, const SocketRow& row, const SsOptions& o) {
    const SocketInfo& s = row.info;
    const auto device_of = [&](const IpAddress& address) {
        return snapshot.interface_name(address.zone() != 0 ? address.zone() : s.interface);
    };
    return {std::string{protocol_cell(s)},
            std::string{state_cell(s)},
            fmt::format("{:<6}", s.receive_queue),
            fmt::format("{:<6}", s.send_queue),
            address_cell(s.local.address, s, device_of(s.local.address)),
            port_cell(s.local.port, s, o),
            address_cell(s.peer.address, s, snapshot.interface_name(s.peer.address.zone())),
            port_cell(s.peer.port, s, o),
            last_cell(row, o)};
}

// What is left of the screen's line is shared by the columns on it, the last ones getting one more.
void share_line(std::span<Column> line, std::size_t left) {
    const auto shown = static_cast<std::size_t>(
        std::ranges::count_if(line, [](const Column& c) { return c.width > 0; }));
    if (shown == 0) return;
    std::size_t before_rest = shown - left % shown;
    for (Column& c : line) {
        if (c.width == 0) continue;
        c.width += left / shown + (before_rest == 0 ? 1 : 0);
        if (before_rest > 0) --before_rest;
    }
}

void spread(std::span<Column> columns, std::size_t screen) {
    for (std::size_t begin = 0; begin < columns.size();) {
        std::size_t used = 0;
        std::size_t end = begin;
        while (end < columns.size() && (end == begin || used + columns[end].width <= screen)) {
            used += columns[end++].width;
        }
        share_line(columns.subspan(begin, end - begin), screen - std::min(used, screen));
        begin = end;
    }
}

void measure(std::span<Column> columns, std::span<const Cells> rows, std::size_t screen) {
    bool is_first = true;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        Column& c = columns[i];
        if (c.is_hidden) continue;
        // As ss reckons, the very last cell has no say.
        const bool is_last = i + 1 == columns.size();
        for (const Cells& cells : rows.first(rows.size() - (is_last && !rows.empty() ? 1 : 0))) {
            c.width = std::max(c.width, cells[i].size());
        }
        if (c.width > 0 && !std::exchange(is_first, false)) c.width += c.before.size();
        if (screen > 0) c.width = std::min(c.width, screen);
    }
    if (screen > 0) spread(columns, screen);
}

std::string line_of(std::span<const Column> columns, const Cells& cells) {
    std::string text;
    bool is_first = true;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        const Column& c = columns[i];
        if (c.is_hidden) continue;
        const std::string_view before = std::exchange(is_first, false) ? "" : c.before;
        const std::size_t used = before.size() + cells[i].size();
        const std::string pad(c.width > used ? c.width - used : 0, ' ');
        text += before;
        text += c.is_right ? pad + cells[i] : cells[i] + pad;
    }
    return text + "\n";
}

bool is_wanted(const SocketInfo& s, const SsOptions& o) {
    const bool is_any_type = o.shows_tcp && o.shows_udp;
    const bool is_type = s.type == SocketType::Stream     ? o.shows_tcp
                         : s.type == SocketType::Datagram ? o.shows_udp
                                                          : is_any_type;
    const bool is_family = s.family == Family::Inet ? o.shows_v4 : o.shows_v6;
    return is_type && is_family && is_listed(s) && (states_of(o) & set_of(s.state)) != 0;
}

}  // namespace

std::vector<const SocketRow*> choose(const Snapshot& snapshot, const SsOptions& options) {
    std::vector<const SocketRow*> chosen;
    for (const SocketType type : {SocketType::Ping, SocketType::Datagram, SocketType::Stream}) {
        for (const Family family : {Family::Inet, Family::Inet6}) {
            for (const SocketRow& row : snapshot.sockets) {
                const SocketInfo& s = row.info;
                if (s.type != type || s.family != family || !is_wanted(s, options)) continue;
                if (options.filter.admits(s, snapshot.interface_name(s.interface))) {
                    chosen.push_back(&row);
                }
            }
        }
    }
    return chosen;
}

std::string ss_table(const Snapshot& snapshot, const SsOptions& options) {
    std::array<Column, kColumns> columns = kLayout;
    columns[kNetid].is_hidden = !options.shows_tcp || !options.shows_udp;
    columns[kState].is_hidden = std::has_single_bit(states_of(options));
    std::vector<Cells> rows;
    if (options.shows_header) {
        Cells titles;
        std::ranges::transform(columns, titles.begin(),
                               [](const Column& c) { return std::string{c.title}; });
        rows.push_back(std::move(titles));
    }
    for (const SocketRow* row : choose(snapshot, options)) {
        rows.push_back(cells_of(snapshot, *row, options));
    }
    measure(columns, rows, options.width);
    std::string text;
    for (const Cells& cells : rows) text += line_of(columns, cells);
    return text;
}

std::string ss_summary(const Snapshot& snapshot) {
    struct Totals {
        std::size_t v4 = 0;
        std::size_t v6 = 0;
    };
    Totals tcp;
    Totals udp;
    std::size_t established = 0;
    std::size_t closed = 0;
    std::size_t orphaned = 0;
    std::size_t time_waits = 0;
    for (const SocketRow& row : snapshot.sockets) {
        const SocketInfo& s = row.info;
        Totals& totals = s.type == SocketType::Stream ? tcp : udp;
        if (s.type == SocketType::Stream) {
            const bool is_time_wait = s.timer == TimerKind::TimeWait;
            established += s.state == TcpState::Established || s.state == TcpState::CloseWait;
            time_waits += is_time_wait ? 1 : 0;
            closed += is_time_wait || !is_listed(s) ? 1 : 0;
            orphaned += s.is_orphan ? 1 : 0;
            if (is_time_wait || !s.socket || !is_listed(s)) continue;
        }
        ++(s.family == Family::Inet ? totals.v4 : totals.v6);
    }
    const auto row = [](std::string_view name, std::size_t v4, std::size_t v6) {
        return fmt::format("{}\t  {:<9} {:<9} {:<9}\n", name, v4 + v6, v4, v6);
    };
    const std::size_t streams = tcp.v4 + tcp.v6 + closed;
    return fmt::format("Total: {}\nTCP:   {} (estab {}, closed {}, orphaned {}, timewait {})\n\n",
                       tcp.v4 + tcp.v6 + udp.v4 + udp.v6, streams, established, closed, orphaned,
                       time_waits) +
           "Transport Total     IP        IPv6\n" + row("RAW", 0, 0) + row("UDP", udp.v4, udp.v6) +
           row("TCP", tcp.v4, tcp.v6) + row("INET", tcp.v4 + udp.v4, tcp.v6 + udp.v6) +
           row("FRAG", 0, 0) + "\n";
}

}  // namespace fairlead::inspect
