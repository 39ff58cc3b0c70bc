// The kernel and the layer side by side: Calls, and what is under it.
#include "unit/posix/both.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace fairlead::posix::both {
namespace {

std::string hex_of(Bytes bytes) {
    constexpr const char* kDigits = "0123456789abcdef";
    std::string out;
    for (const std::byte b : bytes) {
        out += kDigits[std::to_integer<unsigned>(b) >> 4];
        out += kDigits[std::to_integer<unsigned>(b) & 15];
    }
    return out;
}

template <typename... T>
std::string line(const char* call, const T&... arguments) {
    std::string out{call};
    out += '(';
    const auto add = [&](const auto& a) {
        if (out.back() != '(') out += ", ";
        if constexpr (std::is_convertible_v<decltype(a), std::string>) {
            out += a;
        } else {
            out += std::to_string(a);
        }
    };
    (add(arguments), ...);
    return out + ")";
}

// Ports that nobody chose differ: those below 32768 are the scenario's own.
std::string name_text(Bytes name) {
    if (name.size() < 4) return std::string{"size "}.append(std::to_string(name.size()));
    const unsigned port =
        std::to_integer<unsigned>(name[2]) << 8 | std::to_integer<unsigned>(name[3]);
    std::string out = std::to_string(family_of(name));
    out.append("/").append(hex_of(name.subspan(4))).append(":");
    return out.append(port >= 32768 ? "chosen" : std::to_string(port));
}

using Reported = std::vector<std::pair<std::uint64_t, std::uint32_t>>;

// In order of their data: which of two ends of a connection is woken first, the kernel decides in
// the midst of a call.
std::string events_text(Reported events) {
    std::ranges::sort(events);
    std::string out;
    for (const auto& [data, mask] : events) {
        out.append(std::to_string(data)).append(":").append(std::to_string(mask)).append(" ");
    }
    return out;
}

std::string message_text(int flags, Bytes name, Bytes control) {
    std::string out = "flags ";
    out.append(std::to_string(flags)).append(" from ").append(name_text(name));
    return out.append(" control ").append(hex_of(control));
}

}  // namespace

int Calls::number(int real) {
    std::size_t i = 0;
    while (i < real_.size() && real_[i] >= 0) ++i;
    if (i == real_.size()) real_.push_back(-1);
    real_[i] = real;
    return static_cast<int>(i) + 3;
}

int Calls::real(int fd) const {
    const auto i = static_cast<std::size_t>(fd - 3);
    return fd < 3 || i >= real_.size() || real_[i] < 0 ? 1'000'000 : real_[i];
}

long Calls::note(std::string call, const Got& got) {
    call += " = ";
    call += got.value < 0 ? std::string{name_of(static_cast<Errc>(-got.value))}
                          : std::to_string(got.value);
    if (!got.text.empty()) call.append(" \"").append(got.text).append("\"");
    if (!got.more.empty()) call.append(" ").append(got.more);
    log_.push_back(std::move(call));
    return got.value;
}

int Calls::made(std::string call, const Got& got) {
    if (got.value < 0) return static_cast<int>(note(std::move(call), got));
    const int fd = number(static_cast<int>(got.value));
    return static_cast<int>(note(std::move(call), {.value = fd, .more = got.more}));
}

int Calls::socket(int domain, int type, int protocol) {
    return made(line("socket", domain, type, protocol), do_socket(domain, type, protocol));
}
long Calls::bind(int fd, Bytes name) {
    return note(line("bind", fd, name_text(name)), do_bind(real(fd), name));
}
long Calls::listen(int fd, int backlog) {
    return note(line("listen", fd, backlog), do_listen(real(fd), backlog));
}
long Calls::connect(int fd, Bytes name) {
    return note(line("connect", fd, name_text(name)), do_connect(real(fd), name));
}
int Calls::accept(int fd, int flags) {
    return made(line("accept", fd, flags), do_accept(real(fd), flags));
}
long Calls::shutdown(int fd, int how) {
    return note(line("shutdown", fd, how), do_shutdown(real(fd), how));
}
long Calls::close(int fd) {
    const long result = note(line("close", fd), do_close(real(fd)));
    if (result == 0) real_[static_cast<std::size_t>(fd - 3)] = -1;
    return result;
}
int Calls::dup(int fd) { return made(line("dup", fd), do_dup(real(fd))); }
long Calls::send(int fd, const std::string& text, int flags, Bytes name) {
    return note(line("send", fd, text, flags, name_text(name)),
                do_send(real(fd), text, flags, name));
}
long Calls::write(int fd, const std::string& text) {
    return note(line("write", fd, text), do_write(real(fd), text));
}
long Calls::receive(int fd, std::size_t most, int flags, std::size_t control) {
    return note(line("recvmsg", fd, most, flags, control),
                do_receive(real(fd), most, flags, control));
}
long Calls::read(int fd, std::size_t most) {
    return note(line("read", fd, most), do_read(real(fd), most));
}
long Calls::getsockname(int fd) { return note(line("getsockname", fd), do_name(real(fd), false)); }
long Calls::getpeername(int fd) { return note(line("getpeername", fd), do_name(real(fd), true)); }
long Calls::set(int fd, int level, int name, Bytes value) {
    return note(line("setsockopt", fd, level, name, hex_of(value)),
                do_set(real(fd), level, name, value));
}
long Calls::set(int fd, int level, int name, int value) {
    return set(fd, level, name, std::as_bytes(std::span{&value, 1}));
}
long Calls::get(int fd, int level, int name, std::size_t room) {
    return note(line("getsockopt", fd, level, name, room), do_get(real(fd), level, name, room));
}
long Calls::fcntl(int fd, int command, long argument) {
    return note(line("fcntl", fd, command, argument), do_fcntl(real(fd), command, argument));
}
long Calls::ioctl(int fd, unsigned long request, int argument) {
    return note(line("ioctl", fd, request, argument), do_ioctl(real(fd), request, argument));
}
long Calls::poll(int fd, int events) {
    return note(line("poll", fd, events), do_poll(real(fd), events));
}
int Calls::epoll() { return made("epoll()", do_epoll()); }
long Calls::control(int epfd, int operation, int fd, unsigned events, std::uint64_t data) {
    return note(line("epoll_ctl", epfd, operation, fd, events, data),
                do_control(real(epfd), operation, real(fd), events, data));
}
long Calls::wait(int epfd, int most) {
    return note(line("epoll_wait", epfd, most), do_wait(real(epfd), most));
}
void Calls::pipe(int fds[2]) {
    int real[2] = {-1, -1};
    note("pipe()", do_pipe(real));
    for (int i = 0; i < 2; ++i) fds[i] = number(real[i]);
}
long Calls::splice(int in, int out, std::size_t size) {
    return note(line("splice", in, out, size), do_splice(real(in), real(out), size));
}

namespace {

// --- the kernel ---

volatile std::sig_atomic_t got_sigpipe = 0;

class Kernel final : public Calls {
public:
    explicit Kernel(unsigned settling_us) : settling_us_{settling_us} {}
    ~Kernel() override {
        for (int fd = 3; fd < 1000; ++fd) {
            if (real(fd) < 1'000'000) ::close(real(fd));
        }
    }
    void settle() override { ::usleep(settling_us_); }
    void set_privileged(bool is_privileged) override {
        constexpr uid_t kNobody = 65534;
        EXPECT_EQ(::seteuid(is_privileged ? 0 : kNobody), 0);
    }
    void set_sysctl(const std::string& name, const std::string& value) override {
        std::string path = "/proc/sys/" + name;
        std::ranges::replace(path.begin() + 10, path.end(), '.', '/');
        std::ofstream file{path};
        file << value;
        file.close();
        EXPECT_TRUE(file.good()) << path;
    }

protected:
    static Got got(long value) { return {.value = value < 0 ? -errno : value}; }
    static const sockaddr* name(Bytes bytes) {
        return bytes.empty() ? nullptr : reinterpret_cast<const sockaddr*>(bytes.data());
    }
    static socklen_t size(Bytes bytes) { return static_cast<socklen_t>(bytes.size()); }

    Got do_socket(int d, int t, int p) override { return got(::socket(d, t, p)); }
    Got do_bind(int fd, Bytes n) override { return got(::bind(fd, name(n), size(n))); }
    Got do_listen(int fd, int backlog) override { return got(::listen(fd, backlog)); }
    Got do_connect(int fd, Bytes n) override { return got(::connect(fd, name(n), size(n))); }
    Got do_accept(int fd, int flags) override {
        std::array<std::byte, 128> n{};
        socklen_t s = n.size();
        Got g = got(::accept4(fd, reinterpret_cast<sockaddr*>(n.data()), &s, flags));
        if (g.value >= 0) g.more = name_text(Bytes{n}.first(s));
        return g;
    }
    Got do_shutdown(int fd, int how) override { return got(::shutdown(fd, how)); }
    Got do_close(int fd) override { return got(::close(fd)); }
    Got do_dup(int fd) override { return got(::dup(fd)); }
    Got do_send(int fd, const std::string& text, int flags, Bytes n) override {
        return got(::sendto(fd, text.data(), text.size(), flags | MSG_NOSIGNAL, name(n), size(n)));
    }
    Got do_write(int fd, const std::string& text) override {
        got_sigpipe = 0;
        Got g = got(::write(fd, text.data(), text.size()));
        if (got_sigpipe != 0) g.more = "SIGPIPE";
        return g;
    }
    Got do_receive(int fd, std::size_t most, int flags, std::size_t control) override {
        std::vector<char> into(most);
        std::vector<std::byte> controls(control);
        std::array<std::byte, 128> n{};
        iovec piece{into.data(), most};
        msghdr m{};
        m.msg_name = n.data();
        m.msg_namelen = n.size();
        m.msg_iov = &piece;
        m.msg_iovlen = 1;
        m.msg_control = controls.data();
        m.msg_controllen = control;
        Got g = got(::recvmsg(fd, &m, flags));
        if (g.value < 0) return g;
        g.text.assign(into.data(), std::min(most, static_cast<std::size_t>(g.value)));
        if ((flags & MSG_TRUNC) != 0 && m.msg_namelen == 0) g.text.clear();
        g.more = message_text(m.msg_flags, Bytes{n}.first(m.msg_namelen),
                              Bytes{controls}.first(m.msg_controllen));
        return g;
    }
    Got do_read(int fd, std::size_t most) override {
        std::vector<char> into(most);
        Got g = got(::read(fd, into.data(), most));
        if (g.value > 0) g.text.assign(into.data(), static_cast<std::size_t>(g.value));
        return g;
    }
    Got do_name(int fd, bool is_peer) override {
        std::array<std::byte, 128> n{};
        socklen_t s = n.size();
        auto* into = reinterpret_cast<sockaddr*>(n.data());
        Got g = got(is_peer ? ::getpeername(fd, into, &s) : ::getsockname(fd, into, &s));
        if (g.value == 0) g.more = name_text(Bytes{n}.first(s));
        return g;
    }
    Got do_set(int fd, int level, int option, Bytes value) override {
        return got(::setsockopt(fd, level, option, value.data(), size(value)));
    }
    Got do_get(int fd, int level, int option, std::size_t room) override {
        std::vector<std::byte> value(room);
        auto s = static_cast<socklen_t>(room);
        Got g = got(::getsockopt(fd, level, option, value.data(), &s));
        if (g.value == 0) g.more = hex_of(Bytes{value}.first(std::min<std::size_t>(s, room)));
        return g;
    }
    Got do_fcntl(int fd, int command, long argument) override {
        return got(::fcntl(fd, command, argument));
    }
    Got do_ioctl(int fd, unsigned long request, int argument) override {
        Got g = got(::ioctl(fd, request, &argument));
        if (g.value == 0) g.more = std::to_string(argument);
        return g;
    }
    Got do_poll(int fd, int events) override {
        pollfd entry{.fd = fd, .events = static_cast<short>(events), .revents = 0};
        Got g = got(::poll(&entry, 1, 0));
        g.more = std::to_string(entry.revents);
        return g;
    }
    Got do_epoll() override { return got(::epoll_create1(0)); }
    Got do_control(int epfd, int operation, int fd, unsigned events, std::uint64_t data) override {
        epoll_event e{};
        e.events = events;
        e.data.u64 = data;
        return got(::epoll_ctl(epfd, operation, fd, &e));
    }
    Got do_wait(int epfd, int most) override {
        std::array<epoll_event, 16> events{};
        Reported reported;
        Got g = got(::epoll_wait(epfd, events.data(), most, 0));
        for (long i = 0; i < g.value; ++i) {
            const auto& e = events[static_cast<std::size_t>(i)];
            reported.emplace_back(std::uint64_t{e.data.u64}, std::uint32_t{e.events});
        }
        g.more = events_text(std::move(reported));
        return g;
    }
    Got do_pipe(int fds[2]) override { return got(::pipe2(fds, O_NONBLOCK)); }
    Got do_splice(int in, int out, std::size_t bytes) override {
        return got(::splice(in, nullptr, out, nullptr, bytes, SPLICE_F_NONBLOCK));
    }

private:
    unsigned settling_us_;
};

// --- the layer ---

class Layer final : public Calls {
public:
    Layer() { stack_.advance(now_); }
    void set_privileged(bool is_privileged) override { client_.set_privileged(is_privileged); }
    void set_sysctl(const std::string& name, const std::string& value) override {
        EXPECT_TRUE(stack_.set_config(name, value)) << name;
    }
    void settle() override {
        const Instant end = now_ + 3_ms;
        for (int i = 0; i < 10'000; ++i) {
            if (stack_.poll(now_).is_busy) continue;
            if (stack_.next_deadline() > end) break;
            now_ = std::max(now_, stack_.next_deadline());
        }
        now_ = end;
        stack_.advance(now_);
        files_.collect();
    }

protected:
    // The kernel's loopback answers within the call. A round that finds nothing may have sent what
    // the next one finds.
    void flush() {
        int quiet = 0;
        for (int i = 0; i < 100 && quiet < 2; ++i) {
            quiet = stack_.poll(now_).received > 0 ? 0 : quiet + 1;
        }
    }
    template <typename T>
    Got got(const Result<T>& result) {
        flush();
        if (!result) return {.value = -to_errno(result.error())};
        if constexpr (std::is_void_v<T>) {
            return {};
        } else {
            return {.value = static_cast<long>(*result)};
        }
    }
    Got got(Call call) {
        if (!call.is_done()) return {.value = -to_errno(Errc::Interrupted)};
        return got(call.value());
    }

    Got do_socket(int d, int t, int p) override { return got(client_.socket(d, t, p)); }
    Got do_bind(int fd, Bytes n) override { return got(client_.bind(fd, n)); }
    Got do_listen(int fd, int backlog) override { return got(client_.listen(fd, backlog)); }
    Got do_connect(int fd, Bytes n) override { return got(client_.connect(fd, n)); }
    Got do_accept(int fd, int flags) override {
        const Call call = client_.accept(fd, flags);
        Got g = got(call.value());
        if (g.value >= 0) g.more = name_text(call.answer().name.bytes());
        return g;
    }
    Got do_shutdown(int fd, int how) override { return got(client_.shutdown(fd, how)); }
    Got do_close(int fd) override { return got(client_.close(fd)); }
    Got do_dup(int fd) override { return got(client_.dup(fd)); }
    Got do_send(int fd, const std::string& text, int flags, Bytes n) override {
        return got(client_.send(fd, {.from = std::as_bytes(std::span{text}), .name = n},
                                flags | abi::msg::kNoSignal));
    }
    Got do_write(int fd, const std::string& text) override {
        const Call call = client_.write(fd, std::as_bytes(std::span{text}));
        Got g = got(call.value());
        if (call.answer().raises_sigpipe) g.more = "SIGPIPE";
        return g;
    }
    Got do_receive(int fd, std::size_t most, int flags, std::size_t control) override {
        std::vector<char> into(most);
        std::vector<std::byte> controls(control);
        const Call call = client_.receive(
            fd, {.into = std::as_writable_bytes(std::span{into}), .control = controls}, flags);
        Got g = got(call.value());
        if (g.value < 0) return g;
        const Answer& a = call.answer();
        g.text.assign(into.data(), std::min(most, static_cast<std::size_t>(g.value)));
        if ((flags & abi::msg::kTruncated) != 0 && a.name.size == 0) g.text.clear();
        g.more =
            message_text(a.message_flags, a.name.bytes(), Bytes{controls}.first(a.control_bytes));
        return g;
    }
    Got do_read(int fd, std::size_t most) override {
        std::vector<char> into(most);
        Got g = got(client_.read(fd, std::as_writable_bytes(std::span{into})));
        if (g.value > 0) g.text.assign(into.data(), static_cast<std::size_t>(g.value));
        return g;
    }
    Got do_name(int fd, bool is_peer) override {
        const auto name = is_peer ? client_.getpeername(fd) : client_.getsockname(fd);
        if (!name) return {.value = -to_errno(name.error())};
        return {.more = name_text(name->bytes())};
    }
    Got do_set(int fd, int level, int option, Bytes value) override {
        return got(client_.setsockopt(fd, level, option, value));
    }
    Got do_get(int fd, int level, int option, std::size_t room) override {
        std::vector<std::byte> value(room);
        const auto size = client_.getsockopt(fd, level, option, value);
        if (!size) return {.value = -to_errno(size.error())};
        return {.more = hex_of(Bytes{value}.first(*size))};
    }
    Got do_fcntl(int fd, int command, long argument) override {
        return got(client_.fcntl(fd, command, argument));
    }
    Got do_ioctl(int fd, unsigned long request, int argument) override {
        Got g = got(client_.ioctl(fd, request, argument));
        if (g.value == 0) g.more = std::to_string(argument);
        return g;
    }
    Got do_poll(int fd, int events) override {
        std::array entry{PollEntry{.fd = fd, .events = static_cast<std::int16_t>(events)}};
        Got g = got(client_.poll(entry, Duration{}));
        g.more = std::to_string(entry[0].revents);
        return g;
    }
    Got do_epoll() override { return got(client_.epoll_create()); }
    Got do_control(int epfd, int operation, int fd, unsigned events, std::uint64_t data) override {
        return got(client_.epoll_ctl(epfd, operation, fd, {.events = events, .data = data}));
    }
    Got do_wait(int epfd, int most) override {
        std::array<EpollEvent, 16> events{};
        Reported reported;
        const auto room = static_cast<std::size_t>(std::max(most, 0));
        Got g = got(client_.epoll_wait(epfd, std::span{events}.first(room), Duration{}));
        for (long i = 0; i < g.value; ++i) {
            const auto& e = events[static_cast<std::size_t>(i)];
            reported.emplace_back(e.data, e.events);
        }
        g.more = events_text(std::move(reported));
        return g;
    }
    Got do_pipe(int fds[2]) override {
        const auto made = client_.pipe(abi::kNonblock);
        if (!made) return {.value = -to_errno(made.error())};
        fds[0] = (*made)[0];
        fds[1] = (*made)[1];
        return {};
    }
    Got do_splice(int in, int out, std::size_t bytes) override {
        return got(client_.splice(in, out, bytes, abi::kSpliceNonblock));
    }

private:
    Instant now_ = Instant::from_ns(1'000'000'000);
    Stack stack_{{.seed = {4, 5, 6}}};
    OpenFileTable files_{stack_};
    Client client_{files_};
};

}  // namespace

SocketName at(std::uint16_t port, Family family) {
    return write_name({IpAddress::loopback(family), port}, family);
}

bool enter_namespace() {
    static const bool is_inside = [] {
        if (::unshare(CLONE_NEWNET) != 0) return false;
        const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
        ifreq request{};
        std::strcpy(request.ifr_name, "lo");
        request.ifr_flags = IFF_UP;
        const bool is_up = ::ioctl(fd, SIOCSIFFLAGS, &request) == 0;
        ::close(fd);
        return is_up;
    }();
    return is_inside;
}

namespace {

std::unique_ptr<Calls> make_kernel_that_settles_in(unsigned us) {
    if (!enter_namespace()) return nullptr;
    std::signal(SIGPIPE, [](int) { got_sigpipe = 1; });
    return std::make_unique<Kernel>(us);
}

}  // namespace

std::unique_ptr<Calls> make_kernel() { return make_kernel_that_settles_in(3000); }
std::unique_ptr<Calls> make_hasty_kernel() { return make_kernel_that_settles_in(200); }
std::unique_ptr<Calls> make_layer() { return std::make_unique<Layer>(); }

}  // namespace fairlead::posix::both
