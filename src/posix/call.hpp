// posix/call.hpp — a call that may block, as a value.
//
// Owns:      Answer (what a call returns, and what it tells beside that), the arguments and the
//            progress of each call that may block, and Call: done, or pending with a deadline.
// Contract:  a pending call keeps its open files and the caller's buffers in use until it is done or
//            let go. Nothing in here runs of its own accord: whoever drives the stack calls resume()
//            when the call is woken, or its deadline has come.
// Not here:  what a call does (receive.cpp, send.cpp, wait.cpp, ...).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "base/slab.hpp"
#include "fairlead/bytes.hpp"
#include "fairlead/error.hpp"
#include "fairlead/time.hpp"
#include "posix/epoll_set.hpp"
#include "posix/socket_name.hpp"

namespace fairlead::posix {

class Client;

struct Answer {
    Result<std::int64_t> value{0};
    SocketName name{};              // accept, recvfrom, recvmsg: whose; size 0: nobody's
    int message_flags = 0;          // recvmsg: MSG_TRUNC, MSG_CTRUNC
    std::size_t control_bytes = 0;  // recvmsg: of the caller's buffer
    bool raises_sigpipe = false;    // a process would get the signal now
};

// What was read or is to be written lies in one piece, or in several (struct iovec).
template <typename B>
class Pieces {
public:
    Pieces() = default;
    Pieces(B one) : one_{one} {}
    Pieces(std::span<const B> many) : many_{many}, is_many_{true} {}

    std::size_t count() const { return is_many_ ? many_.size() : 1; }
    B piece(std::size_t i) const { return is_many_ ? many_[i] : one_; }
    std::size_t size() const {
        std::size_t sum = 0;
        for (std::size_t i = 0; i < count(); ++i) sum += piece(i).size();
        return sum;
    }
    // What lies in one piece from that offset on.
    B from(std::size_t offset) const {
        for (std::size_t i = 0; i < count(); ++i) {
            const B part = piece(i);
            if (offset < part.size()) return part.subspan(offset);
            offset -= part.size();
        }
        return {};
    }

private:
    B one_{};
    std::span<const B> many_{};
    bool is_many_ = false;
};

using ReadPieces = Pieces<MutableBytes>;
using WritePieces = Pieces<Bytes>;

// The layout is that of struct pollfd.
struct PollEntry {
    int fd = -1;
    std::int16_t events = 0;
    std::int16_t revents = 0;
};

// The three sets of select(2), as bits; what is not ready is cleared when the call returns.
struct SelectSets {
    std::span<std::uint64_t> read{};
    std::span<std::uint64_t> write{};
    std::span<std::uint64_t> except{};
};

namespace pending {

struct Accept {
    int flags = 0;
};
struct Connect {};
struct Receive {
    ReadPieces into{};
    MutableBytes control{};
    int flags = 0;
    bool is_read = false;  // read(2), which returns 0 when it asks for 0
    std::size_t done = 0;
    Instant arrived = Instant::never();  // of a stream: the last byte that is done
};
struct Send {
    WritePieces from{};
    Bytes name{};
    Bytes control{};
    int flags = 0;
    std::size_t done = 0;
    bool is_opening = false;  // the SYN took something along, or asked whether it may
};
struct PipeRead {
    ReadPieces into{};
    std::size_t done = 0;
};
struct PipeWrite {
    WritePieces from{};
    std::size_t done = 0;
};
struct Close {};
struct Poll {
    std::span<PollEntry> entries{};
    std::vector<OpenFile*> files{};  // null: not watched, or not open
};
struct Select {
    int count = 0;
    SelectSets sets{};
    std::vector<OpenFile*> files{};
};
struct EpollWait {
    std::span<EpollEvent> into{};
};
// From one file to the other: sendfile, splice.
struct Transfer {
    OpenFile* from = nullptr;
    std::int64_t* offset = nullptr;  // of the source; null: its own
    std::size_t count = 0;
    unsigned flags = 0;  // SPLICE_F_...
    std::size_t done = 0;
};

using Work = std::variant<Accept, Connect, Receive, Send, PipeRead, PipeWrite, Close, Poll, Select,
                          EpollWait, Transfer>;

}  // namespace pending

// A call that has not returned.
class Pending {
public:
    Pending(Client& client, pending::Work work, OpenFile* file, Instant deadline);
    Pending(const Pending&) = delete;
    Pending& operator=(const Pending&) = delete;
    ~Pending();

    Client& client;
    pending::Work work;
    OpenFile* file;  // null: the work names its files itself
    Instant deadline;
    Answer answer{};
    std::uint64_t cookie = 0;
    bool is_woken = false;
    SlabNumber slab_number{};

private:
    static bool on_wake(Waiter& waiter, PollMask key);
    void wait_at(Waiter& waiter, WaitQueue& queue, PollMask key, bool is_exclusive);
    void wait_for_many();
    void wait_for(OpenFile& on, std::size_t slot, PollMask key);

    Waiter waiter_{};
    std::unique_ptr<Waiter[]> more_waiters_{};  // of poll, select and splice
};

class Call {
public:
    Call(const Answer& answer) : answer_{answer} {}
    explicit Call(Pending* pending) : pending_{pending} {}
    Call(Call&& other) noexcept
        : pending_{std::exchange(other.pending_, nullptr)}, answer_{std::move(other.answer_)} {}
    Call& operator=(Call&& other) noexcept {
        std::swap(pending_, other.pending_);
        answer_ = std::move(other.answer_);
        return *this;
    }
    ~Call() { let_go(); }

    bool is_done() const { return pending_ == nullptr; }
    const Answer& answer() const { return answer_; }
    // The value, of a call that is done.
    const Result<std::int64_t>& value() const { return answer_.value; }

    // --- of a pending one ---
    // never(): it waits for an event alone.
    Instant deadline() const { return pending_ == nullptr ? Instant::never() : pending_->deadline; }
    bool is_woken() const { return pending_ != nullptr && pending_->is_woken; }
    // What OpenFileTable::take_woken() says of it; not zero.
    void set_cookie(std::uint64_t cookie) {
        if (pending_ != nullptr) pending_->cookie = cookie;
    }
    // Tries again. True: it is done.
    bool resume();
    // As a signal does: what was done so far, or Interrupted.
    void interrupt();

private:
    void let_go();

    Pending* pending_ = nullptr;
    Answer answer_{};
};

}  // namespace fairlead::posix
