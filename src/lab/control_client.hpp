// lab/control_client.hpp — asking a running stack what it has to show.
//
// Owns:      the choice of a stack by name or number, a connection to its control socket, the
//            reading of its answers.
// Not here:  where the sockets lie (control_place.hpp), the form of lines (inspect/control_text.hpp).
#pragma once

#include <expected>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "device/file_descriptor.hpp"
#include "inspect/control_text.hpp"
#include "lab/control_place.hpp"

namespace fairlead::lab {

// `wanted`: a name, a process's number, or nothing where only one runs. What to do about it, in
// words, if it is none or several.
std::expected<RunningStack, std::string> choose_stack(const std::vector<RunningStack>& running,
                                                      std::string_view wanted);

class ControlClient {
public:
    static std::expected<ControlClient, std::string> connect(const RunningStack& stack);

    // All that the requests ("sockets", "counters", ...) tell.
    std::expected<inspect::Snapshot, std::string> ask(
        std::initializer_list<std::string_view> requests);
    // A request with words; what it answers is only whether it was done.
    std::expected<void, std::string> tell(const inspect::ControlLine& request);

    const RunningStack& stack() const { return stack_; }

private:
    explicit ControlClient(RunningStack stack) : stack_{std::move(stack)} {}
    std::expected<void, std::string> exchange(std::string_view request,
                                              inspect::SnapshotReader& reader);

    RunningStack stack_;
    device::FileDescriptor fd_{};
    std::string in_{};
};

}  // namespace fairlead::lab
