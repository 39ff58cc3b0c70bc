#include "drill/connection.hpp"

#include <fmt/format.h>

namespace fairlead::drill {
namespace {

const option::Timestamp* timestamp_of(const TcpBody& tcp) {
    for (const TcpOption& option : tcp.options) {
        if (const auto* timestamp = std::get_if<option::Timestamp>(&option)) return timestamp;
    }
    return nullptr;
}

}  // namespace

TcpBody Connection::scripted_of(const TcpBody& live) const {
    TcpBody tcp = live;
    // The reset of a SYN that nobody waits for has no number of ours (RFC 9293 §3.10.7.1).
    if (tcp.flags.rst && tcp.range.begin == 0) return tcp;
    tcp.range.begin -= sequence_offset.value_or(0);
    tcp.range.end -= sequence_offset.value_or(0);
    return tcp;
}

void Connection::learn_sequence(const TcpBody& scripted, const TcpBody& live) {
    if (!has_new_peer || !scripted.flags.syn || !live.flags.syn) return;
    sequence_offset = live.range.begin - scripted.range.begin;
    has_new_peer = false;
}

void Connection::on_inbound(const TcpBody& segment) {
    if (!segment.flags.syn || segment.flags.ack) return;
    has_new_peer = has_new_peer || (peer_initial && *peer_initial != segment.range.begin);
    peer_initial = segment.range.begin;
}

void Connection::learn_timestamp(const TcpBody& scripted, const TcpBody& live) {
    const auto* in_script = timestamp_of(scripted);
    const auto* on_wire = timestamp_of(live);
    if (in_script == nullptr || on_wire == nullptr) return;
    timestamps[in_script->value] = on_wire->value;
    if (!first_timestamp) first_timestamp = {in_script->value, on_wire->value};
}

std::expected<TcpBody, std::string> Connection::live_of(const TcpBody& scripted,
                                                        bool scale_timestamp_echo) const {
    TcpBody tcp = scripted;
    const std::uint32_t offset = sequence_offset.value_or(0);
    if (tcp.ack) *tcp.ack += offset;
    for (TcpOption& option : tcp.options) {
        if (auto* sack = std::get_if<option::Sack>(&option)) {
            for (option::SackBlock& block : sack->blocks) {
                block.begin += offset;
                block.end += offset;
            }
        }
        auto* timestamp = std::get_if<option::Timestamp>(&option);
        if (timestamp == nullptr || !tcp.flags.ack) continue;
        if (timestamp->echo == 0 && timestamps.empty()) continue;  // nothing came to be echoed
        if (const auto sent = timestamps.find(timestamp->echo); sent != timestamps.end()) {
            timestamp->echo = sent->second;
        } else if (scale_timestamp_echo && first_timestamp) {
            timestamp->echo += first_timestamp->live - first_timestamp->scripted;
        } else {
            return std::unexpected{
                fmt::format("no segment that the script names had TS val {}", timestamp->echo)};
        }
    }
    return tcp;
}

std::expected<PacketLine, std::string> Connection::live_of(const PacketLine& scripted,
                                                           bool scale_timestamp_echo) const {
    PacketLine line = scripted;
    if (const auto* tcp = std::get_if<TcpBody>(&scripted.body)) {
        auto live = live_of(*tcp, scale_timestamp_echo);
        if (!live) return std::unexpected{live.error()};
        line.body = std::move(*live);
    }
    auto* icmp = std::get_if<IcmpBody>(&line.body);
    if (icmp == nullptr) return line;
    if (icmp->is_v6 == local.address.is_v4()) {
        return std::unexpected{fmt::format("{} does not travel in {}",
                                           icmp->is_v6 ? "ICMPv6" : "ICMP",
                                           local.address.is_v4() ? "IPv4" : "IPv6")};
    }
    // A segment of ours is quoted.
    if (icmp->quote && !icmp->quote->is_udp) {
        icmp->quote->range.begin += sequence_offset.value_or(0);
        icmp->quote->range.end += sequence_offset.value_or(0);
    }
    return line;
}

void Connections::on_connect(const Endpoint& peer) {
    // A second connect() on the same socket asks how the first one goes.
    if (has_fresh_socket_) put_under_test({settings_.local(), bound_port_}, peer);
}

Connection& Connections::put_under_test(const Endpoint& local, const Endpoint& remote) {
    under_test_ = &all_.emplace_back(Connection{.local = local, .remote = remote});
    has_fresh_socket_ = false;
    bound_port_ = 0;
    return *under_test_;
}

// A SYN that comes in after a new socket() is for that one.
bool Connections::begins_another(const PacketLine& line) const {
    if (under_test_ == nullptr) return true;
    const auto* tcp = std::get_if<TcpBody>(&line.body);
    const bool is_first_syn = tcp != nullptr && tcp->flags.syn && !tcp->flags.ack;
    return has_fresh_socket_ && is_first_syn && line.direction == Direction::In;
}

Connection& Connections::meant_by(const PacketLine& line) {
    if (!line.ports) {
        if (!begins_another(line)) return *under_test_;
        const std::uint16_t port = bound_port_ != 0 ? bound_port_ : settings_.bind_port;
        return put_under_test({settings_.local(), port}, {settings_.remote(), next_remote_port_++});
    }
    const bool is_inbound = line.direction == Direction::In;
    const Ports ours = is_inbound ? Ports{line.ports->target, line.ports->source} : *line.ports;
    for (Connection& connection : all_) {
        if (connection.scripted_ports == ours) return connection;
    }
    // What a connect() sends first may name the port it found.
    if (under_test_ != nullptr && !under_test_->scripted_ports && !is_inbound) {
        under_test_->scripted_ports = ours;
        return *under_test_;
    }
    Connection& connection =
        put_under_test({settings_.local(), ours.source}, {settings_.remote(), ours.target});
    connection.scripted_ports = ours;
    return connection;
}

std::variant<TcpBody, UdpBody, IcmpBody> Connections::readable(const Seen& seen) const {
    const auto* tcp = std::get_if<TcpBody>(&seen.body);
    if (tcp == nullptr) return seen.body;
    for (const Connection& connection : all_) {
        if (connection.local == seen.source && connection.remote == seen.target) {
            return connection.scripted_of(*tcp);
        }
    }
    return seen.body;
}

bool Connections::owns(Connection& connection, const Seen& seen) const {
    if (seen.target.address != connection.remote.address ||
        seen.source.address != connection.local.address) {
        return false;
    }
    if (std::holds_alternative<IcmpBody>(seen.body)) return true;
    if (seen.target.port != connection.remote.port) return false;
    if (connection.local.port == 0) connection.local.port = seen.source.port;
    return seen.source.port == connection.local.port;
}

}  // namespace fairlead::drill
