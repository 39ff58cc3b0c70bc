// What most files of src/cli include, to be precompiled.
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "standard_headers.hpp"
