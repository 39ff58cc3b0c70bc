#include "tcp/emit.hpp"

#include "wire/checksum.hpp"

namespace fairlead::tcp {

bool emit(const OutSegment& segment, const FlowKey& key, const ip::Path& path,
          const Envelope& envelope, Environment& env) {
    PacketPtr packet = env.pool.packet();
    if (packet == nullptr) return false;
    std::uint16_t segments = 1;
    if (const Chunk* c = segment.chunk; c != nullptr) {
        for (std::size_t i = 0; i < c->slice_count; ++i) packet->append(c->slices[i]);
        if (c->segments > 1) {
            segments = c->segments;
            packet->meta.gso = key.remote.address.is_v4() ? GsoType::Tcp4 : GsoType::Tcp6;
            packet->meta.gso_size = c->mss;
            packet->meta.gso_segments = segments;
        }
    }
    const std::size_t option_bytes = wire::tcp_options_bytes(segment.options);
    const std::size_t header_bytes = wire::TcpHeader::kMinBytes + option_bytes;
    const std::size_t bytes = packet->size() + header_bytes;
    const MutableBytes head = packet->push_front(header_bytes);
    // The pseudo-header's sum is all that is in the field: whoever sends the frame adds the rest.
    const wire::PartialSum pseudo =
        wire::pseudo_header(key.local.address, key.remote.address, wire::IpProtocol::Tcp,
                            static_cast<std::uint32_t>(bytes));
    wire::write_tcp(head, {.source_port = key.local.port,
                           .target_port = key.remote.port,
                           .seq = segment.seq,
                           .ack = segment.ack,
                           .flags = segment.flags,
                           .window = segment.window,
                           .checksum = pseudo.fold(),
                           .header_bytes = static_cast<std::uint8_t>(header_bytes)});
    wire::write_tcp_options(head.subspan(wire::TcpHeader::kMinBytes), segment.options);
    packet->mark_transport(0);
    packet->meta.checksum = ChecksumState::Partial;
    packet->meta.checksum_offset = wire::TcpHeader::kChecksumAt;

    env.counters.add(Counter::TcpOutSegs, segments);
    const auto sent = env.network.send(std::move(packet),
                                       {.source = key.local.address,
                                        .destination = key.remote.address,
                                        .protocol = ip::kProtocolTcp,
                                        .ttl = envelope.ttl,
                                        .tos = envelope.tos,
                                        .dont_fragment = envelope.dont_fragment},
                                       path, env.now);
    return sent.has_value();
}

}  // namespace fairlead::tcp
