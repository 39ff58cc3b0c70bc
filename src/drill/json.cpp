#include "drill/json.hpp"

#include <fmt/format.h>

#include "drill/format.hpp"

namespace fairlead::drill {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// How many bytes the character at the beginning has; 0: it is none (RFC 3629 §4).
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
    };
    const auto continues = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
    const unsigned first = byte(0);
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first <= 0xdf) return continues(1) ? 2 : 0;
    if (first >= 0xe0 && first <= 0xef) {
        const bool is_short = first == 0xe0 && byte(1) < 0xa0;
        const bool is_surrogate = first == 0xed && byte(1) >= 0xa0;
        return continues(1) && continues(2) && !is_short && !is_surrogate ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        const bool is_short = first == 0xf0 && byte(1) < 0x90;
        const bool is_beyond = first == 0xf4 && byte(1) >= 0x90;
        const bool is_whole = continues(1) && continues(2) && continues(3);
        return is_whole && !is_short && !is_beyond ? 4 : 0;
    }
    return 0;
}

void add_text(std::string& out, std::string_view name, std::string_view value) {
    if (!value.empty()) out += fmt::format(",\"{}\":{}", name, quote_json(value));
}

}  // namespace

std::string_view name_of(VerdictKind kind) {
    switch (kind) {
        case VerdictKind::Passed: return "passed";
        case VerdictKind::Failed: return "failed";
        case VerdictKind::Skipped: return "skipped";
        case VerdictKind::Unusable: return "unusable";
    }
    return "";
}

std::string quote_json(std::string_view text) {
    std::string out = "\"";
    while (!text.empty()) {
        const auto c = static_cast<unsigned char>(text[0]);
        const std::size_t length = utf8_length(text);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += text[0];
        } else if (c == '\n') {
            out += "\\n";
        } else if (c < 0x20 || c == 0x7f) {
            out += fmt::format("\\u{:04x}", c);
        } else if (length == 0) {
            out += kReplacement;
        } else {
            out += text.substr(0, length);
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return out + "\"";
}

std::string to_json(std::string_view file, const Verdict& verdict) {
    std::string out =
        fmt::format("{{\"file\":{},\"verdict\":\"{}\",\"seconds\":{}", quote_json(file),
                    name_of(verdict.kind), format_seconds(verdict.lasted));
    const Failure& failure = verdict.failure;
    if (failure.place.line != 0) {
        out += fmt::format(",\"line\":{},\"column\":{}", failure.place.line, failure.place.column);
    }
    add_text(out, "message", failure.message);
    add_text(out, "event", failure.event);
    add_text(out, "expected", failure.expected);
    add_text(out, "got", failure.got);
    if (!failure.packets.empty()) {
        out += ",\"packets\":[";
        for (const std::string& packet : failure.packets) {
            if (&packet != failure.packets.data()) out += ',';
            out += quote_json(packet);
        }
        out += ']';
    }
    add_text(out, "output", verdict.output);
    return out + "}";
}

}  // namespace fairlead::drill
