// What the path of a connection, and what its route says, mean for it.
#include <algorithm>

#include "tcp/connection.hpp"

namespace fairlead::tcp {
namespace {

constexpr std::uint32_t kMostFirstWindow = 65535;

}  // namespace

void Connection::set_path(const ip::Path& path, Environment& env) {
    path_ = path;
    const std::uint16_t mss = mss_of_mtu(path.mtu, key.remote.address.is_v4(), options.max_segment);
    receiver_.set_advertised_mss(announced_mss(env));
    sender_.set_mss(std::min<std::uint16_t>(mss, kDefaultMss));
    receiver_.policy().set_always_quick(hints(env).is_quick);
}

std::uint16_t Connection::announced_mss(Environment& env) const {
    return tcp::announced_mss(hints(env).advmss, path_.mtu, key.remote.address.is_v4(),
                              options.max_segment);
}

// tcp_rto_min()
Duration Connection::lowest_rto(const Environment& env) const {
    const Duration said = hints(env).rto_min;
    return said.is_zero() ? Duration::from_us(env.config.tcp_rto_min_us) : said;
}

// tcp_init_cwnd()
std::int32_t Connection::first_window(Environment& env) const {
    const std::uint32_t said = hints(env).initcwnd;
    return said == 0 ? kInitialWindow : static_cast<std::int32_t>(std::min(said, kMostFirstWindow));
}

}  // namespace fairlead::tcp
