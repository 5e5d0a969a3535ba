"""Bodies that are collected before a node is chosen (pools.*.request_buffer)."""

import harness
from harness import chunk, head


class Collected(harness.Case):
    def serve(self, **pool):
        self.node = self.origin()
        self.server = self.weir(harness.config(pools={"app": {"nodes": [self.node.address], **pool}}))
        return self.client(self.server)

    def reached(self):
        """Requests of which the node has the beginning."""
        return sum(connection.raw.count(b"POST ") for connection in self.node.connections)

    def upload(self, client, size, *fields):
        client.send(head("POST", "/", [("Content-Length", str(size)), *fields]))

    def test_a_slow_body_holds_no_node(self):
        client = self.serve()
        self.upload(client, 3)
        for byte in (b"a", b"b"):
            client.send(byte)
            self.assertTrue(client.quiet(0.2))
            self.assertEqual(self.reached(), 0)
        client.send(b"c")
        self.assert_ok(client.read_response())
        self.assertEqual(self.node.requests[0].body, b"abc")

    def test_up_to_the_bound(self):
        client = self.serve(request_buffer="2KiB")
        self.upload(client, 2048)
        client.send(b"x" * 2047)
        self.assertTrue(client.quiet(0.2))
        self.assertEqual(self.reached(), 0)
        client.send(b"x")
        self.assert_ok(client.read_response())
        self.upload(client, 2049)
        harness.wait_until("a request", lambda: self.reached() == 2)
        client.send(b"x" * 2049)
        self.assert_ok(client.read_response())

    def test_a_large_buffer(self):
        client = self.serve(request_buffer="1MiB")
        self.upload(client, 1 << 20)
        client.send(b"x" * ((1 << 20) - 1))
        self.assertTrue(client.quiet(0.2))
        self.assertEqual(self.reached(), 0)
        client.send(b"y")
        self.assert_ok(client.read_response())
        self.assertEqual(self.node.requests[0].body, b"x" * ((1 << 20) - 1) + b"y")

    def test_what_is_not_collected(self):
        """Bodies of unknown length, gRPC, and all where the buffer is off: they stream at once."""
        client = self.serve()
        client.send(head("POST", "/", [("Transfer-Encoding", "chunked")]), chunk(b"a"))
        harness.wait_until("chunks", lambda: self.reached() == 1)
        grpc = self.client(self.server)
        self.upload(grpc, 3, ("Content-Type", "application/grpc+proto"))
        harness.wait_until("a call", lambda: self.reached() == 2)
        client = self.serve(request_buffer="0")
        self.upload(client, 3)
        harness.wait_until("a body", lambda: self.reached() == 1)

    def test_continue_comes_from_weir(self):
        client = self.serve()
        self.upload(client, 3, ("Expect", "100-continue"))
        self.assertEqual(client.read_head().status, 100)
        self.assertEqual(self.reached(), 0)
        client.send(b"abc")
        self.assert_ok(client.read_response())
        self.assertEqual((self.node.requests[0].body, self.node.requests[0].get("Expect")), (b"abc", None))

    def test_a_body_that_stops(self):
        client = self.serve(timeouts={"body": "300ms"})
        self.upload(client, 3)
        client.send(b"a")
        self.assert_local(client.read_response(), 408)
        self.assertEqual(self.reached(), 0)

    def test_a_client_that_goes(self):
        client = self.serve()
        self.upload(client, 3)
        client.send(b"a")
        client.close()
        self.assert_ok(self.client(self.server).request())
        self.assertEqual(len(self.node.requests), 1)


if __name__ == "__main__":
    harness.main()
