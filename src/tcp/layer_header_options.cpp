// Options in the header of IPv4: IP_OPTIONS, and the route that a SYN came by. RFC 9293 §3.9.2.1.
#include <algorithm>

#include "tcp/layer.hpp"

namespace fairlead::tcp {

// RFC 9293 MUST-51
Result<void> Layer::set_header_options(Connection& c, Bytes given) {
    const auto options = wire::compile_header_options(given);
    if (!options) return std::unexpected{Errc::InvalidArgument};
    header_options_.set(connections_.index_of(&c), *options);
    if (!c.filing.is_hashed) return {};
    header_options_.unbind(c.key);
    bind_header_options(c);
    c.note_options(env_);
    c.forget_path();
    return {};
}

std::size_t Layer::header_options(const Connection& c, MutableBytes into) const {
    const wire::HeaderOptions* options = header_options_.of(connections_.index_of(&c));
    if (options == nullptr) return 0;
    std::array<std::byte, wire::HeaderOptions::kMostBytes> all{};
    const Bytes given = options->given(all);
    const std::size_t bytes = std::min(given.size(), into.size());
    std::ranges::copy(given.first(bytes), into.begin());
    return bytes;
}

IpAddress Layer::first_hop(const Connection& c, const IpAddress& peer) const {
    if (!header_options_.is_on() || !peer.is_v4()) return peer;
    const wire::HeaderOptions* options = header_options_.of(connections_.index_of(&c));
    return options != nullptr && options->has_route() ? options->first_hop : peer;
}

// RFC 9293 MUST-52: of a connection that is opened from here nothing else is ever asked.
void Layer::bind_header_options(const Connection& c) {
    if (!header_options_.is_on() || !c.key.remote.address.is_v4()) return;
    const wire::HeaderOptions* options = header_options_.of(connections_.index_of(&c));
    if (options != nullptr) header_options_.bind(c.key, wire::HeaderOptions{*options});
}

void Layer::bind_way_back(const Parsed& p, const ip::Incoming& in) {
    const wire::HeaderOptions* back = env_.network.way_back(in);
    if (back != nullptr) header_options_.bind(p.key, *back);
}

}  // namespace fairlead::tcp
