#include "link/queue_discipline.hpp"

#include <algorithm>
#include <utility>

#include "base/bytes.hpp"
#include "link/congestion_mark.hpp"
#include "wire/ethernet.hpp"
#include "wire/ip_protocol.hpp"

namespace fairlead::link {
namespace {

constexpr std::size_t kIpv4Bytes = 20;
constexpr std::size_t kIpv6Bytes = 40;
constexpr std::size_t kIpv4ProtocolAt = 9;
constexpr std::size_t kIpv4FragmentAt = 6;
constexpr std::size_t kIpv6NextAt = 6;
constexpr std::uint16_t kFragmented = 0x3fff;  // MF, or not the first

bool has_ports(std::byte protocol) {
    const auto p = static_cast<wire::IpProtocol>(protocol);
    return p == wire::IpProtocol::Tcp || p == wire::IpProtocol::Udp;
}

// What all packets of a flow have in common: addresses, protocol, and ports where they are in sight.
struct FlowKey {
    Bytes addresses{};
    Bytes ports{};
    std::byte protocol{};
};

FlowKey key_of(Bytes ip) {
    if (ip.size() < kIpv4Bytes) return {};
    const auto version = std::to_integer<unsigned>(ip[0]) >> 4;
    FlowKey key;
    std::size_t header = 0;
    if (version == 4) {
        header = (std::to_integer<std::size_t>(ip[0]) & 15) * 4;
        key = {.addresses = ip.subspan(12, 8), .protocol = ip[kIpv4ProtocolAt]};
        if ((load_be<std::uint16_t>(ip, kIpv4FragmentAt) & kFragmented) != 0) return key;
    } else if (version == 6 && ip.size() >= kIpv6Bytes) {
        header = kIpv6Bytes;
        key = {.addresses = ip.subspan(8, 32), .protocol = ip[kIpv6NextAt]};
    }
    if (has_ports(key.protocol) && ip.size() >= header + 4) key.ports = ip.subspan(header, 4);
    return key;
}

}  // namespace

DisciplineOptions discipline_named(std::string_view name) {
    constexpr std::uint32_t kManyPackets = 10'000;
    constexpr std::uint32_t kTwoFrames = 3028;
    if (name == "fq") {
        return {.kind = DisciplineKind::Fq, .limit = kManyPackets, .quantum = kTwoFrames};
    }
    if (name == "fq_codel") return {.kind = DisciplineKind::FqCodel, .limit = 10'240};
    return {};
}

std::string_view name_of(DisciplineKind kind) {
    switch (kind) {
        case DisciplineKind::Pfifo: return "pfifo";
        case DisciplineKind::Fq: return "fq";
        case DisciplineKind::FqCodel: return "fq_codel";
    }
    return {};
}

QueueDiscipline::QueueDiscipline(const DisciplineOptions& options, LinkKind link, const SipKey& key)
    : options_{options}, link_{link}, key_{key} {
    if (options_.kind == DisciplineKind::Pfifo) options_.flows = 1;
    options_.flows = std::max(options_.flows, 1u);
    options_.quantum = std::max(options_.quantum, 1u);
    flows_ = std::vector<Flow>(options_.flows);
}

std::uint32_t QueueDiscipline::flow_of(const Packet& packet) const {
    if (flows_.size() == 1) return 0;
    const std::size_t before = link_ == LinkKind::Ethernet ? wire::EthernetHeader::kBytes : 0;
    const Bytes front = packet.front();
    if (front.size() < before) return 0;
    const FlowKey key = key_of(front.subspan(before));
    siphash::State state{key_};
    for (std::size_t at = 0; at + 4 <= key.addresses.size(); at += 4) {
        state.add<2>(load_be<std::uint32_t>(key.addresses, at));
    }
    const std::uint64_t ports = key.ports.empty() ? 0 : load_be<std::uint32_t>(key.ports, 0);
    state.add<2>(ports << 8 | std::to_integer<std::uint64_t>(key.protocol));
    return static_cast<std::uint32_t>(state.finish<4>() % flows_.size());
}

void QueueDiscipline::append(List& list, std::uint32_t flow, Listed as) {
    Flow& f = flows_[flow];
    f.next = kNone;
    f.listed = as;
    (list.first == kNone ? list.first : flows_[list.last].next) = flow;
    list.last = flow;
}

void QueueDiscipline::pop(List& list) {
    Flow& f = flows_[list.first];
    list.first = std::exchange(f.next, kNone);
    f.listed = Listed::No;
}

void QueueDiscipline::enter(PacketPtr packet, Instant now) {
    const bool is_shared = options_.kind == DisciplineKind::FqCodel;
    const std::uint32_t number = flow_of(*packet);
    Flow& flow = flows_[number];
    // fq_codel takes it, and then finds room at the expense of the fattest.
    const bool has_room =
        counts_.packets < options_.limit && counts_.bytes + packet->size() <= options_.byte_limit;
    const bool is_long =
        options_.kind == DisciplineKind::Fq && flow.packets.size() >= options_.flow_limit;
    if (!is_shared && (!has_room || is_long)) {
        ++counts_.dropped_full;
        return;
    }
    if (options_.kind == DisciplineKind::Fq && packet->meta.departs > now + options_.horizon) {
        ++counts_.beyond_horizon;
        return;
    }
    packet->place = now.ns();
    flow.bytes += packet->size();
    counts_.bytes += packet->size();
    ++counts_.packets;
    flow.packets.push_back(std::move(packet));
    if (flow.listed == Listed::No) {
        append(new_, number, Listed::New);
        flow.deficit = options_.quantum;
        ++counts_.new_flows;
    }
    if (is_shared && is_full()) drop_from_fattest();
}

PacketPtr QueueDiscipline::take(Flow& flow) {
    PacketPtr packet = flow.packets.pop_front();
    if (packet == nullptr) return nullptr;
    flow.bytes -= packet->size();
    counts_.bytes -= packet->size();
    --counts_.packets;
    return packet;
}

// fq_codel_drop(): half of what it has, and no more than 64.
void QueueDiscipline::drop_from_fattest() {
    Flow& fattest = *std::ranges::max_element(flows_, {}, &Flow::bytes);
    const std::uint64_t goal = fattest.bytes / 2;
    for (std::uint32_t i = 0; i < kMostAtOnce && fattest.bytes > goal; ++i) {
        if (take(fattest) == nullptr) return;
        ++counts_.dropped_full;
    }
}

// The first that CoDel lets go (RFC 8290 §4.2).
PacketPtr QueueDiscipline::take_in_time(Flow& flow, Instant now) {
    while (PacketPtr packet = take(flow)) {
        if (options_.kind != DisciplineKind::FqCodel) return packet;
        const Instant entered = Instant::from_ns(packet->place);
        // RFC 8289 §4.4: what is less than a packet is no queue.
        const bool is_queue = flow.bytes > options_.quantum;
        const QueueVerdict verdict =
            flow.rule.ask(options_.codel,
                          {.entered = entered,
                           .wait = is_queue ? now - entered : Duration{},
                           .waiting = static_cast<std::uint32_t>(flow.packets.size()),
                           .may_be_marked = is_congestion_markable(*packet, link_)},
                          chance_);
        if (verdict == QueueVerdict::Pass) return packet;
        if (verdict == QueueVerdict::Mark && mark_congestion(*packet, link_)) {
            ++counts_.marked;
            return packet;
        }
        ++counts_.dropped_late;
    }
    return nullptr;
}

// fq_flow_set_throttled(): the first of the flow is to leave later, and the others do not pass it.
bool QueueDiscipline::throttle(std::uint32_t number, List& list, Instant now) {
    const Packet* first = flows_[number].packets.front();
    if (options_.kind != DisciplineKind::Fq || first == nullptr || first->meta.departs <= now) {
        return false;
    }
    pop(list);
    flows_[number].listed = Listed::Throttled;
    throttled_.set(number, first->meta.departs);
    ++counts_.throttled;
    return true;
}

// fq_check_throttled()
void QueueDiscipline::release_due(Instant now) {
    while (throttled_.next() <= now) {
        const std::uint32_t number = throttled_.first();
        throttled_.clear(number);
        append(old_, number, Listed::Old);
    }
}

PacketPtr QueueDiscipline::leave(Instant now) {
    release_due(now);
    for (;;) {
        List& list = new_.first != kNone ? new_ : old_;
        const std::uint32_t number = list.first;
        if (number == kNone) return nullptr;
        Flow& flow = flows_[number];
        if (flow.deficit <= 0) {
            flow.deficit += options_.quantum;
            pop(list);
            append(old_, number, Listed::Old);
            continue;
        }
        if (throttle(number, list, now)) continue;
        PacketPtr packet = take_in_time(flow, now);
        if (packet != nullptr) {
            flow.deficit -= static_cast<std::int64_t>(packet->size());
            ++counts_.sent;
            return packet;
        }
        // A new flow that is empty gets behind the others once, so that it gains nothing by it.
        const bool waits = flow.listed == Listed::New && old_.first != kNone;
        pop(list);
        if (waits) append(old_, number, Listed::Old);
    }
}

}  // namespace fairlead::link
