// host/program_arena.hpp — the host's side of one arena.
//
// Owns:      the memory that a program and its forked children share with the host, its doorbell, the
//            secret by which a child joins it; which slots are taken, and by which socket.
// Rules:     a dirty bit is a hint: one on a slot that nobody has is passed over. What is found dirty
//            is at most every slot once, however often the program sets bits.
// Not here:  the layout (arena.hpp), what a socket does (program_socket.hpp).
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <expected>
#include <memory>
#include <vector>

#include "fairlead/time.hpp"
#include "host/arena.hpp"
#include "host/pair.hpp"
#include "host/protocol.hpp"
#include "host/shared_memory.hpp"

namespace fairlead::host {

using Secret = std::array<std::byte, kSecretBytes>;
inline constexpr std::uint32_t kNobody = UINT32_MAX;

class ProgramArena {
public:
    // The error is an errno.
    static std::expected<std::unique_ptr<ProgramArena>, int> make(std::uint32_t number,
                                                                  const Secret& secret);

    std::uint32_t number() const { return number_; }
    const Secret& secret() const { return secret_; }
    ArenaView view() const { return ArenaView{memory_.base()}; }
    int memory_fd() const { return memory_.fd(); }
    int doorbell() const { return doorbell_.get(); }

    // A slot that is all zeros, for that socket; nothing: all are taken.
    std::uint32_t take_slot(std::uint32_t socket);
    void give_slot(std::uint32_t slot, std::uint32_t bytes_used);
    std::uint32_t socket_of(std::uint32_t slot) const {
        return slot < kSlots ? sockets_[slot] : kNobody;
    }
    std::uint32_t socket_count() const { return taken_; }

    // Connections of programs that have joined it.
    std::uint32_t members = 0;
    // Of the rings of its sockets, as large as they may be now.
    std::uint64_t ring_bytes = 0;
    // What the stack holds for them, at most, but for what has come since it was asked last.
    std::uint64_t stack_bytes = 0;
    Instant asks_again{};  // not before

    bool is_dirty() const;
    // Calls `on_socket(number)` for the socket of each slot that was marked since the last time.
    template <typename F>
    void collect_dirty(F&& on_socket);

private:
    ProgramArena(std::uint32_t number, const Secret& secret, SharedMemory memory, int doorbell)
        : number_{number},
          secret_{secret},
          memory_{std::move(memory)},
          doorbell_{doorbell},
          sockets_(kSlots, kNobody) {}

    std::uint32_t number_;
    Secret secret_;
    SharedMemory memory_;
    FileDescriptor doorbell_;
    std::vector<std::uint32_t> sockets_;
    std::vector<std::uint32_t> free_{};
    std::uint32_t fresh_ = 0;  // slots from here on were never taken
    std::uint32_t taken_ = 0;
};

template <typename F>
void ProgramArena::collect_dirty(F&& on_socket) {
    ArenaHeader& header = view().header();
    for (std::uint32_t sum = 0; sum < kDirtySums; ++sum) {
        if (header.dirty_sum[sum].load(std::memory_order_relaxed) == 0) continue;
        std::uint64_t words = header.dirty_sum[sum].exchange(0);
        for (; words != 0; words &= words - 1) {
            const auto word = sum * kWordBits + static_cast<std::uint32_t>(std::countr_zero(words));
            std::uint64_t bits = header.dirty[word].exchange(0);
            for (; bits != 0; bits &= bits - 1) {
                const auto slot =
                    word * kWordBits + static_cast<std::uint32_t>(std::countr_zero(bits));
                if (sockets_[slot] != kNobody) on_socket(sockets_[slot]);
            }
        }
    }
}

}  // namespace fairlead::host
