// The annex of a connection, and the error queue in it.
#include <optional>

#include "base/bytes.hpp"
#include "ip/sent_frames.hpp"
#include "tcp/connection.hpp"
#include "tcp/statistics.hpp"

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
                        .offender = e.offender,
                        .when = env.now},
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

// sock_set_timestamping(): what numbers the bytes begins with a connection.
Result<void> Connection::set_timestamping(std::int64_t value, Environment& env) {
    if (!are_stamps(value)) return std::unexpected{Errc::InvalidArgument};
    const auto flags = static_cast<Stamps>(value);
    if (flags == 0 && !has_annex()) return {};
    Annex* annex = need_annex(env);
    if (annex == nullptr) return std::unexpected{Errc::NoBuffers};
    Stamping& stamping = annex->stamping;
    if ((flags & ~stamping.flags & kStampNumbered) != 0) {
        if (is_one_of(state_, State::Closed, State::Listen)) {
            return std::unexpected{Errc::InvalidArgument};
        }
        const bool is_from_written = (flags & kStampFromWritten) != 0;
        stamping.numbered_from = is_from_written ? sender_.written() : sender_.una();
    }
    if (!go_together(flags)) return std::unexpected{Errc::InvalidArgument};
    if ((flags & kStampOfClock) != 0) return std::unexpected{Errc::NotSupported};
    stamping.flags = flags;
    return {};
}

Result<void> Connection::stamp_written(Stamps wanted, Environment& env) {
    const Chunk* last = sender_.buffer().chunks().last();
    if ((wanted & kSendStamps) == 0 || last == nullptr) return {};
    Annex* annex = need_annex(env);
    if (annex == nullptr) return std::unexpected{Errc::NoBuffers};
    annex->stamping.marks.add(sender_.written() - 1, wanted, last->begin);
    return {};
}

// Whether it goes for the first time or again: Linux tells of each.
bool Connection::send_stamped(const OutSegment& out, Environment& env) {
    const Stamping& stamping = env.annexes.at(annex_)->stamping;
    if (stamping.marks.empty() || !follow_path(env)) return send(out, env);
    const Chunk& chunk = *out.chunk;
    std::optional<ip::SentFrames> watched;
    if ((stamping.flags & kStampOnly) == 0) {
        watched.emplace(env.network, path_, chunk.segments, env.now);
    }
    const ip::SentFrames* frames = watched ? &*watched : nullptr;
    const bool has_left = send(out, env);
    stamping.marks.for_each(chunk.range(), [&](const StampMarks::Mark& m) {
        if ((m.wanted & kStampScheduled) != 0) {
            tell_stamp(StampKind::Scheduled, m.byte,
                       frames != nullptr ? frames->whole() : statistics_beside(0, env), env,
                       frames);
        }
        if ((m.wanted & kStampSent) != 0) {
            const auto at = static_cast<std::size_t>(m.byte - chunk.begin);
            tell_stamp(StampKind::Sent, m.byte,
                       frames != nullptr ? frames->with_byte(at) : statistics_beside(0, env), env,
                       frames);
        }
    });
    return has_left;
}

namespace {

std::vector<std::byte> payload_of(const Chunk& chunk) {
    std::vector<std::byte> bytes;
    bytes.reserve(static_cast<std::size_t>(chunk.payload()));
    for (std::size_t i = 0; i < chunk.slice_count; ++i) {
        const Bytes part = chunk.slices[i].bytes();
        bytes.insert(bytes.end(), part.begin(), part.end());
    }
    return bytes;
}

}  // namespace

// What is acknowledged is gone afterwards.
void Connection::give_back_acked(Position end, Environment& env) {
    Stamping& stamping = env.annexes.at(annex_)->stamping;
    if (stamping.marks.empty() || (stamping.flags & kStampOnly) != 0) return;
    const Chunk* chunk = sender_.buffer().chunks().first();
    stamping.marks.for_each({Position{0}, end}, [&](const StampMarks::Mark& m) {
        if ((m.wanted & kStampAcked) == 0) return;
        while (chunk != nullptr && chunk->end <= m.byte) chunk = chunk->next;
        tell_stamp(StampKind::Acked, m.byte,
                   chunk == nullptr ? std::vector<std::byte>{} : payload_of(*chunk), env);
    });
    stamping.marks.forget_below(end);
}

void Connection::stamp_acked(std::uint8_t ttl, Environment& env) {
    StampMarks& marks = env.annexes.at(annex_)->stamping.marks;
    if (marks.empty()) return;
    marks.for_each({Position{0}, sender_.una()}, [&](const StampMarks::Mark& m) {
        if ((m.wanted & kStampAcked) == 0) return;
        tell_stamp(StampKind::Acked, m.byte, statistics_beside(ttl, env), env);
    });
    marks.forget_below(sender_.una());
}

std::vector<std::byte> Connection::statistics_beside(std::uint8_t ttl,
                                                     const Environment& env) const {
    const bool is_asked = (env.annexes.at(annex_)->stamping.flags & kStampStatistics) != 0;
    if (!is_asked) return {};
    return statistics(info(env), unacked(), env.now, ttl);
}

// __skb_tstamp_tx()
void Connection::tell_stamp(StampKind kind, Position byte, std::vector<std::byte> told,
                            Environment& env, const ip::SentFrames* frames) {
    if (is_orphan()) return;
    Annex& annex = *env.annexes.at(annex_);
    const Stamps flags = annex.stamping.flags;
    const bool is_alone = (flags & kStampOnly) != 0;
    // skb_may_tx_timestamp(): of who has no right to see what is on the wire.
    if (!is_alone && env.config.tstamp_allow_data == 0) return;
    const auto number = static_cast<std::uint32_t>(byte - annex.stamping.numbered_from);
    ErrorMessage message{.error = Errc::NoMessage,
                         .origin = ErrorOrigin::Timestamping,
                         .info = static_cast<std::uint32_t>(kind),
                         .data = (flags & kStampNumbered) != 0 ? number : 0,
                         .offender = is_alone ? IpAddress{} : key.local.address,
                         .when = env.now};
    if (frames != nullptr) frames->describe(message);
    annex.errors.push(message, std::move(told), static_cast<std::size_t>(env.config.tcp_rmem[1]));
    if (filing.woken == 0) env.woken.push_back(socket_);
    filing.woken |= kError;
}

// The bytes were copied as they were written, so that the caller has them back at once: as in Linux
// where a device cannot gather.
void Connection::complete_zero_copy(Environment& env) {
    Annex* annex = need_annex(env);
    if (annex == nullptr) return;
    annex->errors.complete(annex->zero_copies++, static_cast<std::size_t>(env.config.tcp_rmem[1]));
}

}  // namespace fairlead::tcp
