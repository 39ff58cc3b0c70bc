// The kernel's ping, in both families and all sizes, and what fragments do on the way.
#include "interop/beside_kernel.hpp"

namespace fairlead::testing_interop {
namespace {

class Ping : public BesideKernelInBothFamilies {
protected:
    // Three questions, three answers of that many bytes each, compared by ping itself.
    void expect_answers(const std::string& size) {
        const auto printed = run({"ping", "-n", "-c", "3", "-i", "0.01", "-W", "5", "-s", size,
                                  ours(GetParam()).to_string()});
        ASSERT_TRUE(printed.has_value()) << size;
        EXPECT_NE(printed->find("3 packets transmitted, 3 received"), std::string::npos)
            << *printed;
        // ping says "wrong data byte" when the payload differs.
        EXPECT_EQ(printed->find("wrong"), std::string::npos) << *printed;
    }
};

TEST_P(Ping, IsAnsweredInOnePacket) {
    for (const char* size : {"0", "1", "56", "1400"}) expect_answers(size);
    EXPECT_EQ(counted(Counter::IpReasmOKs) + counted(Counter::Ip6ReasmOKs), 0u);
}

TEST_P(Ping, IsAnsweredAtTheLastByteOfAPacketAndTheFirstOfAFragment) {
    const int headers = GetParam() == Family::Inet ? 28 : 48;
    expect_answers(std::to_string(1500 - headers));
    EXPECT_EQ(counted(Counter::IpReasmOKs) + counted(Counter::Ip6ReasmOKs), 0u);
    expect_answers(std::to_string(1500 - headers + 1));
    EXPECT_EQ(counted(GetParam() == Family::Inet ? Counter::IpReasmOKs : Counter::Ip6ReasmOKs), 3u);
}

TEST_P(Ping, IsAnsweredInFragmentsUpToTheLargestPacket) {
    for (const char* size : {"3000", "8000", "40000"}) expect_answers(size);
    expect_answers(GetParam() == Family::Inet ? "65507" : "65527");
    EXPECT_GT(
        counted(GetParam() == Family::Inet ? Counter::IpFragCreates : Counter::Ip6FragCreates),
        3u * (3 + 6 + 28 + 45) - 1);
}

INSTANTIATE_TEST_SUITE_P(Over, Ping, testing::Values(Family::Inet, Family::Inet6), name_of_family);

class PingOverABadPath : public BesideKernel {};

// A fragment in ten is lost and some come late or twice: what is whole is answered, the rest is
// not, and nothing wrong is put together.
TEST_F(PingOverABadPath, FragmentsAreNeverPutTogetherWrong) {
    ASSERT_NO_FATAL_FAILURE(
        start({}, {}, {.loss = 30'000, .duplication = 100'000, .reordering = 200'000}));
    for (const Family f : {Family::Inet, Family::Inet6}) {
        auto child = lab::ChildProcess::start({"ping", "-n", "-c", "100", "-i", "0.01", "-W", "1",
                                               "-s", "5000", ours(f).to_string()});
        ASSERT_TRUE(child) << child.error().text;
        ASSERT_TRUE(until([&] { return child->has_ended(); }, 20_s));
        const std::string printed = child->output();
        EXPECT_EQ(printed.find("wrong"), std::string::npos) << printed;
        EXPECT_NE(printed.find(" received"), std::string::npos) << printed;
        EXPECT_EQ(printed.find(" 0 received"), std::string::npos) << printed;
    }
    EXPECT_GT(counted(Counter::IpReasmOKs), 20u);
    EXPECT_GT(counted(Counter::Ip6ReasmOKs), 20u);
}

}  // namespace
}  // namespace fairlead::testing_interop
