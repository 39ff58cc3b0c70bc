// tcp/congestion/fixed_window.hpp — no congestion control: for tests and for private links.
#pragma once

#include <string_view>

#include "fairlead/congestion.hpp"

namespace fairlead::tcp {

class FixedWindow {
public:
    static constexpr std::string_view kName = "fixed";

    void on_ack(CongestionWindow&, const AckSample&) {}
    std::int32_t threshold(const CongestionWindow&, Instant) {
        return CongestionWindow::kNoThreshold;
    }
    void control(CongestionWindow& window, const AckSample&) { window = {}; }
};

}  // namespace fairlead::tcp
