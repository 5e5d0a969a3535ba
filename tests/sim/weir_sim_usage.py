#!/usr/bin/env python3
"""What weir-sim answers to commands that make no sense, and to the shortest that do: weir_sim_usage.py WEIR-SIM."""

import os
import subprocess
import sys
import tempfile
import unittest

SIM = os.path.abspath(sys.argv.pop()) if len(sys.argv) > 1 else "build/weir-sim"
KEPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "seeds.txt")


def sim(*arguments):
    return subprocess.run([SIM, *arguments], capture_output=True, text=True, timeout=250, check=False)


class Refused(unittest.TestCase):
    def refused(self, why, *arguments):
        with self.subTest(arguments=arguments):
            done = sim(*arguments)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertEqual(done.stdout, "")
            self.assertRegex(done.stderr, rf"\Aweir-sim: .*{why}.*\n\Z")

    def test_words_that_it_does_not_know(self):
        self.refused("--sed", "--sed", "3")
        self.refused("seven", "seven")
        self.refused("--seed", "--seed")
        self.refused("--profile", "--profile", "windy")

    def test_numbers_that_are_none(self):
        for text in ("-1", "", "x", "1.5", "18446744073709551616"):
            self.refused("--seed", "--seed", text)
        for text in ("-1", "-3..5", "5..3", "1..", "..", "", "x", "1..18446744073709551615"):
            self.refused("--seeds", "--seeds", text)
        for text in ("0", "-1", "65", "x"):
            self.refused("--jobs", "-j", text)

    def test_options_that_contradict_each_other(self):
        self.refused("--seed", "--seed", "3", "--seeds", "1..2")
        self.refused("--seed", "--seed", "3", "--file", KEPT)
        self.refused("--seed", "--seed", "3", "--seed", "4")

    def test_files_that_hold_no_seeds(self):
        self.refused("/nonexistent", "--file", "/nonexistent")
        with tempfile.TemporaryDirectory() as folder:
            self.refused("no seeds", "--file", folder, "--seeds", "7")
            path = os.path.join(folder, "seeds")
            with open(path, "w", encoding="utf-8") as file:
                file.write("no seed here\n")
            self.refused("no seeds", "--file", path, "--seeds", "7")


class Taken(unittest.TestCase):
    def test_help_says_what_the_status_means(self):
        done = sim("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"--seeds 7\b")
        self.assertRegex(done.stdout, r"Exit status: 0 .* 1 .* 2 ")

    def test_a_seed_alone_is_a_range(self):
        done = sim("--seeds", "7")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"(?m)^1 seeds\b")

    def test_a_seed_is_replayed(self):
        done = sim("--seed", "7")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"\nseed 7: good; ")

    def test_kept_seeds_are_run_too(self):
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
            file.write("5 a reason\n9\n")
            file.flush()
            done = sim("--file", file.name, "--seeds", "1..2", "-j", "2")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"(?m)^4 seeds\b")


if __name__ == "__main__":
    unittest.main()
