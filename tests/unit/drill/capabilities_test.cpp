#include "drill/capabilities.hpp"

#include <gtest/gtest.h>
#include <linux/capability.h>

namespace fairlead::drill {
namespace {

constexpr std::uint64_t bit(int capability) { return std::uint64_t{1} << capability; }

CapabilitySets read(std::string_view text) {
    const auto sets = read_capabilities(text);
    EXPECT_TRUE(sets) << text;
    return sets.value_or(CapabilitySets{});
}

TEST(Capabilities, ClausesNameSets) {
    EXPECT_EQ(read(""), CapabilitySets{});
    EXPECT_EQ(read("="), CapabilitySets{});
    EXPECT_EQ(read("cap_net_admin=ep"),
              (CapabilitySets{.effective = bit(CAP_NET_ADMIN), .permitted = bit(CAP_NET_ADMIN)}));
    EXPECT_EQ(read("cap_net_raw,cap_net_bind_service+i").inheritable,
              bit(CAP_NET_RAW) | bit(CAP_NET_BIND_SERVICE));
    EXPECT_EQ(read("all=p").permitted, bit(CAP_LAST_CAP + 1) - 1);
    EXPECT_EQ(read("all=p cap_chown-p").permitted, bit(CAP_LAST_CAP + 1) - 2);
    EXPECT_EQ(read("=ep cap_checkpoint_restore=p").effective, bit(CAP_LAST_CAP) - 1);
    EXPECT_EQ(read("cap_net_raw=p+e").effective, bit(CAP_NET_RAW));
}

TEST(Capabilities, WhatIsNoClauseIsNamed) {
    for (const char* text : {"cap_net_admin", "cap_nothing=e", "all=x", "cap_net_raw,=e e"}) {
        EXPECT_FALSE(read_capabilities(text)) << text;
    }
    EXPECT_EQ(read_capabilities("=p cap_no=e").error(), "'cap_no=e' names no capabilities");
}

}  // namespace
}  // namespace fairlead::drill
