#include "drill/evaluate.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "drill/format.hpp"
#include "drill/symbols.hpp"
#include "fairlead/error.hpp"

namespace fairlead::drill {
namespace {

constexpr std::int64_t kMostBytes = std::int64_t{64} << 20;

// Numbers in a script's structs are in host order as Linux on x86-64 has it.
void put_int(std::vector<std::uint8_t>& to, std::int64_t value, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) {
        to.push_back(static_cast<std::uint8_t>(value >> (8 * std::min<std::size_t>(i, 7))));
    }
}

Evaluated<IpAddress> evaluate_address(const Expression& e) {
    const bool is_known =
        e.kind == ExpressionKind::Call &&
        (e.text == "inet_addr" || e.text == "inet6_addr" || e.text == "inet_pton");
    if (!is_known || e.items.empty() || e.items.back().kind != ExpressionKind::Text) {
        return fault_at(e, fmt::format("{} is not an address", format(e)));
    }
    const auto address = IpAddress::parse(e.items.back().text);
    if (!address) return fault_at(e, fmt::format("{} is not an address", format(e)));
    return *address;
}

Evaluated<std::uint16_t> evaluate_port(const Expression& e) {
    const bool is_call = e.kind == ExpressionKind::Call && e.text == "htons" && e.items.size() == 1;
    const std::int64_t port = FAIRLEAD_TRY(evaluate(is_call ? e.items[0] : e));
    if (port < 0 || port > UINT16_MAX) return fault_at(e, fmt::format("{} is not a port", port));
    // Without htons the number is one in network order.
    const auto value = static_cast<std::uint16_t>(port);
    return is_call ? value : static_cast<std::uint16_t>(value << 8 | value >> 8);
}

}  // namespace

Evaluated<std::int64_t> evaluate(const Expression& e) {
    switch (e.kind) {
        case ExpressionKind::Integer: return e.number;
        case ExpressionKind::Name: {
            const auto value = symbol_value(e.text);
            if (!value) return fault_at(e, fmt::format("'{}' is no constant", e.text));
            return *value;
        }
        case ExpressionKind::Either: {
            std::int64_t all = 0;
            for (const Expression& item : e.items) all |= FAIRLEAD_TRY(evaluate(item));
            return all;
        }
        case ExpressionKind::Complement: return ~FAIRLEAD_TRY(evaluate(e.items[0]));
        default: return fault_at(e, fmt::format("{} is not a number", format(e)));
    }
}

Evaluated<int> evaluate_int(const Expression& e) {
    const std::int64_t value = FAIRLEAD_TRY(evaluate(e));
    if (value < INT32_MIN || value > UINT32_MAX) {
        return fault_at(e, fmt::format("{} is not an int", value));
    }
    return static_cast<int>(value);
}

Evaluated<std::size_t> evaluate_size(const Expression& e) {
    const std::int64_t value = FAIRLEAD_TRY(evaluate(e));
    if (value < 0 || value > kMostBytes) {
        return fault_at(e, fmt::format("{} is no length from 0 to {}", value, kMostBytes));
    }
    return static_cast<std::size_t>(value);
}

Evaluated<std::int64_t> evaluate_single(const Expression& e) {
    if (e.kind != ExpressionKind::Array) return evaluate(e);
    if (e.items.size() != 1) return fault_at(e, fmt::format("{} is not one number", format(e)));
    return evaluate(e.items[0]);
}

const Expression* field_of(const Expression& structure, std::string_view name) {
    for (const Expression& item : structure.items) {
        if (item.kind != ExpressionKind::Field || item.text != name) continue;
        return item.items[0].kind == ExpressionKind::Ellipsis ? nullptr : &item.items[0];
    }
    return nullptr;
}

Evaluated<Endpoint> evaluate_endpoint(const Expression& e) {
    if (e.kind != ExpressionKind::Struct) {
        return fault_at(e, fmt::format("{} is not a socket address", format(e)));
    }
    const Expression* family = field_of(e, "sa_family");
    const Expression* port = field_of(e, "sin_port");
    const Expression* address = field_of(e, "sin_addr");
    if (port == nullptr) port = field_of(e, "sin6_port");
    if (address == nullptr) address = field_of(e, "sin6_addr");
    if (family == nullptr || port == nullptr || address == nullptr) {
        return fault_at(e, fmt::format("{} lacks sa_family, a port or an address", format(e)));
    }
    Endpoint endpoint;
    endpoint.address = FAIRLEAD_TRY(evaluate_address(*address));
    endpoint.port = FAIRLEAD_TRY(evaluate_port(*port));
    return endpoint;
}

Evaluated<std::vector<std::uint8_t>> evaluate_bytes(const Expression& e, std::size_t bytes) {
    std::vector<std::uint8_t> value;
    if (e.kind == ExpressionKind::Text) {
        value.assign(e.text.begin(), e.text.end());
    } else if (e.kind == ExpressionKind::Struct) {
        for (const Expression& item : e.items) {
            const Expression& field = item.kind == ExpressionKind::Field ? item.items[0] : item;
            put_int(value, FAIRLEAD_TRY(evaluate(field)), sizeof(std::int32_t));
        }
    } else if (e.kind == ExpressionKind::Array && e.items.size() != 1) {
        for (const Expression& item : e.items) {
            put_int(value, FAIRLEAD_TRY(evaluate(item)), sizeof(std::int32_t));
        }
    } else if (e.kind != ExpressionKind::Ellipsis) {
        put_int(value, FAIRLEAD_TRY(evaluate_single(e)), std::max<std::size_t>(bytes, 4));
    }
    value.resize(bytes);
    return value;
}

}  // namespace fairlead::drill
