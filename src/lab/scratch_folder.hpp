// lab/scratch_folder.hpp — a folder for large files that is gone with its owner.
#pragma once

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>

#include "device/opened.hpp"

namespace fairlead::lab {

class ScratchFolder {
public:
    // In the system's folder for such things ($TMPDIR, /tmp).
    static device::Opened<ScratchFolder> make() {
        std::error_code error;
        std::string path = std::filesystem::temp_directory_path(error) / "fairlead-XXXXXX";
        if (error || ::mkdtemp(path.data()) == nullptr) {
            return device::cannot("make a scratch folder", error ? error.value() : errno,
                                  "set TMPDIR to one that can be written to");
        }
        return ScratchFolder{std::move(path)};
    }
    ScratchFolder(ScratchFolder&& other) noexcept : path_{std::exchange(other.path_, {})} {}
    ScratchFolder& operator=(ScratchFolder&& other) noexcept {
        std::swap(path_, other.path_);
        return *this;
    }
    ~ScratchFolder() {
        std::error_code ignored;
        if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
    }

    const std::string& path() const { return path_; }
    std::string file(const std::string& name) const { return path_ + "/" + name; }
    void keep() { path_.clear(); }

private:
    explicit ScratchFolder(std::string path) : path_{std::move(path)} {}
    std::string path_;
};

}  // namespace fairlead::lab
