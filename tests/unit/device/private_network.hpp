// private_network.hpp — a network namespace for one test, so that nothing outside is touched.
#pragma once

#include <cerrno>
#include <cstring>

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include "device/interface.hpp"

namespace fairlead::testing_network {

// A fixture whose tests run in an empty network namespace, which ends with the process (or with
// the next test). Root that may not make one is an environment to mend, not to pass over.
class PrivateNetwork : public testing::Test {
protected:
    void SetUp() override {
        if (::unshare(CLONE_NEWNET) != 0) {
            const char* why = std::strerror(errno);
            if (::geteuid() == 0) {
                FAIL() << "root cannot make a network namespace: " << why
                       << " (CAP_SYS_ADMIN is missing; in a container, run it privileged)";
            }
            GTEST_SKIP() << "needs privileges: unshare(CLONE_NEWNET): " << why << "; run as root";
        }
        auto opened = device::InterfaceControl::open();
        ASSERT_TRUE(opened.has_value());
        control_ = std::make_unique<device::InterfaceControl>(std::move(*opened));
        ASSERT_TRUE(control_->set_up("lo"));
    }
    device::InterfaceControl& control() { return *control_; }

private:
    std::unique_ptr<device::InterfaceControl> control_;
};

}  // namespace fairlead::testing_network
