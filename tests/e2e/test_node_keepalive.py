"""Connections to nodes: reused, limited, aged; and the idle race that no client may see."""

import threading
import time

import harness


class Reuse(harness.Case):
    def start(self, node, workers=1, **keepalive):
        pool = {"nodes": [node.address]}
        if keepalive:
            pool["keepalive"] = keepalive
        return self.weir(harness.config(workers=workers, pools={"app": pool}))

    def test_one_connection_serves_many(self):
        node = self.origin()
        server = self.start(node)
        for _ in range(5):
            with server.client() as client:
                for _ in range(5):
                    self.assert_ok(client.request())
        self.assertEqual(len(node.connections), 1)

    def test_max_idle_zero_keeps_none(self):
        node = self.origin()
        client = self.client(self.start(node, max_idle=0))
        for _ in range(5):
            self.assert_ok(client.request())
        node.wait_connections(5)
        for connection in node.connections:
            self.assertTrue(connection.ended.wait(harness.seconds(5)))

    def test_max_idle_is_exact_over_all_workers(self):
        """Waves of 16 at once: each time exactly max_idle connections stay, whichever worker has them."""
        most, count = 5, 16
        together = threading.Barrier(count)

        def reply(connection, request):
            together.wait(harness.seconds(10))
            harness.answer(connection, request)

        node = self.origin(on_request=reply)
        server = self.start(node, workers=2, max_idle=most)
        clients = [self.client(server) for _ in range(count)]

        def standing():
            return sum(not connection.ended.is_set() for connection in node.connections)

        for _ in range(3):
            for client in clients:
                client.send(harness.head())
            for client in clients:
                self.assert_ok(client.read_response())
            node.wait(lambda: standing() <= most, "the surplus to be closed")
            time.sleep(0.2)  # and no more of them
            self.assertEqual(standing(), most)

    def test_idle_on_top_of_max_idle_is_idle_all_the_same(self):
        """What moves into a place that has come free is no younger for it: a POST after 500 ms may not have it."""
        asked, go_on, leave = threading.Event(), threading.Event(), threading.Event()

        def reply(connection, request):
            if request.target == "/second":
                asked.set()
                go_on.wait(harness.seconds(10))
            harness.answer(connection, request)
            if request.target == "/first":
                leave.wait(harness.seconds(10))
                connection.close()

        node = self.origin(on_request=reply)
        server = self.start(node, max_idle=1)
        first, second = self.client(server), self.client(server)
        second.send(harness.head(target="/second"))
        self.assertTrue(asked.wait(harness.seconds(10)))
        self.assert_ok(first.request(target="/first"))  # has the one place
        go_on.set()
        self.assert_ok(second.read_response())          # lies on top of it
        time.sleep(0.03)  # an end from 20 to 50 ms on says nothing of the node's limits
        leave.set()
        time.sleep(0.53)
        self.assert_ok(second.request("POST", "/post", body=b"x"))
        self.assertEqual(len(node.connections), 3, "a POST took a connection that had been idle for 560 ms")

    def test_idle_timeout(self):
        node = self.origin()
        client = self.client(self.start(node, idle_timeout="200ms"))
        self.assert_ok(client.request())
        self.assertTrue(node.connections[0].ended.wait(harness.seconds(5)))
        self.assert_ok(client.request())
        self.assertEqual(len(node.connections), 2)

    def test_max_lifetime(self):
        node = self.origin()
        client = self.client(self.start(node, max_lifetime="300ms"))
        deadline = time.monotonic() + harness.seconds(10)
        while len(node.connections) < 3 and time.monotonic() < deadline:
            self.assert_ok(client.request())
        self.assertGreaterEqual(len(node.connections), 3)
        self.assertLess(len(node.connections), len(node.requests) / 2)

    def test_max_lifetime_ends_an_idle_connection(self):
        node = self.origin()
        client = self.client(self.start(node, max_lifetime="300ms"))
        self.assert_ok(client.request())
        self.assertTrue(node.connections[0].ended.wait(harness.seconds(5)))

    def test_max_lifetime_cuts_no_request(self):
        def reply(connection, request):
            time.sleep(0.4)
            harness.answer(connection, request)

        node = self.origin(on_request=reply)
        client = self.client(self.start(node, max_lifetime="200ms"))
        for number in range(2):
            self.assert_ok(client.request(target=f"/{number}"), f"GET /{number}".encode())
        self.assertEqual([request.connection for request in node.requests], [0, 1])

    def test_a_closed_idle_connection_is_not_used(self):
        def script(connection):
            while (request := connection.read_request()) is not None:
                harness.answer(connection, request)
                if request.target == "/close":
                    connection.fin()

        node = self.origin(on_connection=script)
        client = self.client(self.start(node))
        for _ in range(5):
            self.assert_ok(client.request(target="/close"))
            self.assertTrue(node.connections[-1].ended.wait(harness.seconds(5)))
            self.assert_ok(client.request("POST", "/after", body=b"x"))
            self.assert_ok(client.request("POST", "/close", body=b"x"))
            self.assertTrue(node.connections[-1].ended.wait(harness.seconds(5)))

    def test_a_reused_connection_that_dies_without_a_byte(self):
        """The node reads the request and closes: a GET goes to a fresh connection, and nobody sees it."""
        def script(connection):
            served = 0
            while (request := connection.read_request()) is not None:
                if served == 2:
                    return
                served += 1
                harness.answer(connection, request)

        node = self.origin(on_connection=script)
        client = self.client(self.start(node))
        for number in range(30):
            self.assert_ok(client.request(target=f"/{number}"), f"GET /{number}".encode())

    def test_a_reused_connection_that_is_reset(self):
        def script(connection):
            served = 0
            while (request := connection.read_request()) is not None:
                if served == 2:
                    connection.reset()
                    return
                served += 1
                harness.answer(connection, request)

        node = self.origin(on_connection=script)
        client = self.client(self.start(node))
        for number in range(30):
            self.assert_ok(client.request(target=f"/{number}"), f"GET /{number}".encode())

    def test_a_fresh_connection_that_dies_is_an_error(self):
        def script(connection):
            connection.read_request()

        node = self.origin(on_connection=script)
        client = self.client(self.start(node))
        self.assert_local(client.request("POST", body=b"x"), 502)
        self.assertEqual(len(node.requests), 1, "a POST was sent twice")

    def test_a_post_is_never_sent_twice(self):
        """The node dies after reading: the request may have been acted upon."""
        def script(connection):
            while (request := connection.read_request()) is not None:
                if request.method == "POST":
                    return
                harness.answer(connection, request)

        node = self.origin(on_connection=script)
        client = self.client(self.start(node))
        for number in range(5):
            self.assert_ok(client.request(target=f"/{number}"))
            self.assert_local(client.request("POST", f"/{number}", body=b"x"), 502)
        posts = [request.target for request in node.requests if request.method == "POST"]
        self.assertEqual(len(posts), len(set(posts)), posts)


class IdleRace(harness.Case):
    """Nodes that close what was idle for a moment, while requests keep coming at just that moment."""

    IDLE = 0.2

    def script(self, connection):
        connection.socket.settimeout(self.IDLE)
        try:
            while (request := connection.read_request()) is not None:
                harness.answer(connection, request)
        except TimeoutError:
            pass

    def run_load(self, method, waves=20, clients=22):
        """Waves of requests, all clients at once, parted by pauses around the node's limit."""
        node = self.origin(on_connection=self.script)
        server = self.proxy(node)
        failures, lock = [], threading.Lock()
        together = threading.Barrier(clients)
        body = b"x" * 100 if method == "POST" else None

        def load(index):
            client = server.client(timeout=20)
            for wave in range(waves):
                together.wait(harness.seconds(20))
                time.sleep(self.IDLE * (0.98 + 0.002 * wave) + 0.0002 * index)
                response = client.request(method, f"/{index}/{wave}", body=body)
                if response.status != 200 or response.body != f"{method} /{index}/{wave}".encode():
                    with lock:
                        failures.append((index, wave, response.status, response.ended, response.body[:80]))
                    client.close()
                    client = server.client(timeout=20)
            client.close()

        threads = [threading.Thread(target=load, args=(index,), daemon=True) for index in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(harness.seconds(60))
            self.assertFalse(thread.is_alive())
        self.assertEqual(failures, [])
        return node

    def test_posts(self):
        node = self.run_load("POST")
        targets = [request.target for request in node.requests]
        self.assertEqual(len(targets), len(set(targets)), "a POST reached the node twice")
        self.assertEqual(len(targets), 440)

    def test_gets(self):
        self.run_load("GET")


if __name__ == "__main__":
    harness.main()
