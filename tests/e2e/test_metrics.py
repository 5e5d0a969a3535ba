"""The metrics: what docs/metrics.md says is there, and nothing else; what Prometheus makes of it, its rules and its board.

`Names` of test_host_names is the resolver's script, so that a node can leave.
"""

import re
import socket
import subprocess
import urllib.request

import board
import harness
import metric_table
import promql
from prometheus_process import Prometheus
from test_admin import admin_of
from test_host_names import Names
from test_tls import files

SERIES = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")
CHECK = {"http": "/healthz", "interval": f"{harness.seconds(0.2)}s", "timeout": f"{harness.seconds(1)}s", "fall": 2, "rise": 1}
SELDOM = {"Starts of Weir"}  # what the board asks for, and what has no answer in a Weir that just runs


class Metrics(harness.Case):
    def setUp(self):
        self.names = Names()
        self.addCleanup(self.names.folder.cleanup)
        self.health = 200

    def answer(self, connection, request):
        connection.reply(status={"/healthz": self.health, "/broken": 500}.get(request.target, 200), body=b"x")

    def refusing(self):
        """An address that is ours, and where nobody listens."""
        held = socket.socket()
        self.addCleanup(held.close)
        held.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % held.getsockname()[1]

    def start(self):
        """Of all there is something: a pool by name, one with a node that refuses, one that can fall ill, an empty one."""
        first = self.origin(on_request=self.answer)
        self.port = first.socket.getsockname()[1]
        self.names.set("app.test", "127.0.0.1", "127.0.0.2")
        self.refuses = self.refusing()
        self.server = self.weir(harness.config(
            workers=2,
            listeners=[{"address": "127.0.0.1:0", "name": "web"}, {"address": "127.0.0.1:0", "name": "secure", "proxy_protocol": "v2", "tls": {
                "certificates": [files("a-ecdsa"), {"cert": files("ocsp/both")["cert"], "ocsp": files("ocsp/both")["cert"].replace(".pem", ".ocsp")}],
                "client_ca": files("clients/ca")["cert"], "client_auth": "optional", "client_crl": files("clients/crl")["cert"]}}],
            tracing={"endpoint": f"http://{self.refuses}"},
            pools={
                "app": {"resolve_interval": "1s", "max_in_flight": 1000, "max_connections": 1000, "nodes": [f"app.test:{self.port}"]},
                "partly": {"nodes": [self.refuses, first.address], "sticky": {}},
                "sick": {"nodes": [{"address": first.address, "max_in_flight": 100, "max_connections": 100}], "health": CHECK, "panic": "0%"},
                "empty": {"nodes": []},
            },
            routes=[{"name": name, "match": {"path": f"/{name}"}, "pool": name} for name in ("partly", "sick", "empty")]
            + [{"name": "broken", "match": {"path": "/broken"}, "pool": "app"}, {"name": "app", "match": {"path": "/app"}, "pool": "app"}],
        ), environment=self.names.environment)
        self.server.wait_lines("resolved app.test")
        self.admin = admin_of(self.server)
        return self.server

    def ask(self, target, times=1):
        """Statuses, each over the same connection."""
        with self.server.client() as client:
            return [client.request(target=target).status for _ in range(times)]

    def scrape(self):
        with urllib.request.urlopen(f"http://{self.admin}/metrics", timeout=harness.seconds(10)) as answer:
            return answer.read().decode()

    def prometheus(self):
        made = Prometheus(self.admin)
        self.addCleanup(made.stop)
        made.wait_value('up{job="weir"}', 1)
        return made

    # ---- the text ------------------------------------------------------------------------------------------

    def test_the_text_is_what_the_documentation_says(self):
        self.start()
        self.assertEqual(self.ask("/empty") + self.ask("/nowhere"), [503, 404])
        for family in ("request_failures", "listener_refused_requests"):  # no series before the first
            harness.wait_until(family, lambda: f"\nweir_{family}_total{{" in self.scrape())
        text = self.scrape()
        table = metric_table.read()
        types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M))
        self.assertEqual(types, {name: metric.type for name, metric in table.items()})
        helps = dict(re.findall(r"^# HELP (\w+) (.*)$", text, re.M))
        self.assertEqual(helps, {name: metric.help for name, metric in table.items()})
        seen = {}
        for line in text.splitlines():
            if not line.startswith("#"):
                name, labels, _ = SERIES.match(line).groups()
                seen.setdefault(name, set()).add(frozenset(re.findall(r'(\w+)="(?:[^"\\]|\\.)*"', labels or "")))
        self.assertEqual(seen, {name: {labels} for name, labels in metric_table.series(table).items()})

    def test_promtool_has_nothing_to_say(self):
        self.start()
        self.ask("/app", 5)
        self.ask("/empty")
        out = subprocess.run(["promtool", "check", "metrics"], input=self.scrape(), capture_output=True, text=True, check=False)
        self.assertEqual((out.returncode, out.stdout, out.stderr), (0, "", ""))

    # ---- scraped -------------------------------------------------------------------------------------------

    def test_prometheus_scrapes_what_happened(self):
        weir = self.start()
        prometheus = self.prometheus()
        self.assertEqual(self.ask("/app", 40), [200] * 40)
        self.assertEqual(self.ask("/broken", 3) + self.ask("/nowhere", 2) + self.ask("/empty"), [500] * 3 + [404] * 2 + [503])
        prometheus.wait_value('weir_requests_total{route="app", pool="app", code="2xx"}', 40)
        prometheus.wait_value('weir_requests_total{route="broken", code="5xx"}', 3)
        prometheus.wait_value('weir_request_duration_seconds_count{route="app"}', 40)
        prometheus.wait_value('weir_request_duration_seconds_bucket{route="app", le="+Inf"}', 40)
        prometheus.wait_value('weir_listener_refused_requests_total{listener="web", reason="no_route"}', 2)
        prometheus.wait_value('weir_request_failures_total{route="empty", reason="no_node"}', 1)
        prometheus.wait_value('sum(weir_node_requests_total{pool="app", code="2xx"})', 40)
        prometheus.wait_value('weir_node_health_state{pool="sick", state="up"}', 1)
        prometheus.wait_value("weir_workers", 2)
        self.assertGreater(prometheus.value("weir_process_open_fds"), 5)
        self.health = 503
        weir.wait_lines("pool sick is down")
        self.see_what_follows(prometheus)

    def see_what_follows(self, prometheus):
        """A pool that is down: what the rules make of it, and that the board has something to show everywhere."""
        self.assertEqual(self.ask("/sick"), [503])
        prometheus.wait_value('weir_node_health_transitions_total{pool="sick", to="down"}', 1)
        prometheus.wait_value('ALERTS{alertname="WeirPoolWithoutEligibleNode", alertstate="pending", pool="sick"}', 1)
        states = {(rule["name"], rule["health"], rule.get("lastError", ""))
                  for group in prometheus.api("rules")["groups"] for rule in group["rules"]}
        self.assertEqual({state for state in states if state[1] == "err"}, set())
        self.ask("/partly", 10)
        for asker, expression, _ in board.queries(board.read()):
            if asker not in SELDOM:
                with self.subTest(asker):
                    asked = board.asked(expression)
                    by = promql.grouped(expression) - {"le"}
                    harness.wait_until(f"an answer to {asked}, by {by}",
                                       lambda: any(by <= set(labels) for labels, _ in prometheus.query(asked)), timeout=5)

    def test_the_series_of_a_node_that_leaves_go(self):
        self.start()
        prometheus = self.prometheus()
        leaves, stays = f"127.0.0.2:{self.port}", f"127.0.0.1:{self.port}"
        every = '{__name__=~"weir_.+", pool="app", node="%s"}'
        harness.wait_until("series of both", lambda: all(prometheus.query(every % node) for node in (leaves, stays)))
        before = len(prometheus.query(every % stays))
        self.names.set("app.test", "127.0.0.1")
        harness.wait_until("no series of it", lambda: not prometheus.query(every % leaves))
        harness.wait_until("all of the other", lambda: len(prometheus.query(every % stays)) == before)
        prometheus.wait_value('weir_pool_nodes{pool="app"}', 1)
        self.assertEqual(re.findall(re.escape(leaves), self.scrape()), [])
        self.names.set("app.test", "127.0.0.1", "127.0.0.2")
        harness.wait_until("its return", lambda: len(prometheus.query(every % leaves)) == before)


if __name__ == "__main__":
    harness.main()
