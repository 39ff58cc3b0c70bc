#include "drill/scratch_files.hpp"

#include <utility>

#include <fmt/format.h>

namespace fairlead::drill {
namespace {

constexpr std::string_view kFolder = "/tmp/";
constexpr std::size_t kMostNameBytes = 255;

}  // namespace

bool ScratchFiles::may_name(std::string_view path) {
    if (!path.starts_with(kFolder)) return false;
    const std::string_view name = path.substr(kFolder.size());
    return !name.empty() && name.size() <= kMostNameBytes &&
           name.find_first_of(std::string_view{"/\0", 2}) == std::string_view::npos &&
           name != "." && name != "..";
}

std::expected<void, std::string> ScratchFiles::admit(std::string_view path,
                                                     std::size_t more) const {
    if (!may_name(path)) {
        return std::unexpected{fmt::format("{}: a script's files are /tmp/NAME", path)};
    }
    if (more > kMostBytes - bytes_) {
        return std::unexpected{
            fmt::format("{}: a script's files hold at most {} bytes in all", path, kMostBytes)};
    }
    if (files_.size() == kMostFiles && files_.find(path) == files_.end()) {
        return std::unexpected{fmt::format("{}: a script has at most {} files", path, kMostFiles)};
    }
    return {};
}

std::expected<void, std::string> ScratchFiles::write(std::string_view path, std::string bytes) {
    if (auto admitted = admit(path, bytes.size()); !admitted) return admitted;
    remove(path);
    bytes_ += bytes.size();
    files_.emplace(path, std::move(bytes));
    return {};
}

std::expected<void, std::string> ScratchFiles::append(std::string_view path,
                                                      std::string_view bytes) {
    if (auto admitted = admit(path, bytes.size()); !admitted) return admitted;
    files_[std::string{path}] += bytes;
    bytes_ += bytes.size();
    return {};
}

const std::string* ScratchFiles::find(std::string_view path) const {
    const auto at = files_.find(path);
    return at == files_.end() ? nullptr : &at->second;
}

bool ScratchFiles::remove(std::string_view path) {
    const auto at = files_.find(path);
    if (at == files_.end()) return false;
    bytes_ -= at->second.size();
    files_.erase(at);
    return true;
}

}  // namespace fairlead::drill
