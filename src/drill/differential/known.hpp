// drill/differential/known.hpp — differences that are meant, with their reasons.
//
// Owns:   the list, and its form: blocks of `what:`, `when:` and `reason:` with an empty line
//         between them; `#` begins a comment.
// Match:  `what` is the whole text of a difference, `when` a line of the kernel's trace up to it;
//         in both `*` stands for anything. Several `when` must all be found.
// Narrow: of a packet only the field that is named is passed over; the rest is looked at still.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace fairlead::drill::differential {

struct Known {
    std::string what{};
    std::vector<std::string> when{};
    std::string behind{};  // the input that it follows; empty: any
    std::string reason{};
};

// The error names the line.
std::expected<std::vector<Known>, std::string> parse_known(std::string_view text);

bool matches(std::string_view pattern, std::string_view text);
bool is_known(const std::vector<Known>& all, std::string_view difference,
              const std::vector<std::string>& lines, std::string_view input = {});

}  // namespace fairlead::drill::differential
