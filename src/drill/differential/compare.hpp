// drill/differential/compare.hpp — where two traces part.
//
// Owns:   the rules of sameness: after each input the same packets leave in the same order, equal in
//         every field; each call has the same result, errno and answers. Times and the values of
//         timestamps may be off by a tolerance.
// Unsteady: what a timer did on one side just before an input, it may do on the other just after; and
//         what hangs on a round trip or a silence, each measures for itself. Nothing is said then.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "drill/differential/known.hpp"
#include "drill/differential/play.hpp"
#include "fairlead/time.hpp"

namespace fairlead::drill::differential {

struct Difference {
    std::string what{};      // its kind, without numbers: "win of [.]"
    std::string text{};      // "win of [.]: kernel 502, stack 501"
    std::size_t kernel = 0;  // the entry, or the number of entries
    std::size_t stack = 0;
    bool is_unsteady = false;
    bool is_known = false;  // what follows was not looked at
};

// Nothing: they are the same, but for what is known.
std::optional<Difference> compare(const Trace& kernel, const Trace& stack,
                                  const std::vector<Known>& known = {});

}  // namespace fairlead::drill::differential
