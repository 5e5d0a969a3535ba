"""Which node gets a request: strategies, weights, failing connects, no node at all; and which pool: routes."""

import socket
import threading
from collections import Counter

import harness


def named(connection, request):
    connection.reply(body=connection.origin.name.encode())


class Pools(harness.Case):
    def nodes(self, count, on_request=named):
        return [self.origin(name=f"node{number}", on_request=on_request) for number in range(count)]

    def pool(self, nodes, strategy=None, **more):
        pool = {"nodes": nodes, **more}
        if strategy:
            pool["strategy"] = strategy
        return harness.config(workers=1, pools={"app": pool})

    def spread(self, client, count, **request):
        return Counter(self.assert_ok(client.request(**request)).body.decode() for _ in range(count))

    def nobody(self):
        """An address where nobody listens: bound, so that no one else takes it."""
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        self.addCleanup(sock.close)
        return f"127.0.0.1:{sock.getsockname()[1]}"


class Strategies(Pools):
    def test_round_robin_is_even(self):
        nodes = self.nodes(3)
        client = self.client(self.weir(self.pool([node.address for node in nodes])))
        self.assertEqual(self.spread(client, 30), {"node0": 10, "node1": 10, "node2": 10})

    def test_round_robin_alternates(self):
        nodes = self.nodes(2)
        client = self.client(self.weir(self.pool([node.address for node in nodes], "round-robin")))
        order = [client.request().body for _ in range(10)]
        self.assertTrue(all(a != b for a, b in zip(order, order[1:])), order)

    def test_round_robin_is_even_over_workers(self):
        nodes = self.nodes(2)
        server = self.weir({**self.pool([node.address for node in nodes]), "workers": 2})
        counts = Counter()
        for _ in range(20):
            counts += self.spread(self.client(server), 4)
        self.assertEqual(sum(counts.values()), 80)
        self.assertLess(abs(counts["node0"] - counts["node1"]), 4)

    def test_weights(self):
        nodes = self.nodes(3)
        weighted = [{"address": node.address, "weight": weight} for node, weight in zip(nodes, (5, 3, 2))]
        for strategy in ("round-robin", "least-connections"):
            client = self.client(self.weir(self.pool(weighted, strategy)))
            counts = self.spread(client, 100)
            if strategy == "round-robin":
                self.assertEqual(counts, {"node0": 50, "node1": 30, "node2": 20})
            else:
                self.assertEqual(len(counts), 3, counts)

    def test_weights_are_smooth(self):
        nodes = self.nodes(2)
        weighted = [{"address": nodes[0].address, "weight": 3}, {"address": nodes[1].address, "weight": 1}]
        client = self.client(self.weir(self.pool(weighted)))
        order = "".join(client.request().body.decode()[-1] for _ in range(16))
        self.assertNotIn("0000", order)
        self.assertNotIn("11", order)

    def test_least_connections_avoids_a_stuck_node(self):
        release = threading.Event()

        def reply(connection, request):
            if request.target == "/stuck":
                release.wait(harness.seconds(20))
            named(connection, request)

        nodes = self.nodes(2, reply)
        server = self.weir({**self.pool([node.address for node in nodes], "least-connections"), "workers": 2})
        stuck = [self.client(server, timeout=30) for _ in range(2)]
        stuck[0].send(harness.head(target="/stuck"))
        harness.wait_until("the stuck request", lambda: any(node.requests for node in nodes))
        busy = next(node for node in nodes if node.requests)
        for _ in range(10):  # each connection may be on the other worker: the counts are of all workers
            counts = self.spread(self.client(server), 4)
            self.assertNotIn(busy.name, counts)
        release.set()
        self.assert_ok(stuck[0].read_response())

    def test_least_connections_rotates_ties(self):
        nodes = self.nodes(3)
        client = self.client(self.weir(self.pool([node.address for node in nodes], "least-connections")))
        counts = self.spread(client, 30)
        self.assertEqual(len(counts), 3, counts)
        self.assertLessEqual(max(counts.values()) - min(counts.values()), 6, counts)

    def sticky(self, key, vary):
        """Requests that `vary` makes of a number go where the key says: the same, always, and not all to one."""
        nodes = self.nodes(4)
        settings = self.pool([node.address for node in nodes], "consistent-hash", hash={"key": key})
        places = []
        for _ in range(2):  # two processes: the same key goes to the same node after a restart
            client = self.client(self.weir(settings))
            for number in range(40):
                request = vary(number)
                answers = {self.assert_ok(client.request(**request)).body for _ in range(2)}
                self.assertEqual(len(answers), 1, f"{key} {number}")
                places.append(answers.pop())
        self.assertEqual(places[:40], places[40:], "another order after a restart")
        self.assertEqual(len(set(places)), 4, Counter(places))

    def test_hash_of_path(self):
        self.sticky("path", lambda n: {"target": f"/item/{n}?x=1"})

    def test_hash_of_header(self):
        self.sticky("header:X-User", lambda n: {"fields": [("x-user", f"user{n}")]})

    def test_hash_of_cookie(self):
        self.sticky("cookie:sid", lambda n: {"fields": [("Cookie", f"other=1; sid=s{n}; last=2")]})

    def test_hash_of_query(self):
        self.sticky("query:user", lambda n: {"target": f"/?a=1&user=u{n}&b=2"})

    def test_hash_of_client_address(self):
        nodes = self.nodes(4)
        server = self.weir(self.pool([node.address for node in nodes], "consistent-hash", hash={"key": "client-ip"}))
        seen = set()
        for number in range(2, 42):
            answers = {self.assert_ok(server_client.request()).body for server_client in (
                self.client(server, source=f"127.0.0.{number}") for _ in range(2))}
            self.assertEqual(len(answers), 1)
            seen |= answers
        self.assertEqual(len(seen), 4)

    def test_hash_moves_only_the_keys_of_a_removed_node(self):
        nodes = self.nodes(5)
        addresses = [node.address for node in nodes]
        places = []
        for members in (addresses, addresses[:-1]):
            client = self.client(self.weir(self.pool(members, "consistent-hash", hash={"key": "path"})))
            places.append([self.assert_ok(client.request(target=f"/{n}")).body for n in range(200)])
        moved = [(a, b) for a, b in zip(*places) if a != b]
        self.assertTrue(all(a == b"node4" for a, b in moved), "a key moved that had no need to")
        self.assertLess(len(moved), 90)
        self.assertGreater(len({b for a, b in moved}), 1, "all went to one node")


class Failing(Pools):
    def test_a_refused_connect_tries_the_next_node(self):
        for strategy in ("round-robin", "least-connections", "consistent-hash"):
            nodes = self.nodes(2)
            pool = [nodes[0].address, self.nobody(), nodes[1].address]
            more = {"hash": {"key": "path"}} if strategy == "consistent-hash" else {}
            client = self.client(self.weir(self.pool(pool, strategy, **more)))
            for number in range(30):
                self.assert_ok(client.request(target=f"/{number}"))
                self.assert_ok(client.request("POST", f"/{number}", body=b"x" * 1000))
            self.assertEqual({len(node.requests) > 0 for node in nodes}, {True})

    def test_bodies_are_whole_after_a_failed_connect(self):
        def reply(connection, request):
            connection.reply(body=request.body)

        node = self.origin(on_request=reply)
        client = self.client(self.weir(self.pool([self.nobody(), node.address])))
        for size in (0, 1, 1000, 100000, 3000000):
            body = bytes(range(256)) * (size // 256 + 1)
            self.assert_ok(client.request("POST", body=body[:size]), body[:size])

    def test_all_refuse(self):
        client = self.client(self.weir(self.pool([self.nobody(), self.nobody()])))
        for _ in range(3):
            self.assert_local(client.request(), 502, 503)

    def test_no_nodes(self):
        server = self.weir(self.pool([]))
        for method in ("GET", "POST"):
            response = self.client(server).request(method, body=b"x" if method == "POST" else None)
            self.assert_local(response, 503)
            self.assertRegex(response.get("Retry-After") or "", r"^\d+$")

    def test_a_missing_unix_socket(self):
        node = self.origin()
        client = self.client(self.weir(self.pool(["unix:/nonexistent/weir.sock", node.address])))
        for _ in range(4):
            self.assert_ok(client.request())


class Tiers(Pools):
    def test_a_backup_serves_while_no_other_node_can(self):
        primary, backup = self.nodes(2)
        nodes = [primary.address, {"address": backup.address, "backup": True}]
        health = {"http": "/healthz", "interval": "50ms", "timeout": "1s", "fall": 1, "rise": 1}
        well = threading.Event()
        well.set()

        def reply(connection, request):
            connection.reply(status=200 if well.is_set() or request.target != "/healthz" else 503, body=b"node0")

        primary.on_request = reply
        client = self.client(self.weir(self.pool(nodes, health=health)))
        # It may be the backup's turn until the worker has heard that the primary is up.
        harness.wait_until("the primary serves", lambda: self.spread(client, 1) == {"node0": 1})
        self.assertEqual(self.spread(client, 20), {"node0": 20})
        well.clear()  # a soft verdict, and no panic: there is the backup
        harness.wait_until("the backup serves", lambda: self.spread(client, 1) == {"node1": 1})
        self.assertEqual(self.spread(client, 20), {"node1": 20})
        well.set()
        harness.wait_until("the backup is done", lambda: self.spread(client, 1) == {"node0": 1})
        self.assertEqual(self.spread(client, 20), {"node0": 20})

    def test_a_retry_goes_to_the_next_tier_and_then_to_the_backup(self):
        backup, = self.nodes(1)
        nodes = [self.nobody(), {"address": self.nobody(), "priority": 7}, {"address": backup.address, "backup": True}]
        client = self.client(self.weir(self.pool(nodes)))
        self.assertEqual(self.spread(client, 10), {"node0": 10})

    def test_a_reload_changes_tiers(self):
        nodes = self.nodes(2)
        first = self.pool([nodes[0].address, {"address": nodes[1].address, "priority": 1}])
        second = self.pool([{"address": nodes[0].address, "priority": 1}, nodes[1].address])
        server = self.weir(first)
        client = self.client(server)
        self.assertEqual(self.spread(client, 10), {"node0": 10})
        with open(server.file, "w", encoding="utf-8") as file:
            file.write(harness.yaml(second) + "\n")
        server.wait_lines("the configuration is reloaded")
        self.assertEqual(self.spread(client, 10), {"node1": 10})


class Routes(harness.Case):
    def routed(self, routes):
        origins = {name: self.origin(name=name, on_request=named) for name in ("one", "two", "three")}
        return self.client(self.weir(harness.config(
            workers=1, pools={name: {"nodes": [origin.address]} for name, origin in origins.items()}, routes=routes)))

    def test_by_host_and_path(self):
        client = self.routed([
            {"match": {"host": "api.test", "path": "/v1/"}, "pool": "one"},
            {"match": {"host": "*.wild.test"}, "pool": "two"},
            {"match": {"path": "/static/"}, "pool": "three"},
            {"match": {"host": "api.test"}, "pool": "two"},
        ])
        for host, target, pool in [
            ("api.test", "/v1/x", b"one"), ("API.Test:8080", "/v1/", b"one"), ("api.test", "/v2/x", b"two"),
            ("a.wild.test", "/", b"two"), ("b.a.wild.test", "/v1/x", b"two"), ("else.test", "/static/x", b"three"),
            ("else.test", "/static/../static/x", b"three"), ("api.test", "/v2/../v1/x", b"one"),
            ("api.test", "/v2/%2e%2e/v1/x", b"one"), ("api.test", "/%761/x", b"one"), ("api.test", "/v1/?q", b"one"),
        ]:
            self.assert_ok(client.request(target=target, host=host), pool)
        for host, target in [("wild.test", "/"), ("else.test", "/"), ("xapi.test", "/v1/"), ("else.test", "/static/../x")]:
            self.assert_local(client.request(target=target, host=host), 404)
        self.assert_ok(client.request(target="http://api.test/v1/x", host="api.test"), b"one")

    def test_what_is_routed_on_is_what_is_forwarded(self):
        node = self.origin()
        client = self.client(self.weir(harness.config([node], routes=[{"match": {"path": "/public/"}, "pool": "app"}])))
        for target in (
            "/public/../secret", "/public/%2e%2e/secret", "/public/./../secret", "/secret", "/publicx", "/public/..",
            "/public/..?x=/public/",
        ):
            self.assert_local(client.request(target=target), 404)
        for target in ("/public/..%2fsecret", "/public/%2e%2e%2fsecret", "/public//../secret"):
            response = client.request(target=target)
            self.assertIn(response.status, (200, 400, 404))
            if response.status == 400:
                client = self.client_again(client)
        for request in node.requests:
            self.assertTrue(request.target.startswith("/public/"), request.target)
            self.assertNotIn("/../", request.target)

    def client_again(self, client):
        host, port = client.socket.getpeername()
        again = harness.RawClient(f"{host}:{port}")
        self.addCleanup(again.close)
        return again

    def test_first_match_wins(self):
        client = self.routed([
            {"match": {"path": "/a/"}, "pool": "one"}, {"match": {"path": "/a/b/"}, "pool": "two"}, {"pool": "three"}])
        self.assert_ok(client.request(target="/a/b/c"), b"one")
        self.assert_ok(client.request(target="/b"), b"three")


if __name__ == "__main__":
    harness.main()
