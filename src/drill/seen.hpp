// drill/seen.hpp — a packet that left, as a script would name it.
//
// Owns:   Seen, and the checks that every packet must pass whatever the script says: the IP header
//         is whole and its checksum right, lengths agree, the payload is zeros.
// Not here: the script's sequence numbers (connection.hpp): those of Seen are the wire's.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "drill/backend.hpp"
#include "drill/script.hpp"
#include "fairlead/address.hpp"
#include "fairlead/time.hpp"

namespace fairlead::drill {

struct Seen {
    Instant at{};
    Endpoint source{};  // port 0 where the protocol has none
    Endpoint target{};
    std::uint8_t tos = 0;
    std::uint8_t ttl = 0;
    std::uint32_t flow_label = 0;
    std::vector<OuterHeader> outer{};
    std::variant<TcpBody, UdpBody, IcmpBody> body{};
};

// Nothing: a packet of a protocol that the language does not name, or a fragment.
std::expected<std::optional<Seen>, std::string> read_packet(const SentPacket& packet);

}  // namespace fairlead::drill
