// http/answer.hpp — what is answered to a request: decided here, sent by connection.hpp.
//
// Owns:      Site (the folders that are served), Answer (a status, fields and a body, as a value).
// Knows:     RFC 9110 §9.3 (methods), §13 (conditions), §14 (ranges), §15 (statuses).
// Rules:     GET and HEAD read below `files`. PUT writes below `uploads` only, which is seen under
//            /upload/ and can be read back there.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "http/date.hpp"
#include "http/files.hpp"
#include "http/request.hpp"
#include "http/status.hpp"

namespace fairlead::http {

struct Site {
    static constexpr std::string_view kUploadPath = "upload";

    Folder files{};
    std::optional<Folder> uploads{};
    std::uint64_t upload_limit = std::uint64_t{4} << 30;  // bytes of one upload
    std::size_t listing_limit = 1000;                     // names in one directory's page
};

struct Answer {
    Status status = Status::Ok;
    std::string fields{};  // header lines of its own, each with its CRLF
    // The body: a text, or a part of a file. Neither where length is 0.
    std::string text{};
    File file{};
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
};

// The answer that only says its status.
Answer plain_answer(Status status);
// To GET and HEAD.
Answer answer_read(const Request& request, const Site& site, UnixTime now);
// To PUT: where its body goes, or why it goes nowhere.
std::expected<Upload, Answer> begin_upload(const Request& request, const Site& site, UnixTime now);
Answer finish_upload(Upload upload, const Request& request);
Answer answer_fault(FileFault fault);
// To a method we do not offer at its target, or do not know.
Answer answer_other_method(const Request& request, const Site& site);

struct Framing {
    bool keeps_open = false;  // the connection serves another request
    bool is_http11 = true;    // HTTP/1.0 must be told that it stays open
};
std::string write_head(const Answer& answer, const Framing& framing, UnixTime now);

}  // namespace fairlead::http
