// What every test includes, to be precompiled.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "standard_headers.hpp"
