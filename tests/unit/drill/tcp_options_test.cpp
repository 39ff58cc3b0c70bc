#include "drill/tcp_options.hpp"

#include <gtest/gtest.h>

namespace fairlead::drill {
namespace {

using Octets = std::vector<std::uint8_t>;

TEST(TcpOptions, AreTheBytesThatLinuxSendsInASyn) {
    // tcpdump of a Linux SYN: mss 1460, sackOK, TS val 1 ecr 0, nop, wscale 7.
    const std::vector<TcpOption> syn{option::Mss{1460}, option::SackPermitted{},
                                     option::Timestamp{1, 0}, option::Nop{},
                                     option::WindowScale{7}};
    EXPECT_EQ(encode_options(syn),
              (Octets{2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7}));
    EXPECT_EQ(decode_options(encode_options(syn)), syn);
}

TEST(TcpOptions, ComeBackAsTheyWent) {
    using Ecn = option::AccurateEcn;
    const std::vector<std::vector<TcpOption>> lists{
        {option::Nop{}, option::Nop{}, option::Sack{{{1, 0x01020304}, {5, 6}}}},
        {option::FastOpen{.cookie = {1, 2, 3, 4, 5, 6, 7, 8}}, option::Nop{}, option::Nop{}},
        {option::FastOpen{.cookie = {1, 2, 3, 4}, .is_experimental = true}},
        {option::Md5{Octets(16, 7)}, option::Nop{}, option::Nop{}},
        {Ecn{{{Ecn::Counter::E1b, 1}, {Ecn::Counter::Ceb, 2}, {Ecn::Counter::E0b, 0x030405}}},
         option::Nop{}},
        {Ecn{{{Ecn::Counter::E0b, 1}, {Ecn::Counter::Ceb, 2}}}},
        {option::Unknown{.kind = 99, .bytes = {1, 2}}},
        {},
    };
    for (const auto& list : lists) {
        EXPECT_EQ(encode_options(list).size() % 4, 0u);
        EXPECT_EQ(decode_options(encode_options(list)), list);
    }
}

TEST(TcpOptions, AreFilledUpWithEndOfList) {
    EXPECT_EQ(encode_options({option::WindowScale{7}}), (Octets{3, 3, 7, 0}));
}

TEST(TcpOptions, ThatLieAboutTheirLengthAreUnknown) {
    EXPECT_EQ(decode_options({2, 4, 5}), (std::vector<TcpOption>{option::Unknown{2, {4, 5}}}));
    EXPECT_EQ(decode_options({2, 0, 5}), (std::vector<TcpOption>{option::Unknown{2, {0, 5}}}));
    EXPECT_EQ(decode_options({2}), (std::vector<TcpOption>{option::Unknown{2, {}}}));
    EXPECT_EQ(decode_options({2, 3, 5, 1}),
              (std::vector<TcpOption>{option::Unknown{2, {5}}, option::Nop{}}));
}

}  // namespace
}  // namespace fairlead::drill
