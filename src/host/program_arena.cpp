#include "host/program_arena.hpp"

#include <cerrno>
#include <cstring>
#include <new>

#include <sys/eventfd.h>

namespace fairlead::host {
namespace {

// So much of a slot's rings stays with it for the next socket; what is beyond goes back.
constexpr std::uint32_t kKept = 16 * 1024;

}  // namespace

std::expected<std::unique_ptr<ProgramArena>, int> ProgramArena::make(std::uint32_t number,
                                                                     const Secret& secret) {
    auto memory = SharedMemory::make("fairlead-arena", kArenaBytes, Writers::All);
    if (!memory) return std::unexpected{memory.error()};
    const int doorbell = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (doorbell < 0) return std::unexpected{errno};
    return std::unique_ptr<ProgramArena>{
        new ProgramArena{number, secret, std::move(*memory), doorbell}};
}

std::uint32_t ProgramArena::take_slot(std::uint32_t socket) {
    std::uint32_t slot = kNobody;
    if (!free_.empty()) {
        slot = free_.back();
        free_.pop_back();
    } else if (fresh_ < kSlots) {
        slot = fresh_++;
    } else {
        return kNobody;
    }
    // Whatever the program left there.
    std::memset(static_cast<void*>(&view().slot(slot)), 0, sizeof(Slot));
    std::atomic_thread_fence(std::memory_order_release);
    sockets_[slot] = socket;
    ++taken_;
    return slot;
}

void ProgramArena::give_slot(std::uint32_t slot, std::uint32_t bytes_used) {
    if (bytes_used > kKept) memory_.give_back(ArenaView::rings_offset(slot), 2 * kMostRingBytes);
    sockets_[slot] = kNobody;
    free_.push_back(slot);
    --taken_;
}

bool ProgramArena::is_dirty() const {
    for (const Bits& sum : view().header().dirty_sum) {
        if (sum.load() != 0) return true;
    }
    return false;
}

}  // namespace fairlead::host
