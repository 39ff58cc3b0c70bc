#include "cli/preloadable.hpp"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fairlead::cli {
namespace {

constexpr int kMostHeaders = 128;

// Nothing: it is no ELF file.
std::optional<Elf64_Ehdr> head_of(std::ifstream& file) {
    Elf64_Ehdr head{};
    if (!file.read(reinterpret_cast<char*>(&head), sizeof head)) return std::nullopt;
    if (std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) return std::nullopt;
    return head;
}

bool has_interpreter(std::ifstream& file, const Elf64_Ehdr& head) {
    for (int i = 0; i < head.e_phnum && i < kMostHeaders; ++i) {
        Elf64_Phdr part{};
        file.seekg(static_cast<std::streamoff>(head.e_phoff) + i * head.e_phentsize);
        if (!file.read(reinterpret_cast<char*>(&part), sizeof part)) return false;
        if (part.p_type == PT_INTERP) return true;
    }
    return false;
}

}  // namespace

bool is_static(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    const auto head = head_of(file);
    return head && head->e_ident[EI_CLASS] == ELFCLASS64 && !has_interpreter(file, *head);
}

std::string path_of_program(const std::string& name) {
    if (name.find('/') != std::string::npos) return name;
    const char* all = std::getenv("PATH");
    std::istringstream folders{all != nullptr ? all : "/bin:/usr/bin"};
    for (std::string folder; std::getline(folders, folder, ':');) {
        const std::string path = (folder.empty() ? "." : folder) + "/" + name;
        if (::access(path.c_str(), X_OK) == 0) return path;
    }
    return {};
}

std::string why_not_preloadable(const std::string& path) {
    struct stat s{};
    if (::stat(path.c_str(), &s) != 0) return {};
    const bool changes_user = (s.st_mode & S_ISUID) != 0 && s.st_uid != ::geteuid();
    if (changes_user) return "it runs as another user";
    if (is_static(path)) return "it is linked statically";
    std::ifstream file{path, std::ios::binary};
    const auto head = head_of(file);
    return head && head->e_ident[EI_CLASS] != ELFCLASS64 ? "it is not a program of 64 bits" : "";
}

}  // namespace fairlead::cli
