// drill/program.hpp — one program of this machine, run to its end.
//
// Bounds:  a minute, and a mebibyte of what it prints. It stays in our process group, which
//          parallel.hpp kills as a whole.
// Threads: it has the network namespace of the thread that asks.
#pragma once

#include <string>
#include <vector>

#include "drill/system.hpp"

namespace fairlead::drill {

// words[0] is looked up in the usual folders. 127: it is not there.
Finished run_program(const std::vector<std::string>& words);

}  // namespace fairlead::drill
