#include "drill/parallel.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <deque>
#include <new>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace fairlead::drill {
namespace {

constexpr std::size_t kMostHeldBytes = std::size_t{16} << 20;  // of one piece that has to wait
constexpr std::size_t kHeaderBytes = 5;                        // a mark and a length

// A sanitizer's shadow takes address space without end: there is no bound then.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kHasShadowMemory = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kHasShadowMemory = true;
#else
constexpr bool kHasShadowMemory = false;
#endif
#else
constexpr bool kHasShadowMemory = false;
#endif

// What stands before each message of a piece.
enum class Mark : char { Line = 'l', Passed = 'p', Failed = 'f', OutOfMemory = 'm' };

std::int64_t now_ms() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return std::int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1'000'000;
}

void write_all(int fd, const char* bytes, std::size_t size) {
    while (size > 0) {
        const ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;
        bytes += n;
        size -= static_cast<std::size_t>(n);
    }
}

void tell(int fd, Mark mark, std::string_view text) {
    const auto size = static_cast<std::uint32_t>(text.size());
    std::string message(kHeaderBytes, static_cast<char>(mark));
    std::memcpy(message.data() + 1, &size, sizeof size);
    message += text;
    write_all(fd, message.data(), message.size());
}

// --- interruption ---

volatile std::sig_atomic_t is_interrupted = 0;

constexpr int kEndings[] = {SIGINT, SIGTERM, SIGHUP};

// While this lives, a signal that would end us is only noted, and comes in only where waited for.
class SignalGuard {
public:
    SignalGuard() {
        is_interrupted = 0;
        struct sigaction noting{};
        noting.sa_handler = [](int) { is_interrupted = 1; };
        sigset_t set;
        sigemptyset(&set);
        for (std::size_t i = 0; i < std::size(kEndings); ++i) {
            sigaddset(&set, kEndings[i]);
            sigaction(kEndings[i], &noting, &before_[i]);
        }
        sigprocmask(SIG_BLOCK, &set, &mask_);
    }
    SignalGuard(const SignalGuard&) = delete;
    SignalGuard& operator=(const SignalGuard&) = delete;
    ~SignalGuard() { restore(); }
    void restore() const {
        for (std::size_t i = 0; i < std::size(kEndings); ++i) {
            sigaction(kEndings[i], &before_[i], nullptr);
        }
        sigprocmask(SIG_SETMASK, &mask_, nullptr);
    }
    const sigset_t& mask() const { return mask_; }

private:
    struct sigaction before_[std::size(kEndings)]{};
    sigset_t mask_{};
};

// --- within the process of a piece ---

int told_fd = -1;

// A new process group, so that all of it can be killed; gone when our starter is.
void settle_down(pid_t starter) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != starter) _exit(1);
}

void bound_memory(std::size_t bytes) {
    if (bytes == 0 || kHasShadowMemory) return;
    long pages = 0;  // that we have already
    if (std::FILE* own = std::fopen("/proc/self/statm", "r")) {
        if (std::fscanf(own, "%ld", &pages) != 1) pages = 0;
        std::fclose(own);
    }
    const rlim_t most = bytes + static_cast<std::size_t>(pages * sysconf(_SC_PAGESIZE));
    const rlimit limit{most, most};
    setrlimit(RLIMIT_AS, &limit);
    std::set_new_handler([] {
        const char message[kHeaderBytes] = {static_cast<char>(Mark::OutOfMemory)};
        write_all(told_fd, message, sizeof message);
        _exit(1);
    });
}

// --- in the starter ---

struct Running {
    std::size_t index = 0;
    pid_t pid = -1;
    int fd = -1;
    std::int64_t latest = 0;
    std::size_t attempt = 0;
    std::string unread{};  // a message that has not come whole
};

struct Piece {
    bool is_over = false;
    PieceEnd end = PieceEnd::Done;
    std::string result{};
    bool has_result = false;
    bool has_failed = false;
    std::deque<std::string> lines{};  // that wait for their turn
    std::size_t held = 0;             // bytes of them
};

struct Failure {
    std::size_t index = 0;
    std::size_t attempt = 0;
};

class Parallel {
public:
    Parallel(std::size_t pieces, const ParallelOptions& options,
             const std::function<void(std::size_t, const Teller&)>& work, const PieceEvents& events)
        : options_{options}, work_{work}, events_{events}, pieces_(pieces) {}

    bool run() {
        while (told_ < pieces_.size() && is_interrupted == 0) {
            start_more();
            wait();
            tell_in_order();
        }
        for (Running& r : running_) stop(r);
        return is_interrupted == 0;
    }

private:
    void start_more() {
        while (running_.size() < std::max<std::size_t>(options_.jobs, 1) &&
               next_ < pieces_.size()) {
            if (!start(next_, 0)) break;
            ++next_;
        }
        // What failed beside others may have failed because of them: it goes again by itself.
        if (!running_.empty() || failed_.empty()) return;
        const auto [index, attempt] = failed_.front();
        failed_.pop_front();
        start(index, attempt + 1);
    }

    bool start(std::size_t index, std::size_t attempt) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0) return give_up(index);
        std::fflush(nullptr);
        const pid_t starter = getpid();
        const pid_t pid = fork();
        if (pid < 0) {
            close(ends[0]);
            close(ends[1]);
            return give_up(index);
        }
        if (pid == 0) be_piece(index, starter, ends[1]);
        setpgid(pid, pid);  // whoever of the two comes first
        close(ends[1]);
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        pieces_[index] = {};
        running_.push_back({.index = index,
                            .pid = pid,
                            .fd = ends[0],
                            .latest = now_ms() + options_.seconds * 1000,
                            .attempt = attempt});
        return true;
    }
    // There is no room for another process: later, when one has ended, or never.
    bool give_up(std::size_t index) {
        if (!running_.empty()) return false;
        pieces_[index].is_over = true;
        pieces_[index].end = PieceEnd::Crashed;
        return true;
    }

    [[noreturn]] void be_piece(std::size_t index, pid_t starter, int fd) {
        settle_down(starter);
        guard_.restore();
        for (const Running& other : running_) close(other.fd);
        told_fd = fd;
        bound_memory(options_.memory_bytes);
        work_(index, Teller{fd});
        std::fflush(nullptr);
        _exit(0);
    }

    void wait() {
        std::vector<pollfd> ends;
        std::int64_t latest = now_ms() + 1000;
        for (const Running& r : running_) {
            ends.push_back({r.fd, POLLIN, 0});
            latest = std::min(latest, r.latest);
        }
        const std::int64_t left = std::max<std::int64_t>(latest - now_ms(), 0);
        const timespec timeout{.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1'000'000};
        ppoll(ends.data(), ends.size(), &timeout, &guard_.mask());
        std::vector<Running> over;
        for (std::size_t i = 0; i < running_.size(); ++i) {
            Running& r = running_[i];
            const bool has_closed = ends[i].revents != 0 && !read_from(r);
            if (!has_closed && now_ms() < r.latest) continue;
            if (!has_closed) pieces_[r.index].end = PieceEnd::TimedOut;
            over.push_back(r);
        }
        for (Running& r : over) end(r);
    }

    // False: it has closed its end.
    bool read_from(Running& r) {
        char bytes[65536];
        const ssize_t n = read(r.fd, bytes, sizeof bytes);
        if (n < 0) return errno == EAGAIN || errno == EINTR;
        r.unread.append(bytes, static_cast<std::size_t>(n));
        std::size_t at = 0;
        while (r.unread.size() - at >= kHeaderBytes) {
            std::uint32_t size = 0;
            std::memcpy(&size, r.unread.data() + at + 1, sizeof size);
            if (r.unread.size() - at < kHeaderBytes + size) break;
            hear(pieces_[r.index], static_cast<Mark>(r.unread[at]),
                 r.unread.substr(at + kHeaderBytes, size));
            at += kHeaderBytes + size;
        }
        r.unread.erase(0, at);
        return n > 0;
    }

    static void hear(Piece& piece, Mark mark, std::string text) {
        if (mark == Mark::Line) {
            if (piece.held > kMostHeldBytes) return;
            piece.held += text.size();
            if (piece.held > kMostHeldBytes) text = "(the rest of its lines is left out)";
            piece.lines.push_back(std::move(text));
        } else if (mark == Mark::OutOfMemory) {
            piece.end = PieceEnd::OutOfMemory;
        } else {
            piece.result = std::move(text);
            piece.has_result = true;
            piece.has_failed = mark == Mark::Failed;
        }
    }

    void stop(Running& r) {
        // Before it is waited for, so that its number cannot be another's yet.
        kill(-r.pid, SIGKILL);
        kill(r.pid, SIGKILL);
        while (waitpid(r.pid, nullptr, 0) < 0 && errno == EINTR) {
        }
        close(r.fd);
    }

    void end(Running& r) {
        stop(r);
        std::erase_if(running_, [&](const Running& other) { return other.pid == r.pid; });
        Piece& piece = pieces_[r.index];
        if (piece.end == PieceEnd::Done && !piece.has_result) piece.end = PieceEnd::Crashed;
        const bool has_failed = piece.end != PieceEnd::Done || piece.has_failed;
        if (has_failed && r.attempt < options_.retries) {
            failed_.push_back({.index = r.index, .attempt = r.attempt});
            return;
        }
        piece.is_over = true;
        ++done_;
        if (events_.progress) events_.progress(done_);
    }

    void tell_in_order() {
        for (; told_ < pieces_.size(); ++told_) {
            Piece& piece = pieces_[told_];
            // Where a piece may be run again, only its last run counts.
            if (options_.retries == 0 || piece.is_over) tell_lines(piece);
            if (!piece.is_over) return;
            events_.ended(told_, piece.end, piece.result);
            piece = {.is_over = true};
        }
    }
    void tell_lines(Piece& piece) const {
        for (const std::string& line : std::exchange(piece.lines, {})) events_.line(told_, line);
        piece.held = 0;
    }

    const ParallelOptions& options_;
    const std::function<void(std::size_t, const Teller&)>& work_;
    const PieceEvents& events_;
    SignalGuard guard_;
    std::vector<Piece> pieces_;
    std::vector<Running> running_;
    std::deque<Failure> failed_;  // that go again
    std::size_t next_ = 0;
    std::size_t told_ = 0;
    std::size_t done_ = 0;
};

}  // namespace

void Teller::line(std::string_view text) const { tell(fd_, Mark::Line, text); }

void Teller::result(std::string_view bytes, bool has_failed) const {
    tell(fd_, has_failed ? Mark::Failed : Mark::Passed, bytes);
}

bool run_in_parallel(std::size_t pieces, const ParallelOptions& options,
                     const std::function<void(std::size_t index, const Teller&)>& work,
                     const PieceEvents& events) {
    return Parallel{pieces, options, work, events}.run();
}

}  // namespace fairlead::drill
