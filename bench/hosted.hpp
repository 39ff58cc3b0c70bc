// hosted.hpp — unmodified programs on a host, beside the same programs on the kernel.
//
// Owns:   Place: two ends that programs run at. On the kernel both are networks of it, joined by veth;
//         of ours the near end is a host on a TAP, and the far end the kernel behind it.
// Rules:  what a program prints is read when it has ended; one that does not end in time is killed, and
//         the row says so. A program that is not installed is named in its row.
// Not here: what is measured (hosted_rows.cpp), the programs of our own (pair/).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/cable.hpp"
#include "lab/child_process.hpp"
#include "lab/scratch_folder.hpp"

namespace fairlead::bench {

enum class End { Near, Far };

inline constexpr const char* kNearAddress = "10.9.0.1";
inline constexpr const char* kFarAddress = "10.9.0.2";

class Place {
public:
    // With the kernel at both ends.
    static std::unique_ptr<Place> of_kernel();
    // `options` of `fairlead up`; `spin_us` of the programs.
    static std::unique_ptr<Place> of_host(const std::string& options, int spin_us);

    // A command line of the shell, without its redirections.
    lab::ChildProcess start(End end, const std::string& command) const;
    // What it prints, once it has ended well.
    std::string output(End end, const std::string& command) const;
    // Until somebody listens there; by a connection from the far end.
    void await_port(End end, int port) const;
    // What the host has used of a core so far; none: it is the kernel.
    double host_seconds() const;

private:
    Place() = default;

    std::optional<VethPair> cable_{};
    std::optional<NetworkNamespace> home_{};
    std::optional<lab::ScratchFolder> folder_{};
    std::optional<lab::ChildProcess> host_{};
    std::string prefix_{};  // of a command at the near end
    std::string environment_{};
};

// Of a program beside this one: fairlead, fairlead-bench-pair.
std::string program_beside(std::string_view name);

}  // namespace fairlead::bench
