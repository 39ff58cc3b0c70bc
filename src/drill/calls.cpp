#include "drill/calls.hpp"

#include <utility>

#include <fmt/format.h>

#include "drill/format.hpp"
#include "drill/structs.hpp"
#include "fairlead/error.hpp"
#include "posix/abi.hpp"

namespace fairlead::drill {
namespace {

namespace abi = posix::abi;

constexpr int kNeverOpen = 1'000'000'000;  // beyond what any process may have
constexpr std::size_t kMostOption = 4096;  // bytes that a script may ask for or give

}  // namespace

std::unexpected<Fault> wrong_arguments(const Call& call, std::string_view form) {
    return std::unexpected{Fault{.place = call.result.place,
                                 .message = fmt::format("{} is called as {}", call.name, form)}};
}

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
        {"recvmsg", &Calls::receive_message},
        {"write", &Calls::send},
        {"send", &Calls::send},
        {"sendto", &Calls::send},
        {"writev", &Calls::send_vector},
        {"sendmsg", &Calls::send_message},
        {"shutdown", &Calls::shutdown},
        {"close", &Calls::close},
        {"fcntl", &Calls::file_control},
        {"ioctl", &Calls::io_control},
        {"setsockopt", &Calls::set_option},
        {"getsockopt", &Calls::get_option},
        {"poll", &Calls::poll},
        {"epoll_create", &Calls::epoll_create},
        {"epoll_create1", &Calls::epoll_create},
        {"epoll_ctl", &Calls::epoll_control},
        {"epoll_wait", &Calls::epoll_wait},
        {"pipe", &Calls::pipe},
        {"pipe2", &Calls::pipe},
        {"splice", &Calls::splice},
        {"sendfile", &Calls::send_file},
        {"open", &Calls::open},
        {"cap_set", &Calls::set_capabilities},
    };
    for (const auto& known : kCalls) {
        if (known.name == call.name) return (this->*known.translate)(call);
    }
    // Whatever they are given: there is no device that they could be about.
    if (call.name.starts_with("psp_")) return request::Psp{};
    return std::unexpected{Fault{.place = call.result.place,
                                 .message = fmt::format("the call {} is not there yet", call.name),
                                 .is_unsupported = true}};
}

Evaluated<int> Calls::descriptor(const Expression& e) const {
    const std::int64_t scripted = FAIRLEAD_TRY(evaluate(e));
    const auto found = live_.find(scripted);
    // A script may well use a descriptor that is closed, to see EBADF.
    if (found != live_.end()) return found->second.fd;
    return scripted < 0 ? -1 : kNeverOpen;
}

Evaluated<Request> Calls::socket(const Call& call) const {
    if (call.arguments.size() != 3) return wrong_arguments(call, "socket(domain, type, protocol)");
    request::Socket r;
    const Expression& domain = call.arguments[0];
    if (domain.kind == ExpressionKind::Ellipsis) {
        r.domain = settings_.ip_version == IpVersion::V4 ? abi::kInet : abi::kInet6;
    } else {
        r.domain = FAIRLEAD_TRY(evaluate_int(domain));
    }
    r.type = FAIRLEAD_TRY(evaluate_int(call.arguments[1]));
    r.protocol = FAIRLEAD_TRY(evaluate_int(call.arguments[2]));
    return r;
}

int Calls::domain_of(const Expression& fd) const {
    const auto scripted = evaluate(fd);
    const auto found = scripted ? live_.find(*scripted) : live_.end();
    if (found != live_.end() && found->second.domain != 0) return found->second.domain;
    return settings_.ip_version == IpVersion::V4 ? abi::kInet : abi::kInet6;
}

Evaluated<Octets> Calls::name(const Expression& fd, const Expression& e,
                              const Endpoint& open) const {
    if (e.kind == ExpressionKind::Ellipsis) return name_of(open, domain_of(fd));
    return evaluate_name(e);
}

Evaluated<Octets> Calls::name_of_length(Octets name, const Expression& length) const {
    if (length.kind == ExpressionKind::Ellipsis) return name;
    const std::size_t bytes = FAIRLEAD_TRY(evaluate_size(length));
    if (bytes > abi::kLargestName) {
        return fault_at(length, fmt::format("an address has at most {} bytes", abi::kLargestName));
    }
    name.resize(bytes);
    return name;
}

Evaluated<Request> Calls::bind(const Call& call) const {
    if (call.arguments.size() != 3) return wrong_arguments(call, "bind(fd, address, length)");
    request::Bind r;
    r.fd = FAIRLEAD_TRY(descriptor(call.arguments[0]));
    const Endpoint local{settings_.local(), settings_.bind_port};
    Octets whole = FAIRLEAD_TRY(name(call.arguments[0], call.arguments[1], local));
    r.name = FAIRLEAD_TRY(name_of_length(std::move(whole), call.arguments[2]));
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
    const Endpoint peer{settings_.remote(), settings_.connect_port};
    Octets whole = FAIRLEAD_TRY(name(call.arguments[0], call.arguments[1], peer));
    r.name = FAIRLEAD_TRY(name_of_length(std::move(whole), call.arguments[2]));
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
    // What is asked for shall not be there already.
    const bool is_told = r.command == abi::io::kNonblock || r.command == abi::io::kAsync;
    if (is_told) {
        r.argument = static_cast<std::int32_t>(FAIRLEAD_TRY(evaluate_single(call.arguments[2])));
    }
    return r;
}

Evaluated<Request> Calls::set_capabilities(const Call& call) const {
    const auto& a = call.arguments;
    if (a.size() != 1 || a[0].kind != ExpressionKind::Text) {
        return wrong_arguments(call, "cap_set(\"NAME,...=ep\")");
    }
    const auto sets = read_capabilities(a[0].text);
    if (!sets) return fault_at(a[0], sets.error());
    return request::SetCapabilities{.sets = *sets};
}

Evaluated<Request> Calls::set_option(const Call& call) const {
    const auto& a = call.arguments;
    if (a.size() != 5) return wrong_arguments(call, "setsockopt(fd, level, name, [value], length)");
    request::SetOption r;
    r.fd = FAIRLEAD_TRY(descriptor(a[0]));
    r.level = FAIRLEAD_TRY(evaluate_int(a[1]));
    r.name = FAIRLEAD_TRY(evaluate_int(a[2]));
    std::optional<std::size_t> bytes;
    if (a[4].kind != ExpressionKind::Ellipsis) bytes = FAIRLEAD_TRY(evaluate_size(a[4]));
    if (bytes.value_or(0) > kMostOption) {
        return fault_at(a[4], fmt::format("an option has at most {} bytes", kMostOption));
    }
    r.value = FAIRLEAD_TRY(evaluate_option(a[3], bytes));
    return r;
}

Evaluated<Request> Calls::get_option(const Call& call) const {
    const auto& a = call.arguments;
    if (a.size() != 5) {
        return wrong_arguments(call, "getsockopt(fd, level, name, [value], [length])");
    }
    request::GetOption r{.bytes = kMostOption};
    r.fd = FAIRLEAD_TRY(descriptor(a[0]));
    r.level = FAIRLEAD_TRY(evaluate_int(a[1]));
    r.name = FAIRLEAD_TRY(evaluate_int(a[2]));
    if (a[4].kind == ExpressionKind::Ellipsis) return r;
    const bool is_array = a[4].kind == ExpressionKind::Array && a[4].items.size() == 1;
    r.bytes = FAIRLEAD_TRY(evaluate_size(is_array ? a[4].items[0] : a[4]));
    if (r.bytes > kMostOption) {
        return fault_at(a[4], fmt::format("an option has at most {} bytes", kMostOption));
    }
    return r;
}

}  // namespace fairlead::drill
