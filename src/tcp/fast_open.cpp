#include "tcp/fast_open.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace fairlead::tcp {
namespace {

constexpr std::uint8_t kCookieBytes = 8;

std::uint64_t little_endian(std::uint64_t value) {
    return std::endian::native == std::endian::big ? std::byteswap(value) : value;
}

std::uint64_t word_at(const IpAddress& a, std::size_t at) {
    std::uint64_t word = 0;
    std::memcpy(&word, a.bytes().data() + at, sizeof word);
    return little_endian(word);
}

}  // namespace

FastOpenSecrets secrets_of(const FastOpenKeys& keys) {
    FastOpenSecrets out{.count = keys.count};
    for (std::size_t i = 0; i < keys.count; ++i) {
        const auto& w = keys.words[i];
        out.keys[i] = {std::uint64_t{w[1]} << 32 | w[0], std::uint64_t{w[3]} << 32 | w[2]};
    }
    return out;
}

// RFC 7413 REQ-4.1.2
FastOpenCookie make_cookie(const SipKey& key, const IpAddress& client, const IpAddress& server) {
    std::uint64_t hash = 0;
    if (client.is_v4()) {
        constexpr std::size_t kV4At = 12;
        std::array<std::uint8_t, 8> both{};
        std::ranges::copy(client.bytes().begin() + kV4At, client.bytes().end(), both.begin());
        std::ranges::copy(server.bytes().begin() + kV4At, server.bytes().end(), both.begin() + 4);
        hash = siphash_2_4(key, both);
    } else {
        siphash::State state{key};
        for (const IpAddress* a : {&client, &server}) {
            state.add<2>(word_at(*a, 0));
            state.add<2>(word_at(*a, 8));
        }
        state.add<2>(std::uint64_t{32} << 56);  // the length of both
        hash = state.finish<4>();
    }
    FastOpenCookie cookie{.size = kCookieBytes};
    hash = little_endian(hash);
    std::memcpy(cookie.bytes.data(), &hash, sizeof hash);
    return cookie;
}

FastOpenAnswer judge_fast_open(const FastOpenSyn& syn, bool needs_no_cookie,
                               const FastOpenSecrets& secrets) {
    if (needs_no_cookie) return {.verdict = FastOpenVerdict::Accept};
    if (!syn.option || secrets.count == 0) return {};
    FastOpenAnswer out{.cookie = make_cookie(secrets.keys[0], syn.client, syn.server)};
    out.cookie.is_experimental = syn.option->is_experimental;
    if (syn.option->cookie.empty()) {
        out.verdict = FastOpenVerdict::GiveCookie;
        return out;
    }
    const auto is_of = [&](const FastOpenCookie& good) {
        return std::ranges::equal(good.view(), syn.option->cookie);
    };
    if (is_of(out.cookie)) return {.verdict = FastOpenVerdict::Accept};
    const bool is_old =
        secrets.count > 1 && is_of(make_cookie(secrets.keys[1], syn.client, syn.server));
    out.verdict = is_old ? FastOpenVerdict::AcceptOld : FastOpenVerdict::Refuse;
    return out;
}

// tcp_fastopen_cookie_check(), and what of tcp_fastopen_cache_get() goes before it.
FastOpenPlan plan_fast_open(const FastOpenMemory* known, bool is_paused, bool needs_no_cookie) {
    FastOpenPlan plan{.mss = known != nullptr ? known->mss : std::uint16_t{0}};
    if (is_paused) return plan;
    plan.has_data = needs_no_cookie;
    if (needs_no_cookie) return plan;
    FastOpenCookie& cookie = plan.option.emplace();
    if (known == nullptr) return plan;
    cookie = known->cookie;
    if (cookie.size == 0 && known->form_to_try == 1) cookie.is_experimental = true;
    plan.has_data = cookie.size > 0;
    return plan;
}

// tcp_rcv_fastopen_synack(), tcp_fastopen_cache_set()
void learn(FastOpenMemory& memory, const FastOpenReply& reply, const FastOpen& sent, Instant now) {
    const bool was_experimental = sent.plan.option && sent.plan.option->is_experimental;
    const bool is_given = sent.has_asked && reply.option && !reply.option->cookie.empty();
    memory.mss = reply.mss;
    if (is_given) {
        const Bytes cookie = reply.option->cookie;
        memory.cookie = {.size = static_cast<std::uint8_t>(cookie.size()),
                         .is_experimental = reply.option->is_experimental};
        std::ranges::copy(cookie, memory.cookie.bytes.begin());
    } else if (sent.has_asked && !reply.was_repeated && !reply.option && !sent.has_syn_data &&
               memory.cookie.size == 0 && !memory.cookie.is_experimental) {
        const std::uint8_t next = was_experimental ? 2 : 1;
        memory.form_to_try = std::max(memory.form_to_try, next);
    }
    // The first SYN was lost, or its answer was: what went through is the one without data.
    const bool is_lost =
        sent.has_asked && reply.was_repeated && !reply.option && reply.is_data_left;
    memory.syn_losses =
        is_lost ? static_cast<std::uint16_t>(memory.syn_losses + 1) : std::uint16_t{0};
    if (is_lost) memory.last_syn_loss = now;
}

bool FastOpenPause::begin(std::int64_t seconds, Instant now) {
    if (seconds == 0) return false;
    since_ = now;
    ++times_;
    return true;
}

bool FastOpenPause::is_on(std::int64_t seconds, Instant now) const {
    constexpr int kMostDoublings = 6;
    if (!is_on_trial(seconds)) return false;
    const int doublings = std::min(times_ - 1, kMostDoublings);
    return now < since_ + Duration::from_s(seconds << doublings);
}

}  // namespace fairlead::tcp
