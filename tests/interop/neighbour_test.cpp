// Neighbours: the kernel and the stack find each other, again and again, or say that they do not.
#include "interop/beside_kernel.hpp"

namespace fairlead::testing_interop {
namespace {

class Neighbours : public BesideKernelInBothFamilies {
protected:
    Family family() const { return GetParam(); }
    // The kernel's entry for the stack, as `ip neigh` prints it.
    std::string entry() {
        return run({"ip", "neigh", "show", "to", ours(family()).to_string()}).value_or("");
    }
    IpAddress nobody(int which) const {
        return *IpAddress::parse((family() == Family::Inet ? "10.77.0." : "fd77::") +
                                 std::to_string(which));
    }
};

TEST_P(Neighbours, AreFoundAgainWhenTheKernelForgets) {
    Connected c = connect_out(family());
    EXPECT_TRUE(flows_in(c, pattern(1000)));
    const auto mac = entry();
    EXPECT_NE(mac.find("lladdr"), std::string::npos) << mac;
    ASSERT_TRUE(run({"ip", "neigh", "flush", "dev", link().kernel_interface}));
    EXPECT_TRUE(flows_in(c, pattern(1000)));
    EXPECT_EQ(entry().substr(0, 40), mac.substr(0, 40));
}

// The kernel's interface gets another link address and says so to nobody.
TEST_P(Neighbours, AreFoundAgainWithANewLinkAddress) {
    Config quick;
    quick.neigh_base_reachable_time_ms = 300;
    quick.neigh_delay_first_probe_time = 1;
    quick.neigh_retrans_time_ms = 100;
    ASSERT_NO_FATAL_FAILURE(start({}, quick));
    Connected c = connect_out(family());
    EXPECT_TRUE(flows_out(c, pattern(1000)));
    ASSERT_TRUE(control().set_mac(link().kernel_interface, {0x02, 0x11, 0x22, 0x33, 0x44, 0x55}));
    EXPECT_TRUE(flows_out(c, pattern(1000)));
}

TEST_P(Neighbours, ThatDoNotAnswerTheStackAreUnreachable) {
    const Instant begin = lab::real_now();
    const SocketId stream = *stack().socket(family(), SocketType::Stream);
    ASSERT_EQ(stack().connect(stream, {nobody(99), 80}).error(), Errc::InProgress);
    EXPECT_TRUE(until([&] { return take_error(stream) == EHOSTUNREACH; }));
    // Three questions, a second apart.
    const Duration took = lab::real_now() - begin;
    EXPECT_GE(took, 2900_ms);
    EXPECT_LE(took, 5_s);
}

// The stack answers for nobody but itself.
TEST_P(Neighbours, ThatAreNotTheStackStaySilent) {
    KernelSocket kernel{family(), SOCK_STREAM};
    ASSERT_EQ(kernel.connect({nobody(97), 80}), EINPROGRESS);
    EXPECT_TRUE(until([&] { return kernel.take_error() == EHOSTUNREACH; }));
    const std::string printed =
        run({"ip", "neigh", "show", "to", nobody(97).to_string()}).value_or("");
    EXPECT_EQ(printed.find("lladdr"), std::string::npos) << printed;
}

INSTANTIATE_TEST_SUITE_P(Over, Neighbours, testing::Values(Family::Inet, Family::Inet6),
                         name_of_family);

}  // namespace
}  // namespace fairlead::testing_interop
