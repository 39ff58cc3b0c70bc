// Datagrams, as records in the rings.
#include <cerrno>
#include <cstring>

#include "host/host.hpp"
#include "posix/abi.hpp"

namespace fairlead::host {
namespace {

constexpr int kMostInATurn = 64;

}  // namespace

void Host::send_datagrams(ProgramSocket& s) {
    for (int i = 0; s.tx.used() > 0; ++i) {
        if (i == kMostInATurn) return queue(s);
        // A copy: the program may change the ring at any time.
        RecordHead head{};
        if (s.tx.used() < sizeof head) return abort(s, ECONNABORTED);
        ring_get(s.tx_ring(), s.tx.head, std::as_writable_bytes(std::span{&head, 1}));
        if (!is_possible(head, s.tx.used())) return abort(s, ECONNABORTED);
        send_record(s, head);
        s.tx.head += record_bytes(head);
    }
}

void Host::send_record(ProgramSocket& s, const RecordHead& head) {
    const std::size_t size = head.name + head.control + head.payload;
    const MutableBytes all = MutableBytes{scratch_}.first(size);
    ring_get(s.tx_ring(), s.tx.head + static_cast<std::uint32_t>(sizeof head), all);
    const posix::MessageOut message{
        .from = posix::WritePieces{Bytes{all.subspan(head.name + head.control)}},
        .name = all.first(head.name),
        .control = all.subspan(head.name, head.control)};
    const posix::Call call =
        client_.send(s.fd, message, static_cast<int>(head.flags) | posix::abi::msg::kDontWait);
    if (call.value()) return;
    publish_error(s, to_errno(call.value().error()) | static_cast<int>(kErrorOfSend));
    raise_in_for_error(s);
}

void Host::receive_datagrams(ProgramSocket& s) {
    Slot& slot = s.slot();
    const MutableBytes payload = MutableBytes{scratch_}.first(kMostPayload);
    const MutableBytes control = MutableBytes{scratch_}.subspan(kMostPayload, kMostControl);
    s.is_full = false;
    for (;;) {
        const std::uint32_t head = slot.program.rx_head.load(std::memory_order_acquire);
        if (!s.rx.accept_head(head)) return abort(s, ECONNABORTED);
        if (s.rx.room() < kLargestRecord) {
            if (wait_for_space(s, head)) return;
            continue;
        }
        const posix::Call call =
            client_.receive(s.fd, {.into = posix::ReadPieces{payload}, .control = control},
                            posix::abi::msg::kDontWait);
        const posix::Answer& answer = call.answer();
        if (answer.value) {
            put_record(s, answer, static_cast<std::size_t>(*answer.value));
            raise_in(s);
        } else if (answer.value.error() == Errc::WouldBlock) {
            return;
        } else {
            // Who sees the one sees the other.
            const auto queued = static_cast<int>(has_errors(s) ? kErrorQueued : 0);
            publish_error(s, to_errno(answer.value.error()) | queued);
            note_error_queue(s);
            raise_in_for_error(s);
        }
    }
}

// From the scratch into the ring.
void Host::put_record(ProgramSocket& s, const posix::Answer& answer, std::size_t copied) {
    const RecordHead head{.payload = static_cast<std::uint32_t>(copied),
                          .name = static_cast<std::uint16_t>(answer.name.size),
                          .control = static_cast<std::uint16_t>(answer.control_bytes),
                          .flags = static_cast<std::uint32_t>(answer.message_flags)};
    const Bytes scratch{scratch_};
    std::uint32_t at = s.rx.tail;
    const auto put = [&](Bytes bytes) {
        ring_put(s.rx_ring(), at, bytes);
        at += static_cast<std::uint32_t>(bytes.size());
    };
    put(std::as_bytes(std::span{&head, 1}));
    put(answer.name.bytes());
    put(scratch.subspan(kMostPayload, head.control));
    put(scratch.first(copied));
    s.rx.tail += record_bytes(head);
    s.slot().host.rx_tail.store(s.rx.tail, std::memory_order_release);
}

}  // namespace fairlead::host
