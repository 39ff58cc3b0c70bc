// Python's % on a text.
#include <optional>

#include <fmt/format.h>

#include "drill/code_value.hpp"

namespace fairlead::drill {
namespace {

constexpr std::size_t kMostWidth = 1000;

__extension__ typedef unsigned __int128 Natural;

// %[flags][width][.precision]conversion
struct Conversion {
    bool is_left = false;
    bool has_sign = false;
    bool has_space = false;
    bool has_zeros = false;
    bool is_alternate = false;
    std::size_t width = 0;
    std::optional<std::size_t> precision{};
    char kind = '\0';
};

std::size_t read_number(std::string_view form, std::size_t& at) {
    std::size_t n = 0;
    for (; at < form.size() && form[at] >= '0' && form[at] <= '9'; ++at) {
        n = std::min(n * 10 + static_cast<std::size_t>(form[at] - '0'), kMostWidth);
    }
    return n;
}

Conversion read_conversion(std::string_view form, std::size_t& at) {
    Conversion c;
    for (; at < form.size(); ++at) {
        if (form[at] == '-') {
            c.is_left = true;
        } else if (form[at] == '+') {
            c.has_sign = true;
        } else if (form[at] == ' ') {
            c.has_space = true;
        } else if (form[at] == '0') {
            c.has_zeros = true;
        } else if (form[at] == '#') {
            c.is_alternate = true;
        } else {
            break;
        }
    }
    c.width = read_number(form, at);
    if (at < form.size() && form[at] == '.') c.precision = read_number(form, ++at);
    while (at < form.size() && (form[at] == 'l' || form[at] == 'h' || form[at] == 'L')) ++at;
    if (at < form.size()) c.kind = form[at++];
    return c;
}

std::string digits_of(const Conversion& c, Whole n) {
    const auto bits = static_cast<Natural>(n);
    const Natural positive = n < 0 ? 0 - bits : bits;
    const std::size_t least = c.precision.value_or(0);
    const auto prefixed = [&](std::string_view prefix, const std::string& digits) {
        return fmt::format("{}{}", c.is_alternate ? prefix : "", digits);
    };
    switch (c.kind) {
        case 'x': return prefixed("0x", fmt::format("{:0>{}x}", positive, least));
        case 'X': return prefixed("0X", fmt::format("{:0>{}X}", positive, least));
        case 'o': return prefixed("0o", fmt::format("{:0>{}o}", positive, least));
        default: return fmt::format("{:0>{}}", positive, least);
    }
}

std::string reals_of(const Conversion& c, double r) {
    const double positive = r < 0 ? -r : r;
    const auto precision = static_cast<int>(c.precision.value_or(6));
    switch (c.kind) {
        case 'e': return fmt::format("{:.{}e}", positive, precision);
        case 'E': return fmt::format("{:.{}E}", positive, precision);
        case 'g': return fmt::format("{:.{}g}", positive, precision);
        case 'G': return fmt::format("{:.{}G}", positive, precision);
        default: return fmt::format("{:.{}f}", positive, precision);
    }
}

// Sign and zeros, then blanks up to the width.
std::string padded(const Conversion& c, bool is_number, bool is_negative, std::string text) {
    std::string_view sign;
    if (is_number && is_negative) sign = "-";
    if (is_number && !is_negative && c.has_sign) sign = "+";
    if (is_number && !is_negative && !c.has_sign && c.has_space) sign = " ";
    const std::size_t size = sign.size() + text.size();
    const std::size_t missing = c.width > size ? c.width - size : 0;
    if (c.is_left) return fmt::format("{}{}{:{}}", sign, text, "", missing);
    if (c.has_zeros && is_number) return fmt::format("{}{:0>{}}{}", sign, "", missing, text);
    return fmt::format("{:{}}{}{}", "", missing, sign, text);
}

Computed<std::string> convert(const Conversion& c, const CodeValue& value) {
    const bool is_whole = std::string_view{"diuxXo"}.find(c.kind) != std::string_view::npos;
    const bool is_real = std::string_view{"eEfFgG"}.find(c.kind) != std::string_view::npos;
    if (c.kind == 's' || c.kind == 'r') {
        const std::string text = c.kind == 's' ? value.to_string() : value.repr();
        return padded(c, false, false, text.substr(0, c.precision.value_or(text.size())));
    }
    if (!is_whole && !is_real) {
        return std::unexpected{fmt::format("%{} is not understood",
                                           c.kind == '\0' ? std::string{} : std::string{c.kind})};
    }
    const auto number = call_builtin(is_whole ? "int" : "float", {value});
    if (!number) {
        return std::unexpected{fmt::format("%{} wants a number, not {}", c.kind, value.repr())};
    }
    if (is_whole) {
        const Whole n = std::get<Whole>(number->is);
        return padded(c, true, n < 0, digits_of(c, n));
    }
    const double r = std::get<double>(number->is);
    return padded(c, true, r < 0, reals_of(c, r));
}

}  // namespace

Computed<std::string> format_percent(std::string_view form, const CodeValue& values) {
    const auto* tuple = std::get_if<CodeValue::Tuple>(&values.is);
    const CodeValue::Tuple items = tuple != nullptr ? *tuple : CodeValue::Tuple{values};
    std::size_t used = 0;
    std::string out;
    for (std::size_t at = 0; at < form.size();) {
        if (form[at] != '%') {
            out += form[at++];
            continue;
        }
        const Conversion conversion = read_conversion(form, ++at);
        if (conversion.kind == '%') {
            out += '%';
            continue;
        }
        if (used == items.size()) return std::unexpected{std::string{"too few values for the %"}};
        auto text = convert(conversion, items[used++]);
        if (!text) return text;
        out += *text;
    }
    if (used != items.size()) return std::unexpected{std::string{"too many values for the %"}};
    return out;
}

}  // namespace fairlead::drill
