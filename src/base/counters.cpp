#include "fairlead/counters.hpp"

#include <utility>

namespace fairlead {
namespace {

// The enumerator's own spelling, as both compilers print it: "... [with Counter C = fairlead::
// Counter::IpInReceives]" and "... [C = fairlead::Counter::IpInReceives]".
template <Counter C>
constexpr std::string_view spelling() {
    const std::string_view text = __PRETTY_FUNCTION__;
    const std::size_t end = text.find_first_of(";]", text.find("C = "));
    const std::size_t begin = text.rfind("::", end) + 2;
    return text.substr(begin, end - begin);
}

template <std::size_t... I>
constexpr auto all_spellings(std::index_sequence<I...>) {
    return std::array<std::string_view, sizeof...(I)>{spelling<static_cast<Counter>(I)>()...};
}

constexpr auto kNames = all_spellings(std::make_index_sequence<kCounterCount>{});
static_assert(kNames[static_cast<std::size_t>(Counter::TcpActiveOpens)] == "TcpActiveOpens");
static_assert(kNames.back() == "TimeWentBack");

}  // namespace

std::string_view name_of(Counter counter) { return kNames[static_cast<std::size_t>(counter)]; }

std::optional<Counter> counter_by_name(std::string_view name) {
    for (std::size_t i = 0; i < kCounterCount; ++i) {
        if (kNames[i] == name) return static_cast<Counter>(i);
    }
    return std::nullopt;
}

}  // namespace fairlead
