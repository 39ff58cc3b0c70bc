#include "drill/runner.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "drill/format.hpp"
#include "drill/inbound.hpp"
#include "drill/shell.hpp"
#include "drill/tcp_info.hpp"
#include "posix/abi.hpp"

namespace fairlead::drill {
namespace {

// How long an outbound packet is waited for after it was due.
constexpr Duration kPatience = 2_s;

namespace abi = posix::abi;

Fault fault(std::string message) { return {.message = std::move(message)}; }

}  // namespace

Runner::Runner(const Script& script, const Settings& settings, Backend& backend,
               Report::Print print)
    : script_{script},
      settings_{settings},
      backend_{backend},
      report_{std::move(print)},
      timing_{settings},
      calls_{settings},
      connections_{settings},
      commands_{backend.system()} {}

Verdict Runner::run() {
    const Instant begin = backend_.now();
    Verdict verdict = run_events();
    verdict.lasted = backend_.now() - begin;
    return verdict;
}

Verdict Runner::run_events() {
    if (settings_.is_dry_run) return {};
    if (auto wrong = code_.read(script_)) {
        is_for_python_ = settings_.allows_shell;
        if (!is_for_python_) return verdict_on(*code_.event(), *wrong);
    }
    for (const std::string& text : settings_.init_scripts) {
        if (auto wrong = run_shell({.command = text})) {
            wrong->message = "--init_scripts: " + wrong->message;
            return verdict_on(Event{.action = ShellLine{.command = text}}, *wrong);
        }
    }
    for (const ShellLine& command : script_.first_commands) {
        if (auto wrong = run_shell(command)) {
            return verdict_on(Event{.place = command.place, .action = command}, *wrong);
        }
    }
    timing_.begin(backend_.now());
    for (const Event& event : script_.events) {
        if (auto wrong = take_up(event)) {
            if (is_forgiven(blamed_ == nullptr ? event : *blamed_)) {
                blamed_ = nullptr;
                report_.add_output(wrong->message);
                continue;
            }
            return verdict_on(blamed_ == nullptr ? event : *blamed_, *wrong);
        }
    }
    if (pending_) {
        const Event& last = *pending_->event;
        if (auto wrong = await_pending(*pending_->due.ends + pending_->due.end_tolerance)) {
            return verdict_on(last, *wrong);
        }
    }
    contrast_ = {};
    if (auto wrong = run_code()) return verdict_on(*code_.event(), *wrong);
    return {.output = code_.output()};
}

// --non_fatal
bool Runner::is_forgiven(const Event& event) const {
    if (std::holds_alternative<PacketLine>(event.action)) return settings_.forgives_packets;
    return std::holds_alternative<Call>(event.action) && settings_.forgives_calls;
}

Verdict Runner::verdict_on(const Event& event, const Fault& wrong) const {
    Failure failure = report_.failure(event, wrong, contrast_);
    return {.kind = wrong.is_unsupported ? VerdictKind::Skipped : VerdictKind::Failed,
            .text = to_text(script_.file, failure),
            .failure = std::move(failure),
            .output = code_.output()};
}

Runner::Outgoing Runner::take_up(const Event& event) {
    const Due due = timing_.take_up(event, backend_.now());
    contrast_ = {};
    if (const auto* packet = std::get_if<PacketLine>(&event.action)) {
        return run_packet(*packet, due);
    }
    if (const auto* call = std::get_if<Call>(&event.action)) return run_call(event, *call, due);
    if (auto wrong = wait_until(due.from)) return wrong;
    if (const auto* shell = std::get_if<ShellLine>(&event.action)) return run_shell(*shell);
    code_.sample(event, sample());
    return std::nullopt;
}

Sampled Runner::sample() {
    Sampled all = read_tcp_info(option(abi::kSolTcp, abi::tcp::kInfo));
    const auto name = option(abi::kSolTcp, abi::tcp::kCongestion);
    const std::string algorithm{name.begin(), std::ranges::find(name, std::uint8_t{0})};
    for (const Sampled& more : {read_cc_info(algorithm, option(abi::kSolTcp, abi::tcp::kCcInfo)),
                                read_memory_info(option(abi::kSolSocket, abi::so::kMemoryInfo))}) {
        all.insert(all.end(), more.begin(), more.end());
    }
    return all;
}

// Nothing: there is no such socket, or no such option.
std::vector<std::uint8_t> Runner::option(int level, int name) {
    auto outcome =
        backend_.peek({.fd = under_test_, .level = level, .name = name, .bytes = kTcpInfoBytes});
    if (!outcome || outcome->value != 0) return {};
    return std::move(outcome->data);
}

Runner::Outgoing Runner::run_code() { return is_for_python_ ? code_.run_by_python() : code_.run(); }

Runner::Outgoing Runner::run_shell(const ShellLine& line) {
    const auto parsed = parse_shell(line.command);
    auto unknown = parsed ? why_not(*parsed) : parsed.error();
    if (unknown && !settings_.allows_shell) {
        return fault(
            fmt::format("only a shell knows {}: --allow-shell lets one run this line", *unknown));
    }
    const Finished finished =
        unknown ? backend_.system().run_shell(line.command) : commands_.run(*parsed);
    report_.add_output(finished.output);
    if (finished.status == 0) return std::nullopt;
    std::string text = fmt::format("the shell line ended with status {}", finished.status);
    if (!finished.error.empty()) {
        const auto end = finished.error.find_last_not_of('\n');
        text += fmt::format(": {}", finished.error.substr(0, end + 1));
    }
    return fault(std::move(text));
}

Runner::Outgoing Runner::run_packet(const PacketLine& line, const Due& due) {
    return line.direction == Direction::In ? run_inbound(line, due) : run_outbound(line, due);
}

Runner::Outgoing Runner::run_inbound(const PacketLine& line, const Due& due) {
    if (auto wrong = wait_until(due.from)) return wrong;
    Connection& connection = connections_.meant_by(line);
    const auto live = connection.live_of(line, settings_.scale_timestamp_echo);
    if (!live) return fault(live.error());
    if (const auto* tcp = std::get_if<TcpBody>(&line.body)) connection.on_inbound(*tcp);
    const std::vector<std::uint8_t> bytes = build_packet(connection, *live);
    // What has left by now left before this came in.
    collect_packets();
    report_.add_packet(
        dump(timing_.since_begin(backend_.now()), connection.remote, connection.local, line.body));
    if (capture_) capture_(timing_.since_begin(backend_.now()), false, bytes);
    const auto* tcp = std::get_if<TcpBody>(&line.body);
    const bool is_merged = settings_.mss != 0 && tcp != nullptr && line.outer.empty() &&
                           tcp->range.bytes > settings_.mss;
    backend_.inject(bytes, is_merged ? settings_.mss : std::uint16_t{0});
    return step(backend_.now());
}

Runner::Outgoing Runner::run_outbound(const PacketLine& line, const Due& due) {
    Connection& connection = connections_.meant_by(line);
    const Instant latest = std::max(backend_.now(), due.until) + kPatience;
    const auto* scripted = std::get_if<TcpBody>(&line.body);
    Expectation expectation{line, settings_.strict_segments};
    contrast_.expected =
        dump(timing_.since_begin(due.from), connection.local, connection.remote, line.body);
    while (!expectation.is_complete()) {
        auto seen = next_packet(line, connection, latest);
        if (!seen) return seen.error();
        if (!*seen) {
            if (!expectation.whole()) return fault("no packet left");
            return fault(fmt::format("only {} bytes left",
                                     std::get<TcpBody>(expectation.whole()->body).range.bytes));
        }
        contrast_.got =
            dump(timing_.since_begin((*seen)->at), (*seen)->source, (*seen)->target, (*seen)->body);
        if (scripted == nullptr) return check_message(line, due, **seen);
        if (auto why_not = expectation.add(**seen)) return fault(*why_not);
    }
    const Seen& whole = *expectation.whole();
    const auto& got = std::get<TcpBody>(whole.body);
    contrast_.got = dump(timing_.since_begin(whole.at), whole.source, whole.target, whole.body);
    if (auto difference = expectation.difference()) return fault(*difference);
    if (auto off = timing_.check(due, whole.at)) return fault(fmt::format("it left {}", *off));
    connection.learn_timestamp(*scripted, got);
    return check_timestamp(connection, *scripted, got);
}

Runner::Outgoing Runner::check_message(const PacketLine& line, const Due& due,
                                       const Seen& seen) const {
    if (auto difference = difference_of_message(line, seen)) return fault(*difference);
    if (auto off = timing_.check(due, seen.at)) return fault(fmt::format("it left {}", *off));
    return std::nullopt;
}

// TS val is looked at only where the script says how long its tick is.
Runner::Outgoing Runner::check_timestamp(const Connection& connection, const TcpBody& scripted,
                                         const TcpBody& got) const {
    if (!settings_.timestamp_tick || !connection.first_timestamp) return std::nullopt;
    const auto find = [](const TcpBody& tcp) -> const option::Timestamp* {
        for (const TcpOption& o : tcp.options) {
            if (const auto* t = std::get_if<option::Timestamp>(&o)) return t;
        }
        return nullptr;
    };
    const auto* wanted = find(scripted);
    const auto* live = find(got);
    if (wanted == nullptr || live == nullptr) return std::nullopt;
    const auto& first = *connection.first_timestamp;
    const auto wanted_ticks = static_cast<std::int32_t>(wanted->value - first.scripted);
    const auto live_ticks = static_cast<std::int32_t>(live->value - first.live);
    const Duration off = *settings_.timestamp_tick * (live_ticks - wanted_ticks);
    const Duration allowed = settings_.tolerance + *settings_.timestamp_tick;
    if (off <= allowed && Duration{} - off <= allowed) return std::nullopt;
    return fault(fmt::format("TS val is {}, not {}",
                             first.scripted + static_cast<std::uint32_t>(live_ticks),
                             wanted->value));
}

std::expected<std::optional<Seen>, Fault> Runner::next_packet(const PacketLine& line,
                                                              Connection& connection,
                                                              Instant latest) {
    for (;;) {
        while (packets_.empty()) {
            if (malformed_) return std::unexpected{*malformed_};
            if (backend_.now() >= latest) return std::nullopt;
            if (auto wrong = step(latest)) return std::unexpected{*wrong};
        }
        Seen seen = std::move(packets_.front());
        packets_.pop_front();
        if (!connections_.owns(connection, seen)) continue;
        // A message of ICMP is no packet of the connection's: who does not name it may ignore it.
        const bool is_icmp = std::holds_alternative<IcmpBody>(seen.body);
        if (is_icmp && !std::holds_alternative<IcmpBody>(line.body)) continue;
        if (auto* tcp = std::get_if<TcpBody>(&seen.body)) {
            if (const auto* scripted = std::get_if<TcpBody>(&line.body)) {
                connection.learn_sequence(*scripted, *tcp);
            }
            *tcp = connection.scripted_of(*tcp);
        }
        return seen;
    }
}

}  // namespace fairlead::drill
