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
#include "fairlead/info.hpp"
#include "fairlead/stack.hpp"
#include "link/interface.hpp"
#include "link/loopback.hpp"
#include "link/queueing_device.hpp"

namespace fairlead::ip {

inline constexpr InterfaceIndex kLoopbackInterface = 1;

class InterfaceTable {
public:
    // The discipline that an interface has of itself.
    static constexpr std::string_view kPlain = "pfifo_fast";

    InterfaceTable(PacketPool& pool, Counters& counters);

    // Exists: the name is taken. NoBuffers: there are kMax.
    // The device gets a queue of that discipline before it, where that is another than the
    // interface's own (pfifo_fast); `seed` is of the hash of its flows.
    Result<InterfaceIndex> add(Device& device, const InterfaceOptions& options,
                               std::string_view discipline = kPlain, std::uint64_t seed = 0);
    Result<InterfaceIndex> by_name(std::string_view name) const;  // NoSuchDevice

    bool has(InterfaceIndex index) const { return index - 1 < interfaces_.size(); }
    link::Interface& at(InterfaceIndex index) { return *interfaces_[index - 1]; }
    const link::Interface& at(InterfaceIndex index) const { return *interfaces_[index - 1]; }
    InterfaceIndex count() const { return static_cast<InterfaceIndex>(interfaces_.size()); }
    const link::Loopback& loopback() const { return loopback_; }
    QueueInfo queue(InterfaceIndex index) const;
    // When something in a queue departs.
    Instant next_departure() const {
        Instant next = Instant::never();
        for (const auto& queue : queues_) {
            if (queue != nullptr) next = std::min(next, queue->next_departure());
        }
        return next;
    }
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
    std::vector<std::unique_ptr<link::QueueingDevice>> queues_{};  // by index, or fewer
    std::vector<std::unique_ptr<link::Interface>> interfaces_{};
};

}  // namespace fairlead::ip
