"""Sticky sessions: a cookie keeps a client at its node."""

import json

import harness
from h2_client import H2Client, h2_context
from harness import config, wait_until
from test_admin import admin_of, ask
from test_reload import JSON, Reload
from test_tls import files, scrape
from upgrading import Upgrading

SECRET = "sixteen-letters-or-more"


def value_of(made):
    """Of Set-Cookie; None: there was none."""
    return made and made.split(";")[0].partition("=")[2]


class Clients:
    """Of a pool app, whose nodes are `all`, at `server`."""

    def ask_with(self, cookie=None, index=0, **options):
        """Who answered, and the cookie that came with it."""
        fields = [("Cookie", f"a=b; weir={cookie}; c=d")] if cookie else []
        response = self.assert_ok(self.client(self.server, index).request(fields=fields, **options))
        return response.get("X-Origin"), value_of(response.get("Set-Cookie"))

    def node_of(self, name):
        return next(node for node in self.all if node.name == name)


class Sticky(Clients, Reload):
    def serve(self, count=3, sticky=None, **top):
        self.all = [self.origin(name=f"n{number}") for number in range(count)]
        pools = {"app": {"nodes": [node.address for node in self.all], "sticky": sticky or {}}}
        self.start(pools=pools, **top)

    def order(self, node, method="PATCH", body=None):
        path = f"/api/pools/app/nodes/{node.address}"
        body = json.dumps(body).encode() if body else b""
        self.assertEqual(ask(admin_of(self.server), path, method, extra=JSON, body=body)[0], 200)

    def assert_counts(self, **wanted):
        made = scrape(self.server)
        for name, count in wanted.items():
            found = sum(value for labels, value in made.items() if labels.startswith(f"weir_pool_{name}_total{{"))
            self.assertEqual(found, count, name)

    def test_stays(self):
        self.serve()
        cookies = {}
        for _ in range(9):
            name, cookie = self.ask_with()
            cookies.setdefault(name, cookie)
            self.assertEqual(cookies[name], cookie)
        self.assertEqual(len(set(cookies.values())), 3)
        for name, cookie in cookies.items():
            for _ in range(6):
                self.assertEqual(self.ask_with(cookie), (name, None))
        self.assertEqual({request.get("Cookie") for node in self.all for request in node.requests}, {None, "a=b; c=d"})

    def test_over_http2(self):
        self.all = [self.origin(name=f"n{number}") for number in range(3)]
        self.server = self.weir(config(self.all, listeners=[{"address": "127.0.0.1:0", "tls": {"certificates": [files("a-ecdsa")]}}],
                                       pools={"app": {"nodes": [node.address for node in self.all], "sticky": {}}}))
        client = H2Client(self.server.address, tls=h2_context())
        self.addCleanup(client.close)
        first = client.ask(scheme="https")
        self.assertTrue(first.get("set-cookie").endswith("; SameSite=Lax; Secure"), first)
        self.assertEqual(first.get("cache-control"), "private")
        crumbs = [("cookie", "a=b"), ("cookie", "weir=" + value_of(first.get("set-cookie"))), ("cookie", "c=d")]
        for _ in range(6):
            again = client.ask(scheme="https", fields=crumbs)
            self.assertEqual((again.get("x-origin"), again.get("set-cookie")), (first.get("x-origin"), None))
        self.assertEqual(self.node_of(first.get("x-origin")).requests[-1].get("Cookie"), "a=b; c=d")

    def test_a_forged_cookie_is_none(self):
        self.serve()
        bad = ("x", self.all[0].address, "A" * 22, "B" * 8000)
        for forged in bad:
            self.assertIsNotNone(self.ask_with(forged)[1])
        self.assert_counts(unknown_session_cookies=len(bad), sessions_begun=len(bad), session_requests=0)

    def test_a_cookie_is_for_one_pool(self):
        node = self.origin(name="n")
        pools = {name: {"nodes": [node.address], "sticky": {"secret": SECRET}} for name in ("app", "other")}
        self.start(pools=pools, routes=[{"match": {"path": "/other"}, "pool": "other"}, {"pool": "app"}])
        cookie = self.ask_with()[1]
        self.assertEqual(self.ask_with(cookie), ("n", None))
        self.assertNotIn(self.ask_with(cookie, target="/other")[1], (None, cookie))

    def test_a_draining_node_keeps_its_own_for_a_while(self):
        self.serve(drain_timeout="700ms")
        name, cookie = self.ask_with()
        self.order(self.node_of(name), body={"state": "drain"})
        self.assertEqual(self.ask_with(cookie), (name, None))
        self.assertNotIn(name, {self.ask_with()[0] for _ in range(9)})
        wait_until("the end of that time", lambda: self.ask_with(cookie)[0] != name)
        other, new = self.ask_with(cookie)
        self.assertNotEqual(new, cookie)
        self.assertEqual(self.ask_with(new), (other, None))

    def test_a_removed_node_keeps_its_own_for_a_while(self):
        self.serve(drain_timeout="700ms")
        name, cookie = self.ask_with()
        self.order(self.node_of(name), "DELETE")
        self.assertEqual(self.ask_with(cookie), (name, None))
        self.assertNotIn(name, {self.ask_with()[0] for _ in range(9)})
        wait_until("the end of that time", lambda: self.ask_with(cookie)[0] != name)

    def test_a_node_that_is_down_loses_them_at_once(self):
        self.serve()
        name, cookie = self.ask_with()
        self.order(self.node_of(name), body={"state": "down"})
        other, new = self.ask_with(cookie)
        self.assertNotEqual(other, name)
        self.assertIsNotNone(new)
        self.assert_counts(sessions_moved=1)

    def test_a_node_that_dies(self):
        self.serve()
        name, cookie = self.ask_with()
        self.node_of(name).close()
        other, new = self.ask_with(cookie)
        self.assertNotEqual(other, name)
        self.assertEqual(self.ask_with(new), (other, None))

    def test_over_a_reload(self):
        self.serve(2)
        name, cookie = self.ask_with()
        more = self.origin(name="more")
        nodes = [more.address, *[node.address for node in reversed(self.all)]]
        self.change(pools={"app": {"nodes": nodes, "sticky": {}}})
        self.assertEqual({self.ask_with(cookie) for _ in range(6)}, {(name, None)})

    def test_over_a_restart_and_at_another_machine(self):
        self.serve(sticky={"secret": SECRET})
        name, cookie = self.ask_with()
        self.server = self.weir(self.settings)
        self.assertEqual({self.ask_with(cookie) for _ in range(6)}, {(name, None)})
        self.settings["pools"]["app"]["sticky"] = {}
        self.server = self.weir(self.settings)
        self.assertIsNotNone(self.ask_with(cookie)[1])

    def test_the_secret_is_shown_to_nobody(self):
        self.serve(sticky={"secret": SECRET})
        shown = ask(admin_of(self.server), "/api/config")[2].decode()
        self.assertIn("sticky", shown)
        self.assertNotIn(SECRET, shown + "\n".join(self.server.lines))

    def test_name_and_time(self):
        self.serve(1, sticky={"cookie": "at", "ttl": "90s", "secret": SECRET}, trusted_proxies=["127.0.0.1"])
        plain = r"^at=[A-Za-z0-9_-]{22}; Path=/; HttpOnly; SameSite=Lax; Max-Age=90"
        self.assertRegex(self.client(self.server).request().get("Set-Cookie"), plain + "$")
        behind_tls = self.client(self.server).request(fields=[("X-Forwarded-Proto", "https")])
        self.assertRegex(behind_tls.get("Set-Cookie"), plain + "; Secure$")


class OverUpgrades(Clients, Upgrading):
    def test_the_drawn_secret_lives_on_and_so_does_a_drain(self):
        self.all = [self.origin(name=f"n{number}") for number in range(3)]
        pools = {"app": {"nodes": [node.address for node in self.all], "sticky": {}}}
        self.start(config(pools=pools, drain_timeout="1m"))
        name, cookie = self.ask_with()
        path = f"/api/pools/app/nodes/{self.node_of(name).address}"
        self.assertEqual(ask(admin_of(self.server), path, "PATCH", extra=JSON, body=b'{"state": "drain", "temporary": true}')[0], 200)
        self.upgrade()
        self.assertEqual({self.ask_with(cookie) for _ in range(6)}, {(name, None)})


if __name__ == "__main__":
    harness.main()
