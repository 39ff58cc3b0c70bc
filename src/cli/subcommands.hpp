// cli/subcommands.hpp — what `fairlead` can do, one file each.
//
// A subcommand registers itself with its options and a callback; to end with an exit code other
// than 0 the callback throws CLI::RuntimeError.
#pragma once

namespace CLI {
class App;
}

namespace fairlead::cli {

void add_demo(CLI::App& app);
void add_differential(CLI::App& app);
void add_down(CLI::App& app);
void add_drill(CLI::App& app);
void add_hosts(CLI::App& app);
void add_netstat(CLI::App& app);
void add_nstat(CLI::App& app);
void add_path(CLI::App& app);
void add_replay(CLI::App& app);
void add_run(CLI::App& app);
void add_serve(CLI::App& app);
void add_sim(CLI::App& app);
void add_ss(CLI::App& app);
void add_sweep(CLI::App& app);
void add_sysctl(CLI::App& app);
void add_up(CLI::App& app);

}  // namespace fairlead::cli
