// http/status.hpp — the status codes this service answers with (RFC 9110 §15).
#pragma once

#include <cstdint>
#include <string_view>

namespace fairlead::http {

enum class Status : std::uint16_t {
    Continue = 100,
    Ok = 200,
    Created = 201,
    NoContent = 204,
    PartialContent = 206,
    MovedPermanently = 301,
    NotModified = 304,
    BadRequest = 400,
    Forbidden = 403,
    NotFound = 404,
    MethodNotAllowed = 405,
    Conflict = 409,
    LengthRequired = 411,
    PreconditionFailed = 412,
    ContentTooLarge = 413,
    UriTooLong = 414,
    RangeNotSatisfiable = 416,
    ExpectationFailed = 417,
    HeaderFieldsTooLarge = 431,
    InternalServerError = 500,
    NotImplemented = 501,
    ServiceUnavailable = 503,
    VersionNotSupported = 505,
    InsufficientStorage = 507,
};

constexpr int code_of(Status s) { return static_cast<int>(s); }
std::string_view reason_of(Status s);  // "Not Found"

}  // namespace fairlead::http
