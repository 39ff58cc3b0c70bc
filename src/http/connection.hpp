// http/connection.hpp — one HTTP/1.1 connection: bytes in, bytes out, nothing in between.
//
// Owns:      the order of things on a connection: a head is gathered, its body goes to its file,
// its
//            answer leaves, the next request begins. One request at a time: those that are
//            pipelined behind it wait in the transport, which is what bounds them.
// Knows:     RFC 9112 §2.2 (empty lines), §9 (persistence, closing); RFC 9110 §10.1.1
// (100-continue). Memory:    a head of at most 16 KiB while it comes in, the text of an answer
// while it leaves.
//            File bytes pass through the caller's scratch and are never kept.
// Not here:  sockets, clocks, timeouts: they are the caller's (who calls abandon() when one fires).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fairlead/bytes.hpp"
#include "http/answer.hpp"
#include "http/parser.hpp"

namespace fairlead::http {

// One request and what became of it, for an access log.
struct Exchange {
    std::string method{};  // empty: the request could not be read
    std::string target{};
    Status status = Status::Continue;  // Continue: there was no answer yet
    std::uint64_t body_received = 0;
    std::uint64_t body_sent = 0;
    bool is_complete = false;  // the answer left whole
};

class Connection {
public:
    // The site outlives the connection.
    explicit Connection(const Site& site) : site_{&site} {}

    // Says how many bytes it took. It takes none while an answer is leaving; offer the rest again
    // after wrote(). When wants_close(), it takes and forgets all.
    std::size_t feed(Bytes input, UnixTime now);
    // What is to be sent next, as much as fits into `scratch`, which holds it. The same bytes come
    // again until wrote() says that some are gone. Empty: nothing to send.
    Bytes next_output(MutableBytes scratch);
    void wrote(std::size_t n);
    // The peer sends no more, and all it sent was fed.
    void on_peer_closed();
    // The transport failed or took too long: what was under way is dropped.
    void abandon();

    bool has_output() const { return out_at_ < out_.size() || body_left_ != 0; }
    // All is sent and nothing more will be. The sending side is to be shut first and what still
    // comes in read and dropped for a moment: closing at once could reset the connection and take
    // the answer with it (RFC 9112 §9.6).
    bool wants_close() const { return phase_ == Phase::Closed; }
    // A body that was promised cannot be delivered: only a reset tells the peer.
    bool is_broken() const { return phase_ == Phase::Broken; }
    // Between two requests, with not a byte of the next.
    bool is_idle() const { return phase_ == Phase::Head && held_.empty() && !has_output(); }

    // The exchange that ended last, once.
    std::optional<Exchange> take_exchange();

private:
    enum class Phase : std::uint8_t { Head, Body, Answering, Closed, Broken };

    std::size_t feed_head(std::string_view input, UnixTime now);
    std::size_t feed_body(std::string_view input, UnixTime now);
    void on_head(UnixTime now);
    void on_request(Request request, UnixTime now);
    void begin_body(UnixTime now);
    bool keep_content(std::string_view content, UnixTime now);
    void answer(Answer answer, UnixTime now);
    void refuse(Status status, UnixTime now);
    void end_exchange(bool is_complete);

    const Site* site_;
    Phase phase_ = Phase::Head;
    bool closes_after_ = false;
    std::string held_{};  // a head, or the lines between chunks, as far as they have come
    Parser parser_{};
    Request request_{};
    Upload upload_{};
    std::string out_{};  // heads and texts that leave
    std::size_t out_at_ = 0;
    File body_{};  // then this part of a file
    std::uint64_t body_at_ = 0;
    std::uint64_t body_left_ = 0;
    std::size_t text_head_ = 0;  // how much of out_ is no body
    Exchange exchange_{};
    std::optional<Exchange> ended_{};
};

}  // namespace fairlead::http
