#include "cli/host_process.hpp"

#include <algorithm>
#include <memory>

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include "device/interface.hpp"
#include "host/host.hpp"
#include "lab/control_place.hpp"
#include "lab/control_server.hpp"
#include "lab/loop.hpp"
#include "lab/open_device.hpp"

namespace fairlead::cli {
namespace {

Done address_kernel_end(const lab::OpenDevice& open, const std::vector<std::string>& addresses) {
    if (addresses.empty()) return {};
    if (!open.is_ours) return because("--host-address is for tap: and tun: devices");
    auto control = device::InterfaceControl::open();
    if (!control) return because(control.error().text);
    for (const std::string& text : addresses) {
        const auto address = parse_address(text);
        if (!address) return because(address.error());
        const auto added = control->add_address(open.device->info().name, *address);
        if (!added) return because(added.error().text);
    }
    return {};
}

Done open_device(const HostOptions& options, Stack& stack, lab::OpenDevice& open) {
    if (options.device.empty()) {
        if (options.addresses.empty()) return {};
        return because("an address needs a device: --device tap:NAME");
    }
    auto opened = lab::open_device(options.device);
    if (!opened) return because(opened.error().text);
    open = std::move(*opened);
    if (const auto done = address_kernel_end(open, options.host_addresses); !done) return done;
    return configure(stack, *open.device, options.addresses, options.routes);
}

std::vector<inspect::Holder> holders_of(host::Host& host) {
    std::vector<inspect::Holder> all;
    for (const host::Owner& owner : host.owners()) {
        all.push_back({.socket = owner.socket, .inode = owner.inode});
    }
    return all;
}

constexpr int kUsualSpinUs = 50;

int core_count() {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    return ::sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
}

// The end of a private host: its programs are gone, and what they wrote has arrived, or nobody takes it any
// more. A peer's FIN is waited for a little; its device is wanted again.
class Leaving {
public:
    bool is_over(const host::Host& host, const Stack& stack, Instant now) {
        if (host.program_count() + host.socket_count() > 0) return false;
        std::uint64_t unsent = 0;
        std::uint64_t open = 0;
        for (const SocketInfo& s : stack.sockets()) {
            const bool is_closing = s.state == TcpState::FinWait2;
            if (s.state == TcpState::TimeWait || !(s.is_orphan || is_closing)) continue;
            unsent += is_closing ? 0 : std::uint64_t{s.send_queue} + 1;
            ++open;
        }
        if (unsent != unsent_ || open != open_) latest_ = now + (unsent > 0 ? kForData : kForFin);
        unsent_ = unsent;
        open_ = open;
        return open == 0 || now >= latest_;
    }
    Instant latest() const { return latest_; }

private:
    static constexpr Duration kForData = Duration::from_ms(10'000);  // without progress
    static constexpr Duration kForFin = Duration::from_ms(1'000);

    std::uint64_t unsent_ = 0;
    std::uint64_t open_ = 0;
    Instant latest_ = Instant::never();
};

// Who reads what the program wrote waits for nobody else.
void let_go_of_terminal() {
    const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing < 0) return;
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) (void)::dup2(nothing, fd);
    ::close(nothing);
}

}  // namespace

int default_spin_us() { return core_count() > 1 ? kUsualSpinUs : 0; }

int default_program_spin_us() { return core_count() > 3 ? kUsualSpinUs : 0; }

void add_tuning_options(CLI::App& command, HostOptions& options) {
    const auto add = [&](const char* name, int& us, const char* help) {
        command.add_option(name, us, help)->check(CLI::Range(0, kMostSpinUs))->option_text("US");
    };
    add("--spin", options.spin_us,
        "How many microseconds the host looks for work before it sleeps, at most");
    add("--program-spin", options.program_spin_us,
        "The same for its programs, unless their FAIRLEAD_SPIN says otherwise");
    command
        .add_option("--program-sockets", options.program_sockets,
                    "How many sockets a program and its children may have")
        ->check(CLI::Range(1u, host::kSlots))
        ->option_text("N");
    command
        .add_option("--program-memory", options.program_memory_mib,
                    "How many MiB the rings of a program's and its children's sockets may have")
        ->check(CLI::Range(1u, kMostProgramMiB))
        ->option_text("MIB");
    command
        .add_option("--program-buffers", options.program_buffers_mib,
                    "How many MiB the stack may hold for a program's and its children's sockets")
        ->check(CLI::Range(1u, kMostProgramMiB))
        ->option_text("MIB");
}

Done run_host(const HostOptions& options, const std::function<void(const std::string&)>& on_ready) {
    // As distributions have it: whoever may run a program here may ping.
    std::vector<std::string> settings{"net.ipv4.ping_group_range=0 2147483647"};
    settings.insert(settings.end(), options.settings.begin(), options.settings.end());
    auto config = parse_settings(settings);
    if (!config) return because(config.error());
    lab::OpenDevice open;  // outlives the stack
    Stack stack{{.config = std::move(*config), .seed = lab::entropy()}};
    if (const auto done = open_device(options, stack, open); !done) return done;
    std::unique_ptr<host::Host> host;
    auto control = lab::ControlServer::open(
        stack, {.name = options.name, .what = "up", .pid = ::getpid(), .holders = [&] {
                    return holders_of(*host);
                }});
    if (!control) return because(control.error());
    const char* suffix = options.is_private ? lab::kPrivateSuffix : lab::kProgramsSuffix;
    auto opened =
        host::Host::open(stack, (*control)->path() + suffix,
                         {.spin = Duration::from_us(options.spin_us),
                          .program_spin = Duration::from_us(options.program_spin_us),
                          .program_sockets = options.program_sockets,
                          .program_memory = std::uint64_t{options.program_memory_mib} << 20,
                          .program_buffers = std::uint64_t{options.program_buffers_mib} << 20});
    if (!opened) return because(opened.error());
    host = std::move(*opened);

    lab::StopSignals signals;
    lab::Loop loop{stack};
    bool is_ending = false;
    Leaving leaving;
    const auto work = [&](Instant now) {
        const Instant next = std::min(host->work(now), (*control)->work(now));
        if (!is_ending) return next;
        if (leaving.is_over(*host, stack, now)) loop.stop();
        return std::min(next, leaving.latest());
    };
    if (open.fd >= 0) loop.watch(open.fd);
    loop.watch(host->fd());
    loop.watch(signals.fd(), [&] {
        if (signals.is_raised()) loop.stop();
    });
    loop.watch((*control)->fd(), [&] { (*control)->on_readable(); });
    if (options.until >= 0) {
        loop.watch(options.until, [&] {
            loop.unwatch(options.until);
            let_go_of_terminal();
            is_ending = true;
        });
    }
    on_ready(host->path());
    loop.run(work);
    return {};
}

}  // namespace fairlead::cli
