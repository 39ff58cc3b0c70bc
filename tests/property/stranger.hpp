// property/stranger.hpp — the world round one stack: a link, and a station at its other end that says
// whatever it is told to, in frames that are well formed where they need to be.
//
// Owns:   Stranger: the device, the virtual time, what the stack has said so far.
// Rules:  The station answers ARP and Neighbour Discovery for its own addresses by itself; all else
//         is the caller's. settle() bounds how often a stack may ask to be polled: more is a livelock.
// Not here: what must hold (the tests, the fuzz target).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <vector>

#include "base/assert.hpp"
#include "fairlead/stack.hpp"
#include "unit/ip/packets.hpp"
#include "wire/arp.hpp"
#include "wire/nd.hpp"
#include "wire/tcp.hpp"
#include "wire/tcp_options.hpp"

namespace fairlead::testing {

// Seeded chance, 32 bits at a time.
class Chance {
public:
    explicit Chance(std::uint32_t seed) : engine_{seed} {}
    std::uint32_t operator()() { return static_cast<std::uint32_t>(engine_()); }

private:
    std::mt19937 engine_;
};

// A segment as the stranger sends it: whatever it likes, the checksum right.
struct Said {
    std::uint32_t seq = 0;
    std::uint32_t ack = 0;
    wire::TcpFlags flags{};
    std::uint16_t window = 65535;
    std::uint16_t urgent = 0;
    Frame options{};  // raw; cut to 40 bytes and padded to a multiple of 4
    Frame payload{};
};

// Both ends of a conversation, as the stranger knows it from the stack's segments.
struct Talk {
    IpAddress stack_address{};
    IpAddress own_address{};
    std::uint16_t stack_port = 0;
    std::uint16_t own_port = 0;
    std::uint32_t seq = 1'000'000;  // the next byte of ours that the stack waits for
    std::uint32_t ack = 0;          // behind the last byte that the stack sent
    std::uint32_t acked_from = 0;   // the stack's first number
    std::uint32_t stack_time = 0;   // its last TSval
    std::uint32_t time = 5000;      // ours
    std::uint16_t window = 0;
    bool has_timestamps = false;
    bool was_heard = false;
    bool was_reset = false;
};

class Stranger {
public:
    explicit Stranger(const Config& config = {})
        : stack{{.config = config, .seed = {7, 7, 7}, .pool = &pool}} {
        eth = stack.add_interface(device).value();
        for (const char* a : {"192.0.2.1/24", "2001:db8::1/64"}) {
            FAIRLEAD_ASSERT(stack.add_address(eth, prefix(a)).has_value());
        }
        now = now + 1_s;
        settle();
        wait(5_s);  // duplicate addresses are looked for
    }

    const IpAddress us4 = address("192.0.2.1");
    const IpAddress peer4 = address("192.0.2.2");
    const IpAddress us6 = address("2001:db8::1");
    const IpAddress peer6 = address("2001:db8::2");
    const MacAddress our_mac{0x02, 0, 0, 0, 0, 0x01};
    const MacAddress peer_mac{0x02, 0, 0, 0, 0, 0x02};
    const IpAddress& us(Family f) const { return f == Family::Inet ? us4 : us6; }
    const IpAddress& peer(Family f) const { return f == Family::Inet ? peer4 : peer6; }

    // --- time ---
    // Polls until the stack has nothing more to do now. False: it always wants more.
    bool settle() {
        for (int i = 0; i < kMostPolls; ++i) {
            const PollResult r = stack.poll(now);
            const bool answered = hear();
            if (!r.is_busy && !answered && device.inbox.empty() && stack.next_deadline() > now) {
                return true;
            }
        }
        return false;
    }
    // Lets time pass, deadline by deadline. False: more than `most` of them, or a livelock.
    bool wait(Duration for_how_long, int most = 100'000) {
        const Instant end = now + for_how_long;
        for (int i = 0; i < most; ++i) {
            if (!settle()) return false;
            const Instant next = stack.next_deadline();
            if (next > end) {
                now = end;
                return settle();
            }
            now = next;
        }
        return false;
    }

    // --- frames in ---
    void raw(Frame frame) { device.inbox.push_back(std::move(frame)); }
    void packet(const Frame& ip_packet) { raw(ethernet(our_mac, peer_mac, ip_packet)); }
    void say(const Talk& t, const Said& s) { packet(segment(t, s)); }

    static Frame segment(const Talk& t, const Said& s) {
        Frame options = s.options;
        options.resize(std::min<std::size_t>((options.size() + 3) / 4 * 4, 40), std::byte{1});
        Frame message(20);
        wire::write_tcp(message, {.source_port = t.own_port,
                                  .target_port = t.stack_port,
                                  .seq = wire::Seq32{s.seq},
                                  .ack = wire::Seq32{s.ack},
                                  .flags = s.flags,
                                  .window = s.window,
                                  .urgent = s.urgent,
                                  .header_bytes = static_cast<std::uint8_t>(20 + options.size())});
        return ip(t.own_address, t.stack_address, wire::IpProtocol::Tcp,
                  with_checksum(message + options + s.payload, t.own_address, t.stack_address,
                                wire::IpProtocol::Tcp, wire::TcpHeader::kChecksumAt));
    }
    // What an honest peer's options would be now.
    static Frame timestamps(const Talk& t) {
        return options_of({.timestamps = wire::TcpTimestamps{t.time, t.stack_time}});
    }
    static Frame options_of(const wire::TcpOptions& o) {
        Frame f(wire::tcp_options_bytes(o));
        wire::write_tcp_options(f, o);
        return f;
    }
    static Frame syn_options() {
        return options_of({.mss = std::uint16_t{1460},
                           .window_scale = std::uint8_t{7},
                           .sack_permitted = true,
                           .timestamps = wire::TcpTimestamps{5000, 0}});
    }
    // What would be honest: the next bytes in order, all acknowledged.
    static Said honest(const Talk& t, Frame payload = {}) {
        Said s{.seq = t.seq, .ack = t.ack, .payload = std::move(payload)};
        s.flags.ack = true;
        if (t.has_timestamps) s.options = timestamps(t);
        return s;
    }

    // --- conversations ---
    Talk& talk(Family f, std::uint16_t stack_port, std::uint16_t own_port) {
        talks.push_back({.stack_address = us(f),
                         .own_address = peer(f),
                         .stack_port = stack_port,
                         .own_port = own_port});
        return talks.back();
    }
    // The three segments of a passive open.
    Talk& open(Family f, std::uint16_t stack_port, std::uint16_t own_port, Frame options) {
        Talk& t = talk(f, stack_port, own_port);
        Said syn{.seq = t.seq - 1, .options = std::move(options)};
        syn.flags.syn = true;
        say(t, syn);
        settle();
        say(t, honest(t));
        settle();
        return t;
    }

    std::uint64_t count(Counter c) const { return stack.counters()[c]; }

    PacketPool pool{};
    FakeDevice device{LinkKind::Ethernet};
    Stack stack;
    InterfaceIndex eth = 0;
    Instant now = Instant::from_ns(1'000'000'000);
    std::deque<Talk> talks{};  // their addresses stay
    Frame last_sent{};         // the stack's last frame, whole
    std::uint64_t frames_sent = 0;
    bool answers_neighbours = true;

private:
    static constexpr int kMostPolls = 2000;

    // Takes what the stack has sent. True: something was answered.
    bool hear() {
        const std::size_t before = device.inbox.size();
        while (!device.sent.empty()) {
            const Frame f = std::move(device.sent.front());
            device.sent.pop_front();
            ++frames_sent;
            hear_frame(f);
            last_sent = f;
        }
        return device.inbox.size() != before;
    }
    void hear_frame(const Frame& f) {
        const auto eth_header = wire::parse_ethernet(f);
        FAIRLEAD_ASSERT(eth_header.has_value());
        const Frame body = part(f, eth_header->bytes());
        switch (eth_header->type) {
            case wire::EtherType::Arp: return hear_arp(body);
            case wire::EtherType::Ipv4: {
                const auto ip = wire::parse_ipv4(body);
                FAIRLEAD_ASSERT(ip.has_value());
                if (ip->protocol == wire::IpProtocol::Tcp && !ip->is_fragment()) {
                    hear_tcp(ip->target, ip->source, part(body, ip->header_bytes));
                }
                return;
            }
            case wire::EtherType::Ipv6: {
                const auto ip = wire::parse_ipv6(body);
                FAIRLEAD_ASSERT(ip.has_value());
                const Frame upper = part(body, 40);
                if (ip->next_header == wire::IpProtocol::Tcp) {
                    hear_tcp(ip->target, ip->source, upper);
                }
                if (ip->next_header == wire::IpProtocol::Icmpv6) hear_icmpv6(ip->source, upper);
                return;
            }
            default: FAIRLEAD_ASSERT(false);
        }
    }
    void hear_arp(const Frame& body) {
        const auto arp = wire::parse_arp(body);
        FAIRLEAD_ASSERT(arp.has_value());
        if (!answers_neighbours || arp->operation != wire::ArpOperation::Request) return;
        if (arp->target != peer4) return;
        Frame reply(14 + wire::ArpPacket::kBytes);
        wire::write_ethernet(reply,
                             {.target = our_mac, .source = peer_mac, .type = wire::EtherType::Arp});
        wire::write_arp(MutableBytes{reply}.subspan(14), {.operation = wire::ArpOperation::Reply,
                                                          .sender_mac = peer_mac,
                                                          .sender = peer4,
                                                          .target_mac = our_mac,
                                                          .target = arp->sender});
        raw(std::move(reply));
    }
    void hear_icmpv6(const IpAddress& source, const Frame& message) {
        if (message.empty() || message[0] != std::byte{135}) return;
        const auto asked = wire::parse_neighbor_solicitation(message);
        FAIRLEAD_ASSERT(asked.has_value());
        if (!answers_neighbours || asked->target != peer6 || source.is_any()) return;
        const wire::NeighborAdvertisement advertisement{.target = peer6,
                                                        .is_solicited = true,
                                                        .overrides = true,
                                                        .options = {.target_mac = peer_mac}};
        Frame reply(wire::nd_bytes(advertisement));
        wire::write_nd(reply, advertisement);
        reply = with_checksum(reply, peer6, source, wire::IpProtocol::Icmpv6, 2);
        packet(ipv6({.next_header = wire::IpProtocol::Icmpv6,
                     .hop_limit = 255,
                     .source = peer6,
                     .target = source},
                    reply));
    }
    void hear_tcp(const IpAddress& own, const IpAddress& theirs, const Frame& bytes) {
        const auto header = wire::parse_tcp(bytes);
        FAIRLEAD_ASSERT(header.has_value());
        for (Talk& t : talks) {
            if (t.own_port != header->target_port || t.stack_port != header->source_port ||
                t.own_address != own || t.stack_address != theirs) {
                continue;
            }
            hear_segment(t, *header, bytes);
        }
    }
    static void hear_segment(Talk& t, const wire::TcpHeader& header, const Frame& bytes) {
        const auto options =
            wire::parse_tcp_options(wire::tcp_options_of(bytes, header), header.flags.syn);
        const auto seq = static_cast<std::uint32_t>(header.seq);
        const auto length = static_cast<std::uint32_t>(bytes.size() - header.header_bytes) +
                            (header.flags.syn ? 1u : 0u) + (header.flags.fin ? 1u : 0u);
        t.was_reset |= header.flags.rst;
        if (header.flags.rst) return;
        if (header.flags.syn) {
            t.acked_from = seq;
            t.ack = seq + 1;
            t.has_timestamps = options.timestamps.has_value();
        }
        if (static_cast<std::int32_t>(seq + length - t.ack) > 0 || !t.was_heard) {
            t.ack = seq + length;
        }
        if (header.flags.ack) t.seq = static_cast<std::uint32_t>(header.ack);
        if (options.timestamps) t.stack_time = options.timestamps->value;
        t.window = header.window;
        t.was_heard = true;
    }
};

}  // namespace fairlead::testing
