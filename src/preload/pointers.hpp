// preload/pointers.hpp — whether what a program names is memory of its own: EFAULT, where it is not.
//
// Knows:     copy_from_user() and copy_to_user(), which tell; a copy by ourselves would end the program.
// Rules:     the kernel is asked once for each page, by a call that reads (or writes back) what is
//            there; pages that were good are not asked about again, so that the way of bytes costs a
//            look at a table. Of a long buffer its ends are looked at. A page that was good and is
//            unmapped since ends the program as it would without us.
// Not here:  what is copied (transfer.hpp).
#pragma once

#include <cstddef>

#include "preload/transfer.hpp"

namespace fairlead::preload {

bool is_readable(const void* at, std::size_t size);
bool is_writable(void* at, std::size_t size);

// The pieces themselves, and each of them.
bool are_readable(const iovec* pieces, std::size_t count);
bool are_writable(const iovec* pieces, std::size_t count);

}  // namespace fairlead::preload
