// drill/stack_system.hpp — shell lines answered from a stack's own tables.
//
// Owns:   what sysctl, nstat, ip, tc and ethtool are told by a stack, and what they change in it.
// Rules:  What the stack does not have is said so by the command's failure, never passed over;
//         but what it has nothing of to flush is flushed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "drill/system.hpp"
#include "fairlead/stack.hpp"

namespace fairlead::drill {

class StackSystem final : public System {
public:
    explicit StackSystem(Stack& stack) : stack_{stack} {}

    std::expected<std::string, std::string> config(std::string_view name) override;
    std::expected<void, std::string> set_config(std::string_view name,
                                                std::string_view value) override;
    std::expected<std::string, std::string> parameter(std::string_view name) override;
    std::expected<void, std::string> set_parameter(std::string_view name,
                                                   std::string_view value) override;
    std::expected<std::string, std::string> table(std::string_view path) override;
    Finished configure_network(const std::vector<std::string>& words) override;
    Finished run_shell(const std::string& line) override;

    // `tc qdisc ... pfifo limit 0`: nothing that the stack sends reaches the wire.
    bool drops_all() const { return drops_all_; }

private:
    Finished ip(const std::vector<std::string>& words);
    Finished ip_route(const std::vector<std::string>& words, std::size_t at);
    Finished show_routes(const std::vector<std::string>& words, std::size_t at,
                         Family family) const;
    Finished ip_tcp_metrics(const std::vector<std::string>& words, std::size_t at);
    Finished ip_address(const std::vector<std::string>& words, std::size_t at);
    Finished tc(const std::vector<std::string>& words);
    Finished ethtool(const std::vector<std::string>& words) const;
    // The device of a command; the error is its message.
    std::expected<InterfaceIndex, std::string> device(const std::string& name) const;

    Stack& stack_;
    bool drops_all_ = false;
    // Of CUBIC, those that the stack does not have: kept, and read back.
    std::map<std::string, std::int64_t, std::less<>> parameters_{
        {"beta", 717},           {"bic_scale", 41},
        {"fast_convergence", 1}, {"hystart_ack_delta_us", 2000},
        {"initial_ssthresh", 0}, {"tcp_friendliness", 1},
    };
};

}  // namespace fairlead::drill
