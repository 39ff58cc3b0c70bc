// drill/code_parser.hpp — a code block as plain values.
//
// Owns:   the part of Python that blocks of scripts are written in: assert, print, assignments, if,
//         expressions. What else there is of Python is an error that names it.
// Bounds: expressions and blocks nest 64 deep.
// Not here: what it comes to (code.hpp).
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "drill/code_value.hpp"
#include "drill/evaluate.hpp"
#include "drill/script.hpp"

namespace fairlead::drill {

struct CodeExpression {
    enum class Kind : std::uint8_t {
        Constant,  // value
        Name,      // text
        Unary,     // text: the sign; items[0]
        Binary,    // text: the sign; items[0], items[1]
        Compare,   // signs; one item more than signs
        And,
        Or,
        Not,
        Choice,  // items[1] if items[0] else items[2]
        Tuple,
        Call,  // text(items)
    };
    Kind kind = Kind::Constant;
    std::string text{};
    CodeValue value{};
    std::vector<std::string> signs{};
    std::vector<CodeExpression> items{};
};

struct CodeStatement {
    enum class Kind : std::uint8_t {
        Assert,      // expressions[0], and its message expressions[1]
        Print,       // expressions
        Assign,      // target = expressions[0]; sign: of +=, else empty
        If,          // expressions[0]: body, else: otherwise
        Expression,  // expressions[0]
        Pass,
    };
    Kind kind = Kind::Pass;
    Place place{};
    std::string target{};
    std::string sign{};
    std::string source{};  // of expressions[0], as written
    std::vector<CodeExpression> expressions{};
    std::vector<CodeStatement> body{};
    std::vector<CodeStatement> otherwise{};
};

// `begin` is where the block's event stands.
Evaluated<std::vector<CodeStatement>> parse_code(std::string_view text, const Place& begin);

}  // namespace fairlead::drill
