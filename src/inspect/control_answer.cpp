#include "inspect/control_answer.hpp"

#include <utility>

#include "inspect/sysctl.hpp"
#include "tcp/congestion/controller.hpp"

namespace fairlead::inspect {
namespace {

constexpr std::size_t kSocketsInAPart = 128;

std::string error(Errc code, std::string_view why) {
    return write_line(
        {"error", {{"code", std::to_string(static_cast<int>(code))}, {"text", std::string{why}}}});
}

bool is_known(std::string_view verb) {
    for (const std::string_view known :
         {"sockets", "counters", "settings", "interfaces", "routes", "set", "kill"}) {
        if (verb == known) return true;
    }
    return false;
}

void put_counters(const Stack& stack, std::string& out) {
    for (std::size_t i = 0; i < kCounterCount; ++i) {
        const auto counter = static_cast<Counter>(i);
        const std::uint64_t value = stack.counters()[counter];
        if (value == 0) continue;
        out += write_line(
            {"counter",
             {{"name", std::string{name_of(counter)}}, {"value", std::to_string(value)}}});
    }
}

void put_settings(const Stack& stack, std::string& out) {
    for (const std::string_view name : Config::names()) {
        out += write_line(
            {"setting",
             {{"name", std::string{name}}, {"value", stack.config().get(name).value_or("")}}});
    }
}

}  // namespace

ControlAnswer::ControlAnswer(std::string_view request, const ControlIdentity& identity) {
    auto line = parse_line(request);
    if (!line) {
        ready_ = error(Errc::InvalidArgument, "that is no request");
    } else if (line->verb == "hello") {
        ready_ = write_line({"hello",
                             {{"version", "1"},
                              {"name", identity.name},
                              {"what", identity.what},
                              {"pid", std::to_string(identity.pid)}}}) +
                 "end\n";
    } else if (line->verb == "holders") {
        if (identity.holders) {
            for (const Holder& holder : identity.holders()) ready_ += write_holder(holder);
        }
        ready_ += "end\n";
    } else if (!is_known(line->verb)) {
        ready_ = error(Errc::InvalidArgument, "there is no request " + line->verb);
    } else {
        request_ = std::move(*line);
    }
}

bool ControlAnswer::next(Stack& stack, std::string& out) {
    if (!ready_.empty()) {
        out += ready_;
        return false;
    }
    if (request_.verb == "sockets") return next_sockets(stack, out);
    if (request_.verb == "set" || request_.verb == "kill") {
        request_.verb == "set" ? set(stack, out) : kill(stack, out);
        return false;
    }
    if (request_.verb == "counters") put_counters(stack, out);
    if (request_.verb == "settings") put_settings(stack, out);
    if (request_.verb == "interfaces") {
        for (const InterfaceInfo& interface : stack.interfaces()) out += write_interface(interface);
    }
    if (request_.verb == "routes") {
        for (const Route& route : stack.routes()) out += write_route(route);
    }
    out += "end\n";
    return false;
}

bool ControlAnswer::next_sockets(Stack& stack, std::string& out) {
    rows_.clear();
    const bool has_more = stack.sockets(cursor_, kSocketsInAPart, rows_);
    for (const SocketRow& row : rows_) out += write_socket(row);
    if (!has_more) out += "end\n";
    return has_more;
}

void ControlAnswer::kill(Stack& stack, std::string& out) const {
    // The two numbers of a socket are read where all of its fields are.
    const auto row = read_socket(request_);
    const auto done = row ? stack.destroy(row->info.socket)
                          : Result<void>{std::unexpected{Errc::InvalidArgument}};
    out += done ? "end\n" : error(done.error(), message_of(done.error()));
}

void ControlAnswer::set(Stack& stack, std::string& out) const {
    const std::string* name = request_.find("name");
    const std::string* value = request_.find("value");
    if (name == nullptr || value == nullptr) {
        out += error(Errc::InvalidArgument, "set wants name=... value=...");
        return;
    }
    // A connection to be would silently have another.
    const bool is_unknown =
        dotted(*name) == "net.ipv4.tcp_congestion_control" && !tcp::controller_by_name(*value);
    const Result<void> done =
        is_unknown ? std::unexpected{Errc::NoSuchEntry} : stack.set_config(*name, *value);
    out += done ? "end\n" : error(done.error(), message_of(done.error()));
}

}  // namespace fairlead::inspect
