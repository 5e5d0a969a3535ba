#!/usr/bin/env python3
"""Puts bugs into a copy of the sources, one at a time, and sees whether the tests notice.

Named bugs (named.py), or some drawn by a seed (drawn.py). Prints a line a bug: who noticed it, or SURVIVED; exit status 1
if one survived.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time

import drawn
import named

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
UNIT = ["test_policy", "test_codec", "test_core", "test_balancer", "test_health", "test_checks"]
TIMEOUT = 120  # seconds a test may take; a bug that makes it hang is noticed
HANGS = "hangs"


def run(command, **options):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False, **options).returncode


class Copy:
    """The tracked sources and a build of them."""

    def __init__(self, folder, seeds):
        self.source, self.build, self.seeds = os.path.join(folder, "source"), os.path.join(folder, "build"), seeds
        os.makedirs(self.source, exist_ok=True)
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout.decode()
        self.files = list(filter(None, listed.split("\0")))
        for name in self.files:
            self.put(name, self.original(name))
        if not os.path.exists(os.path.join(self.build, "build.ninja")):
            launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
            subprocess.run(["cmake", "-G", "Ninja", "-S", self.source, "-B", self.build, "-DWEIR_TESTS=ON", *launcher],
                           check=True, stdout=subprocess.DEVNULL)

    def original(self, name):
        with open(os.path.join(ROOT, name), "rb") as file:
            return file.read()

    def put(self, name, content):
        path = os.path.join(self.source, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.exists(path):
            with open(path, "rb") as file:
                if file.read() == content:
                    return
        with open(path, "wb") as file:
            file.write(content)
        shutil.copymode(os.path.join(ROOT, name), path)

    def compiles(self):
        return run(["ninja", "-C", self.build, "weir-sim", *UNIT]) == 0

    def noticed_by(self):
        tests = {test: [test] for test in UNIT}
        tests["weir-sim, calm"] = ["weir-sim", "--profile", "calm", "--seeds", "1..8"]
        tests["weir-sim, hostile"] = ["weir-sim", "--seeds", f"1..{self.seeds}", "--jobs", str(os.cpu_count())]
        for name, command in tests.items():
            if status := self.status_of(command):
                return f"{name}, hangs" if status == HANGS else name
        return None

    def status_of(self, command):
        try:
            return run([os.path.join(self.build, command[0]), *command[1:]], cwd=self.build, timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            return HANGS


def named_bugs(copy, words):
    for name, path, before, after in named.NAMED:
        if words and not any(word in name for word in words):
            continue
        original = copy.original(path)
        if original.count(before.encode()) != 1:
            sys.exit(f"{name}: {path} does not have that once any more")
        yield name, path, original.replace(before.encode(), after.encode())


def drawn_bugs(copy, seed, words):
    files = [name for name in copy.files if os.path.dirname(name) in drawn.FOLDERS and name.endswith((".cc", ".h"))]
    sources = {name: copy.original(name).decode() for name in files}
    for name, path, text in drawn.mutants(sources, seed):
        if not words or any(word in name for word in words):
            yield name, path, text.encode()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--folder", default=os.path.join(ROOT, "build-mutants"), help="for the copy and its build")
    parser.add_argument("--seeds", type=int, default=1500, help="hostile ones, for each bug")
    parser.add_argument("--drawn", type=int, metavar="COUNT", help="not the named bugs, but so many drawn ones that compile")
    parser.add_argument("--seed", type=int, default=1, help="they are drawn by")
    parser.add_argument("words", nargs="*", help="only bugs with one of these in their name")
    options = parser.parse_args()
    copy = Copy(options.folder, options.seeds)
    if not copy.compiles() or (found := copy.noticed_by()):
        sys.exit(f"the sources as they are do not pass: {found if copy.compiles() else 'they do not compile'}")
    bugs = drawn_bugs(copy, options.seed, options.words) if options.drawn else named_bugs(copy, options.words)
    tried = survived = 0
    for name, path, text in bugs:
        began = time.monotonic()
        copy.put(path, text)
        compiles = copy.compiles()
        verdict = (copy.noticed_by() or "SURVIVED") if compiles else "does not compile"
        copy.put(path, copy.original(path))
        print(f"{name}: {verdict} ({time.monotonic() - began:.0f} s)", flush=True)
        if options.drawn and not compiles:
            continue
        tried += 1
        survived += verdict in ("SURVIVED", "does not compile")
        if tried == options.drawn:
            break
    print(f"{tried - survived} of {tried} noticed")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
