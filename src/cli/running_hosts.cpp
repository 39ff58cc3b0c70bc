#include "cli/running_hosts.hpp"

#include <unistd.h>

#include "lab/control_client.hpp"

namespace fairlead::cli {

bool is_host(const lab::RunningStack& stack) {
    return ::access((stack.path + lab::kProgramsSuffix).c_str(), F_OK) == 0;
}

std::vector<lab::RunningStack> running_hosts() {
    std::vector<lab::RunningStack> hosts = lab::running_stacks();
    std::erase_if(hosts, [](const lab::RunningStack& stack) { return !is_host(stack); });
    return hosts;
}

std::expected<lab::RunningStack, std::string> choose_host(const std::string& wanted) {
    return lab::choose_stack(running_hosts(), wanted);
}

}  // namespace fairlead::cli
