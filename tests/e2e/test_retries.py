"""Answers that are retried, the budget in a storm, second tries, deadlines that clients bring, clients that trickle."""

import threading
import time

import harness
from h2_node import h2_node
from harness import answer


def busy(connection, request):
    connection.reply(503, body=b"busy", reason="Busy")


def resetting(connection, request):
    connection.reset()


class Retries(harness.Case):
    def test_the_next_node_answers_for_one_that_is_busy(self):
        ill, well = self.origin(busy), self.origin()
        client = self.client(self.proxy(ill, well))
        for _ in range(20):
            self.assert_ok(client.request())
        self.assertEqual(len(well.requests), 20)
        self.assertLessEqual(len(ill.connections), 2, "what is dropped costs no connection")

    def test_a_post_is_not_sent_again_unless_it_has_a_key(self):
        ill, well = self.origin(busy), self.origin()
        server = self.proxy(ill, well)
        client = self.client(server)
        statuses = sorted(client.request("POST", body=b"once").status for _ in range(4))
        self.assertEqual(statuses, [200, 200, 503, 503])
        for _ in range(4):
            self.assert_ok(client.request("POST", fields=[("Idempotency-Key", "7")], body=b"again"))

    def storm(self, conduct, status):
        self.storm_at([self.origin(conduct) for _ in range(2)], status)

    def storm_at(self, nodes, status, **pool):
        """A thousand requests, eight at a time, of which none can go well."""
        server = self.weir(harness.config(pools={"app": {"nodes": [node.address for node in nodes], "ejection": "off", **pool}}))

        def ask():
            client = self.client(server)
            for _ in range(125):
                self.assertEqual(client.request().status, status)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        reached = sum(len(node.requests) for node in nodes)
        self.assertGreater(reached, 1100, "there are retries")
        self.assertLessEqual(reached, 1250)

    def test_a_storm_of_bad_answers_is_not_made_worse(self):
        self.storm(busy, 503)

    def test_a_storm_of_resets_is_not_made_worse(self):
        self.storm(resetting, 502)

    def test_a_storm_of_requests_that_all_decline_is_not_made_worse(self):
        declines = h2_node(lambda connection, request: connection.refuse(request))
        self.storm_at([self.origin(on_connection=declines) for _ in range(2)], 502, protocol="h2")


class Hedging(harness.Case):
    def test_a_late_answer_is_overtaken(self):
        asked = threading.Event()

        def silent(connection, request):
            asked.set()
            connection.wait_end()

        slow, quick = self.origin(silent), self.origin()
        server = self.weir(harness.config(pools={"app": {"nodes": [slow.address, quick.address], "hedge": {"after": "50ms"}}}))
        client = self.client(server)
        started = time.monotonic()
        for _ in range(4):
            self.assert_ok(client.request())
        self.assertTrue(asked.is_set())
        self.assertLess(time.monotonic() - started, harness.seconds(5))
        self.assertTrue(slow.connections[0].ended.wait(harness.seconds(5)), "nobody waits for it")


class Deadlines(harness.Case):
    def test_what_a_client_waits_is_told_to_the_node_and_kept(self):
        node = self.origin(lambda connection, request: connection.wait_end())
        client = self.client(self.weir(harness.config([node], deadline_header="X-Patience")))
        started = time.monotonic()
        response = client.request(fields=[("X-Patience", "300")])
        self.assert_local(response, 504)
        self.assertIn(b"request_timeout", response.body)
        self.assertGreater(time.monotonic() - started, 0.27)
        told = int(dict((name.lower(), value) for name, value in node.requests[0].fields)["x-patience"])
        self.assertTrue(0 < told <= 300, told)


class Trickles(harness.Case):
    def test_a_body_that_trickles_ends_after_ten_seconds(self):
        node = self.origin()
        client = self.client(self.proxy(node))
        started = time.monotonic()
        client.send(harness.head("POST", "/", [("Content-Length", "100000")]))
        while client.quiet(0.5) and time.monotonic() - started < harness.seconds(20):
            client.send("x")
        self.assert_local(client.read_response(), 408)
        self.assertGreater(time.monotonic() - started, 9)
        self.assertEqual(node.requests, [])


if __name__ == "__main__":
    harness.main()
