// posix/open_file_table.hpp — all open files over one stack, whoever has descriptors for them.
//
// Owns:      OpenFile objects and their references; the way of a stack's events to who waits.
// Contract:  collect() after each poll() of the stack; it takes the stack's events, so nobody else
//            may. What waits and was woken is in take_woken(), by the cookie that its driver gave.
// Why:       descriptors of several clients (fork, a message with descriptors) may stand for one
//            open file: this is what they share. One for a stack, none global.
// Not here:  descriptors and calls (client.hpp).
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/slab.hpp"
#include "fairlead/stack.hpp"
#include "posix/call.hpp"
#include "posix/epoll_set.hpp"
#include "posix/open_file.hpp"

namespace fairlead::posix {

class OpenFileTable {
public:
    explicit OpenFileTable(Stack& stack) : stack_{stack} {}
    OpenFileTable(const OpenFileTable&) = delete;
    OpenFileTable& operator=(const OpenFileTable&) = delete;

    Stack& stack() { return stack_; }

    // Each with one reference, which is the caller's; null: no memory.
    OpenFile* open_socket(SocketId id, Family family, bool is_stream, int flags);
    OpenFile* open_epoll();
    bool open_pipe(int flags, OpenFile*& reader, OpenFile*& writer);
    OpenFile* open_source(const FileSource& source);

    void hold(OpenFile& file) { ++file.references; }
    void release(OpenFile& file);

    // What poll() would say now.
    PollMask poll_mask(OpenFile& file);
    // Takes what the stack has to tell, and wakes who waits for it.
    void collect();

    // --- pending calls: call.hpp ---
    Slab<Pending>& pending() { return pending_; }
    void note_woken(std::uint64_t cookie) { woken_.push_back(cookie); }
    // The cookies of pending calls that may have something to do, oldest first, each once for each
    // time it was resumed.
    std::size_t take_woken(std::span<std::uint64_t> into);

    // Those who get SIGURG, as F_SETOWN named them: a process, or a group's number negative.
    std::vector<int> take_urged() { return std::exchange(urged_, {}); }

    std::size_t size() const { return files_.size(); }
    // Where bytes lie that cross from one file to another within one call.
    MutableBytes scratch();

private:
    OpenFile* open(FileKind kind, int flags);
    void note_urged(const OpenFile& file);

    Stack& stack_;
    Slab<OpenFile> files_;
    Slab<Pending> pending_;
    std::vector<std::uint64_t> woken_{};
    std::vector<int> urged_{};
    std::vector<std::byte> scratch_{};
};

}  // namespace fairlead::posix
