// drill/evaluate.hpp — what an expression of a call comes to.
//
// Owns:   values of numbers, names, joined flags; addresses; the bytes that an option's value has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "drill/script.hpp"
#include "fairlead/address.hpp"

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
// {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("192.0.2.1")}
Evaluated<Endpoint> evaluate_endpoint(const Expression& e);
// The value of the field `name`; null: there is none, or it is `...`.
const Expression* field_of(const Expression& structure, std::string_view name);
// What setsockopt is given: [n], a string, {onoff=1, linger=5}; `bytes` of it.
Evaluated<std::vector<std::uint8_t>> evaluate_bytes(const Expression& e, std::size_t bytes);

}  // namespace fairlead::drill
