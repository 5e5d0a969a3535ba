"""The commands that look at a running Weir: `weir nodes` and `weir top`, on pipes and on terminals."""

import http.server
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time

import harness
from screen import OnTerminal

ESCAPE = "\x1b"


def node(address, **changes):
    word = {"state": "up", "since": "2026-11-25T11:59:00.000Z", "reason": ""}
    made = {
        "address": address, "eligible": True, "operator": {**word, "state": "active"}, "health": word, "ejection": {**word, "state": "none"},
        "weight": 1, "in_flight": 0, "rate": 1.0, "errors": 0.0, "p50_ms": 1.0, "p99_ms": 2.0,
    }
    return {**made, **changes}


def pools(*nodes, name="app"):
    return {"time": "2026-11-25T12:00:00.000Z", "pools": [{
        "name": name, "strategy": "round-robin", "health": None, "size": len(nodes), "eligible": len(nodes), "in_flight": 0, "rate": 1.0,
        "errors": 0.0, "p50_ms": 1.0, "p99_ms": 2.0, "nodes": list(nodes)}]}


class Api:
    """Stands for the admin port of a Weir: what it says is set from outside. It can be ended, and begun again where it was."""

    def __init__(self, answer):
        self.answer = answer  # an object, or bytes to send as they are
        self.status = 200
        self.hang = threading.Event()  # answers wait for release while it is set
        self.release = threading.Event()
        self.hanging = 0
        self.port = 0
        self.start()

    def start(self):
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if api.hang.is_set():
                    api.hanging += 1
                    api.release.wait()
                answer = {"listeners": []} if self.path == "/api/connections" else api.answer
                body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(api.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        self.address = f"127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def stop(self):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Commands(harness.Case):
    def api(self, answer):
        api = Api(answer)
        self.addCleanup(api.stop)
        return api

    def run_weir(self, *arguments, environment=None):
        env = {key: value for key, value in os.environ.items() if key != "WEIR_ADMIN"}
        return subprocess.run([harness.BINARY, *arguments], capture_output=True, text=True, timeout=harness.seconds(20), check=False,
                              stdin=subprocess.DEVNULL, env={**env, **(environment or {})})

    def terminal(self, *arguments, **options):
        terminal = OnTerminal([harness.BINARY, *arguments], **options)
        self.addCleanup(terminal.close)
        return terminal

    def assert_fails(self, out, code, pattern):
        self.assertEqual((out.returncode, out.stdout), (code, ""), out)
        self.assertRegex(out.stderr, pattern)
        self.assertEqual(out.stderr.count("\n"), 1, out.stderr)

    def admin(self, weir):
        return weir.found(r"admin port on (\S+)")[0]


class Nodes(Commands):
    def test_a_running_weir(self):
        up, dead = self.origin(), self.origin(listen=False)
        folder = tempfile.TemporaryDirectory(prefix="weir-e2e-")
        self.addCleanup(folder.cleanup)
        for address in ("127.0.0.1:0", f"unix:{folder.name}/admin.sock"):
            server = self.weir(harness.config(pools={"app": {"nodes": [up.address, dead.address]}, "other": {"nodes": []}},
                                              routes=[{"pool": "app"}], admin={"address": address}))
            client = self.client(server)
            for _ in range(20):
                self.assert_ok(client.request())
            admin = self.admin(server)
            out = self.run_weir("nodes", "--admin", admin)
            self.assertEqual((out.returncode, out.stderr), (0, ""), out)
            lines = out.stdout.splitlines()
            self.assertRegex(lines[0], r"^POOL  NODE +STATE +WEIGHT +IN-FLIGHT +REQ/S +ERR/S +P50 +P99 +SINCE +WHY$")
            self.assertRegex(lines[1], rf"^app   {re.escape(up.address)} +\+  unknown +1 +0 ")
            self.assertRegex(lines[2], rf"^app   {re.escape(dead.address)} +.  ejected .* 2 failures to connect in a row, the latest: connection refused$")
            self.assertRegex(lines[4], r"^app: 1 of 2 nodes eligible, .*; round-robin, no checks$")
            self.assertRegex(lines[5], r"^other: 0 of 0 nodes eligible, ")
            said = json.loads(self.run_weir("nodes", "--admin", admin, "--json").stdout)
            self.assertEqual([[each["address"] for each in pool["nodes"]] for pool in said["pools"]], [[up.address, dead.address], []])
            self.assertNotIn("\n\n", self.run_weir("nodes", "other", "--json", "--admin", admin).stdout)
            one = self.run_weir("nodes", "app", environment={"WEIR_ADMIN": admin})
            self.assertEqual(one.returncode, 0, one)
            self.assertNotIn("other", one.stdout)
            self.assert_fails(self.run_weir("nodes", "nope", "--admin", admin), 1, r'answered 404: .*"nope"; allowed: app, other; weir nodes shows all pools')
            if address.startswith("unix:"):
                again = self.run_weir("nodes", "--config", server.file).stdout.splitlines()[0]
                self.assertEqual(again.split(), lines[0].split())  # the columns' widths follow the figures
            else:
                self.assert_fails(self.run_weir("nodes", "--config", server.file), 1, "port 0.*--admin")

    def test_wrong_usage(self):
        for arguments in (["--nonsense"], ["a/b"], ["--admin", "x"], ["--admin", "127.0.0.1:1", "--config", "x"], ["a", "b"], ["--config", "/nowhere"]):
            out = self.run_weir("nodes", *arguments)
            self.assert_fails(out, 1, "^weir nodes: .")
        self.assertEqual(self.run_weir("nodes", "--help").returncode, 0)

    def test_nobody_there(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % unused.getsockname()[1]
            for arguments in (["nodes"], ["nodes", "--watch"], ["nodes", "--json"]):
                self.assert_fails(self.run_weir(*arguments, "--admin", address), 2, rf"^weir nodes: {address} is not reachable: .*--admin ADDRESS")
        self.assert_fails(self.run_weir("nodes", "--admin", "unix:/nowhere/weir.sock"), 2, "not reachable: No such file")

    def test_somebody_else_there(self):
        api = self.api({"hello": "world"})
        self.assert_fails(self.run_weir("nodes", "--admin", api.address), 2, "no admin port of Weir")
        api.answer = b"<html>"
        self.assert_fails(self.run_weir("nodes", "--json", "--admin", api.address), 2, "no admin port of Weir")
        api.status, api.answer = 403, {"error": "the Host is not known here"}
        self.assert_fails(self.run_weir("nodes", "--admin", f"localhost:{api.port}"), 1, "answered 403: the Host is not known here; .*admin.hosts")

    def test_text_that_would_steer_a_terminal(self):
        bad = "x\x1b]0;title\x07\x9b31m\r\n\u202e"
        api = self.api(pools(node(bad, health={"state": bad, "since": bad, "reason": bad}), name=bad))
        for arguments in ([], ["--json"], ["--watch"]):
            terminal = self.terminal("nodes", "--admin", api.address, *arguments)
            terminal.wait("an answer", lambda t=terminal: "title" in t.output)
            terminal.signal(signal.SIGINT)
            terminal.wait_exit()
            self.assertNotIn(f"{ESCAPE}]", terminal.output)
            self.assertEqual(terminal.screen.faults, [], terminal.output)
        api.status, api.answer = 500, {"error": bad}
        self.assert_fails(self.run_weir("nodes", "--admin", api.address), 1, r"answered 500: x\?\]0;title")

    def test_on_a_terminal(self):
        api = self.api(pools(node("10.0.0.1:80"), node("10.0.0.2:80", eligible=False, health={"state": "down", "reason": "why " * 100})))
        for columns in (40, 80, 132):
            terminal = self.terminal("nodes", "--admin", api.address, columns=columns)
            self.assertEqual(terminal.wait_exit(), 0)
            terminal.wait("the table", lambda t=terminal: "app: 2 of 2" in t.output)
            self.assertEqual(terminal.restored(), [])  # no line was too wide, among others
            self.assertIn(f"{ESCAPE}[31mdown", terminal.output)
        for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            terminal = self.terminal("nodes", "--admin", api.address, environment=environment)
            terminal.wait("the table", lambda t=terminal: "app: 2 of 2" in t.output)
            self.assertNotIn(ESCAPE, terminal.output)
        self.assertIn("why " * 99, self.run_weir("nodes", "--admin", api.address).stdout)

    @harness.unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_an_output_that_takes_nothing(self):
        api = self.api(pools(node("10.0.0.1:80")))
        for arguments in ([], ["--json"], ["--watch"]):
            with open("/dev/full", "w", encoding="utf-8") as full:
                done = subprocess.run([harness.BINARY, "nodes", "--admin", api.address, *arguments], stdout=full, stderr=subprocess.PIPE,
                                      text=True, timeout=harness.seconds(10), check=False)
            self.assertEqual((done.returncode, done.stderr), (1, "weir nodes: cannot write the nodes: No space left on device\n"))


class Watch(Commands):
    def test_on_a_pipe(self):
        api = self.api(pools(node("10.0.0.1:80")))
        for arguments, mark in (([], b"app: 1 of 1"), (["--json"], b'"pools"')):
            process = subprocess.Popen([harness.BINARY, "nodes", "--watch", *arguments, "--admin", api.address], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            seen = 0
            while seen < 2:
                line = process.stdout.readline()
                self.assertTrue(line, "it ended")
                self.assertNotIn(b"\x1b", line)
                seen += mark in line
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(harness.seconds(10)), 0)
            self.assertEqual(process.stderr.read(), b"")
            process.stdout.close()
            process.stderr.close()

    def test_on_a_terminal(self):
        api = self.api(pools(node("10.0.0.1:80")))
        terminal = self.terminal("nodes", "--watch", "--admin", api.address, columns=120, rows=10)
        terminal.wait_for(r"^app +10\.0\.0\.1:80 +\+ +up")
        self.assertTrue(terminal.screen.hidden)
        api.answer = pools(node("10.0.0.1:80", eligible=False, health={"state": "down", "reason": "connect refused"}))
        terminal.wait_for(r"^app +10\.0\.0\.1:80 +- +down .*connect refused$")
        api.stop()
        terminal.wait_for(rf"^{api.address} is not reachable: Connection refused")
        terminal.wait_for(r"^app +10\.0\.0\.1:80 +- +down")
        api.answer = pools(*(node(f"10.0.0.{i}:80") for i in range(30)))
        api.start()
        text = terminal.wait_for(r"^\.\.\. 24 more lines; weir top scrolls$")
        self.assertNotIn("not reachable", text)
        terminal.resize(30, 8, r"^\.\.\. 26 more lines; weir top >$")
        terminal.signal(signal.SIGINT)
        self.assertEqual(terminal.wait_exit(), 0)
        terminal.wait("the cursor", lambda: not terminal.screen.hidden)
        self.assertEqual(terminal.restored(), [])


class Top(Commands):
    def top(self, admin, **options):
        return self.terminal("top", "--admin", admin, **options)

    def assert_ended(self, terminal, code=0):
        self.assertEqual(terminal.wait_exit(), code)
        terminal.wait("the screen of before", lambda: not terminal.screen.alternate and not terminal.screen.hidden)
        self.assertEqual(terminal.restored(), [])

    def test_a_running_weir(self):
        first, second = self.origin(), self.origin()
        server = self.weir(harness.config([first, second], admin={"address": "127.0.0.1:0"}))
        client = self.client(server)
        for _ in range(20):
            self.assert_ok(client.request())
        terminal = self.top(self.admin(server))
        both = "".join(f"(?=.*{re.escape(node.address)})" for node in (first, second))
        text = terminal.wait_for(rf"(?s)^{both}.*2 of 2 nodes eligible")  # all of the screen is drawn
        self.assertRegex(text, r"(?m)^1 client connections: 1 idle, 0 reading")
        self.assertIn(first.address, text)
        self.assertIn(second.address, text)
        self.assertTrue(terminal.screen.alternate and terminal.screen.hidden)
        terminal.wait_for(r"^[1-9][\d.]* req/s")
        terminal.press("q")
        self.assert_ended(terminal)

    def test_keys(self):
        api = self.api(pools(*(node(f"10.0.0.{i}:80", rate=float(i)) for i in range(40))))
        terminal = self.top(api.address, rows=12)
        first = r"\A(.*\n){4}app +10\.0\.0\.%d:80 "
        terminal.wait_for(first % 39)
        for keys, top in (("r", 0), (ESCAPE + "[B", 1), (ESCAPE + "[6~", 9), (ESCAPE + "[F", 32), (ESCAPE + "[5~", 24), (ESCAPE + "[H", 0), ("r", 39)):
            terminal.press(keys)
            terminal.wait_for(first % top)
        terminal.press("/0.17")
        terminal.wait_for(r"^/0\.17_$")
        terminal.wait_for(first % 17)
        terminal.press(ESCAPE)
        terminal.wait_for(first % 39)
        terminal.press("p")
        terminal.wait_for(r"^PAUSED")
        terminal.press("h")
        terminal.wait_for(r"sort by rate")
        terminal.press("q")
        terminal.wait_for(first % 39)
        terminal.press("\x03")
        self.assert_ended(terminal)

    def test_sizes(self):
        api = self.api(pools(*(node(f"10.0.0.{i}:80", health={"state": "up", "reason": "because " * 20}) for i in range(40))))
        terminal = self.top(api.address, columns=80, rows=24)
        terminal.wait_for("1-20 of 40")
        for columns, rows, shown in ((40, 10, "1-6 of 40"), (200, 50, "1-40 of 40"), (10, 3, "by r"), (80, 24, "1-20 of 40")):
            terminal.resize(columns, rows, shown)
        terminal.press("q")
        self.assert_ended(terminal)

    def test_restarts(self):
        api = self.api(pools(node("10.0.0.1:80")))
        terminal = self.top(api.address)
        terminal.wait_for("by rate")
        api.stop()
        terminal.wait_for("is not reachable: Connection refused")
        api.start()
        terminal.wait_for("by rate")
        terminal.signal(signal.SIGTERM)
        self.assert_ended(terminal)

    def test_an_answer_that_does_not_come_holds_nothing_up(self):
        api = self.api(pools(node("10.0.0.1:80")))
        terminal = self.top(api.address)
        terminal.wait_for("by rate")
        api.hang.set()
        harness.wait_until("a request hangs", lambda: api.hanging > 0)
        before = time.monotonic()
        terminal.press("n")
        terminal.wait_for("by name")
        terminal.press("q")
        self.assert_ended(terminal)
        self.assertLess(time.monotonic() - before, harness.seconds(5))

    def test_suspended(self):
        api = self.api(pools(node("10.0.0.1:80")))
        terminal = self.top(api.address)
        terminal.wait_for("by rate")
        terminal.press("\x1a")
        self.assertTrue(os.WIFSTOPPED(os.waitpid(terminal.process.pid, os.WUNTRACED)[1]))
        terminal.wait("the screen of before", lambda: not terminal.screen.alternate)
        self.assertEqual(terminal.restored(), [])
        terminal.signal(signal.SIGCONT)
        terminal.wait("its own screen", lambda: terminal.screen.alternate)
        terminal.wait_for("by rate")
        terminal.press("q")
        self.assert_ended(terminal)

    def test_a_terminal_that_goes_away(self):
        api = self.api(pools(node("10.0.0.1:80")))
        terminal = self.top(api.address)
        terminal.wait_for("by rate")
        terminal.signal(signal.SIGHUP)
        self.assert_ended(terminal)

    def test_refused(self):
        api = self.api(pools())
        self.assert_fails(self.run_weir("top", "--admin", api.address), 1, "needs a terminal; weir nodes")
        api.stop()
        terminal = self.top(api.address)
        self.assertEqual(terminal.wait_exit(), 2)
        terminal.wait("why", lambda: "is not reachable" in terminal.output)
        self.assertNotIn(ESCAPE, terminal.output)


if __name__ == "__main__":
    harness.main()
