#include "http/target.hpp"

#include <charconv>
#include <optional>
#include <vector>

#include "http/text.hpp"

namespace fairlead::http {

namespace {

std::optional<std::string> decode(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        const std::string_view digits = text.substr(i + 1, 2);
        unsigned char byte = 0;
        const char* end = digits.data() + digits.size();
        if (digits.size() < 2 || std::from_chars(digits.data(), end, byte, 16).ptr != end) {
            return std::nullopt;
        }
        out += static_cast<char>(byte);
        i += 2;
    }
    return out;
}

// The absolute form, "http://host/path", that every server must take (RFC 9112 §3.2.2), without
// its scheme and authority; anything else as it is.
std::string_view without_authority(std::string_view text) {
    constexpr std::string_view kScheme = "http://";
    if (!equals_ignoring_case(text.substr(0, kScheme.size()), kScheme)) return text;
    text.remove_prefix(kScheme.size());
    const std::size_t end = text.find_first_of("/?");
    if (end == std::string_view::npos) return "/";
    return text.substr(end);
}

// RFC 3986 §5.2.4, but that it fails where that would stay at the root.
std::expected<Target, TargetFault> resolve(std::string_view rest) {
    Target target{.names_directory = true};
    std::vector<std::string_view> kept;
    while (!rest.empty()) {
        const std::size_t slash = rest.find('/');
        const std::string_view segment = rest.substr(0, slash);
        rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
        target.names_directory = true;
        if (segment.empty() || segment == ".") continue;
        if (segment == "..") {
            if (kept.empty()) return std::unexpected{TargetFault::Outside};
            kept.pop_back();
            continue;
        }
        kept.push_back(segment);
        target.names_directory = slash != std::string_view::npos;
    }
    for (const std::string_view segment : kept) {
        if (!target.path.empty()) target.path += '/';
        target.path += segment;
    }
    return target;
}

}  // namespace

std::expected<Target, TargetFault> parse_target(std::string_view text) {
    const std::string_view origin_form = without_authority(text);
    const std::size_t mark = origin_form.find('?');
    const std::string_view raw = origin_form.substr(0, mark);
    const bool is_absolute = origin_form.size() != text.size();
    if (!raw.starts_with('/') && !(is_absolute && raw.empty())) {
        return std::unexpected{TargetFault::Malformed};
    }
    // Decoded before it is split: an encoded slash separates like any other, and an encoded dot
    // segment is a dot segment.
    const auto decoded = decode(raw);
    if (!decoded || decoded->find('\0') != std::string::npos) {
        return std::unexpected{TargetFault::Malformed};
    }

    auto target = resolve(*decoded);
    if (target && mark != std::string_view::npos) target->query = origin_form.substr(mark + 1);
    return target;
}

}  // namespace fairlead::http
