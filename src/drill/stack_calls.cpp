#include "drill/stack_calls.hpp"

#include <algorithm>
#include <memory>
#include <span>

#include "posix/abi.hpp"

namespace fairlead::drill {
namespace {

using posix::Answer;
using posix::Call;

// struct epoll_event's timeout and poll()'s: negative is for ever.
Duration timeout_of(int milliseconds) { return Duration::from_ms(milliseconds); }

template <typename T>
Call done(const Result<T>& result) {
    if (!result) return Call{Answer{.value = std::unexpected{result.error()}}};
    if constexpr (std::is_void_v<T>) {
        return Call{Answer{}};
    } else {
        return Call{Answer{.value = static_cast<std::int64_t>(*result)}};
    }
}

Bytes view(const Octets& octets) { return std::as_bytes(std::span{octets}); }

Octets octets_of(Bytes bytes) {
    Octets octets(bytes.size());
    std::ranges::transform(bytes, octets.begin(),
                           [](std::byte b) { return static_cast<std::uint8_t>(b); });
    return octets;
}

// A file of the script's own, as it was when it was opened.
Result<std::size_t> read_text(void* user, std::int64_t offset, MutableBytes into) {
    const auto& text = *static_cast<const std::string*>(user);
    if (offset < 0) return std::unexpected{Errc::InvalidArgument};
    const auto at = std::min(static_cast<std::size_t>(offset), text.size());
    const Bytes rest = std::as_bytes(std::span{text}).subspan(at);
    const std::size_t count = std::min(rest.size(), into.size());
    std::ranges::copy(rest.first(count), into.begin());
    return count;
}
void close_text(void* user) { delete static_cast<std::string*>(user); }

}  // namespace

void StackCalls::start(const Request& request) {
    request_ = request;
    outcome_.reset();
    answers_ = {};
    call_ = std::visit([this](const auto& r) { return begin(r); }, request_);
    settle();
}

void StackCalls::settle() {
    files_.collect();
    if (!call_ || !call_->resume()) return;
    finish(call_->answer());
    call_.reset();
}

void StackCalls::make_room(const std::vector<std::size_t>& pieces) {
    std::size_t total = 0;
    for (const std::size_t bytes : pieces) total += bytes;
    bytes_.assign(total, std::byte{0});
    read_pieces_.clear();
    write_pieces_.clear();
    std::size_t at = 0;
    for (const std::size_t bytes : pieces) {
        read_pieces_.push_back(MutableBytes{bytes_}.subspan(at, bytes));
        write_pieces_.push_back(Bytes{bytes_}.subspan(at, bytes));
        at += bytes;
    }
}

void StackCalls::finish(const Answer& answer) {
    Outcome outcome = std::move(answers_);
    outcome.value = answer.value ? *answer.value : -1;
    outcome.error = answer.value ? 0 : to_errno(answer.value.error());
    outcome.name = octets_of(answer.name.bytes());
    outcome.message_flags = answer.message_flags;
    const auto count = static_cast<std::size_t>(std::max<std::int64_t>(outcome.value, 0));
    if (std::holds_alternative<request::Receive>(request_)) {
        outcome.data = octets_of(Bytes{bytes_}.first(std::min(count, bytes_.size())));
        outcome.control = octets_of(Bytes{control_}.first(answer.control_bytes));
    }
    if (std::holds_alternative<request::Poll>(request_)) {
        for (const posix::PollEntry& entry : entries_) outcome.revents.push_back(entry.revents);
    }
    if (std::holds_alternative<request::EpollWait>(request_)) {
        for (const posix::EpollEvent& event : std::span{events_}.first(count)) {
            outcome.events.push_back({event.events, event.data});
        }
    }
    outcome_ = std::move(outcome);
}

Call StackCalls::begin(const request::Socket& r) {
    return done(client_.socket(r.domain, r.type, r.protocol));
}
Call StackCalls::begin(const request::Bind& r) { return done(client_.bind(r.fd, view(r.name))); }
Call StackCalls::begin(const request::Listen& r) { return done(client_.listen(r.fd, r.backlog)); }
Call StackCalls::begin(const request::Connect& r) { return client_.connect(r.fd, view(r.name)); }
Call StackCalls::begin(const request::Accept& r) { return client_.accept(r.fd, r.flags); }

Call StackCalls::begin(const request::Receive& r) {
    make_room(r.pieces);
    control_.assign(r.control_bytes, std::byte{0});
    const posix::ReadPieces into{std::span<const MutableBytes>{read_pieces_}};
    if (r.is_read) return client_.read(r.fd, into);
    return client_.receive(r.fd, {.into = into, .control = control_}, r.flags);
}

Call StackCalls::begin(const request::Send& r) {
    make_room(r.pieces);
    const posix::WritePieces from{std::span<const Bytes>{write_pieces_}};
    if (r.is_write) return client_.write(r.fd, from);
    return client_.send(r.fd, {.from = from, .name = view(r.name), .control = view(r.control)},
                        r.flags);
}

Call StackCalls::begin(const request::Shutdown& r) { return done(client_.shutdown(r.fd, r.how)); }
Call StackCalls::begin(const request::Close& r) { return client_.close(r.fd); }
Call StackCalls::begin(const request::FileControl& r) {
    return done(client_.fcntl(r.fd, r.command, r.argument));
}

Call StackCalls::begin(const request::IoControl& r) {
    std::int32_t argument = r.argument;
    const auto result = client_.ioctl(r.fd, r.command, argument);
    answers_.number = argument;
    return done(result);
}

Call StackCalls::begin(const request::SetOption& r) {
    return done(client_.setsockopt(r.fd, r.level, r.name, view(r.value)));
}

Outcome StackCalls::peek(const request::GetOption& r) {
    Outcome outcome{.data = Octets(r.bytes)};
    const auto written =
        client_.getsockopt(r.fd, r.level, r.name, std::as_writable_bytes(std::span{outcome.data}));
    if (!written) return {.value = -1, .error = to_errno(written.error())};
    outcome.data.resize(std::min(*written, outcome.data.size()));
    return outcome;
}

Call StackCalls::begin(const request::GetOption& r) {
    answers_ = peek(r);
    if (answers_.value == 0) return done(Result<void>{});
    return done(Result<void>{std::unexpected{static_cast<Errc>(answers_.error)}});
}

Call StackCalls::begin(const request::Poll& r) {
    entries_.clear();
    for (const request::Poll::Entry& e : r.entries) entries_.push_back({e.fd, e.events, 0});
    return client_.poll(entries_, timeout_of(r.timeout_ms));
}

Call StackCalls::begin(const request::EpollCreate& r) {
    return done(client_.epoll_create(r.flags));
}
Call StackCalls::begin(const request::EpollControl& r) {
    return done(client_.epoll_ctl(r.epfd, r.operation, r.fd, {.events = r.events, .data = r.data}));
}
Call StackCalls::begin(const request::EpollWait& r) {
    events_.assign(static_cast<std::size_t>(std::max(r.most, 0)), {});
    return client_.epoll_wait(r.epfd, events_, timeout_of(r.timeout_ms));
}

Call StackCalls::begin(const request::Pipe& r) {
    const auto ends = client_.pipe(r.flags);
    if (!ends) return done(Result<void>{std::unexpected{ends.error()}});
    answers_.ends = *ends;
    return done(Result<void>{});
}

Call StackCalls::begin(const request::Splice& r) {
    return client_.splice(r.in, r.out, r.bytes, r.flags);
}

Call StackCalls::begin(const request::SendFile& r) {
    offset_ = r.offset.value_or(0);
    return client_.sendfile(r.out, r.in, r.offset ? &offset_ : nullptr, r.bytes);
}

Call StackCalls::begin(const request::Open& r) {
    const std::string* text = system_.files().find(r.path);
    if (text == nullptr) return done(Result<void>{std::unexpected{Errc::NoSuchEntry}});
    auto copy = std::make_unique<std::string>(*text);
    const auto opened = client_.open_source(
        {.read = &read_text, .closed = &close_text, .user = copy.get()}, r.flags);
    if (opened) (void)copy.release();
    return done(opened);
}

// A process of the stack has none: giving all of them up is no change, and more there is not.
Call StackCalls::begin(const request::SetCapabilities& r) {
    if (r.sets == CapabilitySets{}) return done(Result<void>{});
    return done(Result<void>{std::unexpected{Errc::NotPermitted}});
}

// As a kernel that was built without PSP: it has no such family of netlink.
Call StackCalls::begin(const request::Psp&) {
    return done(Result<void>{std::unexpected{Errc::NoSuchEntry}});
}

}  // namespace fairlead::drill
