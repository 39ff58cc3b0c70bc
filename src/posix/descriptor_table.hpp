// posix/descriptor_table.hpp — the small numbers of one client.
//
// Owns:   which number stands for which open file, and FD_CLOEXEC of each; the limit
//         (RLIMIT_NOFILE).
// Knows:  the lowest free number is given, as POSIX wants.
// Not here: references to open files: whoever puts one in or takes one out counts them
//         (client.hpp).
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "fairlead/error.hpp"

namespace fairlead::posix {

struct OpenFile;

class DescriptorTable {
public:
    struct Entry {
        OpenFile* file = nullptr;  // null: free
        bool closes_on_exec = false;
    };

    // Numbers below `lowest` are never given, only asked for by dup2().
    DescriptorTable(int lowest, int limit) : lowest_{lowest}, next_{lowest}, limit_{limit} {}

    int limit() const { return limit_; }
    int size() const { return static_cast<int>(entries_.size()); }

    Entry* find(int fd) {
        if (fd < 0 || fd >= size()) return nullptr;
        Entry& entry = entries_[static_cast<std::size_t>(fd)];
        return entry.file == nullptr ? nullptr : &entry;
    }
    // The lowest free number that is not below `from`. TooManyOpenFiles.
    Result<int> lowest_free(int from = 0) const {
        int fd = std::max(from, std::max(lowest_, from <= next_ ? next_ : from));
        while (fd < size() && entries_[static_cast<std::size_t>(fd)].file != nullptr) ++fd;
        if (fd >= limit_) return std::unexpected{Errc::TooManyOpenFiles};
        return fd;
    }
    void put(int fd, OpenFile& file, bool closes_on_exec) {
        if (fd >= size()) entries_.resize(static_cast<std::size_t>(fd) + 1);
        entries_[static_cast<std::size_t>(fd)] = {&file, closes_on_exec};
        if (fd == next_) ++next_;
    }
    // The entry that was there.
    Entry take(int fd) {
        if (fd >= lowest_) next_ = std::min(next_, fd);
        return std::exchange(entries_[static_cast<std::size_t>(fd)], Entry{});
    }

private:
    int lowest_;
    int next_;  // no number from lowest_ up to it is free
    int limit_;
    std::vector<Entry> entries_{};
};

}  // namespace fairlead::posix
