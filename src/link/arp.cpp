#include "link/arp.hpp"

#include "wire/ethernet.hpp"

namespace fairlead::link {
namespace {

// Linux's neigh/*/locktime: for so long the first of two stations that claim an address keeps it.
constexpr Duration kLockTime = 1_s;

bool makes_sense(const wire::ArpPacket& arp) {
    return !wire::is_group(arp.sender_mac) && !arp.sender.is_multicast() &&
           !arp.sender.is_limited_broadcast() && !arp.target.is_multicast() &&
           !arp.target.is_loopback();
}

wire::ArpPacket answer_to(const wire::ArpPacket& request, const MacAddress& mac) {
    return {.operation = wire::ArpOperation::Reply,
            .sender_mac = mac,
            .sender = request.target,
            .target_mac = request.sender_mac,
            .target = request.sender};
}

// Gratuitous: a station names itself. A reply does so only if it names itself twice.
bool is_announcement(const wire::ArpPacket& arp) {
    if (arp.sender != arp.target) return false;
    return arp.operation == wire::ArpOperation::Request || arp.sender_mac == arp.target_mac;
}

}  // namespace

ArpOutcome arp_input(NeighbourTable& table, const wire::ArpPacket& arp, const ArpContext& context,
                     Instant now) {
    ArpOutcome outcome;
    if (!makes_sense(arp)) {
        outcome.kind = ArpOutcome::Kind::Bad;
        return outcome;
    }
    if (arp.sender_mac == context.mac) return outcome;  // our own, come back
    const bool is_request = arp.operation == wire::ArpOperation::Request;
    const bool asks_us = is_request && context.is_target_ours;
    if (context.is_sender_ours) {
        outcome.kind = ArpOutcome::Kind::Conflict;
        return outcome;
    }
    if (asks_us) outcome.reply = answer_to(arp, context.mac);
    if (arp.sender.is_any()) return outcome;  // a probe, RFC 5227 §1.1

    const NeighbourKey key{arp.sender, context.interface};
    NeighbourNews news{.mac = arp.sender_mac};
    if (asks_us) {
        news.may_create = true;
        news.may_override = true;
    } else {
        const auto known = table.find(key);
        if (!known) return outcome;
        news.is_confirmation = !is_request && context.frame_target == FrameTarget::Us;
        news.may_override = is_announcement(arp) || now > known->updated + kLockTime;
    }
    outcome.ready = table.learn(key, news, now);
    return outcome;
}

wire::ArpPacket arp_request(const MacAddress& mac, const IpAddress& source,
                            const IpAddress& target) {
    return {.operation = wire::ArpOperation::Request,
            .sender_mac = mac,
            .sender = source,
            .target = target};
}

PacketPtr arp_frame(PacketPool& pool, const wire::ArpPacket& arp, const MacAddress& station) {
    PacketPtr frame = pool.packet();
    if (frame == nullptr) return nullptr;
    wire::write_arp(frame->push_front(wire::ArpPacket::kBytes), arp);
    frame->mark_network(0);
    put_ethernet_header(*frame, station, arp.sender_mac, wire::EtherType::Arp);
    return frame;
}

}  // namespace fairlead::link
