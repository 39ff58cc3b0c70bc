#include "drill/calls.hpp"

#include <fmt/format.h>

#include "drill/format.hpp"
#include "drill/symbols.hpp"
#include "fairlead/error.hpp"

namespace fairlead::drill {
namespace {

constexpr int kInet6 = 10;  // AF_INET6

std::unexpected<Fault> wrong_arguments(const Call& call, std::string_view form) {
    return std::unexpected{Fault{.place = call.result.place,
                                 .message = fmt::format("{} is called as {}", call.name, form)}};
}

// The lengths of [{..., 10}, {..., 20}] together.
Evaluated<std::size_t> vector_bytes(const Expression& e) {
    std::size_t total = 0;
    if (e.kind != ExpressionKind::Array) return fault_at(e, "expected [{..., bytes}, ...]");
    for (const Expression& piece : e.items) {
        if (piece.kind != ExpressionKind::Struct || piece.items.size() != 2) {
            return fault_at(piece, "expected {..., bytes}");
        }
        const Expression& length = piece.items[1];
        const bool is_named = length.kind == ExpressionKind::Field;
        total += FAIRLEAD_TRY(evaluate_size(is_named ? length.items[0] : length));
    }
    return total;
}

}  // namespace

Evaluated<Request> Calls::to_request(const Call& call) const {
    using Translate = Evaluated<Request> (Calls::*)(const Call&) const;
    static constexpr struct {
        std::string_view name;
        Translate translate;
    } kCalls[] = {
        {"socket", &Calls::socket},
        {"bind", &Calls::bind},
        {"listen", &Calls::listen},
        {"connect", &Calls::connect},
        {"accept", &Calls::accept},
        {"accept4", &Calls::accept},
        {"read", &Calls::receive},
        {"recv", &Calls::receive},
        {"recvfrom", &Calls::receive},
        {"readv", &Calls::receive_vector},
        {"write", &Calls::send},
        {"send", &Calls::send},
        {"sendto", &Calls::send},
        {"writev", &Calls::send_vector},
        {"shutdown", &Calls::shutdown},
        {"close", &Calls::close},
        {"fcntl", &Calls::file_control},
        {"ioctl", &Calls::io_control},
        {"setsockopt", &Calls::set_option},
        {"getsockopt", &Calls::get_option},
        {"poll", &Calls::poll},
    };
    for (const auto& known : kCalls) {
        if (known.name == call.name) return (this->*known.translate)(call);
    }
    return std::unexpected{Fault{.place = call.result.place,
                                 .message = fmt::format("the call {} is not there yet", call.name),
                                 .is_unsupported = true}};
}

Evaluated<int> Calls::descriptor(const Expression& e) const {
    const std::int64_t scripted = FAIRLEAD_TRY(evaluate(e));
    const auto found = live_.find(scripted);
    // A script may well use a descriptor that is closed, to see EBADF.
    return found == live_.end() ? -1 : found->second;
}

Evaluated<Request> Calls::socket(const Call& call) const {
    if (call.arguments.size() != 3) return wrong_arguments(call, "socket(domain, type, protocol)");
    request::Socket r;
    const Expression& domain = call.arguments[0];
    if (domain.kind == ExpressionKind::Ellipsis) {
        constexpr int kInet = 2;  // AF_INET
        r.domain = settings_.ip_version == IpVersion::V4 ? kInet : kInet6;
    } else {
        r.domain = FAIRLEAD_TRY(evaluate_int(domain));
    }
    r.type = FAIRLEAD_TRY(evaluate_int(call.arguments[1]));
    r.protocol = FAIRLEAD_TRY(evaluate_int(call.arguments[2]));
    return r;
}

Evaluated<Endpoint> Calls::endpoint(const Expression& e, const IpAddress& address,
                                    std::uint16_t port) const {
    if (e.kind == ExpressionKind::Ellipsis) return Endpoint{address, port};
    return evaluate_endpoint(e);
}

Evaluated<Request> Calls::bind(const Call& call) const {
    if (call.arguments.size() != 3) return wrong_arguments(call, "bind(fd, address, length)");
    request::Bind r;
    r.fd = FAIRLEAD_TRY(descriptor(call.arguments[0]));
    r.local = FAIRLEAD_TRY(endpoint(call.arguments[1], settings_.local(), settings_.bind_port));
    return r;
}

Evaluated<Request> Calls::listen(const Call& call) const {
    if (call.arguments.size() != 2) return wrong_arguments(call, "listen(fd, backlog)");
    request::Listen r;
    r.fd = FAIRLEAD_TRY(descriptor(call.arguments[0]));
    r.backlog = FAIRLEAD_TRY(evaluate_int(call.arguments[1]));
    return r;
}

Evaluated<Request> Calls::connect(const Call& call) const {
    if (call.arguments.size() != 3) return wrong_arguments(call, "connect(fd, address, length)");
    request::Connect r;
    r.fd = FAIRLEAD_TRY(descriptor(call.arguments[0]));
    r.peer = FAIRLEAD_TRY(endpoint(call.arguments[1], settings_.remote(), settings_.connect_port));
    return r;
}

Evaluated<Request> Calls::accept(const Call& call) const {
    const bool has_flags = call.name == "accept4";
    if (call.arguments.size() != (has_flags ? 4u : 3u)) {
        return wrong_arguments(call,
                               has_flags ? "accept4(fd, ..., ..., flags)" : "accept(fd, ..., ...)");
    }
    request::Accept r;
    r.fd = FAIRLEAD_TRY(descriptor(call.arguments[0]));
    if (has_flags) r.flags = FAIRLEAD_TRY(evaluate_int(call.arguments[3]));
    return r;
}

Evaluated<Request> Calls::receive(const Call& call) const {
    const auto& a = call.arguments;
    const bool is_right = (call.name == "read" && a.size() == 3) ||
                          (call.name == "recv" && a.size() == 4) ||
                          (call.name == "recvfrom" && a.size() == 6);
    if (!is_right) {
        return wrong_arguments(call,
                               "read(fd, ..., n), recv(fd, ..., n, flags) or "
                               "recvfrom(fd, ..., n, flags, address, length)");
    }
    request::Receive r;
    r.fd = FAIRLEAD_TRY(descriptor(a[0]));
    r.bytes = FAIRLEAD_TRY(evaluate_size(a[2]));
    if (a.size() > 3) r.flags = FAIRLEAD_TRY(evaluate_int(a[3]));
    return r;
}

Evaluated<Request> Calls::receive_vector(const Call& call) const {
    if (call.arguments.size() != 3) return wrong_arguments(call, "readv(fd, [{..., n}], count)");
    request::Receive r;
    r.fd = FAIRLEAD_TRY(descriptor(call.arguments[0]));
    r.bytes = FAIRLEAD_TRY(vector_bytes(call.arguments[1]));
    return r;
}

Evaluated<Request> Calls::send(const Call& call) const {
    const auto& a = call.arguments;
    const bool is_right = (call.name == "write" && a.size() == 3) ||
                          (call.name == "send" && a.size() == 4) ||
                          (call.name == "sendto" && a.size() == 6);
    if (!is_right) {
        return wrong_arguments(call,
                               "write(fd, ..., n), send(fd, ..., n, flags) or "
                               "sendto(fd, ..., n, flags, address, length)");
    }
    request::Send r;
    r.fd = FAIRLEAD_TRY(descriptor(a[0]));
    r.bytes = FAIRLEAD_TRY(evaluate_size(a[2]));
    if (a.size() > 3) r.flags = FAIRLEAD_TRY(evaluate_int(a[3]));
    const bool is_to_nobody =
        a.size() < 6 || a[4].text == "NULL" || (a[4].kind == ExpressionKind::Integer);
    if (!is_to_nobody) {
        r.to = FAIRLEAD_TRY(endpoint(a[4], settings_.remote(), settings_.connect_port));
    }
    return r;
}

Evaluated<Request> Calls::send_vector(const Call& call) const {
    if (call.arguments.size() != 3) return wrong_arguments(call, "writev(fd, [{..., n}], count)");
    request::Send r;
    r.fd = FAIRLEAD_TRY(descriptor(call.arguments[0]));
    r.bytes = FAIRLEAD_TRY(vector_bytes(call.arguments[1]));
    return r;
}

Evaluated<Request> Calls::shutdown(const Call& call) const {
    if (call.arguments.size() != 2) return wrong_arguments(call, "shutdown(fd, how)");
    request::Shutdown r;
    r.fd = FAIRLEAD_TRY(descriptor(call.arguments[0]));
    r.how = FAIRLEAD_TRY(evaluate_int(call.arguments[1]));
    return r;
}

Evaluated<Request> Calls::close(const Call& call) const {
    if (call.arguments.size() != 1) return wrong_arguments(call, "close(fd)");
    return request::Close{.fd = FAIRLEAD_TRY(descriptor(call.arguments[0]))};
}

Evaluated<Request> Calls::file_control(const Call& call) const {
    const auto& a = call.arguments;
    if (a.size() != 2 && a.size() != 3) return wrong_arguments(call, "fcntl(fd, command[, flags])");
    request::FileControl r;
    r.fd = FAIRLEAD_TRY(descriptor(a[0]));
    r.command = FAIRLEAD_TRY(evaluate_int(a[1]));
    if (a.size() == 3) r.argument = FAIRLEAD_TRY(evaluate_int(a[2]));
    return r;
}

Evaluated<Request> Calls::io_control(const Call& call) const {
    if (call.arguments.size() != 3) return wrong_arguments(call, "ioctl(fd, request, [n])");
    request::IoControl r;
    r.fd = FAIRLEAD_TRY(descriptor(call.arguments[0]));
    r.command = static_cast<std::uint64_t>(FAIRLEAD_TRY(evaluate(call.arguments[1])));
    return r;
}

Evaluated<Request> Calls::set_option(const Call& call) const {
    const auto& a = call.arguments;
    if (a.size() != 5) return wrong_arguments(call, "setsockopt(fd, level, name, [value], length)");
    request::SetOption r;
    r.fd = FAIRLEAD_TRY(descriptor(a[0]));
    r.level = FAIRLEAD_TRY(evaluate_int(a[1]));
    r.name = FAIRLEAD_TRY(evaluate_int(a[2]));
    const std::size_t bytes = FAIRLEAD_TRY(evaluate_size(a[4]));
    r.value = FAIRLEAD_TRY(evaluate_bytes(a[3], bytes));
    return r;
}

Evaluated<Request> Calls::get_option(const Call& call) const {
    const auto& a = call.arguments;
    if (a.size() != 5) {
        return wrong_arguments(call, "getsockopt(fd, level, name, [value], [length])");
    }
    request::GetOption r;
    r.fd = FAIRLEAD_TRY(descriptor(a[0]));
    r.level = FAIRLEAD_TRY(evaluate_int(a[1]));
    r.name = FAIRLEAD_TRY(evaluate_int(a[2]));
    const bool is_array = a[4].kind == ExpressionKind::Array && a[4].items.size() == 1;
    r.bytes = FAIRLEAD_TRY(evaluate_size(is_array ? a[4].items[0] : a[4]));
    return r;
}

// poll([{fd=4, events=POLLIN, revents=POLLIN}], 1, 0)
Evaluated<Request> Calls::poll(const Call& call) const {
    const auto& a = call.arguments;
    if (a.size() != 3 || a[0].kind != ExpressionKind::Array) {
        return wrong_arguments(call, "poll([{fd=4, events=POLLIN, revents=0}], count, timeout)");
    }
    request::Poll r;
    for (const Expression& entry : a[0].items) {
        const Expression* fd = field_of(entry, "fd");
        const Expression* events = field_of(entry, "events");
        if (fd == nullptr || events == nullptr) return fault_at(entry, "expected {fd=, events=}");
        request::Poll::Entry asked;
        asked.fd = FAIRLEAD_TRY(descriptor(*fd));
        asked.events = static_cast<std::int16_t>(FAIRLEAD_TRY(evaluate_int(*events)));
        r.entries.push_back(asked);
    }
    r.timeout_ms = FAIRLEAD_TRY(evaluate_int(a[2]));
    return r;
}

}  // namespace fairlead::drill
