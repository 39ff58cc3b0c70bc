#include "tcp/emit.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "wire/checksum.hpp"

namespace fairlead::tcp {
namespace {

// Of a packet that begins with its header, in which the option's sixteen bytes are zero.
void sign(Packet& packet, MutableBytes head, const FlowKey& flow, const SignatureKey& key) {
    const Md5::Digest digest =
        signature_of(flow.local.address, flow.remote.address, head, packet, head.size(), key);
    std::ranges::copy(digest, head.begin() + wire::TcpHeader::kMinBytes +
                                  std::ptrdiff_t{wire::TcpOptions::kMd5HashAt});
}

}  // namespace

bool emit(const OutSegment& segment, const FlowKey& key, const ip::Path& path,
          const Envelope& envelope, Environment& env) {
    const SignatureKey* signature = env.signatures.is_on() ? env.signatures.of(key) : nullptr;
    if (signature != nullptr && !segment.options.md5) {
        OutSegment with = segment;
        with.options.md5 = true;
        return emit(with, key, path, envelope, env);
    }
    PacketPtr packet = env.pool.packet();
    if (packet == nullptr) return false;
    std::uint16_t segments = 1;
    bool is_repeated = false;  // RFC 4022: TcpOutSegs are those with something new
    if (const Chunk* c = segment.chunk; c != nullptr) {
        for (std::size_t i = 0; i < c->slice_count; ++i) packet->append(c->slices[i]);
        is_repeated = c->is_lost || c->last_sent != Instant{};
        if (c->segments > 1) {
            segments = c->segments;
            packet->meta.gso = key.remote.address.is_v4() ? GsoType::Tcp4 : GsoType::Tcp6;
            packet->meta.gso_size = c->mss;
            packet->meta.gso_segments = segments;
            packet->meta.repeats_cwr = segment.repeats_cwr;
        }
    }
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
    // A large one was cut before there was a key, and is too late to be signed piece by piece.
    if (signature != nullptr && segments == 1) sign(*packet, head, key, *signature);
    packet->mark_transport(0);
    packet->meta.flow_hash = flow_mark(key);
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
    const auto sent = env.network.send(std::move(packet),
                                       {.source = key.local.address,
                                        .destination = key.remote.address,
                                        .protocol = ip::kProtocolTcp,
                                        .ttl = envelope.ttl,
                                        .tos = wire::with_ecn(envelope.tos, segment.ecn),
                                        .dont_fragment = envelope.dont_fragment},
                                       path, env.now);
    return sent.has_value();
}

}  // namespace fairlead::tcp
