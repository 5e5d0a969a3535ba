"""Tests in JavaScript, in clients/: they have servers and clients of their own, and Weirs of ours between them.

A script is told how by the file descriptor 3, a line of JSON each way at a time: `start` has a Weir run with these
settings, `wait` waits for a line of a Weir's log, `signal` sends it a signal, `stop` ends it and tells what was wrong.
`npm ci` in clients/ gets the packages, which ./dev test does.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading

import harness

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "clients")


class Stage:
    """The end of the descriptor that starts Weirs."""

    def __init__(self, case, end):
        self.case = case
        self.file = end.makefile("rw", encoding="utf-8")
        self.weirs = []

    def serve(self):
        for line in self.file:
            try:
                answer = self.answer(**json.loads(line))
            except (AssertionError, OSError) as error:
                answer = {"error": str(error)}
            self.file.write(json.dumps(answer) + "\n")
            self.file.flush()

    def answer(self, what, weir=None, settings=None, pattern=None, count=1, name=None):
        if what == "start":
            made = self.case.weir(harness.config(**settings))
            self.weirs.append(made)
            return {"weir": len(self.weirs) - 1, "addresses": made.addresses}
        made = self.weirs[weir]
        if what == "wait":
            made.wait_lines(pattern, count)
            return {"lines": made.found(pattern)}
        if what == "signal":
            made.signal(signal.Signals[name])
            return {}
        assert what == "stop", what
        return {"complaints": made.stop()}


class Case(harness.Case):
    def node(self):
        found = shutil.which("node")
        self.assertTrue(found, "there is no node: install Debian's package `nodejs` (./dev test does)")
        return found

    def node_version(self):
        said = subprocess.run([self.node(), "--version"], capture_output=True, text=True, check=True).stdout
        return tuple(int(part) for part in said.strip().lstrip("v").split("."))

    def run_script(self, file, *packages):
        """All tests of a script pass. `packages`: folders with packages that it needs besides clients/'s own, and these packages."""
        node = self.node()
        for folder, package in ((FOLDER, "ws"), (FOLDER, "undici"), (FOLDER, "@grpc/grpc-js"), *packages):
            self.assertTrue(os.path.isdir(os.path.join(folder, "node_modules", package)),
                            f"{package} is missing: npm ci --prefix {folder} (./dev test does it)")
        ours, theirs = socket.socketpair()
        with ours, theirs:
            stage = Stage(self, ours)
            crew = threading.Thread(target=stage.serve, daemon=True)
            crew.start()
            try:
                # The descriptor is 3 in the script, whatever it is here.
                done = subprocess.run(["/bin/sh", "-c", f'exec 3<&{theirs.fileno()}; exec "$0" "$1"', node, file], cwd=FOLDER,
                                      pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, timeout=harness.seconds(100), check=False)
            except subprocess.TimeoutExpired as late:
                self.fail(f"{file} does not end:\n{(late.stdout or b'').decode('utf-8', 'replace')}")
            finally:
                theirs.close()
                ours.shutdown(socket.SHUT_RDWR)
                crew.join(harness.seconds(10))
        print(done.stdout)
        self.assertEqual(done.returncode, 0, f"{file}: a test failed; its output is above")
