#include "http/connection.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.hpp"
#include "http/text.hpp"

namespace fairlead::http {

namespace {

std::string_view as_text(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Through the end of the next line, or all there is.
std::string_view next_line(std::string_view input) {
    const std::size_t end = input.find('\n');
    return input.substr(0, end == std::string_view::npos ? end : end + 1);
}

bool ends_head(std::string_view head) { return head.ends_with("\n\r\n") || head.ends_with("\n\n"); }

// A line of its own, and nothing on it.
bool is_blank(std::string_view head) { return head == "\r\n" || head == "\n"; }

}  // namespace

std::size_t Connection::feed(Bytes input, UnixTime now) {
    const std::string_view text = as_text(input);
    std::size_t taken = 0;
    bool moved = true;
    while (taken < text.size() && moved) {
        const std::string_view rest = text.substr(taken);
        std::size_t n = 0;
        switch (phase_) {
            case Phase::Head: n = feed_head(rest, now); break;
            case Phase::Body: n = feed_body(rest, now); break;
            case Phase::Answering: break;
            case Phase::Closed:
            case Phase::Broken: n = rest.size(); break;
        }
        taken += n;
        moved = n != 0;
    }
    return taken;
}

std::size_t Connection::feed_head(std::string_view input, UnixTime now) {
    const std::string_view line = next_line(input).substr(0, Parser::kMaxHead - held_.size());
    held_ += line;
    if (is_blank(held_)) {  // RFC 9112 §2.2: before a request line it means nothing
        held_.clear();
    } else if (ends_head(held_)) {
        on_head(now);
    } else if (held_.size() == Parser::kMaxHead) {
        const bool has_line = held_.find('\n') != std::string::npos;
        refuse(has_line ? Status::HeaderFieldsTooLarge : Status::UriTooLong, now);
    }
    return line.size();
}

void Connection::on_head(UnixTime now) {
    parser_ = Parser{site_->upload_limit};
    auto request = parser_.read_head(held_);
    // Idle connections are many: none keeps the memory of its last head.
    std::string{}.swap(held_);
    if (!request) return refuse(request.error(), now);
    on_request(std::move(*request), now);
}

void Connection::on_request(Request request, UnixTime now) {
    request_ = std::move(request);
    exchange_.method = request_.method_name;
    exchange_.target = request_.target;
    // A body that nobody wants is not waited for: the answer goes out and the connection ends.
    closes_after_ = !request_.keep_alive || request_.has_body();
    switch (request_.method) {
        case Method::Get:
        case Method::Head: return answer(answer_read(request_, *site_, now), now);
        case Method::Put: return begin_body(now);
        case Method::OtherKnown:
        case Method::Unknown: return answer(answer_other_method(request_, *site_), now);
    }
}

void Connection::begin_body(UnixTime now) {
    const bool expects = request_.is_http11 && !request_.expect.empty();
    if (expects && !equals_ignoring_case(request_.expect, "100-continue")) {
        return answer(plain_answer(Status::ExpectationFailed), now);
    }
    auto upload = begin_upload(request_, *site_, now);
    if (!upload) return answer(std::move(upload.error()), now);
    upload_ = std::move(*upload);
    closes_after_ = !request_.keep_alive;
    if (parser_.is_done()) {
        return answer(finish_upload(std::exchange(upload_, {}), request_), now);
    }
    if (expects) out_ += "HTTP/1.1 100 Continue\r\n\r\n";
    phase_ = Phase::Body;
}

std::size_t Connection::feed_body(std::string_view input, UnixTime now) {
    const bool is_line = parser_.wants_lines();
    if (is_line) {
        input = next_line(input).substr(0, Parser::kMaxHead - held_.size());
        held_ += input;
        if (!held_.ends_with('\n')) {
            if (held_.size() == Parser::kMaxHead) refuse(Status::HeaderFieldsTooLarge, now);
            return input.size();
        }
    }
    const auto step = parser_.read_body(is_line ? std::string_view{held_} : input);
    if (!step) {
        refuse(step.error(), now);
        return 0;
    }
    if (!keep_content(step->content, now)) return 0;
    if (is_line) held_.erase(0, step->consumed);
    if (held_.size() == Parser::kMaxHead) {
        refuse(Status::HeaderFieldsTooLarge, now);
    } else if (parser_.is_done()) {
        answer(finish_upload(std::exchange(upload_, {}), request_), now);
    }
    return is_line ? input.size() : step->consumed;
}

bool Connection::keep_content(std::string_view content, UnixTime now) {
    const auto written = upload_.write(std::as_bytes(std::span{content}));
    if (!written) {
        closes_after_ = true;
        answer(answer_fault(written.error()), now);
        return false;
    }
    exchange_.body_received += content.size();
    return true;
}

void Connection::refuse(Status status, UnixTime now) {
    closes_after_ = true;
    answer(plain_answer(status), now);
}

void Connection::answer(Answer answer, UnixTime now) {
    upload_ = {};
    parser_ = {};
    std::string{}.swap(held_);
    phase_ = Phase::Answering;
    exchange_.status = answer.status;
    const bool is_head = request_.method == Method::Head;
    out_ +=
        write_head(answer, {.keeps_open = !closes_after_, .is_http11 = request_.is_http11}, now);
    text_head_ = out_.size();
    if (is_head) return;
    out_ += answer.text;
    if (answer.file.is_open()) {
        body_ = std::move(answer.file);
        body_at_ = answer.offset;
        body_left_ = answer.length;
    }
}

Bytes Connection::next_output(MutableBytes scratch) {
    const std::size_t from_text = std::min(scratch.size(), out_.size() - out_at_);
    if (from_text != 0) std::memcpy(scratch.data(), out_.data() + out_at_, from_text);
    const std::size_t from_file =
        static_cast<std::size_t>(std::min<std::uint64_t>(scratch.size() - from_text, body_left_));
    if (from_file == 0) return scratch.first(from_text);
    const std::size_t got = body_.read(body_at_, scratch.subspan(from_text, from_file));
    // The file shrank under us after its length was promised.
    if (got == 0 && from_text == 0) {
        abandon();
        phase_ = Phase::Broken;
        return {};
    }
    return scratch.first(from_text + got);
}

void Connection::wrote(std::size_t n) {
    const std::size_t of_text = std::min(n, out_.size() - out_at_);
    const std::size_t of_file = n - of_text;
    FAIRLEAD_ASSERT(of_file <= body_left_);
    const std::size_t text_before = std::max(out_at_, text_head_);
    out_at_ += of_text;
    if (phase_ == Phase::Answering) {
        exchange_.body_sent += std::max(out_at_, text_before) - text_before + of_file;
    }
    body_at_ += of_file;
    body_left_ -= of_file;
    if (out_at_ == out_.size()) {
        std::string{}.swap(out_);
        out_at_ = 0;
        text_head_ = 0;
    }
    if (phase_ != Phase::Answering || has_output()) return;
    body_ = {};
    end_exchange(true);
    phase_ = closes_after_ ? Phase::Closed : Phase::Head;
}

void Connection::on_peer_closed() {
    if (phase_ == Phase::Answering) {
        closes_after_ = true;
    } else if (phase_ != Phase::Broken) {
        abandon();
    }
}

void Connection::abandon() {
    if (phase_ == Phase::Closed || phase_ == Phase::Broken) return;
    if (phase_ != Phase::Head || !held_.empty()) end_exchange(false);
    upload_ = {};
    parser_ = {};
    body_ = {};
    body_left_ = 0;
    std::string{}.swap(held_);
    std::string{}.swap(out_);
    out_at_ = 0;
    phase_ = Phase::Closed;
}

void Connection::end_exchange(bool is_complete) {
    exchange_.is_complete = is_complete;
    ended_ = std::exchange(exchange_, {});
    request_ = {};
}

std::optional<Exchange> Connection::take_exchange() { return std::exchange(ended_, std::nullopt); }

}  // namespace fairlead::http
