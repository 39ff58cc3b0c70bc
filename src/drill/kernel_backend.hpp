// drill/kernel_backend.hpp — scripts on the machine's own kernel, in real time.
//
// Owns:   a network namespace with one TUN device, the thread that lives in it and makes the calls,
//         and the descriptors it opened. All of it is gone when the backend is.
// Needs:  CAP_NET_ADMIN and /dev/net/tun.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "drill/backend.hpp"
#include "drill/settings.hpp"

namespace fairlead::drill {

// The error says what the machine refused.
std::expected<std::unique_ptr<Backend>, std::string> make_kernel_backend(const Settings& settings);

// In a process of its own, which need not be root's: a user namespace comes first then.
std::expected<std::unique_ptr<Backend>, std::string> make_private_kernel_backend(
    const Settings& settings);

}  // namespace fairlead::drill
