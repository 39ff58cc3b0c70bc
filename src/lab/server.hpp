// lab/server.hpp — HTTP over the sockets of a stack.
//
// Owns:      a listener for both families and its connections: bytes between sockets and
//            http::Connection, the idle timeout, the orderly end.
// Rules:     One stack, one thread; driven by readiness. An idle connection holds no buffer: input
//            and output pass through one scratch, and only what a pipelining peer sent ahead is kept,
//            a scratch at most.
// Not here:  what is answered (http/), clocks and sleeping (loop.hpp): both times are handed in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "fairlead/stack.hpp"
#include "http/connection.hpp"

namespace fairlead::lab {

struct ServerOptions {
    std::uint16_t port = 80;
    int backlog = 4096;
    std::size_t most_connections = 16'384;  // more wait in the backlog
    Duration idle_timeout = 60_s;           // without a byte either way
    Duration linger = 2_s;                  // for the peer's end, once all is sent
};

struct ServerCounts {
    std::uint64_t accepted = 0;
    std::uint64_t requests = 0;    // answered whole
    std::uint64_t unfinished = 0;  // begun and not answered whole
    std::uint64_t timeouts = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
    std::size_t open = 0;
    std::size_t most_open = 0;
};

// The same moment on both clocks.
struct Moment {
    Instant stack{};
    http::UnixTime wall{};
};

class Server {
public:
    using AccessLog = std::function<void(const Endpoint& peer, const http::Exchange& exchange)>;

    // The stack and the site outlive the server.
    Server(Stack& stack, const http::Site& site, const ServerOptions& options, AccessLog log = {});
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server() { close(); }

    Result<void> listen();
    // An event of one of our sockets; false: of somebody else's.
    bool on_event(const SocketEvent& event, Moment now);
    // Ends what has been idle for too long; says when to come again.
    Instant on_time(Moment now);
    // For a program whose stack has no other sockets: takes all events, then on_time().
    Instant work(Moment now);
    // No more connections, and an end to those there are.
    void close();

    const ServerCounts& counts() const { return counts_; }

private:
    static constexpr std::size_t kScratch = 256 * 1024;
    static constexpr std::size_t kLeastStride = 16 * 1024;

    struct Session;
    using Sessions = std::list<Session>;

    struct Session {
        SocketId socket{};
        Endpoint peer{};
        http::Connection connection;
        std::vector<std::byte> ahead{};  // came with what is being answered, and waits
        std::size_t ahead_at = 0;
        std::size_t stride = kLeastStride;  // how much is read from a file for one send
        Instant moved{};                    // when a byte last went either way, or lingering began
        std::uint32_t slot = 0;
        bool is_lingering = false;
        bool has_peer_closed = false;
    };
    enum class Flow : std::uint8_t { More, Blocked, Ended };

    // Cookies name slots; the mark keeps them apart from other programs' on the same stack.
    static constexpr std::uint64_t kMark = std::uint64_t{0x53525652} << 32;  // "SRVR"
    static constexpr std::uint64_t kListener = kMark | 0xffff'ffff;

    void accept_all(Moment now);
    bool admit(SocketId socket, Moment now);
    void pump(Sessions::iterator session, Moment now);
    Flow write_out(Session& session);
    Flow read_in(Session& session, Moment now);
    Flow drop_input(Session& session);
    void feed_ahead(Session& session, Moment now);
    void begin_linger(Sessions::iterator session, Moment now);
    void end(Sessions::iterator session, bool with_reset);
    void log(Session& session);

    Stack* stack_;
    const http::Site* site_;
    ServerOptions options_;
    AccessLog log_;
    SocketId listener_{};
    bool is_full_ = false;  // somebody may wait in the backlog
    // Each in the order of `moved`, so that the first is the next to time out.
    Sessions active_{};
    Sessions lingering_{};
    std::vector<std::optional<Sessions::iterator>> slots_{};  // empty: free
    std::vector<std::uint32_t> free_slots_{};
    std::vector<std::byte> scratch_;
    ServerCounts counts_{};
};

}  // namespace fairlead::lab
