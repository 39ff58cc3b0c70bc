#include "drill/differential/play.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "drill/calls.hpp"
#include "drill/connection.hpp"
#include "drill/differential/path_peer.hpp"
#include "drill/format.hpp"
#include "drill/inbound.hpp"
#include "drill/parser.hpp"
#include "drill/report.hpp"
#include "drill/symbols.hpp"

namespace fairlead::drill::differential {
namespace {

constexpr std::uint16_t kRemotePort = 40001;
constexpr Duration kCallPatience = 1_s;
constexpr std::size_t kMostEntries = 20'000;
constexpr int kMostIdleSteps = 100'000;

template <typename Body>
auto* timestamp_in(Body& body) {
    using Found =
        std::conditional_t<std::is_const_v<Body>, const option::Timestamp, option::Timestamp>;
    Found* found = nullptr;
    for (auto& option : body.options) {
        if (auto* t = std::get_if<option::Timestamp>(&option)) found = t;
    }
    return found;
}

// What it says of our numbers.
void move_acknowledged(TcpBody& body, std::uint32_t by) {
    if (body.ack) *body.ack += by;
    for (auto& option : body.options) {
        auto* sack = std::get_if<option::Sack>(&option);
        if (sack == nullptr) continue;
        for (option::SackBlock& block : sack->blocks) {
            block.begin += by;
            block.end += by;
        }
    }
}

std::uint32_t end_of(const TcpBody& body) {
    return body.range.end + (body.flags.syn ? 1u : 0u) + (body.flags.fin ? 1u : 0u);
}

EcnMark mark_of(std::uint8_t tos) {
    constexpr EcnMark kMarks[] = {EcnMark::NotEct, EcnMark::Ect1, EcnMark::Ect0, EcnMark::Ce};
    return kMarks[tos & 3];
}

bool is_after(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(a - b) > 0; }

class Player {
public:
    Player(const Plan& plan, const Trace* before, const Timing& timing, const Settings& settings,
           Backend& backend)
        : plan_{plan},
          before_{before},
          timing_{timing},
          settings_{settings},
          backend_{backend},
          calls_{settings},
          connection_{.local = {settings.local(), settings.bind_port},
                      .remote = {settings.remote(), kRemotePort}} {
        if (plan.path && before == nullptr) peer_.emplace(*plan.path);
    }

    Played run() {
        for (const Setting& setting : plan_.settings) {
            if (auto set = backend_.system().set_config(setting.name, setting.value); !set) {
                return std::unexpected{fmt::format("{}: {}", setting.name, set.error())};
            }
        }
        if (before_ != nullptr) await_phase(before_->phase);
        begin_ = backend_.now();
        trace_.phase = phase_of(begin_);
        if (before_ == nullptr) {
            play_plan();
        } else {
            follow_trace();
        }
        if (!wrong_.empty()) return std::unexpected{wrong_};
        trace_.ends = since(backend_.now());
        return std::move(trace_);
    }

private:
    Duration since(Instant t) const { return t - begin_; }
    static Duration phase_of(Instant t) { return Duration::from_ns(t.ns() % (1_ms).ns()); }

    // Timestamps are in whole milliseconds: they begin where they began for the other.
    void await_phase(Duration phase) {
        const Instant now = backend_.now();
        const Duration ahead = phase - phase_of(now);
        backend_.step(now + (ahead < Duration{} ? ahead + 1_ms : ahead));
    }

    void play_plan() {
        Duration due{};
        for (step_ = 0; step_ < plan_.steps.size() && wrong_.empty(); ++step_) {
            const Step& step = plan_.steps[step_];
            due = due + step.after;
            wait_until(begin_ + due);
            std::visit([&](const auto& action) { play(action); }, step.action);
        }
        wait_until(std::max(backend_.now(), begin_ + due) + plan_.tail);
    }
    void play(const CallLine& line) {
        const auto script = parse_script("0 " + line.text + "\n", "plan");
        if (script) return make(std::get<Call>(script->events.front().action));
        wrong_ = script.error().to_string();
    }
    void play(const Segment& segment) {
        Arrived arrived{.body = segment.body};
        fill_in(segment, arrived);
        inject(std::move(arrived));
    }
    void play(const Fault& fault) {
        if (peer_) peer_->expect(fault);
    }
    void play(const PeerWrite& write) {
        if (peer_) peer_->write(since(backend_.now()), write);
    }

    void follow_trace() {
        std::vector<Instant> left;  // there, since the last input
        for (std::size_t i = 0; i < before_->entries.size(); ++i) {
            const Entry& entry = before_->entries[i];
            if (!entry.is_input()) {
                left.push_back(begin_ + at(i));
                continue;
            }
            step_ = entry.step;
            wait_as_late(left, begin_ + heard_at(i));
            left.clear();
            if (const auto* called = std::get_if<Called>(&entry.what)) {
                make(called->call);
            } else {
                inject(std::get<Arrived>(entry.what));
            }
            if (!wrong_.empty()) return;
        }
        wait_as_late(left, begin_ + before_->ends);
    }
    Duration at(std::size_t entry) const {
        return before_->entries[entry].at + (entry >= timing_.moved ? timing_.by : Duration{});
    }

    // A kernel takes its time before it looks at what came in, and round trips are measured in
    // microseconds: what leaves at once says when it did.
    Duration heard_at(std::size_t input) const {
        constexpr Duration kAtOnce = 1_ms;
        const std::size_t next = input + 1;
        const bool is_answered = next < before_->entries.size() &&
                                 !before_->entries[next].is_input() &&
                                 at(next) - at(input) < kAtOnce;
        return at(is_answered ? next : input);
    }

    void wait_as_late(const std::vector<Instant>& left, Instant t) {
        Instant set = backend_.now();
        for (int i = 0; i < kMostIdleSteps && backend_.now() < t && wrong_.empty(); ++i) {
            const Instant due = std::max(backend_.next_alarm(), backend_.now());
            if (due >= t) return wait_until(t);
            if (due == backend_.now()) {
                step(due);
                continue;
            }
            const Instant latest = due + most_late(due - set);
            Instant heard = t <= latest && !has_left_at(left, due) ? t : due;
            if (const auto seen = std::ranges::lower_bound(left, due);
                seen != left.end() && *seen <= latest) {
                heard = *seen;
            }
            if (heard != due && is_punctual(heard)) heard = due;
            backend_.oversleep(heard);
            if (heard == t) return;  // behind what comes in
            set = heard;
            step(heard);
        }
    }
    // A little early: it was set when something came in there, and here when that was answered.
    static bool has_left_at(const std::vector<Instant>& left, Instant due) {
        constexpr Duration kThroughKernel = 100_us;
        const auto seen = std::ranges::lower_bound(left, due - kThroughKernel);
        return seen != left.end() && *seen <= due;
    }
    bool is_punctual(Instant heard) {
        trace_.delays.push_back(since(heard));
        return std::ranges::binary_search(timing_.punctual, trace_.delays.size() - 1);
    }

    void wait_until(Instant t) {
        int idle = 0;
        while (wrong_.empty() && backend_.now() < t) {
            const Instant before = backend_.now();
            const auto due = peer_ ? peer_->next() : std::nullopt;
            step(due ? std::min(t, std::max(before, begin_ + *due)) : t);
            hear_peer();
            idle = backend_.now() == before ? idle + 1 : 0;
            if (idle > kMostIdleSteps) wrong_ = "time stands still";
        }
    }

    void hear_peer() {
        while (peer_ && wrong_.empty()) {
            const auto due = peer_->next();
            if (!due || *due > since(backend_.now())) return;
            if (auto in = peer_->take(*due)) {
                inject({.body = std::move(in->body), .ip = in->ip, .echoes = in->echoes});
            }
        }
    }

    void step(Instant until) {
        backend_.step(until);
        collect();
    }

    void collect() {
        while (auto sent = backend_.take_packet()) {
            auto seen = read_packet(*sent);
            if (!seen) {
                wrong_ = seen.error();
                return;
            }
            if (*seen) leave(**seen);
            if (trace_.entries.size() > kMostEntries) wrong_ = "packets flood out";
        }
    }

    void leave(const Seen& seen) {
        Left left;
        const auto* tcp = std::get_if<TcpBody>(&seen.body);
        if (tcp == nullptr) {
            left.other = dump(since(seen.at), seen.source, seen.target, seen.body);
        } else {
            if (connection_.local.port == 0) connection_.local.port = seen.source.port;
            left.body = learn(*tcp);
            left.mark = mark_of(seen.tos);
            if (peer_) peer_->on_left(since(seen.at), left.body, left.mark, stamps_.size() - 1);
        }
        note(since(seen.at), std::move(left));
    }
    void note(Duration at, std::variant<Called, Arrived, Left> what) {
        trace_.entries.push_back({at, std::move(what), step_});
    }

    // In the script's numbers.
    TcpBody learn(const TcpBody& live) {
        // One with another number opens another connection; the number itself is a matter of time.
        if (live.flags.syn && live.range.begin != connection_.sequence_offset) {
            connection_.has_new_peer = true;
            connection_.learn_sequence(TcpBody{.flags = {.syn = true}}, live);
            sent_ = acked_ = 0;
        }
        TcpBody body = connection_.scripted_of(live);
        if (!body.flags.rst && is_after(end_of(body), sent_)) sent_ = end_of(body);
        auto* t = timestamp_in(body);
        stamps_.push_back(t == nullptr ? std::nullopt : std::optional{t->value});
        if (t != nullptr) {
            if (!first_stamped_) first_stamped_ = stamps_.size() - 1;
            last_stamped_ = stamps_.size() - 1;
            t->value = scripted_stamp(t->value);
        }
        return body;
    }

    // The first has a number of its own.
    std::uint32_t first_stamp() const {
        return first_stamped_ ? stamps_[*first_stamped_].value_or(0) : 0;
    }
    std::uint32_t scripted_stamp(std::uint32_t live) const {
        return live - first_stamp() + kFirstTimestamp;
    }

    void make(const Call& call) {
        Called called{.call = call};
        const auto request = calls_.to_request(called.call);
        if (!request) {
            wrong_ = request.error().message;
            return;
        }
        if (std::holds_alternative<request::Connect>(*request) && !trace_.is_active) {
            trace_.is_active = true;
            connection_.local.port = 0;
            connection_.remote.port = settings_.connect_port;
        }
        const std::size_t place = trace_.entries.size();
        note(since(backend_.now()), Called{});
        if (auto started = backend_.start(*request); !started) {
            wrong_ = started.error();
            return;
        }
        await(*request, called);
        trace_.entries[place].what = std::move(called);
    }

    void await(const Request& request, Called& called) {
        const Instant latest = backend_.now() + kCallPatience;
        for (int i = 0; i < kMostIdleSteps && wrong_.empty(); ++i) {
            step(backend_.now());
            if (auto outcome = backend_.take_outcome()) {
                // What it says beside its descriptor is looked at by who compares.
                (void)calls_.check(called.call, request, *outcome);
                called.outcome = std::move(*outcome);
                called.has_returned = true;
                step(backend_.now());
                return;
            }
            if (backend_.now() >= latest) break;
            if (i > 0) step(latest);
        }
        if (wrong_.empty()) wrong_ = fmt::format("{} has not returned", called.call.name);
    }

    // As it was on the wire; 0: none.
    std::uint32_t echoed_by(const Arrived& arrived) const {
        const std::size_t left = arrived.echoes.value_or(stamps_.size());
        return left < stamps_.size() ? stamps_[left].value_or(0) : 0;
    }

    void inject(Arrived arrived) {
        const std::uint32_t echoed = echoed_by(arrived);
        auto* t = timestamp_in(arrived.body);
        if (t != nullptr && echoed != 0 && before_ == nullptr) t->echo = scripted_stamp(echoed);
        TcpBody live = arrived.body;
        move_acknowledged(live, connection_.sequence_offset.value_or(0));
        if (auto* l = timestamp_in(live); l != nullptr && l->echo != 0) {
            l->echo = echoed != 0 ? echoed : l->echo + first_stamp() - kFirstTimestamp;
        }
        connection_.on_inbound(arrived.body);
        const IpFields ip = arrived.ip;
        note(since(backend_.now()), std::move(arrived));
        backend_.inject(build_tcp(connection_, ip, live));
        step(backend_.now());
    }

    void fill_in(const Segment& segment, Arrived& arrived) {
        TcpBody& body = arrived.body;
        if (segment.ack_of != AckOf::Nothing) {
            body.ack = acknowledged(segment);
            const bool counts = segment.ack_of == AckOf::Latest || segment.ack_of == AckOf::Half;
            if (counts && is_after(*body.ack, acked_)) acked_ = *body.ack;
        }
        if (!body.flags.ack || !first_stamped_ || segment.echo_of == EchoOf::Nothing) return;
        arrived.echoes = segment.echo_of == EchoOf::First ? *first_stamped_ : last_stamped_;
    }

    std::uint32_t acknowledged(const Segment& segment) const {
        switch (segment.ack_of) {
            case AckOf::Latest: return sent_ - std::min(segment.bytes, sent_);
            case AckOf::Half: return acked_ + (sent_ - acked_) / 2;
            case AckOf::Old: return acked_ - segment.bytes;
            case AckOf::Future: return sent_ + segment.bytes;
            case AckOf::Same:
            case AckOf::Nothing: return acked_;
        }
        return acked_;
    }

    const Plan& plan_;
    const Trace* before_;
    const Timing& timing_;
    const Settings& settings_;
    Backend& backend_;
    Calls calls_;
    Connection connection_;
    Trace trace_;
    Instant begin_{};
    std::optional<PathPeer> peer_;
    std::size_t step_ = 0;
    std::string wrong_;
    std::uint32_t sent_ = 0;                            // the end of what left
    std::uint32_t acked_ = 0;                           // of it, what was acknowledged
    std::vector<std::optional<std::uint32_t>> stamps_;  // on the wire, of each that left
    std::optional<std::size_t> first_stamped_;          // of them
    std::size_t last_stamped_ = 0;
};

std::string stamp(Duration at) {
    return fmt::format("{}.{:06}", at.ms() / 1000, at.us() % 1'000'000);
}

std::string_view name_of(EcnMark mark) {
    constexpr std::string_view kNames[] = {"", "[ect0] ", "[ect1] ", "[ce] ", ""};
    return kNames[static_cast<std::size_t>(mark)];
}

// As tcpdump has it, but that there is one connection only.
std::string packet(std::string_view direction, Duration at, const TcpBody& body, EcnMark mark) {
    const std::string whole = dump(at, {}, {}, body);
    return fmt::format("{} {} {}{}", stamp(at), direction, name_of(mark),
                       whole.substr(whole.find("Flags")));
}

std::string describe(const Called& called) {
    Call call = called.call;
    const Outcome& outcome = called.outcome;
    call.result = {.kind = ExpressionKind::Integer, .number = outcome.value};
    if (outcome.value < 0) call.error = errno_name(outcome.error);
    std::string text = format(call);
    if (!outcome.revents.empty()) text += fmt::format(", revents {:#x}", outcome.revents[0]);
    const bool is_asked = call.name == "getsockopt" && outcome.data.size() == 4;
    if (is_asked) {
        std::int32_t value = 0;
        for (std::size_t i = 4; i-- > 0;) value = value << 8 | outcome.data[i];
        text += fmt::format(", [{}]", value);
    }
    if (call.name == "ioctl") text += fmt::format(", [{}]", outcome.number);
    return text;
}

}  // namespace

std::vector<std::string> Trace::lines() const {
    std::vector<std::string> lines;
    for (const Entry& entry : entries) {
        if (const auto* called = std::get_if<Called>(&entry.what)) {
            lines.push_back(fmt::format("{} {}", stamp(entry.at), describe(*called)));
        } else if (const auto* in = std::get_if<Arrived>(&entry.what)) {
            lines.push_back(packet("<", entry.at, in->body, in->ip.ecn.value_or(EcnMark::NotEct)));
        } else {
            const auto& out = std::get<Left>(entry.what);
            lines.push_back(out.other.empty() ? packet(">", entry.at, out.body, out.mark)
                                              : out.other);
        }
    }
    return lines;
}

Played play(const Plan& plan, const Settings& settings, Backend& backend) {
    const Timing none;
    return Player{plan, nullptr, none, settings, backend}.run();
}

Played follow(const Plan& plan, const Trace& before, const Settings& settings, Backend& backend,
              const Timing& timing) {
    return Player{plan, &before, timing, settings, backend}.run();
}

}  // namespace fairlead::drill::differential
