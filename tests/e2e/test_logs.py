"""Both logs: what the access log's ends do to traffic (nothing), rotation, syslog, sampling; the own log's shape."""

import collections
import json
import os
import re
import signal
import socket
import subprocess
import threading

import harness

FIELDS = ("time", "client", "method", "host", "path", "protocol", "status", "bytes_in", "bytes_out", "total_ms",
          "upstream_ms", "route", "pool", "node", "attempts", "request_id", "reason", "user_agent", "referer")


class LogCase(harness.Case):
    def setUp(self):
        folder = harness.tempfile.TemporaryDirectory(prefix="weir-logs-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def lines(self, *names):
        found = []
        for name in names:
            with open(self.path(name), encoding="utf-8") as file:
                text = file.read()
            self.assertTrue(text == "" or text.endswith("\n"), text[-200:])
            found += text.splitlines()
        return found

    def logging(self, node, log, **top):
        return self.weir(harness.config([node], access_log=log, **top))

    def ask(self, server, count, prefix="/"):
        """So many requests on one connection, each answered, and none of them late."""
        with server.client() as client:
            for number in range(count):
                self.assert_ok(client.request(target=f"{prefix}{number}"))


class Traffic:
    """Clients that ask on and on, each request with an id of its own, until they are stopped."""

    def __init__(self, case, server, clients=4):
        self.case, self.server = case, server
        self.asked, self.wrong = [], []
        self.over, self.lock = threading.Event(), threading.Lock()
        self.slowest = 0.0
        self.threads = [threading.Thread(target=self.go_on, args=(index,), daemon=True) for index in range(clients)]

    def go_on(self, index):
        with self.server.client() as client:
            number = 0
            while not self.over.is_set():
                target = f"/{index}-{number}"
                begun = harness.time.monotonic()
                response = client.request(target=target)
                with self.lock:
                    self.slowest = max(self.slowest, harness.time.monotonic() - begun)
                    self.asked.append(target)
                    if (response.status, response.ended) != (200, "complete"):
                        self.wrong.append((target, response.status, response.ended))
                number += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(harness.seconds(20))
        self.case.assertEqual(self.wrong, [])

    def count(self):
        with self.lock:
            return len(self.asked)

    def wait_more(self, count):
        wanted = self.count() + count
        harness.wait_until("more answers", lambda: self.count() >= wanted or self.wrong)


class Rotation(LogCase):
    def test_no_line_is_lost_or_doubled_under_load(self):
        wide = "x" * 4000  # so that lines are on their way to the log's thread all the time
        server = self.logging(self.origin(), {"path": self.path("log"), "format": "{path} " + wide})
        rotations = 30
        with Traffic(self, server) as traffic:
            for number in range(rotations):
                traffic.wait_more(40 // harness.SLOW)
                os.rename(self.path("log"), self.path(f"log.{number}"))
                server.signal(signal.SIGUSR1)
                server.wait_lines("SIGUSR1: reopened the access log", number + 1)
                self.assertTrue(os.path.exists(self.path("log")))
        self.assertEqual(server.stop(), [])
        names = [f"log.{number}" for number in range(rotations)] + ["log"]
        lines = self.lines(*names)
        self.assertEqual([line for line in lines if not line.endswith(" " + wide)], [])
        written = collections.Counter(line.split()[0] for line in lines)
        self.assertEqual(written, collections.Counter(traffic.asked))
        self.assertGreater(sum(1 for name in names if self.lines(name)), 1, "all went to one file")

    def test_a_file_that_cannot_be_opened_anew(self):
        server = self.logging(self.origin(), {"path": self.path("log"), "format": "{path}"})
        self.ask(server, 3, "/before-")
        os.rename(self.path("log"), self.path("old"))
        os.mkdir(self.path("log"))
        server.signal(signal.SIGUSR1)
        server.wait_lines("SIGUSR1: cannot reopen the access log .*: Is a directory; lines still go to the old one")
        self.ask(server, 3, "/after-")
        self.assertEqual(server.stop(), [])
        self.assertEqual(len(self.lines("old")), 6)

    def test_standard_error_takes_lines_and_is_not_reopened(self):
        server = self.logging(self.origin(), {"path": "stderr", "format": "asked {method} {path}: {status}"})
        server.signal(signal.SIGUSR1)
        server.wait_lines("SIGUSR1: the access log is stderr, so there is no file to reopen; all goes on")
        self.ask(server, 2)
        server.wait_lines(r"^asked GET /\S*: 200$", 2)

    def test_standard_output_is_not_reopened(self):
        server = self.logging(self.origin(), {"path": "stdout"})
        server.signal(signal.SIGUSR1)
        server.wait_lines("SIGUSR1: the access log is stdout, so there is no file to reopen; all goes on")
        self.ask(server, 1)


class Ends(LogCase):
    """Whatever the log's end does, traffic goes on, and what is lost is counted and said."""

    def wait_lost(self, server, why):
        server.wait_lines(rf"the access log .* lost \d+ lines?: {why}; traffic goes on", timeout=20)

    def lost(self, server):
        return sum(int(number) for number in server.found(r"the access log .* lost (\d+) line"))

    @harness.unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_a_full_disk(self):
        server = self.logging(self.origin(), {"path": "/dev/full"})
        with Traffic(self, server) as traffic:
            self.wait_lost(server, "No space left on device")
            traffic.wait_more(100 // harness.SLOW)
        self.assertLess(traffic.slowest, harness.seconds(1))
        server.signal(signal.SIGTERM)
        server.wait_exit()
        server.ear.join()
        self.assertEqual(self.lost(server), len(traffic.asked))
        self.assertLess(len(server.found("lost")), 5, "it says so once in a while, not for each line")

    def test_a_pipe_that_nobody_reads(self):
        os.mkfifo(self.path("pipe"))
        reader = os.open(self.path("pipe"), os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        wide = "x" * 1000  # so that the room runs out early
        server = self.logging(self.origin(), {"path": self.path("pipe"), "format": "{path} " + wide * 4})
        with Traffic(self, server) as traffic:
            self.wait_lost(server, "it is full, and nobody reads it")
            traffic.wait_more(100 // harness.SLOW)
        self.assertLess(traffic.slowest, harness.seconds(1))
        server.signal(signal.SIGTERM)
        server.wait_exit()
        server.ear.join()
        got = b""
        while some := os.read(reader, 1 << 20):
            got += some
        whole = got.count(b"\n")
        self.assertEqual(self.lost(server), len(traffic.asked) - whole)

    def test_a_syslog_that_nobody_reads(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(self.path("syslog"))
            server = self.logging(self.origin(), {"path": "syslog:" + self.path("syslog"), "format": "{path} " + "x" * 4000})
            with Traffic(self, server) as traffic:
                self.wait_lost(server, "it is full, and nobody reads it")
                traffic.wait_more(100 // harness.SLOW)
            self.assertLess(traffic.slowest, harness.seconds(1))
            server.signal(signal.SIGTERM)
            server.wait_exit()
            server.ear.join()
            listener.setblocking(False)
            got = 0
            try:
                while listener.recv(65536):
                    got += 1
            except BlockingIOError:
                pass
        self.assertEqual(self.lost(server), len(traffic.asked) - got)


class Syslog(LogCase):
    HEADER = re.compile(r"<30>[A-Z][a-z]{2} [ 0-3]\d \d\d:\d\d:\d\d weir\[(\d+)\]: ")

    def listen(self, kind=socket.SOCK_DGRAM):
        listener = socket.socket(socket.AF_UNIX, kind)
        listener.bind(self.path("syslog"))
        if kind == socket.SOCK_STREAM:
            listener.listen()
        listener.settimeout(harness.seconds(10))
        self.addCleanup(listener.close)
        return listener

    def line(self, server, record):
        header = self.HEADER.match(record)
        self.assertIsNotNone(header, record)
        self.assertEqual(int(header[1]), server.pid)
        return record[header.end():]

    def receive(self, server, listener, count):
        return [self.line(server, listener.recv(65536).decode("ascii")) for _ in range(count)]

    def start(self, **log):
        return self.logging(self.origin(), {"path": "syslog:" + self.path("syslog"), "format": "{path}", **log})

    def test_a_datagram_a_line(self):
        listener = self.listen()
        server = self.start(format="json")
        self.ask(server, 20)
        said = [json.loads(line)["path"] for line in self.receive(server, listener, 20)]
        self.assertEqual(said, [f"/{number}" for number in range(20)])

    def test_a_stream(self):
        listener = self.listen(socket.SOCK_STREAM)
        server = self.start()
        self.ask(server, 20)
        connection, _ = listener.accept()
        with connection, connection.makefile("r", encoding="ascii") as records:
            for number in range(20):
                self.assertEqual(self.line(server, records.readline().rstrip("\n")), f"/{number}")

    def test_one_that_goes_and_comes_back(self):
        server = self.start()
        server.wait_lines("cannot reach syslog at .*/syslog: No such file or directory; access log lines wait")
        self.ask(server, 5, "/absent-")
        listener = self.listen()
        self.assertEqual(self.receive(server, listener, 5), [f"/absent-{number}" for number in range(5)])
        server.wait_lines("syslog at .*/syslog is reached again")
        listener.close()
        os.unlink(self.path("syslog"))
        self.ask(server, 5, "/gone-")
        server.wait_lines("cannot reach syslog", 2)
        listener = self.listen()
        self.assertEqual(self.receive(server, listener, 5), [f"/gone-{number}" for number in range(5)])
        self.assertEqual(server.found("lost"), [])

    def test_one_that_is_another_at_the_signal(self):
        first = self.listen()
        server = self.start()
        self.ask(server, 1, "/first-")
        self.assertEqual(self.receive(server, first, 1), ["/first-0"])
        os.rename(self.path("syslog"), self.path("old"))
        second = self.listen()
        server.signal(signal.SIGUSR1)
        server.wait_lines("SIGUSR1: reopened the access log syslog:")
        self.ask(server, 1, "/second-")
        self.assertEqual(self.receive(server, second, 1), ["/second-0"])


class Templates(LogCase):
    def test_every_field(self):
        node = self.origin()
        form = "|".join(f"{name}={{{name}}}" for name in FIELDS)
        server = self.logging(node, {"path": self.path("log"), "format": form})
        with server.client() as client:
            self.assert_ok(client.request("POST", "/p?q", [("User-Agent", 'curl "8"')], b"12345"))
        self.assertEqual(server.stop(), [])
        line, = self.lines("log")
        said = dict(part.split("=", 1) for part in line.split("|"))
        self.assertEqual(tuple(said), FIELDS)
        self.assertRegex(said.pop("time"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertRegex(said.pop("request_id"), r"^[0-9a-f]{32}$")
        for name in ("total_ms", "upstream_ms"):
            self.assertRegex(said.pop(name), r"^\d+\.\d{3}$")
        self.assertGreater(int(said.pop("bytes_out")), 0)
        self.assertEqual(said, {
            "client": "127.0.0.1", "method": "POST", "host": "a.test", "path": "/p?q", "protocol": "HTTP/1.1", "status": "200",
            "bytes_in": "5", "route": "default", "pool": "app", "node": node.address, "attempts": "1", "reason": "-",
            "user_agent": 'curl \\"8\\"', "referer": "-"})


class Sampling(LogCase):
    def test_failures_always_and_few_of_the_rest(self):
        def on_request(connection, request):
            status = 503 if request.target.startswith("/fail") else 200
            connection.send(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n")

        server = self.logging(self.origin(on_request=on_request),
                              {"path": self.path("log"), "format": "{status} {path}", "sample": "1/1000000"})
        with server.client() as client:
            for number in range(50):
                self.assertEqual(client.request(target=f"/fail-{number}").status, 503)
                self.assertEqual(client.request(target=f"/well-{number}").status, 200)
        with server.client() as client:
            client.send("GET /refused HTTP/1.1\r\nHost: a.test\r\nContent-Length: x\r\n\r\n")
            self.assertEqual(client.read_response().status, 400)
        self.assertEqual(server.stop(), [])
        lines = self.lines("log")
        self.assertEqual(sorted(lines), sorted([f"503 /fail-{number}" for number in range(50)] + ["400 /refused"]))


class OwnLog(LogCase):
    def start(self, node=None, wait=True, listeners=None, **log):
        top = {"listeners": listeners} if listeners else {}
        server = harness.Weir(harness.config([node or self.origin()], log=log, **top), wait=wait)
        self.addCleanup(server.stop)
        return server

    def test_json(self):
        server = self.start(format="json", wait=False)
        server.wait_lines("ready: ")
        self.assertEqual(server.stop(), [])
        for line in server.lines:
            said = json.loads(line)
            self.assertEqual(list(said), ["time", "level", "message"])
            self.assertRegex(said["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertEqual(said["level"], "info")
        self.assertTrue(any(json.loads(line)["message"].startswith("listening on 127.0.0.1:") for line in server.lines))

    def test_levels(self):
        listener = self.path("weir.sock")
        quiet = self.start(level="warning", wait=False, listeners=[{"address": f"unix:{listener}"}])
        harness.wait_until("a listener", lambda: os.path.exists(listener))
        with open(quiet.file, "w", encoding="utf-8") as file:
            file.write("pools: 7\n")
        quiet.wait_lines("error .*is not put in force")
        self.assertEqual(quiet.stop(), [])
        self.assertEqual([line for line in quiet.lines if " info " in line], [])
        self.assertEqual([line for line in self.start().lines if " debug " in line], [])

    def test_debug_tells_of_attempts_that_fail(self):
        dead = self.origin(listen=False)
        server = self.start(dead, level="debug")
        self.assert_local(self.client(server).request(), 502)
        server.wait_lines(rf"debug .*{re.escape(dead.address)}.*connect_refused")

    def test_nobody_reads_it_any_more(self):
        file = self.path("weir.yaml")
        with open(file, "w", encoding="utf-8") as new:
            new.write(harness.yaml(harness.config([self.origin()])) + "\n")
        process = subprocess.Popen([harness.BINARY, "run", file], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        while b"ready: " not in process.stderr.readline():
            pass
        process.stderr.close()
        process.send_signal(signal.SIGHUP)  # which it would say something of
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(harness.seconds(10)), 0)

    def test_a_configuration_that_is_refused_is_refused_in_plain_words(self):
        server = self.start(format="json", level="loud", wait=False)
        self.assertEqual(server.wait_exit(), 1)
        server.ear.join()
        self.assertRegex(server.lines[0], r'weir\.yaml:\d+:\d+: log\.level: "loud" is not allowed; allowed: debug, info')


if __name__ == "__main__":
    harness.main()
