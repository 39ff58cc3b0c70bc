#include "drill/shell.hpp"

#include <optional>
#include <utility>

#include <fmt/format.h>

namespace fairlead::drill {
namespace {

constexpr std::string_view kParentId = "${PPID}";
constexpr std::string_view kBlanks = " \t\r";
constexpr std::string_view kForShells = "$`<*?()[]{}!";

bool is_one_of(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

class ShellReader {
public:
    explicit ShellReader(std::string_view text) : text_{text} {}

    std::expected<std::vector<Pipeline>, std::string> read() {
        while (at_ < text_.size() && fault_.empty()) take_one();
        end_pipeline(Pipeline::When::Always);
        if (!fault_.empty()) return std::unexpected{fault_};
        return std::move(all_);
    }

private:
    bool accept(std::string_view sign) {
        if (!text_.substr(at_).starts_with(sign)) return false;
        at_ += sign.size();
        return true;
    }

    void take_one() {
        const char c = text_[at_];
        if (accept("\\\n") || accept("\\\r\n")) return;
        if (is_one_of(c, kBlanks)) {
            ++at_;
            finish_word();
        } else if (c == '#' && !word_) {
            at_ = std::min(text_.find('\n', at_), text_.size());
        } else if (!take_operator() && !take_redirection()) {
            take_of_word();
        }
    }

    bool take_operator() {
        using When = Pipeline::When;
        if (accept("&&")) {
            end_pipeline(When::AfterSuccess);
        } else if (accept("||")) {
            end_pipeline(When::AfterFailure);
        } else if (accept("|")) {
            if (!end_command()) fault_ = "a command is missing";
            is_incomplete_ = true;
        } else if (accept(";") || accept("\n")) {
            end_pipeline(When::Always);
        } else {
            return false;
        }
        return true;
    }

    // A digit stands before its sign only at the beginning of a word.
    bool take_redirection() {
        using From = Redirection::From;
        const auto begins = [&](std::string_view sign) { return !word_ && accept(sign); };
        if (begins("2>&1")) return join(From::Error);
        if (begins("1>&2") || begins(">&2")) return join(From::Output);
        if (begins("2>")) return redirect(From::Error);
        if (accept("&>") || begins(">&")) return redirect(From::Both);
        if (begins("1>") || accept(">")) return redirect(From::Output);
        return false;
    }
    bool join(Redirection::From from) {
        command_.redirections.push_back({.from = from, .joins_other = true});
        return true;
    }
    bool redirect(Redirection::From from) {
        finish_word();
        const bool appends = accept(">");
        command_.redirections.push_back({.from = from, .appends = appends});
        wants_file_ = true;
        return true;
    }

    void take_of_word() {
        const char c = text_[at_];
        if (!word_) word_.emplace();
        if (accept(kParentId)) {
            *word_ += kParentId;
        } else if (c == '\'') {
            take_quoted();
        } else if (c == '"') {
            take_double_quoted();
        } else if (c == '\\' && at_ + 1 < text_.size()) {
            *word_ += text_[at_ + 1];
            at_ += 2;
        } else if (is_one_of(c, kForShells) || c == '\\' || c == '&' ||
                   (c == '~' && word_->empty())) {
            fault_ = fmt::format("'{}'", c);
        } else {
            *word_ += c;
            ++at_;
        }
    }

    void take_quoted() {
        const std::size_t end = text_.find('\'', at_ + 1);
        if (end == std::string_view::npos) {
            fault_ = "a quote that is not closed";
            return;
        }
        *word_ += text_.substr(at_ + 1, end - at_ - 1);
        at_ = end + 1;
    }
    void take_double_quoted() {
        ++at_;
        while (at_ < text_.size() && text_[at_] != '"') {
            if (accept(kParentId)) {
                *word_ += kParentId;
            } else if (text_[at_] == '$' || text_[at_] == '`') {
                fault_ = fmt::format("'{}'", text_[at_]);
                return;
            } else {
                const bool is_escape = text_[at_] == '\\' && at_ + 1 < text_.size() &&
                                       is_one_of(text_[at_ + 1], "\"\\$`");
                if (is_escape) ++at_;
                *word_ += text_[at_++];
            }
        }
        if (at_ == text_.size()) fault_ = "a quote that is not closed";
        ++at_;
    }

    void finish_word() {
        if (!word_) return;
        if (std::exchange(wants_file_, false)) {
            command_.redirections.back().file = std::move(*word_);
        } else {
            command_.words.push_back(std::move(*word_));
        }
        word_.reset();
    }

    // True: there was one.
    bool end_command() {
        finish_word();
        const bool is_empty = command_ == Command{};
        if (wants_file_) fault_ = "a redirection to nothing";
        if (!is_empty && command_.words.empty()) fault_ = "a redirection without a command";
        if (!is_empty) pipeline_.commands.push_back(std::exchange(command_, {}));
        if (is_empty && is_incomplete_) return false;
        is_incomplete_ = false;
        return !is_empty;
    }

    void end_pipeline(Pipeline::When next) {
        const bool is_joint = next != Pipeline::When::Always;
        const bool ended = end_command();
        if (!ended && (is_joint || is_incomplete_)) {
            // A new line may follow && || and |, as in a shell; nothing else may.
            if (is_joint || at_ >= text_.size() || text_[at_ - 1] != '\n') {
                fault_ = "a command is missing";
            }
            return;
        }
        if (!pipeline_.commands.empty()) all_.push_back(std::exchange(pipeline_, {}));
        pipeline_.when = next;
        is_incomplete_ = is_joint;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::vector<Pipeline> all_;
    Pipeline pipeline_;
    Command command_;
    std::optional<std::string> word_;
    bool wants_file_ = false;
    bool is_incomplete_ = false;  // && || or | stood last
    std::string fault_;
};

}  // namespace

std::expected<std::vector<Pipeline>, std::string> parse_shell(std::string_view line) {
    return ShellReader{line}.read();
}

}  // namespace fairlead::drill
