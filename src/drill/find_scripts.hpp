// drill/find_scripts.hpp — which scripts the words of a command line mean.
//
// Owns:   walking folders, in the order of names; hidden files and links to folders are passed over.
// Bounds: 32 folders deep, 100000 scripts.
#pragma once

#include <expected>
#include <string>
#include <vector>

namespace fairlead::drill {

struct FoundScript {
    std::string path{};
    std::string name{};  // below the folder that was named; else the file's own
};

// A folder stands for all *.pkt in it. The error says what is wrong with one of the words.
std::expected<std::vector<FoundScript>, std::string> find_scripts(
    const std::vector<std::string>& words);

}  // namespace fairlead::drill
