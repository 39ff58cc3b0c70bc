// What the stack holds for the sockets of one program: bounded, so that the others have theirs.
#include "host/host.hpp"
#include "posix/abi.hpp"

namespace fairlead::host {
namespace {

// To ask for each socket takes a while: not at each byte of a program that has reached its limit.
constexpr Duration kBetweenCounts = 50_ms;

}  // namespace

void Host::count_in_stack(ProgramSocket& s, std::uint64_t bytes) const {
    s.stack_bytes += bytes;
    s.arena->stack_bytes += bytes;
}

// What a connection has to send, with what is not acknowledged, and what it has received.
std::uint64_t Host::held_in_stack(const ProgramSocket& s) {
    if (!s.is_stream || s.fd < 0 || s.phase != Phase::Open) return 0;
    std::uint64_t sum = 0;
    for (const std::uint64_t request :
         {posix::abi::io::kBytesUnacked, posix::abi::io::kBytesToRead}) {
        std::int32_t bytes = 0;
        if (client_.ioctl(s.fd, request, bytes)) sum += static_cast<std::uint32_t>(bytes);
    }
    return sum;
}

// The host has counted what it gave to the stack. What has left it is asked for when that reaches the limit.
bool Host::has_room_in_stack(ProgramArena& arena) {
    if (arena.stack_bytes < settings_.program_buffers) return true;
    if (now_ < arena.asks_again) return false;
    arena.asks_again = now_ + kBetweenCounts;
    arena.stack_bytes = 0;
    for (const auto& s : sockets_) {
        if (s->arena != &arena) continue;
        s->stack_bytes = held_in_stack(*s);
        arena.stack_bytes += s->stack_bytes;
    }
    return arena.stack_bytes < settings_.program_buffers;
}

// What it has written stays in its ring for now.
void Host::hold(ProgramSocket& s) {
    if (s.is_held) return;
    s.is_held = true;
    held_.push_back(s.number);
}

void Host::try_held() {
    std::vector<std::uint32_t> held;
    held.swap(held_);
    for (const std::uint32_t number : held) {
        ProgramSocket& s = *sockets_[number];
        if (!s.is_held) continue;
        s.is_held = false;
        if (s.arena == nullptr || s.phase != Phase::Open) continue;
        if (has_room_in_stack(*s.arena)) {
            pump_tx(s);
        } else {
            hold(s);
        }
    }
}

}  // namespace fairlead::host
