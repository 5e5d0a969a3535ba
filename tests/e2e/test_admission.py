"""Who may come in, and how fast: allow, deny, rate_limit, limits.connections_per_client."""

import tempfile
import threading
import time

import harness
import raw_client
from test_admin import admin_of, ask
from test_reload import Reload


def route(**more):
    return [{"pool": "app", "name": "all", **more}]


class Admission(harness.Case):
    def serve(self, nodes=1, **top):
        self.nodes = [self.origin() for _ in range(nodes)]
        self.server = self.weir(harness.config(self.nodes, **top))
        return self.server

    def metric(self, name):
        """Of all series of that name."""
        lines = ask(admin_of(self.server), "/metrics")[2].decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name + "{") or line.startswith(name + " "))

    def connects(self, source, index=0):
        """Whether a connection from there is served."""
        try:
            return self.client(self.server, index, source=source).request().status == 200
        except OSError:
            return False

    def ask_as(self, source, fields=()):
        with raw_client.RawClient(self.server.addresses[0], source=source) as client:
            return client.request(fields=list(fields))


class Lists(Admission):
    def test_listener(self):
        listener = {"address": "127.0.0.1:0", "deny": ["127.0.0.9", "127.1.0.0/16"]}
        self.serve(listeners=[listener, {"address": "127.0.0.1:0", "allow": ["127.0.0.8/31"]}])
        self.assertTrue(self.connects("127.0.0.1"))
        self.assertFalse(self.connects("127.0.0.9"))
        self.assertFalse(self.connects("127.1.2.3"))
        self.assertTrue(self.connects("127.0.0.9", 1))
        self.assertFalse(self.connects("127.0.0.1", 1))
        harness.wait_until("all three are counted", lambda: self.metric("weir_listener_turned_away_connections_total") == 3)
        harness.wait_until("and two are let in", lambda: self.metric("weir_listener_connections") == 2)

    def test_unix_socket(self):
        with tempfile.TemporaryDirectory(prefix="weir-e2e-") as folder:
            self.serve(listeners=[{"address": f"unix:{folder}/{name}", name: ["unix"]} for name in ("allow", "deny")])
            self.assertTrue(self.connects(None, 0))
            self.assertFalse(self.connects(None, 1))

    def test_raw_connections(self):
        self.serve(
            listeners=[{"address": "127.0.0.1:0", "mode": "tcp", "deny": ["127.0.0.9"]}],
            routes=route(deny=["127.0.0.8"]))
        self.assertTrue(self.connects("127.0.0.1"))
        self.assertFalse(self.connects("127.0.0.9"))
        self.assertFalse(self.connects("127.0.0.8"))
        self.assertEqual(len(self.nodes[0].requests), 1)

    def test_route(self):
        """By the client that a trusted proxy names."""
        self.serve(trusted_proxies=["127.0.0.1"], routes=route(allow=["192.0.2.0/24", "127.0.0.7"], deny=["192.0.2.9"]))
        for client, status in (("192.0.2.1", 200), ("192.0.2.9", 403), ("198.51.100.1", 403)):
            self.assertEqual(self.ask_as("127.0.0.1", [("X-Forwarded-For", client)]).status, status)
        self.assertEqual(self.ask_as("127.0.0.7", [("X-Forwarded-For", "192.0.2.9")]).status, 200)  # not believed
        response = self.ask_as("127.0.0.8", [("X-Forwarded-For", "192.0.2.1")])
        self.assertIn(b"denied", self.assert_local(response, 403).body)
        self.assertEqual(len(self.nodes[0].requests), 2)
        self.assertEqual(self.metric('weir_request_failures_total{pool="app",reason="denied",route="all"}'), 0)


class Rates(Admission):
    def statuses(self, count, source="127.0.0.1", fields=()):
        return [self.ask_as(source, fields).status for _ in range(count)]

    def test_burst(self):
        self.serve(routes=route(rate_limit={"rate": "3/h"}))
        self.assertEqual(self.statuses(5), [200, 200, 200, 429, 429])
        self.assertEqual(self.statuses(1, "127.0.0.2"), [200])
        response = self.assert_local(self.ask_as("127.0.0.1"), 429)
        self.assertIn(b"rate_limited", response.body)
        self.assertLessEqual(int(response.get("Retry-After")), 1200)
        self.assertGreater(int(response.get("Retry-After")), 1100)
        self.assertEqual(response.get("RateLimit-Policy"), '"requests";q=3;w=3600')
        self.assertRegex(response.get("RateLimit"), r'^"requests";r=0;t=3[56]\d\d$')
        self.assertEqual(len(self.nodes[0].requests), 4)

    def test_comes_back(self):
        self.serve(routes=route(rate_limit={"rate": "20/s", "burst": 1}))
        self.assertEqual(self.statuses(1), [200])
        harness.wait_until("the next place", lambda: self.statuses(1) == [200])

    def test_prefix_and_field(self):
        self.serve(routes=[
            {"match": {"path": "/net"}, "pool": "app", "rate_limit": {"rate": "2/h", "ipv4_prefix": 24}},
            {"match": {"path": "/key"}, "pool": "app", "rate_limit": {"rate": "2/h", "key": "header:X-Key"}},
        ])
        def ask_path(path, source, *fields):
            with raw_client.RawClient(self.server.addresses[0], source=source) as client:
                return client.request(target=path, fields=list(fields)).status
        self.assertEqual([ask_path("/net", f"127.0.0.{i}") for i in (1, 2, 3)], [200, 200, 429])
        self.assertEqual(ask_path("/net", "127.0.1.1"), 200)
        alpha, beta = ("X-Key", "alpha"), ("X-Key", "beta")
        self.assertEqual([ask_path("/key", f"127.0.0.{i}", alpha) for i in (1, 2, 3)], [200, 200, 429])
        self.assertEqual(ask_path("/key", "127.0.0.1", beta), 200)
        self.assertEqual([ask_path("/key", "127.0.0.1") for _ in range(3)], [200, 200, 429])

    def test_dry_run(self):
        self.serve(routes=route(rate_limit={"rate": "1/h", "dry_run": "on"}))
        self.assertEqual(self.statuses(4), [200] * 4)
        self.assertEqual(self.metric("weir_over_rate_requests_total"), 3)

    def test_listener(self):
        self.serve(listeners=[{"address": "127.0.0.1:0", "rate_limit": {"rate": "2/h"}}, {"address": "127.0.0.1:0"}])
        self.assertEqual(self.statuses(3), [200, 200, 429])
        self.assertEqual(self.client(self.server, 1).request().status, 200)

    def test_exact_over_workers(self):
        """However many come at once, by whatever worker: as many as the rate says."""
        self.serve(workers=4, routes=route(rate_limit={"rate": "50/h"}))
        answers = []
        threads = [threading.Thread(target=lambda: answers.extend(self.statuses(20))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((answers.count(200), answers.count(429)), (50, 110))


class Reloads(Reload):
    def test_what_was_used_up_stays_so(self):
        self.start(self.origin(), routes=route(rate_limit={"rate": "3/h"}))
        statuses = lambda count: [self.client(self.server).request().status for _ in range(count)]
        self.assertEqual(statuses(4), [200, 200, 200, 429])
        self.change(routes=route(rate_limit={"rate": "3/h"}, timeouts={"body": "5s"}))
        self.assertEqual(statuses(1), [429])
        self.change(routes=route())
        self.assertEqual(statuses(1), [200])


class PerClient(Admission):
    def test_connections(self):
        self.serve(limits={"connections_per_client": 3})
        held = [self.client(self.server, source="127.0.0.1") for _ in range(3)]
        for client in held:
            self.assert_ok(client.request())
        self.assertFalse(self.connects("127.0.0.1"))
        self.assertTrue(self.connects("127.0.0.2"))
        harness.wait_until("it is counted", lambda: self.metric("weir_listener_turned_away_connections_total") == 1)
        held.pop().close()
        harness.wait_until("a free place", lambda: self.connects("127.0.0.1"))

    def test_who_is_turned_away_takes_nobodys_seat(self):
        self.serve(limits={"connections_per_client": 2, "connections": 3})
        held = [self.client(self.server, source=source) for source in ("127.0.0.1", "127.0.0.1", "127.0.0.2")]
        for client in held:
            self.assert_ok(client.request())
        time.sleep(0.3)  # idle
        for _ in range(5):
            self.assertFalse(self.connects("127.0.0.1"))
        self.assertTrue(all(client.quiet(0.01) for client in held))
        self.assertTrue(self.connects("127.0.0.3"))  # one makes room for this
        self.assertEqual(sum(client.quiet(0.01) for client in held), 2)


if __name__ == "__main__":
    harness.main()
