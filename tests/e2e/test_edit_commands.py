"""The commands that change a running Weir, and those that tell what was changed: what they ask of the API, what they print, how they end."""

import http.server
import json
import signal
import subprocess
import threading

import harness
from screen import OnTerminal
from test_commands import Commands, node, pools


class Api:
    """Stands for the admin port: `answers` maps "METHOD PATH" to an object, a (status, object), or a list of these to be given one by one."""

    def __init__(self):
        self.answers = {}
        self.asked = []  # of what changes something: (method, path, body)
        self.looks = 0
        self.agents = set()
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def serve(self):
                api.serve(self)

            do_GET = do_POST = do_PATCH = do_DELETE = serve

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = "127.0.0.1:%d" % self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def serve(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        self.agents.add(request.headers["User-Agent"])
        self.looks += request.command == "GET"
        if request.command != "GET":
            assert request.headers["Content-Type"] == "application/json"
            self.asked.append((request.command, request.path, json.loads(body) if body else None))
        answer = self.answers.get(f"{request.command} {request.path}", (404, {"error": f"there is no {request.path}"}))
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        status, value = answer if isinstance(answer, tuple) else (200, answer)
        text = json.dumps(value).encode()
        request.send_response(status)
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def order(result="done", **changes):
    return {"result": result, "changes": [], "written": None, "until": None, **changes}


def busy(in_flight):
    return {"time": "2026-11-25T12:00:00.000Z", "pool": "app", **node("10.0.0.1:80", in_flight=in_flight), "transitions": [], "last_check": None}


NODE = "/api/pools/app/nodes/10.0.0.1:80"
WRITTEN = order(written="/etc/weir.yaml")


class Edits(Commands):
    def setUp(self):
        self.api = Api()
        self.addCleanup(self.api.stop)

    def weir_does(self, *arguments):
        return self.run_weir(*arguments, "--admin", self.api.address, environment={"TZ": "UTC"})

    def assert_says(self, out, text, code=0):
        self.assertEqual((out.returncode, out.stdout, out.stderr), (code, text, ""), out)

    def test_each_asks_for_what_it_says(self):
        self.api.answers = {f"PATCH {NODE}": WRITTEN, f"DELETE {NODE}": WRITTEN, "POST /api/pools/app/nodes": WRITTEN}
        for command, rest, asked, said in (
                ("drain", [], ("PATCH", NODE, {"state": "drain"}), "drains"),
                ("undrain", [], ("PATCH", NODE, {"state": "active"}), "is active"),
                ("down", [], ("PATCH", NODE, {"state": "down"}), "is down"),
                ("up", [], ("PATCH", NODE, {"state": "active"}), "is active"),
                ("weight", ["7"], ("PATCH", NODE, {"weight": 7}), "has weight 7"),
                ("add", [], ("POST", "/api/pools/app/nodes", {"address": "10.0.0.1:80"}), "is a node"),
                ("add", ["--weight", "3"], ("POST", "/api/pools/app/nodes", {"address": "10.0.0.1:80", "weight": 3}), "is a node"),
                ("add", ["--priority", "2", "--max-in-flight", "20", "--max-connections", "9"],
                 ("POST", "/api/pools/app/nodes", {"address": "10.0.0.1:80", "priority": 2, "max_in_flight": 20, "max_connections": 9}), "is a node"),
                ("add", ["--backup", "--max-in-flight", "adaptive"],
                 ("POST", "/api/pools/app/nodes", {"address": "10.0.0.1:80", "backup": True, "max_in_flight": "adaptive"}), "is a node"),
                ("set", ["--weight", "3", "--priority", "0"], ("PATCH", NODE, {"weight": 3, "priority": 0}), "has priority 0, weight 3"),
                ("set", ["--backup"], ("PATCH", NODE, {"backup": True}), "has backup true"),
                ("set", ["--no-backup", "--max-in-flight", "adaptive", "--max-connections", "unlimited"],
                 ("PATCH", NODE, {"backup": False, "max_in_flight": "adaptive", "max_connections": "unlimited"}),
                 "has backup false, max_connections unlimited, max_in_flight adaptive"),
                ("remove", [], ("DELETE", NODE, None), "is removed")):
            out = self.weir_does(command, "app", "10.0.0.1:80", *rest)
            self.assert_says(out, f"app 10.0.0.1:80 {said}: written to /etc/weir.yaml\n")
            self.assertEqual(self.api.asked[-1], asked)
            self.assertRegex(self.api.agents.pop(), rf"^weir/\d+\.\d+\.\d+ {command}$")

    def test_what_is_temporary_says_until_when(self):
        self.api.answers = {f"PATCH {NODE}": order(until="2020-01-02T12:34:56.789Z")}
        out = self.weir_does("drain", "app", "10.0.0.1:80", "--for", "20m")
        self.assert_says(out, "app 10.0.0.1:80 drains until 2020-01-02 12:34:56, not written\n")
        self.assertEqual(self.api.asked[-1][2], {"for": "20m", "state": "drain"})
        self.api.answers = {f"PATCH {NODE}": order()}
        out = self.weir_does("weight", "app", "10.0.0.1:80", "9", "--temporary")
        self.assert_says(out, "app 10.0.0.1:80 has weight 9 until another order comes, not written\n")
        self.assertEqual(self.api.asked[-1][2], {"temporary": True, "weight": 9})
        self.api.answers = {f"PATCH {NODE}": order("unchanged")}
        self.assert_says(self.weir_does("down", "app", "10.0.0.1:80"), "app 10.0.0.1:80 is down: so it was already\n")

    def test_addresses_are_percent_encoded(self):
        for address, path in (("unix:/run/a.sock", "unix:%2Frun%2Fa.sock"), ("[::1]:80", "%5B::1%5D:80"), ("a%2Fb:1", "a%252Fb:1")):
            path = f"/api/pools/a%20b/nodes/{path}"
            self.api.answers = {f"DELETE {path}": WRITTEN}
            self.assertEqual(self.weir_does("remove", "a b", address).returncode, 0)
            self.assertEqual(self.api.asked[-1][1], path)

    def test_what_is_refused(self):
        for status, answer, pattern in (
                (404, order("not_found", error='there is no pool "ap"; did you mean app?'),
                 r'^weir drain: there is no pool "ap"; did you mean app\?; weir nodes shows all of them$'),
                (409, order("refused", error="the file is read-only; chmod it"), r"^weir drain: the file is read-only; chmod it$"),
                (422, order("invalid", error="it is no configuration"), r"^weir drain: it is no configuration$"),
                (403, {"error": "another Host"}, r"^weir drain: \S+ answered 403: another Host; name this host"),
                (401, {"error": "this needs a token"}, r"answered 401: this needs a token; give it by --token-file FILE, --config FILE or WEIR_TOKEN$")):
            self.api.answers = {f"PATCH {NODE}": (status, answer)}
            self.assert_fails(self.weir_does("drain", "app", "10.0.0.1:80"), 1, pattern)
        self.api.answers = {f"PATCH {NODE}": []}
        for arguments in (["drain", "app"], ["weight", "app", "10.0.0.1:80"], ["weight", "app", "10.0.0.1:80", "0"], ["weight", "app", "10.0.0.1:80", "x"],
                          ["drain", "app", "10.0.0.1:80", "--for", "20"], ["drain", "app", "10.0.0.1:80", "--timeout", "1s"],
                          ["add", "app", "10.0.0.1:80", "--priority", "16"], ["add", "app", "10.0.0.1:80", "--for", "20m"],
                          ["set", "app", "10.0.0.1:80", "--max-in-flight", "0"], ["set", "app", "10.0.0.1:80", "--max-connections", "adaptive"],
                          ["undrain", "app", "10.0.0.1:80", "--for", "20m"], ["remove", "app", "10.0.0.1:80", "--temporary"]):
            self.assert_fails(self.weir_does(*arguments), 1, r"weir \w+")
        out = self.run_weir("drain", "app", "10.0.0.1:80", "--admin", "127.0.0.1:1")
        self.assert_fails(out, 2, "is not reachable")

    def test_a_wait_ends_once_nothing_is_in_flight(self):
        self.api.answers = {f"PATCH {NODE}": WRITTEN, f"GET {NODE}": [busy(2), (503, {"error": "busy"}), busy(1), busy(0)]}
        out = self.weir_does("drain", "app", "10.0.0.1:80", "--wait")
        self.assert_says(out, "app 10.0.0.1:80 drains: written to /etc/weir.yaml\napp 10.0.0.1:80 has nothing in flight\n")

    def test_a_wait_that_takes_too_long(self):
        self.api.answers = {f"PATCH {NODE}": WRITTEN, f"DELETE {NODE}": WRITTEN, f"GET {NODE}": busy(3)}
        out = self.weir_does("drain", "app", "10.0.0.1:80", "--wait", "--timeout", "300ms")
        self.assertEqual((out.returncode, out.stderr), (1, "weir drain: the wait takes too long: 3 requests in flight still, and it goes on draining\n"))
        out = self.weir_does("remove", "app", "10.0.0.1:80", "--wait", "--timeout", "300ms")
        self.assertEqual(out.returncode, 1)
        self.assertRegex(out.stderr, "; it is not removed\n$")
        self.assertNotIn("DELETE", [asked[0] for asked in self.api.asked])

    def test_a_wait_that_is_stopped(self):
        self.api.answers = {f"PATCH {NODE}": WRITTEN, f"GET {NODE}": busy(3)}
        for number in (signal.SIGINT, signal.SIGTERM):
            process = subprocess.Popen([harness.BINARY, "drain", "app", "10.0.0.1:80", "--wait", "--admin", self.api.address],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.assertIn("drains", process.stdout.readline())
            looks = self.api.looks
            harness.wait_until("it waits", lambda before=looks: self.api.looks > before + 1)
            process.send_signal(number)
            _, errors = process.communicate(timeout=harness.seconds(10))
            self.assertEqual((process.returncode, errors), (1, "weir drain: the wait is stopped: 3 requests in flight still, and it goes on draining\n"))

    def test_remove_waits_while_it_drains(self):
        self.api.answers = {f"PATCH {NODE}": order(), f"DELETE {NODE}": WRITTEN, f"GET {NODE}": [busy(1), busy(0)]}
        out = self.weir_does("remove", "app", "10.0.0.1:80", "--wait")
        self.assertEqual(out.returncode, 0, out)
        self.assertEqual(self.api.asked, [("PATCH", NODE, {"state": "drain", "temporary": True}), ("DELETE", NODE, None)])
        self.assertRegex(out.stdout, r"drains .*not written\napp 10.0.0.1:80 has nothing in flight\napp 10.0.0.1:80 is removed: written to /etc/weir.yaml\n$")

    def test_what_is_not_removed_takes_work_again_if_it_did(self):
        failed = (409, order("refused", error="the file is read-only"))
        for before, activates in (("active", True), ("down", False)):
            drained = order(changes=[{"kind": "changed", "path": "pools.app.nodes[10.0.0.1:80].state", "from": before, "to": "drain"}])
            self.api.asked.clear()
            self.api.answers = {f"PATCH {NODE}": [drained, order()], f"DELETE {NODE}": failed, f"GET {NODE}": busy(0)}
            out = self.weir_does("remove", "app", "10.0.0.1:80", "--wait")
            self.assertEqual((out.returncode, out.stderr), (1, "weir remove: the file is read-only\n"))
            self.assertEqual(("PATCH", NODE, {"state": "active"}) in self.api.asked, activates)
            self.assertEqual("is active" in out.stdout, activates)

    def test_set_wants_to_hear_what(self):
        out = self.weir_does("set", "app", "10.0.0.1:80")
        self.assertEqual((out.returncode, out.stderr), (1, "weir set: nothing is to change; give one or more of --weight, --priority, --backup, "
                                                           "--no-backup, --max-in-flight, --max-connections\n"))
        self.assertEqual(self.api.asked, [])

    def test_a_terminal_shows_how_far_it_is(self):
        self.api.answers = {f"PATCH {NODE}": WRITTEN, f"GET {NODE}": busy(3)}
        terminal = OnTerminal([harness.BINARY, "drain", "app", "10.0.0.1:80", "--wait", "--admin", self.api.address])
        self.addCleanup(terminal.close)
        terminal.wait_for(r"^app 10\.0\.0\.1:80: 3 requests in flight, \d+s")
        self.api.answers[f"GET {NODE}"] = busy(0)
        self.assertEqual(terminal.wait_exit(), 0)
        terminal.wait_for(r"^app 10\.0\.0\.1:80 has nothing in flight")

    def test_why(self):
        told = busy(2)
        told["health"] = {"state": "down", "since": "2026-11-25T11:59:58.100Z", "reason": "GET /healthz answered 503"}
        told["eligible"] = False
        told["last_check"] = {"time": "2026-11-25T11:59:59.900Z", "passed": False, "outcome": "GET /healthz answered 503", "duration_ms": 1.2}
        told["transitions"] = [
            {"time": "2026-11-25T11:59:58.100Z", "word": "health", "from": "up", "to": "down", "reason": "GET /healthz answered 503"},
            {"time": "2026-11-25T11:00:00.000Z", "word": "operator", "from": "drain", "to": "active", "reason": "weir undrain from 127.0.0.1"}]
        self.api.answers = {f"GET {NODE}": told}
        out = self.weir_does("why", "app", "10.0.0.1:80")
        self.assertEqual((out.returncode, out.stderr), (0, ""), out)
        lines = out.stdout.splitlines()
        self.assertEqual(lines[0], "app 10.0.0.1:80: not eligible, weight 1, 2 requests in flight")
        self.assertRegex(lines[2], r"^WORD +IS +SINCE +WHY$")
        self.assertRegex(lines[4], r"^health +down +2026-11-25 11:59:58 +GET /healthz answered 503$")
        self.assertRegex(lines[6], r"^last check +failed +2026-11-25 11:59:59 +GET /healthz answered 503 \(1\.2ms\)$")
        self.assertRegex(lines[9], r"^2026-11-25 11:59:58 +health up -> down +GET /healthz answered 503$")
        self.assertRegex(lines[10], r"^2026-11-25 11:00:00 +operator drain -> active +weir undrain from 127\.0\.0\.1$")
        self.assert_fails(self.weir_does("why", "app", "x:1"), 1, "answered 404: there is no ")

    def test_why_of_limits(self):
        told = {**busy(5), "eligible": False, "full": True, "max_in_flight": 5, "max_connections": 8, "connections": {"open": 6}}
        pool = pools({**node("10.0.0.1:80"), "max_in_flight": 5})["pools"][0]
        self.api.answers = {f"GET {NODE}": told, "GET /api/pools/app": {"time": told["time"], **pool, "max_in_flight": 10, "in_flight": 5, "queued": 3}}
        lines = self.weir_does("why", "app", "10.0.0.1:80").stdout.splitlines()
        self.assertEqual(lines[0], "app 10.0.0.1:80: full, weight 1, 5 of 5 requests in flight, 6 of 8 connections")
        self.assertRegex(lines[1], r"^app: .*, 5 of 10 in flight, 3 queued, ")
        self.assertEqual(lines[2], "")
        self.api.answers[f"GET {NODE}"] = {**told, "full": False, "eligible": True, "adaptive": True, "max_in_flight": 17, "max_connections": None}
        lines = self.weir_does("why", "app", "10.0.0.1:80").stdout.splitlines()
        self.assertEqual(lines[0], "app 10.0.0.1:80: eligible, weight 1, 5 of 17 requests in flight (a learned limit)")

    def test_history(self):
        self.api.answers = {"GET /api/history": {"time": "2026-11-25T12:00:00.000Z", "snapshots": [
            {"time": "2026-11-25T11:00:00.000Z", "state": "rolled_back", "author": "SIGHUP", "hash": "00ff", "reason": "too many errors",
             "changes": [{"kind": "changed", "path": "workers", "from": 1, "to": 2}, {"kind": "removed", "path": "pools.a", "from": {}}]},
            {"time": "2026-11-25T10:00:00.000Z", "state": "confirmed", "author": "start", "hash": "0000", "reason": "", "changes": []}]}}
        self.assert_says(self.weir_does("history"),
                         "2026-11-25 11:00:00  rolled_back  00ff  SIGHUP\n    too many errors\n    ~ workers: 1 -> 2\n    - pools.a\n"
                         "2026-11-25 10:00:00  confirmed    0000  start\n")

    def test_of_the_whole_process(self):
        report = {"hash": "00ff", "changes": [{"kind": "changed", "path": "workers", "from": 2, "to": 1}], "errors": [], "warnings": []}
        self.api.answers = {
            "POST /api/rollback": [{"result": "published", **report}, (409, {**report, "result": "refused", "errors": ["there is nothing before"]})],
            "POST /api/drain-self": {"result": "done", "until": "2020-01-02T12:34:56.789Z"},
            "POST /api/upgrade": [{"result": "done"}, (409, {"result": "refused", "error": "the new one does not start"})]}
        self.assert_says(self.weir_does("rollback"), "rolled back:\n~ workers: 2 -> 1\n")
        out = self.weir_does("rollback")
        self.assertEqual((out.returncode, out.stderr.splitlines()[0]), (1, "there is nothing before"))
        self.assertRegex(self.weir_does("drain-self", "--for", "1m").stdout, "until 2020-01-02 12:34:56\n$")
        self.assertEqual(self.api.asked[-1], ("POST", "/api/drain-self", {"for": "1m"}))
        self.assert_says(self.weir_does("upgrade"), "another process has taken over\n")
        self.assert_fails(self.weir_does("upgrade"), 1, "^weir upgrade: the new one does not start$")


if __name__ == "__main__":
    harness.main()
