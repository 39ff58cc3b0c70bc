// drill/backend.hpp — what a script is run on.
//
// Owns:     Backend, the seam under the runner, and the values that cross it: socket calls, their
//           outcomes, packets that left, the time.
// Contract: one call at a time. start() begins one; its outcome is there at once, or after some
//           step(): a call that blocks is a pending value. Time moves in step() only, never past
//           what was asked, and stops at each moment at which something may have happened.
// Backends: the stack in virtual time (stack_backend.hpp), the live kernel (kernel_backend.hpp).
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "drill/system.hpp"
#include "fairlead/address.hpp"
#include "fairlead/time.hpp"

namespace fairlead::drill {

// Numbers are Linux's; descriptors are the backend's own.
namespace request {
struct Socket {
    int domain = 0;
    int type = 0;
    int protocol = 0;
};
struct Bind {
    int fd = -1;
    Endpoint local{};
};
struct Listen {
    int fd = -1;
    int backlog = 0;
};
struct Connect {
    int fd = -1;
    Endpoint peer{};
};
struct Accept {
    int fd = -1;
    int flags = 0;  // accept4
};
struct Receive {
    int fd = -1;
    std::size_t bytes = 0;
    int flags = 0;
};
struct Send {  // of zeros
    int fd = -1;
    std::size_t bytes = 0;
    int flags = 0;
    std::optional<Endpoint> to{};
};
struct Shutdown {
    int fd = -1;
    int how = 0;
};
struct Close {
    int fd = -1;
};
struct FileControl {
    int fd = -1;
    int command = 0;
    int argument = 0;
};
struct IoControl {  // that answers with an int
    int fd = -1;
    std::uint64_t command = 0;
};
struct SetOption {
    int fd = -1;
    int level = 0;
    int name = 0;
    std::vector<std::uint8_t> value{};
};
struct GetOption {
    int fd = -1;
    int level = 0;
    int name = 0;
    std::size_t bytes = 0;
};
struct Poll {
    struct Entry {
        int fd = -1;
        std::int16_t events = 0;
    };
    std::vector<Entry> entries{};
    int timeout_ms = 0;  // negative: none
};
}  // namespace request

using Request = std::variant<request::Socket, request::Bind, request::Listen, request::Connect,
                             request::Accept, request::Receive, request::Send, request::Shutdown,
                             request::Close, request::FileControl, request::IoControl,
                             request::SetOption, request::GetOption, request::Poll>;

struct Outcome {
    std::int64_t value = 0;               // -1: failed
    int error = 0;                        // errno then
    std::vector<std::uint8_t> data{};     // what was received, or an option's value
    std::optional<Endpoint> from{};       // accept, recvfrom
    std::vector<std::int16_t> revents{};  // poll, in the order of its entries
    std::int64_t number = 0;              // what an ioctl answered
};

struct SentPacket {
    Instant at{};
    std::vector<std::uint8_t> bytes{};  // from the IP header on
};

class Backend {
public:
    Backend() = default;
    Backend(const Backend&) = delete;
    Backend& operator=(const Backend&) = delete;
    virtual ~Backend() = default;

    virtual Instant now() const = 0;
    virtual void step(Instant until) = 0;
    virtual void inject(std::span<const std::uint8_t> packet) = 0;
    // In the order in which they left.
    virtual std::optional<SentPacket> take_packet() = 0;

    // The error says what this backend cannot do: the script is then skipped, not failed.
    virtual std::expected<void, std::string> start(const Request& request) = 0;
    virtual std::optional<Outcome> take_outcome() = 0;
    // An option's value at once, also while another call blocks. Nothing: there is no such option.
    virtual std::optional<Outcome> peek(const request::GetOption& request) = 0;

    // What shell lines speak to.
    virtual System& system() = 0;
};

}  // namespace fairlead::drill
