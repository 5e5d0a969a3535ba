"""The admin port: what it answers, whom it answers, and what it does with those who misbehave."""

import datetime
import json
import os
import socket
import stat
import tempfile
import threading
import time

import harness
import node_process
import raw_client
from harness import Case, config, seconds, wait_until


def admin_of(weir):
    weir.wait_lines(r"admin port on (\S+)")
    return weir.found(r"admin port on (\S+)")[0]


def connect(address, timeout=10.0):
    family, where = raw_client.parse_address(address)
    client = socket.socket(family, socket.SOCK_STREAM)
    client.settimeout(seconds(timeout))
    client.connect(where)
    return client


def parsed(data):
    """(status, headers, body) of one answer."""
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return int(lines[0].split()[1]), dict(line.split(": ", 1) for line in lines[1:]), rest


def events_of(client):
    """What /api/events sends on this connection, from now on."""
    client.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    for line in client.makefile("rb"):
        if line.startswith(b"data: "):
            yield json.loads(line[6:])


def all_of(client):
    data = b""
    while chunk := client.recv(65536):
        data += chunk
    return data


def ask(address, path="/", method="GET", host="localhost", extra="", body=b"", timeout=10.0):
    """(status, headers, body) of one request on a connection of its own."""
    with connect(address, timeout) as client:
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{extra}"
        if body:
            head += f"Content-Length: {len(body)}\r\n"
        client.sendall(head.encode() + b"\r\n" + body)
        return parsed(all_of(client))


class Paths(Case):
    def started(self, *origins, **top):
        weir = self.proxy(*origins, **top)
        return weir, admin_of(weir)

    def held_origin(self):
        """A node that answers once it is told to."""
        release = threading.Event()
        self.addCleanup(release.set)

        def hold(connection, request):
            release.wait(seconds(20))
            harness.answer(connection, request)

        return self.origin(hold), release

    def get(self, address, path, status=200):
        got, fields, body = ask(address, path)
        self.assertEqual(got, status, body)
        return json.loads(body) if fields["Content-Type"] == "application/json" else body.decode()

    def test_alive_and_ready(self):
        _, admin = self.started(self.origin())
        self.assertEqual(self.get(admin, "/healthz"), "ok\n")
        self.assertEqual(self.get(admin, "/ready"), "ready\n")

    def test_not_ready_while_it_drains(self):
        origin, release = self.held_origin()
        weir, admin = self.started(origin)
        client = self.client(weir)
        client.send(harness.head())
        wait_until("the request at the node", lambda: origin.connections)
        weir.signal(harness.signal.SIGTERM)
        weir.wait_lines("SIGTERM")
        self.assertIn("draining", self.get(admin, "/ready", 503)["error"])
        self.assertEqual(self.get(admin, "/healthz"), "ok\n")
        release.set()
        self.assert_ok(client.read_response())

    def test_pools_tell_of_nodes_and_their_work(self):
        weir, admin = self.started(self.origin(), self.origin())
        client = self.client(weir)
        for _ in range(10):
            self.assert_ok(client.request())
        pools = self.get(admin, "/api/pools")["pools"]
        self.assertEqual([pool["name"] for pool in pools], ["app"])
        nodes = pools[0]["nodes"]
        self.assertEqual(sum(node["requests"] for node in nodes), 10)
        self.assertEqual({node["operator"]["state"] for node in nodes}, {"active"})
        self.assertEqual({node["health"]["state"] for node in nodes}, {"unknown"})
        self.assertEqual({node["ejection"]["state"] for node in nodes}, {"none"})
        self.assertTrue(all(node["eligible"] for node in nodes))
        wait_until("what the port tells", lambda: self.get(admin, "/api/pools")["pools"][0]["rate"] > 0)
        one = self.get(admin, "/api/pools/app")
        self.assertEqual(one["name"], "app")
        self.assertEqual(one["nodes"][0]["transitions"], [])
        self.assertIn("no pool", self.get(admin, "/api/pools/nope", 404)["error"])

    def test_requests_in_flight_are_seen(self):
        origin, release = self.held_origin()
        weir, admin = self.started(origin)
        client = self.client(weir)
        client.send(harness.head())
        wait_until("what the port tells", lambda: self.get(admin, "/api/pools")["pools"][0]["in_flight"] == 1)
        states = self.get(admin, "/api/connections")["listeners"][0]["states"]
        self.assertEqual(states["active"], 1)
        release.set()
        self.assert_ok(client.read_response())
        wait_until("what the port tells", lambda: self.get(admin, "/api/connections")["listeners"][0]["states"]["idle"] == 1)
        self.assertEqual(self.get(admin, "/api/pools")["pools"][0]["in_flight"], 0)

    def test_half_a_head_is_reading(self):
        weir, admin = self.started(self.origin())
        client = self.client(weir)
        client.send(b"GET / HT")
        wait_until("what the port tells", lambda: self.get(admin, "/api/connections")["listeners"][0]["states"]["reading"] == 1)

    def test_the_configuration_is_shown_with_its_defaults(self):
        _, admin = self.started(self.origin())
        shown = self.get(admin, "/api/config")
        self.assertEqual(shown["timeouts"]["connect"], "2s")
        self.assertEqual(shown["pools"]["app"]["strategy"], "round-robin")

    def test_events_follow(self):
        weir, admin = self.started(self.origin())
        with connect(admin, 5) as client:
            events = events_of(client)
            states = [next(events) for _ in range(3)]
        self.assertEqual(states[0]["pools"][0]["name"], "app")
        self.assertEqual(states[0]["version"], states[2]["version"])
        self.assertLess(states[0]["time"], states[1]["time"])
        self.assert_ok(self.client(weir).request())  # whoever left did no harm

    def test_a_transition_has_an_event_of_its_own(self):
        node = node_process.Node()
        self.addCleanup(node.kill)
        health = {"http": "/healthz", "interval": "50ms", "timeout": "1s", "fall": 1, "rise": 1}
        weir = self.weir(config(admin={"address": "127.0.0.1:0"}, pools={"app": {"nodes": [node.address], "health": health}}))
        with connect(admin_of(weir), 10) as client:
            events = events_of(client)

            def seconds_of(state):
                return datetime.datetime.fromisoformat(state["time"].replace("Z", "+00:00")).timestamp()

            gaps, state = [], next(events)
            for conduct in ["failing", "well"] * 3:
                before = state["pools"][0]["nodes"][0]["health"]["state"]
                node.be(conduct)
                while state["pools"][0]["nodes"][0]["health"]["state"] == before:
                    last, state = state, next(events)
                gaps.append(seconds_of(state) - seconds_of(last))
        self.assertLess(min(gaps), 0.9, "each waited for the second to be over")

    def test_metrics_answer_with_their_type(self):
        _, admin = self.started(self.origin())
        status, fields, body = ask(admin, "/metrics")
        self.assertEqual(status, 200)
        self.assertEqual(fields["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        self.assertIn(b"\nweir_build_info{", body)


    def test_clients_that_take_nothing_make_room(self):
        weir = self.weir(config(admin={"address": "127.0.0.1:0"}, pools={"app": {"nodes": [f"127.0.0.1:{port}" for port in range(1, 1001)]}}))
        admin = admin_of(weir)
        silent = []
        for _ in range(64):
            client = socket.socket()
            self.addCleanup(client.close)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(seconds(10))
            client.connect(raw_client.parse_address(admin)[1])
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
            silent.append(client)
        time.sleep(seconds(3))  # all of them have an answer, and none takes it

        def answered():
            try:
                return ask(admin, "/healthz")[0] == 200
            except (OSError, ValueError, IndexError):
                return False  # all are taken

        wait_until("an answer", answered, timeout=40)


class Errors(Case):
    def setUp(self):
        self.weir_ = self.weir(config([self.origin()], admin={"address": "127.0.0.1:0", "hosts": ["ops.example.com", "[fd00::7]"]}))
        self.admin = admin_of(self.weir_)

    def refused(self, status, *args, **options):
        return self.assert_refused(ask(self.admin, *args, **options), status)

    def assert_refused(self, answer, status):
        got, fields, body = answer
        self.assertEqual(got, status, body)
        self.assertEqual(fields["Content-Type"], "application/json")
        self.assertTrue(json.loads(body)["error"])
        return fields

    def test_unknown_paths_and_methods(self):
        self.refused(404, "/nope")
        self.refused(404, "/api")
        self.assertEqual(self.refused(405, "/api/pools", method="DELETE")["Allow"], "GET, HEAD")
        self.assertEqual(self.refused(405, "*", method="OPTIONS")["Allow"], "GET, HEAD")
        self.assertEqual(self.refused(405, "localhost:80", method="CONNECT")["Allow"], "GET, HEAD")
        self.refused(404, "/nope", method="OPTIONS")

    def test_hosts(self):
        for host in ("localhost", "localhost:1234", "LOCALHOST", "127.0.0.1", self.admin, "ops.example.com",
                     "Ops.Example.com:9901", "localhost.", "127.0.0.1.", "127.0.0.1.:80", "ops.example.com.", "[fd00::7]",
                     "[FD00:0:0::7]:80"):
            self.assertEqual(ask(self.admin, "/healthz", host=host)[0], 200, host)
        for host in ("evil.example", "127.0.0.2", "localhost.evil.example", "[::1]", "ops.example.com.evil",
                     "localhost..", "127.0.0.1.evil.example", "[fd00::8]"):
            self.refused(403, "/healthz", host=host)

    def test_head_has_no_body(self):
        status, fields, body = ask(self.admin, "/healthz", method="HEAD")
        self.assertEqual((status, fields["Content-Length"], body), (200, "3", b""))

    def test_malformed_and_large(self):
        with connect(self.admin, 5) as client:
            client.sendall(b"nonsense\r\n\r\n")
            self.assertIn(b" 400 ", client.recv(65536))
        self.refused(431, "/healthz", extra=f"X-Large: {'x' * 20000}\r\n")
        self.refused(413, "/healthz", method="POST", body=b"x" * 70000)
        self.assertEqual(ask(self.admin, "/healthz")[0], 200)

    def test_a_body_that_is_announced_as_too_large_is_not_waited_for(self):
        for extra, body in (("Content-Length: 65537\r\n", b""), ("Expect: 100-continue\r\nContent-Length: 65537\r\n", b""),
                            ("Transfer-Encoding: chunked\r\n", b"10001\r\n" + b"x" * 0x10001)):
            with connect(self.admin, 5) as client:
                client.sendall(f"POST /healthz HTTP/1.1\r\nHost: localhost\r\n{extra}\r\n".encode() + body)
                self.assertEqual(self.assert_refused(parsed(all_of(client)), 413)["Connection"], "close")

    def test_who_waits_for_leave_to_send_a_body_is_answered(self):
        with connect(self.admin, 5) as client:
            for _ in range(2):
                client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
                self.assertEqual(client.recv(65536), b"HTTP/1.1 100 Continue\r\n\r\n")
                client.sendall(b"abc")
                data = b""
                while not data.endswith(b"\r\n\r\nok\n"):
                    data += client.recv(65536)
                self.assertEqual(parsed(data)[0], 200)
        waits = "Expect: 100-continue\r\nContent-Length: 3\r\n"
        self.refused(405, "/healthz", method="POST", extra=waits)
        self.refused(404, "/nope", extra=waits)
        self.refused(403, "/healthz", host="evil.example", extra=waits)
        self.refused(417, "/healthz", extra="Expect: wonders\r\nContent-Length: 3\r\n")

    def test_requests_one_after_the_other_on_one_connection(self):
        with connect(self.admin, 5) as client:
            request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
            client.sendall(request * 3)  # pipelined
            data = b""
            while data.count(b"ok\n") < 3:
                data += client.recv(65536)

    def test_many_who_only_connect_do_not_keep_others_out(self):
        held = [connect(self.admin, 5) for _ in range(100)]
        self.addCleanup(lambda: [client.close() for client in held])
        for client in held[50:]:
            client.sendall(b"GET /hea")
        self.assertEqual(ask(self.admin, "/healthz")[0], 200)

    def test_clients_that_come_and_go_take_no_places(self):
        for _ in range(100):
            with connect(self.admin, 5) as client:
                client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                self.assertIn(b" 200 ", client.recv(65536))

    def test_head_of_events_ends(self):
        for _ in range(40):
            self.assertEqual(ask(self.admin, "/api/events", method="HEAD")[2], b"")

    def test_one_answer_to_a_body_that_is_too_large_and_broken(self):
        with connect(self.admin, 5) as client:
            client.sendall(b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                           b"11170\r\n" + b"x" * 0x11170 + b"\r\nnonsense\r\n")
            data = b""
            try:
                while chunk := client.recv(65536):
                    data += chunk
            except ConnectionResetError:
                pass
        self.assertEqual(data.count(b"HTTP/1.1 "), 1, data)

    def test_a_client_that_does_not_read_harms_nobody(self):
        with connect(self.admin, 5) as slow:
            slow.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200)
            for _ in range(20):
                self.assertEqual(ask(self.admin, "/healthz")[0], 200)


class Places(Case):
    def test_off(self):
        weir = self.proxy(self.origin(), admin="off")
        self.assertEqual(weir.found("admin port"), [])

    def test_a_default_address_that_is_taken_is_no_reason_not_to_run(self):
        taken = socket.socket()
        self.addCleanup(taken.close)
        try:
            taken.bind(("127.0.0.1", 9901))
            taken.listen()
        except OSError:
            pass  # somebody has it already, which serves as well
        settings = config([self.origin()])
        del settings["admin"]
        weir = self.weir(settings)
        weir.wait_lines(r"admin port 127\.0\.0\.1:9901: .*going on without one")
        self.assert_ok(self.client(weir).request())

    def test_an_address_that_the_file_names_has_to_be_free(self):
        taken = socket.socket()
        self.addCleanup(taken.close)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        weir = harness.Weir(config([self.origin()], admin={"address": address}), wait=False)
        self.assertEqual(weir.wait_exit(), 1)
        weir.wait_lines(f"cannot listen on {address} for the admin port")
        weir.stop()

    def test_a_unix_socket(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-e2e-")
        self.addCleanup(folder.cleanup)
        path = f"{folder.name}/admin.sock"
        self.addCleanup(os.umask, os.umask(0o027))
        weir = self.weir(config([self.origin()], admin={"address": f"unix:{path}", "hosts": ["ops.example.com"]}))
        admin = admin_of(weir)
        self.assertEqual(admin, f"unix:{path}")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o750)
        for host in ("localhost", "localhost:9901", "ops.example.com"):
            self.assertEqual(ask(admin, "/healthz", host=host)[::2], (200, b"ok\n"))
        for host in ("127.0.0.1", "[::1]", "evil.example", path.replace("/", "%2F")):
            self.assertEqual(ask(admin, "/healthz", host=host)[0], 403, host)
        self.assertIn(b"\nweir_build_info{", ask(admin, "/metrics")[2])
        weir.signal(harness.signal.SIGTERM)
        self.assertEqual(weir.wait_exit(), 0)
        self.assertFalse(os.path.exists(path))

    def test_it_answers_when_traffic_has_all_descriptors(self):
        origin = self.origin()
        weir = self.weir(config([origin]), nofile=200)
        admin = admin_of(weir)
        clients = []
        self.addCleanup(lambda: [client.close() for client in clients])
        for _ in range(200):
            clients.append(connect(weir.address, 5))
        wait_until("what the port tells", lambda: weir.descriptors() >= 140)
        self.assertEqual(ask(admin, "/healthz")[0], 200)
        self.assertIn(b"weir_process_open_fds", ask(admin, "/metrics")[2])


if __name__ == "__main__":
    harness.main()
