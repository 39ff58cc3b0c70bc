#include "drill/format.hpp"

#include <fmt/format.h>

namespace fairlead::drill {
namespace {

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20 || byte >= 0x7f) {
            out += fmt::format("\\x{:02x}", byte);
        } else {
            out += c;
        }
    }
    return out + '"';
}

std::string joined(const std::vector<Expression>& items, std::string_view between) {
    std::string out;
    for (const Expression& item : items) {
        if (!out.empty()) out += between;
        out += format(item);
    }
    return out;
}

std::string format_integer(const Expression& e) {
    const std::string_view sign = e.number < 0 ? "-" : "";
    const std::uint64_t magnitude = e.number < 0 ? 0 - static_cast<std::uint64_t>(e.number)
                                                 : static_cast<std::uint64_t>(e.number);
    if (e.base == NumberBase::Hexadecimal) return fmt::format("{}0x{:x}", sign, magnitude);
    if (e.base == NumberBase::Octal) return fmt::format("{}0{:o}", sign, magnitude);
    return fmt::format("{}{}", sign, magnitude);
}

std::string format_field(const Expression& e) {
    if (e.items.size() == 1) return fmt::format("{}={}", e.text, format(e.items[0]));
    return fmt::format("{}({})={}", e.text, format(e.items[1]), format(e.items[0]));
}

struct ActionFormatter {
    std::string operator()(const Call& call) const { return format(call); }
    std::string operator()(const PacketLine& packet) const { return format(packet); }
    std::string operator()(const ShellLine& shell) const {
        return fmt::format("`{}`", shell.command);
    }
    std::string operator()(const CodeBlock& code) const {
        return fmt::format("%{{{}}}%", code.text);
    }
};

}  // namespace

std::string format(const Expression& e) {
    switch (e.kind) {
        case ExpressionKind::Ellipsis: return "...";
        case ExpressionKind::Integer: return format_integer(e);
        case ExpressionKind::Name: return e.text;
        case ExpressionKind::Text: return quoted(e.text);
        case ExpressionKind::Either: return joined(e.items, "|");
        case ExpressionKind::Complement: return fmt::format("~{}", format(e.items[0]));
        case ExpressionKind::Call: return fmt::format("{}({})", e.text, joined(e.items, ", "));
        case ExpressionKind::Array: return fmt::format("[{}]", joined(e.items, ", "));
        case ExpressionKind::Struct: return fmt::format("{{{}}}", joined(e.items, ", "));
        case ExpressionKind::Field: return format_field(e);
    }
    return {};
}

std::string format(const Call& call) {
    std::string out =
        fmt::format("{}({}) = {}", call.name, joined(call.arguments, ", "), format(call.result));
    if (!call.error.empty()) out += " " + call.error;
    if (!call.note.empty()) out += fmt::format(" ({})", call.note);
    return out;
}

std::string format_seconds(Duration duration) {
    const std::int64_t ns = duration.ns() < 0 ? -duration.ns() : duration.ns();
    std::string out = fmt::format("{}{}.{:09}", duration.ns() < 0 ? "-" : "", ns / 1'000'000'000,
                                  ns % 1'000'000'000);
    while (out.back() == '0') out.pop_back();
    if (out.back() == '.') out.pop_back();
    return out;
}

std::string format(const EventTime& time) {
    const std::string at = format_seconds(time.at);
    switch (time.kind) {
        case TimeKind::Absolute:
        case TimeKind::Relative: {
            const std::string_view sign = time.kind == TimeKind::Relative ? "+" : "";
            if (!time.ends) return fmt::format("{}{}", sign, at);
            return fmt::format("{}{}...{}", sign, at, format_seconds(*time.ends));
        }
        case TimeKind::AbsoluteRange: return fmt::format("{}~{}", at, format_seconds(time.until));
        case TimeKind::RelativeRange: return fmt::format("+{}~+{}", at, format_seconds(time.until));
        case TimeKind::Any: return "*";
    }
    return {};
}

std::string format(const Event& event) {
    return fmt::format("{} {}", format(event.time), std::visit(ActionFormatter{}, event.action));
}

std::string format(const Script& script) {
    std::string out;
    for (const OptionLine& option : script.options) {
        out += fmt::format("--{}", option.name);
        // Written bare a value has no blank, written between quotes no quote.
        const bool has_blank = option.value.find_first_of(" \t\n\r\f\v") != std::string::npos;
        if (has_blank) {
            out += fmt::format("=\"{}\"", option.value);
        } else if (!option.value.empty()) {
            out += fmt::format("={}", option.value);
        }
        out += '\n';
    }
    for (const ShellLine& command : script.first_commands) {
        out += fmt::format("`{}`\n", command.command);
    }
    for (const Event& event : script.events) out += format(event) + "\n";
    return out;
}

}  // namespace fairlead::drill
