// drill/parallel.hpp — pieces of work, each in a process of its own, several at once.
//
// Owns:   the processes: their number, their bounds in time and memory, what they tell, their end.
// Rules:  What a piece tells reaches the caller in the order of the pieces, whichever ends first.
//         When this returns, or ends in whatever way, no process of it is left, nor any that these
//         have started and that stayed in their group.
// Why:    a script that hangs or floods takes only its own process with it, and what the kernel
//         holds for it (namespace, device, sockets) goes with the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace fairlead::drill {

struct ParallelOptions {
    std::size_t jobs = 1;
    std::int64_t seconds = 60;           // of real time, for each piece
    std::size_t memory_bytes = 1 << 30;  // of address space beyond what we have; 0: no bound
    std::size_t retries = 0;  // of a piece that fails, by itself when all others are done
};

// In the process of a piece: what is to reach the caller.
class Teller {
public:
    explicit Teller(int fd) : fd_{fd} {}
    void line(std::string_view text) const;  // at once, if it is this piece's turn
    void result(std::string_view bytes, bool has_failed) const;

private:
    int fd_;
};

enum class PieceEnd : std::uint8_t { Done, TimedOut, OutOfMemory, Crashed };

// In the caller's process, in the order of the pieces.
struct PieceEvents {
    std::function<void(std::size_t index, std::string_view line)> line{};
    std::function<void(std::size_t index, PieceEnd end, std::string_view result)> ended{};
    // Whenever something ended: of how many, for those who watch.
    std::function<void(std::size_t done)> progress{};
};

// False: interrupted (SIGINT, SIGTERM or SIGHUP); what had not ended was killed and is not told of.
bool run_in_parallel(std::size_t pieces, const ParallelOptions& options,
                     const std::function<void(std::size_t index, const Teller&)>& work,
                     const PieceEvents& events);

}  // namespace fairlead::drill
