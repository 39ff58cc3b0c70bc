// What an application sets of Fast Open: RFC 7413 §4, Linux's options.
#include <algorithm>
#include <cstring>

#include "base/bytes.hpp"
#include "tcp/layer.hpp"

namespace fairlead::tcp {
namespace {

constexpr std::size_t kKeyBytes = 16;

std::uint32_t word_at(Bytes bytes, std::size_t at) {
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < sizeof word; ++i) {
        word |= std::to_integer<std::uint32_t>(bytes[at + i]) << (8 * i);
    }
    return word;
}

}  // namespace

Result<void> Layer::set_fast_open(Connection& c, Option option, std::int64_t value) {
    const bool is_closed = c.state() == State::Closed;
    const bool is_unconnected = is_closed || c.state() == State::Listen;
    const bool is_flag = value == 0 || value == 1;
    switch (option) {
        case Option::FastOpen:
            if (value < 0 || !is_unconnected) return std::unexpected{Errc::InvalidArgument};
            break;
        case Option::FastOpenConnect:
            if (!is_flag) return std::unexpected{Errc::InvalidArgument};
            if ((config_.tcp_fastopen & kFastOpenClient) == 0) {
                return std::unexpected{Errc::NotSupported};
            }
            if (!is_closed) return std::unexpected{Errc::InvalidArgument};
            break;
        default:
            if (!is_flag || !is_unconnected) return std::unexpected{Errc::InvalidArgument};
            break;
    }
    FastOpen* f = c.need_fast_open(env_);
    if (f == nullptr) return std::unexpected{Errc::NoBuffers};
    switch (option) {
        case Option::FastOpen:
            f->queue.limit = static_cast<std::int32_t>(std::min(value, config_.somaxconn));
            break;
        case Option::FastOpenConnect: f->connects_late = value != 0; break;
        default: f->needs_no_cookie = value != 0; break;
    }
    return {};
}

std::int64_t Layer::fast_open(const Connection& c, Option option) const {
    const FastOpen* f = c.fast_open(env_);
    if (f == nullptr) return 0;
    switch (option) {
        case Option::FastOpen: return f->queue.limit;
        case Option::FastOpenConnect: return f->connects_late;
        default: return f->needs_no_cookie;
    }
}

Result<void> Layer::set_fast_open_key(Connection& c, Bytes key) {
    if (key.size() != kKeyBytes && key.size() != 2 * kKeyBytes) {
        return std::unexpected{Errc::InvalidArgument};
    }
    FastOpen* f = c.need_fast_open(env_);
    if (f == nullptr) return std::unexpected{Errc::NoBuffers};
    f->keys = {.count = static_cast<std::uint8_t>(key.size() / kKeyBytes)};
    for (std::size_t i = 0; i < key.size(); i += sizeof(std::uint32_t)) {
        f->keys.words[i / kKeyBytes][i % kKeyBytes / sizeof(std::uint32_t)] = word_at(key, i);
    }
    return {};
}

FastOpenKeys Layer::own_fast_open_keys() const {
    const auto word = [](std::uint64_t half, int shift) {
        return static_cast<std::uint32_t>(half >> shift);
    };
    const SipKey& own = fast_open_secret_;
    return {.words = {{{word(own.k0, 0), word(own.k0, 32), word(own.k1, 0), word(own.k1, 32)}}},
            .count = 1};
}

std::size_t Layer::fast_open_key(const Connection& c, MutableBytes into) const {
    const FastOpen* f = c.fast_open(env_);
    const FastOpenKeys& keys =
        f != nullptr && f->keys.count > 0 ? f->keys : config_.tcp_fastopen_key;
    const std::size_t n = std::min(into.size(), keys.count * kKeyBytes);
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint32_t word = keys.words[i / kKeyBytes][i % kKeyBytes / sizeof(std::uint32_t)];
        into[i] = static_cast<std::byte>(word >> (8 * (i % sizeof word)));
    }
    return n;
}

// tcp_fastopen_defer_connect(), tcp_send_syn_data()
bool Layer::start_fast_open(Connection& c, SynData* data) {
    FastOpen* f = c.fast_open(env_);
    if (data == nullptr && (f == nullptr || !f->connects_late)) return false;
    f = c.need_fast_open(env_);
    if (f == nullptr) return false;
    const std::int64_t rest = config_.tcp_fastopen_blackhole_timeout_sec;
    const bool is_paused = fast_open_pause_.is_on(rest, env_.now);
    f->is_trial = !is_paused && fast_open_pause_.is_on_trial(rest);
    const bool needs_none =
        f->needs_no_cookie || (config_.tcp_fastopen & kFastOpenClientNoCookie) != 0;
    const Destination* known = metrics_.find(c.key.local.address, c.key.remote.address, env_.now);
    const FastOpenPlan plan =
        plan_fast_open(known == nullptr ? nullptr : &known->fast_open, is_paused, needs_none);
    if (data == nullptr && plan.has_data) {
        f->is_deferred = true;
        return true;
    }
    const std::size_t taken = c.open_fast(plan, data == nullptr ? Bytes{} : data->bytes, env_);
    if (data != nullptr) data->taken = taken;
    return false;
}

Result<std::size_t> Layer::send_fast_open(Connection& c, const Endpoint& peer, Bytes bytes) {
    if ((config_.tcp_fastopen & kFastOpenClient) == 0) return std::unexpected{Errc::NotSupported};
    SynData data{.bytes = bytes};
    const Result<void> begun = connect(c, peer, &data);
    if (!begun && begun.error() != Errc::InProgress) return std::unexpected{begun.error()};
    return data.taken;
}

Result<std::size_t> Layer::send_deferred(Connection& c, Bytes bytes) {
    SynData data{.bytes = bytes};
    c.fast_open(env_)->is_deferred = false;
    start_fast_open(c, &data);
    make_ready(c);
    if (data.taken == 0) return std::unexpected{Errc::WouldBlock};
    return data.taken;
}

// tcp_fastopen_active_disable_ofo_check(): what was lost before the end, and what came of the first
// attempt after a pause. The host itself proves nothing of a path.
void Layer::judge_end(Connection& c) {
    const FastOpen& f = *c.fast_open(env_);
    if (f.is_client() && c.has_heard_fin_alone()) return c.pause_fast_open(env_);
    if (f.has_asked && f.is_trial && c.has_heard_data() && !c.key.remote.address.is_loopback()) {
        fast_open_pause_.forgive();
    }
}

}  // namespace fairlead::tcp
