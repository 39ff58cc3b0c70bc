// Datagrams and errors: out of the network to sockets, and on to who reads them.
#include <algorithm>

#include "ip/fragment.hpp"
#include "ip/icmp_error.hpp"
#include "udp/input.hpp"
#include "udp/layer.hpp"
#include "udp/ping.hpp"
#include "wire/icmp.hpp"

namespace fairlead::udp {
namespace {

// A small datagram in a large buffer would hold all of it down: such a one is copied.
PacketPtr moved_to_small(PacketPtr packet, PacketPool& pool) {
    if (packet->size() > PacketPool::kSmallBytes) return packet;
    const bool is_small = std::ranges::all_of(packet->slices(), [](const Slice& s) {
        return s.buffer()->capacity() <= PacketPool::kSmallBytes;
    });
    if (is_small) return packet;
    return ip::copy_of(*packet, pool);
}

}  // namespace

// --- up ---

void Layer::input(std::span<ip::Incoming> burst) {
    for (ip::Incoming& incoming : burst) {
        if (incoming.packet == nullptr) continue;
        if (incoming.protocol == ip::kProtocolUdp) take(incoming);
        if (is_echo_protocol(incoming.protocol)) take_answer(incoming);
    }
}

void Layer::take(ip::Incoming& incoming) {
    const bool is_v4 = incoming.source.is_v4();
    wire::UdpHeader header;
    const Verdict verdict = check(incoming, header);
    if (verdict != Verdict::Good) {
        if (verdict == Verdict::BadChecksum) {
            count(is_v4, Counter::UdpInCsumErrors, Counter::Udp6InCsumErrors);
        }
        return count(is_v4, Counter::UdpInErrors, Counter::Udp6InErrors);
    }
    const Endpoint from{incoming.source, header.source_port};
    const Endpoint to{incoming.destination, header.target_port};
    const std::uint64_t ports = std::uint64_t{from.port} << 16 | to.port;
    const Flow flow{.local = to,
                    .remote = from,
                    .interface = incoming.interface,
                    .hash = static_cast<std::uint32_t>(hash_(from.address, to.address, ports))};

    if (!network_.is_local(to.address, incoming.interface)) {
        bool is_heard = false;
        demux_.for_each_listener(flow, [&](Socket& s) {
            is_heard = true;
            deliver_parts(s, incoming, from);
        });
        if (!is_heard) count(is_v4, Counter::UdpIgnoredMulti, Counter::Udp6IgnoredMulti);
        return;
    }
    Socket* socket = demux_.find(flow);
    if (socket == nullptr) {
        count(is_v4, Counter::UdpNoPorts, Counter::Udp6NoPorts);
        return network_.send_port_unreachable(incoming, now_);
    }
    const bool is_large = incoming.packet->meta.gso == GsoType::Udp;
    if (is_large && !socket->options.gro) return deliver_parts(*socket, incoming, from);
    incoming.packet->trim_front(wire::UdpHeader::kBytes);
    deliver(*socket, std::move(incoming.packet), incoming, from);
}

// ping_rcv(): an answer that nobody waits for is nobody's.
void Layer::take_answer(ip::Incoming& incoming) {
    const auto id = answered_id(*incoming.packet);
    if (!id) return;
    const Flow flow{.local = {incoming.destination, *id},
                    .remote = {incoming.source, 0},
                    .interface = incoming.interface};
    Socket* socket = pings_.find(flow);
    if (socket == nullptr) return;
    deliver(*socket, std::move(incoming.packet), incoming, {incoming.source, 0});
}

// A packet that stays with others, or that stands for several datagrams of gso_size bytes.
void Layer::deliver_parts(Socket& socket, const ip::Incoming& incoming, const Endpoint& from) {
    const Packet& packet = *incoming.packet;
    const std::size_t whole = packet.size() - wire::UdpHeader::kBytes;
    const bool is_large = packet.meta.gso == GsoType::Udp && packet.meta.gso_size != 0;
    const std::size_t step = is_large ? packet.meta.gso_size : std::max<std::size_t>(whole, 1);
    std::size_t at = 0;
    do {
        const std::size_t bytes = std::min(step, whole - at);
        PacketPtr part = ip::part_of(packet, wire::UdpHeader::kBytes + at, bytes, pool_);
        deliver(socket, std::move(part), incoming, from);
        at += bytes;
    } while (at < whole);
}

void Layer::deliver(Socket& socket, PacketPtr payload, const ip::Incoming& incoming,
                    const Endpoint& from) {
    const bool is_v4 = from.address.is_v4();
    const auto limit = static_cast<std::size_t>(socket.options.receive_buffer);
    if (payload != nullptr && !socket.queue.has_room(payload->size(), limit)) {
        count_of(socket, is_v4, Counter::UdpRcvbufErrors, Counter::Udp6RcvbufErrors);
        return count_of(socket, is_v4, Counter::UdpInErrors, Counter::Udp6InErrors);
    }
    if (payload != nullptr) payload = moved_to_small(std::move(payload), pool_);
    if (payload == nullptr) {
        count_of(socket, is_v4, Counter::UdpMemErrors, Counter::Udp6MemErrors);
        return count_of(socket, is_v4, Counter::UdpInErrors, Counter::Udp6InErrors);
    }
    const bool is_large = payload->meta.gso == GsoType::Udp;
    const std::uint16_t segment = is_large ? payload->meta.gso_size : std::uint16_t{0};
    socket.queue.push({.payload = std::move(payload),
                       .from = from,
                       .to = incoming.destination,
                       .interface = incoming.interface,
                       .ttl = incoming.ttl,
                       .tos = incoming.tos,
                       .segment = segment,
                       .is_v4 = is_v4});
    wake(socket, kReadable);
}

// __udp4_lib_err(), ping_err(): the socket that sent it, if it would hear its peer's answer.
Socket* Layer::find(const ip::IcmpError& error) {
    if (is_echo_protocol(error.protocol)) {
        const auto id = quoted_id(error);
        if (!id) return nullptr;
        return pings_.find({.local = {error.source, *id},
                            .remote = {error.destination, 0},
                            .interface = error.interface});
    }
    if (error.protocol != ip::kProtocolUdp || error.transport_bytes < 4) return nullptr;
    return demux_.find({.local = {error.source, load_be<std::uint16_t>(error.transport, 0)},
                        .remote = {error.destination, load_be<std::uint16_t>(error.transport, 2)},
                        .interface = error.interface});
}

void Layer::on_icmp(const ip::IcmpError& error) {
    Socket* s = find(error);
    if (s == nullptr) return;
    bool is_hard = error.is_hard;
    if (error.error == Errc::MessageTooLong) {
        if (s->options.mtu_discovery >= MtuDiscovery::Interface) return;
        if (s->options.mtu_discovery != MtuDiscovery::Probe) {
            network_.lower_path_mtu(error.destination, error.mtu, now_);
        }
        if (s->options.mtu_discovery == MtuDiscovery::Dont) return;
        is_hard = true;
    }
    if (!s->options.receive_error && (!is_hard || !s->is_connected)) return;
    if (s->options.receive_error) queue_error(*s, error);
    s->error = error.error;
    wake(*s, kError);
}

// ip_icmp_error(), ipv6_icmp_error()
void Layer::queue_error(Socket& s, const ip::IcmpError& e) {
    const bool is_v4 = e.offender.is_v4();
    std::vector<std::byte> about = e.rest;
    // Of a ping all of the message is told.
    if (s.is_ping) about.insert(about.begin(), e.transport.begin(), e.transport.end());
    const std::uint16_t port = s.is_ping ? 0 : load_be<std::uint16_t>(e.transport, 2);
    s.errors.push({.error = e.error,
                   .origin = is_v4 ? ErrorOrigin::Icmp : ErrorOrigin::Icmp6,
                   .type = e.type,
                   .code = e.code,
                   .info = e.mtu,
                   .to = {e.destination, port},
                   .offender = e.offender,
                   .when = now_},
                  std::move(about), s.error_limit());
}

// ip_local_error(): no datagram of that size leaves.
void Layer::queue_too_large(Socket& s, const Endpoint& to) {
    s.errors.push({.error = Errc::MessageTooLong, .info = s.path.mtu, .to = to, .when = now_}, {},
                  s.error_limit());
    wake(s, kError);
}

Result<ErrorMessage> Layer::receive_error(Handle handle, MutableBytes into) {
    Socket& s = at(handle);
    const auto message = s.errors.take(into);
    if (!message) return std::unexpected{Errc::WouldBlock};
    if (const auto error = s.errors.error_after(*message)) {
        s.error = error;
        if (s.error == Errc{}) s.error.reset();
    }
    if (!s.errors.empty()) wake(s, kError);
    return *message;
}

Result<DatagramInfo> Layer::receive_from(Handle handle, MutableBytes into, ReceiveFlags flags) {
    Socket& s = at(handle);
    if (s.error) return std::unexpected{*std::exchange(s.error, std::nullopt)};
    if (s.queue.empty()) {
        if (s.is_read_shut) return DatagramInfo{};
        return std::unexpected{Errc::WouldBlock};
    }
    const Datagram& d = s.queue.front();
    const DatagramInfo info{.copied = std::min(into.size(), d.payload->size()),
                            .size = d.payload->size(),
                            .from = d.from,
                            .to = d.to,
                            .interface = d.interface,
                            .ttl = d.ttl,
                            .tos = d.tos,
                            .segment = d.segment,
                            .arrived = d.payload->meta.arrived};
    d.payload->copy_to(0, into.first(info.copied));
    if (!flags.peek) {
        count_of(s, d.is_v4, Counter::UdpInDatagrams, Counter::Udp6InDatagrams);
        s.queue.pop();
    }
    return info;
}

}  // namespace fairlead::udp
