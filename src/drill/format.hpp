// drill/format.hpp — a script back to text.
//
// Contract: parse(format(script)) == script, for every script that parses. Failure reports quote
//           events in this form, on one line each.
// Not here: packets as they were seen on the wire (report.hpp).
#pragma once

#include <string>
#include <vector>

#include "drill/script.hpp"

namespace fairlead::drill {

std::string format(const Script& script);
std::string format(const Event& event);
std::string format(const EventTime& time);
std::string format(const Call& call);
std::string format(const Expression& expression);
std::string format(const PacketLine& packet);
std::string format(const std::vector<OuterHeader>& headers);
std::string format(const TcpFlags& flags);
std::string format(const std::vector<TcpOption>& options);  // without the angle brackets
std::string format_seconds(Duration duration);              // "1.5", exact

}  // namespace fairlead::drill
