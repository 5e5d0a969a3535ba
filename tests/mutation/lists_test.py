#!/usr/bin/env python3
"""The lists that check.py works by, without building anything: that they fit the sources, and how survivors are counted."""

import itertools
import os
import tempfile
import unittest

import check
import drawn
import named
import sources
import survivors


class Bugs(unittest.TestCase):
    def test_each_named_bug_has_one_place(self):
        for name, path, before, after in named.NAMED:
            with self.subTest(name), open(os.path.join(sources.ROOT, path), encoding="utf-8") as file:
                self.assertEqual(file.read().count(before), 1)
                self.assertNotEqual(before, after)
        self.assertEqual(len({name for name, *_ in named.NAMED}), len(named.NAMED))

    def test_drawn_bugs_have_names_of_their_own(self):
        texts = {"a.cc": "  if (a < b || b > c) return;\n  go(1);\n  go(2);\n"}
        names = [name for name, _, _ in itertools.islice(drawn.mutants(texts, 1), 4)]  # a way each
        self.assertEqual(len(set(names)), 4)
        self.assertEqual([nth for _, _, nth, _, _ in drawn.places(texts, drawn.off_by_one)], [1, 2])


class Survivors(unittest.TestCase):
    def known(self, text):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "survivors.txt")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            return survivors.load(path)

    def test_the_list_can_be_read(self):
        self.assertLessEqual(set(survivors.load().values()), set(survivors.CLASSES))

    def test_a_line_is_a_name_a_class_and_a_reason(self):
        self.assertEqual(self.known("# a\n\none: x | y;\topen\twhy\ntwo\tequivalent\tso\n"),
                         {"one: x | y;": "open", "two": "equivalent"})
        for text in ("one\topen\n", "one\tshut\twhy\n", "one\topen\t\n", "one open why\n", "one\topen\ta\none\tlog\tb\n"):
            with self.subTest(text), self.assertRaises(SystemExit):
                self.known(text)

    def test_what_nobody_can_notice_does_not_count(self):
        known = {"same": "equivalent", "told": "log", "gap": "open"}
        self.assertEqual(survivors.share(9, ["same", "gap"], known), 90)
        self.assertEqual(survivors.share(8, ["told", "new"], known), 80)
        self.assertEqual(survivors.share(0, ["same"], known), 100)
        self.assertEqual(survivors.text(8, ["same", "told", "new"], known),
                         "8 of 11 noticed; survived: 1 equivalent, 1 log, 1 unknown; 80.0 % of those that are not equivalent")
        self.assertEqual(check.ENOUGH, 90)


if __name__ == "__main__":
    unittest.main()
