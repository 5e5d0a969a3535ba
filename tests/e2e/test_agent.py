"""What nodes say of themselves in their answers to checks: who gets work, who keeps sessions, and who is told."""

import json

import harness
from harness import wait_until
from test_admin import admin_of, ask
from test_tls import scrape
from upgrading import Upgrading

CHECK = {"http": "/healthz", "interval": "50ms", "fast_interval": "50ms", "timeout": "500ms"}
JSON = "Content-Type: application/json\r\n"


class Agent(Upgrading):
    def node_that_speaks(self, name):
        origin = self.origin(name=name, on_request=self.answer)
        origin.health, origin.says = 200, []
        return origin

    def answer(self, connection, request):
        if request.target != "/healthz":
            return harness.answer(connection, request)
        connection.reply(status=connection.origin.health, fields=connection.origin.says)
        connection.fin()

    def serve(self, count=2, **top):
        self.all = [self.node_that_speaks(f"n{number}") for number in range(count)]
        pool = {"nodes": [node.address for node in self.all], "health": CHECK, "sticky": {}, "panic": "30%"}
        self.start(harness.config(pools={"app": pool}, **top))
        wait_until("the nodes are up", lambda: all(self.told(node)["health"]["state"] == "up" for node in self.all))

    def told(self, node):
        status, _, body = ask(admin_of(self.server), f"/api/pools/app/nodes/{node.address}")
        self.assertEqual(status, 200)
        return json.loads(body)

    def say(self, node, state=None, weight=None, health=200):
        node.says = [field for field in (("X-Weir-State", state), ("X-Weir-Weight", weight)) if field[1] is not None]
        node.health = health
        word = "drain" if weight == "0" else state or "up"
        wait_until(f"the word {word}", lambda: self.told(node)["agent"]["state"] == word)

    def names(self, count=8):
        return {self.ask_with()[0] for _ in range(count)}

    def ask_with(self, cookie=None):
        response = self.assert_ok(self.client(self.server).request(fields=[("Cookie", cookie)] if cookie else []))
        made = response.get("Set-Cookie")
        return response.get("X-Origin"), made and made.split(";")[0]

    def cookie_for(self, name):
        cookies = {}

        def gets_something():
            found, cookie = self.ask_with()
            cookies[found] = cookie
            return name in cookies

        wait_until(f"{name} gets something", gets_something)
        return cookies[name]

    def test_maint_keeps_everything_away_and_drain_leaves_sessions(self):
        self.serve()
        node, other = self.all
        cookie = self.cookie_for("n0")
        self.say(node, "drain")
        self.assertEqual(self.names(), {"n1"})
        self.assertEqual(self.ask_with(cookie), ("n0", None))
        self.say(node, "maint")
        self.assertEqual(self.names(), {"n1"})
        name, moved = self.ask_with(cookie)
        self.assertEqual(name, "n1")
        self.assertIsNotNone(moved)
        self.say(node)
        self.assertEqual(self.names(), {"n0", "n1"})

    def test_everybody_is_told(self):
        self.serve()
        node = self.all[0]
        self.say(node, "maint", "7", health=503)
        wait_until("the failing checks", lambda: self.told(node)["health"]["state"] == "down")
        told = self.told(node)
        self.assertEqual((told["agent"]["state"], told["agent"]["reason"], told["weight"], told["eligible"]),
                         ("maint", "its answer to a check says so", 7, False))
        words = [(each["word"], each["from"], each["to"]) for each in told["transitions"]]
        self.assertIn(("agent", "up", "maint"), words)
        self.assertIn(("weight", "1", "7"), words)
        self.server.wait_lines(f"node {node.address} of pool app says maint; it gets no requests")
        made = scrape(self.server)
        labels = f'node="{node.address}",pool="app"'
        self.assertEqual([value for series, value in made.items()
                          if series.startswith("weir_node_agent_state{") and node.address in series and 'state="maint"' in series], [1.0], labels)
        self.say(node, "up", "7", health=200)
        wait_until("the passing checks", lambda: self.told(node)["eligible"])

    def test_a_value_that_is_none_is_ignored_and_logged_once(self):
        self.serve()
        node = self.all[0]
        node.says = [("X-Weir-State", "asleep")]
        self.server.wait_lines('says "X-Weir-State: asleep" of itself, which is ignored')
        checks = self.told(node)["checks"]["passed"]
        wait_until("more checks", lambda: self.told(node)["checks"]["passed"] > checks + 3)
        self.assertEqual(len(self.server.found("asleep")), 1)
        self.assertTrue(self.told(node)["eligible"])

    def test_an_operators_weight_outranks_the_nodes(self):
        self.serve()
        node = self.all[0]
        path = f"/api/pools/app/nodes/{node.address}"
        self.say(node, weight="900")
        wait_until("its weight", lambda: self.told(node)["weight"] == 900)
        body = json.dumps({"weight": 3, "temporary": True}).encode()
        self.assertEqual(ask(admin_of(self.server), path, "PATCH", extra=JSON, body=body)[0], 200)
        self.assertEqual(self.told(node)["weight"], 3)

    def test_the_word_lives_on_in_the_next_process(self):
        self.serve()
        node = self.all[0]
        cookie = self.cookie_for("n0")
        self.say(node, "drain", "7")
        self.upgrade()
        told = self.told(node)
        self.assertEqual((told["agent"]["state"], told["weight"]), ("drain", 7))
        self.assertEqual(self.names(), {"n1"})
        self.assertEqual(self.ask_with(cookie), ("n0", None))


if __name__ == "__main__":
    harness.main()
