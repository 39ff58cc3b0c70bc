// The bytes of streams, between the rings and the stack.
#include <algorithm>
#include <array>
#include <cerrno>

#include "host/host.hpp"
#include "host/readiness.hpp"
#include "posix/abi.hpp"

namespace fairlead::host {
namespace {

// Of one socket in one turn, so that the others have theirs.
constexpr std::uint32_t kMostInATurn = 256 * 1024;
constexpr int kShutWrite = 1;

}  // namespace

void Host::on_stack_event(ProgramSocket& s, std::uint32_t mask) {
    if (s.phase == Phase::Connecting) return try_connect(s);
    if (s.phase == Phase::Listening) return hand_over_connections(s);
    if (s.phase != Phase::Open) return;
    const bool has_room = (mask & ~std::uint32_t{posix::abi::kIn | posix::abi::kReadNormal}) != 0;
    if (has_room && s.tx.used() > 0) pump_tx(s);
    // Its number may be another's by now only if it was gone, and nobody reads then.
    if (s.arena == nullptr || s.phase != Phase::Open || s.is_gone) return;
    pump_rx(s);
    const bool has_error = (mask & posix::abi::kError) != 0;
    if (has_error && s.phase == Phase::Open) note_error_queue(s);
}

void Host::on_dirty(ProgramSocket& s) {
    if (s.phase == Phase::Listening) return hand_over_connections(s);
    if (s.phase != Phase::Open) return;
    raise_wanted_edge(s);
    pump_tx(s);
    if (s.arena != nullptr && s.phase == Phase::Open && s.is_full && !s.is_gone) pump_rx(s);
}

void Host::raise_wanted_edge(ProgramSocket& s) {
    Word& wants_edge = s.slot().both.wants_edge;
    if (wants_edge.load(std::memory_order_relaxed) != 0 && wants_edge.exchange(0) != 0) raise_in(s);
}

void Host::pump_tx(ProgramSocket& s) {
    if (s.is_plain && !take_plain(s)) return;
    Slot& slot = s.slot();
    const std::uint32_t tail = slot.program.tx_tail.load(std::memory_order_acquire);
    const std::uint32_t doublings = slot.program.tx_doublings.load(std::memory_order_relaxed);
    if (!s.tx.accept_doublings(doublings, s.tx_granted) || !s.tx.accept_tail(tail)) {
        return abort(s, ECONNABORTED);
    }
    note_tx_urgent(s);
    if (!s.is_stream) {
        send_datagrams(s);
    } else if (!send_bytes(s)) {
        // What was received before the error is read first.
        s.tx.head = s.tx.tail;
        s.is_full = true;
    }
    if (s.arena == nullptr || s.phase != Phase::Open) return;
    slot.host.tx_head.store(s.tx.head, std::memory_order_release);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (s.tx.room() >= s.tx.enough() && slot.both.tx_room.load() != kRoomThere) {
        // All was sent before the program came again: it has more to give than the ring takes.
        if (s.tx.used() == 0) grant_doubling(s);
        raise_out(s);
    }
    if (s.has_more_plain && s.tx.room() > 0) queue(s);
    finish_tx(s);
}

// False: the connection cannot take any more, for good.
bool Host::send_bytes(ProgramSocket& s) {
    std::uint32_t left = kMostInATurn;
    while (s.tx.used() > 0) {
        if (left == 0) {
            queue(s);
            return true;
        }
        if (!has_room_in_stack(*s.arena)) {
            hold(s);
            return true;
        }
        const auto pieces = ring_pieces(s.tx_ring(), s.tx.head, s.tx.used());
        Piece piece = pieces[0];
        int flags = pieces[1].empty() ? 0 : posix::abi::msg::kMore;
        if (s.tx_urgent_at) {
            // The byte that it is about goes by itself, so that nothing less of it is taken.
            const std::uint32_t before = *s.tx_urgent_at - s.tx.head - 1;
            flags = before > 0 ? posix::abi::msg::kMore : posix::abi::msg::kOutOfBand;
            piece = piece.first(std::min<std::size_t>(piece.size(), std::max(before, 1u)));
        }
        const posix::Call call =
            client_.send(s.fd, {.from = posix::WritePieces{Bytes{piece}}}, flags);
        const auto& sent = call.value();
        if (!sent) {
            if (sent.error() == Errc::WouldBlock) return true;
            if (sent.error() != Errc::BrokenPipe) s.error = to_errno(sent.error());
            return false;
        }
        const auto n = static_cast<std::uint32_t>(*sent);
        s.tx.head += n;
        count_in_stack(s, n);
        left -= std::min(left, n);
        if (s.tx_urgent_at == s.tx.head) s.tx_urgent_at.reset();
    }
    return true;
}

void Host::grant_doubling(ProgramSocket& s) const {
    if (!s.is_stream || s.tx_granted != s.tx.doublings || s.tx_granted == kMostDoublings) return;
    if (!charge(*s.arena, s.tx.bytes())) return;
    s.slot().host.tx_granted.store(++s.tx_granted, std::memory_order_relaxed);
}

void Host::finish_tx(ProgramSocket& s) {
    if (s.tx.used() == 0 && s.has_fin_to_send) {
        s.has_fin_to_send = false;
        s.has_sent_fin = true;
        (void)client_.shutdown(s.fd, kShutWrite);
        show_hangup(s);
    }
    if (s.is_gone) try_release(s);
}

// The ring is full, or holds what was not taken. False: there is room by now.
bool Host::wait_for_space(ProgramSocket& s, std::uint32_t head) {
    s.is_full = true;
    s.has_waited_for_space = await_space(s.slot(), head);
    return s.has_waited_for_space;
}

// How many bytes may be put into the ring of what is received before it doubles, which it does here.
std::uint32_t Host::to_rx_doubling(ProgramSocket& s) {
    if (s.has_waited_for_space) {
        s.has_waited_for_space = false;
        // The program has taken most of a full ring before we came again: it takes more than the ring holds.
        s.wants_larger_rx = s.rx.used() <= s.rx.bytes() / 2 && s.rx.doublings < kMostDoublings;
    }
    if (!s.wants_larger_rx) return kMostRingBytes;
    const std::uint32_t left = until_doubling(s.rx.tail, s.rx.bytes());
    if (left != 0) return left;
    s.wants_larger_rx = false;
    if (!charge(*s.arena, s.rx.bytes())) return kMostRingBytes;
    // The index that is stored next says so to the program.
    s.slot().host.rx_doublings.store(++s.rx.doublings, std::memory_order_relaxed);
    return kMostRingBytes;
}

void Host::pump_rx(ProgramSocket& s) {
    if (!s.is_stream) return receive_datagrams(s);
    if ((s.status & kStatusReadEnd) != 0 && s.error == 0 && s.phase != Phase::Open) return;
    Slot& slot = s.slot();
    const std::uint32_t before = s.rx.tail;
    std::uint32_t left = kMostInATurn;
    int outcome = EAGAIN;  // 0: the end
    s.is_full = false;
    bool may_be_mark = true;  // whatever ends a read before its end: the mark is one
    for (;;) {
        const std::uint32_t head = slot.program.rx_head.load(std::memory_order_acquire);
        if (!s.rx.accept_head(head)) return abort(s, ECONNABORTED);
        const std::uint32_t before_doubling = to_rx_doubling(s);
        if (s.rx.room() == 0) {
            if (wait_for_space(s, head)) break;
            continue;
        }
        if (left == 0) {
            s.is_full = true;
            queue(s);
            break;
        }
        if (may_be_mark) meet_urgent(s);
        const std::uint32_t most = std::min({left, s.rx.room(), before_doubling});
        const auto pieces = ring_pieces(s.rx_ring(), s.rx.tail, most);
        const std::size_t count = pieces[1].empty() ? 1 : 2;
        const posix::Call call =
            client_.read(s.fd, posix::ReadPieces{std::span<const Piece>{pieces}.first(count)});
        const auto& got = call.value();
        outcome = got ? 0 : to_errno(got.error());
        if (!got || *got == 0) break;
        outcome = EAGAIN;
        const auto n = static_cast<std::uint32_t>(*got);
        s.rx.tail += n;
        left -= std::min(left, n);
        may_be_mark = n < most;
        slot.host.rx_tail.store(s.rx.tail, std::memory_order_release);
    }
    if (s.rx.tail != before) raise_in(s);
    if (outcome == EAGAIN) return;
    if (outcome != 0) return end(s, outcome);
    if (s.error != 0) return end(s, s.error);
    end_reading(s);
}

// A pending connect() asks again whether it is done.
void Host::try_connect(ProgramSocket& s) {
    const posix::Call call = client_.connect(s.fd, s.peer.bytes());
    if (call.value()) return open_stream(s);
    const Errc error = call.value().error();
    if (error == Errc::AlreadyInProgress || error == Errc::InProgress) return;
    end(s, to_errno(error));
}

void Host::open_stream(ProgramSocket& s) {
    s.phase = Phase::Open;
    set_status(s, kStatusConnected, kStatusConnecting);
    raise_out(s);
    pump_rx(s);
}

}  // namespace fairlead::host
