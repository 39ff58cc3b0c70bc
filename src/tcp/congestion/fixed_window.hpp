// tcp/congestion/fixed_window.hpp — no congestion control: for tests and for private links.
#pragma once

#include <cstdint>
#include <string_view>

#include "tcp/ack_sample.hpp"

namespace fairlead::tcp {

class FixedWindow {
public:
    explicit FixedWindow(std::int32_t segments) : segments_{segments} {}

    void on_ack(const AckSample&) {}
    void on_loss(const AckSample&) {}
    void on_timeout(std::int32_t, bool) {}
    void on_idle(std::int32_t, std::int32_t) {}
    void on_recovered() {}
    std::int32_t window() const { return segments_; }
    std::int32_t threshold() const { return INT32_MAX; }
    static constexpr std::string_view name() { return "fixed"; }

private:
    std::int32_t segments_;
};

}  // namespace fairlead::tcp
