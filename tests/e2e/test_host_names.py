"""Nodes given by host name: each address a node, looked up again and again, and never in a request's way.

`Names` is the resolver's script (scripted_resolver.cc, preloaded into Weir): what a name has, lookup by lookup. No
real resolver is asked.
"""

import os
import signal
import socket
import tempfile
import threading

import harness

RESOLVER = os.path.join(os.path.dirname(os.path.abspath(harness.BINARY)), "scripted_resolver.so")


class Names:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="weir-e2e-")
        self.path = os.path.join(self.folder.name, "names")
        self.environment = {
            "LD_PRELOAD": RESOLVER,
            "WEIR_SCRIPTED_NAMES": self.path,
            # AddressSanitizer wants to be the first library of the process, and gets on without.
            "ASAN_OPTIONS": ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"])),
        }
        self.names = {}

    def set(self, name, *has):
        """From the next lookup on `name` has these addresses: none for a failure, "hold" for one without an end."""
        self.names[name] = has
        with open(self.path + ".new", "w", encoding="ascii") as file:
            file.writelines(" ".join((name, *has)) + "\n" for name, has in self.names.items())
        os.replace(self.path + ".new", self.path)

    def asked(self, name):
        """How often the name has been looked up."""
        try:
            with open(self.path + ".asked", encoding="ascii") as file:
                return file.read().splitlines().count(name)
        except FileNotFoundError:
            return 0

    def wait_asked(self, name, more):
        """Until so many more lookups have begun; all but the last of them are over, at the resolver."""
        target = self.asked(name) + more
        harness.wait_until(f"{more} more lookups of {name}", lambda: self.asked(name) >= target)


class HostNames(harness.Case):
    def setUp(self):
        self.names = Names()
        self.addCleanup(self.names.folder.cleanup)

    def nodes(self, *hosts):
        """An origin on each host, all on one port, as the addresses of a name must be."""
        while True:
            first = self.origin(name=hosts[0], where=(hosts[0], 0))
            port = first.socket.getsockname()[1]
            try:
                return [first] + [self.origin(name=host, where=(host, port)) for host in hosts[1:]], port
            except OSError:
                first.close()  # somebody else has that port on another host

    def start(self, *nodes, **top):
        pools = {"app": {"resolve_interval": "1s", "nodes": list(nodes)}}
        return self.weir(harness.config(workers=1, pools=pools, **top), environment=self.names.environment)

    def answers(self, client, count):
        """Who answers so many requests."""
        by = [self.assert_ok(client.request()).get("X-Origin") for _ in range(count)]
        return {name: by.count(name) for name in by}

    def wait_answers(self, client, expected):
        """Until the answers are shared like this; the news reaches the worker a moment after the log."""
        count = sum(expected.values())
        harness.wait_until(f"answers by {expected}", lambda: self.answers(client, count) == expected)

    def wait_served(self, client):
        def served():
            response = client.request()
            if response.status != 200:
                self.assert_local(response, 503)
            return response.status == 200
        harness.wait_until("an answer", served)

    def test_resolved_at_start(self):
        (node,), port = self.nodes("127.0.0.1")
        self.names.set("app.test", "127.0.0.1")
        client = self.client(self.start(f"app.test:{port}"))
        self.wait_served(client)
        self.assertEqual(node.requests[0].get("Host"), "a.test")

    def test_the_first_client_waits_for_the_first_answer(self):
        (_,), port = self.nodes("127.0.0.1")
        self.names.set("app.test", "hold")
        with tempfile.TemporaryDirectory(prefix="weir-e2e-") as folder:
            path = os.path.join(folder, "weir.sock")
            settings = harness.config(workers=1, pools={"app": {"nodes": [f"app.test:{port}"]}},
                                      listeners=[{"address": "unix:" + path}])
            self.weir(settings, environment=self.names.environment, wait=False)
            harness.wait_until("the lookup", lambda: self.names.asked("app.test") > 0)
            client = harness.RawClient("unix:" + path)
            self.addCleanup(client.close)
            client.send(harness.head())
            self.names.set("app.test", "127.0.0.1")
            self.assert_ok(client.read_response())

    def test_a_signal_ends_the_wait_for_names(self):
        self.names.set("app.test", "hold")
        server = self.weir(harness.config(workers=1, pools={"app": {"nodes": ["app.test:80"]}}),
                           environment=self.names.environment, wait=False)
        harness.wait_until("the lookup", lambda: self.names.asked("app.test") > 0)
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait_exit(), 0)
        self.assertEqual(server.found("ready"), [])

    def test_a_request_without_host_is_given_the_nodes_name(self):
        (node,), port = self.nodes("127.0.0.1")
        self.names.set("app.test", "127.0.0.1")
        server = self.start(f"App.test:{port}")
        self.wait_served(self.client(server))
        self.assert_ok(self.client(server).request(version="HTTP/1.0", host=None))
        self.assertEqual(node.requests[-1].all("Host"), [f"app.test:{port}"])

    def test_each_address_is_a_node(self):
        _, port = self.nodes("127.0.0.1", "127.0.0.2", "127.0.0.3")
        self.names.set("app.test", "127.0.0.3", "127.0.0.1", "127.0.0.2", "127.0.0.1")
        client = self.client(self.start(f"app.test:{port}"))
        self.wait_served(client)
        self.wait_answers(client, {"127.0.0.1": 10, "127.0.0.2": 10, "127.0.0.3": 10})

    def test_two_names_of_one_address_are_one_node(self):
        _, port = self.nodes("127.0.0.1", "127.0.0.2")
        self.names.set("one.test", "127.0.0.1")
        self.names.set("two.test", "127.0.0.1", "127.0.0.2")
        client = self.client(self.start(f"one.test:{port}", f"two.test:{port}"))
        self.wait_served(client)
        self.wait_answers(client, {"127.0.0.1": 10, "127.0.0.2": 10})

    def test_an_address_of_each_family(self):
        node = self.origin(name="127.0.0.1")
        port = node.socket.getsockname()[1]
        try:
            self.origin(name="::1", where=("::1", port), family=socket.AF_INET6)
        except OSError as error:
            self.skipTest(f"no such address on ::1: {error}")
        self.names.set("app.test", "::1", "127.0.0.1")
        client = self.client(self.start(f"app.test:{port}"))
        self.wait_served(client)
        self.wait_answers(client, {"127.0.0.1": 10, "::1": 10})

    def test_each_address_has_the_weight_of_the_name(self):
        _, port = self.nodes("127.0.0.1", "127.0.0.2", "127.0.0.3")
        self.names.set("heavy.test", "127.0.0.1", "127.0.0.2")
        client = self.client(self.start({"address": f"heavy.test:{port}", "weight": 3}, f"127.0.0.3:{port}"))
        self.wait_answers(client, {"127.0.0.1": 12, "127.0.0.2": 12, "127.0.0.3": 4})

    def test_start_up_does_not_fail(self):
        """The pool goes without the name, others are none the wiser, and it is asked for again."""
        (node,), port = self.nodes("127.0.0.1")
        self.names.set("late.test")
        settings = harness.config(workers=1, pools={
            "late": {"nodes": [f"late.test:{port}"]},  # every 30 s; a name never resolved is asked for sooner
            "here": {"nodes": [node.address]},
        }, routes=[{"match": {"path": "/here"}, "pool": "here"}, {"pool": "late"}])
        server = self.weir(settings, environment=self.names.environment)
        server.wait_lines("cannot resolve late.test")
        client = self.client(server)
        response = self.assert_local(client.request(), 503)
        self.assertIsNotNone(response.get("Retry-After"))
        self.assert_ok(client.request(target="/here"))
        self.names.wait_asked("late.test", 1)
        self.assert_local(client.request(), 503)
        self.assertEqual(len(server.found("cannot resolve")), 1, "one warning, not one a lookup")
        self.names.set("late.test", "127.0.0.1")
        self.wait_served(client)

    def test_a_lookup_without_an_end_is_in_nobodys_way(self):
        (node,), port = self.nodes("127.0.0.1")
        self.names.set("slow.test", "hold")
        server = self.start(f"slow.test:{port}", node.address)
        harness.wait_until("the lookup", lambda: self.names.asked("slow.test") == 1)
        client = self.client(server)
        self.assertEqual(self.answers(client, 20), {"127.0.0.1": 20})
        self.names.set("slow.test", "127.0.0.1")
        server.wait_lines("resolved slow.test to 127.0.0.1")

    def test_a_new_address_gets_traffic_and_a_removed_one_loses_it(self):
        (first, second), port = self.nodes("127.0.0.1", "127.0.0.2")
        self.names.set("app.test", "127.0.0.1")
        client = self.client(self.start(f"app.test:{port}"))
        self.wait_served(client)
        self.assertEqual(self.answers(client, 10), {"127.0.0.1": 10})
        self.names.set("app.test", "127.0.0.1", "127.0.0.2")
        self.wait_answers(client, {"127.0.0.1": 10, "127.0.0.2": 10})
        self.names.set("app.test", "127.0.0.2")
        self.wait_answers(client, {"127.0.0.2": 20})
        self.assertEqual(self.answers(client, 50), {"127.0.0.2": 50}, "a removed node got a request")
        for connection in first.connections:
            self.assertTrue(connection.ended.wait(harness.seconds(5)), "an idle connection to a removed node stays")
        self.assertEqual(len(second.connections), 1)

    def test_an_address_that_comes_back(self):
        hosts = ("127.0.0.1", "127.0.0.2")
        nodes, port = self.nodes(*hosts)
        self.names.set("app.test", *hosts)
        client = self.client(self.start(f"app.test:{port}"))
        both = {host: 2 for host in hosts}
        self.wait_answers(client, both)
        for _ in range(2):
            self.names.set("app.test", hosts[0])
            self.wait_answers(client, {hosts[0]: 4})
            self.names.set("app.test", *hosts)
            self.wait_answers(client, both)
        before = len(nodes[1].connections)
        self.answers(client, 8)
        self.assertEqual(len(nodes[1].connections), before, "its connections are not kept")

    def test_a_node_that_stays_keeps_its_connections(self):
        (first, _), port = self.nodes("127.0.0.1", "127.0.0.2")
        self.names.set("app.test", "127.0.0.1")
        client = self.client(self.start(f"app.test:{port}"))
        self.wait_served(client)
        self.names.set("app.test", "127.0.0.1", "127.0.0.2")
        self.wait_answers(client, {"127.0.0.1": 10, "127.0.0.2": 10})
        self.assertEqual(len(first.connections), 1)

    def test_a_request_under_way_is_finished_at_a_removed_node(self):
        asked, go_on = threading.Event(), threading.Event()

        def reply(connection, request):
            if request.target == "/slow":
                asked.set()
                go_on.wait(harness.seconds(20))
            harness.answer(connection, request)

        (first, second), port = self.nodes("127.0.0.1", "127.0.0.2")
        first.on_request = reply
        self.names.set("app.test", "127.0.0.1")
        server = self.start(f"app.test:{port}")
        client, slow = self.client(server), self.client(server)
        self.wait_served(client)
        slow.send(harness.head(target="/slow"))
        self.assertTrue(asked.wait(harness.seconds(5)))
        self.names.set("app.test", "127.0.0.2")
        self.wait_answers(client, {"127.0.0.2": 10})
        go_on.set()
        self.assertEqual(self.assert_ok(slow.read_response()).get("X-Origin"), "127.0.0.1")
        for connection in first.connections:
            self.assertTrue(connection.ended.wait(harness.seconds(5)))
        self.assertEqual(self.assert_ok(slow.request()).get("X-Origin"), "127.0.0.2")

    def test_the_last_good_answer_is_kept(self):
        _, port = self.nodes("127.0.0.1", "127.0.0.2")
        self.names.set("app.test", "127.0.0.1")
        server = self.start(f"app.test:{port}")
        client = self.client(server)
        self.wait_served(client)
        self.names.set("app.test")
        server.wait_lines("cannot resolve app.test: .*the last answer is kept")
        self.assertEqual(self.answers(client, 20), {"127.0.0.1": 20})
        self.names.wait_asked("app.test", 1)
        self.assertEqual(self.answers(client, 20), {"127.0.0.1": 20})
        self.assertEqual(len(server.found("cannot resolve")), 1, "one warning, not one a lookup")
        self.names.set("app.test", "127.0.0.2")
        self.wait_answers(client, {"127.0.0.2": 20})

    def test_one_name_in_two_pools_is_looked_up_once(self):
        (_, _), port = self.nodes("127.0.0.1", "127.0.0.2")
        self.names.set("app.test", "127.0.0.1")
        settings = harness.config(workers=1, pools={
            "often": {"nodes": [f"app.test:{port}"], "resolve_interval": "1s"},
            "seldom": {"nodes": [f"app.test:{port}"]},
        }, routes=[{"match": {"path": "/often"}, "pool": "often"}, {"pool": "seldom"}])
        server = self.weir(settings, environment=self.names.environment)
        server.wait_lines("resolved app.test")
        self.assertEqual(self.names.asked("app.test"), 1)
        client = self.client(server)
        self.wait_served(client)
        self.names.set("app.test", "127.0.0.2")
        self.wait_answers(client, {"127.0.0.2": 10})  # the shorter interval is both pools'

    def test_a_lookup_without_an_end_keeps_nobody_from_stopping(self):
        for signals in (1, 2):
            with self.subTest(signals=signals):
                self.names.set("slow.test", "hold")
                server = self.start("slow.test:80", shutdown_timeout="500ms" if signals == 1 else "60s")
                self.addCleanup(self.names.set, "slow.test")  # lets go of a Weir that does wait for it
                harness.wait_until("the lookup", lambda: self.names.asked("slow.test") == signals)
                for _ in range(signals):
                    server.signal(signal.SIGTERM)
                    server.wait_lines("SIGTERM|bye")
                self.assertEqual(server.wait_exit(5), 0)


if __name__ == "__main__":
    harness.main()
