#include "drill/evaluate.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "drill/format.hpp"
#include "drill/symbols.hpp"
#include "fairlead/error.hpp"

namespace fairlead::drill {
namespace {

constexpr std::int64_t kMostBytes = std::int64_t{64} << 20;

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

}  // namespace fairlead::drill
