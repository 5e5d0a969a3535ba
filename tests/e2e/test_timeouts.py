"""Slow and silent clients and nodes meet their timeouts, and get what the glossary says."""

import signal
import socket
import threading
import time

import harness
from harness import SLOW, chunk


class Timeouts(harness.Case):
    LONG = {"header": "20s", "idle": "20s", "body": "20s", "connect": "20s", "response": "20s", "stream_idle": "20s"}

    def start(self, node, **timeouts):
        return self.weir(harness.config([node] if node else [], timeouts={**self.LONG, **timeouts}))

    def assert_took(self, started, least, most):
        took = time.monotonic() - started
        self.assertGreaterEqual(took, least * 0.9)
        self.assertLess(took, harness.seconds(most))

    def test_header(self):
        client = self.client(self.start(self.origin(), header="300ms"))
        started = time.monotonic()
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n")
        self.assert_local(client.read_response(), 408)
        self.assert_took(started, 0.3, 2)
        self.assertEqual(client.read_end(), "fin")

    def test_header_that_trickles(self):
        """The limit is for the whole head: a byte now and then does not stretch it."""
        client = self.client(self.start(self.origin(), header="400ms"))
        started = time.monotonic()
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\nX-A: ")
        while client.quiet(0.05) and time.monotonic() - started < harness.seconds(5):
            if not client.send("a"):
                break
        self.assert_local(client.read_response(), 408)
        self.assert_took(started, 0.4, 2)

    def test_header_of_the_second_request(self):
        server = self.start(self.origin(), header="300ms")
        client = self.client(server)
        self.assert_ok(client.request())
        client.send("GET /")
        self.assert_local(client.read_response(), 408)
        client = self.client(server)
        client.request("HEAD")
        client.send("GET /")
        self.assertTrue(self.assert_local(client.read_response(), 408).body, "a body for GET, as it seems to become")

    def test_a_connection_that_never_says_a_word(self):
        server = self.start(self.origin(), header="300ms", idle="500ms")
        started = time.monotonic()
        client = self.client(server)
        response = client.read_response()
        self.assertIn((response.status, response.ended), [(0, "fin"), (408, "complete")])
        self.assert_took(started, 0.25, 3)

    def test_idle(self):
        client = self.client(self.start(self.origin(), idle="300ms"))
        self.assert_ok(client.request())
        started = time.monotonic()
        self.assertEqual(client.read_end(), "fin")
        self.assert_took(started, 0.3, 2)

    def test_body(self):
        node = self.origin()
        client = self.client(self.start(node, body="300ms"))
        started = time.monotonic()
        client.send(harness.head("POST", "/", [("Content-Length", "10")]), b"half")
        self.assert_local(client.read_response(), 408)
        self.assert_took(started, 0.3, 2)
        self.assertEqual(client.read_end(), "fin")
        self.assertEqual(node.requests, [])
        client = self.client(self.start(node, body="300ms"))
        client.send(harness.head("POST", "/", [("Content-Length", "1000000")]), b"half")  # goes on as it comes
        self.assert_local(client.read_response(), 408)
        self.assertTrue(node.connections[0].ended.wait(harness.seconds(5)))
        self.assertEqual(node.requests, [])

    def test_a_body_that_moves_is_not_late(self):
        client = self.client(self.start(self.origin(), body=f"{int(400 * SLOW)}ms"))
        client.send(harness.head("POST", "/", [("Transfer-Encoding", "chunked")]))
        for _ in range(8):
            self.assertTrue(client.quiet(0.1))
            client.send(chunk(b"x"))
        client.send("0\r\n\r\n")
        self.assert_ok(client.read_response())

    def test_framing_moves_too(self):
        """Chunk sizes and trailers are no payload, and yet signs of life: of the client and of the node."""
        slow = [b"5", b"\r", b"\n", b"hello\r\n", b"0\r", b"\n", b"X-A: b\r", b"\n", b"\r\n"]

        def reply(connection, request):
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for piece in slow:
                time.sleep(0.15)
                connection.send(piece)

        client = self.client(self.start(self.origin(on_request=reply), body="350ms", stream_idle="350ms"))
        client.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in slow:
            time.sleep(0.15)
            client.send(piece)
        self.assert_ok(client.read_response(), b"hello")

    def test_what_came_while_weir_was_stopped_is_not_late(self):
        def reply(connection, request):
            time.sleep(0.2)
            harness.answer(connection, request)

        server = self.start(self.origin(on_request=reply), response="600ms")
        client = self.client(server)
        client.send(harness.head())
        time.sleep(0.1)
        server.signal(signal.SIGSTOP)
        time.sleep(0.9)
        server.signal(signal.SIGCONT)
        self.assert_ok(client.read_response())

    def test_a_client_that_takes_nothing(self):
        def reply(connection, request):
            connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {64 << 20}\r\n\r\n")
            for _ in range(64):
                if not connection.send(bytes(1 << 20)):
                    connection.close()
                    break

        node = self.origin(on_request=reply)
        server = self.start(node, body="400ms")
        client = self.client(server, receive_buffer=32768)
        client.send(harness.head())
        connection = node.wait_connections(1)[0]
        self.assertTrue(connection.ended.wait(harness.seconds(8)), "a client that takes nothing holds the node for ever")
        self.assertTrue(client.read_response().cut, "the body was cut")

    def test_response(self):
        def reply(connection, request):
            if request.target == "/slow":
                connection.wait_end()
            else:
                harness.answer(connection, request)

        node = self.origin(on_request=reply)
        client = self.client(self.start(node, response="300ms"))
        started = time.monotonic()
        self.assert_local(client.request(target="/slow"), 504)
        self.assert_took(started, 0.3, 2)
        self.assertTrue(node.connections[0].ended.wait(harness.seconds(5)))
        self.assert_ok(client.request(target="/fast"))
        self.assertEqual(len([r for r in node.requests if r.target == "/slow"]), 1)

    def test_interim_heads_give_a_node_no_more_time(self):
        def reply(connection, request):
            for _ in range(20):
                connection.send("HTTP/1.1 102 Processing\r\n\r\n")
                if connection.ended.wait(0.1):
                    return

        client = self.client(self.start(self.origin(on_request=reply), response="500ms"))
        started = time.monotonic()
        client.send(harness.head())
        self.assert_local(client.read_response(), 504)
        self.assert_took(started, 0.5, 1.5)

    def test_response_of_a_post_that_is_still_sending(self):
        """The response clock begins when the request is out; a long upload is no reason for 504."""
        client = self.client(self.start(self.origin(), response=f"{int(300 * SLOW)}ms"))
        client.send(harness.head("POST", "/", [("Content-Length", "8")]))
        for _ in range(8):
            client.quiet(0.08 * SLOW)
            client.send(b"x")
        self.assert_ok(client.read_response())

    def test_stream_idle(self):
        def reply(connection, request):
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            connection.wait_end()

        node = self.origin(on_request=reply)
        client = self.client(self.start(node, stream_idle="300ms"))
        response = client.request()
        self.assertTrue(response.cut, response)
        self.assertEqual(response.body, b"half")
        self.assertTrue(node.connections[0].ended.wait(harness.seconds(5)))

    def test_stream_idle_is_off_for_events(self):
        go = threading.Event()

        def reply(connection, request):
            connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            go.wait(harness.seconds(10))
            connection.send(chunk(b"data: 1\n\n"), "0\r\n\r\n")

        client = self.client(self.start(self.origin(on_request=reply), stream_idle="200ms"))
        client.send(harness.head())
        self.assertEqual(client.read_head().status, 200)
        self.assertTrue(client.quiet(0.6))
        go.set()
        self.assertEqual(client.reader.chunk(), b"data: 1\n\n")

    def test_request(self):
        def reply(connection, request):
            connection.wait_end()

        client = self.client(self.start(self.origin(on_request=reply), request="300ms"))
        started = time.monotonic()
        self.assert_local(client.request(), 504)
        self.assert_took(started, 0.3, 2)

    def full(self):
        """An address whose queue is full: connects neither succeed nor fail."""
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        sock.listen(0)
        self.addCleanup(sock.close)
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(sock.getsockname())
            self.addCleanup(filler.close)
        return f"127.0.0.1:{sock.getsockname()[1]}"

    def test_connect(self):
        server = self.weir(harness.config([self.full()], timeouts={**self.LONG, "connect": "300ms"}))
        client = self.client(server)
        started = time.monotonic()
        self.assert_local(client.request(), 502, 503, 504)
        self.assert_took(started, 0.25, 4)

    def test_connect_goes_on_to_the_next_node(self):
        node = self.origin()
        server = self.weir(harness.config([self.full(), node], workers=1, timeouts={**self.LONG, "connect": "300ms"}))
        client = self.client(server)
        for _ in range(3):
            self.assert_ok(client.request())

    def test_a_route_has_its_own(self):
        def reply(connection, request):
            connection.wait_end()

        settings = harness.config([self.origin(on_request=reply)], timeouts=self.LONG)
        settings["routes"] = [{"match": {"path": "/quick/"}, "pool": "app", "timeouts": {"response": "200ms"}}, {"pool": "app"}]
        client = self.client(self.weir(settings))
        started = time.monotonic()
        self.assert_local(client.request(target="/quick/"), 504)
        self.assert_took(started, 0.2, 2)

    def test_a_pool_has_its_own(self):
        def reply(connection, request):
            connection.wait_end()

        node = self.origin(on_request=reply)
        settings = harness.config(timeouts=self.LONG, pools={"app": {"nodes": [node.address], "timeouts": {"response": "200ms"}}})
        self.assert_local(self.client(self.weir(settings)).request(), 504)


if __name__ == "__main__":
    harness.main()
