#!/usr/bin/env python3
"""Puts bugs into a copy of the sources, one at a time, and sees whether the tests notice.

Named bugs (named.py), or some drawn by a seed (drawn.py). Prints a line a bug: who noticed it, or SURVIVED. Exit status 1
if a named one survived, or too many drawn ones of which survivors.txt does not say that nobody can notice them.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time

import drawn
import named
import sources
import survivors

UNIT = ["test_policy", "test_codec", "test_core", "test_balancer", "test_health", "test_checks"]
SIMULATOR = "weir-sim"
PATIENCE = 8  # times what a test takes on the sources as they are; a bug that makes it take longer made it hang
LEAST_PATIENCE = 30  # seconds, for tests that take next to nothing
ENOUGH = 90  # percent of drawn bugs that are not equivalent
HANGS = "hangs"


def run(command, **options):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False, **options).returncode


class Copy:
    """The sources, in a folder of their own, and a build of them."""

    def __init__(self, folder, tree):
        self.source, self.build, self.tree = os.path.join(folder, "source"), os.path.join(folder, "build"), tree
        self.drop_others()
        for name in tree.names:
            self.put(name, tree.content(name))
        if not os.path.exists(os.path.join(self.build, "build.ninja")):
            launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
            subprocess.run(["cmake", "-G", "Ninja", "-S", self.source, "-B", self.build, "-DWEIR_TESTS=ON",
                            "-DCMAKE_UNITY_BUILD=OFF", *launcher],
                           check=True, stdout=subprocess.DEVNULL)

    def drop_others(self):
        """What an earlier run left of another commit would be built with it."""
        names = set(self.tree.names)
        for folder, _, files in os.walk(self.source):
            for path in (os.path.join(folder, file) for file in files):
                if os.path.relpath(path, self.source) not in names:
                    os.remove(path)

    def put(self, name, content):
        path = os.path.join(self.source, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.exists(path):
            with open(path, "rb") as file:
                if file.read() == content:
                    return
        with open(path, "wb") as file:
            file.write(content)
        os.chmod(path, self.tree.mode(name))

    def compiles(self, targets):
        return run(["ninja", "-C", self.build, *targets]) == 0


class Tests:
    """Those that are asked, in turn, and how long each may take."""

    def __init__(self, copy, only, seeds):
        self.copy, self.targets, self.timeouts = copy, only or [*UNIT, SIMULATOR], {}
        self.commands = {test: [test] for test in UNIT if test in self.targets}
        if SIMULATOR in self.targets:
            self.commands["weir-sim, calm"] = [SIMULATOR, "--profile", "calm", "--seeds", "1..8"]
            self.commands["weir-sim, hostile"] = [SIMULATOR, "--seeds", f"1..{seeds}", "--jobs", str(os.cpu_count())]

    def try_unchanged(self):
        if not self.copy.compiles(self.targets):
            sys.exit("the sources as they are do not compile")
        for name, command in self.commands.items():
            began = time.monotonic()
            if self.status_of(command, None):
                sys.exit(f"the sources as they are do not pass: {name}")
            self.timeouts[name] = max(PATIENCE * (time.monotonic() - began), LEAST_PATIENCE)

    def verdict(self):
        if not self.copy.compiles(self.targets):
            return "does not compile"
        for name, command in self.commands.items():
            if status := self.status_of(command, self.timeouts[name]):
                return f"{name}, hangs" if status == HANGS else name
        return "SURVIVED"

    def status_of(self, command, timeout):
        try:
            return run([os.path.join(self.copy.build, command[0]), *command[1:]], cwd=self.copy.build, timeout=timeout)
        except subprocess.TimeoutExpired:
            return HANGS


def named_bugs(tree, words):
    for name, path, before, after in named.NAMED:
        if words and not any(word in name for word in words):
            continue
        original = tree.content(path)
        if original.count(before.encode()) != 1:
            sys.exit(f"{name}: {path} does not have that once any more")
        yield name, path, original.replace(before.encode(), after.encode())


def drawn_bugs(tree, seed, words):
    files = [name for name in tree.names if os.path.dirname(name) in drawn.FOLDERS and name.endswith((".cc", ".h"))]
    texts = {name: tree.content(name).decode() for name in files}
    for name, path, text in drawn.mutants(texts, seed):
        if not words or any(word in name for word in words):
            yield name, path, text.encode()


def try_bugs(copy, tests, bugs):
    """The verdict on each, as it is known: (name, verdict)."""
    for name, path, text in bugs:
        began = time.monotonic()
        copy.put(path, text)
        verdict = tests.verdict()
        copy.put(path, copy.tree.content(path))
        print(f"{name}: {verdict} ({time.monotonic() - began:.0f} s)", flush=True)
        yield name, verdict


def try_named(copy, tests, words):
    tried = noticed = 0
    for _, verdict in try_bugs(copy, tests, named_bugs(copy.tree, words)):
        tried += 1
        noticed += verdict not in ("SURVIVED", "does not compile")
    print(f"{noticed} of {tried} noticed")
    return noticed == tried


def try_drawn(copy, tests, bugs, count):
    known, caught, survived = survivors.load(), 0, []
    for name, verdict in try_bugs(copy, tests, bugs):
        if verdict == "does not compile":
            continue
        if verdict == "SURVIVED":
            survived.append(name)
        else:
            caught += 1
            if known.get(name) == "equivalent":
                print("  though survivors.txt calls it equivalent")
        if caught + len(survived) == count:
            break
    print(survivors.text(caught, survived, known))
    return survivors.share(caught, survived, known) >= ENOUGH


def count_from_one(text):
    if (count := int(text)) < 1:
        raise argparse.ArgumentTypeError("takes a number from 1 on")
    return count


def options_given():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--folder", default=os.path.join(sources.ROOT, "build-mutants"), help="for the copy and its build")
    parser.add_argument("--seeds", type=count_from_one, default=1500, help="hostile ones, for each bug")
    parser.add_argument("--only", action="append", choices=[*UNIT, SIMULATOR], help="asks no other test; may be repeated")
    parser.add_argument("--at", metavar="REV", help="the sources and tests of that commit, not those of the checkout")
    parser.add_argument("--drawn", type=count_from_one, metavar="COUNT",
                        help="not the named bugs, but so many drawn ones that compile")
    parser.add_argument("--seed", type=int, default=1, help="they are drawn by")
    parser.add_argument("words", nargs="*", help="only bugs with one of these in their name")
    return parser.parse_args()


def main():
    options = options_given()
    tree = sources.Commit(options.at) if options.at else sources.Checkout()
    copy = Copy(options.folder, tree)
    tests = Tests(copy, options.only, options.seeds)
    tests.try_unchanged()
    if options.drawn:
        good = try_drawn(copy, tests, drawn_bugs(tree, options.seed, options.words), options.drawn)
    else:
        good = try_named(copy, tests, options.words)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
