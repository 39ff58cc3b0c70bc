// The calls of C: structures of the system become values, results become -errno.
#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "capi/fl_stack.hpp"
#include "posix/authentication.hpp"

using namespace fairlead;
using posix::Answer;
using posix::Call;
using posix::PollEntry;
using posix::ReadPieces;
using posix::SocketName;
using posix::WritePieces;

namespace {

int number_of(Errc e) { return -to_errno(e); }

int result_of(const Result<void>& result) { return result ? 0 : number_of(result.error()); }
int result_of(const Result<int>& result) { return result ? *result : number_of(result.error()); }

std::ptrdiff_t value_of(const Answer& answer) {
    return answer.value ? static_cast<std::ptrdiff_t>(*answer.value)
                        : number_of(answer.value.error());
}

std::ptrdiff_t finish(fl_stack* stack, Call call, Errc otherwise = Errc::WouldBlock) {
    return value_of(stack->finish(call, otherwise));
}

Bytes bytes_at(const void* data, std::size_t size) {
    return {static_cast<const std::byte*>(data), size};
}
MutableBytes room_at(void* data, std::size_t size) { return {static_cast<std::byte*>(data), size}; }

// move_addr_to_user(): what fits is written, the whole size is told.
void give_name(const SocketName& name, sockaddr* into, std::uint32_t* size) {
    if (into == nullptr || size == nullptr) return;
    std::memcpy(into, name.storage.data(), std::min<std::size_t>(name.size, *size));
    *size = static_cast<std::uint32_t>(name.size);
}

int give_name(const Result<SocketName>& name, sockaddr* into, std::uint32_t* size) {
    if (!name) return number_of(name.error());
    if (into == nullptr || size == nullptr) return number_of(Errc::BadAddress);
    give_name(*name, into, size);
    return 0;
}

// The iovecs as spans; `keep` holds them as long as the call lasts.
template <typename B>
posix::Pieces<B> pieces_of(const iovec* vector, std::size_t count, std::vector<B>& keep) {
    keep.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        keep.push_back(room_at(vector[i].iov_base, vector[i].iov_len));
    }
    return posix::Pieces<B>{std::span<const B>{keep}};
}

bool is_good_count(int count) { return count >= 0 && count <= 1024; }  // UIO_MAXIOV

Duration timeout_of(int ms) { return ms < 0 ? Duration::from_ns(-1) : Duration::from_ms(ms); }

}  // namespace

extern "C" {

int fl_socket(fl_stack* stack, int domain, int type, int protocol) {
    return result_of(stack->client.socket(domain, type, protocol));
}

int fl_bind(fl_stack* stack, int fd, const sockaddr* name, std::uint32_t size) {
    return result_of(stack->client.bind(fd, bytes_at(name, size)));
}

int fl_listen(fl_stack* stack, int fd, int backlog) {
    return result_of(stack->client.listen(fd, backlog));
}

int fl_connect(fl_stack* stack, int fd, const sockaddr* name, std::uint32_t size) {
    return static_cast<int>(
        finish(stack, stack->client.connect(fd, bytes_at(name, size)), Errc::InProgress));
}

int fl_accept4(fl_stack* stack, int fd, sockaddr* name, std::uint32_t* size, int flags) {
    const auto made = static_cast<int>(finish(stack, stack->client.accept(fd, flags)));
    if (made >= 0) give_name(stack->last.name, name, size);
    return made;
}

int fl_accept(fl_stack* stack, int fd, sockaddr* name, std::uint32_t* size) {
    return fl_accept4(stack, fd, name, size, 0);
}

int fl_shutdown(fl_stack* stack, int fd, int how) {
    return result_of(stack->client.shutdown(fd, how));
}

int fl_close(fl_stack* stack, int fd) {
    return static_cast<int>(finish(stack, stack->client.close(fd)));
}

int fl_getsockname(fl_stack* stack, int fd, sockaddr* name, std::uint32_t* size) {
    return give_name(stack->client.getsockname(fd), name, size);
}

int fl_getpeername(fl_stack* stack, int fd, sockaddr* name, std::uint32_t* size) {
    return give_name(stack->client.getpeername(fd), name, size);
}

namespace {

// TCP_AO_GET_KEYS: the length is that of one record, of which there may be several.
std::size_t option_room(int level, int name, const void* value, std::size_t size) {
    const bool has_records = level == posix::abi::kSolTcp && name == posix::abi::tcp::kKeys &&
                             value != nullptr && size == posix::kKeyRecordBytes;
    return has_records ? size * posix::records_asked_for(bytes_at(value, size)) : size;
}

}  // namespace

int fl_getsockopt(fl_stack* stack, int fd, int level, int name, void* value, std::uint32_t* size) {
    if (size == nullptr) return number_of(Errc::BadAddress);
    const auto written = stack->client.getsockopt(
        fd, level, name, room_at(value, option_room(level, name, value, *size)));
    if (!written) return number_of(written.error());
    *size = static_cast<std::uint32_t>(*written);
    return 0;
}

int fl_setsockopt(fl_stack* stack, int fd, int level, int name, const void* value,
                  std::uint32_t size) {
    return result_of(stack->client.setsockopt(fd, level, name, bytes_at(value, size)));
}

std::ptrdiff_t fl_read(fl_stack* stack, int fd, void* into, std::size_t size) {
    return finish(stack, stack->client.read(fd, room_at(into, size)));
}

std::ptrdiff_t fl_readv(fl_stack* stack, int fd, const iovec* into, int count) {
    if (!is_good_count(count)) return number_of(Errc::InvalidArgument);
    std::vector<MutableBytes> keep;
    return finish(stack,
                  stack->client.read(fd, pieces_of(into, static_cast<std::size_t>(count), keep)));
}

std::ptrdiff_t fl_recvfrom(fl_stack* stack, int fd, void* into, std::size_t size, int flags,
                           sockaddr* name, std::uint32_t* name_size) {
    const auto got = finish(stack, stack->client.receive(fd, {.into = room_at(into, size)}, flags));
    if (got >= 0) give_name(stack->last.name, name, name_size);
    return got;
}

std::ptrdiff_t fl_recv(fl_stack* stack, int fd, void* into, std::size_t size, int flags) {
    return fl_recvfrom(stack, fd, into, size, flags, nullptr, nullptr);
}

std::ptrdiff_t fl_recvmsg(fl_stack* stack, int fd, msghdr* message, int flags) {
    std::vector<MutableBytes> keep;
    const posix::MessageIn in{.into = pieces_of(message->msg_iov, message->msg_iovlen, keep),
                              .control = room_at(message->msg_control, message->msg_controllen)};
    const auto got = finish(stack, stack->client.receive(fd, in, flags));
    if (got < 0) return got;
    const Answer& answer = stack->last;
    if (message->msg_name != nullptr) {
        const std::size_t size = std::min<std::size_t>(answer.name.size, message->msg_namelen);
        std::memcpy(message->msg_name, answer.name.storage.data(), size);
        message->msg_namelen = static_cast<socklen_t>(answer.name.size);
    }
    message->msg_controllen = answer.control_bytes;
    message->msg_flags = answer.message_flags;
    return got;
}

std::ptrdiff_t fl_write(fl_stack* stack, int fd, const void* from, std::size_t size) {
    return finish(stack, stack->client.write(fd, bytes_at(from, size)));
}

std::ptrdiff_t fl_writev(fl_stack* stack, int fd, const iovec* from, int count) {
    if (!is_good_count(count)) return number_of(Errc::InvalidArgument);
    std::vector<Bytes> keep;
    return finish(stack,
                  stack->client.write(fd, pieces_of(from, static_cast<std::size_t>(count), keep)));
}

std::ptrdiff_t fl_sendto(fl_stack* stack, int fd, const void* from, std::size_t size, int flags,
                         const sockaddr* name, std::uint32_t name_size) {
    const posix::MessageOut out{.from = bytes_at(from, size),
                                .name = bytes_at(name, name == nullptr ? 0 : name_size)};
    return finish(stack, stack->client.send(fd, out, flags));
}

std::ptrdiff_t fl_send(fl_stack* stack, int fd, const void* from, std::size_t size, int flags) {
    return fl_sendto(stack, fd, from, size, flags, nullptr, 0);
}

std::ptrdiff_t fl_sendmsg(fl_stack* stack, int fd, const msghdr* message, int flags) {
    std::vector<Bytes> keep;
    const std::size_t name_size = message->msg_name == nullptr ? 0 : message->msg_namelen;
    const posix::MessageOut out{.from = pieces_of(message->msg_iov, message->msg_iovlen, keep),
                                .name = bytes_at(message->msg_name, name_size),
                                .control = bytes_at(message->msg_control, message->msg_controllen)};
    return finish(stack, stack->client.send(fd, out, flags));
}

int fl_dup(fl_stack* stack, int fd) { return result_of(stack->client.dup(fd)); }

int fl_dup2(fl_stack* stack, int fd, int to) { return result_of(stack->client.dup2(fd, to)); }

int fl_fcntl(fl_stack* stack, int fd, int command, std::intptr_t argument) {
    return result_of(stack->client.fcntl(fd, command, argument));
}

int fl_ioctl(fl_stack* stack, int fd, unsigned long request, int* argument) {
    int none = 0;
    return result_of(stack->client.ioctl(fd, request, argument == nullptr ? none : *argument));
}

int fl_pipe(fl_stack* stack, int fds[2], int flags) {
    const auto made = stack->client.pipe(flags);
    if (!made) return number_of(made.error());
    std::ranges::copy(*made, fds);
    return 0;
}

std::ptrdiff_t fl_splice(fl_stack* stack, int in, int out, std::size_t size, unsigned flags) {
    return finish(stack, stack->client.splice(in, out, size, flags));
}

int fl_poll_fds(fl_stack* stack, pollfd* fds, std::size_t count, int timeout_ms) {
    std::vector<PollEntry> entries(count);
    for (std::size_t i = 0; i < count; ++i) entries[i] = {.fd = fds[i].fd, .events = fds[i].events};
    Call call = stack->client.poll(entries, timeout_of(timeout_ms));
    const Answer& answer = stack->finish(call, Errc{});
    if (answer.value == std::unexpected{Errc{}}) return 0;  // nobody waits, and nothing is ready
    for (std::size_t i = 0; i < count; ++i) fds[i].revents = entries[i].revents;
    return static_cast<int>(value_of(answer));
}

int fl_epoll_create(fl_stack* stack, int flags) {
    return result_of(stack->client.epoll_create(flags));
}

int fl_epoll_ctl(fl_stack* stack, int epfd, int operation, int fd, epoll_event* event) {
    if (event == nullptr && operation != EPOLL_CTL_DEL) return number_of(Errc::BadAddress);
    posix::EpollEvent value;
    if (event != nullptr) value = {.events = event->events, .data = event->data.u64};
    return result_of(stack->client.epoll_ctl(epfd, operation, fd, value));
}

int fl_epoll_wait(fl_stack* stack, int epfd, epoll_event* events, int most, int timeout_ms) {
    if (most <= 0) return number_of(Errc::InvalidArgument);
    constexpr int kMostAtOnce = 256;
    std::array<posix::EpollEvent, kMostAtOnce> into;
    const auto room = static_cast<std::size_t>(std::min(most, kMostAtOnce));
    Call call = stack->client.epoll_wait(epfd, std::span{into}.first(room), timeout_of(timeout_ms));
    const Answer& answer = stack->finish(call, Errc{});
    if (answer.value == std::unexpected{Errc{}}) return 0;
    const auto count = static_cast<int>(value_of(answer));
    for (int i = 0; i < count; ++i) {
        events[i].events = into[static_cast<std::size_t>(i)].events;
        events[i].data.u64 = into[static_cast<std::size_t>(i)].data;
    }
    return count;
}

}  // extern "C"
