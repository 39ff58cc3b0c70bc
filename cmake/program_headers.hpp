// What most files of src/cli include, to be precompiled.
#pragma once

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "standard_headers.hpp"
