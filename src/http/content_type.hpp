// http/content_type.hpp — the media type of a file, from the end of its name.
#pragma once

#include <string_view>

namespace fairlead::http {

std::string_view content_type_of(std::string_view path);

}  // namespace fairlead::http
