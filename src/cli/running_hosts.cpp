#include "cli/running_hosts.hpp"

#include <unistd.h>

#include "lab/control_client.hpp"

namespace fairlead::cli {

std::string programs_path(const lab::RunningStack& host) {
    return host.path + (host.is_private ? lab::kPrivateSuffix : lab::kProgramsSuffix);
}

bool is_host(const lab::RunningStack& stack) {
    return ::access(programs_path(stack).c_str(), F_OK) == 0;
}

std::vector<lab::RunningStack> running_hosts() {
    std::vector<lab::RunningStack> hosts = lab::running_stacks();
    std::erase_if(hosts, [](const lab::RunningStack& stack) { return !is_host(stack); });
    return hosts;
}

std::expected<lab::RunningStack, std::string> choose_host(const std::string& wanted) {
    std::vector<lab::RunningStack> hosts = running_hosts();
    if (wanted.empty()) {
        std::erase_if(hosts, [](const lab::RunningStack& host) { return host.is_private; });
    }
    return lab::choose_stack(hosts, wanted);
}

}  // namespace fairlead::cli
