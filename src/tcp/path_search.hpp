// tcp/path_search.hpp — the search for the largest packet that gets through.
//
// Owns:   PathSearch: between which sizes it is, and the probe that is out.
// Knows:  RFC 4821 as Linux has it: a binary search between tcp_base_mss and what both ends take;
//         timeouts in a row mean a black hole (RFC 2923 §2.1) and halve the lower end.
// Sizes:  of IP packets, all headers counted.
// Not here: when a probe may leave (connection_path_search.cpp).
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "fairlead/config.hpp"
#include "fairlead/time.hpp"
#include "tcp/segment.hpp"

namespace fairlead::tcp {

class PathSearch {
public:
    bool is_on() const { return low_ != 0; }
    std::int64_t low() const { return low_; }  // a packet of so many bytes gets through
    bool has_probe() const { return probe_ != 0; }

    void begin(std::int64_t low, std::int64_t high, Instant now) {
        low_ = static_cast<std::uint32_t>(low);
        high_ = static_cast<std::uint32_t>(std::max(low, high));
        probe_ = 0;
        began_ = now;
    }
    // tcp_mtu_probing(): the lower end is thought to vanish as well. `headers`: of each packet.
    void halve(std::int64_t headers, const Config& config) {
        const std::int64_t mss = std::min(config.tcp_base_mss, (low_ - headers) / 2);
        const std::int64_t least = std::max(config.tcp_mtu_probe_floor, config.tcp_min_snd_mss);
        low_ = static_cast<std::uint32_t>(std::max(mss, least) + headers);
    }
    // The path says that nothing larger gets through.
    void limit(std::int64_t mtu) {
        high_ = std::min(high_, static_cast<std::uint32_t>(mtu));
        low_ = std::min(low_, high_);
    }

    // How large the next probe is; 0: the search has come to its end.
    std::int64_t next_size(const Config& config) const {
        if (high_ - low_ < config.tcp_probe_threshold) return 0;
        return (low_ + high_) / 2;
    }
    // tcp_mtu_check_reprobe(): the path may be another one by now.
    bool is_stale(const Config& config, Instant now) const {
        return now - began_ >= Duration::from_s(config.tcp_probe_interval);
    }

    void on_sent(std::int64_t size, Range bytes) {
        probe_ = static_cast<std::uint32_t>(size);
        bytes_ = bytes;
    }
    // Something was sent again: what becomes of the probe tells nothing.
    void forget_probe() { probe_ = 0; }
    enum class Verdict : std::uint8_t { None, ArrivedWhole, Lost };
    // `is_loss`: the oldest byte that is out was found to be lost.
    Verdict judge(Position una, bool is_loss) {
        if (probe_ == 0) return Verdict::None;
        if (una >= bytes_.end) {
            low_ = std::exchange(probe_, 0);
            return Verdict::ArrivedWhole;
        }
        if (!is_loss || una != bytes_.begin) return Verdict::None;
        high_ = std::exchange(probe_, 0) - 1;
        return Verdict::Lost;
    }

private:
    std::uint32_t low_ = 0;  // 0: none is sought
    std::uint32_t high_ = 0;
    std::uint32_t probe_ = 0;
    Range bytes_{};  // the probe's
    Instant began_{};
};

}  // namespace fairlead::tcp
