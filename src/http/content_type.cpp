#include "http/content_type.hpp"

#include <array>

#include "http/text.hpp"

namespace fairlead::http {

namespace {

struct Known {
    std::string_view extension{};
    std::string_view type{};
};

constexpr std::array kKnown{
    Known{"html", "text/html; charset=utf-8"},
    Known{"htm", "text/html; charset=utf-8"},
    Known{"css", "text/css; charset=utf-8"},
    Known{"js", "text/javascript; charset=utf-8"},
    Known{"mjs", "text/javascript; charset=utf-8"},
    Known{"json", "application/json"},
    Known{"txt", "text/plain; charset=utf-8"},
    Known{"md", "text/markdown; charset=utf-8"},
    Known{"csv", "text/csv; charset=utf-8"},
    Known{"xml", "application/xml"},
    Known{"svg", "image/svg+xml"},
    Known{"png", "image/png"},
    Known{"jpg", "image/jpeg"},
    Known{"jpeg", "image/jpeg"},
    Known{"gif", "image/gif"},
    Known{"webp", "image/webp"},
    Known{"ico", "image/vnd.microsoft.icon"},
    Known{"woff2", "font/woff2"},
    Known{"wasm", "application/wasm"},
    Known{"pdf", "application/pdf"},
    Known{"gz", "application/gzip"},
    Known{"zip", "application/zip"},
    Known{"tar", "application/x-tar"},
    Known{"mp3", "audio/mpeg"},
    Known{"mp4", "video/mp4"},
    Known{"webm", "video/webm"},
    Known{"pcap", "application/vnd.tcpdump.pcap"},
};

}  // namespace

std::string_view content_type_of(std::string_view path) {
    const std::string_view name = path.substr(path.rfind('/') + 1);
    const std::size_t dot = name.rfind('.');
    if (dot != std::string_view::npos) {
        for (const Known& known : kKnown) {
            if (equals_ignoring_case(known.extension, name.substr(dot + 1))) return known.type;
        }
    }
    return "application/octet-stream";
}

}  // namespace fairlead::http
