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

}  // namespace fairlead::tcp
