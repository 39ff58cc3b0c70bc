// drill/parser.hpp — from text to a Script, or to one clear error.
//
// Owns:    parse_script and its limits: a script that lies about its size, nests for ever or counts
//          past 64 bits is refused, in bounded time and memory.
// Checks:  the form, and what can be known without running: numbers fit their fields, lengths agree
//          with sequence ranges, options fit a header, time does not run backwards.
// Not here: what calls and constants mean (calls.hpp, symbols.hpp).
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

#include "drill/lexer.hpp"
#include "drill/script.hpp"

namespace fairlead::drill {

struct ParseLimits {
    std::size_t bytes = std::size_t{16} << 20;
    std::size_t events = 100'000;
    std::size_t expressions = 1'000'000;
    std::size_t depth = 32;
};

struct ParseError {
    std::string file{};
    Place place{};
    std::string message{};   // "expected a sequence range here, found 'ack'"
    std::string expected{};  // "a sequence range"; empty: the message says what is wrong
    std::string found{};     // "'ack'"

    std::string to_string() const;  // "file:line:column: message"
};

template <typename T>
using Parsed = std::expected<T, ParseError>;

Parsed<Script> parse_script(std::string_view text, std::string_view file,
                            const Definitions& definitions = {}, const ParseLimits& limits = {});

}  // namespace fairlead::drill
