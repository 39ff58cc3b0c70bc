#include "fairlead/error.hpp"

namespace fairlead {
namespace {

struct Text {
    std::string_view name;
    std::string_view message;
};

constexpr Text text_of(Errc e) {
    switch (e) {
        case Errc::NotPermitted: return {"EPERM", "Operation not permitted"};
        case Errc::NoSuchEntry: return {"ENOENT", "No such file or directory"};
        case Errc::Interrupted: return {"EINTR", "Interrupted system call"};
        case Errc::NoSuchDeviceOrAddress: return {"ENXIO", "No such device or address"};
        case Errc::TooBig: return {"E2BIG", "Argument list too long"};
        case Errc::BadDescriptor: return {"EBADF", "Bad file descriptor"};
        case Errc::WouldBlock: return {"EAGAIN", "Resource temporarily unavailable"};
        case Errc::OutOfMemory: return {"ENOMEM", "Cannot allocate memory"};
        case Errc::AccessDenied: return {"EACCES", "Permission denied"};
        case Errc::BadAddress: return {"EFAULT", "Bad address"};
        case Errc::Busy: return {"EBUSY", "Device or resource busy"};
        case Errc::Exists: return {"EEXIST", "File exists"};
        case Errc::NoSuchDevice: return {"ENODEV", "No such device"};
        case Errc::InvalidArgument: return {"EINVAL", "Invalid argument"};
        case Errc::TooManyOpenFiles: return {"EMFILE", "Too many open files"};
        case Errc::NotATerminal: return {"ENOTTY", "Inappropriate ioctl for device"};
        case Errc::IllegalSeek: return {"ESPIPE", "Illegal seek"};
        case Errc::BrokenPipe: return {"EPIPE", "Broken pipe"};
        case Errc::OutOfRange: return {"EDOM", "Numerical argument out of domain"};
        case Errc::TooManyLinks: return {"ELOOP", "Too many levels of symbolic links"};
        case Errc::NoMessage: return {"ENOMSG", "No message of desired type"};
        case Errc::NotOnNetwork: return {"ENONET", "Machine is not on the network"};
        case Errc::ProtocolError: return {"EPROTO", "Protocol error"};
        case Errc::NotASocket: return {"ENOTSOCK", "Socket operation on non-socket"};
        case Errc::DestinationRequired: return {"EDESTADDRREQ", "Destination address required"};
        case Errc::MessageTooLong: return {"EMSGSIZE", "Message too long"};
        case Errc::WrongProtocolType: return {"EPROTOTYPE", "Protocol wrong type for socket"};
        case Errc::NoSuchOption: return {"ENOPROTOOPT", "Protocol not available"};
        case Errc::ProtocolNotSupported: return {"EPROTONOSUPPORT", "Protocol not supported"};
        case Errc::SocketTypeNotSupported: return {"ESOCKTNOSUPPORT", "Socket type not supported"};
        case Errc::NotSupported: return {"EOPNOTSUPP", "Operation not supported"};
        case Errc::FamilyNotSupported:
            return {"EAFNOSUPPORT", "Address family not supported by protocol"};
        case Errc::AddressInUse: return {"EADDRINUSE", "Address already in use"};
        case Errc::AddressNotAvailable: return {"EADDRNOTAVAIL", "Cannot assign requested address"};
        case Errc::NetworkDown: return {"ENETDOWN", "Network is down"};
        case Errc::NetworkUnreachable: return {"ENETUNREACH", "Network is unreachable"};
        case Errc::ConnectionAborted: return {"ECONNABORTED", "Software caused connection abort"};
        case Errc::ConnectionReset: return {"ECONNRESET", "Connection reset by peer"};
        case Errc::NoBuffers: return {"ENOBUFS", "No buffer space available"};
        case Errc::AlreadyConnected: return {"EISCONN", "Transport endpoint is already connected"};
        case Errc::NotConnected: return {"ENOTCONN", "Transport endpoint is not connected"};
        case Errc::TimedOut: return {"ETIMEDOUT", "Connection timed out"};
        case Errc::ConnectionRefused: return {"ECONNREFUSED", "Connection refused"};
        case Errc::HostDown: return {"EHOSTDOWN", "Host is down"};
        case Errc::HostUnreachable: return {"EHOSTUNREACH", "No route to host"};
        case Errc::AlreadyInProgress: return {"EALREADY", "Operation already in progress"};
        case Errc::InProgress: return {"EINPROGRESS", "Operation now in progress"};
        case Errc::KeyRejected: return {"EKEYREJECTED", "Key was rejected by service"};
    }
    return {"E?", "Unknown error"};
}

}  // namespace

std::string_view name_of(Errc e) { return text_of(e).name; }
std::string_view message_of(Errc e) { return text_of(e).message; }

}  // namespace fairlead
