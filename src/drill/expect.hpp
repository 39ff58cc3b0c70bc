// drill/expect.hpp — a scripted outbound packet against those that left.
//
// Owns:   Expectation: takes segments until the scripted payload is whole, then says what differs.
// Rules:  without --strict_segments, consecutive segments stand for one line that is as long as all
//         of them: all but the last are of one size and have one header (FIN, PSH and CWR apart).
//         Sequence number and CWR come from the first, everything else and the time from the last.
//         What the line does not name (win, TTL, ECN, options behind <...>) is not looked at; nor
//         are the values of TS and a digest that is not written out.
#pragma once

#include <optional>
#include <string>

#include "drill/script.hpp"
#include "drill/seen.hpp"

namespace fairlead::drill {

class Expectation {
public:
    Expectation(const PacketLine& line, bool strict_segments)
        : line_{line}, is_strict_{strict_segments} {}

    // A TCP segment, in the script's numbers. The error says why it cannot be (part of) this line.
    std::optional<std::string> add(const Seen& segment);
    bool is_complete() const { return is_complete_; }
    // What came so far, as one segment.
    const std::optional<Seen>& whole() const { return whole_; }
    // Once complete: the first thing that differs.
    std::optional<std::string> difference() const;

private:
    std::optional<std::string> append(const Seen& segment, const TcpBody& tcp);

    const PacketLine& line_;
    bool is_strict_;
    bool is_complete_ = false;
    std::optional<Seen> whole_;
    std::uint32_t piece_bytes_ = 0;  // payload of each segment so far
};

// A message of UDP or ICMP: the first thing that differs. Of ICMP what the line leaves out is not
// looked at, but for the code, which is 0 then.
std::optional<std::string> difference_of_message(const PacketLine& line, const Seen& message);

}  // namespace fairlead::drill
