"""The command line: run, check, version, --help, --pid-file, and what a broken file gets."""

import json
import os
import socket
import subprocess
import tempfile
import unittest

import harness

GOOD = "pools:\n  app:\n    nodes:\n      - 127.0.0.1:8000\n"
APP = "pools: {app: {nodes: [127.0.0.1:1]}}\n"
BROKEN = (
    "", "pools", "[]", "{", "pools: [", "\tpools: {}", "a: b: c", "---\n---\n", "pools: *none", b"\xff\xfe\x00", b"\x00",
    "pools: {}", "pools: null", "pools: {app: }\nroutes: 5", "pools: {app: {nodes: [127.0.0.1:1}}", "pools: &a\n  app: *a\n",
    APP + "pools: {}\n", APP + "timeouts: {header: 5}\n", APP + "limits: {header: -1}\n", APP + "listeners: [{address: 8080}]\n",
    "pools: {a: {nodes: []}, b: {nodes: []}}\nroutes: [{pool: c}]\n",
)


def weir(*arguments):
    return subprocess.run(
        [harness.BINARY, *arguments], capture_output=True, text=True, timeout=harness.seconds(20), check=False, stdin=subprocess.DEVNULL)


class CommandLine(harness.Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-e2e-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def file(self, text, name="weir.yaml"):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
        return path

    def test_version(self):
        for asked in ("version", "--version"):
            out = weir(asked)
            self.assertEqual(out.returncode, 0)
            self.assertRegex(out.stdout, r"weir \d+\.\d+\.\d+")

    def test_help(self):
        for arguments in (["--help"], ["run", "--help"], ["check", "--help"], ["version", "--help"]):
            out = weir(*arguments)
            self.assertEqual((out.returncode, out.stderr), (0, ""), arguments)
            self.assertIn("--help", out.stdout)
        self.assertIn("--pid-file", weir("run", "--help").stdout)

    def test_wrong_usage(self):
        for arguments in ([], ["nonsense"], ["run"], ["check"], ["run", "--nonsense", "x"], ["check", "a", "b"]):
            out = weir(*arguments)
            self.assertEqual((out.returncode, out.stdout), (1, ""), arguments)
            self.assertRegex(out.stderr, r"\Aweir[a-z ]*: .*--help.*\n\Z")

    def test_check_good(self):
        out = weir("check", self.file(GOOD))
        self.assertEqual(out.returncode, 0, out)
        self.assertEqual(len((out.stdout + out.stderr).strip().splitlines()), 1, "a one-line summary")

    def test_check_says_everything(self):
        path = self.file(GOOD.replace("8000", "99999") + "      - 127.0.0.1:8000\n    strategie: round-robin\nworkers: many\n")
        out = weir("check", path)
        said = out.stdout + out.stderr
        self.assertEqual(out.returncode, 1, out)
        for line in (f"{path}:4:", f"{path}:6:", f"{path}:7:"):
            self.assertIn(line, said)
        self.assertIn("strategy", said)

    def test_bad_files(self):
        for text in BROKEN:
            path = self.file(text)
            for command in ("check", "run"):
                out = weir(command, path)
                self.assertEqual(out.returncode, 1, f"{command} of {text!r}: {out}")
                self.assertIn(path, out.stdout + out.stderr, f"{command} of {text!r} names no place")

    def test_a_missing_file(self):
        for command in ("check", "run"):
            out = weir(command, os.path.join(self.folder, "none.yaml"))
            self.assertEqual(out.returncode, 1)
            self.assertIn("none.yaml", out.stdout + out.stderr)
        self.assertEqual(weir("check", self.folder).returncode, 1, "a folder")

    def test_pid_file(self):
        path = os.path.join(self.folder, "weir.pid")
        server = self.weir(harness.config([self.origin()]), arguments=["--pid-file", path])
        harness.wait_until("the pid file", lambda: os.path.exists(path) and os.path.getsize(path) > 0)
        with open(path, encoding="ascii") as file:
            self.assertEqual(int(file.read()), server.pid)
        self.assertEqual(server.stop(), [])
        self.assertFalse(os.path.exists(path), "the pid file was left behind")

    def test_a_pid_file_that_cannot_be_written(self):
        server = harness.Weir(harness.config([self.origin()]), arguments=["--pid-file", "/nonexistent/x.pid"], wait=False)
        self.assertEqual(server.wait_exit(), 1)
        server.stop()

    def test_a_pid_file_that_names_another_by_then_stays(self):
        path = os.path.join(self.folder, "weir.pid")
        server = self.weir(harness.config([self.origin()]), arguments=["--pid-file", path])
        with open(path, "w", encoding="ascii") as file:
            file.write("1\n")
        self.assertEqual(server.stop(), [])
        self.assertTrue(os.path.exists(path))

    def test_a_pid_file_that_is_a_pipe(self):
        pipe = os.path.join(self.folder, "pipe")
        os.mkfifo(pipe)
        server = harness.Weir(harness.config([self.origin()]), arguments=["--pid-file", pipe], wait=False)
        self.assertEqual(server.wait_exit(), 1)
        self.assertTrue(server.stop()[1].rpartition(pipe)[1], "the path is not named")
        self.assertTrue(os.path.exists(pipe))

    def test_an_access_log_that_is_a_pipe_which_nobody_reads_yet(self):
        pipe = os.path.join(self.folder, "pipe")
        os.mkfifo(pipe)
        server = self.weir(harness.config([self.origin()], access_log={"path": pipe, "format": "combined"}))
        self.assert_ok(self.client(server).request(target="/early"))
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        harness.wait_until("the line", lambda: b"GET /early HTTP/1.1" in self.read_now(reader))

    def test_an_access_log_that_is_a_pipe(self):
        pipe = os.path.join(self.folder, "pipe")
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        node = self.origin()
        server = self.weir(harness.config([node], access_log={"path": pipe, "format": "combined"}))
        self.assert_ok(self.client(server).request(target="/seen"))
        harness.wait_until("the line", lambda: b"GET /seen HTTP/1.1" in self.read_now(reader))

    def read_now(self, descriptor):
        try:
            return os.read(descriptor, 65536)
        except BlockingIOError:
            return b""

    def test_the_log_names_the_listeners(self):
        unnamed, named = "127.0.0.1:0", os.path.join(self.folder, "weir.sock")
        server = self.weir(harness.config([], listeners=[{"address": unnamed}, {"address": f"unix:{named}", "name": "inner door"}]))
        said = server.found(r"listening on (.*)")
        self.assertRegex(said[0], r"^127\.0\.0\.1:\d+$")
        self.assertEqual(said[1], f"unix:{named} (inner door)")

    def test_the_log_names_the_listener_that_cannot_listen(self):
        path = os.path.join(self.folder, "none", "weir.sock")
        server = harness.Weir(harness.config([], listeners=[{"address": f"unix:{path}", "name": "inner door"}]), wait=False)
        self.assertEqual(server.wait_exit(), 1)
        server.stop()
        self.assertEqual(len(server.found(rf"cannot listen on unix:{path} \(inner door\): ")), 1, server.lines)

    def test_the_demo_says_what_to_try_once_it_can_be_tried(self):
        def demo(listener, wait=True):
            return harness.Weir(harness.config([], listeners=[{"address": listener}]), arguments=["--demo"], wait=wait)

        def said(server):
            with open(os.path.join(server.folder.name, "stdout"), encoding="utf-8") as file:
                return file.read()

        path = os.path.join(self.folder, "weir.sock")
        for listener in ("127.0.0.1:0", f"unix:{path}"):
            server = demo(listener)
            self.addCleanup(server.stop)
            harness.wait_until("the hints", lambda: said(server))
            where = f"--unix-socket {path} http://localhost" if listener.startswith("unix:") else f"http://{server.address}"
            self.assertIn(f" curl {where}/ ", said(server))
        with socket.create_server(("127.0.0.1", 0)) as taken:
            server = demo("127.0.0.1:%d" % taken.getsockname()[1], wait=False)
            self.addCleanup(server.stop)
            self.assertEqual(server.wait_exit(), 1)
            self.assertEqual(said(server), "")

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_an_access_log_that_cannot_be_written(self):
        node = self.origin()
        server = self.weir(harness.config([node], access_log={"path": "/dev/full"}))
        client = self.client(server)
        for _ in range(50):
            self.assert_ok(client.request())


class AccessLog(harness.Case):
    def test_lines(self):
        node = self.origin()
        with tempfile.TemporaryDirectory(prefix="weir-e2e-") as folder:
            path = os.path.join(folder, "access.log")
            server = self.weir(harness.config([node], access_log={"path": path, "format": "json"}))
            with server.client() as client:
                for number in range(10):
                    self.assert_ok(client.request(target=f"/{number}?q"))
                client.send("GET /refused HTTP/1.1\r\nHost: a.test\r\nContent-Length: x\r\n\r\n")
                self.assertEqual(client.read_response().status, 400)
            self.assertEqual(server.stop(), [])
            with open(path, encoding="utf-8") as file:
                lines = [json.loads(line) for line in file]
            self.assertEqual(len(lines), 11)
            last = lines[-1]
            self.assertEqual([last[key] for key in ("method", "host", "path", "status", "reason")],
                             ["GET", "a.test", "/refused", 400, "bad_request"], last)


class Figures(harness.Case):
    """What the access log counts."""

    def lines(self, settings, ask):
        with tempfile.TemporaryDirectory(prefix="weir-e2e-") as folder:
            path = os.path.join(folder, "access.log")
            server = self.weir({**settings, "access_log": {"path": path}})
            with server.client() as client:
                ask(client)
            self.assertEqual(server.stop(), [])
            with open(path, encoding="utf-8") as file:
                return [json.loads(line) for line in file]

    def test_an_answer_without_a_body(self):
        settings = harness.config(pools={"app": {"nodes": []}})
        get, head = self.lines(settings, lambda client: (client.request(), client.request("HEAD")))
        self.assertGreater(get["bytes_out"], 0)
        self.assertEqual(head["bytes_out"], 0)

    def test_tries_that_found_no_connection(self):
        dead = [self.origin(listen=False) for _ in range(2)]
        line, = self.lines(harness.config(dead), lambda client: client.request())
        self.assertEqual((line["status"], line["reason"], line["attempts"]), (502, "connect_refused", 2))


class OwnLog(harness.Case):
    """What was refused, and why, in words; whether or not there is an access log."""

    def test_requests(self):
        server = self.weir(harness.config([self.origin()], limits={"body": "1KiB"}))
        start = "POST / HTTP/1.1\r\nHost: a.test\r\n"
        for request, why in (
            ("GET / HTTP/1.1\r\n\r\n", r"bad_request \(client\): .*Host.*; answered 400"),
            (start + "Transfer-Encoding: chunked\r\n\r\nx\r\n", r"bad_request \(client\): a bad chunk size; answered 400"),
            (start + "Content-Length: 2000\r\n\r\n", r"too_large \(client\): .*limits.body; answered 413"),
        ):
            client = self.client(server)
            client.send(request)
            self.assertIn(client.read_response().status, (400, 413))
            server.wait_lines(r"refused a request from 127.0.0.1: " + why)

    def test_a_request_that_turns_bad_when_its_answer_has_begun(self):
        def script(connection):
            connection.reader.line()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin")
            connection.wait_end()

        server = self.proxy(self.origin(on_connection=script))
        client = self.client(server)
        client.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.assertEqual(client.read_head().status, 200)
        client.send("x\r\n")
        server.wait_lines(r"refused a request from 127.0.0.1: bad_request .*; cut the answer")

    def test_answers(self):
        node = self.origin(on_request=lambda connection, _: connection.send("HTTP/3 200 OK\r\n\r\n"))
        server = self.proxy(node)
        self.assert_local(self.client(server).request(), 502)
        server.wait_lines(rf"refused an answer of node {node.address}: upstream_bad: ")


if __name__ == "__main__":
    harness.main()
