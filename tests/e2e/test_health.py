"""Active health checks: nodes that fail are noticed in time, drain, and return by themselves; clients notice nothing.

The nodes that are killed and stopped are processes (node_process.py); where the node's side of a connection matters
they are scripted origins. How long things may take is docs/health.md's formula; Weir's log says when they happened.
"""

import re
import signal
import socket
import threading
import time

import harness
from node_process import Node

# In seconds, before they are stretched for slow builds.
INTERVAL, FAST, TIMEOUT, JITTER, FALL, RISE = 0.5, 0.05, 0.5, 1.1, 3, 2
SLACK = 1.0  # of a machine that has more to do


def ms(value):
    return f"{round(harness.seconds(value) * 1000)}ms"


PACE = {"interval": ms(INTERVAL), "fast_interval": ms(FAST), "timeout": ms(TIMEOUT), "jitter": "10%", "fall": FALL, "rise": RISE}
CHECK = {"http": "/healthz", **PACE}

ANSWERS_BADLY = INTERVAL * JITTER + (FALL - 2) * FAST * JITTER
ANSWERS_NOT = INTERVAL * JITTER + FALL * TIMEOUT
RETURNS = TIMEOUT + RISE * FAST * JITTER  # a check that still hangs, then its passes


class Health(harness.Case):
    def process(self):
        node = Node()
        self.addCleanup(node.kill)
        return node

    def healthy(self, name, **options):
        """An origin whose /healthz answers what stands in `health`, and with what else is asked counted apart."""
        origin = self.origin(name=name, on_request=self.answer, **options)
        origin.health = 200
        return origin

    def answer(self, connection, request):
        if request.target == "/healthz":
            connection.reply(status=connection.origin.health, body=b"so so")
            connection.fin()
        else:
            connection.state["served"] = True
            harness.answer(connection, request)

    def served(self, origin):
        with origin.lock:
            return [request for request in origin.requests if request.target != "/healthz"]

    def checks(self, origin):
        with origin.lock:
            return [request for request in origin.requests if request.target == "/healthz"]

    def start(self, *nodes, health=None, **top):
        """A Weir with the pool `app` of these nodes; all of them are up if they can be. What checks say holds, without a floor."""
        addresses = [node if isinstance(node, str) else node.address for node in nodes]
        return self.weir(harness.config(pools={"app": {"nodes": addresses, "health": health or CHECK, "panic": "0%"}}, **top))

    def wait_up(self, weir, count):
        weir.wait_lines("is up: .*; it takes requests", count)

    def line(self, node, rest):
        return re.escape(f"node {node.address} of pool app is ") + rest

    def wait_line(self, weir, pattern, within, count=1):
        """Seconds until the log has it; never more than `within` and what this machine adds."""
        began = time.monotonic()
        weir.wait_lines(pattern, count, timeout=within + SLACK)
        return (time.monotonic() - began) / harness.SLOW

    # ---- each way to fail ----------------------------------------------------------------------------------

    def fails(self, node, weir, round_, within, reason):
        took = self.wait_line(weir, self.line(node, f"down: {reason} \\(3 of 3 checks failed\\); it drains"), within, round_)
        print(f"  {reason}: noticed after {ms(took)}, at most {ms(within)}", flush=True)
        client = self.client(weir)
        for _ in range(4):
            self.assert_ok(client.request())
        client.close()

    def returns(self, node, weir, round_):
        took = self.wait_line(weir, self.line(node, "up again: 2 of 2 checks passed; it takes requests"), RETURNS, round_)
        print(f"  back after {ms(took)}, at most {ms(RETURNS)}", flush=True)

    def test_every_way_to_fail_is_noticed_in_time_and_ends_by_itself(self):
        node, other = self.process(), self.process()
        weir = self.start(node, other)
        self.wait_up(weir, 2)
        ways = [
            ("failing", ANSWERS_BADLY, "GET /healthz answered 500"),
            ("garbage", ANSWERS_BADLY, "GET /healthz answered malformed HTTP \\(.*\\)"),
            ("endless", ANSWERS_BADLY, "GET /healthz answered more than 1MiB"),
            ("closing", ANSWERS_BADLY, "GET /healthz: the node closed the connection"),
            ("short", ANSWERS_BADLY, "GET /healthz: the node closed the connection inside the answer"),
            ("slow", ANSWERS_NOT, "GET /healthz was not answered( to its end)? within " + ms(TIMEOUT)),
        ]
        for round_, (conduct, within, reason) in enumerate(ways, 1):
            with self.subTest(conduct):
                node.be(conduct)
                self.fails(node, weir, 1, within, reason)
                node.be("well")
                self.returns(node, weir, round_)
        self.assertEqual(weir.found(re.escape(other.address) + ".* is down"), [])

    def test_a_killed_node_and_a_stopped_one(self):
        node, other = self.process(), self.process()
        weir = self.start(node, other)
        self.wait_up(weir, 2)
        node.kill()
        self.fails(node, weir, 1, ANSWERS_BADLY, "connect refused")
        node.start()
        self.returns(node, weir, 1)
        node.signal(signal.SIGSTOP)
        try:
            self.fails(node, weir, 1, ANSWERS_NOT, "GET /healthz was not answered within " + ms(TIMEOUT))
        finally:
            node.signal(signal.SIGCONT)
        self.returns(node, weir, 2)

    # ---- draining ------------------------------------------------------------------------------------------

    def test_a_failing_node_drains_and_no_client_notices(self):
        first, second = self.healthy("first"), self.healthy("second")
        weir = self.start(first, second)
        self.wait_up(weir, 2)
        over, failures = threading.Event(), []

        def ask():
            with weir.client() as client:
                while not over.is_set():
                    response = client.request()
                    if (response.status, response.ended) != (200, "complete"):
                        failures.append(response)

        askers = [threading.Thread(target=ask) for _ in range(4)]
        for asker in askers:
            asker.start()
        try:
            harness.wait_until("traffic at both", lambda: min(len(self.served(o)) for o in (first, second)) > 20)
            first.health = 500
            self.wait_line(weir, self.line(first, "down: GET /healthz answered 500 .* it drains"), ANSWERS_BADLY)
            kept = [connection for connection in first.connections if connection.state.get("served")]
            self.assertTrue(kept)
            for connection in kept:
                self.assertTrue(connection.ended.wait(harness.seconds(5)), "an idle connection stayed open")
            drained, elsewhere = len(self.served(first)), len(self.served(second))
            harness.wait_until("more traffic", lambda: len(self.served(second)) > elsewhere + 100)
            self.assertEqual(len(self.served(first)), drained, "a node that is down got a request")
            first.health = 200
            self.wait_line(weir, self.line(first, "up again"), RETURNS)
            harness.wait_until("traffic at both again", lambda: len(self.served(first)) > drained + 20)
        finally:
            over.set()
            for asker in askers:
                asker.join()
        self.assertEqual(failures, [])

    def test_what_is_in_flight_finishes_and_its_connection_is_not_kept(self):
        release = threading.Event()

        def on_request(connection, request):
            if request.target == "/hold":
                connection.send("HTTP/1.1 200 OK\r\nX-Origin: node\r\nContent-Length: 4\r\n\r\nha")
                release.wait(harness.seconds(20))
                connection.send("lf")
            else:
                self.answer(connection, request)

        node = self.healthy("node")
        node.on_request = on_request
        weir = self.start(node)
        self.wait_up(weir, 1)
        client = self.client(weir)
        client.send(harness.head(target="/hold"))
        response = client.read_head()
        self.assertEqual(response.status, 200)
        node.health = 503
        self.wait_line(weir, self.line(node, "down: GET /healthz answered 503"), ANSWERS_BADLY)
        self.assert_local(self.client(weir).request(), 503)
        release.set()
        self.assertEqual(client.reader.exactly(4), b"half")
        [held] = [connection for connection in node.connections if b"/hold" in connection.raw]
        self.assertTrue(held.ended.wait(harness.seconds(5)), "the connection was kept")

    # ---- the start -----------------------------------------------------------------------------------------

    def test_with_all_nodes_up_the_first_request_is_answered(self):
        nodes = [self.healthy("first"), self.healthy("second")]
        self.assert_ok(self.client(self.start(*nodes)).request())

    def test_with_one_node_dead_no_request_fails(self):
        failing = self.healthy("failing")
        failing.health = 500
        for dead in (failing, self.origin(listen=False), self.origin(on_connection=lambda c: c.wait_end())):
            good = self.healthy("good")
            weir = self.start(dead, good, health={**CHECK, "timeout": "5s"})
            client = self.client(weir)
            for _ in range(30):
                self.assertEqual(self.assert_ok(client.request()).get("X-Origin"), "good")

    def test_with_all_nodes_dead_clients_are_told_so_at_once(self):
        nodes = [self.origin(name=name, listen=False) for name in ("first", "second")]
        began = time.monotonic()
        weir = self.start(*nodes)
        self.assertLess(time.monotonic() - began, harness.seconds(1.5))
        self.assert_local(self.client(weir).request(), 502, 503)
        for node in nodes:
            weir.wait_lines(self.line(node, "down: connect refused .* it (drains|gets no requests)"))
        self.assert_local(self.client(weir).request(), 503)

    def test_the_log_says_when_a_pool_has_lost_its_last_node_and_when_it_has_one_again(self):
        lost, found = "error pool app has no node left that is up", "info pool app has a node again that takes requests"
        first, second = self.healthy("first"), self.healthy("second")
        weir = self.start(first, second)
        self.wait_up(weir, 2)
        first.health = 500
        weir.wait_lines(self.line(first, "down: "), 1)
        self.assertEqual(weir.found(lost), [])
        second.health = 500
        weir.wait_lines(lost, 1)
        first.health = 200
        weir.wait_lines(found, 1)
        second.health = 200
        weir.wait_lines(self.line(second, "up again: "), 1)
        self.assertEqual(len(weir.found(f"{lost}|{found}")), 2)

    def test_with_no_verdict_after_one_timeout_nodes_take_requests(self):
        """Such as those that have no /healthz yet, but serve."""
        hung = threading.Event()
        self.addCleanup(hung.set)

        def on_request(connection, request):
            if request.target == "/healthz":
                hung.wait(harness.seconds(30))
            else:
                harness.answer(connection, request)

        node = self.origin(on_request=on_request)
        weir = self.start(node, health={**CHECK, "timeout": "300ms", "interval": "1s", "fall": 100})
        weir.wait_lines("pool app: no node has passed a check within 300ms; 1 without a verdict take requests")
        harness.wait_until("an answer", lambda: self.client(weir).request().status == 200)

    def test_clients_wait_for_the_first_checks_a_second_at_most(self):
        node = self.origin(on_connection=lambda connection: connection.wait_end(60))
        began = time.monotonic()
        self.start(node, health={"http": "/healthz", "timeout": "30s", "interval": "30s"})
        self.assertGreater(time.monotonic() - began, 0.9)
        self.assertLess(time.monotonic() - began, 1 + harness.seconds(1))

    # ---- what is asked, and what passes --------------------------------------------------------------------

    def test_the_checks_question_is_the_configurations(self):
        node, beside = self.origin(), self.origin(on_request=lambda c, r: (c.reply(404, body=b"it is all well"), c.fin()))
        weir = self.start(node, health={
            **PACE, "http": "/status?full=1", "method": "POST", "host": "app.internal", "headers": {"X-Probe": "weir"},
            "port": beside.socket.getsockname()[1], "expect": ["200-299", 404], "body": "all well"})
        self.wait_up(weir, 1)
        request = beside.wait_requests(1)[0]
        self.assertEqual((request.method, request.target, request.get("Host")), ("POST", "/status?full=1", "app.internal"))
        self.assertEqual(request.get("X-Probe"), "weir")
        self.assertEqual(request.get("User-Agent"), "weir-health-check")
        self.assertEqual(request.get("Connection"), "close")
        self.assert_ok(self.client(weir).request())
        self.assertEqual([r.target for r in node.requests], ["/"])

    def test_without_the_expected_text_a_check_fails(self):
        node = self.healthy("node")
        weir = self.start(node, health={**CHECK, "body": "so so so"})
        weir.wait_lines(self.line(node, "down: GET /healthz answered 200 without the expected text"))

    def test_the_default_host_is_the_node(self):
        node = self.healthy("node")
        self.wait_up(self.start(node), 1)
        self.assertEqual(self.checks(node)[0].get("Host"), node.address)

    def test_tcp(self):
        node = self.origin(on_connection=lambda connection: connection.wait_end())
        weir = self.start(node, health={**PACE, "tcp": True})
        weir.wait_lines(self.line(node, "up: connected; it takes requests"))
        node.wait_connections(3)
        self.assertEqual(node.connections[0].raw, b"")
        node.close_listener()
        self.wait_line(weir, self.line(node, "down: connect refused"), ANSWERS_BADLY)

    def test_unix_nodes(self):
        http, tcp = self.healthy("http", family=socket.AF_UNIX), self.healthy("tcp", family=socket.AF_UNIX)
        for node, health in ((http, CHECK), (tcp, {**PACE, "tcp": True})):
            weir = self.start(node, health=health)
            self.wait_up(weir, 1)
            self.assert_ok(self.client(weir).request())
        self.assertEqual(self.checks(http)[0].get("Host"), "localhost")

    # ---- the end -------------------------------------------------------------------------------------------

    def test_checks_end_with_sigterm_and_leave_no_descriptor_behind(self):
        release = threading.Event()
        node = self.healthy("node")
        ordinary = node.on_request

        def on_request(connection, request):
            if request.target == "/hold":
                release.wait(harness.seconds(20))
            ordinary(connection, request)

        node.on_request = on_request
        weir = self.start(node, health={**CHECK, "interval": "20ms", "fast_interval": "20ms"})
        self.wait_up(weir, 1)
        self.assert_ok(self.client(weir).request())
        before = weir.descriptors()
        harness.wait_until("50 checks", lambda: len(self.checks(node)) > 50)
        harness.wait_until("no more descriptors", lambda: weir.descriptors() <= before + 2)
        client = self.client(weir)
        client.send(harness.head(target="/hold"))
        node.wait(lambda: any(b"/hold" in connection.raw for connection in node.connections), "the request")
        weir.signal(signal.SIGTERM)
        weir.wait_lines("SIGTERM: no new connections")
        count = len(node.connections)
        time.sleep(0.2)  # ten intervals: nothing is to happen
        self.assertLessEqual(len(node.connections), count + 1)
        release.set()
        self.assert_ok(client.read_response())
        self.assertEqual(weir.wait_exit(), 0)


if __name__ == "__main__":
    harness.main()
