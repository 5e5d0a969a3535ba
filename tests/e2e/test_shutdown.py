"""The end of the process: nothing in flight is lost, idle clients are told, and it ends in time."""

import os
import signal
import socket
import threading
import time

import harness
from harness import chunk


class Shutdown(harness.Case):
    def start(self, node, grace="1s", timeout="5s", **top):
        return self.weir(harness.config([node], shutdown_grace=grace, shutdown_timeout=timeout, **top))

    def held(self):
        """A node that answers when told."""
        go = threading.Event()

        def reply(connection, request):
            if request.target.startswith("/slow"):
                go.wait(harness.seconds(30))
            harness.answer(connection, request)

        return self.origin(on_request=reply), go

    def test_idle_clients_are_told(self):
        server = self.start(self.origin(), grace="3s")
        idle, quiet = self.client(server), self.client(server)
        self.assert_ok(idle.request())
        self.assert_ok(quiet.request())
        self.end(server)
        for number in range(100000):  # the workers hear of it in their own time
            response = self.assert_ok(idle.request(target=f"/{number}"), f"GET /{number}".encode())
            if (response.get("Connection") or "").lower() == "close":
                break
        self.assertEqual(idle.read_end(), "fin")
        self.assertEqual(quiet.read_end(), "fin")
        self.assertEqual(server.wait_exit(), 0)

    def end(self, server, number=signal.SIGTERM):
        server.signal(number)
        server.wait_lines(signal.Signals(number).name)

    def test_new_connections_are_refused(self):
        node, go = self.held()
        server = self.start(node, grace="50ms", timeout="20s")
        client = self.client(server)
        client.send(harness.head(target="/slow"))
        node.wait_requests(1)
        self.end(server)
        harness.wait_until("no more connections", lambda: self.is_refused(server), 3)
        go.set()
        self.assert_ok(client.read_response())
        self.assertEqual(server.wait_exit(), 0)

    def is_refused(self, server):
        try:
            server.client().close()
            return False
        except OSError:
            return True

    def test_idle_connections_do_not_hold_the_end_up(self):
        server = self.start(self.origin(), grace="100ms", timeout="20s")
        clients = [self.client(server) for _ in range(10)]
        for client in clients:
            self.assert_ok(client.request())
        started = time.monotonic()
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait_exit(), 0)
        self.assertLess(time.monotonic() - started, harness.seconds(3))
        for client in clients:
            self.assertEqual(client.read_end(), "fin")

    def test_what_is_in_flight_is_finished(self):
        node, go = self.held()
        server = self.start(node, grace="50ms", timeout="20s")
        clients = [self.client(server) for _ in range(10)]
        for number, client in enumerate(clients):
            client.send(harness.head(target=f"/slow/{number}"))
        node.wait_requests(10)
        self.end(server)
        go.set()
        for number, client in enumerate(clients):
            self.assert_ok(client.read_response(), f"GET /slow/{number}".encode())
            self.assertEqual(client.read_end(), "fin")
        self.assertEqual(server.wait_exit(), 0)

    def test_bodies_in_flight_are_finished(self):
        go = threading.Event()

        def reply(connection, request):
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk(b"first"))
            go.wait(harness.seconds(20))
            connection.send(chunk(request.body), "0\r\n\r\n")

        node = self.origin(on_request=reply)
        server = self.start(node, grace="50ms", timeout="20s")
        down, up = self.client(server), self.client(server)
        down.send(harness.head())
        self.assertEqual(down.read_head().status, 200)
        up.send(harness.head("POST", "/", [("Transfer-Encoding", "chunked")]), chunk(b"hal"))
        node.wait_connections(2)
        self.end(server)
        up.send(chunk(b"ves"), "0\r\n\r\n")
        go.set()
        self.assertEqual(up.read_response().body, b"firsthalves")
        self.assertEqual([down.reader.chunk(), down.reader.chunk()], [b"first", b""])
        self.assertEqual(server.wait_exit(), 0)

    def test_load_loses_nothing(self):
        """Clients that reconnect only when told to: every request that was sent whole is answered."""
        server = self.start(self.origin(), grace="2s", timeout="10s")
        lost, served, lock = [], [0], threading.Lock()

        def load(index):
            client = server.client()
            for number in range(100000):
                response = client.request(target=f"/{index}/{number}")
                if response.status != 200 or response.body != f"GET /{index}/{number}".encode():
                    with lock:
                        lost.append((index, number, response.status, response.ended))
                    return
                with lock:
                    served[0] += 1
                if (response.get("Connection") or "").lower() == "close":
                    return

        threads = [threading.Thread(target=load, args=(index,), daemon=True) for index in range(16)]
        for thread in threads:
            thread.start()
        harness.wait_until("load", lambda: served[0] > 500)
        server.signal(signal.SIGTERM)
        for thread in threads:
            thread.join(harness.seconds(10))
            self.assertFalse(thread.is_alive())
        self.assertEqual(lost, [])
        self.assertEqual(server.wait_exit(), 0)

    def test_the_timeout_ends_what_does_not_end(self):
        node, go = self.held()
        server = self.start(node, grace="50ms", timeout="500ms")
        client = self.client(server)
        client.send(harness.head(target="/slow"))
        node.wait_requests(1)
        started = time.monotonic()
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait_exit(), 0)
        self.assertGreater(time.monotonic() - started, 0.45)
        self.assertLess(time.monotonic() - started, harness.seconds(4))
        response = client.read_response()
        self.assertIn(response.status, (0, 502, 503, 504))
        go.set()

    def test_a_second_signal_ends_now(self):
        for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT)):
            node, go = self.held()
            server = self.start(node, timeout="60s")
            client = self.client(server)
            client.send(harness.head(target="/slow"))
            node.wait_requests(1)
            self.end(server, first)
            started = time.monotonic()
            server.signal(second)
            self.assertEqual(server.wait_exit(), 0)
            self.assertLess(time.monotonic() - started, harness.seconds(2))
            go.set()

    def test_other_signals_end_nothing(self):
        node, go = self.held()
        server = self.start(node)
        client = self.client(server)
        client.send(harness.head(target="/slow"))
        node.wait_requests(1)
        for number in (signal.SIGHUP, signal.SIGUSR1):
            server.signal(number)
        server.wait_lines("SIGHUP: .* says what is in force already")
        server.wait_lines("SIGUSR1: the access log is off, so there is no file to reopen")
        go.set()
        self.assert_ok(client.read_response())

    def test_sigint_drains_too(self):
        server = self.start(self.origin(), grace="50ms")
        self.assert_ok(self.client(server).request())
        server.signal(signal.SIGINT)
        self.assertEqual(server.wait_exit(), 0)

    def test_connections_that_wait_in_the_queue(self):
        """Clients that connected and sent before the signal are not reset."""
        server = self.start(self.origin(), grace="1s")
        clients = [self.client(server) for _ in range(50)]
        for number, client in enumerate(clients):
            client.send(harness.head(target=f"/{number}"))
        server.signal(signal.SIGTERM)
        for number, client in enumerate(clients):
            self.assert_ok(client.read_response(), f"GET /{number}".encode())

    def test_connections_that_wait_for_others_to_end(self):
        """limits.connections holds them back in the kernel's queue, until the end comes."""
        server = self.start(self.origin(), grace="1s", workers=1, limits={"connections": 2})
        clients = [self.client(server) for _ in range(2)]
        for client in clients:
            self.assert_ok(client.request())
        waiting = [self.client(server) for _ in range(5)]
        for client in waiting:
            client.send(harness.head())
        self.assertTrue(waiting[-1].quiet(0.1))
        server.signal(signal.SIGTERM)
        for client in waiting:
            self.assert_ok(client.read_response())

    def test_tunnels_end_with_the_timeout(self):
        def script(connection):
            connection.read_request()
            connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            while data := connection.receive():
                connection.send(data)

        server = self.start(self.origin(on_connection=script), grace="50ms", timeout="500ms")
        client = self.client(server)
        client.send(harness.head(fields=[("Connection", "Upgrade"), ("Upgrade", "websocket")]))
        self.assertEqual(client.read_response().status, 101)
        server.signal(signal.SIGTERM)
        client.send(b"echo")
        self.assertEqual(client.reader.exactly(4), b"echo")
        self.assertEqual(server.wait_exit(), 0)
        self.assertIn(client.read_end(), ("fin", "rst"))


class Listeners(harness.Case):
    def test_unix_socket(self):
        node = self.origin()
        folder = harness.tempfile.mkdtemp(prefix="weir-e2e-")
        path = os.path.join(folder, "weir.sock")
        self.addCleanup(os.rmdir, folder)
        for _ in range(2):  # a second start finds the path free, or takes it over
            server = self.weir(harness.config([node], listeners=[{"address": f"unix:{path}"}]))
            client = self.client(server)
            self.assert_ok(client.request(target="/u"), b"GET /u")
            client.close()
            self.assertEqual(server.stop(), [])
        if os.path.exists(path):
            os.unlink(path)
            self.fail("the socket was left behind")

    def test_v6_and_several(self):
        node = self.origin()
        addresses = [{"address": "127.0.0.1:0"}, {"address": "127.0.0.1:0"}]
        if socket.has_ipv6 and os.path.exists("/proc/net/if_inet6"):
            addresses.append({"address": "[::1]:0"})
        server = self.weir(harness.config([node], listeners=addresses))
        self.assertEqual(len(set(server.addresses)), len(addresses))
        for index in range(len(addresses)):
            self.assert_ok(self.client(server, index).request(target=f"/{index}"), f"GET /{index}".encode())
        if len(addresses) == 3:
            self.assertEqual(node.requests[-1].get("X-Forwarded-For"), "::1")

    def test_an_address_in_use(self):
        first = self.weir(harness.config([self.origin()]))
        second = harness.Weir(harness.config([], listeners=[{"address": first.address}]), wait=False)
        self.assertNotEqual(second.wait_exit(), 0)
        second.stop()
        self.assertTrue(any(first.address in line for line in second.lines), second.lines)


if __name__ == "__main__":
    harness.main()
