// posix/client.hpp — Linux's socket calls for one process.
//
// Owns:      the descriptor table of one client. Several clients over one OpenFileTable are several
//            processes of a host.
// Contract:  numbers, lengths and errors are Linux's; names are bytes of struct sockaddr. A call
//            that may block returns a Call; with O_NONBLOCK or MSG_DONTWAIT it is done at once.
//            Calls that are pending end before their client does.
// Files:     client.cpp (descriptors), sockets.cpp, receive.cpp, send.cpp, options.cpp, control.cpp
//            (fcntl, ioctl), wait.cpp (poll, select, epoll), transfer.cpp (pipes, sendfile, splice).
// Not here:  memory of another process, signals, threads, the clock.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "posix/call.hpp"
#include "posix/descriptor_table.hpp"
#include "posix/open_file_table.hpp"

namespace fairlead::posix {

struct ClientOptions {
    int lowest_descriptor = 3;  // below it are the program's own
    int most_descriptors = 1024;
};

// struct msghdr: the name and the control bytes of a message, beside its pieces.
struct MessageIn {
    ReadPieces into{};
    MutableBytes control{};
};
struct MessageOut {
    WritePieces from{};
    Bytes name{};
    Bytes control{};
};

class Client {
public:
    explicit Client(OpenFileTable& files, const ClientOptions& options = {});
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client();

    // --- processes ---
    // The child of a fork begins with the same open files.
    void share_with(Client& child);
    void exec();  // closes what has FD_CLOEXEC
    // Whether it has CAP_NET_BIND_SERVICE: ports below ip_unprivileged_port_start. At first it has.
    void set_privileged(bool is_privileged) { is_privileged_ = is_privileged; }
    // Its group, which may have ping sockets or not (net.ipv4.ping_group_range). At first root's.
    void set_group(std::uint32_t group) { group_ = group; }
    // Of the sockets that it makes from now on: stamps are told as of a clock on the wall.
    void set_epoch(Duration epoch) { epoch_ = epoch; }
    // A descriptor of another client for the same open file (SCM_RIGHTS).
    Result<int> pass(int fd, Client& to, bool closes_on_exec = false);

    // --- sockets ---
    Result<int> socket(int domain, int type, int protocol);
    Result<void> bind(int fd, Bytes name);
    Result<void> listen(int fd, int backlog);
    Call connect(int fd, Bytes name);
    Call accept(int fd, int flags = 0);
    Result<void> shutdown(int fd, int how);
    Result<SocketName> getsockname(int fd);
    Result<SocketName> getpeername(int fd);
    Result<void> setsockopt(int fd, int level, int name, Bytes value);
    // How many bytes of `value` were written.
    Result<std::size_t> getsockopt(int fd, int level, int name, MutableBytes value);

    // --- bytes ---
    Call read(int fd, ReadPieces into);
    Call write(int fd, WritePieces from);
    Call receive(int fd, const MessageIn& message, int flags);
    Call send(int fd, const MessageOut& message, int flags);
    Result<std::array<int, 2>> pipe(int flags = 0);
    // A descriptor for bytes that somebody else keeps.
    Result<int> open_source(const FileSource& source, int flags = 0);
    // From a source into a socket or a pipe; `offset` null: where the source stands.
    Call sendfile(int out, int in, std::int64_t* offset, std::size_t count);
    // One of them is a pipe.
    Call splice(int in, int out, std::size_t count, unsigned flags);

    // --- descriptors ---
    // Pending only where SO_LINGER waits. The descriptor is gone at once.
    Call close(int fd);
    Result<void> close_range(unsigned first, unsigned last, unsigned flags);
    Result<int> dup(int fd);
    Result<int> dup2(int fd, int to);
    Result<int> dup3(int fd, int to, int flags);
    Result<int> fcntl(int fd, int command, std::int64_t argument = 0);
    // `argument`: the int that is read or written.
    Result<int> ioctl(int fd, std::uint64_t request, std::int32_t& argument);

    // --- waiting; a negative timeout waits for ever ---
    Call poll(std::span<PollEntry> entries, Duration timeout);
    Call select(int count, const SelectSets& sets, Duration timeout);
    Result<int> epoll_create(int flags = 0);
    Result<void> epoll_ctl(int epfd, int operation, int fd, const EpollEvent& event);
    Call epoll_wait(int epfd, std::span<EpollEvent> into, Duration timeout);

    OpenFileTable& files() { return files_; }
    Stack& stack() { return stack_; }
    // The socket behind a descriptor, for what only the stack tells. NotASocket.
    Result<SocketId> socket_of(int fd);

private:
    friend class Call;
    friend class Pending;

    Result<OpenFile*> file(int fd);
    bool may_ping() const;
    Result<OpenFile*> socket_file(int fd);
    Result<int> install(OpenFile* file, int flags, int from = 0);
    void drop(int fd);

    // Tries; where that would block and may, the call is left pending.
    Call begin(pending::Work work, OpenFile* file, bool may_block, Duration timeout);
    // Nothing: it would block, and its time is not over.
    std::optional<Answer> attempt(pending::Work& work, OpenFile* file, bool may_wait);
    std::optional<Answer> attempt(pending::Accept& a, OpenFile& f, bool may_wait);
    std::optional<Answer> attempt(pending::Connect& c, OpenFile& f, bool may_wait);
    std::optional<Answer> attempt(pending::Receive& r, OpenFile& f, bool may_wait);
    std::optional<Answer> attempt(pending::Send& s, OpenFile& f, bool may_wait);
    std::optional<Answer> attempt(pending::PipeRead& r, OpenFile& f, bool may_wait);
    std::optional<Answer> attempt(pending::PipeWrite& w, OpenFile& f, bool may_wait);
    std::optional<Answer> attempt(pending::Close& c, OpenFile& f, bool may_wait);
    std::optional<Answer> attempt(pending::EpollWait& w, OpenFile& f, bool may_wait);
    std::optional<Answer> attempt(pending::Transfer& t, OpenFile& f, bool may_wait);
    std::optional<Answer> attempt(pending::Poll& p, bool may_wait);
    std::optional<Answer> attempt(pending::Select& s, bool may_wait);

    // receive.cpp
    std::optional<Answer> receive_stream(pending::Receive& r, OpenFile& f, bool may_wait);
    std::optional<Answer> receive_datagram(pending::Receive& r, OpenFile& f, bool may_wait);
    Answer receive_error(pending::Receive& r, OpenFile& f);
    Answer receive_urgent(pending::Receive& r, OpenFile& f);
    std::optional<Answer> receive_nothing(OpenFile& f, bool may_wait);
    std::optional<Answer> peek_stream(pending::Receive& r, OpenFile& f, bool may_wait);
    void note_arrival(pending::Receive& r, const OpenFile& f, std::size_t size);
    void tell_of_stream(const pending::Receive& r, const OpenFile& f, Answer& answer);
    std::size_t wanted(const pending::Receive& r, OpenFile& f);
    // send.cpp
    std::optional<Answer> send_stream(pending::Send& s, OpenFile& f, bool may_wait);
    std::optional<Answer> send_bytes(pending::Send& s, OpenFile& f, bool may_wait);
    Result<void> open_fast(pending::Send& s, OpenFile& f);
    void tell_of_rest(const pending::Send& s, const OpenFile& f);
    // Nothing: the connection is open, and `s.is_opening` is false; or the call waits for that.
    std::optional<Answer> await_opening(pending::Send& s, OpenFile& f, bool may_wait);
    Answer send_datagram(pending::Send& s, OpenFile& f);
    // options.cpp
    Result<void> keep_flag(SocketFile& s, bool& flag, int number);
    Result<void> set_v4(SocketFile& s, int& kept, int number);
    // transfer.cpp
    Result<Bytes> next_of(pending::Transfer& t);
    void consumed(pending::Transfer& t, std::size_t count);
    Result<std::size_t> pass_on(OpenFile& to, Bytes bytes, bool more);

    TcpState state_of(const OpenFile& f);
    IpAddress own_loopback(const Endpoint& any, const SocketFile& s);

    OpenFileTable& files_;
    Stack& stack_;
    DescriptorTable table_;
    bool is_privileged_ = true;
    std::int64_t group_ = 0;
    Duration epoch_{};
};

}  // namespace fairlead::posix
