#include "ip/interface_table.hpp"

#include "base/assert.hpp"

namespace fairlead::ip {

InterfaceTable::InterfaceTable(PacketPool& pool, Counters& counters)
    : pool_{pool}, counters_{counters} {
    const auto index = add(loopback_, {});
    FAIRLEAD_ASSERT(index == kLoopbackInterface);
}

Result<InterfaceIndex> InterfaceTable::add(Device& device, const InterfaceOptions& options,
                                           std::string_view discipline, std::uint64_t seed) {
    if (interfaces_.size() == kMax) return std::unexpected{Errc::NoBuffers};
    const link::InterfaceSetup setup{
        .index = count() + 1,
        .name = options.name.empty() ? device.info().name : options.name,
        .mtu = options.mtu,
        .holds_departures = discipline == "fq",
    };
    if (by_name(setup.name)) return std::unexpected{Errc::Exists};
    Device* outer = &device;
    if (discipline != kPlain) {
        queues_.resize(interfaces_.size() + 1);
        queues_.back() = std::make_unique<link::QueueingDevice>(
            device, link::discipline_named(discipline), 0, seed);
        outer = queues_.back().get();
    }
    interfaces_.push_back(std::make_unique<link::Interface>(*outer, pool_, counters_, setup));
    return setup.index;
}

QueueInfo InterfaceTable::queue(InterfaceIndex index) const {
    if (index > queues_.size() || queues_[index - 1] == nullptr) return {};
    const link::DisciplineCounts& counts = queues_[index - 1]->counts();
    return {.discipline = link::name_of(queues_[index - 1]->options().kind),
            .sent = counts.sent,
            .dropped = counts.dropped_full + counts.dropped_late,
            .marked = counts.marked,
            .throttled = counts.throttled,
            .beyond_horizon = counts.beyond_horizon,
            .packets = counts.packets,
            .bytes = counts.bytes};
}

Result<InterfaceIndex> InterfaceTable::by_name(std::string_view name) const {
    for (const auto& interface : interfaces_) {
        if (interface->name() == name) return interface->index();
    }
    return std::unexpected{Errc::NoSuchDevice};
}

}  // namespace fairlead::ip
