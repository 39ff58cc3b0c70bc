#include "http/files.hpp"

#include "unit/http/site.hpp"

namespace fairlead::http {
namespace {

class Files : public SiteTest {};

TEST_F(Files, OpensWhatLiesBelow) {
    const auto file = site_.files.open("hello.txt");
    ASSERT_TRUE(file);
    EXPECT_FALSE(file->is_directory());
    EXPECT_EQ(file->size(), 13u);
    EXPECT_EQ(file->modified_ns(), kModified.seconds * 1'000'000'000);
    std::array<std::byte, 8> to{};
    EXPECT_EQ(file->read(7, to), 6u);
    EXPECT_EQ(to[0], std::byte{'w'});
    EXPECT_EQ(file->read(13, to), 0u);
    EXPECT_TRUE(site_.files.open("")->is_directory());
}

TEST_F(Files, NothingAboveTheRootCanBeOpened) {
    using std::filesystem::create_symlink;
    create_symlink("../secret.txt", base_ / "root/up.txt");
    create_symlink(base_ / "secret.txt", base_ / "root/absolute.txt");
    create_symlink("..", base_ / "root/updir");
    create_symlink("hello.txt", base_ / "root/fine.txt");
    create_symlink("plain/../hello.txt", base_ / "root/detour.txt");
    create_symlink("loop", base_ / "root/loop");
    create_symlink("/proc/self/root", base_ / "root/magic");
    EXPECT_TRUE(site_.files.open("fine.txt"));
    EXPECT_TRUE(site_.files.open("detour.txt"));
    for (const char* path : {"../secret.txt", "up.txt", "absolute.txt", "updir/secret.txt",
                             "plain/../../secret.txt", "/etc/passwd", "magic/etc/passwd"}) {
        const auto file = site_.files.open(path);
        ASSERT_FALSE(file) << path;
        EXPECT_EQ(file.error(), FileFault::Outside) << path;
    }
    EXPECT_EQ(site_.files.open("loop").error(), FileFault::Forbidden);
}

TEST_F(Files, OnlyRegularFilesAndDirectoriesAreServed) {
    ASSERT_EQ(::mkfifo((base_ / "root/fifo").c_str(), 0600), 0);
    EXPECT_EQ(site_.files.open("fifo").error(), FileFault::Forbidden);
}

TEST_F(Files, WhatIsNotThereIsNotFound) {
    EXPECT_EQ(site_.files.open("nothing").error(), FileFault::NotFound);
    EXPECT_EQ(site_.files.open("hello.txt/x").error(), FileFault::NotFound);
    EXPECT_EQ(site_.files.open(std::string(300, 'x')).error(), FileFault::NotFound);
    EXPECT_EQ(Folder::open_root((base_ / "nothing").string()).error(), ENOENT);
    EXPECT_EQ(Folder::open_root((base_ / "secret.txt").string()).error(), ENOTDIR);
}

TEST_F(Files, AListingIsSortedAndBounded) {
    const auto all = site_.files.open("plain")->list(10);
    ASSERT_TRUE(all);
    ASSERT_EQ(all->names.size(), 3u);
    EXPECT_FALSE(all->is_cut);
    EXPECT_EQ(all->names[0].text, "<a&b>.txt");
    EXPECT_EQ(all->names[1].text, "b.txt");
    EXPECT_EQ(all->names[2].text, "inner");
    EXPECT_TRUE(all->names[2].is_directory);
    const auto two = site_.files.open("plain")->list(2);
    EXPECT_EQ(two->names.size(), 2u);
    EXPECT_TRUE(two->is_cut);
}

TEST_F(Files, AnUploadAppearsWholeOrNotAtAll) {
    {
        auto dropped = site_.uploads->create("a");
        ASSERT_TRUE(dropped && dropped->write(bytes_of("half")));
        const auto names = uploaded();
        ASSERT_EQ(names.size(), 1u);
        EXPECT_NE(names[0], "a");
        // Not even its private name can be asked for.
        EXPECT_EQ(site_.uploads->open(names[0]).error(), FileFault::NotFound);
        EXPECT_TRUE(site_.uploads->open("")->list(10)->names.size() == 1);  // "inner"
    }
    EXPECT_TRUE(uploaded().empty());
    auto kept = site_.uploads->create("a");
    ASSERT_TRUE(kept && kept->write(bytes_of("whole")));
    EXPECT_EQ(kept->commit(), false);
    EXPECT_EQ(content_of("uploads/a"), "whole");
    auto again = site_.uploads->create("a");
    ASSERT_TRUE(again);
    EXPECT_EQ(again->commit(), true);
    EXPECT_EQ(uploaded(), std::vector<std::string>{"a"});
}

TEST_F(Files, TwoUploadsOfOneNameDoNotMeet) {
    auto first = site_.uploads->create("a");
    auto second = site_.uploads->create("a");
    ASSERT_TRUE(first && second);
    ASSERT_TRUE(first->write(bytes_of("first")) && second->write(bytes_of("second")));
    ASSERT_TRUE(second->commit() && first->commit());
    EXPECT_EQ(content_of("uploads/a"), "first");
    EXPECT_EQ(uploaded(), std::vector<std::string>{"a"});
}

TEST_F(Files, AnUploadThatIsOverwrittenIsDropped) {
    auto first = site_.uploads->create("a");
    ASSERT_TRUE(first);
    *first = Upload{};
    EXPECT_TRUE(uploaded().empty());
}

TEST_F(Files, UploadsStayBelowTheirFolder) {
    std::filesystem::create_symlink("..", base_ / "uploads/up");
    std::filesystem::create_symlink("../secret.txt", base_ / "uploads/link");
    EXPECT_EQ(site_.uploads->create("up/x").error(), FileFault::Outside);
    EXPECT_EQ(site_.uploads->create("../x").error(), FileFault::Outside);
    EXPECT_EQ(site_.uploads->create("nothing/x").error(), FileFault::NotFound);
    EXPECT_EQ(site_.uploads->create("inner").error(), FileFault::IsDirectory);
    EXPECT_EQ(site_.uploads->create(".fairlead-upload-0").error(), FileFault::Forbidden);
    // A link is replaced, not followed.
    auto upload = site_.uploads->create("link");
    ASSERT_TRUE(upload && upload->write(bytes_of("new")) && upload->commit());
    EXPECT_EQ(content_of("secret.txt"), "not below the root");
    EXPECT_EQ(content_of("uploads/link"), "new");
}

}  // namespace
}  // namespace fairlead::http
