// host/shared_memory.hpp — memory that a host shares with programs, and programs cannot shrink.
//
// Owns:      a sealed memfd and our mapping of it; giving pages back that are not used any more.
// Rules:     a page that only the host writes is sealed against that (F_SEAL_FUTURE_WRITE) once the
//            host has mapped it.
// Not here:  what lies where (arena.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <utility>

#include "device/file_descriptor.hpp"

namespace fairlead::host {

enum class Writers : std::uint8_t { All, HostAlone };

class SharedMemory {
public:
    // The error is an errno.
    static std::expected<SharedMemory, int> make(const char* name, std::size_t bytes,
                                                 Writers writers);
    SharedMemory(SharedMemory&& other) noexcept
        : fd_{std::move(other.fd_)},
          base_{std::exchange(other.base_, nullptr)},
          bytes_{other.bytes_} {}
    SharedMemory& operator=(SharedMemory&&) = delete;
    SharedMemory(const SharedMemory&) = delete;
    SharedMemory& operator=(const SharedMemory&) = delete;
    ~SharedMemory();

    int fd() const { return fd_.get(); }
    std::byte* base() const { return base_; }
    // What lies there reads as zeros from now on, and takes no memory.
    void give_back(std::size_t offset, std::size_t bytes) const;

private:
    SharedMemory(device::FileDescriptor fd, std::byte* base, std::size_t bytes)
        : fd_{std::move(fd)}, base_{base}, bytes_{bytes} {}

    device::FileDescriptor fd_{};
    std::byte* base_ = nullptr;
    std::size_t bytes_ = 0;
};

}  // namespace fairlead::host
