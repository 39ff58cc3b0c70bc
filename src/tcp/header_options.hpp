// tcp/header_options.hpp — which segments have options in their IPv4 header, and go by a route of their own.
//
// Owns:   FlowOptions: what sockets were given (IP_OPTIONS), and the options of each flow that has some: of a
//         connection, of a SYN that waits, of one in TIME-WAIT.
// Rules:  RFC 9293 §3.9.2.1, as Linux has it: what connect() finds is the socket's own; what is accepted goes
//         back by the route that its SYN came by.
// Why:    nothing of it lies in a connection: as with signatures (tcp/signature.hpp).
// Not here: the bytes (wire/source_route.hpp), whether a route is taken at all (ip/input_v4.cpp).
#pragma once

#include <cstdint>
#include <unordered_map>

#include "tcp/flow.hpp"
#include "wire/source_route.hpp"

namespace fairlead::tcp {

class FlowOptions {
public:
    explicit FlowOptions(const SipKey& secret) : flows_{0, Hash{secret}} {}

    bool is_on() const { return is_on_; }

    // `owner`: a connection's number in the slab. Without bytes: none any more.
    void set(std::uint32_t owner, const wire::HeaderOptions& options) {
        is_on_ = true;
        given_.insert_or_assign(owner, options);
        if (options.bytes == 0) given_.erase(owner);
    }
    void forget(std::uint32_t owner) { given_.erase(owner); }
    const wire::HeaderOptions* of(std::uint32_t owner) const {
        const auto found = given_.find(owner);
        return found == given_.end() ? nullptr : &found->second;
    }

    void bind(const FlowKey& flow, const wire::HeaderOptions& options) {
        is_on_ = true;
        flows_.insert_or_assign(flow, options);
    }
    void unbind(const FlowKey& flow) { flows_.erase(flow); }
    wire::HeaderOptions* of(const FlowKey& flow) {
        const auto found = flows_.find(flow);
        return found == flows_.end() ? nullptr : &found->second;
    }
    // Where its packets go first.
    IpAddress first_hop(const FlowKey& flow) {
        const wire::HeaderOptions* options = is_on_ ? of(flow) : nullptr;
        const bool has_route = options != nullptr && options->has_route();
        return has_route ? options->first_hop : flow.remote.address;
    }

private:
    struct Hash {
        SipKey secret{};
        std::size_t operator()(const FlowKey& flow) const { return hash_of(flow, secret); }
    };

    bool is_on_ = false;  // some socket has had options, or some SYN a route
    std::unordered_map<std::uint32_t, wire::HeaderOptions> given_;
    std::unordered_map<FlowKey, wire::HeaderOptions, Hash> flows_;
};

}  // namespace fairlead::tcp
