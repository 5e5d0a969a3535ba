"""Nodes that requests show to fail: left out at once, kept out while they fail, back by themselves."""

import json
import threading
import time
import urllib.request

import harness
from harness import Case, answer, config, seconds, wait_until
from node_process import Node


class Load:
    """GETs at a constant rate, each over one of a few kept connections, and what became of each."""

    def __init__(self, case, weir, rate=250, clients=8):
        self.weir, self.pause, self.results, self.over = weir, clients / rate, [], threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(i * self.pause / clients,), daemon=True) for i in range(clients)]
        for thread in self.threads:
            thread.start()
        case.addCleanup(self.stop)

    def run(self, offset):
        client, due = None, time.monotonic() + offset
        while not self.over.is_set():
            due += self.pause
            time.sleep(max(0.0, due - time.monotonic()))
            begun = time.monotonic()
            try:
                if client is None:
                    client = self.weir.client()
                response = client.request()
                status, origin = response.status, response.get("X-Origin")
            except Exception:
                client, status, origin = None, 0, None
            self.results.append((begun, time.monotonic() - begun, status, origin))
        if client is not None:
            client.close()

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(seconds(10))

    def since(self, begun):
        return [result for result in list(self.results) if result[0] >= begun]


class Ejecting(Case):
    def start(self, nodes, **pool):
        self.server = self.weir(config(pools={"app": {"nodes": [node.address for node in nodes], **pool}}))
        self.server.wait_lines(r"admin port on (\S+)")
        return self.server

    def get(self, path, method="GET"):
        admin = self.server.found(r"admin port on (\S+)")[0]
        asked = urllib.request.Request(f"http://{admin}{path}", method=method, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=seconds(10)) as response:
            return response.read().decode()

    def pool(self):
        return json.loads(self.get("/api/pools"))["pools"][0]

    def node(self, node):
        return next(each for each in self.pool()["nodes"] if each["address"] == node.address)

    def word(self, node):
        return self.node(node)["ejection"]["state"]

    def wait_word(self, node, word, timeout=10.0):
        wait_until(f"{node.address} is {word}", lambda: self.word(node) == word, timeout)

    def series(self, name, **labels):
        for line in self.get("/metrics").splitlines():
            if line.startswith(name + "{") and all(f'{key}="{value}"' in line for key, value in labels.items()):
                return float(line.rsplit(" ", 1)[1])
        raise AssertionError(f"there is no series {name} {labels}")

    def ejections(self, node, reason):
        return self.series("weir_node_ejections_total", node=node.address, reason=reason)

    def process(self):
        node = Node()
        self.addCleanup(node.kill)
        return node

    def assert_harmless(self, results, least):
        self.assertGreater(len(results), least)
        self.assertEqual([result for result in results if result[2] != 200], [])


class Connects(Ejecting):
    def test_a_node_that_is_killed_and_comes_back_is_visible_to_nobody(self):
        nodes = [self.process() for _ in range(3)]
        weir = self.start(nodes)
        load = Load(self, weir)
        wait_until("traffic", lambda: len(load.results) > 100)
        nodes[0].kill()
        weir.wait_lines(f"node {nodes[0].address} of pool app is ejected: 2 failures to connect in a row, the latest: connection refused")
        self.assertEqual(self.word(nodes[0]), "ejected")
        self.assertFalse(self.node(nodes[0])["eligible"])
        self.assertGreaterEqual(self.ejections(nodes[0], "connect"), 1)
        nodes[0].start()
        weir.wait_lines(f"node {nodes[0].address} of pool app takes requests again: 5 good answers")
        self.assertEqual(self.word(nodes[0]), "none")
        self.assertEqual(self.series("weir_node_returns_total", node=nodes[0].address), 1)
        count = len(load.results)
        wait_until("more traffic", lambda: len(load.results) > count + 100)
        load.stop()
        self.assert_harmless(load.results, 200)

    def test_a_node_that_is_killed_and_comes_back_takes_the_first_requests_of_those_who_repeat(self):
        """Posts are not repeated: they come as trials only where nothing else does."""
        nodes = [self.process(), self.process()]
        weir = self.start(nodes)
        nodes[0].kill()
        with self.client(weir) as client:
            for _ in range(6):
                self.assert_ok(client.request())
            self.wait_word(nodes[0], "ejected")
            nodes[0].start()
            self.wait_word(nodes[0], "probation")
            for _ in range(20):
                self.assertEqual(client.request("POST", body=b"x").status, 200)
            self.assertEqual(self.word(nodes[0]), "probation")
            for _ in range(5):
                self.assert_ok(client.request())
            self.wait_word(nodes[0], "none")

    def test_all_nodes_down_and_back(self):
        nodes = [self.process(), self.process(), self.process()]
        weir = self.start(nodes)
        load = Load(self, weir)
        wait_until("traffic", lambda: len(load.results) > 50)
        for node in nodes:
            node.kill()
        wait_until("errors", lambda: sum(result[2] == 502 for result in load.results) > 50)
        for node in nodes:
            node.start()
        back = time.monotonic()
        time.sleep(seconds(2))  # in which errors could come
        load.stop()
        late = [result for result in load.since(back + seconds(1)) if result[2] != 200]
        self.assertEqual(late, [])


class Answers(Ejecting):
    def failing(self, name, status):
        def answer_so(connection, request):
            if not origin.fails(len(origin.requests)):
                return answer(connection, request)
            return connection.reply(status)

        origin = self.origin(name=name, on_request=answer_so)
        origin.fails = lambda index: False
        return origin

    def test_gateway_errors_in_a_row(self):
        nodes = [self.failing(f"n{i}", 503) for i in range(3)]
        weir = self.start(nodes, ejection={"time": "300ms", "max_time": "1s"})
        load = Load(self, weir)
        wait_until("traffic", lambda: len(load.results) > 50)
        nodes[0].fails = lambda index: True
        weir.wait_lines(f"node {nodes[0].address} of pool app is ejected: 5 gateway errors in a row, the latest: answered 503; it is left out for")
        weir.wait_lines(f"node {nodes[0].address} of pool app is ejected: on probation: answered 503; it is left out for", 2)
        nodes[0].fails = lambda index: False
        weir.wait_lines(f"node {nodes[0].address} of pool app takes requests again")
        load.stop()
        self.assertGreaterEqual(self.ejections(nodes[0], "gateway"), 3)
        bad = [result for result in load.results if result[2] != 200]
        self.assertLessEqual(len(bad), 5 + 2 * self.ejections(nodes[0], "gateway"))

    def test_half_the_answers_500(self):
        nodes = [self.failing(f"n{i}", 500) for i in range(3)]
        weir = self.start(nodes)
        load = Load(self, weir)
        wait_until("traffic", lambda: len(load.results) > 50)
        begun = time.monotonic()
        nodes[1].fails = lambda index: index % 2 == 0
        weir.wait_lines(f"node {nodes[1].address} of pool app is ejected: \\d+ of \\d+ answers were failures, far more than at other nodes")
        self.assertLess(time.monotonic() - begun, seconds(4))
        out = time.monotonic()
        count = len(load.results)
        wait_until("more traffic", lambda: len(load.results) > count + 200)
        load.stop()
        self.assertEqual(self.ejections(nodes[1], "success_rate"), 1)
        self.assert_harmless([result for result in load.since(out + 0.1)], 100)

    def test_one_slow_node(self):
        def slowly(connection, request):
            time.sleep(nodes[2].takes)
            answer(connection, request)

        nodes = [self.origin(name=f"n{i}", on_request=slowly) for i in range(3)]
        for node in nodes:
            node.takes = 0.01
        weir = self.start(nodes, strategy="least-connections")
        nodes[0].on_request = nodes[1].on_request = answer
        load = Load(self, weir)
        wait_until("traffic", lambda: len(load.results) > 100)
        nodes[2].takes = 0.2
        weir.wait_lines(f"node {nodes[2].address} of pool app is ejected: half of its answers took over", timeout=20)
        self.assertEqual(self.ejections(nodes[2], "latency"), 1)
        out = time.monotonic()
        count = len(load.results)
        wait_until("more traffic", lambda: len(load.results) > count + 200)
        load.stop()
        self.assertEqual([result for result in load.since(out + 0.5) if result[1] > 0.15], [])

    def test_what_clients_cause_counts_for_nothing(self):
        held = []

        def hold(connection, request):
            if request.target == "/held":
                held.append(connection)
            else:
                answer(connection, request)

        nodes = [self.origin(name=f"n{i}", on_request=hold) for i in range(2)]
        weir = self.start(nodes)
        for count in range(20):
            with self.client(weir) as client:
                client.send(harness.head("GET", "/held"))
                wait_until("the node has it", lambda: len(held) > count)
                client.reset()
        wait_until("all are over", lambda: self.pool()["in_flight"] == 0)
        self.assertEqual([self.word(node) for node in nodes], ["none", "none"])
        self.assertEqual([self.ejections(node, "gateway") for node in nodes], [0, 0])


class Suspects(Ejecting):
    def test_a_black_hole_gets_one_request_a_second_and_is_back_with_its_first_byte(self):
        """It accepts, and never answers; until it does."""
        mute = threading.Event()

        def perhaps(connection, request):
            if not mute.is_set():
                return answer(connection, request)
            while mute.is_set():
                time.sleep(0.01)
            return answer(connection, request)

        nodes = [self.origin(name=f"n{i}", on_request=perhaps if i == 0 else answer) for i in range(3)]
        weir = self.start(nodes)
        load = Load(self, weir, clients=40)
        # By then it is known how long its answers take.
        wait_until("traffic", lambda: len(load.results) > 600, 20)
        mute.set()
        hushed = time.monotonic()
        wait_until("it is suspect", lambda: self.node(nodes[0])["suspect"])
        self.assertLess(time.monotonic() - hushed, seconds(1.5))
        self.assertTrue(self.node(nodes[0])["eligible"])
        self.assertEqual(self.series("weir_node_suspect", node=nodes[0].address), 1)
        suspect = time.monotonic()
        got = len(nodes[0].requests)
        time.sleep(seconds(2))  # in which it could get more
        self.assertLessEqual(len(nodes[0].requests) - got, seconds(2) + 1)
        others = [result for result in load.since(suspect) if result[1] > 0.5]
        self.assertLessEqual(len(others), 4)
        mute.clear()
        wait_until("it is suspect no more", lambda: not self.node(nodes[0])["suspect"])
        self.assertEqual(self.series("weir_node_suspicions_total", node=nodes[0].address), 1)
        load.stop()
        self.assert_harmless(load.results, 600)


class Floor(Ejecting):
    def healthy(self, name):
        def answer_check(connection, request):
            if request.target == "/healthz":
                return connection.reply(origin.health)
            return answer(connection, request)

        origin = self.origin(name=name, on_request=answer_check)
        origin.health = 200
        return origin

    CHECK = {"http": "/healthz", "interval": "100ms", "fast_interval": "20ms", "fall": 2, "rise": 1}

    def test_nodes_that_all_fail_their_checks_serve_on(self):
        nodes = [self.healthy(f"n{i}") for i in range(3)]
        weir = self.start(nodes, health=self.CHECK)
        weir.wait_lines("is up: .*; it takes requests", 3)
        for node in nodes[:2]:
            node.health = 503
        weir.wait_lines("is down: GET /healthz answered 503", 2)
        with self.client(weir) as client:
            self.assertEqual({client.request().get("X-Origin") for _ in range(20)}, {"n2"})
            self.assertFalse(self.pool()["panic"])
            nodes[2].health = 503
            weir.wait_lines("pool app is in panic: 3 of 3 nodes fail checks")
            wait_until("all serve", lambda: {client.request().get("X-Origin") for _ in range(20)} == {"n0", "n1", "n2"})
            self.assertTrue(self.pool()["panic"])
            self.assertEqual(self.series("weir_pool_panic", pool="app"), 1)
            self.assertEqual(self.node(nodes[0])["health"]["state"], "down")
            nodes[1].health = 200
            weir.wait_lines("pool app is no longer in panic")
            wait_until("it alone serves", lambda: {client.request().get("X-Origin") for _ in range(20)} == {"n1"})

    def test_without_a_floor_they_do_not(self):
        node = self.healthy("n0")
        weir = self.start([node], health=self.CHECK, panic="0%")
        weir.wait_lines("is up: .*; it takes requests")
        node.health = 503
        weir.wait_lines("pool app has no node left that is up")
        self.assert_local(self.client(weir).request(), 503)

    def test_a_node_that_refuses_is_out_whatever_the_floor(self):
        nodes = [self.process(), self.process()]
        weir = self.start(nodes, health={"tcp": True, **{key: value for key, value in self.CHECK.items() if key != "http"}})
        weir.wait_lines("is up: .*; it takes requests", 2)
        for node in nodes:
            node.kill()
        weir.wait_lines("pool app has no node left that is up")
        self.assertFalse(self.pool()["panic"])
        self.assert_local(self.client(weir).request(), 502, 503)


class Reloads(Ejecting):
    def test_a_node_stays_out_over_a_reload(self):
        nodes = [self.process(), self.process()]
        weir = self.start(nodes)
        nodes[0].kill()
        with self.client(weir) as client:
            for _ in range(6):
                self.assert_ok(client.request())
        self.wait_word(nodes[0], "ejected")
        self.get("/api/reload", "POST")
        self.assertEqual(self.word(nodes[0]), "ejected")


if __name__ == "__main__":
    harness.main()
