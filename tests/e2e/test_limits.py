"""Limits: sizes, client connections, and a process that runs out of descriptors."""

import subprocess
import threading
import threading
import time
import urllib.request

import harness
from harness import SLOW, chunk
from test_admin import admin_of, connect


class Sizes(harness.Case):
    def start(self, **limits):
        self.node = self.origin()
        return self.weir(harness.config([self.node], limits=limits))

    def test_body(self):
        server = self.start(body="1KiB")
        self.assert_ok(self.client(server).request("POST", body=b"x" * 1024))
        self.assert_local(self.client(server).request("POST", body=b"x" * 1025), 413)
        client = self.client(server)
        client.send(harness.head("POST", "/", [("Transfer-Encoding", "chunked")]), chunk(b"x" * 1000), chunk(b"x" * 25))
        self.assert_local(client.read_response(), 413)
        self.assertEqual(client.read_end(), "fin")
        self.assertEqual(len(self.node.requests), 1)

    def test_header_and_line(self):
        server = self.start(header="2KiB", header_fields=10, request_line="1KiB")
        self.assert_ok(self.client(server).request(fields=[("X-A", "a" * 1500)]))
        self.assert_local(self.client(server).request(fields=[("X-A", "a" * 2500)]), 431)
        self.assert_ok(self.client(server).request(fields=[("X-A", "a")] * 9))
        self.assert_local(self.client(server).request(fields=[("X-A", "a")] * 10), 431)
        self.assert_ok(self.client(server).request(target="/" + "a" * 900))
        self.assert_local(self.client(server).request(target="/" + "a" * 1100), 414)


class Connections(harness.Case):
    def test_as_many_as_allowed(self):
        node, release = self.origin_that_holds("/held")
        server = self.weir(harness.config([node], limits={"connections": 5}))
        clients = [self.client(server, timeout=harness.seconds(30)) for _ in range(5)]
        for client in clients:
            client.send(harness.head(target="/held"))
        node.wait(lambda: len(node.requests) == 5)
        extra = self.client(server)
        extra.send(harness.head(target="/extra"))
        server.wait_lines("clients wait to be accepted: there are as many as limits.connections")
        self.assertTrue(extra.quiet(0.3))
        clients.pop().reset()
        self.assert_ok(extra.read_response(), b"GET /extra")
        release.set()
        for client in clients:
            self.assert_ok(client.read_response())
        harness.wait_until("a free place", lambda: self.served(server))

    def test_idle_clients_make_room(self):
        server = self.weir(harness.config([self.origin()], limits={"connections": 5}, workers=2))
        clients = [self.client(server) for _ in range(5)]
        for client in clients:
            self.assert_ok(client.request())
        extra = self.client(server)
        self.assert_ok(extra.request(target="/extra"), b"GET /extra")
        kept = sum(client.quiet(0.01) for client in clients)
        self.assertGreaterEqual(kept, 3)  # one makes room, and another worker may have one to spare
        self.assert_ok(extra.request())

    def served(self, server):
        with server.client() as client:
            try:
                client.socket.settimeout(0.2 * SLOW)
                return client.request().status == 200
            except OSError:
                return False

    def test_many_connections(self):
        server = self.weir(harness.config([self.origin()]))
        clients = [self.client(server) for _ in range(500)]
        for _ in range(2):
            for client in clients:
                client.send(harness.head())
            for client in clients:
                self.assert_ok(client.read_response())
        self.assertLess(server.status("VmRSS"), 60 << 20 if SLOW == 1 else 600 << 20)


class Descriptors(harness.Case):
    def test_running_out(self):
        """150 descriptors, 400 clients: all are served in the end, nothing crashes, nothing spins."""
        node = self.origin()
        server = self.weir(harness.config([node], timeouts={"idle": "60s"}), nofile=150)
        clients = [self.client(server, timeout=60) for _ in range(400)]
        for number, client in enumerate(clients):
            client.send(harness.head(target=f"/{number}"))
        waiting = set(range(400))
        before = server.cpu_seconds()
        time.sleep(0.5)  # the time in which a spinning process would burn a whole core or two
        self.assertLess(server.cpu_seconds() - before, 0.3 * SLOW, "it spins while descriptors are short")
        while waiting:
            served = [number for number in sorted(waiting) if not clients[number].quiet(0.001)]
            if not served:
                served = [min(waiting)]
            for number in served:
                response = clients[number].read_response()
                self.assertEqual((response.status, response.body), (200, f"GET /{number}".encode()), f"client {number}: {response.ended}")
                clients[number].close()
                waiting.discard(number)
        with server.client() as client:
            self.assert_ok(client.request())

    def test_few_descriptors_are_said(self):
        server = self.weir(harness.config([self.origin()], timeouts={"idle": "60s"}), nofile=150)
        server.wait_lines(r"limits.connections \(10000\) may take 20000 file descriptors, the limit is 150 ")
        clients = [self.client(server, timeout=60) for _ in range(300)]
        server.wait_lines(r"clients wait to be accepted: \d+ of 150 file descriptors are open")
        time.sleep(0.5)
        self.assertEqual(len(server.found("clients wait to be accepted: ")), 1)
        for client in clients:
            client.close()

    def test_followers_of_events_keep_no_operator_out(self):
        node = self.origin()
        server = self.weir(harness.config([node], timeouts={"idle": "60s"}, admin={"address": "127.0.0.1:0"}), nofile=150)
        admin = admin_of(server)
        clients = [self.client(server, timeout=60) for _ in range(300)]  # more than there are descriptors
        followers = [connect(admin) for _ in range(64)]
        for follower in followers:
            self.addCleanup(follower.close)
            follower.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(0.5)
        asked = subprocess.run([harness.BINARY, "nodes", "--admin", admin], capture_output=True, text=True, check=False,
                               timeout=harness.seconds(30))
        self.assertEqual(asked.returncode, 0, asked.stderr)
        for client in clients:
            client.close()

    def test_running_out_with_nodes_that_answer_slowly(self):
        go = threading.Event()

        def reply(connection, request):
            go.wait(harness.seconds(30))
            harness.answer(connection, request)

        node = self.origin(on_request=reply)
        server = self.weir(harness.config([node]), nofile=150)
        clients = [self.client(server, timeout=60) for _ in range(200)]
        for number, client in enumerate(clients):
            client.send(harness.head(target=f"/{number}", fields=[("Connection", "close")]))
        node.wait(lambda: len(node.requests) > 20, "the first requests")
        before = server.cpu_seconds()
        time.sleep(0.5)
        self.assertLess(server.cpu_seconds() - before, 0.3 * SLOW, "it spins while descriptors are short")
        go.set()
        statuses = []
        for number, client in enumerate(clients):
            response = client.read_response()
            statuses.append(response.status)
            client.close()
        self.assertEqual(statuses.count(0), 0, "a waiting client was closed")
        self.assertGreaterEqual(statuses.count(200), 190, statuses)
        with server.client() as client:
            self.assert_ok(client.request())

    def test_requests_that_use_them_up_leave_some_to_operators_and_checks(self):
        go, well = threading.Event(), threading.Event()
        well.set()

        def reply(connection, request):
            if request.target == "/healthz":
                return connection.reply(status=200 if well.is_set() else 503, body=b"")
            go.wait(harness.seconds(30))
            return harness.answer(connection, request)

        node = self.origin(on_request=reply)
        self.addCleanup(go.set)
        check = {"http": "/healthz", "interval": "200ms", "timeout": f"{harness.seconds(1)}s", "fall": 2}
        server = self.weir(harness.config(pools={"app": {"nodes": [node.address], "health": check}}), nofile=200)
        server.wait_lines("is up: ")
        clients = [self.client(server, timeout=60) for _ in range(140)]
        for client in clients:
            client.send(harness.head())
        node.wait(lambda: len(node.requests) > 30, "the first requests")
        self.assertLess(server.descriptors(), 195)
        with urllib.request.urlopen(f"http://{admin_of(server)}/healthz", timeout=harness.seconds(5)) as answer:
            self.assertEqual(answer.status, 200)
        well.clear()
        server.wait_lines("is down: GET /healthz answered 503", timeout=5)

    def test_descriptors_come_back(self):
        node = self.origin()
        server = self.weir(harness.config(pools={"app": {"nodes": [node.address], "keepalive": {"max_idle": 0}}}))
        self.come_and_go(server)
        self.assert_ended(node)
        before = server.descriptors()
        for _ in range(3):
            self.come_and_go(server)
        harness.wait_until("as few descriptors as before", lambda: server.descriptors() <= before)

    def come_and_go(self, server):
        for number in range(100):
            client = server.client()
            client.send(harness.head("POST", "/", [("Content-Length", "5")]), b"hello"[: number % 6])
            if number % 6 == 5:
                client.read_response()
            client.reset() if number % 2 else client.close()

    def assert_ended(self, node):
        node.wait(lambda: all(connection.ended.is_set() for connection in node.connections), "the end of all connections")


if __name__ == "__main__":
    harness.main()
