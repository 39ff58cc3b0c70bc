// host/protocol.hpp — what a program and its host say to each other.
//
// Owns:      the records of the control connection (AF_UNIX SOCK_SEQPACKET, a request and its reply at
//            a time), and the record that comes along with an accepted connection's descriptor.
// Rules:     a request may name a socket of an arena that its connection has joined, and no other. A
//            connection joins an arena by the secret of the one it has (the child of a fork), or by
//            showing the descriptor of one of its sockets (Identify). Who may connect is decided when
//            a program is started: by the path's permissions, or by the door that it inherits.
// Not here:  who may connect, what is done (host.hpp), the data (arena.hpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace fairlead::host {

enum class Op : std::uint32_t {
    Attach = 1,  // version: kLayoutVersion; bytes: a secret, or none -> arena, bytes: its secret;
                 // descriptors: arena, state page, doorbell
    Socket,      // domain, type, protocol -> slot, generation; a descriptor
    Identify,    // a descriptor -> arena, slot, generation, flags; descriptors: arena and doorbell,
                 // where the arena was not joined yet
    Renew,       // a new descriptor for a socket that is over
    Bind,        // bytes: the name
    Listen,      // backlog
    Connect,     // bytes: the name
    Shutdown,    // how, and after which byte that was written
    SetOption,   // level, name; bytes: the value
    GetOption,   // level, name, size -> bytes
    GetName,     // -> bytes
    GetPeer,     // -> bytes
    Ioctl,       // request, argument -> bytes: the argument
    ReceiveError,  // the room for control messages, and for the rest -> bytes: kMostBytes, of which a
    // RecordHead, the name and the control messages; behind them what the error is about
    Await,  // after the last close of one that lingers -> a descriptor that is readable when
            // the connection is over; none: it is, or this was not its last
    Door,   // -> a descriptor: whoever has it may connect, as whichever user
};

struct SocketKey {
    std::uint32_t arena = 0;
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;
};

inline constexpr std::size_t kMostBytes = 1024;  // behind a request or a reply
inline constexpr std::size_t kSecretBytes = 16;

struct Request {
    Op op{};
    SocketKey key{};
    std::array<std::uint32_t, 3> arguments{};
    std::uint32_t size = 0;  // of the bytes that follow
};

// Of the type in a Socket request: its bytes cross its descriptor, for a program that has no library.
// Whoever asks has the slot, and answers the program's other calls.
inline constexpr std::uint32_t kPlainSocket = 1u << 31;

inline constexpr std::uint32_t kFlagStream = 1;  // of a Reply: what kind of socket it is
inline constexpr std::uint32_t kFlagInet6 = 2;
inline constexpr std::uint32_t kFlagPing = 4;  // its names have no ports

struct Reply {
    std::int32_t result = 0;  // or an errno, negative
    SocketKey key{};
    std::uint32_t flags = 0;
    std::uint32_t size = 0;
};

// Comes through the descriptor of a listener, together with the descriptor of the connection.
struct Accepted {
    SocketKey key{};
    std::uint32_t flags = 0;
    std::uint32_t name_size = 0;
    std::array<std::byte, 28> name{};  // whose it is
};
static_assert(sizeof(Accepted) == 48);

// Of the environment: the path of the socket to which programs connect.
inline constexpr const char* kHostVariable = "FAIRLEAD_HOST";
// And the number of a door, which stays open when a program starts another: a program that has become another
// user's may not connect by the path any more. A byte that is sent through it brings the other end of a
// control connection.
inline constexpr const char* kDoorVariable = "FAIRLEAD_DOOR";

}  // namespace fairlead::host
