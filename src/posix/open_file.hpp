// posix/open_file.hpp — the open file description: what descriptors stand for.
//
// Owns:   OpenFile: its kind, the flags and timeouts that all its descriptors share, who waits for
//         it. Descriptors, pending calls and messages in flight count as references; the last one
//         that goes closes it.
// Knows:  open(2) on descriptions; which wake-ups Linux gives (sock_def_readable() and its kin).
// Not here: descriptors (descriptor_table.hpp), who makes and ends one (open_file_table.hpp).
#pragma once

#include <cstdint>
#include <memory>

#include "base/slab.hpp"
#include "fairlead/socket.hpp"
#include "fairlead/timestamping.hpp"
#include "posix/pipe.hpp"
#include "posix/wait_queue.hpp"

namespace fairlead::posix {

class EpollSet;

enum class FileKind : std::uint8_t { Socket, Epoll, PipeReader, PipeWriter, Source };

// What a socket call has said of a connection so far (Linux's socket_state).
enum class Stage : std::uint8_t { Unconnected, Connecting, Connected, Disconnecting };

// What recvmsg() tells beside the bytes, where it was asked for.
struct Ancillary {
    bool packet_info = false;  // IP_PKTINFO
    bool ttl = false;
    bool tos = false;
    bool packet_info6 = false;  // IPV6_RECVPKTINFO
    bool hop_limit = false;
    bool traffic_class = false;
    bool timestamp = false;     // SO_TIMESTAMP
    bool timestamp_ns = false;  // SO_TIMESTAMPNS
    bool inquires = false;      // TCP_INQ
    bool options = false;       // IP_RECVOPTS, IP_RETOPTS: kept, as no options come with a datagram
    bool returned_options = false;
    Stamps stamps = 0;  // SO_TIMESTAMPING
    Duration epoch{};   // what a clock on the wall shows when the stack's time is none
};

struct SocketFile {
    SocketId id{};
    Family family = Family::Inet;
    bool is_stream = false;
    bool is_ping = false;  // of ICMP, which is a datagram socket in all else
    Stage stage = Stage::Unconnected;
    Ancillary ancillary{};
    // Of a stream, which does nothing with them.
    bool broadcasts = false;
    bool wants_errors = false;   // IP_RECVERR
    bool wants_errors6 = false;  // IPV6_RECVERR
    int priority = 0;
    int mark = 0;
    int mtu_discovery = 1;  // IP_PMTUDISC_WANT
    // Of an IPv6 socket, for what it has to do with IPv4.
    int v4_ttl = -1;
    int v4_tos = 0;
    int multicast_ttl = -1;  // IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS; -1: as all else
    Duration receive_timeout = Duration::infinite();
    Duration send_timeout = Duration::infinite();
};

// Bytes that somebody else keeps, for sendfile() and splice(). The functions are called while a call
// is made or resumed, and never otherwise.
struct FileSource {
    using Read = Result<std::size_t> (*)(void* user, std::int64_t offset, MutableBytes into);
    using Closed = void (*)(void* user);
    Read read = nullptr;  // 0: the end
    Closed closed = nullptr;
    void* user = nullptr;
    std::int64_t offset = 0;  // where the next read() begins
};

struct OpenFile {
    FileKind kind = FileKind::Socket;
    int flags = 0;  // O_NONBLOCK and the access mode
    int owner = 0;  // F_SETOWN
    std::uint32_t references = 0;
    SlabNumber slab_number{};
    WaitQueue queue{};
    SocketFile socket{};
    std::unique_ptr<EpollSet> epoll{};
    std::shared_ptr<Pipe> pipe{};
    FileSource source{};

    OpenFile();
    ~OpenFile();
    bool is_nonblocking() const { return (flags & abi::kNonblock) != 0; }
    bool is_socket() const { return kind == FileKind::Socket; }
};

}  // namespace fairlead::posix
