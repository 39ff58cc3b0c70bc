#include "lab/open_device.hpp"

#include <gtest/gtest.h>

#include "unit/device/private_network.hpp"

using namespace fairlead;

namespace {

class OpenDevice : public testing_network::PrivateNetwork {
protected:
    static std::string fault_of(std::string_view name) {
        const auto opened = lab::open_device(name);
        return opened ? "none" : opened.error().text;
    }
};

TEST_F(OpenDevice, ANameThatIsNoneIsToldWhatThereIs) {
    for (const char* name :
         {"", "eth1", "nosuch:eth1", "packet:", "xdp", "xdp:", "xdp::1", "xdp:eth1:", "xdp:eth1:x",
          "xdp:eth1:1x", "xdp:eth1:-1", "xdp:eth1:65536"}) {
        EXPECT_EQ(fault_of(name), fmt::format("cannot open the device \"{}\" (it is one of {})",
                                              name, lab::kDeviceForms));
    }
}

TEST_F(OpenDevice, AnInterfaceIsFoundByItsName) {
    EXPECT_EQ(fault_of("packet:nosuch0").find("cannot find the interface nosuch0: "), 0u);
    EXPECT_EQ(fault_of("xdp:nosuch0").find("cannot find the interface nosuch0: "), 0u);
    EXPECT_EQ(fault_of("xdp:nosuch0:3").find("cannot find the interface nosuch0: "), 0u);
    ASSERT_TRUE(control().add_veth("kernel0", "stack0"));
    const auto packet = lab::open_device("packet:stack0");
    ASSERT_TRUE(packet) << packet.error().text;
    EXPECT_FALSE(packet->is_ours);
    EXPECT_GE(packet->fd, 0);
    for (const char* name : {"xdp:stack0", "xdp:stack0:0"}) {
        const auto xdp = lab::open_device(name);
        // Where it is not allowed, it was understood.
        if (!xdp) {
            EXPECT_EQ(xdp.error().text.find("it is one of"), std::string::npos);
            continue;
        }
        EXPECT_EQ(xdp->device->info().name, "stack0");
        EXPECT_FALSE(xdp->is_ours);
        EXPECT_GE(xdp->fd, 0);
    }
}

}  // namespace
