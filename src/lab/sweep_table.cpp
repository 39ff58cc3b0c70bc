#include "lab/sweep_table.hpp"

#include <array>

#include <fmt/format.h>

namespace fairlead::lab {
namespace {

std::string_view name_of(link::QueueKind kind) {
    constexpr std::array<std::string_view, 4> kNames{"fifo", "codel", "red", "step"};
    return kNames[static_cast<std::size_t>(kind)];
}

double ms(Duration d) { return static_cast<double>(d.us()) / 1e3; }

Duration of_share(const std::vector<Duration>& sorted, std::size_t percent) {
    return sorted.empty() ? Duration{} : sorted[(sorted.size() - 1) * percent / 100];
}

std::string label_of(const SweepCell& c) {
    return fmt::format("{} {:g}M {:g}ms {:g}% {} x{}", c.controller,
                       static_cast<double>(c.bits_per_second) / 1e6, ms(c.round_trip),
                       static_cast<double>(c.loss) / 1e4, name_of(c.queue), c.flows);
}

}  // namespace

std::vector<SweepCell> cells_of(const SweepMatrix& m) {
    std::vector<SweepCell> cells;
    const auto vary = [&cells](const auto& values, auto member) {
        std::vector<SweepCell> more;
        for (const SweepCell& c : cells) {
            for (const auto& v : values) more.push_back(c), more.back().*member = v;
        }
        cells = std::move(more);
    };
    cells.push_back({.queue_frames = m.queue_frames,
                     .has_ecn = m.has_ecn,
                     .length = m.length,
                     .seed = m.seed,
                     .config = m.config});
    vary(m.controllers, &SweepCell::controller);
    vary(m.rates, &SweepCell::bits_per_second);
    vary(m.round_trips, &SweepCell::round_trip);
    vary(m.losses, &SweepCell::loss);
    vary(m.queues, &SweepCell::queue);
    vary(m.flows, &SweepCell::flows);
    return cells;
}

std::string csv_head() {
    return "controller,mbit_s,rtt_ms,loss_percent,queue,ecn,flows,seed,goodput_mbit_s,sent,"
           "retransmitted,needless,marked,dropped,queueing_ms,longest_queueing_ms,jain,"
           "short_flows,short_median_ms,short_p95_ms\n";
}

std::string csv_line(const SweepCell& c, const SweepResult& r) {
    return fmt::format(
        "{},{:g},{:g},{:g},{},{},{},{},{:.3f},{},{},{},{},{},{:.3f},{:.3f},{:.3f},{},{:.1f},{:.1f}"
        "\n",
        c.controller, static_cast<double>(c.bits_per_second) / 1e6, ms(c.round_trip),
        static_cast<double>(c.loss) / 1e4, name_of(c.queue), c.has_ecn ? 1 : 0, c.flows, c.seed,
        static_cast<double>(r.goodput) / 1e6, r.sent, r.retransmitted, r.needless, r.marked,
        r.dropped, ms(r.queueing), ms(r.longest_queueing), r.fairness / 1e3, r.short_flows.size(),
        ms(of_share(r.short_flows, 50)), ms(of_share(r.short_flows, 95)));
}

std::string window_csv_head() { return "cell,label,flow,seconds,cwnd,ssthresh,srtt_ms\n"; }

std::string window_csv_lines(std::size_t number, const SweepCell& cell, const SweepResult& r) {
    std::string out;
    const std::string label = label_of(cell);
    for (const SweepResult::Window& w : r.windows) {
        const bool is_bounded = w.threshold < INT32_MAX;
        out +=
            fmt::format("{},{},{},{:.3f},{},{},{:.3f}\n", number, label, w.flow, ms(w.at) / 1e3,
                        w.segments, is_bounded ? std::to_string(w.threshold) : "", ms(w.smoothed));
    }
    return out;
}

std::string table_head() {
    return fmt::format("{:<34} {:>8} {:>7} {:>6} {:>8} {:>7} {:>7} {:>8} {:>6} {:>9} {:>9}\n",
                       "cell", "Mbit/s", "sent", "again", "needless", "marked", "dropped",
                       "queue ms", "Jain", "short med", "short p95");
}

std::string table_line(const SweepCell& c, const SweepResult& r) {
    return fmt::format(
        "{:<34} {:>8.3f} {:>7} {:>6} {:>8} {:>7} {:>7} {:>8.2f} {:>6.3f} {:>9.1f} {:>9.1f}\n",
        label_of(c), static_cast<double>(r.goodput) / 1e6, r.sent, r.retransmitted, r.needless,
        r.marked, r.dropped, ms(r.queueing), r.fairness / 1e3, ms(of_share(r.short_flows, 50)),
        ms(of_share(r.short_flows, 95)));
}

std::string gnuplot_script(const std::vector<SweepCell>& cells) {
    struct Measure {
        int column;
        const char* file;
        const char* title;
    };
    constexpr Measure kMeasures[] = {{9, "goodput", "goodput, Mbit/s"},
                                     {11, "retransmitted", "segments sent again"},
                                     {12, "needless", "sent again without need"},
                                     {15, "queueing", "queueing delay, ms"},
                                     {17, "jain", "fairness index (Jain)"},
                                     {20, "short", "short flows, 95th percentile, ms"}};
    std::string out =
        "set datafile separator ','\nset terminal svg size 1000,560 dynamic background rgb "
        "'white'\n"
        "set style fill solid 0.6\nset boxwidth 0.8\nset yrange [0:1<*]\nset grid y\n"
        "set xtics rotate by -40\nunset key\n";
    for (const Measure& m : kMeasures) {
        out += fmt::format(
            "set output '{}.svg'\nset title '{}'\nplot 'sweep.csv' every ::1 using 0:{}:"
            "xticlabels(strcol(1).' '.strcol(2).'M '.strcol(3).'ms '.strcol(4).'% '.strcol(5)."
            "' x'.strcol(7)) with boxes\n",
            m.file, m.title, m.column);
    }
    out +=
        "set key outside\nset xtics norotate\nset output 'cwnd.svg'\n"
        "set title 'congestion window of the first flow, segments'\nset xlabel 'seconds'\nplot "
        "\\\n";
    for (std::size_t i = 0; i < cells.size(); ++i) {
        out += fmt::format("  'cwnd.csv' using ($1=={}&&$3==0?$4:1/0):5 with lines title '{}'{}\n",
                           i, label_of(cells[i]), i + 1 < cells.size() ? ", \\" : "");
    }
    return out;
}

}  // namespace fairlead::lab
