// http/conditions.hpp — conditional requests (RFC 9110 §13). All our entity tags are weak.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "http/date.hpp"
#include "http/request.hpp"

namespace fairlead::http {

struct Validators {
    std::string entity_tag{};
    UnixTime modified{};
};

enum class Precondition : std::uint8_t {
    Holds,
    NotModified,  // 304
    Failed,       // 412
};

// In the order of RFC 9110 §13.2.2. `current` is empty where the target does not exist.
Precondition evaluate(const Request& request, const std::optional<Validators>& current,
                      UnixTime now);

// Whether a Range may be honoured, as far as If-Range has a say (RFC 9110 §13.1.5).
bool if_range_holds(const Request& request, const Validators& current, UnixTime now);

}  // namespace fairlead::http
