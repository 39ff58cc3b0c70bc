// What goes beside the bytes: urgent data, error queues, and who waits for a close.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/host.hpp"
#include "posix/abi.hpp"

namespace fairlead::host {
namespace {

constexpr char kUrgentToken = 'u';
constexpr std::size_t kMostLingering = 1024;

}  // namespace

// --- urgent data ---

// The ring of what is received ends where the next byte is urgent, or there is none such.
void Host::meet_urgent(ProgramSocket& s) {
    const auto id = client_.socket_of(s.fd);
    if (!id || !stack_.is_at_mark(*id).value_or(false)) return;
    if ((stack_.readiness(*id).value_or(0) & kPriority) == 0) return;
    const bool is_inline = stack_.option(*id, Option::OutOfBandInline).value_or(0) != 0;
    std::byte byte{};
    if (!is_inline && !stack_.receive(*id, {&byte, 1}, {.out_of_band = true})) return;
    Slot& slot = s.slot();
    slot.host.urgent_at.store(s.rx.tail, std::memory_order_relaxed);
    slot.host.urgent.store(++s.urgents * kUrgentCount | (is_inline ? kUrgentInline : 0) |
                               std::to_integer<std::uint32_t>(byte),
                           std::memory_order_release);
    show_unusual();
    if (!s.end.is_open() || slot.both.has_urgent_token.exchange(1) != 0) return;
    // The program's end shows POLLPRI, and whoever it belongs to gets SIGURG.
    (void)::send(s.end.get(), &kUrgentToken, sizeof kUrgentToken,
                 MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL);
}

// Before what the program has written is sent.
void Host::note_tx_urgent(ProgramSocket& s) {
    const auto& program = s.slot().program;
    const std::uint32_t said = program.tx_urgents.load(std::memory_order_relaxed);
    if (said == s.tx_urgents) return;
    s.tx_urgents = said;
    const std::uint32_t at = program.tx_urgent_at.load(std::memory_order_relaxed);
    const bool is_there = at != s.tx.head && at - s.tx.head <= s.tx.used();
    if (is_there) s.tx_urgent_at = at;
}

// From now on programs ask their slots, and not their descriptors alone.
void Host::show_unusual() const {
    reinterpret_cast<StatePage*>(state_->base())->has_unusual.store(1);
}

// --- error queues ---

// After all else that waits was taken from the stack: an error that is there still lies in the queue.
bool Host::has_errors(const ProgramSocket& s) {
    const auto id = client_.socket_of(s.fd);
    return id && (stack_.readiness(*id).value_or(0) & kError) != 0;
}

void Host::note_error_queue(ProgramSocket& s) {
    const bool is_any = has_errors(s);
    const bool was_known = (s.status & kStatusErrors) != 0;
    if (!is_any && was_known) set_status(s, 0, kStatusErrors);
    if (!is_any) return;
    show_unusual();
    if (!was_known) set_status(s, kStatusErrors);
    raise_in_for_error(s);
}

int Host::receive_error(ProgramSocket& s, std::size_t control_room, std::size_t room,
                        Outgoing& out) {
    const MutableBytes payload =
        MutableBytes{scratch_}.first(std::min<std::size_t>(room, kMostPayload));
    std::array<std::byte, kMostControl> control{};
    const posix::Call call = client_.receive(
        s.fd,
        {.into = posix::ReadPieces{payload},
         .control = MutableBytes{control}.first(std::min(control_room, control.size()))},
        posix::abi::msg::kErrorQueue | posix::abi::msg::kDontWait);
    const posix::Answer& answer = call.answer();
    if (!answer.value) return -to_errno(answer.value.error());
    const RecordHead head{.payload = static_cast<std::uint32_t>(*answer.value),
                          .name = static_cast<std::uint16_t>(answer.name.size),
                          .control = static_cast<std::uint16_t>(answer.control_bytes),
                          .flags = static_cast<std::uint32_t>(answer.message_flags)};
    static_assert(sizeof head + kMostName + kMostControl <= kMostBytes);
    std::memcpy(out.bytes.data(), &head, sizeof head);
    std::memcpy(out.bytes.data() + sizeof head, answer.name.storage.data(), head.name);
    std::memcpy(out.bytes.data() + sizeof head + head.name, control.data(), head.control);
    out.reply.size = kMostBytes;
    out.more = payload.first(head.payload);
    const auto id = client_.socket_of(s.fd);
    if (!s.is_stream && id) {
        // The error of what comes next, or none: whoever read of it is not told again.
        const auto next = static_cast<int>(stack_.option(*id, Option::Error).value_or(0));
        const bool is_empty = !has_errors(s);
        const auto queued = static_cast<int>(is_empty ? 0 : kErrorQueued);
        if (next != 0 || is_empty) publish_error(s, next | queued);
    }
    note_error_queue(s);
    return 0;
}

// --- SO_LINGER ---

// The last close of a stream that lingers. A descriptor goes along that is readable when it is over.
int Host::await_end(const SocketKey& key, Outgoing& out) {
    drain_closes();
    ProgramSocket* s = find(key);
    if (s != nullptr && !s->is_gone) return 0;
    Lingering* found = lingering(key);
    if (s == nullptr && found == nullptr) return 0;
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return -errno;
    if (found == nullptr) found = &lingering_.emplace_back(Lingering{.key = key});
    found->writer = FileDescriptor{ends[1]};
    out.kept = FileDescriptor{ends[0]};
    out.fds = {ends[0]};
    return 0;
}

Host::Lingering* Host::lingering(const SocketKey& key) {
    const auto found = std::ranges::find_if(lingering_, [&](const Lingering& one) {
        return one.key.slot == key.slot && one.key.arena == key.arena &&
               one.key.generation == key.generation;
    });
    return found == lingering_.end() ? nullptr : &*found;
}

// What is left of a socket that is closed in the stack: it may wait for its peer.
void Host::linger(const SocketKey& key, posix::Call call) {
    Lingering* known = lingering(key);
    if (known == nullptr) {
        if (call.is_done() || lingering_.size() >= kMostLingering) return;
        known = &lingering_.emplace_back(Lingering{.key = key});
    }
    known->call.emplace(std::move(call));
}

// When the first of those that linger has waited long enough.
Instant Host::end_lingering() {
    Instant next = Instant::never();
    std::erase_if(lingering_, [&](Lingering& one) {
        if (one.call && one.call->resume()) return true;
        if (one.call) next = std::min(next, one.call->deadline());
        return false;
    });
    return next;
}

}  // namespace fairlead::host
