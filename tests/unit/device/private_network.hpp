// private_network.hpp — a network namespace for one test, so that nothing outside is touched.
#pragma once

#include <cerrno>
#include <cstring>
#include <memory>

#include <gtest/gtest.h>
#include <unistd.h>

#include "device/interface.hpp"
#include "device/network_namespace.hpp"

namespace fairlead::testing_network {

// A fixture whose tests run in an empty network namespace, which ends with the process (or with
// the next test). Root that may not make one is an environment to mend, not to pass over.
class PrivateNetwork : public testing::Test {
protected:
    void SetUp() override {
        is_root();
        const auto entered = device::enter_private_network();
        if (!entered && is_root()) FAIL() << entered.error().text;
        if (!entered) GTEST_SKIP() << entered.error().text;
        auto opened = device::InterfaceControl::open();
        ASSERT_TRUE(opened.has_value());
        control_ = std::make_unique<device::InterfaceControl>(std::move(*opened));
    }
    // Asked before anything is entered: inside, everybody is.
    static bool is_root() {
        static const bool kIsRoot = ::geteuid() == 0;
        return kIsRoot;
    }
    device::InterfaceControl& control() { return *control_; }

private:
    std::unique_ptr<device::InterfaceControl> control_;
};

// The same for what only a TAP or TUN can show. Its file may be root's alone.
class PrivateTapNetwork : public PrivateNetwork {
protected:
    void SetUp() override {
        PrivateNetwork::SetUp();
        if (::access("/dev/net/tun", R_OK | W_OK) == 0) return;
        const int code = errno;
        if (is_root() && code != ENOENT) FAIL() << "/dev/net/tun: " << std::strerror(code);
        GTEST_SKIP() << "/dev/net/tun: " << std::strerror(code);
    }
};

}  // namespace fairlead::testing_network
