// What the path of a connection, and what its route says, mean for it.
#include <algorithm>

#include "tcp/connection.hpp"

namespace fairlead::tcp {
namespace {

constexpr std::uint32_t kMostFirstWindow = 65535;

}  // namespace

void Connection::set_path(const ip::Path& path, Environment& env) {
    path_ = path;
    note_queue(env);
    note_options(env);
    const std::uint16_t mss = mss_of_mtu(path.mtu, key.remote.address.is_v4(), options.max_segment);
    receiver_.set_advertised_mss(announced_mss(env));
    sender_.set_mss(std::min<std::uint16_t>(mss, kDefaultMss));
    receiver_.policy().set_always_quick(hints(env).is_quick);
}

// fq_classify(): where the device's queue paces, every connection is paced.
void Connection::note_queue(Environment& env) {
    const bool is_held = env.network.holds_departures(path_.interface);
    if (is_held || sender_.pacer() != nullptr) sender_.hold_departures(is_held, send_context(env));
}

void Connection::note_options(Environment& env) {
    const bool is_on = env.signatures.is_on();
    const auto option = is_on ? env.signatures.option_of(key) : std::nullopt;
    signature_words_ = option ? option->room() / 4 & 7 : 0;
    const auto* in_header = env.header_options.is_on() ? env.header_options.of(key) : nullptr;
    header_option_words_ = in_header != nullptr ? in_header->bytes / 4 & 15 : 0;
}

// Linux's dst_check(), asked by whatever is sent. The path may have become narrower, or is as wide as it
// was before somebody said that it was not (RFC 1191 §6.3). What is out may arrive all the same.
bool Connection::take_new_path(Environment& env) {
    const auto path =
        env.network.find_path(env.header_options.first_hop(key), key.local.address, options.device);
    if (!path) return false;
    const std::uint32_t before = path_.mtu;
    path_ = static_cast<const ip::Path&>(*path);
    note_queue(env);
    receiver_.policy().set_always_quick(hints(env).is_quick);
    if (path_.mtu == before) return true;
    if (!is_synchronized(state_)) {
        path_.mtu = std::min(path_.mtu, before);
        return true;
    }
    sender_.set_mss(path_mss(env));
    return true;
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
std::int32_t Connection::hinted_first_window(const Environment& env) const {
    const std::uint32_t said = hints(env).initcwnd;
    return said == 0 ? kInitialWindow : static_cast<std::int32_t>(std::min(said, kMostFirstWindow));
}

}  // namespace fairlead::tcp
