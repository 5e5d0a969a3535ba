"""Limits of what is in flight (max_in_flight of pools and nodes), and the queue in front of them."""

import json
import signal
import threading
import time

import harness
from harness import head
from limited import Gauge, Limited
from test_admin import admin_of, ask
from test_reload import PUBLISHED, replace


class Limits(Limited):
    def test_limits_are_exact_over_workers(self):
        gauges = [Gauge(0.002), Gauge(0.002)]
        server = self.serve(gauges, limits=3, max_in_flight=5)
        threads, good = self.crowd(server, 24, 40)
        seen = 0
        for thread in threads:
            while thread.is_alive():
                seen = max(seen, gauges[0].now + gauges[1].now)
                thread.join(0.001)
        self.assertEqual(len(good), 24 * 40)
        self.assertLessEqual(max(gauge.most for gauge in gauges), 3)
        self.assertEqual(max(gauge.most for gauge in gauges), 3, "they are used")
        self.assertLessEqual(seen, 5)

    def test_a_client_with_many_requests_delays_another_by_one_turn(self):
        gauge = Gauge()
        gauge.close()
        server = self.serve([gauge], max_in_flight=1, queue={"timeout": "60s"})
        greedy = self.waiting(server, 30)
        self.wait_for_queue(server, 29)
        other = self.waiting(server, 1, source="127.0.0.2", first=100)
        self.wait_for_queue(server, 30)
        gauge.let_go(3)
        self.assert_ok(other[0].read_response(), b"GET /100")
        place = [request.target for request in self.nodes[0].requests].index("/100")
        self.assertLessEqual(place, 2, "one is at the node, one has its turn before")
        gauge.let_go(1000)
        # The queue stood meanwhile, so that the oldest may have been sent away.
        for client in greedy:
            self.assertIn(client.read_response().status, (200, 503))

    def test_a_full_queue_says_so_at_once(self):
        gauge = Gauge()
        gauge.close()
        server = self.serve([gauge], max_in_flight=1, queue={"size": 1})
        held = self.waiting(server, 2)
        self.wait_for_queue(server, 1)
        refused = self.assert_local(self.client(server).request(), 503)
        self.assertIn(b"queue_full", refused.body)
        self.assertEqual(refused.get("Retry-After"), "1")
        gauge.let_go(2)
        for client in held:
            self.assert_ok(client.read_response())

    def test_a_node_at_its_limit_is_told_to_be_full(self):
        gauges = [Gauge(), Gauge()]
        for gauge in gauges:
            gauge.close()
        server = self.serve(gauges, limits=1)
        free, full = (True, False), (False, True)

        def told():
            pool = json.loads(ask(admin_of(server), "/api/pools/app")[2])
            return sorted((node["eligible"], node["full"]) for node in pool["nodes"]), pool["eligible"], pool["full"], pool["queued"]

        self.assertEqual(told(), ([free, free], 2, 0, 0))
        held = self.waiting(server, 1)
        harness.wait_until("one is full", lambda: told() == ([full, free], 1, 1, 0))
        held += self.waiting(server, 2, first=1)
        harness.wait_until("both are full", lambda: told() == ([full, full], 0, 2, 1))
        self.assertEqual(self.metric(server, "weir_pool_eligible_nodes"), [2], "they do take requests, as far as their limits let them")
        for gauge in gauges:
            gauge.let_go(2)
        for client in held:
            self.assert_ok(client.read_response())
        harness.wait_until("both have room", lambda: told() == ([free, free], 2, 0, 0))

    def test_no_queue(self):
        gauge = Gauge()
        gauge.close()
        server = self.serve([gauge], limits=1, queue={"size": 0})
        held = self.waiting(server, 1)
        harness.wait_until("a request", lambda: gauge.now == 1)
        self.assertIn(b"queue_full", self.assert_local(self.client(server).request(), 503).body)
        gauge.let_go()
        self.assert_ok(held[0].read_response())

    def test_who_waits_for_too_long_is_told(self):
        gauge = Gauge()
        gauge.close()
        server = self.serve([gauge], max_in_flight=1, queue={"timeout": "300ms"})
        held = self.waiting(server, 1)
        harness.wait_until("a request", lambda: gauge.now == 1)
        late = self.assert_local(self.client(server).request(), 503)
        self.assertIn(b"queue_timeout", late.body)
        self.assertEqual(late.get("Retry-After"), "1")
        gauge.let_go()
        self.assert_ok(held[0].read_response())
        self.assertEqual(sum(self.metric(server, "weir_pool_queue_refused_total")), 1)
        self.assertEqual(self.metric(server, "weir_pool_queue_wait_seconds_count"), [1])

    def test_an_overload_is_shed_and_those_served_are_served_soon(self):
        """Five times as much as the node can do: those that are served have not waited for long."""
        gauge = Gauge(0.01)
        server = self.serve([gauge], max_in_flight=1, queue={"size": 100, "timeout": "500ms"})
        failed = []
        end = time.monotonic() + harness.seconds(2)
        spent = []

        def ask(number):
            client = self.client(server, timeout=60, source=f"127.0.1.{number + 1}")
            while time.monotonic() < end:
                begun = time.monotonic()
                response = client.request()
                if response.status == 200:
                    spent.append(time.monotonic() - begun)
                else:
                    failed.append(response)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertGreater(len(failed), 10, "some are shed")
        self.assertLess(sorted(spent)[len(spent) // 2], harness.seconds(1))
        self.assertTrue(all(b"queue_timeout" in response.body and response.get("Retry-After") == "1" for response in failed))
        self.assertEqual(gauge.most, 1)

    def test_no_request_is_lost_when_limits_change(self):
        gauges = [Gauge(0.002), Gauge(0.002)]
        server = self.serve(gauges, max_in_flight=2, queue={"timeout": "60s"})
        failed = []
        threads, good = self.crowd(server, 16, 150, failed)
        addresses = [node.address for node in self.nodes]
        turns = 0
        for most, node, workers in ((8, 0, 4), (0, 0, 4), (1, 0, 2), (0, 1, 4), (3, 2, 3), (0, 0, 4)):
            turns += 1
            nodes = [{"address": address, **({"max_in_flight": node} if node else {})} for address in addresses]
            limits = {"max_in_flight": most} if most else {}
            pool = {"nodes": nodes, "queue": {"timeout": "60s"}, **limits}
            replace(server.file, harness.yaml(self.settings(workers, pool)) + "\n")
            server.signal(signal.SIGHUP)
            server.wait_lines(PUBLISHED, turns)
        for thread in threads:
            thread.join()
        shed = [response for response in failed if b"queue_timeout" in response.body]
        self.assertEqual(failed, shed, "nothing but what a queue that stands sends away")
        self.assertEqual(len(good) + len(shed), 16 * 150)
        self.assertEqual(sum(gauge.came for gauge in gauges), len(good))

    def test_who_waits_is_served_while_weir_ends(self):
        gauge = Gauge()
        gauge.close()
        server = self.serve([gauge], max_in_flight=1)
        held = self.waiting(server, 2)
        self.wait_for_queue(server, 1)
        server.signal(signal.SIGTERM)
        server.wait_lines("SIGTERM|stopp|drain|end")
        gauge.let_go(2)
        for client in held:
            self.assert_ok(client.read_response())

    def test_a_client_that_is_gone_is_out_of_the_queue_and_one_that_has_half_closed_is_answered(self):
        gauge = Gauge()
        gauge.close()
        server = self.serve([gauge], max_in_flight=1, queue={"timeout": "60s"})
        held = self.waiting(server, 1)
        harness.wait_until("a request", lambda: gauge.now == 1)
        gone, half_closed, gone_later = self.waiting(server, 3, first=1)
        self.wait_for_queue(server, 3)
        gone.reset()
        self.wait_for_queue(server, 2)
        half_closed.finish_sending()
        gone_later.finish_sending()
        gone_later.reset()
        self.wait_for_queue(server, 1)
        gauge.let_go(2)
        for client in (*held, half_closed):
            self.assert_ok(client.read_response())
        self.assertEqual([request.target for request in self.nodes[0].requests], ["/0", "/2"])

    def test_the_access_log_says_how_long_it_waited(self):
        gauge = Gauge()
        gauge.close()
        node = self.origin(gauge)
        server = self.weir(harness.config(access_log={"path": "stderr"}, pools={"app": {"nodes": [node.address], "max_in_flight": 1}}))
        held = self.waiting(server, 1)
        harness.wait_until("a request", lambda: gauge.now == 1)
        held += self.waiting(server, 1, first=1)
        self.wait_for_queue(server, 1)
        gauge.let_go(2)
        for client in held:
            self.assert_ok(client.read_response())
        server.wait_lines(r'"path":"/[01]"', 2)  # of two workers, perhaps
        lines = [json.loads(line) for line in server.lines if line.startswith("{")]
        waited = {line["path"]: line.get("queued_ms") for line in lines}
        self.assertIsNone(waited["/0"])
        self.assertGreater(waited["/1"], 0)


if __name__ == "__main__":
    harness.main()
