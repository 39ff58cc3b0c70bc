#include "cli/services.hpp"

#include <arpa/inet.h>
#include <netdb.h>

namespace fairlead::cli {

std::string service_name(std::uint16_t port, SocketType type) {
    const servent* found = ::getservbyport(htons(port), type == SocketType::Stream ? "tcp" : "udp");
    return found == nullptr ? std::string{} : std::string{found->s_name};
}

std::optional<std::uint16_t> service_number(const std::string& name) {
    const servent* found = ::getservbyname(name.c_str(), nullptr);
    if (found == nullptr) return std::nullopt;
    return ntohs(static_cast<std::uint16_t>(found->s_port));
}

}  // namespace fairlead::cli
