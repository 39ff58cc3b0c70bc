#include "host/shared_memory.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>

namespace fairlead::host {

std::expected<SharedMemory, int> SharedMemory::make(const char* name, std::size_t bytes,
                                                    Writers writers) {
    device::FileDescriptor fd{::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    if (!fd.is_open() || ::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) {
        return std::unexpected{errno};
    }
    void* base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (base == MAP_FAILED) return std::unexpected{errno};
    SharedMemory memory{std::move(fd), static_cast<std::byte*>(base), bytes};
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    if (writers == Writers::HostAlone) seals |= F_SEAL_FUTURE_WRITE;
    if (::fcntl(memory.fd(), F_ADD_SEALS, seals) != 0) return std::unexpected{errno};
    return memory;
}

SharedMemory::~SharedMemory() {
    if (base_ != nullptr) ::munmap(base_, bytes_);
}

void SharedMemory::give_back(std::size_t offset, std::size_t bytes) const {
    (void)::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                      static_cast<off_t>(offset), static_cast<off_t>(bytes));
}

}  // namespace fairlead::host
