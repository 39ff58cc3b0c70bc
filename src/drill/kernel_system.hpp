// drill/kernel_system.hpp — shell lines within the private namespace of a kernel's world.
//
// Owns:   a thread in that namespace: settings, tables and programs are asked there, even while
//         a call of the script blocks.
// Rules:  Only what belongs to a namespace is written: sysctls below net/, routes, queues.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "drill/system.hpp"

namespace fairlead::drill {

class KernelSystem final : public System {
public:
    // Runs a task on a thread within the namespace, and waits for its end.
    using Within = std::function<void(const std::function<void()>&)>;
    explicit KernelSystem(Within within) : within_{std::move(within)} {}

    std::expected<std::string, std::string> config(std::string_view name) override;
    std::expected<void, std::string> set_config(std::string_view name,
                                                std::string_view value) override;
    std::expected<std::string, std::string> parameter(std::string_view name) override;
    std::expected<void, std::string> set_parameter(std::string_view name,
                                                   std::string_view value) override;
    std::expected<std::string, std::string> table(std::string_view path) override;
    Finished configure_network(const std::vector<std::string>& words) override;
    Finished run_shell(const std::string& line) override;

private:
    template <typename F>
    auto ask(F question) {
        decltype(question()) answer{};
        within_([&] { answer = question(); });
        return answer;
    }

    Within within_;
};

}  // namespace fairlead::drill
