#include "tcp/chunk.hpp"

namespace fairlead::tcp {

void Chunk::split(std::int64_t at, Chunk& rest) {
    FAIRLEAD_ASSERT(!syn && at > 0 && at < length());
    rest.begin = begin + at;
    rest.end = rest.begin;
    std::int64_t keep = at;
    std::size_t kept = 0;
    for (; kept < slice_count && keep >= slices[kept].size(); ++kept) keep -= slices[kept].size();
    std::size_t moved = kept;
    if (keep > 0 && kept < slice_count) {
        Slice& s = slices[kept];
        const auto cut = static_cast<std::uint32_t>(keep);
        rest.append(s.part(cut, s.size() - cut));
        s.trim_back(s.size() - cut);
        moved = ++kept;
    }
    for (std::size_t i = moved; i < slice_count; ++i) rest.append(slices[i]);
    keep_slices(kept);
    rest.end = end;
    end = begin + at;
    rest.fin = std::exchange(fin, false);
    rest.psh = std::exchange(psh, false);
    rest.end_of_record = std::exchange(end_of_record, false);
    rest.is_sacked = is_sacked;
    rest.is_lost = is_lost;
    rest.is_retransmitted = is_retransmitted;
    rest.was_retransmitted = was_retransmitted;
    rest.is_given_up = is_given_up;
    rest.first_sent = first_sent;
    rest.last_sent = last_sent;
    rest.delivered_before = delivered_before;
    rest.lost_before = lost_before;
    rest.sent_in_flight = sent_in_flight;
    rest.delivered_at = delivered_at;
    rest.flight_began = flight_began;
    rest.is_app_limited = is_app_limited;
    rest.mss = mss;
}

}  // namespace fairlead::tcp
