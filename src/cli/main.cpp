#include <CLI/CLI.hpp>

int main(int argc, char** argv) {
    CLI::App app{"Fairlead: a TCP/IP stack as a library, and the tools around it"};
    app.set_version_flag("--version", "fairlead " FAIRLEAD_VERSION);
    app.require_subcommand(1);
    CLI11_PARSE(app, argc, argv);
    return 0;
}
