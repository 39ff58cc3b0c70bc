#include "stack/record_frame.hpp"

#include "base/stream_hash.hpp"

namespace fairlead {
namespace {

bool has_marks(const PacketMeta& meta) {
    return meta.gso != GsoType::None || meta.checksum == ChecksumState::Partial;
}

}  // namespace

void write_frame(RecordWriter& to, const Packet& frame) {
    const PacketMeta& meta = frame.meta;
    to.u64(static_cast<std::uint64_t>(meta.arrived.ns()));
    to.u32(meta.flow_hash);
    to.u8(static_cast<std::uint8_t>(meta.checksum));
    to.u8(meta.checksum_offset);
    to.u8(static_cast<std::uint8_t>(meta.gso));
    to.u16(meta.gso_size);
    to.u16(meta.gso_segments);
    to.u16(meta.vlan);
    to.u16(meta.queue);
    if (has_marks(meta)) {
        // A device may have marked one of them only; the other is anywhere then.
        const auto within = [&frame](std::size_t offset) {
            return static_cast<std::uint16_t>(offset <= frame.size() ? offset : 0);
        };
        to.u16(within(frame.network_offset()));
        to.u16(within(frame.transport_offset()));
    }
    to.u32(static_cast<std::uint32_t>(frame.size()));
    frame.for_each_piece(0, [&](Bytes piece) { to.raw(piece); });
}

PacketPtr read_frame(RecordReader& from, PacketPool& pool) {
    PacketMeta meta;
    meta.arrived = Instant::from_ns(static_cast<std::int64_t>(from.u64()));
    meta.flow_hash = from.u32();
    const std::uint8_t checksum = from.u8();
    meta.checksum_offset = from.u8();
    const std::uint8_t gso = from.u8();
    if (checksum > static_cast<std::uint8_t>(ChecksumState::Partial)) return nullptr;
    if (gso > static_cast<std::uint8_t>(GsoType::Udp)) return nullptr;
    meta.checksum = static_cast<ChecksumState>(checksum);
    meta.gso = static_cast<GsoType>(gso);
    meta.gso_size = from.u16();
    meta.gso_segments = from.u16();
    meta.vlan = from.u16();
    meta.queue = from.u16();
    std::size_t network = 0;
    std::size_t transport = 0;
    if (has_marks(meta)) {
        network = from.u16();
        transport = from.u16();
    }
    const Bytes bytes = from.blob();
    if (from.ran_out() || transport > bytes.size() || network > bytes.size()) return nullptr;
    PacketPtr frame = pool.copy(bytes);
    if (frame == nullptr) return nullptr;
    frame->meta = meta;
    frame->mark_network(network);
    frame->mark_transport(transport);
    return frame;
}

std::uint64_t hash_of_frame(const Packet& frame) {
    StreamHash hash;
    frame.for_each_piece(0, [&hash](Bytes piece) { hash.add(piece); });
    const PacketMeta& meta = frame.meta;
    hash.add(std::uint64_t{meta.gso_size} << 32 | std::uint64_t{meta.gso_segments} << 16 |
             static_cast<std::uint64_t>(meta.gso) << 8 | static_cast<std::uint64_t>(meta.checksum));
    return hash.value();
}

}  // namespace fairlead
