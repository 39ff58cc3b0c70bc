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

}  // namespace fairlead::tcp
