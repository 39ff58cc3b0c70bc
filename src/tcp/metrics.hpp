// tcp/metrics.hpp — what is remembered of a destination (Linux's tcp_metrics).
//
// Owns:     Metrics: for a pair of addresses what Fast Open has learnt (cookie, MSS, the form of the
//           option), and what finished connections measured.
// Rules:    A pair that nothing was written for in an hour is as new. There is a bound: a set that is
//           full gives up the pair it heard of longest ago, once the table has its full size.
// Not here: what is done with it (fast_open.hpp, handshake.cpp).
#pragma once

#include <cstdint>
#include <vector>

#include "tcp/fast_open.hpp"
#include "tcp/flow.hpp"

namespace fairlead::tcp {

// A finished connection, as its end knows it.
struct Measured {
    Duration rtt{};
    Duration rtt_variation{};
    std::int32_t window = 0;
    std::int32_t threshold = 0;
    std::int32_t reordering = 0;
    bool is_in_first_slow_start = false;
    bool is_in_slow_start = false;
    bool is_open = false;  // no recovery
};

struct Destination {
    IpAddress local{};
    IpAddress remote{};
    Instant written = Instant::never();  // never: the place is free
    Duration rtt{};
    Duration rtt_variation{};
    std::int32_t window = 0;
    std::int32_t threshold = 0;
    std::int32_t reordering = 0;
    FastOpenMemory fast_open{};
};

// tcp_update_metrics(): what was there, and what is new. `is_threshold_kept`: not by default
// (tcp_no_ssthresh_metrics_save).
void add(Destination& to, const Measured& measured, std::int64_t usual_reordering,
         bool is_threshold_kept);

class Metrics {
public:
    explicit Metrics(const SipKey& key) : key_{key} {}

    // Null: nothing is known, or it is too old.
    const Destination* find(const IpAddress& local, const IpAddress& remote, Instant now) const;
    // Made if it is not there; valid until the next call.
    Destination& need(const IpAddress& local, const IpAddress& remote, Instant now);
    // Forgets all of that remote address; any: everything. How many there were.
    std::size_t forget(const IpAddress& remote);
    template <typename F>
    void for_each(F&& look) const {
        for (const Destination& d : places_) {
            if (d.written != Instant::never()) look(d);
        }
    }

    static constexpr std::size_t kMost = 4096;
    static constexpr Duration kLife = Duration::from_s(3600);

private:
    static constexpr std::size_t kFirst = 16;
    static constexpr std::size_t kWays = 4;

    std::size_t set_of(const IpAddress& local, const IpAddress& remote) const;
    void grow();

    SipKey key_;
    std::vector<Destination> places_;  // sets of kWays
};

}  // namespace fairlead::tcp
