// tcp/key_chain.hpp — the keys of TCP-AO that a socket has (RFC 5925 §3), and which of them are in use.
//
// Owns:   KeyChain: master keys, newest first as Linux lists them, what was counted, the two in use.
// Rules:  Linux's tcp_ao_add_cmd(), tcp_ao_del_cmd(), tcp_ao_info_cmd() and their errors; what depends on
//         a socket's state is asked before (layer_authentication.cpp).
// Not here: the flows that are signed with them (tcp/signature.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "fairlead/authentication.hpp"
#include "fairlead/error.hpp"
#include "tcp/traffic_key.hpp"

namespace fairlead::tcp {

// Nothing: any.
struct KeyIds {
    std::optional<std::uint8_t> send{};
    std::optional<std::uint8_t> receive{};
};

class KeyChain {
public:
    struct Key : MasterKey {
        std::uint32_t number = 0;  // its own in this chain, for ever; never 0
        std::uint64_t good = 0;
        std::uint64_t bad = 0;
        // Those that were used last: a connection has one of each.
        struct Cached {
            Direction direction{};
            TrafficKey key{};
        };
        std::array<Cached, 2> cached{};

        const TrafficKey& traffic(const Direction& direction, bool is_ours);
    };
    // Exists: another of these numbers is for some of these peers. MessageTooLong: for a SYN.
    Result<void> add(const MasterKey& key, const KeysInUse& as);
    // NoSuchEntry; Busy: it is in use.
    Result<void> remove(const KeyRemoval& removal);
    Result<void> set(const AuthenticationSettings& settings);
    AuthenticationInfo info() const;
    std::vector<MasterKeyInfo> list() const;

    // The newest that is meant; null: there is none.
    Key* find(const Prefix& peers, const KeyIds& ids);
    Key* find(const IpAddress& peer, const KeyIds& ids = {}) {
        return find(Prefix{peer, kWholeAddress}, ids);
    }
    Key* any(const KeyIds& ids);
    Key* current() { return by_number(current_); }
    Key* next() { return by_number(next_); }
    void set_current(const Key& key) { current_ = key.number; }

    // connect(), and a connection that is accepted: no others can be meant any more.
    void keep_only(const IpAddress& peer);
    void count_anew();
    // Where the application has not said: false: there is no key at all.
    bool choose(const KeyIds& current, const KeyIds& next);

    bool is_required() const { return is_required_; }
    bool accepts_icmps() const { return accepts_icmps_; }
    bool is_empty() const { return keys_.empty(); }
    AuthenticationCounts counts{};

private:
    static constexpr std::uint8_t kWholeAddress = 255;

    Key* by_number(std::uint32_t number);
    Result<std::uint32_t> named(std::optional<std::uint8_t> id, bool is_send,
                                std::uint32_t otherwise);

    std::vector<Key> keys_;
    std::uint32_t last_number_ = 0;
    std::uint32_t current_ = 0;  // 0: not chosen yet
    std::uint32_t next_ = 0;
    bool is_required_ = false;
    bool accepts_icmps_ = false;
};

}  // namespace fairlead::tcp
