#include "drill/kernel_calls.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/genetlink.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace fairlead::drill {
namespace {

Outcome outcome_of(std::int64_t value) {
    return {.value = value < 0 ? -1 : value, .error = value < 0 ? errno : 0};
}

// Zeros, in the pieces that a call names.
struct Pieces {
    std::vector<std::uint8_t> bytes{};
    std::vector<iovec> vectors{};

    explicit Pieces(const std::vector<std::size_t>& lengths) {
        std::size_t total = 0;
        for (const std::size_t length : lengths) total += length;
        bytes.resize(total);
        std::size_t at = 0;
        for (const std::size_t length : lengths) {
            vectors.push_back({bytes.data() + at, length});
            at += length;
        }
    }
    int count() const { return static_cast<int>(vectors.size()); }
};

// Which number generic netlink has for PSP: ENOENT where the kernel was built without it.
Outcome look_for_psp() {
    struct {
        nlmsghdr header{};
        genlmsghdr generic{};
        nlattr name{};
        char text[4] = {'p', 's', 'p', 0};
    } ask;
    ask.header = {sizeof ask, GENL_ID_CTRL, NLM_F_REQUEST | NLM_F_ACK, 1, 0};
    ask.generic.cmd = CTRL_CMD_GETFAMILY;
    ask.generic.version = 1;
    ask.name = {sizeof ask.name + sizeof ask.text, CTRL_ATTR_FAMILY_NAME};
    const int link = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
    if (link < 0) return outcome_of(link);
    alignas(nlmsghdr) char answer[4096];
    const bool is_told = send(link, &ask, sizeof ask, 0) == static_cast<ssize_t>(sizeof ask) &&
                         recv(link, answer, sizeof answer, 0) >=
                             static_cast<ssize_t>(sizeof(nlmsghdr) + sizeof(int));
    Outcome failed = outcome_of(-1);
    close(link);
    if (!is_told) return failed;
    nlmsghdr header{};
    std::memcpy(&header, answer, sizeof header);
    if (header.nlmsg_type != NLMSG_ERROR) return {.value = -1, .error = ENODEV};
    int error = 0;
    std::memcpy(&error, answer + sizeof header, sizeof error);
    return {.value = -1, .error = -error};
}

struct SystemCall {
    System& system;

    Outcome operator()(const request::Socket& r) const {
        return outcome_of(socket(r.domain, r.type, r.protocol));
    }
    Outcome operator()(const request::Bind& r) const {
        return outcome_of(bind(r.fd, reinterpret_cast<const sockaddr*>(r.name.data()),
                               static_cast<socklen_t>(r.name.size())));
    }
    Outcome operator()(const request::Listen& r) const {
        return outcome_of(listen(r.fd, r.backlog));
    }
    Outcome operator()(const request::Connect& r) const {
        return outcome_of(connect(r.fd, reinterpret_cast<const sockaddr*>(r.name.data()),
                                  static_cast<socklen_t>(r.name.size())));
    }
    Outcome operator()(const request::Accept& r) const {
        sockaddr_storage name{};
        socklen_t bytes = sizeof name;
        Outcome outcome =
            outcome_of(accept4(r.fd, reinterpret_cast<sockaddr*>(&name), &bytes, r.flags));
        if (outcome.value >= 0) outcome.name = name_in(name, bytes);
        return outcome;
    }
    Outcome operator()(const request::Receive& r) const {
        Pieces pieces{r.pieces};
        if (r.is_read) {
            Outcome outcome = outcome_of(pieces.count() == 1
                                             ? read(r.fd, pieces.bytes.data(), pieces.bytes.size())
                                             : readv(r.fd, pieces.vectors.data(), pieces.count()));
            keep(pieces, outcome);
            return outcome;
        }
        sockaddr_storage name{};
        std::vector<std::uint8_t> control(r.control_bytes);
        msghdr message{};
        message.msg_name = &name;
        message.msg_namelen = sizeof name;
        message.msg_iov = pieces.vectors.data();
        message.msg_iovlen = pieces.vectors.size();
        message.msg_control = control.empty() ? nullptr : control.data();
        message.msg_controllen = control.size();
        Outcome outcome = outcome_of(recvmsg(r.fd, &message, r.flags));
        if (outcome.value < 0) return outcome;
        keep(pieces, outcome);
        outcome.name = name_in(name, message.msg_namelen);
        control.resize(std::min(control.size(), message.msg_controllen));
        outcome.control = std::move(control);
        outcome.message_flags = message.msg_flags;
        return outcome;
    }
    Outcome operator()(const request::Send& r) const {
        Pieces pieces{r.pieces};
        if (r.is_write) {
            // Nothing is a message for write(), and for writev() no work at all.
            return outcome_of(pieces.count() == 1
                                  ? write(r.fd, pieces.bytes.data(), pieces.bytes.size())
                                  : writev(r.fd, pieces.vectors.data(), pieces.count()));
        }
        msghdr message{};
        message.msg_name = r.name.empty() ? nullptr : const_cast<std::uint8_t*>(r.name.data());
        message.msg_namelen = static_cast<socklen_t>(r.name.size());
        message.msg_iov = pieces.vectors.data();
        message.msg_iovlen = pieces.vectors.size();
        message.msg_control =
            r.control.empty() ? nullptr : const_cast<std::uint8_t*>(r.control.data());
        message.msg_controllen = r.control.size();
        return outcome_of(sendmsg(r.fd, &message, r.flags));
    }
    Outcome operator()(const request::Shutdown& r) const {
        return outcome_of(shutdown(r.fd, r.how));
    }
    Outcome operator()(const request::Close& r) const { return outcome_of(close(r.fd)); }
    Outcome operator()(const request::FileControl& r) const {
        return outcome_of(fcntl(r.fd, r.command, r.argument));
    }
    Outcome operator()(const request::IoControl& r) const {
        int answer = r.argument;
        Outcome outcome = outcome_of(ioctl(r.fd, r.command, &answer));
        outcome.number = answer;
        return outcome;
    }
    Outcome operator()(const request::SetOption& r) const {
        return outcome_of(setsockopt(r.fd, r.level, r.name, r.value.data(),
                                     static_cast<socklen_t>(r.value.size())));
    }
    Outcome operator()(const request::GetOption& r) const {
        std::vector<std::uint8_t> value(r.bytes);
        auto bytes = static_cast<socklen_t>(value.size());
        Outcome outcome = outcome_of(getsockopt(r.fd, r.level, r.name, value.data(), &bytes));
        value.resize(std::min<std::size_t>(value.size(), bytes));
        outcome.data = std::move(value);
        return outcome;
    }
    Outcome operator()(const request::Poll& r) const {
        std::vector<pollfd> entries;
        for (const auto& entry : r.entries) entries.push_back({entry.fd, entry.events, 0});
        Outcome outcome = outcome_of(poll(entries.data(), entries.size(), r.timeout_ms));
        for (const pollfd& entry : entries) outcome.revents.push_back(entry.revents);
        return outcome;
    }
    Outcome operator()(const request::EpollCreate& r) const {
        return outcome_of(epoll_create1(r.flags));
    }
    Outcome operator()(const request::EpollControl& r) const {
        epoll_event event{};
        event.events = r.events;
        event.data.u64 = r.data;
        return outcome_of(epoll_ctl(r.epfd, r.operation, r.fd, &event));
    }
    Outcome operator()(const request::EpollWait& r) const {
        std::vector<epoll_event> events(static_cast<std::size_t>(std::max(r.most, 1)));
        Outcome outcome = outcome_of(epoll_wait(r.epfd, events.data(), r.most, r.timeout_ms));
        for (std::int64_t i = 0; i < outcome.value; ++i) {
            const epoll_event& event = events[static_cast<std::size_t>(i)];
            outcome.events.push_back({event.events, event.data.u64});
        }
        return outcome;
    }
    Outcome operator()(const request::Pipe& r) const {
        std::array<int, 2> ends{-1, -1};
        Outcome outcome = outcome_of(pipe2(ends.data(), r.flags));
        outcome.ends = ends;
        return outcome;
    }
    Outcome operator()(const request::Splice& r) const {
        return outcome_of(splice(r.in, nullptr, r.out, nullptr, r.bytes, r.flags));
    }
    Outcome operator()(const request::SendFile& r) const {
        off_t offset = r.offset.value_or(0);
        return outcome_of(sendfile(r.out, r.in, r.offset ? &offset : nullptr, r.bytes));
    }
    Outcome operator()(const request::SetCapabilities& r) const {
        constexpr std::uint64_t kLow = 0xffff'ffff;
        __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
        std::array<__user_cap_data_struct, 2> words{};
        for (std::size_t i = 0; i < words.size(); ++i) {
            const auto part = [i](std::uint64_t set) {
                return static_cast<std::uint32_t>(set >> (32 * i) & kLow);
            };
            words[i] = {part(r.sets.effective), part(r.sets.permitted), part(r.sets.inheritable)};
        }
        return outcome_of(syscall(SYS_capset, &header, words.data()));
    }
    Outcome operator()(const request::Psp&) const { return look_for_psp(); }
    // The script's files are in memory: what is opened is a copy there.
    Outcome operator()(const request::Open& r) const {
        const std::string* text = system.files().find(r.path);
        if (text == nullptr) return {.value = -1, .error = ENOENT};
        const int file = memfd_create("drill", MFD_CLOEXEC);
        if (file < 0) return outcome_of(file);
        const auto written = write(file, text->data(), text->size());
        if (written != static_cast<ssize_t>(text->size()) || lseek(file, 0, SEEK_SET) != 0) {
            const Outcome failed = outcome_of(-1);
            close(file);
            return failed;
        }
        return outcome_of(file);
    }

private:
    static void keep(Pieces& pieces, Outcome& outcome) {
        if (outcome.value < 0) return;
        pieces.bytes.resize(std::min(pieces.bytes.size(), static_cast<std::size_t>(outcome.value)));
        outcome.data = std::move(pieces.bytes);
    }
    static Octets name_in(const sockaddr_storage& name, socklen_t bytes) {
        const auto* first = reinterpret_cast<const std::uint8_t*>(&name);
        return {first, first + std::min<std::size_t>(bytes, sizeof name)};
    }
};

}  // namespace

Outcome make_system_call(const Request& request, System& system) {
    return std::visit(SystemCall{system}, request);
}

}  // namespace fairlead::drill
