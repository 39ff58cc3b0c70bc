#include "tcp/key_chain.hpp"

#include <algorithm>

#include "wire/tcp_options.hpp"

namespace fairlead::tcp {
namespace {

bool matches(const MasterKey& key, const KeyIds& ids) {
    return (!ids.send || *ids.send == key.send_id) &&
           (!ids.receive || *ids.receive == key.receive_id);
}

// What either of two prefixes names: the shorter one decides.
bool overlaps(const Prefix& a, const Prefix& b) {
    const std::uint8_t length = std::min(a.length, b.length);
    return Prefix{a.address, length}.contains(b.address);
}

// Beside MSS, timestamps and window scale, each with its padding.
bool fits_a_syn(const MasterKey& key) {
    constexpr std::size_t kRoom = wire::TcpOptions::kMaxBytes - 4 - 12 - 4;
    const wire::SignatureOption option{.kind = wire::SignatureOption::Kind::Ao,
                                       .code_bytes = key.code_bytes};
    return option.room() <= kRoom;
}

}  // namespace

const TrafficKey& KeyChain::Key::traffic(const Direction& direction, bool is_ours) {
    Cached& kept = cached[is_ours ? 1 : 0];
    if (kept.key.size == 0 || kept.direction != direction) {
        kept = {.direction = direction, .key = traffic_key(*this, direction)};
    }
    return kept.key;
}

KeyChain::Key* KeyChain::find(const Prefix& peers, const KeyIds& ids) {
    const auto found = std::ranges::find_if(
        keys_, [&](const Key& k) { return matches(k, ids) && overlaps(k.peers, peers); });
    return found == keys_.end() ? nullptr : &*found;
}

KeyChain::Key* KeyChain::any(const KeyIds& ids) {
    const auto found = std::ranges::find_if(keys_, [&](const Key& k) { return matches(k, ids); });
    return found == keys_.end() ? nullptr : &*found;
}

KeyChain::Key* KeyChain::by_number(std::uint32_t number) {
    const auto found = std::ranges::find(keys_, number, &Key::number);
    return found == keys_.end() ? nullptr : &*found;
}

// RFC 5925 §3.1: where the peers are the same, the numbers may not be.
Result<void> KeyChain::add(const MasterKey& key, const KeysInUse& as) {
    if (find(key.peers, {.receive = key.receive_id}) != nullptr ||
        find(key.peers, {.send = key.send_id}) != nullptr) {
        return std::unexpected{Errc::Exists};
    }
    if (!fits_a_syn(key)) return std::unexpected{Errc::MessageTooLong};
    Key added{key};
    added.number = ++last_number_;
    keys_.insert(keys_.begin(), added);
    if (as.current) current_ = added.number;
    if (as.next) next_ = added.number;
    return {};
}

Result<std::uint32_t> KeyChain::named(std::optional<std::uint8_t> id, bool is_send,
                                      std::uint32_t otherwise) {
    if (!id) return otherwise;
    const Key* key = is_send ? any({.send = id}) : any({.receive = id});
    if (key == nullptr) return std::unexpected{Errc::NoSuchEntry};
    return key->number;
}

Result<void> KeyChain::remove(const KeyRemoval& removal) {
    const std::uint32_t current = FAIRLEAD_TRY(named(removal.instead.current, true, current_));
    const std::uint32_t next = FAIRLEAD_TRY(named(removal.instead.next, false, next_));
    const auto found = std::ranges::find_if(keys_, [&](const Key& k) {
        const bool is_chosen = (removal.instead.current && k.number == current) ||
                               (removal.instead.next && k.number == next);
        return k.peers == removal.peers && k.send_id == removal.send_id &&
               k.receive_id == removal.receive_id && !is_chosen;
    });
    if (found == keys_.end()) return std::unexpected{Errc::NoSuchEntry};
    if (!removal.is_for_listener) {
        // As Linux: they have changed, whether the key can go or not.
        current_ = current;
        next_ = next;
        if (found->number == current_ || found->number == next_) {
            return std::unexpected{Errc::Busy};
        }
    }
    keys_.erase(found);
    return {};
}

Result<void> KeyChain::set(const AuthenticationSettings& settings) {
    const std::uint32_t current = FAIRLEAD_TRY(named(settings.keys.current, true, current_));
    const std::uint32_t next = FAIRLEAD_TRY(named(settings.keys.next, false, next_));
    if (settings.counts) counts = *settings.counts;
    is_required_ = settings.is_required;
    accepts_icmps_ = settings.accepts_icmps;
    current_ = current;
    next_ = next;
    return {};
}

AuthenticationInfo KeyChain::info() const {
    AuthenticationInfo info{
        .is_required = is_required_, .accepts_icmps = accepts_icmps_, .counts = counts};
    for (const Key& k : keys_) {
        if (k.number == current_) info.keys.current = k.send_id;
        if (k.number == next_) info.keys.next = k.receive_id;
    }
    return info;
}

std::vector<MasterKeyInfo> KeyChain::list() const {
    std::vector<MasterKeyInfo> all;
    all.reserve(keys_.size());
    for (const Key& k : keys_) {
        all.push_back({.key = static_cast<const MasterKey&>(k),
                       .is_current = k.number == current_,
                       .is_next = k.number == next_,
                       .good = k.good,
                       .bad = k.bad});
    }
    return all;
}

void KeyChain::count_anew() {
    counts = {};
    for (Key& k : keys_) k.good = k.bad = 0;
}

void KeyChain::keep_only(const IpAddress& peer) {
    std::erase_if(keys_, [&](const Key& k) { return !k.peers.contains(peer); });
}

bool KeyChain::choose(const KeyIds& current, const KeyIds& next) {
    if (keys_.empty()) return false;
    const auto number = [&](const KeyIds& wanted) {
        const Key* key = any(wanted);
        return key != nullptr ? key->number : keys_.front().number;
    };
    if (by_number(current_) == nullptr) current_ = number(current);
    if (by_number(next_) == nullptr) next_ = number(next);
    return true;
}

}  // namespace fairlead::tcp
