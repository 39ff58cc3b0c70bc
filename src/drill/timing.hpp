// drill/timing.hpp — when an event is due, and how far off it may be.
//
// Rules:  `+x` counts from the moment the event is taken up; after an inbound packet another
//         inbound one counts from when the first was due. The tolerance is the larger of
//         --tolerance_usecs and 12.5 % of the time since the event before.
#pragma once

#include <optional>
#include <string>

#include "drill/script.hpp"
#include "drill/settings.hpp"
#include "fairlead/time.hpp"

namespace fairlead::drill {

struct Due {
    bool is_any = false;
    Instant from{};
    Instant until{};                // of a range; else `from`
    std::optional<Instant> ends{};  // of a blocking call
    Duration tolerance{};           // for from and until
    Duration end_tolerance{};
};

class Timing {
public:
    explicit Timing(const Settings& settings) : settings_{settings} {}

    // The script's time 0.
    void begin(Instant now) { begin_ = previous_ = now; }

    // Takes the event up: to be called once for each, in order.
    Due take_up(const Event& event, Instant now);
    // What is wrong with the moment at which it happened, if anything.
    std::optional<std::string> check(const Due& due, Instant happened) const;
    std::optional<std::string> check_end(const Due& due, Instant ended) const;

    Instant begun() const { return begin_; }
    Duration tolerance() const { return settings_.tolerance; }  // the least
    Duration since_begin(Instant t) const { return t - begin_; }

private:
    Duration tolerance_for(Duration gap) const;
    std::string off(Instant happened, Instant from, Instant until, Duration tolerance) const;

    const Settings& settings_;
    Instant begin_{};
    Instant previous_{};  // when the event before was due
    bool previous_was_inbound_ = false;
};

}  // namespace fairlead::drill
