// capi/fl_stack.hpp — what a C program's fl_stack is: a stack, one client, its devices.
//
// Owns:   the objects behind include/fairlead/fairlead.h, and how a call of C waits.
// Not here: the calls (calls.cpp), devices and time (fl_stack.cpp).
#pragma once

#include <memory>
#include <vector>

#include "fairlead/fairlead.h"
#include "posix/client.hpp"

namespace fairlead::capi {

// A device whose functions are the program's.
class CallbackDevice final : public Device {
public:
    explicit CallbackDevice(const fl_device& device);

    const DeviceInfo& info() const override { return info_; }
    std::size_t receive(std::uint16_t queue, Instant now, PacketPool& pool,
                        std::span<PacketPtr> out) override;
    std::size_t send(std::uint16_t queue, Instant now, std::span<PacketPtr> burst) override;

private:
    fl_device device_;
    DeviceInfo info_{};
    std::vector<std::byte> frame_{};
};

}  // namespace fairlead::capi

struct fl_stack {
    explicit fl_stack(const fairlead::StackOptions& options) : stack{options} {}

    // Until it is done, or nobody waits: then what was done so far, or what would block says.
    const fairlead::posix::Answer& finish(fairlead::posix::Call& call, fairlead::Errc otherwise);

    std::vector<std::unique_ptr<fairlead::capi::CallbackDevice>> devices{};
    fairlead::Stack stack;
    fairlead::posix::OpenFileTable files{stack};
    fairlead::posix::Client client{files};
    int (*wait)(void* user, fl_stack* stack, std::int64_t deadline_ns) = nullptr;
    void* wait_user = nullptr;
    fairlead::posix::Answer last{};
};
