// posix/pipe.hpp — the bytes between the two ends of a pipe.
//
// Owns:   a ring of 64 KiB, and who is still there: its ends are open files.
// Knows:  pipe(7): writes of up to PIPE_BUF bytes are not torn; a reader without writers sees the
//         end, a writer without readers EPIPE.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "fairlead/bytes.hpp"

namespace fairlead::posix {

struct OpenFile;

class Pipe {
public:
    static constexpr std::size_t kCapacity = 65536;
    static constexpr std::size_t kAtomic = 4096;  // PIPE_BUF

    OpenFile* reader = nullptr;  // null: closed
    OpenFile* writer = nullptr;

    std::size_t size() const { return size_; }
    std::size_t room() const { return kCapacity - size_; }

    // How many bytes went in. Small writes go in whole or not at all.
    std::size_t write(Bytes bytes) {
        if (bytes.size() <= kAtomic && bytes.size() > room()) return 0;
        const std::size_t count = std::min(bytes.size(), room());
        for (std::size_t done = 0; done < count;) {
            const std::size_t at = (begin_ + size_) % kCapacity;
            const std::size_t part = std::min(count - done, kCapacity - at);
            std::ranges::copy(bytes.subspan(done, part), ring_.begin() + static_cast<long>(at));
            size_ += part;
            done += part;
        }
        return count;
    }
    // The oldest bytes that lie together.
    Bytes front() const {
        return Bytes{ring_}.subspan(begin_, std::min(size_, kCapacity - begin_));
    }
    void drop(std::size_t count) {
        begin_ = (begin_ + count) % kCapacity;
        size_ -= count;
    }

private:
    std::vector<std::byte> ring_ = std::vector<std::byte>(kCapacity);
    std::size_t begin_ = 0;
    std::size_t size_ = 0;
};

}  // namespace fairlead::posix
