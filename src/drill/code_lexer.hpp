// drill/code_lexer.hpp — a code block in tokens, and in logical lines.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "drill/code_value.hpp"
#include "drill/evaluate.hpp"

namespace fairlead::drill {

struct CodeToken {
    enum class Kind : std::uint8_t { Name, Constant, Sign, End };
    Kind kind = Kind::End;
    std::string text{};  // of a name or a sign
    CodeValue value{};   // of a constant
    std::size_t begin = 0;
    std::size_t end = 0;
};

// What stands between two ends of a line, or between parentheses over several.
struct CodeLine {
    std::size_t indentation = 0;
    Place place{};
    std::vector<CodeToken> tokens{};  // the last one is End
};

// Without lines that are empty or a comment. The first line, which follows %{, is indented as the
// least of the others.
Evaluated<std::vector<CodeLine>> read_code_lines(std::string_view text, const Place& begin);

}  // namespace fairlead::drill
