#include "sim/host.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"

namespace fairlead::sim {

Host::Host(std::string name, const StackOptions& options)
    : name_{std::move(name)}, stack_{options} {}

InterfaceIndex Host::attach(Device& device, std::initializer_list<Prefix> addresses) {
    const std::string name = "eth" + std::to_string(devices_.size());
    const auto index = stack_.add_interface(device, {.name = name});
    FAIRLEAD_ASSERT(index);
    devices_.push_back(&device);
    for (const Prefix& prefix : addresses) {
        const auto added = stack_.add_address(*index, prefix);
        FAIRLEAD_ASSERT(added);
        addresses_.push_back(prefix.address);
    }
    return *index;
}

IpAddress Host::address(Family family, std::size_t n) const {
    for (const IpAddress& a : addresses_) {
        if (a.family() == family && n-- == 0) return a;
    }
    return IpAddress::any(family);
}

void Host::set_default_route(const IpAddress& gateway) {
    const auto added = stack_.add_route(
        {.destination = {.address = IpAddress::any(gateway.family())}, .gateway = gateway});
    FAIRLEAD_ASSERT(added);
}

void Host::watch(SocketId socket, Application& application) {
    auto place = std::ranges::find(applications_, &application);
    if (place == applications_.end()) {
        place = std::ranges::find(applications_, nullptr);
        if (place == applications_.end()) place = applications_.insert(place, nullptr);
        *place = &application;
    }
    const auto cookie = static_cast<std::uint64_t>(place - applications_.begin()) + 1;
    const auto done = stack_.set_cookie(socket, cookie);
    FAIRLEAD_ASSERT(done);
}

void Host::dismiss(const Application& application) {
    const auto place = std::ranges::find(applications_, &application);
    if (place != applications_.end()) *place = nullptr;
}

Instant Host::next_deadline() const {
    Instant next = stack_.next_deadline();
    for (const Device* device : devices_) next = std::min(next, device->next_deadline());
    return next;
}

void Host::poll(Instant now) {
    stack_.poll(now);
    deliver_events();
    stack_.flush();
}

void Host::deliver_events() {
    std::array<SocketEvent, 64> events;
    while (const std::size_t n = stack_.take_events(events)) {
        for (const SocketEvent& event : std::span{events}.first(n)) {
            if (event.cookie == 0 || event.cookie > applications_.size()) continue;
            Application* application = applications_[event.cookie - 1];
            if (application != nullptr) application->on_event(event);
        }
    }
}

}  // namespace fairlead::sim
