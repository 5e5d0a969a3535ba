"""The fixture of the end-to-end ring: `Weir` runs the binary, `Case` is a test with origins, clients and a Weir.

A module is a list of Cases and ends with `harness.main()`. The binary is taken from WEIR_BINARY. Every Weir that
a test starts is ended with SIGTERM and must exit 0 without a sanitizer's report, every origin must have seen
nothing that no proxy may send: both are checked at the end of each test, whatever it is about.
"""

import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import wire  # noqa: F401
from raw_client import SLOW, RawClient, chunk, head, seconds, wait_until  # noqa: F401 (the tests' vocabulary)
from raw_origin import RawOrigin, answer, serve  # noqa: F401

BINARY = os.environ.get("WEIR_BINARY", "")
REPORT = re.compile(r"(ERROR: AddressSanitizer|ERROR: LeakSanitizer|WARNING: ThreadSanitizer|SUMMARY: .*Sanitizer|runtime error:)")


def yaml(value, indent=0):
    """Plain values as block YAML, the way a person would write them."""
    pad = "  " * indent
    lines = []
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, (dict, list)) and item:
                lines.append(f"{pad}{key}:")
                lines.append(yaml(item, indent + 1))
            else:
                lines.append(f"{pad}{key}: {scalar(item)}")
    else:
        for item in value:
            if isinstance(item, dict):
                text = yaml(item, indent + 1).lstrip()
                lines.append(f"{pad}- {text}")
            else:
                lines.append(f"{pad}- {scalar(item)}")
    return "\n".join(lines)


def scalar(value):
    if value == [] or value == {}:
        return "[]" if isinstance(value, list) else "{}"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if re.match(r"[\w./][\w./:%+-]*\Z", text) and not text.endswith(":"):
        return text
    return "'" + text.replace("'", "''") + "'"


def config(nodes=None, **top):
    """A whole configuration: one pool `app` of `nodes` unless `pools` says otherwise; a fast end of the process."""
    made = {
        "workers": 2,
        "admin": {"address": "127.0.0.1:0"},
        "access_log": {"path": "off"},
        "shutdown_timeout": "5s",
        "shutdown_grace": "50ms",
        "listeners": [{"address": "127.0.0.1:0"}],
    }
    if nodes is not None:
        made["pools"] = {"app": {"nodes": [node if isinstance(node, (dict, str)) else node.address for node in nodes]}}
    made.update(top)
    return made


class Weir:
    def __init__(self, settings, nofile=None, arguments=(), wait=True, environment=None, file=None, command=(), pass_fds=()):
        """`file`: where the settings stand already. `command`: what to start instead of the binary."""
        self.folder = tempfile.TemporaryDirectory(prefix="weir-e2e-")
        self.file = file or os.path.join(self.folder.name, "weir.yaml")
        if not file:
            with open(self.file, "w", encoding="utf-8") as new:
                new.write(settings if isinstance(settings, str) else yaml(settings) + "\n")
        listeners = 1 if isinstance(settings, str) else len(settings["listeners"])
        self.lines = []
        self.heard = threading.Condition()
        self.dead = False
        limit = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile))) if nofile else None
        with open(os.path.join(self.folder.name, "stdout"), "wb") as out:
            self.process = subprocess.Popen(
                [*(command or [BINARY]), "run", self.file, *arguments],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, preexec_fn=limit, pass_fds=pass_fds,
                env={**os.environ, **(environment or {})})
        self.ear = threading.Thread(target=self.listen, daemon=True)
        self.ear.start()
        self.addresses = []
        if wait:
            self.wait_lines(r"listening on (\S+)", listeners)
            self.addresses = self.found(r"listening on (\S+)")

    @property
    def address(self):
        return self.addresses[0]

    @property
    def pid(self):
        return self.process.pid

    def listen(self):
        for line in self.process.stderr:
            with self.heard:
                self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                self.heard.notify_all()
        with self.heard:
            self.dead = True
            self.heard.notify_all()

    def found(self, pattern):
        matches = [re.search(pattern, line) for line in self.lines]
        return [match[1] if match.groups() else match[0] for match in matches if match]

    def wait_lines(self, pattern, count=1, timeout=10.0):
        deadline = time.monotonic() + seconds(timeout)
        with self.heard:
            while len(self.found(pattern)) < count:
                left = deadline - time.monotonic()
                if self.dead or left <= 0:
                    raise AssertionError(f"no log line {pattern!r}; the log:\n" + "\n".join(self.lines[-40:]))
                self.heard.wait(min(left, 1.0))

    def client(self, index=0, **options):
        return RawClient(self.addresses[index], **options)

    def signal(self, number):
        self.process.send_signal(number)

    def wait_exit(self, timeout=10.0):
        return self.process.wait(seconds(timeout))

    def stop(self, timeout=10.0):
        """SIGTERM, then what was wrong with the end: a list of complaints, empty if all is well."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        complaints = []
        try:
            code = self.process.wait(seconds(timeout))
            if code != 0:
                complaints.append(f"exit code {code}")
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            complaints.append(f"still there {timeout} s after SIGTERM")
        self.ear.join(seconds(5))
        if not self.ear.is_alive():
            self.process.stderr.close()
        if any(REPORT.search(line) for line in self.lines):
            complaints.append("a sanitizer's report")
        if complaints:
            complaints.append("the log:\n" + "\n".join(self.lines[-120:]))
        self.folder.cleanup()
        return complaints

    def status(self, key):
        """A figure of /proc/PID/status in bytes, such as VmRSS and VmHWM."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith(key + ":"):
                    return int(line.split()[1]) * 1024
        raise KeyError(key)

    def forget_peak(self):
        with open(f"/proc/{self.pid}/clear_refs", "w", encoding="ascii") as file:
            file.write("5")

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


class Case(unittest.TestCase):
    maxDiff = None  # a sanitizer's report is worth reading whole

    def origin(self, *args, **options):
        origin = RawOrigin(*args, **options)

        def end():
            origin.close()
            self.assertEqual(origin.violations, [], "an origin saw what no proxy may send")

        self.addCleanup(end)
        return origin

    def origin_that_holds(self, target):
        """One that answers this target once the event is set, which is the other thing returned; all others at once."""
        release = threading.Event()

        def reply(connection, request):
            if request.target == target:
                release.wait(seconds(30))
            answer(connection, request)

        origin = self.origin(on_request=reply)
        self.addCleanup(release.set)  # before the origin is closed
        return origin, release

    def weir(self, settings, **options):
        weir = Weir(settings, **options)
        self.addCleanup(lambda: self.assertEqual(weir.stop(), [], "Weir did not end well"))
        return weir

    def client(self, weir, index=0, **options):
        client = weir.client(index, **options)
        self.addCleanup(client.close)
        return client

    def proxy(self, *origins, **top):
        """A Weir in front of these origins."""
        return self.weir(config(origins, **top))

    def assert_ok(self, response, body=None):
        self.assertEqual((response.status, response.ended), (200, "complete"), response)
        if body is not None:
            self.assertEqual(response.body, body)
        return response

    def assert_local(self, response, *statuses):
        """Weir's own answer: whole, and not a node's."""
        self.assertIn(response.status, statuses, response)
        self.assertEqual(response.ended, "complete", response)
        self.assertIsNone(response.get("X-Origin"), response)
        self.assertIsNotNone(response.get("Date"), response)
        self.assertIsNotNone(response.get("Content-Length"), response)
        return response


def main():
    if not BINARY:
        sys.exit("WEIR_BINARY names no binary")
    unittest.main(module="__main__", verbosity=2)
