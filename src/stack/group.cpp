#include "stack/group.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/prng.hpp"
#include "packet/deep_copy.hpp"
#include "wire/ethernet.hpp"

namespace fairlead {
namespace {

constexpr std::size_t kEthernetBytes = 14;
constexpr std::size_t kArpOperation = kEthernetBytes + 6;
constexpr std::uint16_t kArpReply = 2;
constexpr std::size_t kIpv6NextHeader = kEthernetBytes + 6;
constexpr std::size_t kIcmpv6Type = kEthernetBytes + 40;

// An answer about a neighbour, or a router's word: whichever member asked, all may want to know.
// (ARP: RFC 826; advertisements and redirects: RFC 4861 §4.2, §4.4, §4.5.)
bool concerns_all(const Packet& frame) {
    std::array<std::byte, kIcmpv6Type + 1> head{};
    if (frame.size() < kArpOperation + 2) return false;
    frame.copy_to(0, MutableBytes{head}.first(std::min(frame.size(), head.size())));
    const auto byte = [&head](std::size_t at) { return std::to_integer<unsigned>(head[at]); };
    switch (static_cast<wire::EtherType>(load_be<std::uint16_t>(head, 12))) {
        case wire::EtherType::Arp: return load_be<std::uint16_t>(head, kArpOperation) == kArpReply;
        case wire::EtherType::Ipv6:
            return byte(kIpv6NextHeader) == ip::kProtocolIcmp6 &&
                   (byte(kIcmpv6Type) == 134 || byte(kIcmpv6Type) == 136 ||
                    byte(kIcmpv6Type) == 137);
        default: return false;
    }
}

bool has_ports(std::uint8_t protocol) {
    return protocol == ip::kProtocolTcp || protocol == ip::kProtocolUdp;
}

}  // namespace

// --- rings ---

bool CrossingRing::push(Crossing& crossing) {
    reclaim();
    if (written_ - reclaimed_ == kPlaces) return false;
    places_[written_ % kPlaces] = std::move(crossing);
    ++written_;
    return true;
}

void CrossingRing::reclaim() {
    for (; reclaimed_ != read_; ++reclaimed_) places_[reclaimed_ % kPlaces].incoming.packet.reset();
}

// --- a member's place ---

const ip::Steering& GroupSeat::steering() const { return group_.steering_; }

std::span<ip::Incoming> GroupSeat::keep_own(std::span<ip::Incoming> incoming) {
    std::size_t kept = 0;
    for (ip::Incoming& in : incoming) {
        std::uint16_t owner = own_;
        std::array<std::byte, 4> ports{};
        if (has_ports(in.protocol) && in.is_unicast && in.packet->size() >= ports.size()) {
            in.packet->copy_to(0, ports);
            owner = steering().member_of({in.source, load_be<std::uint16_t>(ports, 0)},
                                         {in.destination, load_be<std::uint16_t>(ports, 2)});
        }
        if (owner == own_) {
            if (&incoming[kept] != &in) incoming[kept] = std::move(in);
            ++kept;
            continue;
        }
        Crossing crossing{.kind = Crossing::Kind::Packet, .incoming = std::move(in)};
        hand_over(crossing, owner);
    }
    return incoming.first(kept);
}

std::span<ip::IcmpError> GroupSeat::keep_own(std::span<ip::IcmpError> errors) {
    std::size_t kept = 0;
    for (ip::IcmpError& e : errors) {
        std::uint16_t owner = own_;
        if (has_ports(e.protocol) && e.transport_bytes >= 4) {
            // What we sent: its source is our end.
            owner = steering().member_of({e.destination, load_be<std::uint16_t>(e.transport, 2)},
                                         {e.source, load_be<std::uint16_t>(e.transport, 0)});
        }
        if (owner == own_) {
            if (&errors[kept] != &e) errors[kept] = std::move(e);
            ++kept;
            continue;
        }
        Crossing crossing{.kind = Crossing::Kind::Error, .error = std::move(e)};
        hand_over(crossing, owner);
    }
    return errors.first(kept);
}

void GroupSeat::hand_over(Crossing& crossing, std::uint16_t to) {
    const bool is_frame = crossing.kind == Crossing::Kind::Frame;
    const bool is_in = group_.ring(own_, to).push(crossing);
    ++(!is_in ? counts_.dropped : is_frame ? counts_.shared : counts_.crossed);
}

void GroupSeat::share(const Packet& frame, std::uint16_t port, PacketPool& pool) {
    for (std::uint16_t to = 0; to < group_.members(); ++to) {
        if (to == own_) continue;
        Crossing crossing{.kind = Crossing::Kind::Frame, .port = port};
        crossing.incoming.packet = deep_copy(frame, pool);
        if (crossing.incoming.packet == nullptr) {
            ++counts_.dropped;
            continue;
        }
        hand_over(crossing, to);
    }
}

bool GroupSeat::has_arrivals() const {
    for (std::uint16_t from = 0; from < group_.members(); ++from) {
        if (!group_.ring(from, own_).empty()) return true;
    }
    return false;
}

void GroupSeat::take(const Crossing& crossing, PacketPool& pool) {
    if (crossing.kind == Crossing::Kind::Error) return errors_.push_back(crossing.error);
    const ip::Incoming& in = crossing.incoming;
    PacketPtr copy = deep_copy(*in.packet, pool);
    if (copy == nullptr) {
        ++counts_.dropped;
        return;
    }
    if (crossing.kind == Crossing::Kind::Frame) {
        return group_.port(own_, crossing.port).put(std::move(copy));
    }
    incoming_.push_back({.packet = std::move(copy),
                         .source = in.source,
                         .destination = in.destination,
                         .interface = in.interface,
                         .protocol = in.protocol,
                         .ttl = in.ttl,
                         .tos = in.tos,
                         .is_unicast = in.is_unicast,
                         .dont_fragment = in.dont_fragment,
                         .label = in.label});
}

ip::Network::Events GroupSeat::arrivals(PacketPool& pool) {
    incoming_.clear();
    errors_.clear();
    for (std::uint16_t other = 0; other < group_.members(); ++other) {
        group_.ring(own_, other).reclaim();
        CrossingRing& ring = group_.ring(other, own_);
        for (; const Crossing* crossing = ring.front(); ring.pop()) take(*crossing, pool);
    }
    return {.incoming = incoming_, .errors = errors_};
}

// --- the group ---

Group::Group(const ip::Steering& steering, const StackOptions& options)
    : steering_{steering},
      rings_(std::size_t{steering.members()} * steering.members()),
      published_(steering.members()) {
    for (std::uint16_t i = 0; i < steering.members(); ++i) {
        StackOptions own = options;
        own.pool = nullptr;
        std::uint64_t mix = i;
        for (std::uint8_t& byte : own.seed) {
            byte = static_cast<std::uint8_t>(byte ^ (i == 0 ? 0 : splitmix64(mix)));
        }
        // One asks whether an address is a duplicate, for all.
        if (i != 0) own.config.ip6_dad_transmits = 0;
        own.seat = &seats_.emplace_back(*this, i);
        stacks_.emplace_back(own);
    }
}

Group::~Group() {
    for (Port& p : ports_) p.clear();
}

Result<InterfaceIndex> Group::add_interface(Device& device, const InterfaceOptions& options) {
    FAIRLEAD_ASSERT(device.info().queues >= members());
    const auto number = static_cast<std::uint16_t>(ports_.size() / members());
    Result<InterfaceIndex> answer;
    for (std::uint16_t i = 0; i < members(); ++i) {
        Port& p = ports_.emplace_back(seats_[i], device, number);
        answer = stacks_[i].add_interface(p, options);
        FAIRLEAD_ASSERT(answer || i == 0);  // what one takes, all take
        if (!answer) {
            ports_.pop_back();
            return answer;
        }
    }
    return answer;
}

Result<std::vector<SocketId>> Group::open(const Endpoint& at, SocketType type, int backlog) {
    std::vector<SocketId> sockets;
    for (Stack& stack : stacks_) {
        auto socket = stack.socket(at.address.family(), type);
        Result<void> done;
        if (!socket) done = std::unexpected{socket.error()};
        if (done) {
            sockets.push_back(*socket);
            done = stack.bind(*socket, at);
        }
        if (done && type == SocketType::Stream) done = stack.listen(*socket, backlog);
        if (done) continue;
        for (std::size_t i = 0; i < sockets.size(); ++i) (void)stacks_[i].close(sockets[i]);
        return std::unexpected{done.error()};
    }
    return sockets;
}

Result<std::vector<SocketId>> Group::listen(const Endpoint& at, int backlog) {
    return open(at, SocketType::Stream, backlog);
}

Result<std::vector<SocketId>> Group::bind_datagrams(const Endpoint& at) {
    return open(at, SocketType::Datagram, 0);
}

Result<void> Group::publish(const Input& input, Result<void> answer) {
    if (!answer) return answer;
    for (std::uint16_t i = 1; i < members(); ++i) published_[i].push_back(input);
    return answer;
}

Result<void> Group::add_address(InterfaceIndex interface, const Prefix& address) {
    return publish({.kind = InputKind::AddAddress,
                    .address = address.address,
                    .interface = interface,
                    .what = address.length},
                   stacks_[0].add_address(interface, address));
}

Result<void> Group::remove_address(InterfaceIndex interface, const IpAddress& address) {
    return publish({.kind = InputKind::RemoveAddress, .address = address, .interface = interface},
                   stacks_[0].remove_address(interface, address));
}

Result<void> Group::add_route(const Route& route) {
    return publish({.kind = InputKind::AddRoute, .route = route}, stacks_[0].add_route(route));
}

Result<void> Group::remove_route(const Prefix& destination) {
    return publish({.kind = InputKind::RemoveRoute,
                    .address = destination.address,
                    .what = destination.length},
                   stacks_[0].remove_route(destination));
}

PollResult Group::poll(std::uint16_t member, Instant now) {
    Stack& stack = stacks_[member];
    stack.advance(now);
    for (const Input& input : published_[member]) {
        const bool is_call = apply(input, stack, scratch_);
        FAIRLEAD_ASSERT(is_call);
    }
    published_[member].clear();
    return stack.poll(now);
}

Instant Group::next_deadline(std::uint16_t member) const {
    const Stack& stack = stacks_[member];
    if (!published_[member].empty() || seats_[member].has_arrivals()) return stack.now();
    return stack.next_deadline();
}

// --- a member's view of a device ---

const DeviceInfo& Group::Port::info() const {
    info_ = inner_.info();
    info_.queues = 1;
    return info_;
}

std::size_t Group::Port::receive(std::uint16_t, Instant now, PacketPool& pool,
                                 std::span<PacketPtr> out) {
    std::size_t n = 0;
    while (n < out.size() && !shared_.empty()) out[n++] = shared_.pop_front();
    const std::size_t first = n;
    n += inner_.receive(seat_.own(), now, pool, out.subspan(n));
    for (const PacketPtr& frame : out.subspan(first, n - first)) {
        if (concerns_all(*frame)) seat_.share(*frame, number_, pool);
    }
    return n;
}

std::size_t Group::Port::send(std::uint16_t, Instant now, std::span<PacketPtr> burst) {
    return inner_.send(seat_.own(), now, burst);
}

}  // namespace fairlead
