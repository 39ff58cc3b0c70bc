// Messages to the servers of resolv.conf and back.
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <ctime>

#include "preload/dns.hpp"
#include "preload/real.hpp"

namespace fairlead::preload::dns {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kSecond = 1000 * kMillisecond;
constexpr std::size_t kHeadBytes = NS_HFIXEDSZ;
constexpr std::size_t kFlagsAt = 2;  // QR, opcode, AA, TC, RD; then RA, Z, RCODE
constexpr unsigned char kIsAnswer = 0x80;
constexpr unsigned char kIsCut = 0x02;
constexpr unsigned char kCodeMask = 0x0f;
constexpr std::size_t kLengthBytes = 2;  // before a message over TCP

std::int64_t now_ns() {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * kSecond + t.tv_nsec;
}

class Connected {
public:
    Connected(const sockaddr* server, int type)
        : fd_{::socket(server->sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)} {
        const socklen_t size =
            server->sa_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
        is_open_ = fd_ >= 0 && (::connect(fd_, server, size) == 0 || errno == EINPROGRESS);
    }
    Connected(const Connected&) = delete;
    Connected& operator=(const Connected&) = delete;
    ~Connected() {
        const int kept = errno;
        if (fd_ >= 0) ::close(fd_);
        errno = kept;
    }

    explicit operator bool() const { return is_open_; }
    int number() const { return fd_; }

    // False: the time is over, and errno says so.
    bool await(short events, std::int64_t deadline) const {
        for (;;) {
            const std::int64_t left = deadline - now_ns();
            if (left <= 0) break;
            pollfd entry{.fd = fd_, .events = events, .revents = 0};
            const auto milliseconds = static_cast<int>((left + kMillisecond - 1) / kMillisecond);
            const int ready = real().poll(&entry, 1, milliseconds);
            if (ready > 0) return true;
            if (ready < 0 && errno != EINTR) return false;
        }
        errno = ETIMEDOUT;
        return false;
    }

    bool send_all(Message bytes, std::int64_t deadline) const {
        while (!bytes.empty()) {
            if (!await(POLLOUT, deadline)) return false;
            const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent < 0 && errno != EAGAIN) return false;
            if (sent > 0) bytes = bytes.subspan(static_cast<std::size_t>(sent));
        }
        return true;
    }

    bool receive_all(std::span<unsigned char> bytes, std::int64_t deadline) const {
        while (!bytes.empty()) {
            if (!await(POLLIN, deadline)) return false;
            const ssize_t got = ::recv(fd_, bytes.data(), bytes.size(), 0);
            if (got == 0) return false;
            if (got < 0 && errno != EAGAIN) return false;
            if (got > 0) bytes = bytes.subspan(static_cast<std::size_t>(got));
        }
        return true;
    }

private:
    int fd_ = -1;
    bool is_open_ = false;
};

unsigned char lower(unsigned char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<unsigned char>(c - 'A' + 'a') : c;
}

// The number, and the question with its letters in any case (RFC 1035 §7.3).
bool answers(Message answer, Message sent) {
    if (answer.size() < kHeadBytes || (answer[kFlagsAt] & kIsAnswer) == 0) return false;
    if (!std::equal(answer.begin(), answer.begin() + kFlagsAt, sent.begin())) return false;
    const int name = ::dn_skipname(sent.data() + kHeadBytes, sent.data() + sent.size());
    if (name < 0) return true;  // it was no question of one name
    const std::size_t end = kHeadBytes + static_cast<std::size_t>(name) + NS_QFIXEDSZ;
    if (answer.size() < end) return answer.size() == kHeadBytes;  // a mere refusal
    return sent.size() >= end &&
           std::equal(sent.begin() + kHeadBytes, sent.begin() + static_cast<std::ptrdiff_t>(end),
                      answer.begin() + kHeadBytes,
                      [](unsigned char a, unsigned char b) { return lower(a) == lower(b); });
}

// Another server may know more.
bool is_refusal(Message answer) {
    switch (answer[kFlagsAt + 1] & kCodeMask) {
        case ns_r_servfail:
        case ns_r_notimpl:
        case ns_r_refused: return true;
        default: return false;
    }
}

void keep(Question& question, Message answer) {
    std::copy_n(answer.begin(), std::min(answer.size(), question.answer.size()),
                question.answer.begin());
    question.size = answer.size();
}

void ask_by_stream(const sockaddr* server, Question& question, std::int64_t deadline) {
    const Connected connection{server, SOCK_STREAM};
    if (!connection) return;
    std::array<unsigned char, kLengthBytes> length{
        static_cast<unsigned char>(question.sent.size() >> 8),
        static_cast<unsigned char>(question.sent.size() & 0xff)};
    if (!connection.send_all(length, deadline) || !connection.send_all(question.sent, deadline) ||
        !connection.receive_all(length, deadline)) {
        return;
    }
    const std::size_t size = std::size_t{length[0]} << 8 | length[1];
    const auto into = question.answer.first(std::min(size, question.answer.size()));
    if (!connection.receive_all(into, deadline)) return;
    if (!answers(into, question.sent) || is_refusal(into)) return;
    question.size = size;
}

// Whoever was asked is not waited for any more once all have said something.
void ask_by_datagram(const sockaddr* server, std::span<Question> questions, std::int64_t patience) {
    const std::int64_t deadline = now_ns() + patience;
    const Connected connection{server, SOCK_DGRAM};
    if (!connection) return;
    std::size_t waiting = 0;
    for (const Question& question : questions) {
        if (question.size != 0) continue;
        const auto& sent = question.sent;
        if (::send(connection.number(), sent.data(), sent.size(), MSG_NOSIGNAL) < 0) return;
        ++waiting;
    }
    std::array<unsigned char, 4096> bytes;
    while (waiting > 0 && connection.await(POLLIN, deadline)) {
        const ssize_t got = ::recv(connection.number(), bytes.data(), bytes.size(), 0);
        if (got < 0 && errno == EAGAIN) continue;
        if (got < 0) return;
        const Message answer{bytes.data(), static_cast<std::size_t>(got)};
        const auto asked = std::ranges::find_if(questions, [&](const Question& question) {
            return question.size == 0 && answers(answer, question.sent);
        });
        if (asked == questions.end()) continue;
        --waiting;
        if (is_refusal(answer)) continue;
        if ((answer[kFlagsAt] & kIsCut) == 0) {
            keep(*asked, answer);
        } else {
            ask_by_stream(server, *asked, now_ns() + patience);
        }
    }
}

const sockaddr* server_of(const State& state, std::size_t i) {
    const sockaddr_in6* wide = state._u._ext.nsaddrs[i];
    const bool is_wide = state.nsaddr_list[i].sin_family == 0 && wide != nullptr;
    return is_wide ? reinterpret_cast<const sockaddr*>(wide)
                   : reinterpret_cast<const sockaddr*>(&state.nsaddr_list[i]);
}

// As the C library waits: each server twice as long as the one before, shared by all of them.
std::int64_t patience_of(const State& state, int server) {
    std::int64_t seconds = std::int64_t{state.retrans} << server;
    if (server > 0) seconds /= state.nscount;
    return std::max<std::int64_t>(seconds, 1) * kSecond;
}

}  // namespace

void ask_servers(State& state, std::span<Question> questions) {
    errno = ECONNREFUSED;
    for (int attempt = 0; attempt < state.retry; ++attempt) {
        for (int i = 0; i < std::min(state.nscount, MAXNS); ++i) {
            ask_by_datagram(server_of(state, static_cast<std::size_t>(i)), questions,
                            patience_of(state, i));
            const auto has_answer = [](const Question& question) { return question.size != 0; };
            if (std::ranges::all_of(questions, has_answer)) return;
        }
    }
}

}  // namespace fairlead::preload::dns
