// preload/restricted.hpp — a process that has given up most system calls (seccomp).
//
// Owns:      whether it has, and how a descriptor's byte is sent, taken and waited for from then on: by
//            read, write and poll alone, which such a process has kept (sshd's does).
// Rules:     what would have to be asked of the kernel later is asked before: which of the sockets do
//            not block.
// Not here:  what a byte means (readiness.cpp).
#pragma once

#include <cstddef>

#include <poll.h>

namespace fairlead::preload {

bool is_restricted();
// Before the filter is there.
void note_restriction();
// What may be without a flag for it: nothing is read where nothing is, and no signal comes.
bool is_ready_at_once(int fd, short events);

}  // namespace fairlead::preload
