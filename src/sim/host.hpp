// sim/host.hpp — a stack with a name, its devices, and the applications that run on it.
//
// Owns:   Host (the stack, its addresses, who is told of which socket), Application (the seam: what
//         an application does when its socket has news).
// Rules:  Applications run right after the poll that had news for them, at that instant, and call
//         the stack as they like; news reach them in the stack's order.
// Not here: time (world.hpp); ready-made applications (stream.hpp).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "fairlead/stack.hpp"

namespace fairlead::sim {

class Application {
public:
    virtual ~Application() = default;
    virtual void on_event(const SocketEvent& event) = 0;
};

class Host {
public:
    Host(std::string name, const StackOptions& options);

    const std::string& name() const { return name_; }
    Stack& stack() { return stack_; }

    // The device, a link's end or what wears it, outlives the host.
    InterfaceIndex attach(Device& device, std::initializer_list<Prefix> addresses);
    // The n-th address of that family that attach() was given.
    IpAddress address(Family family, std::size_t n = 0) const;
    void set_default_route(const IpAddress& gateway);

    // News of `socket` go to `application`, until it is closed; dismiss() before it is gone.
    void watch(SocketId socket, Application& application);
    void dismiss(const Application& application);

    // When the stack or one of its devices has something to do.
    Instant next_deadline() const;
    void poll(Instant now);

private:
    void deliver_events();

    std::string name_;
    Stack stack_;
    std::vector<Device*> devices_{};
    std::vector<IpAddress> addresses_{};
    std::vector<Application*> applications_{};  // a cookie is the place here, from 1 on
};

}  // namespace fairlead::sim
