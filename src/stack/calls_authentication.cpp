// TCP-AO: the calls of a socket. What they mean is in tcp/layer_authentication.cpp.
#include "stack/authentication_input.hpp"
#include "stack/core.hpp"

namespace fairlead {

Result<void> Stack::add_key(SocketId socket, const MasterKey& key, const KeysInUse& as) {
    core_->record([&] { return add_key_input(socket, key, as); });
    socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return std::unexpected{Errc::NoSuchOption};
    return core_->tcp.add_key(*s.connection, key, as);
}

Result<void> Stack::remove_key(SocketId socket, const KeyRemoval& removal) {
    core_->record([&] { return remove_key_input(socket, removal); });
    socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return std::unexpected{Errc::NoSuchOption};
    return core_->tcp.remove_key(*s.connection, removal);
}

Result<void> Stack::set_authentication(SocketId socket, const AuthenticationSettings& settings) {
    std::vector<std::byte> scratch;
    core_->record([&] { return set_authentication_input(socket, settings, scratch); });
    socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return std::unexpected{Errc::NoSuchOption};
    return core_->tcp.set_authentication(*s.connection, settings);
}

Result<AuthenticationInfo> Stack::authentication(SocketId socket) const {
    const socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return std::unexpected{Errc::NoSuchOption};
    const auto* chain = core_->tcp.key_chain(*s.connection);
    if (chain == nullptr) return std::unexpected{Errc::NoSuchEntry};
    return chain->info();
}

Result<std::vector<MasterKeyInfo>> Stack::keys(SocketId socket) const {
    const socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return std::unexpected{Errc::NoSuchOption};
    const auto* chain = core_->tcp.key_chain(*s.connection);
    if (chain == nullptr) return std::unexpected{Errc::NoSuchEntry};
    return chain->list();
}

}  // namespace fairlead
