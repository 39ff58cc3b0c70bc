// stack/recorder.hpp — writes down every input of a stack while it runs.
//
// Owns:   InputRecorder: what a stack was made with, each call with its arguments, each frame its
//         devices handed in (whole) and took (as a hash), in the order in which it all happened.
// Use:    give its address in StackOptions::recorder; it outlives the stack, and ends the recording
//         when it goes. Any device is recorded: it wears each one that is added.
// Cost:   nothing but a branch a call when there is none; when there is, a copy of every frame.
// Limit:  what other members of a group hand over (group.hpp) is not recorded.
// Not here: files (whoever owns the sink has them), replay (replay.hpp).
#pragma once

#include <cstdint>
#include <deque>

#include "stack/record_format.hpp"

namespace fairlead {

// Where the bytes of a recording go. It may not fail: who writes to a disk keeps its own account.
struct RecordSink {
    void* context = nullptr;
    void (*write)(void* context, Bytes bytes) = nullptr;
};

class InputRecorder {
public:
    explicit InputRecorder(RecordSink sink);
    InputRecorder(const InputRecorder&) = delete;
    InputRecorder& operator=(const InputRecorder&) = delete;
    ~InputRecorder();

    // --- what a stack tells it ---
    void open(const StackOptions& options);
    void add(const Input& input);
    // The device to use in the place of that one.
    Device& wear(Device& device, const InterfaceOptions& options);

    std::uint64_t records() const { return count_; }

private:
    class RecordedDevice final : public Device {
    public:
        RecordedDevice(InputRecorder& recorder, Device& inner, std::uint16_t number);
        const DeviceInfo& info() const override;
        std::size_t receive(std::uint16_t queue, Instant now, PacketPool& pool,
                            std::span<PacketPtr> out) override;
        std::size_t send(std::uint16_t queue, Instant now, std::span<PacketPtr> burst) override;
        Instant next_deadline() const override { return inner_.next_deadline(); }

    private:
        InputRecorder& recorder_;
        Device& inner_;
        std::uint16_t number_;
        mutable DeviceInfo last_;
    };

    // The body of a record is written to body_ between these.
    RecordWriter& begin_device_record(std::uint16_t device);
    void finish(InputKind kind);

    RecordSink sink_;
    RecordWriter body_{};
    RecordWriter frame_{};
    std::uint64_t count_ = 0;
    std::uint32_t quiet_ = 0;  // turns to devices since the last record that left none
    std::deque<RecordedDevice> devices_{};
};

}  // namespace fairlead
