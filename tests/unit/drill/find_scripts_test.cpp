#include "drill/find_scripts.hpp"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace fairlead::drill {
namespace {

namespace fs = std::filesystem;

class FindScriptsTest : public testing::Test {
protected:
    void SetUp() override {
        fs::remove_all(root);
        fs::create_directories(root);
    }
    void TearDown() override { fs::remove_all(root); }
    void make(const std::string& name) const {
        fs::create_directories((root / name).parent_path());
        std::ofstream{root / name} << "0 close(3) = 0\n";
    }
    std::vector<std::string> names(const std::vector<std::string>& words) const {
        const auto found = find_scripts(words);
        EXPECT_TRUE(found) << found.error();
        std::vector<std::string> all;
        for (const FoundScript& script : *found) all.push_back(script.name);
        return all;
    }

    fs::path root =
        fs::path{testing::TempDir()} / ("find_scripts_test_" + std::to_string(getpid()));
};

TEST_F(FindScriptsTest, FoldersAreWalkedInTheOrderOfNames) {
    for (const char* name : {"b/z.pkt", "b/a.pkt", "a.pkt", "c.pkt", "b/c/d.pkt", "README.md",
                             ".hidden/x.pkt", "b/.hidden.pkt", "b/a.pkt.orig"}) {
        make(name);
    }
    fs::create_directory_symlink(root, root / "b" / "loop");
    EXPECT_EQ(names({root.string()}),
              (std::vector<std::string>{"a.pkt", "b/a.pkt", "b/c/d.pkt", "b/z.pkt", "c.pkt"}));
    EXPECT_EQ(names({(root / "c.pkt").string(), (root / "b").string()}),
              (std::vector<std::string>{"c.pkt", "a.pkt", "c/d.pkt", "z.pkt"}));
    EXPECT_EQ(names({"not-there.pkt"}), (std::vector<std::string>{"not-there.pkt"}));
}

TEST_F(FindScriptsTest, AFolderWithoutScriptsIsAnError) {
    make("a/README.md");
    const auto found = find_scripts({root.string()});
    ASSERT_FALSE(found);
    EXPECT_THAT(found.error(), testing::HasSubstr("no *.pkt in this folder"));
}

TEST_F(FindScriptsTest, FoldersAreNotWalkedForEver) {
    std::string deep;
    for (int i = 0; i < 40; ++i) deep += "d/";
    make(deep + "x.pkt");
    const auto found = find_scripts({root.string()});
    ASSERT_FALSE(found);
    EXPECT_THAT(found.error(), testing::HasSubstr("folders are too deep"));
}

}  // namespace
}  // namespace fairlead::drill
