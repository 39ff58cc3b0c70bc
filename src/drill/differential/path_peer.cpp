#include "drill/differential/path_peer.hpp"

#include <algorithm>
#include <utility>

namespace fairlead::drill::differential {
namespace {

constexpr std::uint32_t kFirstStamp = 100;  // of the peer's clock, in milliseconds
// Since the handshake, each way: whether a retransmission was answered sooner than the path allows
// is no matter of microseconds.
constexpr Duration kQueue = 500_us;
constexpr std::size_t kMostBlocks = 4;  // that fit in beside nothing else (RFC 2018 §3)

// Rounded up: a script names no less, and no path may seem shorter than it is.
Duration whole_microseconds(Duration at) {
    constexpr std::int64_t kNs = 1'000;
    return Duration::from_us((at.ns() + kNs - 1) / kNs);
}

bool is_after(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(a - b) > 0; }

}  // namespace

void PathPeer::add(Duration at, std::variant<Alarm, Arrival, Inbound> what) {
    events_.push_back({at, std::move(what)});
}

void PathPeer::stop(Alarm alarm) {
    std::erase_if(events_, [&](const Event& event) {
        const auto* found = std::get_if<Alarm>(&event.what);
        return found != nullptr && *found == alarm;
    });
}

template <typename T>
void PathPeer::carry(Duration now, bool is_inbound, T what) {
    const std::uint32_t which = is_inbound ? sent_++ : left_++;
    Duration at = whole_microseconds(now) + traits_.round_trip / 2 + kQueue;
    std::optional<Duration> again;
    for (const Fault& fault : faults_) {
        if (fault.is_inbound != is_inbound || fault.which != which) continue;
        switch (fault.harm) {
            case Harm::Drop: return;
            case Harm::Delay: at = at + fault.by; break;
            case Harm::Duplicate: again = fault.by; break;
            case Harm::Mark:
                if constexpr (std::is_same_v<T, Arrival>) {
                    if (what.mark != EcnMark::NotEct) what.mark = EcnMark::Ce;
                } else if (what.ip.ecn == EcnMark::Ect0) {
                    what.ip.ecn = EcnMark::Ce;
                }
        }
    }
    add(at, what);
    if (again) add(at + *again, what);
}

void PathPeer::on_left(Duration now, const TcpBody& body, EcnMark mark, std::size_t left) {
    // The handshake is in the plan.
    if (body.flags.syn) stamped_by_ = left;
    if (body.flags.syn || body.flags.rst) return;
    carry(now, false, Arrival{body, mark, left});
}

std::optional<Duration> PathPeer::next() const {
    if (events_.empty()) return std::nullopt;
    return std::ranges::min_element(events_, {}, &Event::at)->at;
}

std::optional<PathPeer::Inbound> PathPeer::take(Duration now) {
    const auto first = std::ranges::min_element(events_, {}, &Event::at);
    if (first == events_.end() || first->at > now) return std::nullopt;
    Event event = std::move(*first);
    events_.erase(first);
    if (auto* inbound = std::get_if<Inbound>(&event.what)) return std::move(*inbound);
    // It is done at its time, however late somebody looks.
    if (const auto* arrival = std::get_if<Arrival>(&event.what)) {
        arrive(event.at, *arrival);
    } else if (std::get<Alarm>(event.what) == Alarm::Ack) {
        acknowledge(event.at);
    } else {
        resend(event.at);
    }
    return std::nullopt;
}

void PathPeer::arrive(Duration now, const Arrival& arrival) {
    take_ack(now, arrival.body);
    const SequenceRange& range = arrival.body.range;
    // RFC 7323 §4.3: what covers the last ACK is echoed.
    if (!is_after(range.begin, next_in_)) stamped_by_ = arrival.left;
    if (range.bytes != 0 || arrival.body.flags.fin) take_data(now, arrival);
}

void PathPeer::take_ack(Duration now, const TcpBody& body) {
    if (body.flags.ece && traits_.has_ecn) owes_cwr_ = true;
    if (!body.ack || !is_after(*body.ack, acknowledged_)) return;
    acknowledged_ = *body.ack;
    std::erase_if(pieces_, [&](const Piece& p) { return !is_after(p.end(), acknowledged_); });
    stop(Alarm::Resend);
    if (pieces_.empty()) {
        is_resending_ = false;
    } else if (is_resending_) {
        resend(now);
    } else {
        add(now + traits_.resends_after, Alarm::Resend);
    }
}

void PathPeer::take_data(Duration now, const Arrival& arrival) {
    const TcpBody& body = arrival.body;
    if (body.flags.cwr) echoes_congestion_ = false;
    if (arrival.mark == EcnMark::Ce) echoes_congestion_ = true;
    const Block block{body.range.begin, body.range.end + (body.flags.fin ? 1u : 0u)};
    const bool had_hole = !blocks_.empty();
    if (store(block)) return acknowledge(now, block);
    const bool is_plain = !had_hole && blocks_.empty() && !body.flags.fin;
    if (!is_plain || owes_ack_ || traits_.acks_after.is_zero()) return acknowledge(now);
    owes_ack_ = true;
    add(now + traits_.acks_after, Alarm::Ack);
}

bool PathPeer::store(const Block& block) {
    if (!is_after(block.end, next_in_)) return true;
    Block merged = block;
    for (const Block& other : blocks_) {
        if (is_after(block.begin, other.end) || is_after(other.begin, block.end)) continue;
        if (!is_after(other.begin, block.begin) && !is_after(block.end, other.end)) return true;
        if (is_after(merged.begin, other.begin)) merged.begin = other.begin;
        if (is_after(other.end, merged.end)) merged.end = other.end;
    }
    std::erase_if(blocks_, [&](const Block& other) {
        return !is_after(merged.begin, other.begin) && !is_after(other.end, merged.end);
    });
    blocks_.insert(blocks_.begin(), merged);
    absorb();
    return false;
}

void PathPeer::absorb() {
    const auto follows = [&](const Block& b) { return !is_after(b.begin, next_in_); };
    for (auto at = std::ranges::find_if(blocks_, follows); at != blocks_.end();
         at = std::ranges::find_if(blocks_, follows)) {
        if (is_after(at->end, next_in_)) next_in_ = at->end;
        blocks_.erase(at);
    }
}

PathPeer::Inbound PathPeer::segment(Duration now, std::uint32_t at) const {
    Inbound in;
    in.body.flags = {.ack = true, .ece = echoes_congestion_ && traits_.has_ecn};
    in.body.range = {.begin = at, .end = at, .bytes = 0};
    in.body.ack = next_in_;
    in.body.window = traits_.window;
    if (traits_.has_timestamps) {
        const auto stamp = kFirstStamp + static_cast<std::uint32_t>(now.ms());
        in.body.options = {option::Nop{}, option::Nop{}, option::Timestamp{stamp, 0}};
        in.echoes = stamped_by_;
    }
    return in;
}

void PathPeer::acknowledge(Duration now, const std::optional<Block>& twice) {
    owes_ack_ = false;
    stop(Alarm::Ack);
    Inbound in = segment(now, next_out_);
    option::Sack sack;
    if (twice && traits_.has_dsack) sack.blocks.push_back({twice->begin, twice->end});
    const std::size_t room = kMostBlocks - (traits_.has_timestamps ? 1 : 0);
    for (const Block& block : blocks_) {
        if (sack.blocks.size() < room) sack.blocks.push_back({block.begin, block.end});
    }
    if (traits_.has_sack && !sack.blocks.empty()) {
        in.body.options.insert(in.body.options.end(), {option::Nop{}, option::Nop{}, sack});
    }
    carry(now, true, std::move(in));
}

void PathPeer::write(Duration now, const PeerWrite& what) {
    const std::size_t before = pieces_.size();
    for (std::uint32_t rest = what.bytes; rest != 0;) {
        const auto bytes = std::min<std::uint32_t>(rest, traits_.mss);
        rest -= bytes;
        pieces_.push_back({next_out_, bytes, rest == 0 && what.has_fin});
        next_out_ = pieces_.back().end();
    }
    if (what.bytes == 0 && what.has_fin) {
        pieces_.push_back({next_out_, 0, true});
        ++next_out_;
    }
    const std::vector<Piece> fresh{pieces_.begin() + static_cast<std::ptrdiff_t>(before),
                                   pieces_.end()};
    for (const Piece& piece : fresh) send(now, piece, true);
    stop(Alarm::Resend);
    add(now + traits_.resends_after, Alarm::Resend);
}

void PathPeer::send(Duration now, const Piece& piece, bool is_new) {
    owes_ack_ = false;
    stop(Alarm::Ack);
    Inbound in = segment(now, piece.begin);
    in.body.range.end += piece.bytes;
    in.body.range.bytes = piece.bytes;
    in.body.flags.psh = piece.bytes != 0 && piece.end() == next_out_;
    in.body.flags.fin = piece.has_fin;
    // RFC 3168 §6.1.5: what is repeated is not capable, and tells of no reduction.
    if (is_new && traits_.has_ecn && piece.bytes != 0) {
        in.ip.ecn = EcnMark::Ect0;
        in.body.flags.cwr = std::exchange(owes_cwr_, false);
    }
    carry(now, true, std::move(in));
}

void PathPeer::resend(Duration now) {
    stop(Alarm::Resend);
    if (pieces_.empty()) return;
    is_resending_ = true;
    send(now, pieces_.front(), false);
    add(now + traits_.resends_after, Alarm::Resend);
}

}  // namespace fairlead::drill::differential
