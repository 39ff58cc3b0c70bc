// cli/preloadable.hpp — whether a program takes the library that is to be put before it.
//
// Knows:     elf(5): who has no interpreter is linked statically, and nothing is loaded into it; ld.so(8):
//            nor into what runs as another user than whoever starts it.
// Not here:  programs that are dynamic and make their system calls themselves.
#pragma once

#include <string>

namespace fairlead::cli {

// Where execvp() finds it; empty: nowhere.
std::string path_of_program(const std::string& name);

// It has no interpreter to load anything.
bool is_static(const std::string& path);

// Why it does not, in words; empty: it does, or it is no ELF file (a script has an interpreter).
std::string why_not_preloadable(const std::string& path);

}  // namespace fairlead::cli
