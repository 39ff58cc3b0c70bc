#include <CLI/CLI.hpp>

#include "cli/subcommands.hpp"

namespace {

constexpr int kBadUsage = 2;

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Fairlead: a TCP/IP stack as a library, and the tools around it"};
    app.set_version_flag("--version", "fairlead " FAIRLEAD_VERSION);
    app.require_subcommand(1);
    fairlead::cli::add_demo(app);
    fairlead::cli::add_drill(app);
    fairlead::cli::add_replay(app);
    fairlead::cli::add_serve(app);
    fairlead::cli::add_sim(app);
    try {
        app.parse(argc, argv);
    } catch (const CLI::RuntimeError& failure) {
        return failure.get_exit_code();
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : kBadUsage;
    }
    return 0;
}
