// drill/stack_calls.hpp — Linux's socket calls over a stack that never blocks.
//
// Owns:   descriptors (a socket and its O_NONBLOCK each), and the one call that has not returned.
//         retry() asks the stack again; the call is done when it no longer would block, or when its
//         timeout is over.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "drill/backend.hpp"
#include "fairlead/stack.hpp"

namespace fairlead::drill {

class StackCalls {
public:
    explicit StackCalls(Stack& stack) : stack_{stack} {}

    // The error says what is not there.
    std::expected<void, std::string> start(const Request& request);
    // Asks again for the call that blocks, if one does.
    void retry();
    std::optional<Outcome> take_outcome() { return std::exchange(outcome_, std::nullopt); }
    // A socket option, beside the call that blocks; nothing: it is not there.
    std::optional<Outcome> peek(const request::GetOption& r);
    // When a blocked call gives up of its own accord.
    Instant deadline() const { return is_blocked_ ? deadline_ : Instant::never(); }

private:
    struct Descriptor {
        SocketId socket{};
        SocketType type = SocketType::Stream;
        bool is_nonblocking = false;
    };
    struct Unsupported {
        std::string what{};
    };
    struct WouldBlock {};
    using Attempt = std::variant<Outcome, WouldBlock, Unsupported>;

    Attempt attempt(const Request& request);
    Attempt on(const request::Socket& r);
    Attempt on(const request::Bind& r);
    Attempt on(const request::Listen& r);
    Attempt on(const request::Connect& r);
    Attempt on(const request::Accept& r);
    Attempt on(const request::Receive& r);
    Attempt on(const request::Send& r);
    Attempt on(const request::Shutdown& r);
    Attempt on(const request::Close& r);
    Attempt on(const request::FileControl& r);
    Attempt on(const request::IoControl& r);
    Attempt on(const request::SetOption& r);
    Attempt on(const request::GetOption& r);
    Attempt on(const request::Poll& r);
    Attempt receive_datagram(const Descriptor& d, const request::Receive& r);
    Attempt receive_stream(const Descriptor& d, const request::Receive& r);
    Attempt send_stream(const Descriptor& d, const request::Send& r);
    Attempt blocked_or(const Descriptor& d, int flags, Errc error) const;

    Descriptor* find(int fd);
    int open(const Descriptor& d);

    Stack& stack_;
    std::map<int, Descriptor> descriptors_;
    std::optional<Outcome> outcome_;

    // The call that has not returned, and how far it came.
    Request request_{};
    bool is_blocked_ = false;
    bool is_first_attempt_ = true;
    Instant deadline_ = Instant::never();
    std::size_t sent_ = 0;
    std::vector<std::uint8_t> received_;
};

}  // namespace fairlead::drill
