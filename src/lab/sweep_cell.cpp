#include "lab/sweep_cell.hpp"

#include <algorithm>
#include <deque>
#include <optional>

#include "base/assert.hpp"
#include "sim/stream.hpp"
#include "sim/world.hpp"
#include "tcp/congestion/controller.hpp"

namespace fairlead::lab {
namespace {

constexpr std::uint16_t kBulkPort = 5001;
constexpr std::uint16_t kShortPort = 5002;
constexpr std::uint64_t kForever = std::uint64_t{1} << 50;
constexpr std::uint64_t kShortBytes = 15'000;
constexpr std::uint32_t kFrameBytes = 1514;
constexpr Duration kSample = 100_ms;
constexpr Duration kBetweenShort = 500_ms;
constexpr std::int64_t kWarmUpShare = 5;
constexpr std::uint64_t kMillion = 1'000'000;

// What is on the path when it is full, in frames.
std::uint64_t path_frames(const SweepCell& cell) {
    const auto us = static_cast<std::uint64_t>(cell.round_trip.us());
    return cell.bits_per_second / 8 * us / kMillion / kFrameBytes;
}

Config config_of(const SweepCell& cell) {
    Config config = cell.config;
    const auto set = [&](const char* name, const std::string& value) {
        const auto done = config.set(name, value);
        FAIRLEAD_ASSERT(done);
    };
    set("net.ipv4.tcp_congestion_control", cell.controller);
    set("net.ipv4.tcp_ecn", cell.has_ecn ? "1" : "0");
    return config;
}

sim::LinkOptions path_of(const SweepCell& cell) {
    const Duration one_way = cell.round_trip / 2;
    const std::uint64_t frames =
        cell.queue_frames != 0 ? cell.queue_frames : std::max<std::uint64_t>(path_frames(cell), 10);
    sim::LinkOptions link;
    link.there = {.loss = cell.loss,
                  .delay = one_way,
                  .bits_per_second = cell.bits_per_second,
                  .queue_bytes = frames * kFrameBytes,
                  .rules = {.kind = cell.queue, .marks = cell.has_ecn}};
    link.back = {.delay = one_way};
    return link;
}

class Cell {
public:
    explicit Cell(const SweepCell& cell)
        : cell_{cell},
          world_{cell.seed},
          senders_{world_.add_host("senders", config_of(cell))},
          receivers_{world_.add_host("receivers", config_of(cell))},
          path_{world_.join(senders_, receivers_, path_of(cell))},
          bulk_{receivers_, at(kBulkPort), sim::mirrored({.to_send = kForever}, 0)},
          short_{receivers_, at(kShortPort), sim::mirrored({.to_send = kShortBytes}, 0)} {}

    SweepResult run() {
        const Instant begin = world_.now();
        const Instant end = begin + cell_.length;
        const Instant warm = begin + cell_.length / kWarmUpShare;
        Instant next_short = begin + kBetweenShort;
        // Not all at one instant, as real ones are not.
        const Duration stagger = std::min(cell_.length / (10 * std::int64_t{cell_.flows}), 100_ms);
        Instant next_flow = begin;
        for (Instant now = begin; now < end;) {
            while (flows_.size() < cell_.flows && next_flow <= now) {
                start_flow();
                next_flow = next_flow + stagger;
            }
            if (now >= next_short) {
                start_short_flow(now);
                next_short = next_short + kBetweenShort;
            }
            if (now >= warm && at_warm_.empty()) at_warm_ = received();
            Instant until = now + kSample;
            if (flows_.size() < cell_.flows) until = std::min(until, next_flow);
            run_to(std::min(until, end));
            now = world_.now();
            sample(now - begin);
        }
        finish(end - warm);
        return std::move(result_);
    }

private:
    struct ShortFlow {
        Instant begun{};
        sim::Stream stream;
        bool is_told = false;

        ShortFlow(Instant now, sim::Host& host, SocketId socket)
            : begun{now}, stream{host, socket, {.to_send = kShortBytes}} {}
    };

    Endpoint at(std::uint16_t port) { return {receivers_.address(Family::Inet), port}; }

    // In steps: the end of a short flow is told to the event.
    void run_to(Instant until) {
        while (world_.now() < until) {
            if (!world_.step(until)) world_.run_until(until);
            note_short_flows();
        }
    }
    void start_flow() {
        flows_.emplace_back(senders_, sim::start_connecting(senders_, at(kBulkPort)),
                            sim::StreamPlan{.to_send = kForever});
    }
    void start_short_flow(Instant now) {
        short_flows_.emplace_back(now, senders_, sim::start_connecting(senders_, at(kShortPort)));
    }
    void note_short_flows() {
        for (ShortFlow& f : short_flows_) {
            if (f.is_told || !f.stream.is_over()) continue;
            f.is_told = true;
            result_.short_flows.push_back(world_.now() - f.begun);
        }
        while (!short_flows_.empty() && short_flows_.front().is_told) short_flows_.pop_front();
    }
    std::vector<std::uint64_t> received() {
        std::vector<std::uint64_t> bytes;
        for (const sim::Stream& s : bulk_.streams()) bytes.push_back(s.received());
        bytes.resize(cell_.flows);
        return bytes;
    }
    void sample(Duration at) {
        for (std::uint32_t i = 0; i < flows_.size(); ++i) {
            const auto info = senders_.stack().tcp_info(flows_[i].socket());
            if (!info || info->rtt.is_zero()) continue;
            result_.windows.push_back({.at = at,
                                       .flow = i,
                                       .segments = info->congestion_window_segments,
                                       .threshold = info->slow_start_threshold_segments,
                                       .smoothed = info->rtt});
            queueing_ += std::max(info->rtt - cell_.round_trip, Duration{}).us();
        }
    }
    void finish(Duration measured) {
        const std::vector<std::uint64_t> now = received();
        std::uint64_t sum = 0;
        std::uint64_t squares = 0;  // of kilobytes, which fit
        for (std::size_t i = 0; i < now.size(); ++i) {
            const std::uint64_t bytes = now[i] - at_warm_[i];
            sum += bytes;
            squares += (bytes / 1000) * (bytes / 1000);
        }
        result_.goodput =
            sum * 8 * 1000 / static_cast<std::uint64_t>(std::max<std::int64_t>(measured.ms(), 1));
        // Jain: the square of the sum by n times the sum of the squares.
        const std::uint64_t kilobytes = sum / 1000;
        result_.fairness =
            squares == 0
                ? 0
                : static_cast<std::uint32_t>(kilobytes * kilobytes * 1000 / (squares * now.size()));
        for (const sim::Stream& s : flows_) {
            const auto info = senders_.stack().tcp_info(s.socket());
            if (!info) continue;
            result_.sent += info->data_segments_out;
            result_.retransmitted += info->total_retransmitted;
            result_.needless += info->dsack_duplicates;
        }
        if (!result_.windows.empty()) {
            const auto samples = static_cast<std::int64_t>(result_.windows.size());
            result_.queueing = Duration::from_us(queueing_ / samples);
        }
        result_.marked = path_.there().queue_marked;
        result_.dropped = path_.there().queue_full + path_.there().queue_dropped;
        result_.longest_queueing = path_.there().longest_wait;
        std::sort(result_.short_flows.begin(), result_.short_flows.end());
    }

    const SweepCell& cell_;
    sim::World world_;
    sim::Host& senders_;
    sim::Host& receivers_;
    sim::Link& path_;
    sim::Listener bulk_;
    sim::Listener short_;
    std::deque<sim::Stream> flows_{};
    std::deque<ShortFlow> short_flows_{};
    std::vector<std::uint64_t> at_warm_{};
    std::int64_t queueing_ = 0;  // microseconds, of all samples
    SweepResult result_{};
};

}  // namespace

bool is_controller(std::string_view name) { return tcp::controller_by_name(name) != nullptr; }

Config default_cell_config() {
    constexpr std::int64_t kMost = 64 << 20;
    Config config;
    config.tcp_rmem[2] = kMost;
    config.tcp_wmem[2] = kMost;
    config.tcp_no_metrics_save = 1;
    return config;
}

SweepResult run_cell(const SweepCell& cell) { return Cell{cell}.run(); }

}  // namespace fairlead::lab
