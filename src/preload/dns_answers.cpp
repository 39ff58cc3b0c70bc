// What is asked for, and what the answers say.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include <netdb.h>
#include <sys/random.h>

#include "preload/dns.hpp"

namespace fairlead::preload::dns {
namespace {

constexpr std::size_t kMostAnswer = 65535;
constexpr unsigned char kCodeMask = 0x0f;
using Name = std::array<char, NS_MAXDNAME>;

// As the C library has read it from resolv.conf.
class Settings {
public:
    Settings() { is_read_ = ::res_ninit(&state_) == 0; }
    Settings(const Settings&) = delete;
    Settings& operator=(const Settings&) = delete;
    ~Settings() {
        if (is_read_) ::res_nclose(&state_);
    }
    explicit operator bool() const { return is_read_; }
    State& state() { return state_; }

private:
    State state_{};
    bool is_read_ = false;
};

std::size_t write_question(State& state, const char* name, int kind, int type,
                           std::span<unsigned char> into) {
    const int size = ::res_nmkquery(&state, ns_o_query, name, kind, type, nullptr, 0, nullptr,
                                    into.data(), static_cast<int>(into.size()));
    if (size < NS_HFIXEDSZ) return 0;
    // A number that nobody can guess (RFC 5452 §9.2), where there is one.
    (void)!::getrandom(into.data(), NS_INT16SZ, GRND_NONBLOCK);
    return static_cast<std::size_t>(size);
}

// Where we are in an answer; it is not read past its end.
class Reader {
public:
    explicit Reader(Message message)
        : begin_{message.data()}, end_{begin_ + message.size()}, at_{begin_} {}

    bool is_good() const { return is_good_; }
    std::size_t number(std::size_t bytes) {
        std::size_t value = 0;
        for (const unsigned char byte : take(bytes)) {
            value = value << 8 | byte;
        }
        return value;
    }
    Message take(std::size_t bytes) {
        is_good_ = is_good_ && bytes <= static_cast<std::size_t>(end_ - at_);
        if (!is_good_) return {};
        at_ += bytes;
        return {at_ - bytes, bytes};
    }
    void name(Name& into) {
        const int size = is_good_ ? ::dn_expand(begin_, end_, at_, into.data(), NS_MAXDNAME) : -1;
        is_good_ = size >= 0;
        if (is_good_) at_ += size;
    }
    // One that lies in what was taken.
    bool name_in(Message taken, Name& into) const {
        const unsigned char* end = taken.data() + taken.size();
        return ::dn_expand(begin_, end, taken.data(), into.data(), NS_MAXDNAME) >= 0;
    }

private:
    const unsigned char* begin_;
    const unsigned char* end_;
    const unsigned char* at_;
    bool is_good_ = true;
};

bool is_same(const Name& a, const Name& b) { return ::strcasecmp(a.data(), b.data()) == 0; }

void keep(Message bytes, int type, Found& found) {
    Address address{.family = type == ns_t_a ? AF_INET : AF_INET6};
    if (bytes.size() != address.size() || found.count == found.addresses.size()) return;
    std::memcpy(address.bytes.data(), bytes.data(), bytes.size());
    found.addresses[found.count++] = address;
}

// Records of `type` for the name that was asked for, by whatever aliases. For PTR the first's name.
Outcome read_records(Message answer, int type, Found& found) {
    Reader reader{answer};
    (void)reader.take(NS_HFIXEDSZ / 2 - NS_INT16SZ);
    std::size_t questions = reader.number(NS_INT16SZ);
    std::size_t records = reader.number(NS_INT16SZ);
    (void)reader.take(2 * NS_INT16SZ);
    Name wanted{};
    for (; questions > 0 && reader.is_good(); --questions) {
        reader.name(wanted);
        (void)reader.take(NS_QFIXEDSZ);
    }
    bool is_any = false;
    for (; records > 0; --records) {
        Name owner{};
        reader.name(owner);
        const auto is = static_cast<int>(reader.number(NS_INT16SZ));
        const auto kind = static_cast<int>(reader.number(NS_INT16SZ));
        (void)reader.take(NS_INT32SZ);
        const Message data = reader.take(reader.number(NS_INT16SZ));
        if (!reader.is_good()) break;
        if (kind != ns_c_in || !is_same(owner, wanted)) continue;
        if (is == ns_t_cname) {
            if (!reader.name_in(data, wanted)) break;
        } else if (is == type && type == ns_t_ptr) {
            return reader.name_in(data, found.name) ? Outcome::Found : Outcome::Failed;
        } else if (is == type) {
            keep(data, type, found);
            is_any = true;
        }
    }
    if (is_any) found.name = wanted;
    return is_any ? Outcome::Found : Outcome::NoData;
}

Outcome outcome_of(const Question& question) {
    if (question.size == 0) return Outcome::Again;
    if (question.answer.size() < NS_HFIXEDSZ) return Outcome::Failed;
    switch (question.answer[3] & kCodeMask) {
        case ns_r_noerror: return Outcome::Found;
        case ns_r_nxdomain: return Outcome::NoName;
        case ns_r_servfail: return Outcome::Again;
        default: return Outcome::Failed;
    }
}

struct Asked {
    std::array<unsigned char, NS_PACKETSZ> sent{};
    std::vector<unsigned char> answer = std::vector<unsigned char>(kMostAnswer);
};

Outcome ask(State& state, const char* name, std::span<const int> types, Found& found) {
    std::array<Asked, 2> asked;
    std::array<Question, 2> questions;
    const auto all = std::span{questions}.first(types.size());
    for (std::size_t i = 0; i < types.size(); ++i) {
        const std::size_t size = write_question(state, name, ns_c_in, types[i], asked[i].sent);
        if (size == 0) return Outcome::NoName;
        questions[i] = {.sent = Message{asked[i].sent}.first(size), .answer = asked[i].answer};
    }
    ask_servers(state, all);
    Outcome whole = Outcome::NoName;
    for (std::size_t i = 0; i < types.size(); ++i) {
        Outcome one = outcome_of(questions[i]);
        if (one == Outcome::Found) {
            const std::size_t size = std::min(questions[i].size, kMostAnswer);
            one = read_records(Message{asked[i].answer}.first(size), types[i], found);
        }
        whole = std::min(whole, one);
    }
    return whole;
}

// Names as they are to be asked for, one after the other, until one is found.
template <typename F>
Outcome each_candidate(State& state, const char* name, F&& asks) {
    const std::string_view text{name};
    const auto dots = static_cast<unsigned>(std::ranges::count(text, '.'));
    const bool is_absolute = text.ends_with('.');
    const bool is_first = is_absolute || dots >= state.ndots;
    std::optional<Outcome> as_it_is;
    bool has_no_data = false;
    if (is_first) {
        as_it_is = asks(name);
        if (*as_it_is == Outcome::Found || *as_it_is == Outcome::Again || is_absolute) {
            return *as_it_is;
        }
        has_no_data = *as_it_is == Outcome::NoData;
    }
    const bool searches =
        dots == 0 ? (state.options & RES_DEFNAMES) != 0 : (state.options & RES_DNSRCH) != 0;
    for (char** domain = state.dnsrch; searches && *domain != nullptr; ++domain) {
        Name full{};
        const int size = std::snprintf(full.data(), full.size(), "%s.%s", name, *domain);
        if (size < 0 || static_cast<std::size_t>(size) >= full.size()) continue;
        const Outcome outcome = asks(full.data());
        if (outcome == Outcome::Found || outcome == Outcome::Again) return outcome;
        has_no_data = has_no_data || outcome == Outcome::NoData;
    }
    if (!as_it_is) as_it_is = asks(name);
    return *as_it_is != Outcome::Found && has_no_data ? Outcome::NoData : *as_it_is;
}

}  // namespace

int as_h_errno(Outcome outcome) {
    switch (outcome) {
        case Outcome::Found: return NETDB_SUCCESS;
        case Outcome::NoName: return HOST_NOT_FOUND;
        case Outcome::NoData: return NO_DATA;
        case Outcome::Again: return TRY_AGAIN;
        case Outcome::Failed: break;
    }
    return NO_RECOVERY;
}

void find_addresses(const char* name, int family, Found& found) {
    static constexpr std::array<int, 2> kTypes{ns_t_a, ns_t_aaaa};
    const std::span<const int> types = family == AF_UNSPEC  ? std::span{kTypes}
                                       : family == AF_INET6 ? std::span{kTypes}.last(1)
                                                            : std::span{kTypes}.first(1);
    Settings settings;
    found.outcome = !settings ? Outcome::Failed
                              : each_candidate(settings.state(), name, [&](const char* candidate) {
                                    return ask(settings.state(), candidate, types, found);
                                });
}

void find_name(const Address& address, Found& found) {
    Name name{};
    char* at = name.data();
    const auto left = [&] { return static_cast<std::size_t>(name.data() + name.size() - at); };
    for (std::size_t i = address.size(); i > 0; --i) {
        const auto byte = static_cast<unsigned>(address.bytes[i - 1]);
        at += address.family == AF_INET
                  ? std::snprintf(at, left(), "%u.", byte)
                  : std::snprintf(at, left(), "%x.%x.", byte & 0xf, byte >> 4);
    }
    std::snprintf(at, left(), "%s", address.family == AF_INET ? "in-addr.arpa" : "ip6.arpa");
    static constexpr std::array<int, 1> kType{ns_t_ptr};
    Settings settings;
    found.outcome = settings ? ask(settings.state(), name.data(), kType, found) : Outcome::Failed;
}

int query(State& state, const char* name, int kind, int type, std::span<unsigned char> into) {
    std::array<unsigned char, NS_PACKETSZ> sent{};
    const std::size_t size = write_question(state, name, kind, type, sent);
    Question question{.sent = Message{sent}.first(size), .answer = into};
    Outcome outcome = Outcome::Failed;
    if (size > 0) {
        ask_servers(state, {&question, 1});
        outcome = outcome_of(question);
    }
    // Without a record it is the name that has nothing of this type.
    const bool is_bare = outcome == Outcome::Found && into[6] == 0 && into[7] == 0;
    if (is_bare) outcome = Outcome::NoData;
    state.res_h_errno = as_h_errno(outcome);
    h_errno = state.res_h_errno;
    return outcome == Outcome::Found ? static_cast<int>(question.size) : -1;
}

int search(State& state, const char* name, int kind, int type, std::span<unsigned char> into) {
    int size = -1;
    const Outcome outcome = each_candidate(state, name, [&](const char* candidate) {
        size = query(state, candidate, kind, type, into);
        if (size >= 0) return Outcome::Found;
        switch (h_errno) {
            case HOST_NOT_FOUND: return Outcome::NoName;
            case NO_DATA: return Outcome::NoData;
            case TRY_AGAIN: return Outcome::Again;
            default: return Outcome::Failed;
        }
    });
    state.res_h_errno = as_h_errno(outcome);
    h_errno = state.res_h_errno;
    return outcome == Outcome::Found ? size : -1;
}

}  // namespace fairlead::preload::dns
