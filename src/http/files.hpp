// http/files.hpp — the one room that touches a file system.
//
// Owns:      Folder (a root nothing below may leave), File (an open file or directory), Upload (a
//            file that appears whole under its name, or not at all).
// Knows:     openat2(2) with RESOLVE_BENEATH: "..", absolute links and links that lead outside are
//            refused by the kernel in the same step that opens, so there is no moment between a
//            check and a use. Needs Linux 5.6.
// Not here:  what a URL is (target.hpp), what is answered (answer.hpp).
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fairlead/bytes.hpp"

namespace fairlead::http {

enum class FileFault : std::uint8_t {
    NotFound,
    Outside,      // the name leads out of the folder
    Forbidden,    // permissions, or neither a regular file nor a directory
    IsDirectory,  // where a file was to be written
    NoSpace,
    Busy,  // out of descriptors or memory: later it may work
    Failed,
};

class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int fd) : fd_{fd} {}
    Descriptor(Descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Descriptor();

    int get() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }
    bool is_open() const { return fd_ >= 0; }

private:
    int fd_ = -1;
};

class File {
public:
    File() = default;
    static std::expected<File, FileFault> adopt(Descriptor fd);

    bool is_open() const { return fd_.is_open(); }
    bool is_directory() const { return is_directory_; }
    std::uint64_t size() const { return size_; }  // when it was opened
    std::int64_t modified_ns() const { return modified_ns_; }

    // Fills `to` from `offset` on; fewer bytes only where the file ends or cannot be read.
    std::size_t read(std::uint64_t offset, MutableBytes to) const;

    struct Name {
        std::string text{};
        bool is_directory = false;
    };
    struct Listing {
        std::vector<Name> names{};  // sorted; directories and files alike
        bool is_cut = false;        // there are more than were asked for
    };
    // Of a directory that was just opened; at most `limit` names.
    std::expected<Listing, FileFault> list(std::size_t limit) const;

private:
    Descriptor fd_{};
    std::uint64_t size_ = 0;
    std::int64_t modified_ns_ = 0;
    bool is_directory_ = false;
};

// Bytes go to a file with a private name beside the final one. Dropped before commit(), it is
// removed again.
class Upload {
public:
    Upload() = default;
    Upload(Descriptor folder, Descriptor file, std::string temporary, std::string name);
    Upload(Upload&&) noexcept = default;
    Upload& operator=(Upload&& other) noexcept;
    ~Upload() { discard(); }

    std::expected<void, FileFault> write(Bytes bytes);
    // Says whether a file of that name was there before.
    std::expected<bool, FileFault> commit();

private:
    void discard();

    Descriptor folder_{};
    Descriptor file_{};
    std::string temporary_{};  // empty: nothing to remove
    std::string name_{};
};

class Folder {
public:
    // A relative path is taken from the working directory. The error is an errno.
    static std::expected<Folder, int> open_root(const std::string& path);

    // `path` is relative; "" is the folder itself.
    std::expected<File, FileFault> open(const std::string& path) const;
    std::expected<Upload, FileFault> create(const std::string& path) const;

private:
    std::expected<Descriptor, FileFault> open_beneath(const std::string& path,
                                                      std::uint64_t flags) const;

    Descriptor root_{};
};

}  // namespace fairlead::http
