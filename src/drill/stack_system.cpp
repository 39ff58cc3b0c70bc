#include "drill/stack_system.hpp"

#include <bit>
#include <charconv>
#include <cstring>

#include <fmt/format.h>

#include "drill/program.hpp"

namespace fairlead::drill {
namespace {

constexpr Counter kLastOfLinux = Counter::IpExtReasmOverlaps;
constexpr std::size_t kTcpRowBytes = 149;  // as the kernel pads them

std::string message(Errc error) { return std::string{message_of(error)}; }

// As /proc/net/tcp has it: words of 32 bits in the order of memory, here of a little-endian host.
std::string in_table_form(const Endpoint& endpoint, Family family) {
    const auto& bytes = endpoint.address.bytes();
    std::string text;
    for (std::size_t at = family == Family::Inet ? 12 : 0; at < 16; at += 4) {
        text += fmt::format("{:02X}{:02X}{:02X}{:02X}", bytes[at + 3], bytes[at + 2], bytes[at + 1],
                            bytes[at]);
    }
    return fmt::format("{}:{:04X}", text, endpoint.port);
}

std::string tcp_table(const Stack& stack, Family family) {
    const auto row = [](std::string text) {
        if (text.size() < kTcpRowBytes) text.resize(kTcpRowBytes, ' ');
        return text + "\n";
    };
    std::string table =
        row("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
            "timeout inode");
    int number = 0;
    for (const SocketInfo& s : stack.sockets()) {
        if (s.type != SocketType::Stream || s.family != family) continue;
        table += row(fmt::format(
            "{:4}: {} {} {:02X} {:08X}:{:08X} {:02X}:{:08X} {:08X} {:5} {:8} 0", number++,
            in_table_form(s.local, family), in_table_form(s.peer, family),
            static_cast<unsigned>(s.state), s.state == TcpState::Listen ? 0 : s.send_queue,
            s.receive_queue, static_cast<unsigned>(s.timer), s.timer_left.ns() / 10'000'000,
            s.retransmits, 0, 0));
    }
    return table;
}

}  // namespace

std::expected<std::string, std::string> StackSystem::config(std::string_view name) {
    const auto value = stack_.config().get(name);
    if (!value) return std::unexpected{fmt::format("the stack has no such setting")};
    return *value;
}

std::expected<void, std::string> StackSystem::set_config(std::string_view name,
                                                         std::string_view value) {
    const auto set = stack_.set_config(name, value);
    if (set) return {};
    if (set.error() == Errc::NoSuchEntry) {
        return std::unexpected{std::string{"the stack has no such setting"}};
    }
    return std::unexpected{message(set.error())};
}

std::expected<std::string, std::string> StackSystem::parameter(std::string_view name) {
    const auto at = parameters_.find(name);
    if (at == parameters_.end()) return std::unexpected{message(Errc::NoSuchEntry)};
    return std::to_string(at->second);
}

std::expected<void, std::string> StackSystem::set_parameter(std::string_view name,
                                                            std::string_view value) {
    const auto at = parameters_.find(name);
    if (at == parameters_.end()) return std::unexpected{message(Errc::NoSuchEntry)};
    std::int32_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{} || end != value.data() + value.size()) {
        return std::unexpected{message(Errc::InvalidArgument)};
    }
    at->second = number;
    return {};
}

std::vector<CounterValue> StackSystem::counters() {
    std::vector<CounterValue> all;
    for (std::size_t i = 0; i <= static_cast<std::size_t>(kLastOfLinux); ++i) {
        const auto counter = static_cast<Counter>(i);
        all.push_back({std::string{name_of(counter)}, stack_.counters()[counter]});
    }
    return all;
}

std::expected<std::string, std::string> StackSystem::table(std::string_view path) {
    if (path == "/proc/net/tcp") return tcp_table(stack_, Family::Inet);
    if (path == "/proc/net/tcp6") return tcp_table(stack_, Family::Inet6);
    return std::unexpected{std::string{"the stack has no such table"}};
}

Finished StackSystem::run_shell(const std::string& line) {
    return run_program({"/bin/sh", "-c", line});
}

}  // namespace fairlead::drill
