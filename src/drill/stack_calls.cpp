#include "drill/stack_calls.hpp"

#include <utility>

namespace fairlead::drill {
namespace {

// Linux's numbers (fcntl.h, sys/socket.h, linux/sockios.h).
constexpr int kNonblock = 0x800;  // O_NONBLOCK, SOCK_NONBLOCK
constexpr int kReadWrite = 2;     // O_RDWR
constexpr int kGetFlags = 3;      // F_GETFL
constexpr int kSetFlags = 4;      // F_SETFL
constexpr int kInet = 2;          // AF_INET
constexpr int kInet6 = 10;        // AF_INET6
constexpr int kStream = 1;        // SOCK_STREAM
constexpr int kDatagram = 2;      // SOCK_DGRAM
constexpr int kTcp = 6;
constexpr int kUdp = 17;
constexpr std::uint64_t kBytesToRead = 0x541b;   // SIOCINQ
constexpr std::uint64_t kBytesUnacked = 0x5411;  // SIOCOUTQ
constexpr std::uint64_t kBytesUnsent = 0x894b;   // SIOCOUTQNSD
constexpr int kFirstDescriptor = 3;

Outcome failed(Errc error) { return {.value = -1, .error = to_errno(error)}; }
Outcome returned(std::int64_t value) { return {.value = value}; }

template <typename T>
Outcome outcome_of(const Result<T>& result) {
    if (!result) return failed(result.error());
    if constexpr (std::is_void_v<T>) {
        return returned(0);
    } else {
        return returned(static_cast<std::int64_t>(*result));
    }
}

}  // namespace

std::expected<void, std::string> StackCalls::start(const Request& request) {
    request_ = request;
    outcome_.reset();
    received_.clear();
    sent_ = 0;
    deadline_ = Instant::never();
    is_first_attempt_ = true;
    const Attempt first = attempt(request_);
    is_first_attempt_ = false;
    if (const auto* unsupported = std::get_if<Unsupported>(&first)) {
        return std::unexpected{unsupported->what};
    }
    is_blocked_ = std::holds_alternative<WouldBlock>(first);
    if (!is_blocked_) outcome_ = std::get<Outcome>(first);
    return {};
}

void StackCalls::retry() {
    if (!is_blocked_) return;
    const Attempt again = attempt(request_);
    const auto* outcome = std::get_if<Outcome>(&again);
    if (outcome == nullptr) return;
    is_blocked_ = false;
    outcome_ = *outcome;
}

StackCalls::Attempt StackCalls::attempt(const Request& request) {
    return std::visit([this](const auto& r) { return on(r); }, request);
}

StackCalls::Descriptor* StackCalls::find(int fd) {
    const auto found = descriptors_.find(fd);
    return found == descriptors_.end() ? nullptr : &found->second;
}

int StackCalls::open(const Descriptor& d) {
    int fd = kFirstDescriptor;
    while (descriptors_.contains(fd)) ++fd;
    descriptors_.emplace(fd, d);
    return fd;
}

StackCalls::Attempt StackCalls::on(const request::Socket& r) {
    const int type = r.type & 0xf;
    if ((type != kStream && type != kDatagram) || (r.domain != kInet && r.domain != kInet6)) {
        return Unsupported{"only sockets of TCP and UDP are there"};
    }
    const bool is_stream = type == kStream;
    if (r.protocol != 0 && r.protocol != (is_stream ? kTcp : kUdp)) {
        return failed(Errc::ProtocolNotSupported);
    }
    const SocketType kind = is_stream ? SocketType::Stream : SocketType::Datagram;
    const auto made = stack_.socket(r.domain == kInet ? Family::Inet : Family::Inet6, kind);
    if (!made) return failed(made.error());
    return returned(open({*made, kind, (r.type & kNonblock) != 0}));
}

StackCalls::Attempt StackCalls::on(const request::Bind& r) {
    const Descriptor* d = find(r.fd);
    if (d == nullptr) return failed(Errc::BadDescriptor);
    return outcome_of(stack_.bind(d->socket, r.local));
}

StackCalls::Attempt StackCalls::on(const request::Listen& r) {
    const Descriptor* d = find(r.fd);
    if (d == nullptr) return failed(Errc::BadDescriptor);
    return outcome_of(stack_.listen(d->socket, r.backlog));
}

StackCalls::Attempt StackCalls::on(const request::Connect& r) {
    const Descriptor* d = find(r.fd);
    if (d == nullptr) return failed(Errc::BadDescriptor);
    if (is_first_attempt_) {
        const auto connected = stack_.connect(d->socket, r.peer);
        const bool goes_on = !connected && connected.error() == Errc::InProgress;
        if (!goes_on || d->is_nonblocking) return outcome_of(connected);
    }
    const auto ready = stack_.readiness(d->socket);
    if (!ready) return failed(ready.error());
    if ((*ready & (kWritable | kError | kHangup)) == 0) return WouldBlock{};
    const auto error = stack_.option(d->socket, Option::Error);
    if (!error) return failed(error.error());
    return *error == 0 ? returned(0) : Outcome{.value = -1, .error = static_cast<int>(*error)};
}

StackCalls::Attempt StackCalls::on(const request::Accept& r) {
    const Descriptor* d = find(r.fd);
    if (d == nullptr) return failed(Errc::BadDescriptor);
    const auto accepted = stack_.accept(d->socket);
    if (!accepted) return blocked_or(*d, 0, accepted.error());
    Outcome outcome = returned(open({*accepted, SocketType::Stream, (r.flags & kNonblock) != 0}));
    if (const auto peer = stack_.peer_name(*accepted)) outcome.from = *peer;
    return outcome;
}

StackCalls::Attempt StackCalls::on(const request::Shutdown& r) {
    const Descriptor* d = find(r.fd);
    if (d == nullptr) return failed(Errc::BadDescriptor);
    if (r.how < 0 || r.how > 2) return failed(Errc::InvalidArgument);
    return outcome_of(stack_.shutdown(d->socket, static_cast<Shutdown>(r.how)));
}

StackCalls::Attempt StackCalls::on(const request::Close& r) {
    const Descriptor* d = find(r.fd);
    if (d == nullptr) return failed(Errc::BadDescriptor);
    const auto closed = stack_.close(d->socket);
    descriptors_.erase(r.fd);
    return outcome_of(closed);
}

StackCalls::Attempt StackCalls::on(const request::FileControl& r) {
    Descriptor* d = find(r.fd);
    if (d == nullptr) return failed(Errc::BadDescriptor);
    if (r.command == kGetFlags) return returned(kReadWrite | (d->is_nonblocking ? kNonblock : 0));
    if (r.command != kSetFlags) return Unsupported{"of fcntl, F_GETFL and F_SETFL are there"};
    d->is_nonblocking = (r.argument & kNonblock) != 0;
    return returned(0);
}

StackCalls::Attempt StackCalls::on(const request::IoControl& r) {
    const Descriptor* d = find(r.fd);
    if (d == nullptr) return failed(Errc::BadDescriptor);
    Result<std::size_t> bytes = std::unexpected{Errc::InvalidArgument};
    if (r.command == kBytesToRead) {
        bytes = stack_.bytes_to_read(d->socket);
    } else if (r.command == kBytesUnacked) {
        bytes = stack_.bytes_unacked(d->socket);
    } else if (r.command == kBytesUnsent) {
        bytes = stack_.bytes_unsent(d->socket);
    } else {
        return Unsupported{"this ioctl is not there"};
    }
    if (!bytes) return failed(bytes.error());
    Outcome outcome = returned(0);
    outcome.number = static_cast<std::int64_t>(*bytes);
    return outcome;
}

StackCalls::Attempt StackCalls::on(const request::Poll& r) {
    if (is_first_attempt_ && r.timeout_ms >= 0) {
        deadline_ = stack_.now() + Duration::from_ms(r.timeout_ms);
    }
    Outcome outcome;
    for (const request::Poll::Entry& entry : r.entries) {
        constexpr Readiness kInvalid = 0x20;  // POLLNVAL
        const Descriptor* d = find(entry.fd);
        const auto ready = d == nullptr ? Result<Readiness>{kInvalid} : stack_.readiness(d->socket);
        if (!ready) return failed(ready.error());
        const auto asked = static_cast<std::uint16_t>(entry.events) | kError | kHangup | kInvalid;
        outcome.revents.push_back(static_cast<std::int16_t>(*ready & asked));
        if (outcome.revents.back() != 0) ++outcome.value;
    }
    if (outcome.value == 0 && stack_.now() < deadline_) return WouldBlock{};
    return outcome;
}

}  // namespace fairlead::drill
