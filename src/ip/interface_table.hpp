// ip/interface_table.hpp — the interfaces of a stack, by index and by name.
//
// Owns:   "lo" (index 1, from the start) with its device, and an interface for each device added.
//         They are never removed: an index stays valid.
// Not here: their addresses (address_table.hpp), what a device can do (link/interface.hpp).
#pragma once

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

#include "fairlead/counters.hpp"
#include "fairlead/device.hpp"
#include "fairlead/error.hpp"
#include "fairlead/stack.hpp"
#include "link/interface.hpp"
#include "link/loopback.hpp"

namespace fairlead::ip {

inline constexpr InterfaceIndex kLoopbackInterface = 1;

class InterfaceTable {
public:
    InterfaceTable(PacketPool& pool, Counters& counters);

    // Exists: the name is taken. NoBuffers: there are kMax.
    Result<InterfaceIndex> add(Device& device, const InterfaceOptions& options);
    Result<InterfaceIndex> by_name(std::string_view name) const;  // NoSuchDevice

    bool has(InterfaceIndex index) const { return index - 1 < interfaces_.size(); }
    link::Interface& at(InterfaceIndex index) { return *interfaces_[index - 1]; }
    const link::Interface& at(InterfaceIndex index) const { return *interfaces_[index - 1]; }
    InterfaceIndex count() const { return static_cast<InterfaceIndex>(interfaces_.size()); }
    const link::Loopback& loopback() const { return loopback_; }
    // False when a device did not take all.
    bool flush(Instant now) {
        bool is_done = true;
        for (const auto& interface : interfaces_) is_done &= interface->flush(now);
        return is_done;
    }
    // Frames wait for a flush().
    bool has_queued() const {
        return std::ranges::any_of(interfaces_, [](const auto& i) { return i->queued() != 0; });
    }

private:
    static constexpr std::size_t kMax = 4096;

    PacketPool& pool_;
    Counters& counters_;
    link::Loopback loopback_{};
    std::vector<std::unique_ptr<link::Interface>> interfaces_{};
};

}  // namespace fairlead::ip
