// drill/fake_backend.hpp — a backend whose every move a test wrote down.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "drill/backend.hpp"
#include "drill/inbound.hpp"
#include "drill/seen.hpp"
#include "drill/tcp_info.hpp"
#include "unit/drill/tcp_info_bytes.hpp"

namespace fairlead::drill {

// Settings are what they were set to; "bad" is none.
class FakeSystem final : public System {
public:
    std::map<std::string, std::string, std::less<>> settings{};
    std::map<std::string, std::string, std::less<>> tables{};  // by path
    std::vector<std::string> ran{};        // ip, tc and ethtool, each in one piece
    std::vector<std::string> in_shells{};  // lines that a real shell was asked to run
    int status = 0;                        // of those

    std::expected<std::string, std::string> config(std::string_view name) override {
        const auto at = settings.find(name);
        if (at == settings.end()) return std::unexpected{std::string{"no such name"}};
        return at->second;
    }
    std::expected<void, std::string> set_config(std::string_view name,
                                                std::string_view value) override {
        if (name == "bad") return std::unexpected{std::string{"no such name"}};
        settings[std::string{name}] = value;
        return {};
    }
    std::expected<std::string, std::string> parameter(std::string_view name) override {
        return config(name);
    }
    std::expected<void, std::string> set_parameter(std::string_view name,
                                                   std::string_view value) override {
        return set_config(name, value);
    }
    std::expected<std::string, std::string> table(std::string_view path) override {
        const auto at = tables.find(path);
        if (at == tables.end()) return std::unexpected{std::string{"no such table"}};
        return at->second;
    }
    Finished configure_network(const std::vector<std::string>& words) override {
        std::string line;
        for (const std::string& word : words) line += (line.empty() ? "" : " ") + word;
        ran.push_back(line);
        return {.status = status};
    }
    Finished run_shell(const std::string& line) override {
        in_shells.push_back(line);
        return {.status = status, .error = status == 0 ? "" : "it went wrong\n"};
    }
};

class FakeBackend final : public Backend {
public:
    static constexpr Instant kBegin = Instant::from_ns(77'000'000'000);

    // What a packet that comes in, or a call, leads to.
    std::function<void(const TcpBody&)> on_inbound = [](const TcpBody&) {};
    std::function<std::optional<Outcome>(const Request&)> on_call = [](const Request&) {
        return Outcome{};
    };
    std::function<void()> on_step = [] {};
    bool stands_still = false;
    std::uint16_t last_merged = 0;  // of the packet that came in last
    FakeSystem machine{};
    TcpInfo info{};  // of every socket

    // A segment of the connection that a script's first SYN makes, `after` from now.
    void send(const TcpBody& tcp, Duration after = 0_s, std::uint16_t remote_port = 40001) {
        const Settings settings;
        Connection back;
        back.local = {settings.remote(), remote_port};
        back.remote = {settings.local(), settings.bind_port};
        const auto later = std::find_if(coming_.begin(), coming_.end(),
                                        [&](const SentPacket& p) { return p.at > now_ + after; });
        coming_.insert(later, {now_ + after, build_tcp(back, {}, tcp)});
    }
    void send_raw(std::vector<std::uint8_t> bytes) { coming_.push_back({now_, std::move(bytes)}); }
    // The blocked call returns, `after` from now.
    void finish(Outcome outcome, Duration after) {
        finishing_ = {now_ + after, std::move(outcome)};
    }

    Instant now() const override { return now_; }
    void step(Instant until) override {
        on_step();
        if (stands_still) return;
        Instant next = until;
        for (const SentPacket& packet : coming_) next = std::min(next, packet.at);
        if (finishing_) next = std::min(next, finishing_->first);
        now_ = std::max(now_, next);
    }
    void inject(std::span<const std::uint8_t> packet, std::uint16_t merged) override {
        last_merged = merged;
        const auto seen = read_packet({now_, {packet.begin(), packet.end()}});
        on_inbound(std::get<TcpBody>((*seen)->body));
    }
    std::optional<SentPacket> take_packet() override {
        if (coming_.empty() || coming_.front().at > now_) return std::nullopt;
        SentPacket first = std::move(coming_.front());
        coming_.pop_front();
        return first;
    }
    std::expected<void, std::string> start(const Request& request) override {
        outcome_ = on_call(request);
        return {};
    }
    std::optional<Outcome> take_outcome() override {
        if (finishing_ && finishing_->first <= now_) {
            outcome_ = std::exchange(finishing_, std::nullopt)->second;
        }
        return std::exchange(outcome_, std::nullopt);
    }
    std::optional<Outcome> peek(const request::GetOption& request) override {
        if (request.fd < 0) return std::nullopt;
        return Outcome{.data = tcp_info_bytes(info)};
    }
    System& system() override { return machine; }

private:
    Instant now_ = kBegin;
    std::deque<SentPacket> coming_;
    std::optional<Outcome> outcome_;
    std::optional<std::pair<Instant, Outcome>> finishing_;
};

}  // namespace fairlead::drill
