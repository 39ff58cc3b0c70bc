// drill/scratch_files.hpp — the files that a script makes: /tmp/NAME, and nothing of the machine's.
//
// Why:    a script fills a file with `dd` and sends it. It is kept in memory, so that a script
//         touches no folder of the machine's and leaves nothing behind, on either backend.
// Bounds: 64 MiB in all, 64 files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <string_view>

namespace fairlead::drill {

class ScratchFiles {
public:
    static constexpr std::size_t kMostBytes = std::size_t{64} << 20;
    static constexpr std::size_t kMostFiles = 64;

    // "/tmp/NAME", without a further folder: the only names there are.
    static bool may_name(std::string_view path);

    // The error is a message; the file is then as it was.
    std::expected<void, std::string> write(std::string_view path, std::string bytes);
    std::expected<void, std::string> append(std::string_view path, std::string_view bytes);
    const std::string* find(std::string_view path) const;  // null: no such file
    bool remove(std::string_view path);

private:
    std::expected<void, std::string> admit(std::string_view path, std::size_t more) const;

    std::map<std::string, std::string, std::less<>> files_;
    std::size_t bytes_ = 0;
};

}  // namespace fairlead::drill
