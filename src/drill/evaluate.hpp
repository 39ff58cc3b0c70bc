// drill/evaluate.hpp — what an expression of a call comes to.
//
// Owns:   values of numbers, names and joined flags.
// Not here: structs (structs.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "drill/script.hpp"

namespace fairlead::drill {

// Why an event did not come out as scripted.
struct Fault {
    Place place{};
    std::string message{};
    // The script asks for what this backend or this version cannot do: no verdict on the stack.
    bool is_unsupported = false;
};

template <typename T>
using Evaluated = std::expected<T, Fault>;

inline std::unexpected<Fault> fault_at(const Expression& e, std::string message) {
    return std::unexpected{Fault{.place = e.place, .message = std::move(message)}};
}

Evaluated<std::int64_t> evaluate(const Expression& e);
Evaluated<int> evaluate_int(const Expression& e);
// Not negative, and at most the 64 MiB that a script may move at once.
Evaluated<std::size_t> evaluate_size(const Expression& e);
// [n] or n.
Evaluated<std::int64_t> evaluate_single(const Expression& e);
// The value of the field `name`; null: there is none, or it is `...`.
const Expression* field_of(const Expression& structure, std::string_view name);

}  // namespace fairlead::drill
