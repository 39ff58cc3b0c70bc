// drill/backend.hpp — what a script is run on.
//
// Owns:     Backend, the seam under the runner, and the values that cross it: socket calls, their
//           outcomes, packets that left, the time.
// Contract: one call at a time. start() begins one; its outcome is there at once, or after some
//           step(): a call that blocks is a pending value. Time moves in step() only, never past
//           what was asked, and stops at each moment at which something may have happened.
// Backends: the stack in virtual time (stack_backend.hpp), the live kernel (kernel_backend.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "drill/capabilities.hpp"
#include "drill/system.hpp"
#include "fairlead/address.hpp"
#include "fairlead/time.hpp"

namespace fairlead::drill {

using Octets = std::vector<std::uint8_t>;

// Numbers and structs are Linux's, as bytes; descriptors are the backend's own.
namespace request {
struct Socket {
    int domain = 0;
    int type = 0;
    int protocol = 0;
};
struct Bind {
    int fd = -1;
    Octets name{};  // struct sockaddr
};
struct Listen {
    int fd = -1;
    int backlog = 0;
};
struct Connect {
    int fd = -1;
    Octets name{};
};
struct Accept {
    int fd = -1;
    int flags = 0;  // accept4
};
struct Receive {  // read, readv, recv, recvfrom, recvmsg
    int fd = -1;
    std::vector<std::size_t> pieces{};
    int flags = 0;
    bool is_read = false;           // read, readv: also of what is no socket
    std::size_t control_bytes = 0;  // room for control messages
};
struct Send {  // write, writev, send, sendto, sendmsg: of zeros
    int fd = -1;
    std::vector<std::size_t> pieces{};
    int flags = 0;
    bool is_write = false;
    Octets name{};  // none: to the peer
    Octets control{};
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
struct IoControl {
    int fd = -1;
    std::uint64_t command = 0;
    std::int32_t argument = 0;
};
struct SetOption {
    int fd = -1;
    int level = 0;
    int name = 0;
    Octets value{};
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
struct EpollCreate {
    int flags = 0;
};
struct EpollControl {
    int epfd = -1;
    int operation = 0;
    int fd = -1;
    std::uint32_t events = 0;
    std::uint64_t data = 0;
};
struct EpollWait {
    int epfd = -1;
    int most = 0;
    int timeout_ms = 0;
};
struct Pipe {
    int flags = 0;
};
struct Splice {
    int in = -1;
    int out = -1;
    std::size_t bytes = 0;
    unsigned flags = 0;
};
struct SendFile {
    int out = -1;
    int in = -1;
    std::optional<std::int64_t> offset{};  // none: where the file stands
    std::size_t bytes = 0;
};
struct Open {  // one of the script's own files (scratch_files.hpp), for reading
    std::string path{};
    int flags = 0;
};
struct SetCapabilities {  // capset of the calling thread
    CapabilitySets sets{};
};
// psp_*: keys of a device that encrypts. Neither the stack nor a TUN has one; what a kernel says to
// that is asked.
struct Psp {};
}  // namespace request

using Request =
    std::variant<request::Socket, request::Bind, request::Listen, request::Connect, request::Accept,
                 request::Receive, request::Send, request::Shutdown, request::Close,
                 request::FileControl, request::IoControl, request::SetOption, request::GetOption,
                 request::Poll, request::EpollCreate, request::EpollControl, request::EpollWait,
                 request::Pipe, request::Splice, request::SendFile, request::Open,
                 request::SetCapabilities, request::Psp>;

struct Outcome {
    std::int64_t value = 0;  // -1: failed
    int error = 0;           // errno then
    Octets data{};           // what was received, or an option's value
    Octets name{};           // accept, recvfrom, recvmsg: struct sockaddr
    Octets control{};        // recvmsg
    Duration tolerance{};    // of the time stamps in it
    int message_flags = 0;
    std::vector<std::int16_t> revents{};  // poll, in the order of its entries
    struct EpollEvent {
        std::uint32_t events = 0;
        std::uint64_t data = 0;
    };
    std::vector<EpollEvent> events{};
    std::int64_t number = 0;          // what an ioctl answered
    std::array<int, 2> ends{-1, -1};  // of a pipe
};

// The descriptors that a call has made.
std::vector<int> made_by(const Request& request, const Outcome& outcome);

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
    // How far the clock is ahead of it that time stamps are of.
    virtual Duration wall_ahead() const { return {}; }
    virtual void step(Instant until) = 0;
    // When an alarm rings of its own accord, where time is ours; it may be late.
    virtual Instant next_alarm() const { return Instant::never(); }
    // Time passes, and no alarm is heard before something else happens, or step().
    virtual void oversleep(Instant until) { step(until); }
    // `merged` 0: as it is. Else it stands for segments of so many bytes that a device merged.
    virtual void inject(std::span<const std::uint8_t> packet, std::uint16_t merged = 0) = 0;
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
