#include "lab/record_file.hpp"

#include <cerrno>

namespace fairlead::lab {

std::expected<RecordFile, int> RecordFile::create(const std::string& path) {
    std::FILE* file = std::fopen(path.c_str(), "wbe");
    if (file == nullptr) return std::unexpected{errno};
    return RecordFile{file};
}

RecordSink RecordFile::sink() {
    return {body_.get(), [](void* context, Bytes bytes) {
                auto& body = *static_cast<Body*>(context);
                const std::size_t n = std::fwrite(bytes.data(), 1, bytes.size(), body.file.get());
                body.has_failed = body.has_failed || n != bytes.size();
            }};
}

bool RecordFile::flush() { return std::fflush(body_->file.get()) == 0 && !body_->has_failed; }

std::expected<std::vector<std::byte>, int> read_whole(const std::string& path) {
    std::FILE* file = std::fopen(path.c_str(), "rbe");
    if (file == nullptr) return std::unexpected{errno};
    std::vector<std::byte> bytes;
    std::size_t filled = 0;
    for (std::size_t n = 1; n > 0; filled += n) {
        bytes.resize(filled + (std::size_t{1} << 16));
        n = std::fread(bytes.data() + filled, 1, bytes.size() - filled, file);
    }
    bytes.resize(filled);
    const int error = std::ferror(file) != 0 ? errno : 0;
    (void)std::fclose(file);
    if (error != 0) return std::unexpected{error};
    return bytes;
}

}  // namespace fairlead::lab
