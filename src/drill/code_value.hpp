// drill/code_value.hpp — the values of a code block, and what may be done with two of them.
//
// Owns:   None, truth, whole and real numbers, text, tuples; Python's operators on them, and its %.
// Bounds: whole numbers have 127 bits and a sign, where Python's have no end; a text has at most a
//         mebibyte. What would be more is an error.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace fairlead::drill {

__extension__ typedef __int128 Whole;

struct CodeValue {
    using Tuple = std::vector<CodeValue>;
    std::variant<std::monostate, bool, Whole, double, std::string, Tuple> is{};

    bool operator==(const CodeValue&) const = default;

    bool is_true() const;
    std::string to_string() const;  // as print() shows it
    std::string repr() const;       // as it would be written: text in quotes
};

template <typename T>
using Computed = std::expected<T, std::string>;  // or what is wrong with it

// + - * / // % ** << >> & | ^
Computed<CodeValue> compute(std::string_view sign, const CodeValue& a, const CodeValue& b);
// - + ~
Computed<CodeValue> compute(std::string_view sign, const CodeValue& a);
// == != < <= > >= in, not in, is, is not
Computed<bool> compare(std::string_view sign, const CodeValue& a, const CodeValue& b);
// "cwnd=%d" % value
Computed<std::string> format_percent(std::string_view form, const CodeValue& values);
// abs, min, max, sum, len, int, float, str, bool, hex, round
Computed<CodeValue> call_builtin(std::string_view name, const CodeValue::Tuple& arguments);

}  // namespace fairlead::drill
