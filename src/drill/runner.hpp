// drill/runner.hpp — runs one script on one backend, and says how it went.
//
// Verdicts: those of the original program (see timing.hpp, expect.hpp, calls.hpp, connection.hpp
//           for its rules). Skipped: the script asks for what is not there; nothing is said of the
//           stack then.
// Bounds:   a script takes as long as its times say and a little more; a backend whose clock stands
//           still, or that floods, fails the script.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "drill/backend.hpp"
#include "drill/calls.hpp"
#include "drill/code.hpp"
#include "drill/commands.hpp"
#include "drill/connection.hpp"
#include "drill/evaluate.hpp"
#include "drill/expect.hpp"
#include "drill/report.hpp"
#include "drill/script.hpp"
#include "drill/settings.hpp"
#include "drill/timing.hpp"

namespace fairlead::drill {

enum class VerdictKind : std::uint8_t {
    Passed,
    Failed,
    Skipped,
    Unusable,  // it could not be read, parsed or begun
};

struct Verdict {
    VerdictKind kind = VerdictKind::Passed;
    std::string text{};    // why not passed, in whole lines
    Failure failure{};     // the same, in its parts
    std::string output{};  // what its code blocks printed
    Duration lasted{};     // on the clock of what it ran on
};

class Runner {
public:
    // All outlive the runner; the backend is fresh.
    Runner(const Script& script, const Settings& settings, Backend& backend,
           Report::Print print = {});

    Verdict run();

    // Each packet that is injected or leaves, from its IP header on, and when.
    using Capture = std::function<void(Duration at, bool leaves, std::span<const std::uint8_t>)>;
    void set_capture(Capture capture) { capture_ = std::move(capture); }

private:
    using Outgoing = std::optional<Fault>;  // nothing: the event came out as scripted

    // A call that began and has not returned.
    struct Pending {
        const Event* event = nullptr;
        const Call* call = nullptr;
        Request request{};
        Due due{};
    };

    Verdict run_events();
    bool is_forgiven(const Event& event) const;
    Outgoing take_up(const Event& event);
    Outgoing run_call(const Event& event, const Call& call, const Due& due);
    Outgoing run_shell(const ShellLine& line);
    Outgoing run_code();
    // What getsockopt says of the connection under test, if there is one.
    Sampled sample();
    std::vector<std::uint8_t> option(int level, int name);
    Outgoing run_inbound(const PacketLine& line, const Due& due);
    Outgoing run_outbound(const PacketLine& line, const Due& due);
    Outgoing run_packet(const PacketLine& line, const Due& due);
    Outgoing check_message(const PacketLine& line, const Due& due, const Seen& seen) const;

    void note(const Request& request);
    void follow(const Request& request, const Outcome& outcome);
    Outgoing await_pending(Instant latest);
    Outgoing wait_until(Instant t);
    Outgoing step(Instant until);
    void collect_packets();
    Outgoing collect_outcome();
    // The next packet of this connection, as Seen in the script's numbers.
    std::expected<std::optional<Seen>, Fault> next_packet(const PacketLine& line,
                                                          Connection& connection, Instant latest);
    Outgoing check_timestamp(const Connection& connection, const TcpBody& scripted,
                             const TcpBody& got) const;

    Verdict verdict_on(const Event& event, const Fault& fault) const;

    const Script& script_;
    const Settings& settings_;
    Backend& backend_;
    Report report_;
    Capture capture_;
    Timing timing_;
    Calls calls_;
    Connections connections_;
    Commands commands_;
    Code code_;
    bool is_for_python_ = false;  // the blocks are not understood, and a real one may be asked
    int under_test_ = -1;         // the descriptor that was connected or accepted last
    std::optional<Pending> pending_;
    const Event* blamed_ = nullptr;  // the event of a fault, where it is not the one taken up
    std::deque<Seen> packets_;       // that left and were not looked at yet
    std::optional<Fault> malformed_;
    Report::Contrast contrast_;
    std::uint64_t idle_steps_ = 0;  // since time last moved
};

}  // namespace fairlead::drill
