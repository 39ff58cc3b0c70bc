#include "http/parser.hpp"

#include <limits>

#include <boost/beast/http/basic_parser.hpp>

#include "http/text.hpp"

namespace fairlead::http {

namespace beast = boost::beast;
using beast::http::error;
using beast::http::field;
using beast::http::verb;

namespace {

std::string_view to_std(beast::string_view s) { return {s.data(), s.size()}; }

Method method_of(verb v) {
    switch (v) {
        case verb::get: return Method::Get;
        case verb::head: return Method::Head;
        case verb::put: return Method::Put;
        case verb::unknown: return Method::Unknown;
        default: return Method::OtherKnown;
    }
}

std::string* place_of(Request& request, field name) {
    switch (name) {
        case field::expect: return &request.expect;
        case field::range: return &request.range;
        case field::if_range: return &request.if_range;
        case field::if_match: return &request.if_match;
        case field::if_none_match: return &request.if_none_match;
        case field::if_modified_since: return &request.if_modified_since;
        case field::if_unmodified_since: return &request.if_unmodified_since;
        case field::transfer_encoding: return &request.transfer_encoding;
        default: return nullptr;
    }
}

// Beast has one word for a version it does not speak and for what is no version at all.
bool names_a_version(std::string_view head) {
    const std::string_view line = head.substr(0, head.find('\r'));
    const std::size_t space = line.rfind(' ');
    if (space == std::string_view::npos) return false;
    const std::string_view version = line.substr(space + 1);
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    return version.size() == 8 && version.starts_with("HTTP/") && is_digit(version[5]) &&
           version[6] == '.' && is_digit(version[7]);
}

}  // namespace

class Parser::Beast final : public beast::http::basic_parser<true> {
public:
    Request request{};
    std::string_view content{};
    std::uint64_t chunk_left = 0;

private:
    void on_request_impl(verb method, beast::string_view name, beast::string_view target,
                         int version, beast::error_code&) override {
        request.method = method_of(method);
        request.method_name = to_std(name);
        request.target = to_std(target);
        request.is_http11 = version >= 11;
    }
    void on_response_impl(int, beast::string_view, int, beast::error_code&) override {}
    void on_field_impl(field name, beast::string_view, beast::string_view value,
                       beast::error_code&) override {
        if (in_body_) return;  // a trailer changes nothing (RFC 9110 §6.5.1)
        if (name == field::host) ++request.host_count;
        std::string* place = place_of(request, name);
        if (place == nullptr) return;
        if (!place->empty()) *place += ", ";
        *place += to_std(value);
    }
    void on_header_impl(beast::error_code&) override { in_body_ = true; }
    void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code&) override {}
    std::size_t on_body_impl(beast::string_view piece, beast::error_code&) override {
        content = to_std(piece);
        return piece.size();
    }
    void on_chunk_header_impl(std::uint64_t size, beast::string_view, beast::error_code&) override {
        chunk_left = size;
    }
    std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view piece,
                                   beast::error_code&) override {
        chunk_left -= piece.size();
        content = to_std(piece);
        return piece.size();
    }
    void on_finish_impl(beast::error_code&) override {}

    bool in_body_ = false;
};

Parser::Parser() = default;
Parser::Parser(std::uint64_t body_limit) : beast_{std::make_unique<Beast>()} {
    beast_->header_limit(kMaxHead);
    beast_->body_limit(body_limit);
}
Parser::Parser(Parser&&) noexcept = default;
Parser& Parser::operator=(Parser&&) noexcept = default;
Parser::~Parser() = default;

std::expected<Request, Status> Parser::read_head(std::string_view head) {
    beast::error_code fault;
    beast_->put(boost::asio::const_buffer{head.data(), head.size()}, fault);
    Request& request = beast_->request;
    if (request.target.size() > kMaxTarget) return std::unexpected{Status::UriTooLong};
    if (fault == error::body_limit) return std::unexpected{Status::ContentTooLarge};
    if (fault == error::bad_version && names_a_version(head)) {
        return std::unexpected{Status::VersionNotSupported};
    }
    if (fault || !beast_->is_header_done()) return std::unexpected{Status::BadRequest};

    // RFC 9112 §3.2: one Host, and HTTP/1.1 may not leave it out.
    if (request.host_count > 1 || (request.is_http11 && request.host_count == 0)) {
        return std::unexpected{Status::BadRequest};
    }
    // RFC 9112 §6.1: Beast takes a body whose last coding is not chunked for none at all, which is
    // how requests are smuggled; and HTTP/1.0 has no transfer codings.
    if (!request.transfer_encoding.empty()) {
        if (!request.is_http11) return std::unexpected{Status::BadRequest};
        if (!equals_ignoring_case(request.transfer_encoding, "chunked")) {
            return std::unexpected{Status::NotImplemented};
        }
    }
    request.keep_alive = beast_->keep_alive();
    request.is_chunked = beast_->chunked();
    if (const auto length = beast_->content_length()) request.content_length = *length;
    return std::move(request);
}

std::expected<Parser::BodyStep, Status> Parser::read_body(std::string_view input) {
    beast_->content = {};
    beast::error_code fault;
    const std::size_t consumed =
        beast_->put(boost::asio::const_buffer{input.data(), input.size()}, fault);
    if (fault == error::body_limit) return std::unexpected{Status::ContentTooLarge};
    if (fault && fault != error::need_more) return std::unexpected{Status::BadRequest};
    return BodyStep{.consumed = consumed, .content = beast_->content};
}

bool Parser::wants_lines() const {
    return beast_->chunked() && beast_->chunk_left == 0 && !beast_->is_done();
}

bool Parser::is_done() const { return beast_->is_done(); }

}  // namespace fairlead::http
