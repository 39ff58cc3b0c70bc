#include "drill/kernel_calls.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace fairlead::drill {
namespace {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t bytes = sizeof(sockaddr_storage);

    sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

int domain_of(int fd) {
    int domain = AF_INET;
    socklen_t bytes = sizeof domain;
    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &bytes);
    return domain;
}

// In the form that a socket of this family takes: an IPv6 one has IPv4 addresses mapped.
SocketAddress to_socket_address(const Endpoint& endpoint, int domain) {
    SocketAddress address;
    if (domain == AF_INET6) {
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(endpoint.port);
        v6.sin6_scope_id = endpoint.address.zone();
        std::memcpy(&v6.sin6_addr, endpoint.address.bytes().data(), 16);
        std::memcpy(&address.storage, &v6, sizeof v6);
        address.bytes = sizeof v6;
    } else {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(endpoint.port);
        v4.sin_addr.s_addr = htonl(endpoint.address.v4_value());
        std::memcpy(&address.storage, &v4, sizeof v4);
        address.bytes = sizeof v4;
    }
    return address;
}

std::optional<Endpoint> to_endpoint(const SocketAddress& address) {
    if (address.storage.ss_family == AF_INET) {
        sockaddr_in v4;
        std::memcpy(&v4, &address.storage, sizeof v4);
        return Endpoint{IpAddress::v4(ntohl(v4.sin_addr.s_addr)), ntohs(v4.sin_port)};
    }
    if (address.storage.ss_family == AF_INET6) {
        sockaddr_in6 v6;
        std::memcpy(&v6, &address.storage, sizeof v6);
        std::array<std::uint8_t, 16> bytes;
        std::memcpy(bytes.data(), &v6.sin6_addr, 16);
        return Endpoint{IpAddress::v6(bytes), ntohs(v6.sin6_port)};
    }
    return std::nullopt;
}

Outcome outcome_of(std::int64_t value) {
    return {.value = value < 0 ? -1 : value, .error = value < 0 ? errno : 0};
}

struct SystemCall {
    Outcome operator()(const request::Socket& r) const {
        return outcome_of(socket(r.domain, r.type, r.protocol));
    }
    Outcome operator()(const request::Bind& r) const {
        SocketAddress address = to_socket_address(r.local, domain_of(r.fd));
        return outcome_of(bind(r.fd, address.get(), address.bytes));
    }
    Outcome operator()(const request::Listen& r) const {
        return outcome_of(listen(r.fd, r.backlog));
    }
    Outcome operator()(const request::Connect& r) const {
        SocketAddress address = to_socket_address(r.peer, domain_of(r.fd));
        return outcome_of(connect(r.fd, address.get(), address.bytes));
    }
    Outcome operator()(const request::Accept& r) const {
        SocketAddress address;
        Outcome outcome = outcome_of(accept4(r.fd, address.get(), &address.bytes, r.flags));
        if (outcome.value >= 0) outcome.from = to_endpoint(address);
        return outcome;
    }
    Outcome operator()(const request::Receive& r) const {
        std::vector<std::uint8_t> into(r.bytes);
        SocketAddress address;
        Outcome outcome = outcome_of(
            recvfrom(r.fd, into.data(), into.size(), r.flags, address.get(), &address.bytes));
        if (outcome.value < 0) return outcome;
        into.resize(std::min(into.size(), static_cast<std::size_t>(outcome.value)));
        outcome.data = std::move(into);
        if (address.bytes != 0) outcome.from = to_endpoint(address);
        return outcome;
    }
    Outcome operator()(const request::Send& r) const {
        const std::vector<std::uint8_t> zeros(r.bytes);
        const int flags = r.flags | MSG_NOSIGNAL;
        if (!r.to) return outcome_of(send(r.fd, zeros.data(), zeros.size(), flags));
        SocketAddress address = to_socket_address(*r.to, domain_of(r.fd));
        return outcome_of(
            sendto(r.fd, zeros.data(), zeros.size(), flags, address.get(), address.bytes));
    }
    Outcome operator()(const request::Shutdown& r) const {
        return outcome_of(shutdown(r.fd, r.how));
    }
    Outcome operator()(const request::Close& r) const { return outcome_of(close(r.fd)); }
    Outcome operator()(const request::FileControl& r) const {
        return outcome_of(fcntl(r.fd, r.command, r.argument));
    }
    Outcome operator()(const request::IoControl& r) const {
        int answer = 0;
        Outcome outcome = outcome_of(ioctl(r.fd, r.command, &answer));
        outcome.number = answer;
        return outcome;
    }
    Outcome operator()(const request::SetOption& r) const {
        return outcome_of(setsockopt(r.fd, r.level, r.name, r.value.data(),
                                     static_cast<socklen_t>(r.value.size())));
    }
    Outcome operator()(const request::GetOption& r) const {
        std::vector<std::uint8_t> value(r.bytes);
        auto bytes = static_cast<socklen_t>(value.size());
        Outcome outcome = outcome_of(getsockopt(r.fd, r.level, r.name, value.data(), &bytes));
        value.resize(std::min<std::size_t>(value.size(), bytes));
        outcome.data = std::move(value);
        return outcome;
    }
    Outcome operator()(const request::Poll& r) const {
        std::vector<pollfd> entries;
        for (const auto& entry : r.entries) entries.push_back({entry.fd, entry.events, 0});
        Outcome outcome = outcome_of(poll(entries.data(), entries.size(), r.timeout_ms));
        for (const pollfd& entry : entries) outcome.revents.push_back(entry.revents);
        return outcome;
    }
};

}  // namespace

Outcome make_system_call(const Request& request) { return std::visit(SystemCall{}, request); }

}  // namespace fairlead::drill
