#include "drill/find_scripts.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

namespace fairlead::drill {
namespace {

constexpr int kMostDepth = 32;
constexpr std::size_t kMostScripts = 100'000;

namespace fs = std::filesystem;

// The error is what went wrong, and where.
std::expected<void, std::string> walk(const fs::path& folder, const fs::path& root, int depth,
                                      std::vector<FoundScript>& found) {
    if (depth > kMostDepth) {
        return std::unexpected{fmt::format("{}: folders are too deep", folder.string())};
    }
    std::error_code error;
    std::vector<fs::directory_entry> entries;
    for (fs::directory_iterator at{folder, error}, end; !error && at != end; at.increment(error)) {
        if (!at->path().filename().string().starts_with('.')) entries.push_back(*at);
    }
    if (error) return std::unexpected{fmt::format("{}: {}", folder.string(), error.message())};
    std::sort(entries.begin(), entries.end());
    for (const fs::directory_entry& entry : entries) {
        const fs::path& path = entry.path();
        if (entry.is_directory(error) && !entry.is_symlink(error)) {
            if (auto walked = walk(path, root, depth + 1, found); !walked) return walked;
        } else if (path.extension() == ".pkt") {
            found.push_back({path.string(), path.lexically_relative(root).string()});
        }
        if (found.size() > kMostScripts) {
            return std::unexpected{fmt::format("more than {} scripts", kMostScripts)};
        }
    }
    return {};
}

}  // namespace

std::expected<std::vector<FoundScript>, std::string> find_scripts(
    const std::vector<std::string>& words) {
    std::vector<FoundScript> found;
    for (const std::string& word : words) {
        std::error_code error;
        if (!fs::is_directory(word, error)) {
            found.push_back({word, fs::path{word}.filename().string()});
            continue;
        }
        const std::size_t before = found.size();
        if (auto walked = walk(word, word, 0, found); !walked) {
            return std::unexpected{walked.error()};
        }
        if (found.size() == before) {
            return std::unexpected{fmt::format("{}: no *.pkt in this folder", word)};
        }
    }
    return found;
}

}  // namespace fairlead::drill
