"""The rules of scripts/tidy.py, each with code that keeps it and code that breaks it."""
import pathlib
import sys
import tempfile
import textwrap
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
import tidy  # noqa: E402

CMAKE = """
# fairlead_library(nobody DEPENDS tcp)
fairlead_library(base)
fairlead_library(wire DEPENDS base)
fairlead_library(packet DEPENDS wire)
fairlead_library(tcp DEPENDS packet)
fairlead_library(device DEPENDS packet LIBRARIES fmt::fmt)
"""


class Tidy(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.root = pathlib.Path(self._folder.name)
        self.write("src/CMakeLists.txt", CMAKE)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))

    def faults(self, path, text):
        self.write(path, text)
        found, self.notes = tidy.check_tree(self.root)
        return found

    def assert_clean(self, path, text):
        self.assertEqual(self.faults(path, text), [])

    def assert_fault(self, path, text, line, words):
        found = self.faults(path, text)
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(f"{path}:{line}: "), found[0])
        self.assertIn(words, found[0])

    def test_a_folder_sees_what_it_stands_on_at_any_depth(self):
        self.assert_clean("src/tcp/a.cpp", '#include "base/x.hpp"\n#include "tcp/b.hpp"\n')

    def test_a_folder_does_not_look_up(self):
        self.assert_fault("src/wire/a.cpp", '\n#include "tcp/b.hpp"\n', 2, "wire must not see tcp")

    def test_a_folder_does_not_look_aside(self):
        self.assert_fault("src/tcp/a.cpp", '#include "device/t.hpp"\n', 1, "tcp must not see device")

    def test_a_folder_that_is_no_library_is_not_seen(self):
        self.assert_fault("src/tcp/a.cpp", '#include "nobody/t.hpp"\n', 1, "must not see nobody")

    def test_an_include_in_a_comment_is_none(self):
        self.assert_clean("src/wire/a.cpp", '// #include "tcp/b.hpp"\n/*\n#include "tcp/b.hpp"\n*/\n')

    def test_public_values_are_seen_by_all_and_packets_by_packet_and_above(self):
        self.assert_clean("src/base/a.cpp", '#include "fairlead/time.hpp"\n')
        self.assert_fault("src/wire/a.cpp", '#include "fairlead/packet.hpp"\n', 1, "see packet")

    def test_public_headers_see_public_headers_only(self):
        self.assert_fault(
            "include/fairlead/a.hpp",
            '// fairlead/a.hpp — a.\n#pragma once\n#include "base/x.hpp"\n',
            3,
            "public headers only",
        )

    def test_an_include_says_its_way(self):
        self.assert_fault("src/tcp/a.cpp", '#include "b.hpp"\n', 1, "by its way")

    def test_the_core_stands_on_the_core(self):
        self.write("src/CMakeLists.txt", CMAKE + "fairlead_library(ip DEPENDS device)\n")
        self.assertEqual(len(tidy.check_tree(self.root)[0]), 1)

    def test_the_core_knows_no_other_library_and_no_system(self):
        for header in ("fmt/core.h", "unistd.h", "sys/socket.h", "boost/asio.hpp", "chrono"):
            with self.subTest(header):
                self.assert_fault("src/tcp/a.cpp", f"#include <{header}>\n", 1, f"<{header}>")
        self.assert_clean("src/tcp/a.cpp", "#include <vector>\n")
        self.assert_clean("src/device/a.cpp", "#include <unistd.h>\n#include <chrono>\n")

    def test_the_core_has_no_clock_chance_thread_float_or_exception(self):
        for code in (
            "auto t = std::chrono::steady_clock::now();",
            "std::mt19937 g;",
            "std::mutex m;",
            "static thread_local int x;",
            "double d = 0;",
            "std::function<void()> f;",
            "std::shared_ptr<int> p;",
            "throw 1;",
            "auto* p = dynamic_cast<A*>(b);",
            'std::printf("x");',
            "virtual int f();",
            "auto* p = new int;",
            "auto* p = new (place) int;",
            "auto p = std::make_unique<int>();",
        ):
            with self.subTest(code):
                self.assert_fault("src/tcp/a.cpp", f"\n{code}\n", 2, "")
                self.assert_clean("src/tcp/a.cpp", f"// {code}\n/* {code}\n {code} */\n")
                (self.root / "src/tcp/a.cpp").unlink()
                self.assert_clean("src/device/a.cpp", f"\n{code}\n")

    def test_words_in_strings_are_not_code(self):
        self.assert_clean("src/tcp/a.cpp", 'auto s = "a double \\" throw new x"; auto c = \'"\';\n')
        self.assert_clean("src/tcp/a.cpp", 'auto s = R"(double " new x)";\n')
        self.assert_fault("src/tcp/a.cpp", "int n = 1'000'000; double d; int m = 1'0;\n", 1, "integers")

    def test_a_new_decision_is_no_allocation(self):
        self.assert_clean("src/tcp/a.cpp", "int new_reno = 0; void* operator new(size_t);\n")

    def test_pools_take_memory(self):
        self.assert_clean("src/packet/pool.cpp", "auto* p = new int[3];\n")
        self.assert_clean("src/packet/demux_table.cpp", "auto* p = new int[3];\n")

    def test_a_header_opens_with_a_card_of_its_own_path(self):
        good = "// {} — what it is.\n#pragma once\n"
        for name in ("a.hpp", "bbr/a.hpp", "tcp/bbr/a.hpp"):
            self.assert_clean("src/tcp/bbr/a.hpp", good.format(name))
        for name in ("b.hpp", "r/a.hpp", "wire/bbr/a.hpp"):
            self.assert_fault("src/tcp/bbr/a.hpp", good.format(name), 1, "tcp/bbr/a.hpp — ")
        self.assert_fault("src/tcp/bbr/a.hpp", "#pragma once\n", 1, "opens with its card")
        self.assert_fault("src/tcp/bbr/a.hpp", "// a.hpp — a.\n", 1, "#pragma once")

    def test_a_header_opens_no_namespace(self):
        self.assert_fault(
            "src/tcp/a.hpp", "// a.hpp — a.\n#pragma once\nusing namespace std;\n", 3, "namespace"
        )
        (self.root / "src/tcp/a.hpp").unlink()
        self.assert_clean("src/tcp/a.cpp", "using namespace std;\n")

    def test_unfinished_work_is_not_left_in_the_code(self):
        self.assert_fault("tests/unit/a.cpp", "\n// TODO: later\n", 2, "issue")
        self.assert_clean("tests/unit/a.cpp", 'auto s = "/tmp/XXXXXX";\n')

    def test_names_say_something(self):
        for name in ("tcp/util", "tcp/tcp_helpers", "misc/a"):
            with self.subTest(name):
                self.assert_fault(f"src/{name}.cpp", "\n", 1, "does not say")
                (self.root / f"src/{name}.cpp").unlink()

    def test_long_files_are_noted_and_no_fault(self):
        self.assert_clean("src/tcp/a.cpp", "\n" * (tidy.LINES_MAX + 1))
        self.assertEqual(len(self.notes), 1)
        self.assert_clean("src/tcp/a.cpp", "\n" * tidy.LINES_MAX)
        self.assertEqual(self.notes, [])


if __name__ == "__main__":
    unittest.main()
