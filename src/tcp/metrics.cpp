#include "tcp/metrics.hpp"

#include <algorithm>
#include <utility>

namespace fairlead::tcp {
namespace {

// Time adds up in nanoseconds, as Linux's does in fractions of a microsecond.
Duration between(Duration low, Duration high, int shift) {
    return Duration::from_ns((high - low).ns() >> shift);
}

}  // namespace

void add(Destination& to, const Measured& m, std::int64_t usual_reordering,
         bool is_threshold_kept) {
    // A longer round trip counts at once, a shorter one by an eighth: better too long than too short.
    const Duration gap = to.rtt > m.rtt ? to.rtt - m.rtt : m.rtt - to.rtt;
    to.rtt = to.rtt <= m.rtt ? m.rtt : to.rtt - between(m.rtt, to.rtt, 3);
    const Duration spread = std::max(Duration::from_ns(gap.ns()), m.rtt_variation);
    to.rtt_variation = spread >= to.rtt_variation
                           ? spread
                           : to.rtt_variation - between(spread, to.rtt_variation, 2);
    const std::int32_t half = m.window / 2;
    if (m.is_in_first_slow_start) {
        if (is_threshold_kept && to.threshold != 0) to.threshold = std::max(to.threshold, half);
        to.window = std::max(to.window, m.window);
    } else if (!m.is_in_slow_start && m.is_open) {
        if (is_threshold_kept) to.threshold = std::max(half, m.threshold);
        to.window = (to.window + m.window) / 2;
    } else {
        to.window = (to.window + m.threshold) / 2;
        if (is_threshold_kept && to.threshold != 0) {
            to.threshold = std::max(to.threshold, m.threshold);
        }
        if (m.reordering != usual_reordering) to.reordering = std::max(to.reordering, m.reordering);
    }
}

std::size_t Metrics::set_of(const IpAddress& local, const IpAddress& remote) const {
    const std::uint32_t hash = hash_of({.local = {local, 0}, .remote = {remote, 0}}, key_);
    return hash % (places_.size() / kWays) * kWays;
}

const Destination* Metrics::find(const IpAddress& local, const IpAddress& remote,
                                 Instant now) const {
    if (places_.empty()) return nullptr;
    const Destination* first = places_.data() + set_of(local, remote);
    for (const Destination* d = first; d != first + kWays; ++d) {
        const bool is_it =
            d->written != Instant::never() && d->remote == remote && d->local == local;
        if (is_it) return now - d->written <= kLife ? d : nullptr;
    }
    return nullptr;
}

Destination& Metrics::need(const IpAddress& local, const IpAddress& remote, Instant now) {
    if (places_.empty()) places_.resize(kFirst);
    while (true) {
        Destination* first = places_.data() + set_of(local, remote);
        Destination* oldest = first;
        for (Destination* d = first; d != first + kWays; ++d) {
            const bool is_it =
                d->written != Instant::never() && d->remote == remote && d->local == local;
            if (is_it) {
                if (now - d->written > kLife) {
                    *d = {.local = local, .remote = remote, .written = now};
                }
                return *d;
            }
            if (oldest->written == Instant::never()) continue;
            if (d->written == Instant::never() || d->written < oldest->written) oldest = d;
        }
        const bool is_free = oldest->written == Instant::never() || now - oldest->written > kLife;
        if (is_free || places_.size() >= kMost) {
            *oldest = {.local = local, .remote = remote, .written = now};
            return *oldest;
        }
        grow();
    }
}

// What two sets had finds room in four; where one gets more than it holds, the last stay.
void Metrics::grow() {
    std::vector<Destination> before = std::exchange(places_, {});
    places_.resize(before.size() * 2);
    for (Destination& d : before) {
        if (d.written == Instant::never()) continue;
        Destination* first = places_.data() + set_of(d.local, d.remote);
        *std::min_element(first, first + kWays, [](const Destination& a, const Destination& b) {
            const bool a_free = a.written == Instant::never();
            const bool b_free = b.written == Instant::never();
            return a_free != b_free ? a_free : a.written < b.written;
        }) = d;
    }
}

std::size_t Metrics::forget(const IpAddress& remote) {
    std::size_t n = 0;
    for (Destination& d : places_) {
        if (d.written == Instant::never() || !(remote.is_any() || d.remote == remote)) continue;
        d = {};
        ++n;
    }
    return n;
}

}  // namespace fairlead::tcp
