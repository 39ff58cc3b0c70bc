// What a stack shows of itself: its sockets in parts, its interfaces, its routes.
#include "link/interface.hpp"
#include "stack/core.hpp"

namespace fairlead {

bool Stack::sockets(SocketCursor& cursor, std::size_t most, std::vector<SocketRow>& rows) const {
    const std::size_t before = rows.size();
    const bool is_stream = cursor.phase < tcp::Layer::kEndPhase;
    const bool has_more = is_stream ? core_->tcp.describe(cursor, before + most, rows)
                                    : core_->udp.describe(cursor, before + most, rows);
    for (SocketRow& row : std::span{rows}.subspan(before)) {
        SocketInfo& info = row.info;
        const std::uint32_t index =
            is_stream ? info.socket.index : socket::SocketTable::index_of(info.socket.index);
        info.socket = {};
        if (!core_->sockets.is_open(index)) continue;
        const socket::Slot& s = core_->sockets.at(index);
        info.socket = core_->sockets.id_of(index);
        info.identity = std::uint64_t{info.socket.generation} << 32 | index;
        info.family = s.family;
        info.cookie = s.cookie;
    }
    return has_more || is_stream;
}

std::vector<SocketInfo> Stack::sockets() const {
    constexpr std::size_t kPart = 256;
    std::vector<SocketInfo> all;
    std::vector<SocketRow> part;
    SocketCursor cursor;
    for (bool has_more = true; has_more;) {
        part.clear();
        has_more = sockets(cursor, kPart, part);
        for (const SocketRow& row : part) all.push_back(row.info);
    }
    return all;
}

std::vector<InterfaceInfo> Stack::interfaces() const {
    std::vector<InterfaceInfo> all;
    for (std::size_t i = 1; i <= core_->network.interface_count(); ++i) {
        const link::Interface& interface = core_->network.interface(static_cast<InterfaceIndex>(i));
        const link::InterfaceCounts& counts = interface.counts();
        all.push_back({.name = interface.name(),
                       .index = interface.index(),
                       .mtu = interface.mtu(),
                       .is_up = interface.is_up(),
                       .is_loopback = i == 1,
                       .has_broadcast = i != 1 && interface.link() == LinkKind::Ethernet,
                       .received_packets = counts.received_packets,
                       .received_bytes = counts.received_bytes,
                       .sent_packets = counts.sent_packets,
                       .sent_bytes = counts.sent_bytes,
                       .send_drops = counts.send_drops,
                       .queue = core_->network.queue(static_cast<InterfaceIndex>(i))});
    }
    return all;
}

std::vector<Route> Stack::routes() const { return core_->network.routes(); }

}  // namespace fairlead
