"""What Weir learns of a node's patience: idle connections end at Weir's hand, before the node would end them.

Time passes in these tests because it is what they are about; what they wait for they wait for by deadline. How a
connection ended stands in its `state["end"]`: "weir", or "node" where the node's limit came first.
"""

import threading
import time
import unittest

import harness
from harness import SLOW


def impatient(idle, answer=harness.answer):
    """A node that closes a connection which lies idle for `idle` seconds."""
    def script(connection):
        while request := connection.read_request():
            answer(connection, request)
            answered = time.monotonic()
            connection.socket.settimeout(idle)
            end = connection.wait_bytes()
            connection.state.update(idle=time.monotonic() - answered, end="node" if end == "timeout" else "weir")
            if end:
                return

    return script


def ends(connections):
    return [connection.state["end"] for connection in connections]


class Case(harness.Case):
    def start(self, node, workers=1):
        return self.proxy(node, workers=workers)

    def wait_end(self, connection, timeout=10.0):
        self.assertTrue(connection.ended.wait(harness.seconds(timeout)), f"connection {connection.index} never ended")

    def teach(self, client, node):
        """One connection that is left idle until the node ends it."""
        self.assert_ok(client.request())
        self.wait_end(node.connections[-1])
        self.assertEqual(ends(node.connections), ["node"])


class IdleTime(Case):
    def test_after_the_nodes_first_close_weir_is_the_one_that_closes(self):
        idle = 1.0 * SLOW
        node = self.origin(on_connection=impatient(idle))
        client = self.client(self.start(node))
        self.teach(client, node)
        self.assert_ok(client.request())
        self.wait_end(node.connections[1])
        self.assertEqual(ends(node.connections), ["node", "weir"])
        self.assertGreater(node.connections[1].state["idle"], idle / 2, "what lies idle is kept for as long as is safe")

    def test_it_is_learned_for_all_workers(self):
        """The limit is the node's, not the worker's or the connection's."""
        idle = 1.0 * SLOW
        together = threading.Barrier(8)

        def reply(connection, request):
            if request.target == "/together":
                together.wait(harness.seconds(10))
            harness.answer(connection, request)

        node = self.origin(on_connection=impatient(idle, reply))
        server = self.start(node, workers=2)
        self.teach(self.client(server), node)
        clients = [self.client(server) for _ in range(8)]
        for client in clients:
            client.send(harness.head(target="/together"))
        for client in clients:
            self.assert_ok(client.read_response())
        for connection in node.connections:
            self.wait_end(connection)
        self.assertEqual(ends(node.connections), ["node"] + ["weir"] * 8)

    def test_another_node_is_not_judged_by_it(self):
        """Both are served by one worker; the patient one's connection outlives the other's limit."""
        hasty, patient = self.origin(on_connection=impatient(0.2)), self.origin()
        server = self.weir(harness.config(workers=1, pools={
            "hasty": {"nodes": [hasty.address]}, "patient": {"nodes": [patient.address]},
        }, routes=[{"match": {"path": "/hasty"}, "pool": "hasty"}, {"pool": "patient"}]))
        client = self.client(server)
        self.assert_ok(client.request(target="/hasty"))
        self.assert_ok(client.request())
        self.wait_end(hasty.connections[0])
        self.assert_ok(client.request())
        time.sleep(0.4)  # twice the other's limit
        self.assert_ok(client.request())
        self.assertEqual(len(patient.connections), 1)

    def test_what_the_node_announces_is_honoured(self):
        def reply(connection, request):
            connection.reply(fields=[("Keep-Alive", "timeout=1")], body=b"x")

        node = self.origin(on_connection=impatient(1.0 * SLOW, reply))
        client = self.client(self.start(node))
        self.assertIsNone(self.assert_ok(client.request()).get("Keep-Alive"))
        self.wait_end(node.connections[0])
        self.assertEqual(ends(node.connections), ["weir"])

    def test_an_announcement_below_idle_timeout_is_a_warning_once(self):
        def reply(connection, request):
            connection.reply(fields=[("Keep-Alive", "timeout=5")], body=b"x")

        node, brief = self.origin(reply), self.origin(reply)
        server = self.weir(harness.config(workers=2, pools={
            "app": {"nodes": [node.address]},
            "brief": {"nodes": [brief.address], "keepalive": {"idle_timeout": "5s"}},
        }, routes=[{"match": {"path": "/brief"}, "pool": "brief"}, {"pool": "app"}]))
        for client in [self.client(server) for _ in range(8)]:
            self.assert_ok(client.request(target="/brief"))
            self.assert_ok(client.request())
            self.assert_ok(client.request())
        server.wait_lines(r" warning node .* of pool \S+ closes idle connections after")
        self.assertEqual(server.stop(), [])
        self.assertEqual(server.found(r" warning (node .* closes idle connections .*)"), [
            f"node {node.address} of pool app closes idle connections after 5s (Keep-Alive: timeout), sooner than "
            "keepalive.idle_timeout (1m); Weir closes them after 4500ms; have the node wait longer, or lower "
            "idle_timeout"])

    def test_the_last_announcement_counts(self):
        """A timeout that shrinks from answer to answer."""
        def reply(connection, request):
            connection.reply(fields=[("Keep-Alive", f"timeout={60 if request.target == '/long' else 1}")], body=b"x")

        node = self.origin(on_connection=impatient(5.0 * SLOW, reply))
        client = self.client(self.start(node))
        self.assert_ok(client.request(target="/long"))
        self.assert_ok(client.request(target="/short"))
        self.wait_end(node.connections[0])
        self.assertEqual(ends(node.connections), ["weir"])
        self.assertEqual(len(node.connections), 1)


class Requests(Case):
    K = 20

    def script(self, connection):
        """Closes with the K-th answer, and did not say that it would."""
        for served in range(1, self.K + 1):
            if (request := connection.read_request()) is None:
                connection.state["end"] = "weir"
                return
            connection.state.update(served=served, end="node")
            if served == self.K:
                connection.keep_for_fin()
            harness.answer(connection, request)
        connection.fin()

    def test_a_limit_of_requests_is_learned(self):
        node = self.origin(on_connection=self.script)
        client = self.client(self.start(node))
        deadline = time.monotonic() + harness.seconds(10)

        def next_connection():
            """Requests until the newest connection has ended; that connection."""
            seen = len(node.connections)
            while len(node.connections) <= seen:
                self.assertLess(time.monotonic(), deadline, f"not learned: {ends(node.connections)}")
                self.assert_ok(client.request())
            if seen == 0:
                return None
            self.wait_end(node.connections[seen - 1])
            return node.connections[seen - 1]

        # A FIN that is heard late says nothing of the number of requests, so it may take more than one.
        while (ended := next_connection()) is None or ended.state["end"] == "node":
            pass
        for _ in range(5):
            ended = next_connection()
            self.assertEqual(ended.state["end"], "weir")
            self.assertLessEqual(ended.state["served"], self.K * 9 // 10)
            self.assertGreaterEqual(ended.state["served"], self.K // 2)

    def test_no_client_sees_it(self):
        """POSTs, which may not be sent again, over the learning and after."""
        node = self.origin(on_connection=self.script)
        client = self.client(self.start(node))
        for number in range(3 * self.K):
            self.assert_ok(client.request("POST", f"/{number}", body=b"x"), f"POST /{number}".encode())
        targets = [request.target for request in node.requests]
        self.assertEqual(targets, [f"/{number}" for number in range(3 * self.K)])

    def test_a_close_that_comes_a_moment_later_costs_one(self):
        """Behind a busy client the FIN crosses the next request, so that the connection is never seen idle then."""
        def script(connection):
            for served in range(1, self.K + 1):
                if (request := connection.read_request()) is None:
                    return
                harness.answer(connection, request)
            time.sleep(0.003)
            connection.reset()

        node = self.origin(on_connection=script)
        client = self.client(self.start(node))
        statuses = [client.request("POST", f"/{number}", body=b"x").status for number in range(10 * self.K)]
        self.assertLessEqual(statuses.count(502), 2)
        self.assertEqual(set(statuses) - {502}, {200})


class Care(Case):
    """Which connections are sure enough for a request that may not be sent twice."""

    def post_after(self, client, node, idle):
        """A GET, `idle` seconds, a POST: whether both came over one connection."""
        self.assert_ok(client.request(target="/get"))
        before = node.requests[-1].connection
        time.sleep(idle)
        self.assert_ok(client.request("POST", "/post", body=b"x"))
        return node.requests[-1].connection == before

    def eventually_reused(self, client, node, idle):
        """A machine that stalls makes a connection older than meant: once is enough."""
        deadline = time.monotonic() + harness.seconds(10)
        while not self.post_after(client, node, idle):
            self.assertLess(time.monotonic(), deadline, "a POST never takes a connection that is young enough")

    def test_while_nothing_is_known(self):
        node = self.origin()
        client = self.client(self.start(node))
        self.eventually_reused(client, node, 0)
        self.eventually_reused(client, node, 0.25)
        self.assertFalse(self.post_after(client, node, 0.55), "a POST took a connection older than 500 ms")

    def test_a_get_takes_what_a_post_may_not(self):
        node = self.origin()
        client = self.client(self.start(node))
        self.assert_ok(client.request())
        time.sleep(0.55)
        self.assert_ok(client.request())
        self.assertEqual(len(node.connections), 1)

    def test_a_short_limit_makes_it_stricter(self):
        idle = 0.4
        node = self.origin(on_connection=impatient(idle))
        client = self.client(self.start(node))
        self.teach(client, node)
        for _ in range(3):
            self.assertFalse(self.post_after(client, node, idle * 0.6), "a POST took one past half of the limit")
        self.eventually_reused(client, node, 0)

    @unittest.skipIf(SLOW > 1, "the window between 500 ms and half of the limit is too narrow for a slow build")
    def test_a_long_limit_makes_it_laxer(self):
        node = self.origin(on_connection=impatient(1.5))
        client = self.client(self.start(node))
        self.teach(client, node)
        self.eventually_reused(client, node, 0.55)
        self.assertFalse(self.post_after(client, node, 0.9))


if __name__ == "__main__":
    harness.main()
