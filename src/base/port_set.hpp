// base/port_set.hpp — a set of ports, written as sysctl(8) has it: "8080,9000-9100".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fairlead {

class PortSet {
public:
    // Nothing: it is no such list. Blanks at its end are no harm.
    static std::optional<PortSet> parse(std::string_view text);
    // Sorted, neighbours joined.
    std::string text() const;
    bool contains(std::uint16_t port) const {
        return !words_.empty() && (words_[port / 64] >> port % 64 & 1) != 0;
    }

private:
    void add(std::uint32_t first, std::uint32_t last);

    std::vector<std::uint64_t> words_{};  // a bit for each; none at all: empty
};

}  // namespace fairlead
