#include "lab/demo.hpp"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <vector>

#include <fmt/format.h>

#include "base/prng.hpp"
#include "lab/child_process.hpp"
#include "lab/demo_network.hpp"
#include "lab/demo_screen.hpp"
#include "lab/report_text.hpp"
#include "lab/scratch_folder.hpp"

namespace fairlead::lab {
namespace {

using device::cannot;
using device::Opened;

constexpr std::string_view kWholeName = "whole.bin";
constexpr std::string_view kPartName = "part.bin";
constexpr std::uint64_t kCapturePerStep = 2 << 20;
constexpr std::uint32_t kCapturedHeaders = 128;  // bytes of each frame
constexpr int kPings = 5;

Duration patience_for(std::uint64_t bytes) {  // a fortieth of what a slow machine does
    return 60_s + Duration::from_ms(static_cast<std::int64_t>(bytes >> 10));
}

// The same bytes each time, and no two megabytes alike.
Opened<void> write_random(const std::string& path, std::uint64_t bytes, std::uint64_t seed,
                          StopSignals& signals) {
    std::ofstream file{path, std::ios::binary};
    Prng chance{seed};
    std::vector<std::uint64_t> block(1 << 16);
    for (std::uint64_t at = 0; at < bytes && file && !signals.is_raised();) {
        for (std::uint64_t& word : block) word = chance.next();
        const std::uint64_t n = std::min<std::uint64_t>(bytes - at, block.size() * sizeof block[0]);
        file.write(reinterpret_cast<const char*>(block.data()), static_cast<std::streamsize>(n));
        at += n;
    }
    file.flush();
    if (file) return {};
    return cannot(fmt::format("write {} to {}", bytes_text(bytes), path), errno,
                  "set TMPDIR to where there is room, or use --size");
}

std::string host_in_url(const IpAddress& a) {
    return a.is_v4() ? a.to_string() : fmt::format("[{}]", a.to_string());
}

std::string_view family_name(const IpAddress& a) { return a.is_v4() ? "IPv4" : "IPv6"; }

// "name: reason" of curl, the last line of ping: what a person wants to see of a failure.
std::string last_line(const std::string& text) {
    const std::size_t end = text.find_last_not_of(" \n");
    if (end == std::string::npos) return {};
    const std::size_t begin = text.rfind('\n', end);
    return text.substr(begin + 1, end - begin);
}

class Demo {
public:
    Demo(const DemoOptions& options, ScratchFolder scratch, StopSignals& signals)
        : options_{options}, scratch_{std::move(scratch)}, signals_{signals} {
        if (options_.keeps_files) scratch_.keep();
    }

    Opened<void> prepare();
    DemoResult tell();

private:
    // Transfers go one way or the other, as the stack sees it.
    enum class Way : std::uint8_t { Download, Upload };

    DemoNetworkOptions network_options() const;
    std::optional<Outcome> run(const std::vector<std::string>& command, std::uint64_t bytes);
    bool explain(const Outcome& outcome);
    std::optional<std::string> sha256(const std::string& path);
    void ping(const IpAddress& target);
    void transfer(Way way, const IpAddress& stack);
    void check_transfer(const Outcome& outcome, const std::string& copy, std::uint64_t resent);
    void many_connections(const IpAddress& stack);
    void check_parts(const Outcome& outcome);
    void fail(std::string_view why);
    void report();
    std::uint64_t octets() const;

    DemoOptions options_;
    ScratchFolder scratch_;
    StopSignals& signals_;
    std::string folder_ = scratch_.path();
    DemoScreen screen_{};
    std::unique_ptr<DemoNetwork> network_{};
    std::string whole_sum_{};
    std::string part_sum_{};
    std::uint64_t part_size_ = 0;
    Counters at_start_{};
    bool has_failed_ = false;
    bool is_interrupted_ = false;
};

DemoNetworkOptions Demo::network_options() const {
    DemoNetworkOptions o;
    o.link.may_use_tap = options_.may_use_tap;
    o.files = folder_ + "/files";
    o.uploads = folder_ + "/uploads";
    o.seed = options_.seed;
    o.capture.path = options_.pcap;
    o.capture.epoch_ns = real_epoch_ns();
    if (!options_.captures_all) o.capture.snap_length = kCapturedHeaders;
    return o;
}

Opened<void> Demo::prepare() {
    for (const char* program : {"curl", "ping", "sha256sum"}) {
        if (find_program(program)) continue;
        return cannot(fmt::format("find the program {}", program), 0,
                      "apt-get install curl iputils-ping coreutils");
    }
    for (const char* name : {"/files", "/uploads", "/parts"}) {
        std::error_code error;
        std::filesystem::create_directory(folder_ + name, error);
        if (error) return cannot(fmt::format("make {}{}", folder_, name), error.value());
    }
    part_size_ = std::max<std::uint64_t>(options_.size / 400, 4096);
    const std::string files = folder_ + "/files/";
    if (auto done = write_random(files + std::string{kWholeName}, options_.size, 1, signals_);
        !done) {
        return done;
    }
    if (auto done = write_random(files + std::string{kPartName}, part_size_, 2, signals_); !done) {
        return done;
    }
    auto network = DemoNetwork::make(network_options(), signals_);
    if (!network) return std::unexpected{network.error()};
    network_ = std::move(*network);
    at_start_ = network_->stack().counters();
    return {};
}

std::uint64_t Demo::octets() const {
    const Counters& c = network_->stack().counters();
    return std::max(c[Counter::IpExtInOctets] + c[Counter::Ip6InOctets],
                    c[Counter::IpExtOutOctets] + c[Counter::Ip6OutOctets]);
}

// Runs a program while the stack works. Empty: the story is over.
std::optional<Outcome> Demo::run(const std::vector<std::string>& command, std::uint64_t bytes) {
    if (is_interrupted_) return {};
    const std::uint64_t before = octets();
    const Instant begin = real_now();
    auto outcome = network_->run(command, patience_for(bytes), [&] {
        screen_.progress(octets() - before, bytes, real_now() - begin);
    });
    if (!outcome) {
        fail(outcome.error().text);
        return {};
    }
    if (outcome->ending == Ending::Interrupted) {
        is_interrupted_ = true;
        return {};
    }
    return std::move(*outcome);
}

void Demo::fail(std::string_view why) {
    has_failed_ = true;
    screen_.end(false, why);
}

// Whether the program did its work; if not, says why.
bool Demo::explain(const Outcome& outcome) {
    if (outcome.is_success) return true;
    fail(outcome.ending == Ending::TimedOut
             ? fmt::format("no end after {}", seconds_text(outcome.elapsed))
             : last_line(outcome.output));
    return false;
}

std::optional<std::string> Demo::sha256(const std::string& path) {
    const auto outcome = run({"sha256sum", path}, 0);
    if (!outcome || !explain(*outcome)) return {};
    return outcome->output.substr(0, outcome->output.find(' '));
}

void Demo::ping(const IpAddress& target) {
    screen_.begin(fmt::format("ping over {}", family_name(target)));
    const auto outcome = run(
        {"ping", "-n", "-c", std::to_string(kPings), "-i", "0.2", "-W", "2", target.to_string()},
        0);
    if (!outcome || !explain(*outcome)) return;
    // "rtt min/avg/max/mdev = 0.031/0.045/0.060/0.010 ms"
    const std::string rtt = last_line(outcome->output);
    const bool is_whole =
        outcome->output.find(fmt::format(" {} received", kPings)) != std::string::npos;
    if (!is_whole) return fail("not every echo was answered");
    screen_.end(true, fmt::format("{} of {} answered, {}", kPings, kPings, rtt));
}

void Demo::transfer(Way way, const IpAddress& stack) {
    const bool is_download = way == Way::Download;
    screen_.begin(fmt::format("{} {} over {}", is_download ? "download" : "upload",
                              bytes_text(options_.size), family_name(stack)));
    network_->capture(options_.captures_all ? UINT64_MAX / 2 : kCapturePerStep);
    const std::string host = host_in_url(stack);
    const std::string copy =
        is_download ? folder_ + "/parts/copy.bin" : folder_ + "/uploads/copy.bin";
    // -q: nobody's ~/.curlrc; a proxy of the environment is not asked either.
    std::vector<std::string> command{"curl",      "-q", "-sS", "-g",           "--fail",
                                     "--noproxy", "*",  "-w",  "%{time_total}"};
    if (is_download) {
        command.insert(command.end(), {"-o", copy, fmt::format("http://{}/{}", host, kWholeName)});
    } else {
        command.insert(command.end(), {"-o", "/dev/null", "-H", "Expect:", "-T",
                                       fmt::format("{}/files/{}", folder_, kWholeName),
                                       fmt::format("http://{}/upload/copy.bin", host)});
    }
    const std::uint64_t resent = network_->stack().counters()[Counter::TcpRetransSegs];
    if (const auto outcome = run(command, options_.size); outcome && explain(*outcome)) {
        check_transfer(*outcome, copy, resent);
    }
    std::error_code ignored;
    std::filesystem::remove(copy, ignored);
}

void Demo::check_transfer(const Outcome& outcome, const std::string& copy, std::uint64_t resent) {
    const auto sum = sha256(copy);
    if (!sum) return;
    if (*sum != whole_sum_) return fail("the SHA-256 differs");
    double seconds = 0;
    std::istringstream{last_line(outcome.output)} >> seconds;
    const auto elapsed = Duration::from_ns(static_cast<std::int64_t>(seconds * 1e9));
    const std::uint64_t again = network_->stack().counters()[Counter::TcpRetransSegs] - resent;
    screen_.end(true, fmt::format("{:>12}  in {:>9}, SHA-256 the same{}",
                                  rate_text(options_.size, elapsed), seconds_text(elapsed),
                                  again == 0 ? "" : fmt::format(", {} sent again", again)));
}

void Demo::many_connections(const IpAddress& stack) {
    screen_.begin(fmt::format("{} connections at once", options_.connections));
    network_->capture(options_.captures_all ? UINT64_MAX / 2 : kCapturePerStep);
    const std::string url =
        fmt::format("http://{}/{}?[1-{}]", host_in_url(stack), kPartName, options_.connections);
    const auto outcome =
        run({"curl", "-q", "-sS", "--fail", "--no-progress-meter", "--noproxy", "*", "-Z",
             "--parallel-immediate", "--parallel-max", std::to_string(options_.connections), "-o",
             folder_ + "/parts/#1", url},
            part_size_ * options_.connections);
    if (outcome && explain(*outcome)) check_parts(*outcome);
}

void Demo::check_parts(const Outcome& outcome) {
    std::vector<std::string> command{"sha256sum"};
    for (std::uint32_t i = 1; i <= options_.connections; ++i) {
        command.push_back(fmt::format("{}/parts/{}", folder_, i));
    }
    const auto sums = run(command, 0);
    if (!sums || !explain(*sums)) return;
    std::uint32_t same = 0;
    std::istringstream lines{sums->output};
    for (std::string line; std::getline(lines, line);) same += line.starts_with(part_sum_) ? 1 : 0;
    if (same != options_.connections) return fail("a SHA-256 differs");
    screen_.end(true,
                fmt::format("{:>12}  in {:>9}, {} open at the most, each SHA-256 the same",
                            rate_text(part_size_ * options_.connections, outcome.elapsed),
                            seconds_text(outcome.elapsed), network_->server().counts().most_open));
}

DemoResult Demo::tell() {
    const IpAddress v4 = network_options().stack_v4.address;
    const IpAddress v6 = network_options().stack_v6.address;
    const KernelLink& link = network_->link();
    screen_.print(fmt::format(
        "A stack of our own ({}, {}) at one end of a {}, the Linux kernel ({}, {}, {}) at the "
        "other.\n",
        v4.to_string(), v6.to_string(), link.kind,
        network_options().link.kernel_v4.address.to_string(),
        network_options().link.kernel_v6.address.to_string(), link.kernel_interface));
    if (!link.why.empty()) screen_.print(fmt::format("No TAP: {}.\n", link.why));

    const auto whole = sha256(fmt::format("{}/files/{}", folder_, kWholeName));
    const auto part = sha256(fmt::format("{}/files/{}", folder_, kPartName));
    whole_sum_ = whole.value_or("");
    part_sum_ = part.value_or("");

    screen_.heading("A clean link");
    network_->capture(kCapturePerStep);
    for (const IpAddress& a : {v4, v6}) ping(a);
    for (const Way way : {Way::Download, Way::Upload}) {
        for (const IpAddress& a : {v4, v6}) transfer(way, a);
    }
    many_connections(v4);

    screen_.heading(fmt::format("Each way {:g} % lost, {:g} % reordered, {:g} % duplicated",
                                options_.faults.loss / 1e4, options_.faults.reordering / 1e4,
                                options_.faults.duplication / 1e4));
    network_->set_faults(options_.faults);
    for (const Way way : {Way::Download, Way::Upload}) {
        for (const IpAddress& a : {v4, v6}) transfer(way, a);
    }
    network_->set_faults({});
    if (is_interrupted_) {
        screen_.print("\ninterrupted\n");
        return DemoResult::Interrupted;
    }
    report();
    return has_failed_ ? DemoResult::Failed : DemoResult::Passed;
}

void Demo::report() {
    constexpr std::size_t kRows = 8;
    screen_.heading("Sockets while most were open (as ss -tano has them)");
    screen_.print(socket_table(network_->busiest(), kRows));
    screen_.heading("Sockets now");
    screen_.print(socket_table(inspect::take(network_->stack()), kRows));
    screen_.heading("Counters that moved (as nstat has them)");
    screen_.print(moved_counters(at_start_, network_->stack().counters()));
    screen_.heading("What the link did to frames");
    for (const auto& [name, c] : {std::pair{"to the kernel", network_->faults().outgoing()},
                                  std::pair{"to the stack", network_->faults().incoming()}}) {
        screen_.print(fmt::format("{:<14} {} frames, {} lost, {} reordered, {} duplicated\n", name,
                                  c.entered, c.lost, c.reordered, c.duplicated));
    }
    network_->file().flush();
    screen_.print(fmt::format("\n{} frames are in {}{}\n", network_->file().counts().written,
                              options_.pcap,
                              options_.captures_all ? "" : " (headers, the first of each step)"));
    if (options_.keeps_files) screen_.print(fmt::format("the files are in {}\n", folder_));
    screen_.print(has_failed_ ? "\nSomething FAILED, see above.\n" : "\nAll went well.\n");
}

}  // namespace

std::expected<DemoResult, std::string> run_demo(const DemoOptions& options) {
    StopSignals signals;            // before there is anything to tidy up
    std::signal(SIGPIPE, SIG_IGN);  // nor is it left lying about when nobody reads us any more
    auto scratch = ScratchFolder::make();
    if (!scratch) return std::unexpected{scratch.error().text};
    Demo demo{options, std::move(*scratch), signals};
    if (auto done = demo.prepare(); !done) return std::unexpected{done.error().text};
    if (signals.is_raised()) return DemoResult::Interrupted;
    return demo.tell();
}

}  // namespace fairlead::lab
