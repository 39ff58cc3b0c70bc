// drill/parsed.hpp — what the tests of the parser ask of one line.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

#include <gtest/gtest.h>

#include "drill/parser.hpp"

namespace fairlead::drill {

inline Script parsed(std::string_view text, const Definitions& definitions = {}) {
    auto script = parse_script(text, "t.pkt", definitions);
    EXPECT_TRUE(script) << script.error().to_string();
    return script ? *script : Script{};
}

// One event, at time 0 unless the text says otherwise.
inline Event event_of(std::string_view text) {
    const Script script = parsed(text);
    EXPECT_EQ(script.events.size(), 1u) << text;
    return script.events.empty() ? Event{} : script.events[0];
}

inline Call call_of(std::string_view text) { return std::get<Call>(event_of(text).action); }
inline PacketLine packet_of(std::string_view text) {
    return std::get<PacketLine>(event_of(text).action);
}
inline TcpBody tcp_of(std::string_view text) { return std::get<TcpBody>(packet_of(text).body); }

inline std::string error_of(std::string_view text, const ParseLimits& limits = {}) {
    const auto script = parse_script(text, "t.pkt", {}, limits);
    return script ? "no error" : script.error().to_string();
}

struct BadLine {
    const char* text;
    const char* message;
};

inline void expect_faults(std::initializer_list<BadLine> faults) {
    for (const BadLine& f : faults) EXPECT_EQ(error_of(f.text), f.message) << f.text;
}

}  // namespace fairlead::drill
