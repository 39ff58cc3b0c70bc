// The annex of a connection, and the error queue in it.
#include "base/bytes.hpp"
#include "tcp/connection.hpp"

namespace fairlead::tcp {

Annex* Connection::need_annex(Environment& env) {
    if (annex_ == AnnexPool::kNone) {
        Annex* made = env.annexes.make();
        if (made == nullptr) return nullptr;
        annex_ = env.annexes.index_of(made);
    }
    return env.annexes.at(annex_);
}

// ip_icmp_error(): of an attempt to connect that an error ends. What comes later is a hint alone, or
// the pending error of who asked for it, as in Linux.
void Connection::queue_error(const ip::IcmpError& e, Environment& env) {
    const bool is_v4 = e.offender.is_v4();
    if (!is_v4 && !options.receive_error) return;
    Annex* annex = is_orphan() ? nullptr : need_annex(env);
    if (annex == nullptr) return;
    std::vector<std::byte> bytes{e.transport.begin(), e.transport.end()};
    bytes.insert(bytes.end(), e.rest.begin(), e.rest.end());
    annex->errors.push({.error = e.error,
                        .origin = is_v4 ? ErrorOrigin::Icmp : ErrorOrigin::Icmp6,
                        .type = e.type,
                        .code = e.code,
                        .info = e.mtu,
                        .to = key.remote,
                        .offender = e.offender},
                       std::move(bytes), static_cast<std::size_t>(env.config.tcp_rmem[1]));
}

std::optional<ErrorMessage> Connection::receive_error(MutableBytes into, Environment& env) {
    if (!has_annex()) return std::nullopt;
    ip::ErrorQueue& errors = env.annexes.at(annex_)->errors;
    const auto message = errors.take(into);
    if (!message) return std::nullopt;
    if (const auto error = errors.error_after(*message)) error_ = *error;
    return message;
}

// The bytes were copied as they were written, so that the caller has them back at once: as in Linux
// where a device cannot gather.
void Connection::complete_zero_copy(Environment& env) {
    Annex* annex = need_annex(env);
    if (annex == nullptr) return;
    annex->errors.complete(annex->zero_copies++, static_cast<std::size_t>(env.config.tcp_rmem[1]));
}

}  // namespace fairlead::tcp
