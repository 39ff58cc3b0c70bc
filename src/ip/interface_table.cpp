#include "ip/interface_table.hpp"

#include "base/assert.hpp"

namespace fairlead::ip {

InterfaceTable::InterfaceTable(PacketPool& pool, Counters& counters)
    : pool_{pool}, counters_{counters} {
    const auto index = add(loopback_, {});
    FAIRLEAD_ASSERT(index == kLoopbackInterface);
}

Result<InterfaceIndex> InterfaceTable::add(Device& device, const InterfaceOptions& options) {
    if (interfaces_.size() == kMax) return std::unexpected{Errc::NoBuffers};
    const link::InterfaceSetup setup{
        .index = count() + 1,
        .name = options.name.empty() ? device.info().name : options.name,
        .mtu = options.mtu,
    };
    if (by_name(setup.name)) return std::unexpected{Errc::Exists};
    interfaces_.push_back(std::make_unique<link::Interface>(device, pool_, counters_, setup));
    return setup.index;
}

Result<InterfaceIndex> InterfaceTable::by_name(std::string_view name) const {
    for (const auto& interface : interfaces_) {
        if (interface->name() == name) return interface->index();
    }
    return std::unexpected{Errc::NoSuchDevice};
}

}  // namespace fairlead::ip
