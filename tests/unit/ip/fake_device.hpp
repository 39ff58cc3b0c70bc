// unit/ip/fake_device.hpp — a device whose other end is the test.
#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "fairlead/device.hpp"

namespace fairlead::testing {

using Frame = std::vector<std::byte>;

class FakeDevice final : public Device {
public:
    explicit FakeDevice(LinkKind link, std::string name = "eth0") {
        info_.name = std::move(name);
        info_.link = link;
        info_.mac = {0x02, 0, 0, 0, 0, 0x01};
        info_.features = {.checksum_out = false};
    }

    DeviceInfo& settings() { return info_; }
    const DeviceInfo& info() const override { return info_; }
    std::size_t receive(std::uint16_t, Instant now, PacketPool& pool,
                        std::span<PacketPtr> out) override {
        std::size_t n = 0;
        while (n < out.size() && !inbox.empty()) {
            out[n] = pool.copy(inbox.front());
            out[n]->meta.arrived = now;
            inbox.pop_front();
            ++n;
        }
        return n;
    }
    std::size_t send(std::uint16_t, Instant, std::span<PacketPtr> burst) override {
        for (PacketPtr& packet : burst) {
            Frame frame(packet->size());
            packet->copy_to(0, frame);
            sent.push_back(std::move(frame));
            packet.reset();
        }
        return burst.size();
    }

    std::deque<Frame> inbox{};
    std::deque<Frame> sent{};

private:
    DeviceInfo info_{};
};

}  // namespace fairlead::testing
