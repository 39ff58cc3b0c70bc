// cli/services.hpp — names of ports, as this system has them (/etc/services).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "fairlead/socket.hpp"

namespace fairlead::cli {

std::string service_name(std::uint16_t port, SocketType type);  // empty: it has none
std::optional<std::uint16_t> service_number(const std::string& name);

}  // namespace fairlead::cli
