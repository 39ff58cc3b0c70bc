// unit/posix/calls_table.hpp — every call in every state, as tables.
//
// Owns:   the states that two sockets over loopback can be brought to, the calls that are made in
//         each, and what they answered on the kernel's sockets or on ours.
// Not here: states that need a peer who lies or keeps silent (tests/scripts/states).
#pragma once

#include <string>
#include <vector>

#include "unit/posix/both.hpp"

namespace fairlead::posix::both {

struct Cell {
    std::string call{};
    std::string state{};
    std::string answer{};
};

struct Table {
    std::string title{};
    std::vector<std::string> states{};
    std::vector<std::string> calls{};
    std::vector<Cell> cells{};  // by state, then by call

    const std::string& answer(std::size_t state, std::size_t call) const {
        return cells[state * calls.size() + call].answer;
    }
};

// `make`: the sockets, new for each state. Null from it: nothing.
std::vector<Table> tables_of(std::unique_ptr<Calls> (*make)());

}  // namespace fairlead::posix::both
