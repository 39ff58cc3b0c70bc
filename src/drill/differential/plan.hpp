// drill/differential/plan.hpp — what is done to both: inputs with their times, and no outputs.
//
// Owns:   Plan: calls and segments that come in, drawn from a seed (generate()); or calls, what the
//         peer's program writes, and what a bad path does between the two (generate_path()).
// Rules:  The same seed and options give the same plan on every machine. What a segment
//         acknowledges hangs on what has been sent by then, and is known when it is played.
// Not here: doing it (play.hpp), the peer behind a path (path_peer.hpp), what came of it
//         (compare.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "drill/script.hpp"
#include "fairlead/time.hpp"

namespace fairlead::drill::differential {

enum class AckOf : std::uint8_t {
    Nothing,  // no ACK flag
    Latest,   // all that has been sent, less `bytes`
    Same,     // what was acknowledged last
    Half,     // half of what is outstanding
    Old,      // `bytes` before what was acknowledged last
    Future,   // `bytes` beyond all that was sent
};

enum class EchoOf : std::uint8_t { Latest, First, Nothing };

struct Segment {
    TcpBody body{};  // without the number that it acknowledges and the timestamp that it echoes
    AckOf ack_of = AckOf::Latest;
    EchoOf echo_of = EchoOf::Latest;
    std::uint32_t bytes = 0;
};

// In the language; its result stands for nothing, but for calls that make a descriptor.
struct CallLine {
    std::string text{};
};

enum class Harm : std::uint8_t { Drop, Delay, Duplicate, Mark };

// What the path does to one segment: to the one that is the `which`-th on its way since the
// handshake, from 0.
struct Fault {
    bool is_inbound = false;  // from the peer
    std::uint32_t which = 0;
    Harm harm = Harm::Drop;
    Duration by{};  // Delay: so much later. Duplicate: the second one
};

// The peer's program writes.
struct PeerWrite {
    std::uint32_t bytes = 0;
    bool has_fin = false;
};

using Action = std::variant<CallLine, Segment, Fault, PeerWrite>;

struct Step {
    Duration after{};  // since the step before
    Action action{};
};

// A peer that answers by itself, and how far away it is.
struct PathTraits {
    Duration round_trip = 20_ms;
    Duration acks_after{};         // an ACK may wait so long; 0: each segment has one at once
    Duration resends_after{};      // what was not acknowledged by then comes again
    std::uint16_t window = 65535;  // as it travels
    std::uint16_t mss = 1460;      // of what it sends
    bool has_timestamps = false;
    bool has_sack = false;
    bool has_dsack = false;
    bool has_ecn = false;
};

struct Setting {
    std::string name{};
    std::string value{};
};

struct Plan {
    std::uint64_t seed = 0;
    std::vector<Setting> settings{};
    std::vector<Step> steps{};
    Duration tail{};  // is listened to after the last step
    std::optional<PathTraits> path{};
};

struct GenerateOptions {
    bool has_loss = false;  // segments of ours get lost: duplicate ACKs, SACK blocks, silence
};

Plan generate(std::uint64_t seed, const GenerateOptions& options = {});

// The peer behaves as one behind a path that loses, reorders, repeats and marks.
Plan generate_path(std::uint64_t seed);

}  // namespace fairlead::drill::differential
