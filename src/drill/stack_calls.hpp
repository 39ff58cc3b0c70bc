// drill/stack_calls.hpp — a script's calls on the stack, by way of Linux's socket calls over it.
//
// Owns:   one process (posix/client.hpp), and its one call that has not returned, with the bytes
//         that it reads and writes.
// Contract: settle() after each poll of the stack; a call that was woken, or whose time is over, goes
//         on there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drill/backend.hpp"
#include "posix/client.hpp"

namespace fairlead::drill {

class StackCalls {
public:
    StackCalls(Stack& stack, System& system) : files_{stack}, system_{system} {}

    void start(const Request& request);
    void settle();
    std::optional<Outcome> take_outcome() { return std::exchange(outcome_, std::nullopt); }
    // A socket option, beside the call that blocks.
    Outcome peek(const request::GetOption& r);
    // When a blocked call gives up of its own accord.
    Instant deadline() const { return call_ ? call_->deadline() : Instant::never(); }

private:
    // Each begins its call: done at once, or pending.
    posix::Call begin(const request::Socket& r);
    posix::Call begin(const request::Bind& r);
    posix::Call begin(const request::Listen& r);
    posix::Call begin(const request::Connect& r);
    posix::Call begin(const request::Accept& r);
    posix::Call begin(const request::Receive& r);
    posix::Call begin(const request::Send& r);
    posix::Call begin(const request::Shutdown& r);
    posix::Call begin(const request::Close& r);
    posix::Call begin(const request::FileControl& r);
    posix::Call begin(const request::IoControl& r);
    posix::Call begin(const request::SetOption& r);
    posix::Call begin(const request::GetOption& r);
    posix::Call begin(const request::Poll& r);
    posix::Call begin(const request::EpollCreate& r);
    posix::Call begin(const request::EpollControl& r);
    posix::Call begin(const request::EpollWait& r);
    posix::Call begin(const request::Pipe& r);
    posix::Call begin(const request::Splice& r);
    posix::Call begin(const request::SendFile& r);
    posix::Call begin(const request::Open& r);
    posix::Call begin(const request::SetCapabilities& r);
    posix::Call begin(const request::Psp& r);

    void make_room(const std::vector<std::size_t>& pieces);
    void finish(const posix::Answer& answer);

    posix::OpenFileTable files_;
    posix::Client client_{files_};
    System& system_;
    std::optional<Outcome> outcome_;

    // What the call that has not returned reads and writes. Behind the client: it ends first.
    Request request_{};
    std::vector<std::byte> bytes_;
    std::vector<MutableBytes> read_pieces_;
    std::vector<Bytes> write_pieces_;
    std::vector<std::byte> control_;
    std::vector<posix::PollEntry> entries_;
    std::vector<posix::EpollEvent> events_;
    std::int64_t offset_ = 0;
    Outcome answers_{};  // what a call that is done at once tells beside its value
    std::optional<posix::Call> call_;
};

}  // namespace fairlead::drill
