// drill/json.hpp — a verdict for machines: one JSON object, on one line.
//
// Fields: file, verdict ("passed", "failed", "skipped", "unusable"), seconds (on the clock of what
//         it ran on), line, column, message, event, expected, got, packets, output. docs/drill.md
//         says what each is; a field that does not apply is not there.
#pragma once

#include <string>
#include <string_view>

#include "drill/runner.hpp"

namespace fairlead::drill {

std::string_view name_of(VerdictKind kind);
std::string to_json(std::string_view file, const Verdict& verdict);
// Text between quotes. What is no UTF-8 becomes U+FFFD.
std::string quote_json(std::string_view text);

}  // namespace fairlead::drill
