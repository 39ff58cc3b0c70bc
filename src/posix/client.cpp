// Descriptors, and how a call that may block begins.
#include "posix/client.hpp"

#include <utility>

namespace fairlead::posix {

Client::Client(OpenFileTable& files, const ClientOptions& options)
    : files_{files},
      stack_{files.stack()},
      table_{options.lowest_descriptor, options.most_descriptors} {}

Client::~Client() {
    for (int fd = 0; fd < table_.size(); ++fd) {
        if (table_.find(fd) != nullptr) drop(fd);
    }
}

void Client::share_with(Client& child) {
    child.is_privileged_ = is_privileged_;
    for (int fd = 0; fd < table_.size(); ++fd) {
        const auto* entry = table_.find(fd);
        if (entry == nullptr) continue;
        files_.hold(*entry->file);
        child.table_.put(fd, *entry->file, entry->closes_on_exec);
    }
}

void Client::exec() {
    for (int fd = 0; fd < table_.size(); ++fd) {
        const auto* entry = table_.find(fd);
        if (entry != nullptr && entry->closes_on_exec) drop(fd);
    }
}

Result<int> Client::pass(int fd, Client& to, bool closes_on_exec) {
    OpenFile* f = FAIRLEAD_TRY(file(fd));
    files_.hold(*f);
    return to.install(f, closes_on_exec ? abi::kCloseOnExec : 0);
}

Result<OpenFile*> Client::file(int fd) {
    const auto* entry = table_.find(fd);
    if (entry == nullptr) return std::unexpected{Errc::BadDescriptor};
    return entry->file;
}

Result<OpenFile*> Client::socket_file(int fd) {
    OpenFile* f = FAIRLEAD_TRY(file(fd));
    if (!f->is_socket()) return std::unexpected{Errc::NotASocket};
    return f;
}

Result<SocketId> Client::socket_of(int fd) {
    const OpenFile* f = FAIRLEAD_TRY(socket_file(fd));
    return f->socket.id;
}

// Takes over the caller's reference, which goes with a failure.
Result<int> Client::install(OpenFile* f, int flags, int from) {
    if (f == nullptr) return std::unexpected{Errc::OutOfMemory};
    const auto fd = table_.lowest_free(from);
    if (!fd) {
        files_.release(*f);
        return std::unexpected{fd.error()};
    }
    table_.put(*fd, *f, (flags & abi::kCloseOnExec) != 0);
    return *fd;
}

void Client::drop(int fd) { files_.release(*table_.take(fd).file); }

TcpState Client::state_of(const OpenFile& f) {
    const auto info = stack_.tcp_info(f.socket.id);
    return info ? info->state : TcpState::Closed;
}

Call Client::begin(pending::Work work, OpenFile* f, bool may_block, Duration timeout) {
    const bool waits = may_block && timeout > Duration{};
    if (const auto answer = attempt(work, f, waits)) return Call{*answer};
    const Instant deadline =
        timeout == Duration::infinite() ? Instant::never() : stack_.now() + timeout;
    Pending* pending = files_.pending().make(*this, std::move(work), f, deadline);
    if (pending == nullptr) return Call{Answer{.value = std::unexpected{Errc::OutOfMemory}}};
    return Call{pending};
}

std::optional<Answer> Client::attempt(pending::Work& work, OpenFile* f, bool may_wait) {
    return std::visit(
        [&](auto& w) -> std::optional<Answer> {
            if constexpr (requires { attempt(w, *f, may_wait); }) {
                return attempt(w, *f, may_wait);
            } else {
                return attempt(w, may_wait);
            }
        },
        work);
}

Call Client::close(int fd) {
    const auto f = file(fd);
    if (!f) return Call{Answer{.value = std::unexpected{f.error()}}};
    OpenFile& it = **f;
    (void)table_.take(fd);
    const bool is_last = it.references == 1 && it.is_socket() && it.socket.is_stream;
    const std::int64_t linger =
        is_last ? stack_.option(it.socket.id, Option::LingerSeconds).value_or(-1) : -1;
    Call call{Answer{}};
    // What nobody has read is answered with a RST, and there is nothing to wait for.
    if (linger > 0 && stack_.bytes_to_read(it.socket.id).value_or(1) == 0) {
        (void)stack_.shutdown(it.socket.id, Shutdown::Both);
        call = begin(pending::Close{}, &it, true, Duration::from_s(linger));
    }
    files_.release(it);
    return call;
}

// sk_stream_wait_close()
std::optional<Answer> Client::attempt(pending::Close&, OpenFile& f, bool may_wait) {
    const TcpState state = state_of(f);
    const bool is_closing =
        state == TcpState::FinWait1 || state == TcpState::Closing || state == TcpState::LastAck;
    if (is_closing && may_wait) return std::nullopt;
    return Answer{};
}

Result<void> Client::close_range(unsigned first, unsigned last, unsigned flags) {
    if (first > last || (flags & ~abi::kCloseRangeCloseOnExec) != 0) {
        return std::unexpected{Errc::InvalidArgument};
    }
    for (int fd = 0; fd < table_.size(); ++fd) {
        const auto number = static_cast<unsigned>(fd);
        auto* entry = number >= first && number <= last ? table_.find(fd) : nullptr;
        if (entry == nullptr) continue;
        if (flags != 0) {
            entry->closes_on_exec = true;
        } else {
            drop(fd);
        }
    }
    return {};
}

Result<int> Client::dup(int fd) {
    OpenFile* f = FAIRLEAD_TRY(file(fd));
    files_.hold(*f);
    return install(f, 0);
}

Result<int> Client::dup2(int fd, int to) {
    if (fd != to) return dup3(fd, to, 0);
    (void)FAIRLEAD_TRY(file(fd));
    return fd;
}

Result<int> Client::dup3(int fd, int to, int flags) {
    if ((flags & ~abi::kCloseOnExec) != 0 || fd == to) {
        return std::unexpected{Errc::InvalidArgument};
    }
    if (to < 0 || to >= table_.limit()) return std::unexpected{Errc::BadDescriptor};
    OpenFile* f = FAIRLEAD_TRY(file(fd));
    files_.hold(*f);
    if (table_.find(to) != nullptr) drop(to);
    table_.put(to, *f, flags != 0);
    return to;
}

}  // namespace fairlead::posix
