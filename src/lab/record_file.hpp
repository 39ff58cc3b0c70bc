// lab/record_file.hpp — the recording of a stack in a file, and a file as bytes.
//
// Owns:   RecordFile (what an InputRecorder writes to), read_whole() (what a Replay reads).
// Not here: what is written (stack/recorder.hpp).
#pragma once

#include <cstdio>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "stack/recorder.hpp"

namespace fairlead::lab {

class RecordFile {
public:
    // The errno of open(2) when the file cannot be made.
    static std::expected<RecordFile, int> create(const std::string& path);

    RecordSink sink();
    // Everything is on its way to the disk. False: something could not be written.
    bool flush();

private:
    struct Close {
        void operator()(std::FILE* file) const { (void)std::fclose(file); }
    };
    struct Body {
        std::unique_ptr<std::FILE, Close> file{};
        bool has_failed = false;
    };
    explicit RecordFile(std::FILE* file) : body_{std::make_unique<Body>()} {
        body_->file.reset(file);
    }

    std::unique_ptr<Body> body_;
};

// The errno when it cannot be read.
std::expected<std::vector<std::byte>, int> read_whole(const std::string& path);

}  // namespace fairlead::lab
