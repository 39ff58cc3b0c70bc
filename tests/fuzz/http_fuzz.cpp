// Bytes into an HTTP connection: no crash, bounded memory, answers that are whole, and the same
// ones however the bytes are cut. The first byte chooses the cuts.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

#include "base/assert.hpp"
#include "http/connection.hpp"

namespace {

using namespace fairlead;
using namespace fairlead::http;

constexpr UnixTime kNow{1'700'000'000};

class Scene {
public:
    Scene() {
        std::string pattern = std::filesystem::temp_directory_path() / "fairlead-fuzz-XXXXXX";
        FAIRLEAD_ASSERT(::mkdtemp(pattern.data()) != nullptr);
        base_ = pattern;
        std::filesystem::create_directories(base_ / "root/d");
        std::filesystem::create_directories(base_ / "uploads");
        std::ofstream{base_ / "root/a"} << std::string(5000, 'x');
        site_.files = *Folder::open_root((base_ / "root").string());
        site_.uploads = *Folder::open_root((base_ / "uploads").string());
        site_.upload_limit = 1000;
    }
    ~Scene() { std::filesystem::remove_all(base_); }

    std::string run(Bytes input, std::size_t piece) {
        std::string out;
        {
            Connection connection{site_};
            while (!input.empty()) {
                // A copy of just that size, so that a read past its end is seen.
                const Bytes part = input.first(std::min(piece, input.size()));
                const std::string exact{reinterpret_cast<const char*>(part.data()), part.size()};
                std::size_t taken = 0;
                while (taken < exact.size()) {
                    const std::size_t n =
                        connection.feed(std::as_bytes(std::span{exact}).subspan(taken), kNow);
                    const std::size_t before = out.size();
                    drain(connection, out);
                    taken += n;
                    FAIRLEAD_ASSERT(n != 0 || out.size() != before);
                }
                input = input.subspan(part.size());
            }
            drain(connection, out);
            connection.on_peer_closed();
            FAIRLEAD_ASSERT(connection.wants_close());
        }
        for (const auto& entry : std::filesystem::recursive_directory_iterator{base_ / "uploads"}) {
            const std::string name = entry.path().filename().string();
            FAIRLEAD_ASSERT(!name.starts_with(".fairlead-upload-"));
            std::filesystem::remove(entry.path());
        }
        return out;
    }

private:
    static void drain(Connection& connection, std::string& out) {
        std::array<std::byte, 512> scratch{};
        for (Bytes piece = connection.next_output(scratch); !piece.empty();
             piece = connection.next_output(scratch)) {
            out.append(reinterpret_cast<const char*>(piece.data()), piece.size());
            connection.wrote(piece.size());
        }
    }

    std::filesystem::path base_{};
    Site site_{};
};

// The tag and date of a file just uploaded differ from run to run.
std::string without_validators(std::string text) {
    for (const std::string_view name : {"\r\nETag: ", "\r\nLast-Modified: "}) {
        for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at)) {
            text.erase(at, text.find("\r\n", at + 2) - at);
        }
    }
    return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Scene scene;
    if (size == 0) return 0;
    const Bytes input = std::as_bytes(std::span{data + 1, size - 1});
    const std::string whole = scene.run(input, size);
    const std::string cut = scene.run(input, 1 + data[0] % 16);
    FAIRLEAD_ASSERT(without_validators(whole) == without_validators(cut));
    return 0;
}
