// stack/replay.hpp — a recording fed to a fresh stack, whose frames must be the same to the bit.
//
// Owns:   Replay: the stack, devices that hand in what was recorded and compare what leaves, and
//         where the first difference is.
// Rules:  It stops at the first difference or fault: what follows would say nothing. Nothing of a
//         recording is trusted; a damaged one ends in a fault, never in a crash.
// Not here: files, and how a difference is told (cli/replay).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "stack/record_format.hpp"

namespace fairlead {

// Who wants to see the frames as they pass again.
struct ReplayWitness {
    void* context = nullptr;
    void (*device)(void* context, std::uint16_t device, const DeviceInfo& info) = nullptr;
    void (*frame)(void* context, std::uint16_t device, Instant at, bool leaves,
                  const Packet& frame) = nullptr;
};

struct ReplayDifference {
    enum class Kind : std::uint8_t {
        OtherFrame,    // a frame left that is not the recorded one
        MissingFrame,  // a recorded frame did not leave
        ExtraFrame,    // a frame left that was not recorded
        OtherTurn,     // the stack turned to its devices in another order
    };
    Kind kind{};
    std::uint64_t record = 0;
    std::size_t offset = 0;  // in the file
    Instant at{};
    std::uint16_t device = 0;
    std::uint64_t frame = 0;  // the how many-th that left by this device, from 0
    std::uint32_t expected_bytes = 0;
    std::uint32_t actual_bytes = 0;
    std::uint64_t expected_hash = 0;
    std::uint64_t actual_hash = 0;
};

std::string_view message_of(ReplayDifference::Kind kind);

struct ReplayCounts {
    std::uint64_t records = 0;
    std::uint64_t calls = 0;
    std::uint64_t frames_in = 0;
    std::uint64_t frames_out = 0;
};

class Replay {
public:
    // The recording outlives it.
    explicit Replay(Bytes file, const ReplayWitness& witness = {});
    Replay(const Replay&) = delete;
    Replay& operator=(const Replay&) = delete;
    ~Replay();

    // Makes the next call. False: at the end, at a fault or at a difference.
    bool step();
    // To the end; true when all was the same.
    bool run() {
        while (step()) {
        }
        return is_same();
    }
    bool is_same() const { return is_at_end_ && !fault_ && !difference_; }
    // The call that step() made last; its spans live as long as the recording.
    const Input& last() const { return last_; }

    const std::optional<RecordFault>& fault() const { return fault_; }
    std::size_t fault_offset() const { return stream_.offset(); }
    const std::optional<ReplayDifference>& difference() const { return difference_; }
    const ReplayCounts& counts() const { return counts_; }
    // Null before the first step.
    Stack* stack() { return stack_ ? &*stack_ : nullptr; }

private:
    class ReplayedDevice final : public Device {
    public:
        ReplayedDevice(Replay& replay, std::uint16_t number, DeviceInfo info)
            : replay_{replay}, number_{number}, info_{std::move(info)} {}
        const DeviceInfo& info() const override;
        std::size_t receive(std::uint16_t queue, Instant now, PacketPool& pool,
                            std::span<PacketPtr> out) override;
        std::size_t send(std::uint16_t queue, Instant now, std::span<PacketPtr> burst) override;

    private:
        bool is_as_recorded(RecordReader& body, const Packet& frame);

        Replay& replay_;
        std::uint16_t number_;
        mutable DeviceInfo info_;
        std::uint64_t sent_ = 0;
    };

    bool is_stopped() const { return is_at_end_ || fault_ || difference_; }
    void look_ahead();
    void consume();
    bool open();
    bool add_interface();
    bool call();
    // The body of the next record if it is of that kind, device and turn; counts the turn if not.
    std::optional<RecordReader> take(InputKind kind, std::uint16_t device);
    void fail(RecordFault fault) {
        if (!fault_) fault_ = fault;
    }
    ReplayDifference& differ(ReplayDifference::Kind kind, std::uint16_t device);

    RecordStream stream_;
    ReplayWitness witness_;
    PacketPool pool_{};
    std::deque<ReplayedDevice> devices_{};
    std::optional<Stack> stack_{};
    std::optional<Record> next_{};
    std::uint32_t quiet_ = 0;
    Input last_{};
    std::vector<std::byte> scratch_{};
    std::optional<RecordFault> fault_{};
    std::optional<ReplayDifference> difference_{};
    bool is_at_end_ = false;
    ReplayCounts counts_{};
};

}  // namespace fairlead
