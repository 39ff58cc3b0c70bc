#include "stack/replay.hpp"

#include "stack/record_frame.hpp"

namespace fairlead {
namespace {

bool is_of_device(InputKind kind) {
    return kind == InputKind::Received || kind == InputKind::Sent ||
           kind == InputKind::DeviceChanged;
}

}  // namespace

std::string_view message_of(ReplayDifference::Kind kind) {
    switch (kind) {
        case ReplayDifference::Kind::OtherFrame: return "a frame is not as it was recorded";
        case ReplayDifference::Kind::MissingFrame: return "a recorded frame did not leave";
        case ReplayDifference::Kind::ExtraFrame: return "a frame left that was not recorded";
        case ReplayDifference::Kind::OtherTurn:
            return "the stack turned to its devices in another order";
    }
    return {};
}

Replay::Replay(Bytes file, const ReplayWitness& witness) : stream_{file}, witness_{witness} {
    if (const auto opened = stream_.open()) {
        look_ahead();
    } else {
        fail(opened.error());
    }
}

Replay::~Replay() = default;

void Replay::look_ahead() {
    next_.reset();
    const auto record = stream_.next();
    if (record) {
        next_ = *record;
    } else {
        fail(record.error());
    }
}

void Replay::consume() {
    ++counts_.records;
    quiet_ = 0;
    look_ahead();
}

ReplayDifference& Replay::differ(ReplayDifference::Kind kind, std::uint16_t device) {
    if (!difference_) {
        difference_ = ReplayDifference{.kind = kind,
                                       .record = next_ ? next_->number : stream_.count(),
                                       .offset = next_ ? next_->offset : stream_.offset(),
                                       .at = stack_ ? stack_->now() : Instant{},
                                       .device = device};
    }
    return *difference_;
}

bool Replay::step() {
    if (is_stopped() || !next_) return false;
    last_ = {.kind = next_->kind};
    switch (next_->kind) {
        case InputKind::End: is_at_end_ = true; return false;
        case InputKind::Open: return open();
        case InputKind::AddInterface: return add_interface();
        default: return call();
    }
}

bool Replay::open() {
    RecordReader body{next_->body};
    StackOptions options{.pool = &pool_};
    for (std::uint8_t& byte : options.seed) byte = body.u8();
    for (std::uint32_t left = body.u32(); left > 0 && !body.ran_out(); --left) {
        const std::string_view name = body.text();
        const std::string_view value = body.text();
        if (!body.ran_out() && !options.config.set(name, value)) fail(RecordFault::Damaged);
    }
    if (!body.is_complete() || stack_) fail(RecordFault::Damaged);
    if (fault_) return false;
    stack_.emplace(options);
    consume();
    return true;
}

bool Replay::add_interface() {
    RecordReader body{next_->body};
    const std::uint16_t number = body.u16();
    DeviceInfo info = read_device_info(body);
    const InterfaceOptions options{.name = std::string{body.text()}, .mtu = body.u32()};
    if (!body.is_complete() || !stack_ || number != devices_.size()) fail(RecordFault::Damaged);
    if (fault_) return false;
    if (witness_.device != nullptr) witness_.device(witness_.context, number, info);
    devices_.emplace_back(*this, number, std::move(info));
    consume();
    (void)stack_->add_interface(devices_.back(), options);
    return !is_stopped();
}

bool Replay::call() {
    if (is_of_device(next_->kind)) {
        RecordReader body{next_->body};
        const auto kind = next_->kind == InputKind::Sent ? ReplayDifference::Kind::MissingFrame
                                                         : ReplayDifference::Kind::OtherTurn;
        differ(kind, body.u16());
        return false;
    }
    RecordReader body{next_->body};
    last_ = read_input(body, next_->kind);
    if (!body.is_complete() || !stack_) fail(RecordFault::Damaged);
    if (fault_) return false;
    consume();
    ++counts_.calls;
    if (!apply(last_, *stack_, scratch_)) fail(RecordFault::Damaged);
    return !is_stopped();
}

std::optional<RecordReader> Replay::take(InputKind kind, std::uint16_t device) {
    if (next_ && next_->kind == kind && !is_stopped()) {
        RecordReader body{next_->body};
        if (body.u16() == device && body.u32() == quiet_) return body;
    }
    ++quiet_;
    return std::nullopt;
}

const DeviceInfo& Replay::ReplayedDevice::info() const {
    if (auto body = replay_.take(InputKind::DeviceChanged, number_)) {
        info_ = read_device_info(*body);
        if (!body->is_complete()) replay_.fail(RecordFault::Damaged);
        replay_.consume();
    }
    return info_;
}

std::size_t Replay::ReplayedDevice::receive(std::uint16_t queue, Instant now, PacketPool& pool,
                                            std::span<PacketPtr> out) {
    auto body = replay_.take(InputKind::Received, number_);
    if (!body) return 0;
    if (body->u16() != queue) {
        replay_.differ(ReplayDifference::Kind::OtherTurn, number_);
        return 0;
    }
    std::size_t n = 0;
    for (std::uint16_t left = body->u16(); left > 0; --left) {
        PacketPtr frame = n < out.size() ? read_frame(*body, pool) : nullptr;
        if (frame == nullptr) {
            replay_.fail(RecordFault::Damaged);
            return n;
        }
        ++replay_.counts_.frames_in;
        const ReplayWitness& witness = replay_.witness_;
        if (witness.frame != nullptr) witness.frame(witness.context, number_, now, false, *frame);
        out[n++] = std::move(frame);
    }
    if (!body->is_complete()) replay_.fail(RecordFault::Damaged);
    replay_.consume();
    return n;
}

bool Replay::ReplayedDevice::is_as_recorded(RecordReader& body, const Packet& frame) {
    const std::uint32_t bytes = body.u32();
    const std::uint64_t hash = body.u64();
    const std::uint64_t actual = hash_of_frame(frame);
    if (bytes == frame.size() && hash == actual) return true;
    ReplayDifference& d = replay_.differ(ReplayDifference::Kind::OtherFrame, number_);
    d.frame = sent_;
    d.expected_bytes = bytes;
    d.actual_bytes = static_cast<std::uint32_t>(frame.size());
    d.expected_hash = hash;
    d.actual_hash = actual;
    return false;
}

std::size_t Replay::ReplayedDevice::send(std::uint16_t queue, Instant now,
                                         std::span<PacketPtr> burst) {
    if (replay_.is_stopped()) return 0;
    auto body = replay_.take(InputKind::Sent, number_);
    if (!body) {
        ReplayDifference& d = replay_.differ(ReplayDifference::Kind::ExtraFrame, number_);
        d.frame = sent_;
        d.actual_bytes = static_cast<std::uint32_t>(burst.front()->size());
        d.actual_hash = hash_of_frame(*burst.front());
        return 0;
    }
    const bool is_same_queue = body->u16() == queue;
    const std::size_t offered = body->u16();
    const std::size_t taken = body->u16();
    if (taken > offered) replay_.fail(RecordFault::Damaged);
    if (!is_same_queue) replay_.differ(ReplayDifference::Kind::OtherTurn, number_);
    std::size_t done = 0;
    for (; done < taken && !replay_.is_stopped(); ++done) {
        if (done >= burst.size()) {
            replay_.differ(ReplayDifference::Kind::MissingFrame, number_).frame = sent_;
            break;
        }
        if (!is_as_recorded(*body, *burst[done])) break;
        const ReplayWitness& witness = replay_.witness_;
        if (witness.frame != nullptr) {
            witness.frame(witness.context, number_, now, true, *burst[done]);
        }
        burst[done].reset();
        ++sent_;
        ++replay_.counts_.frames_out;
    }
    if (!replay_.is_stopped() && burst.size() != offered) {
        replay_.differ(ReplayDifference::Kind::ExtraFrame, number_).frame = sent_;
    }
    if (replay_.is_stopped()) return done;
    if (!body->is_complete()) replay_.fail(RecordFault::Damaged);
    replay_.consume();
    return done;
}

}  // namespace fairlead
