#include "drill/differential/play.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "drill/calls.hpp"
#include "drill/connection.hpp"
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

std::uint32_t end_of(const TcpBody& body) {
    return body.range.end + (body.flags.syn ? 1u : 0u) + (body.flags.fin ? 1u : 0u);
}

bool is_after(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(a - b) > 0; }

class Player {
public:
    Player(const Plan& plan, const Trace* before, const Settings& settings, Backend& backend)
        : plan_{plan},
          before_{before},
          settings_{settings},
          backend_{backend},
          calls_{settings},
          connection_{.local = {settings.local(), settings.bind_port},
                      .remote = {settings.remote(), kRemotePort}} {}

    Played run() {
        for (const Setting& setting : plan_.settings) {
            if (auto set = backend_.system().set_config(setting.name, setting.value); !set) {
                return std::unexpected{fmt::format("{}: {}", setting.name, set.error())};
            }
        }
        begin_ = backend_.now();
        Duration due{};
        for (const Step& step : plan_.steps) {
            due = due + step.after;
            const Entry* followed = next_followed();
            if (before_ != nullptr && followed == nullptr) break;
            wait_until(begin_ + (followed == nullptr ? due : followed->at));
            const auto* call = std::get_if<CallLine>(&step.action);
            if (call != nullptr) {
                make(*call);
            } else {
                inject(std::get<Segment>(step.action), followed);
            }
            if (!wrong_.empty()) return std::unexpected{wrong_};
        }
        wait_until(std::max(backend_.now(), begin_ + due) + plan_.tail);
        if (!wrong_.empty()) return std::unexpected{wrong_};
        trace_.ends = since(backend_.now());
        return std::move(trace_);
    }

private:
    Duration since(Instant t) const { return t - begin_; }

    const Entry* next_followed() {
        if (before_ == nullptr) return nullptr;
        while (followed_ < before_->entries.size()) {
            const Entry& entry = before_->entries[followed_++];
            if (entry.is_input()) return &entry;
        }
        return nullptr;
    }

    void wait_until(Instant t) {
        int idle = 0;
        while (wrong_.empty() && backend_.now() < t) {
            const Instant before = backend_.now();
            step(t);
            idle = backend_.now() == before ? idle + 1 : 0;
            if (idle > kMostIdleSteps) wrong_ = "time stands still";
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
        }
        trace_.entries.push_back({since(seen.at), std::move(left)});
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
        if (auto* t = timestamp_in(body)) {
            if (!first_stamp_) first_stamp_ = t->value;
            last_stamp_ = t->value;
            t->value = t->value - *first_stamp_ + kFirstTimestamp;
        }
        return body;
    }

    void make(const CallLine& line) {
        const auto script = parse_script("0 " + line.text + "\n", "plan");
        if (!script) {
            wrong_ = script.error().to_string();
            return;
        }
        Called called{.call = std::get<Call>(script->events.front().action)};
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
        trace_.entries.push_back({since(backend_.now()), {}});
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

    void inject(const Segment& segment, const Entry* followed) {
        TcpBody body = segment.body;
        if (const auto* before =
                followed == nullptr ? nullptr : std::get_if<Arrived>(&followed->what)) {
            body = before->body;
        } else {
            fill_in(segment, body);
        }
        TcpBody live = body;
        if (live.ack) *live.ack += connection_.sequence_offset.value_or(0);
        auto* t = timestamp_in(live);
        if (t != nullptr && t->echo != 0) t->echo += first_stamp_.value_or(0) - kFirstTimestamp;
        connection_.on_inbound(body);
        trace_.entries.push_back({since(backend_.now()), Arrived{body}});
        backend_.inject(build_tcp(connection_, {}, live));
        step(backend_.now());
    }

    void fill_in(const Segment& segment, TcpBody& body) {
        if (segment.ack_of != AckOf::Nothing) {
            body.ack = acknowledged(segment);
            const bool counts = segment.ack_of == AckOf::Latest || segment.ack_of == AckOf::Half;
            if (counts && is_after(*body.ack, acked_)) acked_ = *body.ack;
        }
        auto* t = timestamp_in(body);
        if (t == nullptr || !body.flags.ack || !first_stamp_) return;
        const std::uint32_t live = segment.echo_of == EchoOf::First ? *first_stamp_ : last_stamp_;
        if (segment.echo_of != EchoOf::Nothing) t->echo = live - *first_stamp_ + kFirstTimestamp;
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
    const Settings& settings_;
    Backend& backend_;
    Calls calls_;
    Connection connection_;
    Trace trace_;
    Instant begin_{};
    std::size_t followed_ = 0;  // the first entry of before_ that was not looked at
    std::string wrong_;
    std::uint32_t sent_ = 0;                    // the end of what left
    std::uint32_t acked_ = 0;                   // of it, what was acknowledged
    std::optional<std::uint32_t> first_stamp_;  // on the wire
    std::uint32_t last_stamp_ = 0;
};

std::string stamp(Duration at) {
    return fmt::format("{}.{:06}", at.ms() / 1000, at.us() % 1'000'000);
}

// As tcpdump has it, but that there is one connection only.
std::string packet(std::string_view direction, Duration at, const TcpBody& body) {
    const std::string whole = dump(at, {}, {}, body);
    return fmt::format("{} {} {}", stamp(at), direction, whole.substr(whole.find("Flags")));
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
            lines.push_back(packet("<", entry.at, in->body));
        } else {
            const auto& out = std::get<Left>(entry.what);
            lines.push_back(out.other.empty() ? packet(">", entry.at, out.body) : out.other);
        }
    }
    return lines;
}

Played play(const Plan& plan, const Settings& settings, Backend& backend) {
    return Player{plan, nullptr, settings, backend}.run();
}

Played follow(const Plan& plan, const Trace& before, const Settings& settings, Backend& backend) {
    return Player{plan, &before, settings, backend}.run();
}

}  // namespace fairlead::drill::differential
