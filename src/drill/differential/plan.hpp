// drill/differential/plan.hpp — what is done to both: inputs with their times, and no outputs.
//
// Owns:   Plan: calls and segments that come in, drawn from a seed (generate()).
// Rules:  The same seed and options give the same plan on every machine. What a segment
//         acknowledges hangs on what has been sent by then, and is known when it is played.
// Not here: doing it (play.hpp), what came of it (compare.hpp).
#pragma once

#include <cstdint>
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

struct Step {
    Duration after{};  // since the step before
    std::variant<CallLine, Segment> action{};
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
};

struct GenerateOptions {
    bool has_loss = false;  // segments of ours get lost: duplicate ACKs, SACK blocks, silence
};

Plan generate(std::uint64_t seed, const GenerateOptions& options = {});

}  // namespace fairlead::drill::differential
