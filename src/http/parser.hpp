// http/parser.hpp — bytes to a Request and its body, by Boost.Beast's parser.
//
// Owns:      one message: its head, handed over in one piece, then its body in pieces.
// Knows:     RFC 9112 §2, §3, §6 and §7 as Beast does, and the three things it lets pass: a
// transfer
//            coding other than chunked, a missing Host, and a version it has no words for.
// Not here:  finding where the head ends (connection.hpp), what is answered.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string_view>

#include "http/request.hpp"
#include "http/status.hpp"

namespace fairlead::http {

class Parser {
public:
    static constexpr std::size_t kMaxHead = 16 * 1024;
    static constexpr std::size_t kMaxTarget = 8 * 1024;

    Parser();  // of no message
    explicit Parser(std::uint64_t body_limit);
    Parser(Parser&&) noexcept;
    Parser& operator=(Parser&&) noexcept;
    ~Parser();

    // The head with its empty line; once.
    std::expected<Request, Status> read_head(std::string_view head);

    struct BodyStep {
        std::size_t consumed = 0;
        std::string_view content{};  // lies within what was handed in
    };
    // Whether a chunk's header or the trailer comes next. It is to be offered in whole lines, so
    // that what is read does not depend on how the bytes came; nothing consumed: with one line
    // more.
    bool wants_lines() const;
    // One step.
    std::expected<BodyStep, Status> read_body(std::string_view input);
    bool is_done() const;

private:
    class Beast;
    std::unique_ptr<Beast> beast_;
};

}  // namespace fairlead::http
