// Bytes and options: the calls of StackCalls that move something.
#include <algorithm>
#include <string>
#include <utility>

#include "drill/stack_calls.hpp"
#include "drill/stack_options.hpp"
#include "drill/tcp_info.hpp"

namespace fairlead::drill {
namespace {

// Linux's numbers (sys/socket.h, linux/tcp.h).
constexpr int kOutOfBand = 0x1;  // MSG_...
constexpr int kPeek = 0x2;
constexpr int kTruncate = 0x20;
constexpr int kDontWait = 0x40;
constexpr int kEndOfRecord = 0x80;
constexpr int kWaitAll = 0x100;
constexpr int kNoSignal = 0x4000;
constexpr int kMore = 0x8000;
constexpr int kLevelTcp = 6;
constexpr int kInfo = 11;        // TCP_INFO
constexpr int kCongestion = 13;  // TCP_CONGESTION

Outcome failed(Errc error) { return {.value = -1, .error = to_errno(error)}; }
Outcome returned(std::size_t bytes) { return {.value = static_cast<std::int64_t>(bytes)}; }

std::string_view text_of(const std::vector<std::uint8_t>& value) {
    const std::string_view all{reinterpret_cast<const char*>(value.data()), value.size()};
    return all.substr(0, all.find('\0'));
}

}  // namespace

StackCalls::Attempt StackCalls::blocked_or(const Descriptor& d, int flags, Errc error) const {
    const bool blocks = error == Errc::WouldBlock && !d.is_nonblocking && (flags & kDontWait) == 0;
    if (blocks) return WouldBlock{};
    return failed(error);
}

StackCalls::Attempt StackCalls::on(const request::Receive& r) {
    constexpr int kKnown = kPeek | kTruncate | kDontWait | kWaitAll | kNoSignal;
    if ((r.flags & ~kKnown) != 0) return Unsupported{"this flag of recv is not there"};
    const Descriptor* d = find(r.fd);
    if (d == nullptr) return failed(Errc::BadDescriptor);
    return d->type == SocketType::Stream ? receive_stream(*d, r) : receive_datagram(*d, r);
}

StackCalls::Attempt StackCalls::receive_stream(const Descriptor& d, const request::Receive& r) {
    const ReceiveFlags flags{.peek = (r.flags & kPeek) != 0,
                             .truncate = (r.flags & kTruncate) != 0};
    std::vector<std::uint8_t> into(r.bytes - received_.size());
    const auto got = stack_.receive(d.socket, std::as_writable_bytes(std::span{into}), flags);
    if (!got && received_.empty()) return blocked_or(d, r.flags, got.error());
    if (got) {
        into.resize(std::min(into.size(), *got));
        received_.insert(received_.end(), into.begin(), into.end());
        const bool wants_all = (r.flags & kWaitAll) != 0 && !flags.peek;
        if (wants_all && *got != 0 && received_.size() < r.bytes) return receive_stream(d, r);
    } else if (std::holds_alternative<WouldBlock>(blocked_or(d, r.flags, got.error()))) {
        return WouldBlock{};  // some of what MSG_WAITALL waits for
    }
    // MSG_TRUNC drops bytes: more may count than were copied.
    Outcome outcome = returned(got ? std::max(*got, received_.size()) : received_.size());
    outcome.data = std::move(received_);
    return outcome;
}

StackCalls::Attempt StackCalls::receive_datagram(const Descriptor& d, const request::Receive& r) {
    const ReceiveFlags flags{.peek = (r.flags & kPeek) != 0,
                             .truncate = (r.flags & kTruncate) != 0};
    std::vector<std::uint8_t> into(r.bytes);
    const auto got = stack_.receive_from(d.socket, std::as_writable_bytes(std::span{into}), flags);
    if (!got) return blocked_or(d, r.flags, got.error());
    Outcome outcome = returned(flags.truncate ? got->size : got->copied);
    into.resize(got->copied);
    outcome.data = std::move(into);
    outcome.from = got->from;
    return outcome;
}

StackCalls::Attempt StackCalls::on(const request::Send& r) {
    constexpr int kKnown = kOutOfBand | kDontWait | kEndOfRecord | kNoSignal | kMore;
    if ((r.flags & ~kKnown) != 0) return Unsupported{"this flag of send is not there"};
    const Descriptor* d = find(r.fd);
    if (d == nullptr) return failed(Errc::BadDescriptor);
    if (d->type == SocketType::Stream) return send_stream(*d, r);
    const std::vector<std::byte> zeros(r.bytes);
    const auto sent = stack_.send_to(d->socket, zeros, {.to = r.to.value_or(Endpoint{})});
    if (!sent) return blocked_or(*d, r.flags, sent.error());
    return returned(*sent);
}

StackCalls::Attempt StackCalls::send_stream(const Descriptor& d, const request::Send& r) {
    const SendFlags flags{.more = (r.flags & kMore) != 0,
                          .out_of_band = (r.flags & kOutOfBand) != 0,
                          .end_of_record = (r.flags & kEndOfRecord) != 0};
    const std::vector<std::byte> zeros(r.bytes - sent_);
    const auto sent = stack_.send(d.socket, zeros, flags);
    if (sent) {
        sent_ += *sent;
        if (sent_ == r.bytes) return returned(sent_);
    }
    // A blocking write returns when all is queued; another says how much was.
    Attempt blocked = blocked_or(d, r.flags, sent ? Errc::WouldBlock : sent.error());
    if (std::holds_alternative<WouldBlock>(blocked) || sent_ == 0) return blocked;
    return returned(sent_);
}

StackCalls::Attempt StackCalls::on(const request::SetOption& r) {
    const Descriptor* d = find(r.fd);
    if (d == nullptr) return failed(Errc::BadDescriptor);
    Result<void> set{};
    if (r.level == kLevelTcp && r.name == kCongestion) {
        set = stack_.set_congestion_control(d->socket, text_of(r.value));
    } else {
        const auto option = stack_option(r.level, r.name);
        if (!option) return Unsupported{"this socket option is not there"};
        const auto value = option_value(*option, r.value);
        if (!value) return failed(Errc::InvalidArgument);
        set = stack_.set_option(d->socket, *option, *value);
    }
    if (!set) return failed(set.error());
    return returned(0);
}

std::optional<Outcome> StackCalls::peek(const request::GetOption& r) {
    const Attempt attempt = on(r);
    const auto* outcome = std::get_if<Outcome>(&attempt);
    return outcome == nullptr ? std::nullopt : std::optional{*outcome};
}

StackCalls::Attempt StackCalls::on(const request::GetOption& r) {
    const Descriptor* d = find(r.fd);
    if (d == nullptr) return failed(Errc::BadDescriptor);
    Outcome outcome = returned(0);
    if (r.level == kLevelTcp && r.name == kCongestion) {
        const auto name = stack_.congestion_control(d->socket);
        if (!name) return failed(name.error());
        outcome.data.assign(name->begin(), name->end());
        outcome.data.resize(r.bytes);
        return outcome;
    }
    if (r.level == kLevelTcp && r.name == kInfo) {
        const auto info = stack_.tcp_info(d->socket);
        if (!info) return failed(info.error());
        outcome.data = write_tcp_info(*info);
        outcome.data.resize(std::min(outcome.data.size(), r.bytes));
        return outcome;
    }
    const auto option = stack_option(r.level, r.name);
    if (!option) return Unsupported{"this socket option is not there"};
    const auto value = stack_.option(d->socket, *option);
    if (!value) return failed(value.error());
    const auto put = [&outcome](std::int64_t v) {
        for (int shift = 0; shift < 32; shift += 8) {
            outcome.data.push_back(static_cast<std::uint8_t>(v >> shift));
        }
    };
    if (*option == Option::LingerSeconds) put(*value < 0 ? 0 : 1);
    put(*option == Option::LingerSeconds ? std::max<std::int64_t>(*value, 0) : *value);
    outcome.data.resize(std::min(outcome.data.size(), r.bytes));
    return outcome;
}

}  // namespace fairlead::drill
