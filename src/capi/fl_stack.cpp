// The stack, its devices and its time.
#include "capi/fl_stack.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <string_view>

using namespace fairlead;
using posix::Answer;
using posix::Call;

namespace fairlead::capi {

CallbackDevice::CallbackDevice(const fl_device& device) : device_{device} {
    constexpr std::uint32_t kMostMtu = 65535;
    info_.name = device.name == nullptr ? "" : device.name;
    info_.link = device.has_ethernet != 0 ? LinkKind::Ethernet : LinkKind::Ip;
    info_.mtu = std::min(device.mtu, kMostMtu);
    std::ranges::copy(device.mac, info_.mac.begin());
    constexpr std::size_t kLinkHeader = 18;  // with a tag
    frame_.resize(info_.mtu + kLinkHeader);
}

std::size_t CallbackDevice::receive(std::uint16_t, Instant now, PacketPool& pool,
                                    std::span<PacketPtr> out) {
    std::size_t count = 0;
    while (count < out.size()) {
        const std::size_t size = device_.receive(device_.user, frame_.data(), frame_.size());
        if (size == 0 || size > frame_.size()) break;
        PacketPtr packet = pool.copy(Bytes{frame_}.first(size));
        if (packet == nullptr) continue;
        packet->meta.arrived = now;
        out[count++] = std::move(packet);
    }
    return count;
}

std::size_t CallbackDevice::send(std::uint16_t, Instant, std::span<PacketPtr> burst) {
    std::size_t count = 0;
    for (PacketPtr& packet : burst) {
        const std::size_t size = packet->size();
        if (frame_.size() < size) frame_.resize(size);
        packet->copy_to(0, MutableBytes{frame_}.first(size));
        if (device_.send(device_.user, frame_.data(), size) != 0) break;
        packet.reset();
        ++count;
    }
    return count;
}

}  // namespace fairlead::capi

namespace {

int number_of(Errc e) { return -to_errno(e); }

template <typename T>
int done_or(const Result<T>& result) {
    return result ? 0 : number_of(result.error());
}

}  // namespace

// One that cannot wait is interrupted, and says what a descriptor with O_NONBLOCK would.
const Answer& fl_stack::finish(Call& call, Errc otherwise) {
    while (!call.resume()) {
        if (wait == nullptr) {
            call.interrupt();
            last = call.answer();
            const bool did_nothing = last.value == std::unexpected{Errc::Interrupted};
            if (did_nothing) last.value = std::unexpected{otherwise};
            return last;
        }
        const Instant deadline = std::min(call.deadline(), stack.next_deadline());
        if (wait(wait_user, this, deadline.ns()) != 0) call.interrupt();
    }
    last = call.answer();
    return last;
}

extern "C" {

fl_stack* fl_create(const std::uint8_t seed[32]) {
    StackOptions options;
    std::copy_n(seed, options.seed.size(), options.seed.begin());
    return new (std::nothrow) fl_stack{options};
}

void fl_destroy(fl_stack* stack) { delete stack; }

int fl_add_device(fl_stack* stack, const fl_device* device) {
    if (device == nullptr || device->send == nullptr || device->receive == nullptr ||
        device->mtu == 0) {
        return number_of(Errc::InvalidArgument);
    }
    auto made = std::make_unique<capi::CallbackDevice>(*device);
    const auto index = stack->stack.add_interface(*made);
    if (!index) return number_of(index.error());
    stack->devices.push_back(std::move(made));
    return static_cast<int>(*index);
}

int fl_add_address(fl_stack* stack, int interface, const char* prefix) {
    const auto parsed = Prefix::parse(prefix);
    if (!parsed || interface < 0) return number_of(Errc::InvalidArgument);
    return done_or(stack->stack.add_address(static_cast<InterfaceIndex>(interface), *parsed));
}

int fl_add_route(fl_stack* stack, const char* prefix, const char* gateway, int interface) {
    const auto destination = Prefix::parse(prefix);
    if (!destination || interface < 0) return number_of(Errc::InvalidArgument);
    Route route{.destination = *destination,
                .gateway = IpAddress::any(destination->address.family()),
                .interface = static_cast<InterfaceIndex>(interface)};
    if (gateway != nullptr) {
        const auto parsed = IpAddress::parse(gateway);
        if (!parsed) return number_of(Errc::InvalidArgument);
        route.gateway = *parsed;
    }
    return done_or(stack->stack.add_route(route));
}

int fl_set_config(fl_stack* stack, const char* name, const char* value) {
    return done_or(stack->stack.set_config(name, value));
}

int fl_poll(fl_stack* stack, std::int64_t now_ns) {
    const PollResult result = stack->stack.poll(Instant::from_ns(now_ns));
    stack->files.collect();
    return result.is_busy ? 1 : 0;
}

std::int64_t fl_now(const fl_stack* stack) { return stack->stack.now().ns(); }

std::int64_t fl_next_deadline(const fl_stack* stack) { return stack->stack.next_deadline().ns(); }

void fl_set_wait(fl_stack* stack,
                 int (*wait)(void* user, fl_stack* stack, std::int64_t deadline_ns), void* user) {
    stack->wait = wait;
    stack->wait_user = user;
}

}  // extern "C"
