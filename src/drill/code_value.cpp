#include "drill/code_value.hpp"

#include <cmath>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

namespace fairlead::drill {
namespace {

constexpr std::size_t kMostText = std::size_t{1} << 20;
constexpr Whole kMostExponent = 126;

std::unexpected<std::string> wrong(std::string text) { return std::unexpected{std::move(text)}; }

std::string_view kind_of(const CodeValue& v) {
    constexpr std::string_view kNames[] = {"None", "bool", "int", "float", "str", "tuple"};
    return kNames[v.is.index()];
}

std::unexpected<std::string> unfit(std::string_view sign, const CodeValue& a, const CodeValue& b) {
    return wrong(fmt::format("{} does not go between {} and {}", sign, kind_of(a), kind_of(b)));
}

// A truth value is a number too.
std::optional<Whole> whole(const CodeValue& v) {
    if (const auto* truth = std::get_if<bool>(&v.is)) return *truth ? 1 : 0;
    if (const auto* n = std::get_if<Whole>(&v.is)) return *n;
    return std::nullopt;
}

std::optional<double> real(const CodeValue& v) {
    if (const auto* r = std::get_if<double>(&v.is)) return *r;
    if (const auto n = whole(v)) return static_cast<double>(*n);
    return std::nullopt;
}

// By reference: it is written while the first argument is made.
Computed<CodeValue> checked(bool overflows, const Whole& n) {
    if (overflows) return wrong("the number is too large");
    return CodeValue{n};
}

// Python rounds down, C++ towards zero.
Whole floor_divide(Whole a, Whole b) {
    const Whole quotient = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

Computed<CodeValue> power(Whole base, Whole exponent) {
    if (exponent < 0) {
        return CodeValue{std::pow(static_cast<double>(base), static_cast<double>(exponent))};
    }
    if (exponent > kMostExponent && base != 0 && base != 1 && base != -1) return checked(true, 0);
    Whole result = 1;
    for (Whole i = 0; i < (exponent > kMostExponent ? exponent % 2 + 2 : exponent); ++i) {
        if (__builtin_mul_overflow(result, base, &result)) return checked(true, 0);
    }
    return CodeValue{result};
}

Computed<CodeValue> shift(bool is_left, Whole a, Whole by) {
    if (by < 0) return wrong("a shift by a negative number");
    if (!is_left) return CodeValue{by > kMostExponent ? Whole{a < 0 ? -1 : 0} : a >> by};
    Whole result = 0;
    if (by > kMostExponent) return checked(a != 0, 0);
    return checked(__builtin_mul_overflow(a, Whole{1} << by, &result), result);
}

Computed<CodeValue> of_wholes(std::string_view sign, Whole a, Whole b) {
    Whole result = 0;
    if (sign == "+") return checked(__builtin_add_overflow(a, b, &result), result);
    if (sign == "-") return checked(__builtin_sub_overflow(a, b, &result), result);
    if (sign == "*") return checked(__builtin_mul_overflow(a, b, &result), result);
    if (sign == "**") return power(a, b);
    if (sign == "&") return CodeValue{a & b};
    if (sign == "|") return CodeValue{a | b};
    if (sign == "^") return CodeValue{a ^ b};
    if (sign == "<<" || sign == ">>") return shift(sign == "<<", a, b);
    if (b == 0) return wrong("division by zero");
    // The one quotient that has no place: the least number by -1.
    if (b == -1) return checked(__builtin_sub_overflow(Whole{0}, a, &result), result);
    if (sign == "//") return CodeValue{floor_divide(a, b)};
    if (sign == "%") return CodeValue{a - floor_divide(a, b) * b};
    return CodeValue{static_cast<double>(a) / static_cast<double>(b)};
}

std::optional<Computed<CodeValue>> of_reals(std::string_view sign, double a, double b) {
    if (sign == "+") return CodeValue{a + b};
    if (sign == "-") return CodeValue{a - b};
    if (sign == "*") return CodeValue{a * b};
    if (sign == "**") return CodeValue{std::pow(a, b)};
    if (sign != "/" && sign != "//" && sign != "%") return std::nullopt;
    if (b == 0) return wrong("division by zero");
    if (sign == "/") return CodeValue{a / b};
    if (sign == "//") return CodeValue{std::floor(a / b)};
    return CodeValue{a - std::floor(a / b) * b};
}

Computed<CodeValue> of_text(std::string_view sign, const std::string& a, const CodeValue& b) {
    const auto* other = std::get_if<std::string>(&b.is);
    if (sign == "+" && other != nullptr) {
        if (a.size() + other->size() > kMostText) return wrong("the text is too long");
        return CodeValue{a + *other};
    }
    const auto times = whole(b);
    if (sign != "*" || !times) return unfit(sign, CodeValue{a}, b);
    if (*times > 0 && !a.empty() && *times > Whole{kMostText / a.size()}) {
        return wrong("the text is too long");
    }
    std::string all;
    for (Whole i = 0; i < *times && !a.empty(); ++i) all += a;
    return CodeValue{std::move(all)};
}

std::string quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') out += '\\';
        out += c == '\n' ? 'n' : c;
        if (c == '\n') out.insert(out.size() - 1, 1, '\\');
    }
    return out + "'";
}

std::string shown_real(double r) {
    const std::string text = fmt::format("{}", r);
    const bool is_plain = text.find_first_not_of("-0123456789") == std::string::npos;
    return is_plain ? text + ".0" : text;
}

std::string shown_tuple(const CodeValue::Tuple& items) {
    std::string out = "(";
    for (const CodeValue& item : items) {
        if (out.size() > 1) out += ", ";
        out += item.repr();
    }
    return out + (items.size() == 1 ? ",)" : ")");
}

Computed<bool> is_within(std::string_view sign, const CodeValue& a, const CodeValue& b) {
    bool is_in = false;
    const auto* text = std::get_if<std::string>(&b.is);
    const auto* piece = std::get_if<std::string>(&a.is);
    if (const auto* items = std::get_if<CodeValue::Tuple>(&b.is)) {
        for (const CodeValue& item : *items) is_in = is_in || *compare("==", a, item);
    } else if (text != nullptr && piece != nullptr) {
        is_in = text->find(*piece) != std::string::npos;
    } else {
        return unfit(sign, a, b);
    }
    return is_in == (sign == "in");
}

Computed<CodeValue> no_such_call(std::string_view name) {
    return wrong(fmt::format("{}() is not understood with these arguments", name));
}

template <typename T>
Computed<CodeValue> size_of(const T& items) {
    return CodeValue{static_cast<Whole>(items.size())};
}

// min, max, sum
Computed<CodeValue> call_on_several(std::string_view name, const CodeValue::Tuple& items) {
    if (name == "sum") {
        Computed<CodeValue> total = CodeValue{Whole{0}};
        for (const CodeValue& item : items) {
            if (total) total = compute("+", *total, item);
        }
        return total;
    }
    if (items.empty()) return no_such_call(name);
    CodeValue best = items.front();
    for (const CodeValue& item : items) {
        const auto is_better = compare(name == "min" ? "<" : ">", item, best);
        if (!is_better) return wrong(is_better.error());
        if (*is_better) best = item;
    }
    return best;
}

Computed<CodeValue> call_on_whole(std::string_view name, Whole n) {
    if (name == "abs" && n < 0) return of_wholes("-", 0, n);
    if (name == "abs" || name == "int" || name == "round") return CodeValue{n};
    if (name == "hex") return CodeValue{fmt::format("{:#x}", n)};
    if (name == "float") return CodeValue{static_cast<double>(n)};
    return no_such_call(name);
}

Computed<CodeValue> call_on_real(std::string_view name, double r) {
    if (name == "abs") return CodeValue{std::abs(r)};
    if (name == "float") return CodeValue{r};
    if (name != "int" && name != "round") return no_such_call(name);
    if (!(std::abs(r) < 1e37)) return wrong("the number is too large");
    return CodeValue{static_cast<Whole>(name == "int" ? r : std::nearbyint(r))};
}

}  // namespace

bool CodeValue::is_true() const {
    if (const auto r = real(*this)) return *r != 0;
    if (const auto* text = std::get_if<std::string>(&is)) return !text->empty();
    const auto* items = std::get_if<Tuple>(&is);
    return items != nullptr && !items->empty();
}

std::string CodeValue::to_string() const {
    const auto* text = std::get_if<std::string>(&is);
    return text != nullptr ? *text : repr();
}

std::string CodeValue::repr() const {
    if (const auto* truth = std::get_if<bool>(&is)) return *truth ? "True" : "False";
    if (const auto* n = std::get_if<Whole>(&is)) return fmt::format("{}", *n);
    if (const auto* r = std::get_if<double>(&is)) return shown_real(*r);
    if (const auto* text = std::get_if<std::string>(&is)) return quoted(*text);
    if (const auto* items = std::get_if<Tuple>(&is)) return shown_tuple(*items);
    return "None";
}

Computed<CodeValue> compute(std::string_view sign, const CodeValue& a, const CodeValue& b) {
    if (const auto* text = std::get_if<std::string>(&a.is)) {
        if (sign != "%") return of_text(sign, *text, b);
        auto formatted = format_percent(*text, b);
        if (!formatted) return wrong(formatted.error());
        return CodeValue{std::move(*formatted)};
    }
    const auto left = whole(a);
    const auto right = whole(b);
    if (left && right) return of_wholes(sign, *left, *right);
    const auto real_left = real(a);
    const auto real_right = real(b);
    if (real_left && real_right) {
        if (auto result = of_reals(sign, *real_left, *real_right)) return *result;
    }
    return unfit(sign, a, b);
}

Computed<CodeValue> compute(std::string_view sign, const CodeValue& a) {
    const auto n = whole(a);
    if (n && sign == "~") return CodeValue{~*n};
    if (n) return sign == "+" ? CodeValue{*n} : of_wholes("-", 0, *n);
    const auto r = real(a);
    if (!r || sign == "~") return wrong(fmt::format("{} does not go before {}", sign, kind_of(a)));
    return CodeValue{sign == "-" ? -*r : *r};
}

Computed<bool> compare(std::string_view sign, const CodeValue& a, const CodeValue& b) {
    if (sign == "in" || sign == "not in") return is_within(sign, a, b);
    const auto order = [&](const auto& x, const auto& y) -> bool {
        if (sign == "==" || sign == "is") return x == y;
        if (sign == "!=" || sign == "is not") return x != y;
        if (sign == "<") return x < y;
        if (sign == "<=") return x <= y;
        return sign == ">" ? x > y : x >= y;
    };
    const auto left = whole(a);
    const auto right = whole(b);
    if (left && right) return order(*left, *right);
    const auto real_left = real(a);
    const auto real_right = real(b);
    if (real_left && real_right) return order(*real_left, *real_right);
    const auto* text = std::get_if<std::string>(&a.is);
    const auto* other = std::get_if<std::string>(&b.is);
    if (text != nullptr && other != nullptr) return order(*text, *other);
    if (sign == "==" || sign == "is") return a == b;
    if (sign == "!=" || sign == "is not") return !(a == b);
    return unfit(sign, a, b);
}

Computed<CodeValue> call_builtin(std::string_view name, const CodeValue::Tuple& arguments) {
    if (name == "min" || name == "max" || name == "sum") {
        const auto* one =
            arguments.size() == 1 ? std::get_if<CodeValue::Tuple>(&arguments[0].is) : nullptr;
        return call_on_several(name, one != nullptr ? *one : arguments);
    }
    if (arguments.size() != 1) return no_such_call(name);
    const CodeValue& a = arguments[0];
    if (name == "str") return CodeValue{a.to_string()};
    if (name == "repr") return CodeValue{a.repr()};
    if (name == "bool") return CodeValue{a.is_true()};
    if (name == "len") {
        if (const auto* text = std::get_if<std::string>(&a.is)) return size_of(*text);
        const auto* items = std::get_if<CodeValue::Tuple>(&a.is);
        return items != nullptr ? size_of(*items) : no_such_call(name);
    }
    if (const auto n = whole(a)) return call_on_whole(name, *n);
    if (const auto r = real(a)) return call_on_real(name, *r);
    return no_such_call(name);
}

}  // namespace fairlead::drill
