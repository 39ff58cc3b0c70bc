#include "bench/kernel_counters.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace fairlead::bench {

// Two lines of /proc/net/snmp: "Tcp: name name ..." and "Tcp: value value ...".
std::uint64_t tcp_counter(const std::string& name) {
    std::ifstream file{"/proc/thread-self/net/snmp"};
    std::string names;
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with("Tcp:")) continue;
        if (names.empty()) {
            names = line;
            continue;
        }
        std::istringstream keys{names};
        std::istringstream values{line};
        std::string key;
        std::string value;
        while (keys >> key && values >> value) {
            if (key == name) return std::stoull(value);
        }
    }
    throw std::runtime_error{"no TCP counter " + name};
}

std::uint64_t socket_slab_bytes() {
    std::ifstream file{"/proc/slabinfo"};
    if (!file) throw std::runtime_error{"/proc/slabinfo is for root only"};
    std::uint64_t bytes = 0;
    for (std::string line; std::getline(file, line);) {
        std::istringstream in{line};
        std::string cache;
        std::uint64_t active = 0;
        std::uint64_t total = 0;
        std::uint64_t size = 0;
        in >> cache >> active >> total >> size;
        for (const char* ours : {"TCP", "sock_inode_cache", "filp", "dentry"}) {
            if (cache == ours) bytes += total * size;
        }
    }
    return bytes;
}

}  // namespace fairlead::bench
