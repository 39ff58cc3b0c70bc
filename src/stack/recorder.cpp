#include "stack/recorder.hpp"

#include "stack/record_frame.hpp"

namespace fairlead {
namespace {

bool are_same(const DeviceInfo& a, const DeviceInfo& b) {
    const auto bits = [](const DeviceFeatures& f) {
        return (f.checksum_out ? 1 : 0) | (f.tso4 ? 2 : 0) | (f.tso6 ? 4 : 0) | (f.uso ? 8 : 0);
    };
    return a.name == b.name && a.link == b.link && a.mac == b.mac && a.mtu == b.mtu &&
           a.queues == b.queues && a.is_up == b.is_up && bits(a.features) == bits(b.features);
}

}  // namespace

InputRecorder::InputRecorder(RecordSink sink) : sink_{sink} {
    body_.raw(std::as_bytes(std::span{kRecordMagic}));
    body_.u32(kRecordVersion);
    sink_.write(sink_.context, body_.bytes());
    body_.clear();
}

InputRecorder::~InputRecorder() { finish(InputKind::End); }

// Only what is not as it usually is: a later version may know more settings.
void InputRecorder::open(const StackOptions& options) {
    body_.raw(std::as_bytes(std::span{options.seed}));
    const Config usual;
    std::uint32_t changed = 0;
    RecordWriter settings;
    for (const std::string_view name : Config::names()) {
        const auto value = options.config.get(name);
        if (!value || value == usual.get(name)) continue;
        settings.text(name);
        settings.text(*value);
        ++changed;
    }
    body_.u32(changed);
    body_.raw(settings.bytes());
    finish(InputKind::Open);
}

void InputRecorder::add(const Input& input) {
    write_input(body_, input);
    finish(input.kind);
}

Device& InputRecorder::wear(Device& device, const InterfaceOptions& options) {
    const auto number = static_cast<std::uint16_t>(devices_.size());
    body_.u16(number);
    write_device_info(body_, device.info());
    body_.text(options.name);
    body_.u32(options.mtu);
    finish(InputKind::AddInterface);
    return devices_.emplace_back(*this, device, number);
}

RecordWriter& InputRecorder::begin_device_record(std::uint16_t device) {
    body_.u16(device);
    body_.u32(quiet_);
    return body_;
}

void InputRecorder::finish(InputKind kind) {
    const std::uint32_t check = record_check(count_, kind, body_.bytes());
    frame_.clear();
    frame_.u8(static_cast<std::uint8_t>(kind));
    frame_.blob(body_.bytes());
    frame_.u32(check);
    sink_.write(sink_.context, frame_.bytes());
    body_.clear();
    ++count_;
    quiet_ = 0;
}

InputRecorder::RecordedDevice::RecordedDevice(InputRecorder& recorder, Device& inner,
                                              std::uint16_t number)
    : recorder_{recorder}, inner_{inner}, number_{number}, last_{inner.info()} {}

const DeviceInfo& InputRecorder::RecordedDevice::info() const {
    const DeviceInfo& now = inner_.info();
    if (are_same(now, last_)) {
        ++recorder_.quiet_;
        return now;
    }
    last_ = now;
    write_device_info(recorder_.begin_device_record(number_), now);
    recorder_.finish(InputKind::DeviceChanged);
    return now;
}

std::size_t InputRecorder::RecordedDevice::receive(std::uint16_t queue, Instant now,
                                                   PacketPool& pool, std::span<PacketPtr> out) {
    const std::size_t n = inner_.receive(queue, now, pool, out);
    if (n == 0) {
        ++recorder_.quiet_;
        return 0;
    }
    RecordWriter& body = recorder_.begin_device_record(number_);
    body.u16(queue);
    body.u16(static_cast<std::uint16_t>(n));
    RecordWriter one;
    std::size_t kept = 0;
    for (PacketPtr& frame : out.first(n)) {
        one.clear();
        write_frame(one, *frame);
        body.raw(one.bytes());
        frame.reset();
        RecordReader reader{one.bytes()};
        if (PacketPtr copy = read_frame(reader, pool)) out[kept++] = std::move(copy);
    }
    recorder_.finish(InputKind::Received);
    return kept;
}

std::size_t InputRecorder::RecordedDevice::send(std::uint16_t queue, Instant now,
                                                std::span<PacketPtr> burst) {
    RecordWriter hashes;
    for (const PacketPtr& frame : burst) {
        hashes.u32(static_cast<std::uint32_t>(frame->size()));
        hashes.u64(hash_of_frame(*frame));
    }
    const std::size_t taken = inner_.send(queue, now, burst);
    RecordWriter& body = recorder_.begin_device_record(number_);
    body.u16(queue);
    body.u16(static_cast<std::uint16_t>(burst.size()));
    body.u16(static_cast<std::uint16_t>(taken));
    body.raw(hashes.bytes().first(taken * 12));
    recorder_.finish(InputKind::Sent);
    return taken;
}

}  // namespace fairlead
