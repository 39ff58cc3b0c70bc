// tcp/emit.hpp — a decision becomes a packet.
//
// Owns:      the way from an OutSegment to ip::Network::send(): header, options, slices of the
//            payload, checksum (only the pseudo-header's part of it where the device does the
//            rest, and for what will be cut).
// Not here:  what to say (connection_output.cpp, passive.cpp, layer_input.cpp).
#pragma once

#include <cstdint>

#include "fairlead/error.hpp"
#include "tcp/chunk.hpp"
#include "tcp/environment.hpp"
#include "tcp/flow.hpp"
#include "wire/ip_protocol.hpp"
#include "wire/tcp.hpp"
#include "wire/tcp_options.hpp"

namespace fairlead::tcp {

struct OutSegment {
    wire::Seq32 seq{};
    wire::Seq32 ack{};
    wire::TcpFlags flags{};
    wire::Ecn ecn = wire::Ecn::NotCapable;
    bool repeats_cwr = false;  // it is a part of a counter, and in each piece of a large segment
    std::uint16_t window = 0;  // as it travels: already scaled down
    std::uint16_t urgent = 0;  // the pointer, where flags.urg
    std::uint8_t turn = 0;     // after a timeout: another way (sk_rethink_txhash)
    wire::TcpOptions options{};
    const Chunk* chunk = nullptr;  // whose data is the payload; null: none
    Instant departs{};             // PacketMeta::departs
};

struct Envelope {
    std::uint8_t ttl = 0;  // 0: the stack's default
    std::uint8_t tos = 0;
    bool dont_fragment = true;
};

// Linux's ip_dont_fragment(): of the six ways two set DF.
inline bool sets_dont_fragment(ip::MtuDiscovery mode) {
    return mode == ip::MtuDiscovery::Want || mode == ip::MtuDiscovery::Do;
}

// By which a flow's packets are told from others in a queue (PacketMeta::flow_hash).
inline std::uint32_t flow_mark(const FlowKey& key) {
    return std::uint32_t{key.local.port} << 16 | key.remote.port;
}

// False: no packet, or the network refused it; the segment counts as lost on its way.
bool emit(const OutSegment& segment, const FlowKey& key, const ip::Path& path,
          const Envelope& envelope, Environment& env);

}  // namespace fairlead::tcp
