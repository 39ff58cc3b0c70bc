// http/request.hpp — a request's head as a value: what the answer depends on, and nothing else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace fairlead::http {

enum class Method : std::uint8_t {
    Get,
    Head,
    Put,
    OtherKnown,  // one that HTTP knows and we do not offer: 405
    Unknown,     // 501
};

struct Request {
    Method method = Method::Unknown;
    std::string method_name{};
    std::string target{};
    bool is_http11 = false;
    bool keep_alive = false;
    bool is_chunked = false;
    std::optional<std::uint64_t> content_length{};

    // Field values; empty where there was none. Repeated ones are joined with ", ", as RFC 9110
    // §5.3 lets a recipient do.
    int host_count = 0;
    std::string expect{};
    std::string range{};
    std::string if_range{};
    std::string if_match{};
    std::string if_none_match{};
    std::string if_modified_since{};
    std::string if_unmodified_since{};
    std::string transfer_encoding{};

    bool has_body() const { return is_chunked || content_length.value_or(0) != 0; }
};

}  // namespace fairlead::http
