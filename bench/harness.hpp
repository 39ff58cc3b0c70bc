// harness.hpp — runs contenders side by side and keeps the score.
//
// Owns:   Harness: interleaved runs (A B C A B C ...), so that what disturbs the machine disturbs
//         all of them; rows derived from the same runs; comparisons.
// Rules:  a row is called "what: who". Progress goes to stderr. What a contender throws becomes
//         the note of its row, and the others go on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/peer.hpp"
#include "bench/report.hpp"

namespace fairlead::bench {

struct HarnessOptions {
    std::size_t runs = 5;
    bool quick = false;  // a smoke test: the figures mean little
    std::string who{};   // only contenders whose name contains this
};

struct Contender {
    std::string who{};
    std::function<double()> run{};  // one run, one figure
    std::size_t most_runs = SIZE_MAX;
};

enum class Better { Larger, Smaller };

class Harness {
public:
    Harness(HarnessOptions options, Report& report) : options_{options}, report_{report} {}

    bool is_quick() const { return options_.quick; }
    // How long one run should take.
    double seconds() const { return options_.quick ? 0.02 : 0.4; }
    // The full count, or what a smoke test makes do with.
    std::size_t scaled(std::size_t full, std::size_t quick) const {
        return options_.quick ? quick : full;
    }

    void measure(const std::string& what, const std::string& unit,
                 std::vector<Contender> contenders);
    // Another row of the same runs, each figure through `f`.
    void derive(const std::string& from, const std::string& to, const std::string& unit,
                const std::function<double(double)>& f);
    // A row computed from rows: nothing happens unless all of them were measured.
    void conclude(const std::string& name, const std::string& unit,
                  const std::vector<std::string>& from,
                  const std::function<double(const std::vector<double>&)>& f);
    // Ratio of medians, larger is better, written into our row; a second comparison of the same
    // row gets a row of its own. target 0: none.
    void compare(const std::string& ours, const std::string& peer, double target, Better better);
    // The same against a plain figure.
    void compare_to_figure(const std::string& ours, const std::string& called, double figure,
                           double target, Better better);

private:
    HarnessOptions options_;
    Report& report_;
};

// A peer that lives through the runs of its row, made at the first of them.
class KeptPeer {
public:
    explicit KeptPeer(PeerKind kind, std::size_t idle_connections = 0)
        : kind_{std::move(kind)}, idle_connections_{idle_connections} {}
    const std::string& name() const { return kind_.name; }
    Peer& get();

private:
    PeerKind kind_;
    std::size_t idle_connections_;
    std::unique_ptr<Peer> peer_{};
    std::string failure_{};  // why it could not be made: tried once
};

// Repeats `timed` (which takes a count and returns seconds) often enough to last, and returns how
// many a second. The count is found in the first call, which so warms everything up.
class Rate {
public:
    Rate(double seconds, std::uint64_t first_count, std::function<double(std::uint64_t)> timed)
        : seconds_{seconds}, count_{first_count}, timed_{std::move(timed)} {}
    double operator()();

private:
    double seconds_;
    std::uint64_t count_;
    bool calibrated_ = false;
    std::function<double(std::uint64_t)> timed_;
};

}  // namespace fairlead::bench
