// lab/child_process.hpp — a program of this machine, run beside a stack and never outliving us.
//
// Owns:   ChildProcess: its pid, what it prints, its end. Dropped before it has ended, it is killed
//         and reaped; if we are killed ourselves, the kernel kills it.
// Not here: waiting. exit_fd() goes into the caller's loop.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "device/file_descriptor.hpp"
#include "device/opened.hpp"

namespace fairlead::lab {

// Where in $PATH it lies; empty: nowhere.
std::optional<std::string> find_program(std::string_view name);

class ChildProcess {
public:
    // command[0] is looked up in $PATH. It reads from nothing, and all that it prints is kept.
    static device::Opened<ChildProcess> start(const std::vector<std::string>& command);

    ChildProcess(ChildProcess&& other) noexcept;
    ChildProcess& operator=(ChildProcess&& other) noexcept;
    ~ChildProcess() { kill(); }

    pid_t pid() const { return pid_; }
    int exit_fd() const { return pidfd_.get(); }  // readable when it has ended
    bool has_ended();
    // After it has ended: exit status 0.
    bool is_success() const { return exit_status_ == 0; }
    // What it has printed so far, errors included.
    std::string output() const;
    void kill();

private:
    ChildProcess(pid_t pid, device::FileDescriptor pidfd, device::FileDescriptor output)
        : pid_{pid}, pidfd_{std::move(pidfd)}, output_{std::move(output)} {}

    pid_t pid_ = 0;  // 0: reaped
    device::FileDescriptor pidfd_;
    device::FileDescriptor output_;
    int exit_status_ = -1;
};

}  // namespace fairlead::lab
