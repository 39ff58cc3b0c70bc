#include "tcp/emit.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "wire/checksum.hpp"

namespace fairlead::tcp {
namespace {

// RFC 9293 MUST-53
[[gnu::noinline]] void add_header_options(ip::Outgoing& out, const FlowKey& key, FlowOptions& all) {
    wire::HeaderOptions* options = all.of(key);
    if (options == nullptr) return;
    if (options->has_route()) out.destination = options->first_hop;
    out.options = options->written_for(key.remote.address);
}

// The packet has its data already.
[[gnu::always_inline]] inline bool send_segment(const OutSegment& segment, PacketPtr packet,
                                                bool is_repeated, const FlowKey& key,
                                                const ip::Path& path, const Envelope& envelope,
                                                Environment& env) {
    const std::uint16_t segments = packet->meta.gso_segments;
    const std::size_t option_bytes = wire::tcp_options_bytes(segment.options);
    const std::size_t header_bytes = wire::TcpHeader::kMinBytes + option_bytes;
    const std::size_t bytes = packet->size() + header_bytes;
    const MutableBytes head = packet->push_front(header_bytes);
    wire::PartialSum sum =
        wire::pseudo_header(key.local.address, key.remote.address, wire::IpProtocol::Tcp,
                            static_cast<std::uint32_t>(bytes));
    // Whole where nobody further down knows better; else the pseudo-header's sum is all that is in
    // the field, and whoever cuts or sends the frame adds the rest.
    // RFC 9293 MUST-2
    const bool is_whole = segments == 1 && !env.network.completes_checksums(path.interface);
    wire::write_tcp(head, {.source_port = key.local.port,
                           .target_port = key.remote.port,
                           .seq = segment.seq,
                           .ack = segment.ack,
                           .flags = segment.flags,
                           .window = segment.window,
                           .checksum = is_whole ? std::uint16_t{0} : sum.fold(),
                           .urgent = segment.urgent,
                           .header_bytes = static_cast<std::uint8_t>(header_bytes)});
    wire::write_tcp_options(head.subspan(wire::TcpHeader::kMinBytes), segment.options);
    if (segment.options.signature) env.signatures.sign(key, head, *packet);
    packet->mark_transport(0);
    packet->meta.flow_hash = flow_mark(key);
    packet->meta.departs = segment.departs;
    packet->meta.checksum_offset = wire::TcpHeader::kChecksumAt;
    if (is_whole) {
        sum.add(head);
        for (const Slice& slice : packet->slices()) sum.add(slice.bytes());
        // Zero is written as Linux writes it, the other form of the same sum.
        const std::uint16_t checksum = sum.checksum();
        store_be<std::uint16_t>(head, wire::TcpHeader::kChecksumAt,
                                checksum != 0 ? checksum : std::uint16_t{0xffff});
    } else {
        packet->meta.checksum = ChecksumState::Partial;
    }

    if (!is_repeated) env.counters.add(Counter::TcpOutSegs, segments);
    // RFC 9293 MUST-48, MUST-49, SHLD-21, SHLD-22; RFC 1122 REQ-4.2.4.2
    ip::Outgoing out{.source = key.local.address,
                     .destination = key.remote.address,
                     .protocol = ip::kProtocolTcp,
                     .ttl = envelope.ttl,
                     .tos = wire::with_ecn(envelope.tos, segment.ecn),
                     .dont_fragment = envelope.dont_fragment,
                     .turn = segment.turn};
    if (env.header_options.is_on()) add_header_options(out, key, env.header_options);
    return env.network.send(std::move(packet), out, path, env.now).has_value();
}

void append_part(Packet& packet, const Chunk& chunk, std::uint32_t from, std::uint32_t size) {
    for (std::size_t i = 0; i < chunk.slice_count && size > 0; ++i) {
        const Slice& slice = chunk.slices[i];
        const auto length = static_cast<std::uint32_t>(slice.size());
        if (from < length) {
            const std::uint32_t n = std::min(size, length - from);
            packet.append(slice.part(from, n));
            size -= n;
            from = length;
        }
        from -= length;
    }
}

// What was cut as several before there was a key: each has a signature of its own.
[[gnu::noinline]] bool emit_singly(const OutSegment& segment, bool is_repeated, const FlowKey& key,
                                   const ip::Path& path, const Envelope& envelope,
                                   Environment& env) {
    const Chunk& chunk = *segment.chunk;
    const auto size = static_cast<std::uint32_t>(chunk.payload());
    bool is_sent = true;
    for (std::uint32_t at = 0; at < size; at += chunk.mss) {
        const std::uint32_t n = std::min<std::uint32_t>(chunk.mss, size - at);
        PacketPtr packet = env.pool.packet();
        if (packet == nullptr) return false;
        append_part(*packet, chunk, at, n);
        const bool is_last = at + n == size;
        OutSegment part = segment;
        part.seq = wire::Seq32{static_cast<std::uint32_t>(segment.seq) + at};
        part.flags.fin = segment.flags.fin && is_last;
        part.flags.psh = segment.flags.psh && is_last;
        part.flags.cwr = segment.flags.cwr && at == 0;
        is_sent =
            send_segment(part, std::move(packet), is_repeated, key, path, envelope, env) && is_sent;
    }
    return is_sent;
}

}  // namespace

bool emit(const OutSegment& segment, const FlowKey& key, const ip::Path& path,
          const Envelope& envelope, Environment& env) {
    if (env.signatures.is_on() && !segment.options.signature) {
        const auto option = env.signatures.option_of(key);
        if (!option) return false;
        if (*option) {
            OutSegment with = segment;
            with.options.signature = *option;
            return emit(with, key, path, envelope, env);
        }
    }
    const Chunk* c = segment.chunk;
    // RFC 4022: TcpOutSegs are those with something new
    const bool is_repeated = c != nullptr && (c->is_lost || c->last_sent != Instant{});
    if (segment.options.signature && c != nullptr && c->segments > 1) {
        return emit_singly(segment, is_repeated, key, path, envelope, env);
    }
    PacketPtr packet = env.pool.packet();
    if (packet == nullptr) return false;
    if (c != nullptr) {
        for (std::size_t i = 0; i < c->slice_count; ++i) packet->append(c->slices[i]);
        if (c->segments > 1) {
            packet->meta.gso = key.remote.address.is_v4() ? GsoType::Tcp4 : GsoType::Tcp6;
            packet->meta.gso_size = c->mss;
            packet->meta.gso_segments = c->segments;
            packet->meta.repeats_cwr = segment.repeats_cwr;
        }
    }
    return send_segment(segment, std::move(packet), is_repeated, key, path, envelope, env);
}

}  // namespace fairlead::tcp
