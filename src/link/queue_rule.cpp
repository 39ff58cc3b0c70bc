#include "link/queue_rule.hpp"

#include <algorithm>

namespace fairlead::link {
namespace {

constexpr std::int64_t kMillion = 1'000'000;
constexpr int kWeight = 9;  // a 512th of what is there now goes into RED's average

std::uint64_t square_root(std::uint64_t n) {
    std::uint64_t root = 0;
    for (std::uint64_t bit = std::uint64_t{1} << 31; bit != 0; bit >>= 1) {
        const std::uint64_t with = root | bit;
        if (with * with <= n) root = with;
    }
    return root;
}

// RFC 8289 §5.3: the next one comes an interval by the square root of their number later.
Instant control_law(Instant from, Duration interval, std::uint32_t count) {
    constexpr std::uint64_t kScale = 1u << 10;
    const std::uint64_t root = square_root(count * kScale * kScale);
    return from + Duration::from_ns(static_cast<std::int64_t>(
                      static_cast<std::uint64_t>(interval.ns()) * kScale / root));
}

}  // namespace

QueueVerdict QueueRule::ask(const QueueRules& rules, const Frame& frame, Prng& chance) {
    bool is_chosen = false;
    switch (rules.kind) {
        case QueueKind::Plain: return QueueVerdict::Pass;
        case QueueKind::Step:
            // RFC 8257 §3.1: it only ever marks.
            return frame.may_be_marked && frame.wait > rules.step ? QueueVerdict::Mark
                                                                  : QueueVerdict::Pass;
        case QueueKind::Codel: is_chosen = codel(rules, frame); break;
        case QueueKind::Red: is_chosen = red(rules, frame, chance); break;
    }
    if (!is_chosen) return QueueVerdict::Pass;
    return rules.marks && frame.may_be_marked ? QueueVerdict::Mark : QueueVerdict::Drop;
}

// dodequeue(): above the target for a whole interval. (A queue of one frame is none: its wait is that
// of the one being sent.)
bool QueueRule::is_late(const QueueRules& rules, const Frame& frame, Instant leaves) {
    if (frame.wait < std::max(rules.target, frame.sending)) {
        first_above_ = Instant::never();
        return false;
    }
    if (first_above_ == Instant::never()) {
        first_above_ = leaves + rules.interval;
        return false;
    }
    return leaves >= first_above_;
}

// deque(), frame by frame: where it drops several at one time, the next is asked about at that time.
bool QueueRule::codel(const QueueRules& rules, const Frame& frame) {
    const Instant leaves = frame.entered + frame.wait;
    const bool is_late_now = is_late(rules, frame, leaves);
    if (is_dropping_) {
        is_dropping_ = is_late_now;
        if (!is_late_now || leaves < drop_next_) return false;
        ++count_;
        drop_next_ = control_law(drop_next_, rules.interval, count_);
        return true;
    }
    if (!is_late_now) return false;
    is_dropping_ = true;
    constexpr std::int64_t kRecent = 16;  // intervals in which what was learnt still holds
    const std::uint32_t learnt = count_ - last_count_;
    const bool is_recent =
        leaves - drop_next_ < Duration::from_ns(kRecent * rules.interval.ns()) && learnt > 1;
    count_ = is_recent ? learnt : 1;
    last_count_ = count_;
    drop_next_ = control_law(leaves, rules.interval, count_);
    return true;
}

bool QueueRule::red(const QueueRules& rules, const Frame& frame, Prng& chance) {
    // An empty queue counts as the frames that might have been sent.
    if (frame.waiting == 0 && frame.entered > empty_since_ && frame.sending > Duration{}) {
        const std::int64_t idle = (frame.entered - empty_since_).ns() / frame.sending.ns();
        for (std::int64_t i = std::min<std::int64_t>(idle, 1 << (kWeight + 2)); i > 0; --i) {
            average_ -= average_ >> kWeight;
        }
    }
    empty_since_ = frame.entered + frame.wait + frame.sending;
    average_ += std::int64_t{frame.waiting} - (average_ >> kWeight);

    const std::int64_t least = std::int64_t{rules.red_least} << kWeight;
    const std::int64_t most = std::int64_t{rules.red_most} << kWeight;
    if (average_ < least) {
        since_last_ = -1;
        return false;
    }
    if (average_ >= most) {
        since_last_ = 0;
        return true;
    }
    ++since_last_;
    // Spread evenly over the frames between two: the odds grow with those that passed.
    const std::int64_t odds = rules.red_odds * (average_ - least) / (most - least);
    const std::int64_t left = kMillion - since_last_ * odds;
    const std::int64_t now = left <= odds ? kMillion : odds * kMillion / left;
    if (!chance.chance(static_cast<std::uint64_t>(now), kMillion)) return false;
    since_last_ = 0;
    return true;
}

}  // namespace fairlead::link
