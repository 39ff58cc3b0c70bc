#include <algorithm>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/subcommands.hpp"

namespace {

constexpr int kBadUsage = 2;

// The library's own words, where they are not the shortest that help.
std::string shorter(std::string text, const CLI::ParseError& error) {
    if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
        const std::size_t colon = text.find(": ");
        const std::string words = colon == std::string::npos ? "" : text.substr(colon + 2);
        // It has them from the last to the first.
        const std::size_t option = words.rfind('-');
        const std::size_t begin = option == std::string::npos ? 0 : words.rfind(' ', option) + 1;
        const std::string word = words.substr(begin, words.find(' ', begin) - begin);
        return fmt::format("there is no {} '{}'", word.starts_with('-') ? "option" : "place for",
                           word);
    }
    if (const std::size_t at = text.find(" unit not recognized"); at != std::string::npos) {
        return text.substr(0, at) + " is no size; 64MiB is one";
    }
    if (const std::size_t at = text.find(": 1 required "); at != std::string::npos) {
        return text.substr(0, at) + " wants a value";
    }
    return text;
}

// The whole sentence of an error: who says it, what is wrong, where to look.
std::string failure_message(const CLI::App* app, const CLI::Error& error) {
    const auto used = app->get_subcommands();
    const std::string name = used.empty() ? "fairlead" : "fairlead " + used[0]->get_name();
    const auto* parse_error = dynamic_cast<const CLI::ParseError*>(&error);
    const std::string text =
        parse_error == nullptr ? error.what() : shorter(error.what(), *parse_error);
    return fmt::format("{}: {}\n{} --help says what there is.\n", name, text, name);
}

bool has_command(const CLI::App& app, std::string_view name) {
    const auto all = app.get_subcommands([](const CLI::App*) { return true; });
    return std::any_of(all.begin(), all.end(),
                       [&](const CLI::App* command) { return command->get_name() == name; });
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Fairlead: a TCP/IP stack as a library, and the tools around it"};
    app.set_version_flag("--version", "fairlead " FAIRLEAD_VERSION);
    app.require_subcommand(1);
    app.failure_message(&failure_message);
    fairlead::cli::add_demo(app);
    fairlead::cli::add_differential(app);
    fairlead::cli::add_down(app);
    fairlead::cli::add_drill(app);
    fairlead::cli::add_hosts(app);
    fairlead::cli::add_netstat(app);
    fairlead::cli::add_nstat(app);
    fairlead::cli::add_path(app);
    fairlead::cli::add_replay(app);
    fairlead::cli::add_run(app);
    fairlead::cli::add_serve(app);
    fairlead::cli::add_sim(app);
    fairlead::cli::add_ss(app);
    fairlead::cli::add_sweep(app);
    fairlead::cli::add_sysctl(app);
    fairlead::cli::add_up(app);
    const std::string_view first = argc > 1 ? argv[1] : "";
    if (!first.empty() && first[0] != '-' && !has_command(app, first)) {
        fmt::print(stderr,
                   "fairlead: there is no command '{}'\nfairlead --help says what there is.\n",
                   first);
        return kBadUsage;
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::RuntimeError& failure) {
        return failure.get_exit_code();
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : kBadUsage;
    }
    return 0;
}
