// fcntl and ioctl.
#include "posix/client.hpp"

namespace fairlead::posix {
namespace {

std::unexpected<Errc> refused(Errc e) { return std::unexpected{e}; }

// What F_SETFL may change.
constexpr int kSettable = abi::kAppend | abi::kNonblock | abi::kAsync;

void set_flag(OpenFile& f, int flag, bool on) { f.flags = on ? f.flags | flag : f.flags & ~flag; }

// A count of bytes as an int, or why there is none.
Result<int> tell(Result<std::size_t> bytes, std::int32_t& into) {
    into = static_cast<std::int32_t>(FAIRLEAD_TRY(bytes));
    return 0;
}

}  // namespace

Result<int> Client::fcntl(int fd, int command, std::int64_t argument) {
    OpenFile* f = FAIRLEAD_TRY(file(fd));
    auto& entry = *table_.find(fd);
    const auto number = static_cast<int>(argument);
    switch (command) {
        case abi::fcntl::kDuplicate:
        case abi::fcntl::kDuplicateCloseOnExec: {
            if (number < 0 || number >= table_.limit()) return refused(Errc::InvalidArgument);
            const bool closes = command == abi::fcntl::kDuplicateCloseOnExec;
            files_.hold(*f);
            return install(f, closes ? abi::kCloseOnExec : 0, number);
        }
        case abi::fcntl::kGetDescriptorFlags:
            return entry.closes_on_exec ? abi::kCloseOnExecFlag : 0;
        case abi::fcntl::kSetDescriptorFlags:
            entry.closes_on_exec = (number & abi::kCloseOnExecFlag) != 0;
            return 0;
        case abi::fcntl::kGetFlags: return f->flags;
        case abi::fcntl::kSetFlags:
            f->flags = (f->flags & ~kSettable) | (number & kSettable);
            return 0;
        case abi::fcntl::kGetOwner: return f->owner;
        case abi::fcntl::kSetOwner: f->owner = number; return 0;
        case abi::fcntl::kGetPipeSize:
            if (f->pipe == nullptr) return refused(Errc::BadDescriptor);
            return static_cast<int>(Pipe::kCapacity);
        default: return refused(Errc::InvalidArgument);
    }
}

Result<int> Client::ioctl(int fd, std::uint64_t request, std::int32_t& argument) {
    OpenFile* f = FAIRLEAD_TRY(file(fd));
    switch (request) {
        case abi::io::kNonblock: set_flag(*f, abi::kNonblock, argument != 0); return 0;
        case abi::io::kAsync: set_flag(*f, abi::kAsync, argument != 0); return 0;
        case abi::io::kSetCloseOnExec: table_.find(fd)->closes_on_exec = true; return 0;
        case abi::io::kClearCloseOnExec: table_.find(fd)->closes_on_exec = false; return 0;
        default: break;
    }
    const bool is_pipe = f->pipe != nullptr;
    if (is_pipe && request == abi::io::kBytesToRead) return tell(f->pipe->size(), argument);
    if (!f->is_socket()) return refused(Errc::NotATerminal);
    const SocketId id = f->socket.id;
    switch (request) {
        case abi::io::kBytesToRead: return tell(stack_.bytes_to_read(id), argument);
        case abi::io::kBytesUnacked: return tell(stack_.bytes_unacked(id), argument);
        case abi::io::kBytesUnsent:
            if (!f->socket.is_stream) return refused(Errc::NotATerminal);
            return tell(stack_.bytes_unsent(id), argument);
        case abi::io::kAtMark: argument = FAIRLEAD_TRY(stack_.is_at_mark(id)) ? 1 : 0; return 0;
        case abi::io::kSetOwnerOf:
        case abi::io::kSetGroup: f->owner = argument; return 0;
        case abi::io::kGetOwnerOf:
        case abi::io::kGetGroup: argument = f->owner; return 0;
        default: return refused(Errc::NotATerminal);
    }
}

}  // namespace fairlead::posix
