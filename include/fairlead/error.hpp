// fairlead/error.hpp — why a request could not be met.
//
// Owns:      Errc, one-to-one with Linux's errno (same numbers), and Result<T>.
// Not here:  bad packets. They are drops, counted under their MIB names (counters.hpp).
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

namespace fairlead {

// The numbers are those of Linux on every common architecture (asm-generic/errno.h).
enum class Errc : std::uint16_t {
    NotPermitted = 1,             // EPERM
    NoSuchEntry = 2,              // ENOENT
    Interrupted = 4,              // EINTR
    NoSuchDeviceOrAddress = 6,    // ENXIO
    TooBig = 7,                   // E2BIG: a struct has what is not known here
    BadDescriptor = 9,            // EBADF
    WouldBlock = 11,              // EAGAIN
    OutOfMemory = 12,             // ENOMEM
    AccessDenied = 13,            // EACCES
    BadAddress = 14,              // EFAULT
    Busy = 16,                    // EBUSY
    Exists = 17,                  // EEXIST
    NoSuchDevice = 19,            // ENODEV
    InvalidArgument = 22,         // EINVAL
    TooManyOpenFiles = 24,        // EMFILE
    NotATerminal = 25,            // ENOTTY: an ioctl that is not there
    IllegalSeek = 29,             // ESPIPE
    BrokenPipe = 32,              // EPIPE
    OutOfRange = 33,              // EDOM
    TooManyLinks = 40,            // ELOOP
    NoMessage = 42,               // ENOMSG: what the error queue has is no error
    NotOnNetwork = 64,            // ENONET
    ProtocolError = 71,           // EPROTO
    NotASocket = 88,              // ENOTSOCK
    DestinationRequired = 89,     // EDESTADDRREQ
    MessageTooLong = 90,          // EMSGSIZE
    WrongProtocolType = 91,       // EPROTOTYPE
    NoSuchOption = 92,            // ENOPROTOOPT
    ProtocolNotSupported = 93,    // EPROTONOSUPPORT
    SocketTypeNotSupported = 94,  // ESOCKTNOSUPPORT
    NotSupported = 95,            // EOPNOTSUPP
    FamilyNotSupported = 97,      // EAFNOSUPPORT
    AddressInUse = 98,            // EADDRINUSE
    AddressNotAvailable = 99,     // EADDRNOTAVAIL
    NetworkDown = 100,            // ENETDOWN
    NetworkUnreachable = 101,     // ENETUNREACH
    ConnectionAborted = 103,      // ECONNABORTED
    ConnectionReset = 104,        // ECONNRESET
    NoBuffers = 105,              // ENOBUFS
    AlreadyConnected = 106,       // EISCONN
    NotConnected = 107,           // ENOTCONN
    TimedOut = 110,               // ETIMEDOUT
    ConnectionRefused = 111,      // ECONNREFUSED
    HostDown = 112,               // EHOSTDOWN
    HostUnreachable = 113,        // EHOSTUNREACH
    AlreadyInProgress = 114,      // EALREADY
    InProgress = 115,             // EINPROGRESS
    KeyRejected = 129,            // EKEYREJECTED
};

constexpr int to_errno(Errc e) { return static_cast<int>(e); }

std::string_view name_of(Errc e);     // "ECONNREFUSED"
std::string_view message_of(Errc e);  // "Connection refused", as strerror(3) has it

template <typename T>
using Result = std::expected<T, Errc>;

// Returns the error to our caller, or yields the value.
#define FAIRLEAD_TRY(expression)                                               \
    __extension__({                                                            \
        auto net_try_result_ = (expression);                                   \
        if (!net_try_result_) return std::unexpected{net_try_result_.error()}; \
        *std::move(net_try_result_);                                           \
    })

}  // namespace fairlead
