#include "sim/link.hpp"

#include <utility>

#include "link/segmentation.hpp"

namespace fairlead::sim {
namespace {

constexpr std::size_t kEthernetBytes = 14;

std::uint64_t other_seed(std::uint64_t seed) { return splitmix64(seed); }

// What a wire does not carry.
void forget_sender(PacketMeta& meta) { meta = {.vlan = meta.vlan}; }

}  // namespace

DeviceInfo Link::info_of_end(const LinkOptions& options, std::uint32_t number, bool is_left) {
    const auto byte = [number](int at) { return static_cast<std::uint8_t>(number >> (8 * at)); };
    const auto station = static_cast<std::uint8_t>(is_left ? 1 : 2);
    return {.name = "link" + std::to_string(number),
            .link = options.kind,
            .mac = {0x02, 0, byte(2), byte(1), byte(0), station},
            .mtu = options.mtu,
            .features = options.features};
}

Link::Link(const LinkOptions& options, std::uint32_t number, std::uint64_t seed, PacketPool& pool,
           Recorder& recorder)
    : number_{number},
      pool_{pool},
      recorder_{recorder},
      there_{pool, seed},
      back_{pool, other_seed(seed)},
      left_{*this, info_of_end(options, number, true), there_, back_},
      right_{*this, info_of_end(options, number, false), back_, there_} {
    there_.set_faults(options.there);
    back_.set_faults(options.back);
    there_.set_link(options.kind);
    back_.set_link(options.kind);
}

void Link::set_up(bool is_up) {
    left_.info_.is_up = right_.info_.is_up = is_up;
    if (is_up) return;
    there_.clear();
    back_.clear();
}

void Link::set_mtu(std::uint32_t mtu) { left_.info_.mtu = right_.info_.mtu = mtu; }

void Link::End::enter(PacketPtr frame, Instant now) {
    const std::size_t header = info_.link == LinkKind::Ethernet ? kEthernetBytes : 0;
    if (frame->size() > info_.mtu + header) {
        ++link_.oversized_;
        return;
    }
    forget_sender(frame->meta);
    link_.recorder_.add(link_.number_, this == &link_.left_, false, now, *frame);
    out_.enter(std::move(frame), now);
}

std::size_t Link::End::send(std::uint16_t, Instant now, std::span<PacketPtr> burst) {
    if (!info_.is_up) return 0;
    for (PacketPtr& packet : burst) {
        const auto result = link::split(std::move(packet), link_.pool_, link::Summing::Complete,
                                        [&](PacketPtr frame) { enter(std::move(frame), now); });
        if (result != link::SplitResult::Done) ++link_.not_split_;
    }
    return burst.size();
}

std::size_t Link::End::receive(std::uint16_t, Instant now, PacketPool&, std::span<PacketPtr> out) {
    std::size_t n = 0;
    while (n < out.size()) {
        PacketPtr frame = in_.leave(now);
        if (frame == nullptr) break;
        link_.recorder_.add(link_.number_, this == &link_.right_, true, frame->meta.arrived,
                            *frame);
        out[n++] = std::move(frame);
    }
    return n;
}

}  // namespace fairlead::sim
