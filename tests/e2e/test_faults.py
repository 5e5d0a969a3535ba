"""The fault bench (bench/faults) itself: its judge sees what it is to see, on made-up runs and on proxies that do wrong.

Its figures are no test's; that Weir spares clients a killed node is.
"""

import pathlib
import socket
import sys
import threading
import unittest

import harness

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "bench" / "faults"))

import judge  # noqa: E402
from run import run  # noqa: E402
from scenarios import SCENARIOS, Goal, Scenario, fault, heal, set_one  # noqa: E402

SECOND = 1_000_000
RATE = 100


def request(number, kind="get", at=0.0, took=0.02, outcome="ok"):
    due = int(at * SECOND)
    return judge.Request(f"r{number}", kind, due, due, due + int(took * SECOND), outcome, "n0")


def figures(requests, rows=(), marks=()):
    by_node = {"n0": [], "n1": [], "n2": []}
    for node, at, name in rows:
        by_node[node].append((int(at * SECOND), name, "ok"))
    return judge.verdict(judge.Run(requests, by_node, [(int(at * SECOND), kind) for at, kind in marks]))


class Judge(unittest.TestCase):
    def test_kinds_of_failures(self):
        said = figures([request(1, outcome="closed"), request(2, "key", outcome="timeout"), request(3, "post", outcome="502"),
                        request(4, outcome="500"), request(5, outcome="cut"), request(6), request(7, "abort", outcome="aborted")])
        self.assertEqual((said["requests"], said["failed_replayable"], said["failed_once"], said["avoidable"]), (6, 4, 1, 2))

    def test_harm_is_also_what_is_late(self):
        said = figures([request(1, took=0.91), request(2, took=0.89), request(3, outcome="closed")])
        self.assertEqual((said["harm"], said["failed_replayable"]), (2, 1))

    def test_the_harm_window_begins_with_its_own_fault(self):
        marks = [(1, "fault"), (2, "heal"), (5, "fault"), (6, "heal")]
        said = figures([request(1, at=1.5, outcome="closed"), request(2, at=4.95, outcome="closed"), request(3, at=5.2, took=2)], marks=marks)
        self.assertAlmostEqual(said["harm_window"], 0.5)

    def test_the_window_leaves_out_what_was_before_and_long_after(self):
        marks = [(1, "fault"), (2, "heal")]
        said = figures([request(1, at=0.5, outcome="closed"), request(2, at=0.95), request(3, at=4.9), request(4, at=5.1)], marks=marks)
        self.assertEqual((said["requests"], said["failed_replayable"]), (2, 0))

    def test_doubled_are_those_that_may_not_be(self):
        rows = [("n0", 0, "r1"), ("n1", 0, "r1"), ("n0", 0, "r2"), ("n0", 0.1, "r2"), ("n0", 0, "r3"), ("n2", 0, "r4"), ("n1", 0, "r4")]
        said = figures([request(1), request(2, "post"), request(3, "post"), request(4, "key")], rows)
        self.assertEqual(said["doubled"], 1)
        self.assertAlmostEqual(said["amplification"], 7 / 4)

    def test_crossed_and_hidden_count_wherever_they_are(self):
        said = figures([request(1, at=0.1, outcome="crossed"), request(2, at=0.1, outcome="hidden"), request(3, at=2)],
                       marks=[(2, "fault"), (3, "heal")])
        self.assertEqual((said["crossed"], said["hidden"]), (1, 1))

    def test_the_last_error_is_told_from_the_heal(self):
        marks = [(1, "fault"), (2, "heal")]
        said = figures([request(1, at=1.5, took=0.1, outcome="502"), request(2, at=2.5, took=0.25, outcome="502"), request(3, at=2.9)], marks=marks)
        self.assertAlmostEqual(said["last_error"], 0.75)

    def test_an_error_after_the_heal_counts_whenever_its_request_was_due(self):
        said = figures([request(1, at=1.5, took=1.2, outcome="timeout"), request(2, at=2.5)], marks=[(1, "fault"), (2, "heal")])
        self.assertAlmostEqual(said["last_error"], 0.7)

    def test_share_and_ratio(self):
        requests = [request(n, at=0.1 * n, took=0.01 if n < 20 else 0.03) for n in range(80)]
        rows = [("n0" if n % 4 == 0 else "n1", 0.1 * n, f"r{n}") for n in range(80)]
        said = figures(requests, rows, [(2, "fault"), (8, "heal")])
        self.assertAlmostEqual(said["share"], 0.25)
        self.assertAlmostEqual(said["p99_ratio"], 3)

    def test_a_goal_without_a_figure_is_missed(self):
        said = figures([request(1)])
        self.assertEqual([goal.figure for goal in judge.missed(said, [Goal("last_error", 1), Goal("harm", 0)])], ["last_error"])


class Liar:
    """Does all that no proxy may: asks two nodes for one POST, fills up what was cut, mixes up each tenth answer."""

    def __init__(self, _name, _weir, _folder, nodes, _strategy):
        self.nodes, self.answers, self.old = nodes, 0, b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address, self.port = self.listener.getsockname()
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client, client.makefile("rb") as stream:
            line = stream.readline()
            fields = list(iter(stream.readline, b"\r\n"))
            length = sum(int(field.split(b":")[1]) for field in fields if field.lower().startswith(b"content-length:"))
            text = line + b"".join(fields) + b"Connection: close\r\n\r\n" + stream.read(length)
            body = self.ask(self.nodes[0], text)
            if line.startswith(b"POST"):
                self.ask(self.nodes[1], text)
            self.answers += 1
            if self.answers % 10 == 0:
                body, self.old = self.old or body, body
            else:
                self.old = body
            client.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    @staticmethod
    def ask(node, text):
        answer = b""
        with socket.create_connection((node.address, node.port)) as upstream:
            upstream.sendall(text)
            try:
                while more := upstream.recv(65536):
                    answer += more
            except OSError:
                pass
        head, _, body = answer.partition(b"\r\n\r\n")
        if b"chunked" not in head:
            return body
        whole = b""
        while body:
            size, _, body = body.partition(b"\r\n")
            whole += body[:int(size or b"0", 16)]
            body = body[int(size or b"0", 16) + 2:]
        return whole


def tools():
    folder = pathlib.Path(harness.BINARY).resolve().parent
    return {"weir": harness.BINARY, **{name: folder / f"bench_fault_{name}" for name in ("node", "client", "crowd")}}


class Runs(unittest.TestCase):
    """Of the scenarios kill9, in 3 s instead of 15; and a short one of cut bodies."""

    kill9 = next(scenario for scenario in SCENARIOS if scenario.name == "kill9")
    cut = Scenario("cut", "", 2, [fault(0.5, set_one(0, cut=0.5)), heal(1.5, set_one(0, cut=0))], [])

    def test_weir_spares_who_asks_for_something(self):
        seen = run(self.kill9, "weir", tools(), RATE, 0.2)
        gets = [request for request in seen.requests if request.kind == "get"]
        self.assertGreater(len(gets), 150)
        self.assertEqual([request for request in gets if request.failed], [])
        said = judge.verdict(seen)
        self.assertEqual((said["doubled"], said["crossed"], said["hidden"]), (0, 0, 0), said)

    def test_one_node_without_a_proxy_does_not(self):
        said = judge.verdict(run(self.kill9, "direct", tools(), RATE, 0.2))
        self.assertGreater(said["failed_replayable"], 20, said)
        self.assertGreater(said["outcomes"]["refused"], 20, said)
        self.assertIn("failed_replayable", [goal.figure for goal in judge.missed(said, self.kill9.goals)])

    def test_cut_bodies_are_seen_by_who_stands_before_the_node(self):
        said = judge.verdict(run(self.cut, "direct", tools(), RATE))
        self.assertGreater(said["outcomes"]["cut"], 20, said)
        self.assertEqual((said["hidden"], said["crossed"], said["doubled"]), (0, 0, 0), said)

    def test_what_a_proxy_does_wrong_is_seen(self):
        said = judge.verdict(run(self.cut, "liar", tools(), RATE, make_peer=Liar))
        self.assertGreater(said["hidden"], 5, said)
        self.assertGreater(said["crossed"], 5, said)
        self.assertGreater(said["doubled"], 5, said)
        self.assertGreater(said["amplification"], 1.1, said)


if __name__ == "__main__":
    harness.main()
