// cli/service_notice.hpp — telling systemd, or whoever started us so, how we are.
//
// Knows:     sd_notify(3): a datagram to the socket that NOTIFY_SOCKET names.
#pragma once

#include <string_view>

namespace fairlead::cli {

// "READY=1", "STOPPING=1". Nothing happens where nobody wants to know.
void notify_service(std::string_view state);

}  // namespace fairlead::cli
