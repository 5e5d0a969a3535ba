"""Edits of nodes while Weir runs, by its API and its commands: what is in force, what the file says, and how one goes back."""

import json
import os
import subprocess
import threading
import urllib.parse

import harness
from harness import seconds, wait_until
from test_admin import admin_of, ask
from test_host_names import Names
from test_reload import JSON, Reload, contents

HEAD = "# ours; ask ops before you change it\n"


class Edits(Reload):
    def setUp(self):
        super().setUp()
        self.one, self.other, self.third = (self.origin(name=name) for name in ("one", "other", "third"))

    def start_on(self, nodes, arguments=(), environment=None, pool=None, **top):
        """A file as people write them: with comments, and a list in a layout of its own."""
        self.settings = harness.config(pools={}, reload={"guard": "200ms"}, **top)
        self.text = HEAD + harness.yaml({**self.settings, "pools": {"app": {**(pool or {}), "nodes": "NODES"}}}).replace("NODES", "\n" + nodes) + "\n"
        self.server = self.weir(self.text, arguments=arguments, environment=environment)
        self.published = 0
        self.server.wait_lines(r"ready: ")

    def two(self):
        return f"      - {self.one.address}   # the old one\n      - {{ address: {self.other.address}, weight: 2 }}"

    def api(self, method, path, body=None):
        status, _, answer = ask(admin_of(self.server), path, method=method, extra=JSON, body=json.dumps(body).encode() if body is not None else b"")
        return status, json.loads(answer)

    def path(self, node=None, pool="app"):
        return f"/api/pools/{pool}/nodes" + (f"/{urllib.parse.quote(node.address if hasattr(node, 'address') else node, safe='')}" if node else "")

    def edit(self, method, node, body=None, expect=200):
        status, answer = self.api(method, self.path(node), body)
        self.assertEqual(status, expect, answer)
        return answer

    def add(self, body, expect=200):
        status, answer = self.api("POST", self.path(), body)
        self.assertEqual(status, expect, answer)
        return answer

    def command(self, *words, code=0):
        done = subprocess.run([harness.BINARY, *words, "--admin", admin_of(self.server)], capture_output=True, text=True,
                              timeout=seconds(20), check=False, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, code, done)
        return done.stdout + done.stderr

    def said(self, node):
        return self.api("GET", self.path(node))[1]

    def file(self):
        return contents(self.server.file)

    def history(self):
        return self.api("GET", "/api/history")[1]["snapshots"]


class Written(Edits):
    def test_edits_change_their_lines_and_no_others(self):
        self.start_on(self.two())
        answer = self.edit("PATCH", self.one, {"state": "drain"})
        self.assertEqual((answer["result"], answer["written"]), ("done", self.server.file))
        after = self.text.replace(self.one.address, f"{{ address: {self.one.address}, state: drain }}")
        self.assertEqual(self.file(), after)
        self.assertEqual(self.served_by(), {"other"})
        self.edit("PATCH", self.one, {"state": "active", "weight": 3})
        self.assertEqual(self.said(self.one)["weight"], 3)
        self.edit("DELETE", self.other)
        self.assertNotIn(self.other.address, self.file())
        self.assertEqual(self.served_by(), {"one"})
        self.add({"address": self.third.address})
        self.assertEqual(self.served_by(), {"one", "third"})
        self.assertTrue(self.file().startswith(HEAD))
        self.assertIn("# the old one\n", self.file())
        self.assertTrue(self.metric("weir_config_in_sync 1"))

    def test_no_request_fails_meanwhile(self):
        self.start_on(self.two())
        loads = self.load()
        for _ in range(4):
            self.edit("PATCH", self.one, {"state": "drain"})
            self.edit("PATCH", self.one, {"state": "active"})
            self.add({"address": self.third.address})
            self.edit("PATCH", self.other, {"state": "down", "temporary": True})
            self.edit("PATCH", self.other, {"state": "active"})
            self.edit("DELETE", self.third)
        self.assert_unhurt(loads)

    def test_many_at_once_are_all_carried_out(self):
        self.start_on(self.two())
        nodes = [self.origin(name=f"n{i}") for i in range(8)]
        answers = []

        def add(node):
            answers.append(self.api("POST", self.path(), {"address": node.address})[0])

        threads = [threading.Thread(target=add, args=(node,)) for node in nodes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(answers, [200] * len(nodes))
        self.assertTrue(all(node.address in self.file() for node in nodes))

    def test_an_edit_keeps_what_a_human_has_just_saved(self):
        self.start_on(self.two())
        for turn in range(10):  # before it is noticed, most of the time
            self.save(self.file() + f"# human {turn}\n")
            self.edit("PATCH", self.one, {"weight": turn + 2})
        self.assertEqual([line for line in self.file().splitlines() if line.startswith("# human")], [f"# human {turn}" for turn in range(10)])
        self.assertEqual(self.said(self.one)["weight"], 11)

    def test_a_node_is_added_to_a_tier(self):
        self.start_on(self.two())
        self.add({"address": self.third.address, "priority": 2, "max_in_flight": 7, "max_connections": 9})
        self.assertIn(f"      - {{ address: {self.third.address}, priority: 2, max_in_flight: 7, max_connections: 9 }}\n", self.file())
        self.assertEqual((self.said(self.third)["priority"], self.said(self.third)["max_in_flight"]), (2, 7))
        self.assertIn("eligible, priority 2, weight 1", self.command("why", "app", self.third.address))
        self.assertEqual(self.served_by(), {"one", "other"})
        self.edit("DELETE", self.third)
        self.add({"address": self.third.address, "backup": True})
        self.assertTrue(self.said(self.third)["backup"])
        self.edit("PATCH", self.third, {"weight": 2})
        self.assertIn(f"{{ address: {self.third.address}, backup: true, weight: 2 }}\n", self.file())

    def test_a_nodes_tier_and_limits_change(self):
        self.start_on(self.two())
        self.edit("PATCH", self.one, {"priority": 1, "max_in_flight": 7, "max_connections": 9})
        line = f"{{ address: {self.one.address}, priority: 1, max_in_flight: 7, max_connections: 9 }}"
        self.assertEqual(self.file(), self.text.replace(self.one.address, line))
        told = self.said(self.one)
        self.assertEqual((told["priority"], told["max_in_flight"], told["max_connections"]), (1, 7, 9))
        self.assertEqual(self.served_by(), {"other"})
        self.edit("PATCH", self.one, {"backup": True, "max_in_flight": "adaptive", "max_connections": "unlimited"})
        told = self.said(self.one)
        self.assertEqual((told["priority"], told["backup"], told["adaptive"], told["max_connections"]), (None, True, True, None))
        self.assertIn("priority: 0, max_in_flight: adaptive, max_connections: unlimited, backup: true", self.file())
        self.edit("PATCH", self.one, {"priority": 0, "max_in_flight": "unlimited"})
        told = self.said(self.one)
        self.assertEqual((told["priority"], told["backup"], told["adaptive"], told["max_in_flight"]), (0, False, False, None))
        self.assertEqual(self.served_by(), {"one", "other"})

    def test_what_is_so_already_is_not_written(self):
        self.start_on(self.two())
        before = os.stat(self.server.file)
        self.assertEqual(self.edit("PATCH", self.other, {"weight": 2, "state": "active"})["result"], "unchanged")
        self.assertEqual(os.stat(self.server.file).st_ino, before.st_ino)

    def test_addresses_that_have_to_be_encoded(self):
        self.start_on('      - "[::1]:9"\n      - unix:/nowhere/app.sock\n      - ' + self.one.address)
        for node in ("[::1]:9", "unix:/nowhere/app.sock"):
            self.edit("PATCH", node, {"state": "drain"})
            self.assertEqual(self.said(node)["operator"]["state"], "drain")
            self.edit("DELETE", node)
        self.assertNotIn("::1", self.file())


class Refused(Edits):
    def assert_refused(self, status, why, method, node, body=None, file=None):
        before = self.file()
        answer = self.edit(method, node, body, expect=status)
        self.assertRegex(answer["error"], why)
        self.assertEqual(self.file(), before)

    def test_what_is_not_there(self):
        self.start_on(self.two())
        self.assert_refused(404, "no node", "PATCH", "127.0.0.1:1", {"state": "drain"})
        self.assert_refused(404, "no node", "DELETE", "127.0.0.1:1")
        self.assertEqual(self.api("PATCH", self.path(self.one, pool="web"), {"state": "drain"})[0], 404)
        self.assert_refused(404, "no node", "PATCH", "127.0.0.1:1", {"state": "drain", "temporary": True})

    def test_what_is_there_already(self):
        self.start_on(self.two())
        self.assertIn("already", self.add({"address": self.one.address}, expect=409)["error"])

    def test_a_node_in_an_alias(self):
        self.start_on(f"      - &one {{ address: {self.one.address} }}\n      - {self.other.address}\n  web:\n    nodes: [*one]",
                      routes=[{"pool": "app"}])
        status, answer = self.api("PATCH", self.path(self.one, pool="web"), {"state": "drain"})
        self.assertEqual(status, 409, answer)
        self.assertIn("alias", answer["error"])
        self.assertEqual(self.file(), self.text)

    def test_a_file_that_is_wrong(self):
        self.start_on(self.two())
        good = self.file()
        self.save(good + "banana: 1\n")
        self.server.wait_lines("is not put in force")
        self.assert_refused(409, "not what is in force", "PATCH", self.one, {"state": "drain"})
        self.edit("PATCH", self.one, {"state": "drain", "temporary": True})
        self.assertEqual(self.served_by(), {"other"})
        self.save(good)
        wait_until("in sync", lambda: self.metric("weir_config_in_sync 1"))
        self.edit("PATCH", self.one, {"state": "active"})
        self.assertEqual(self.served_by(), {"one", "other"})

    def test_a_refusal_leaves_a_save_to_be_noticed(self):
        self.start_on(self.two())
        self.save(self.text.replace("weight: 2", "weight: 5"))
        self.edit("PATCH", "127.0.0.1:1", {"state": "drain"}, expect=404)  # it has read what nobody has noticed yet
        wait_until("the save is in force", lambda: self.said(self.other)["weight"] == 5)

    def test_a_file_with_a_second_name(self):
        self.start_on(self.two())
        os.link(self.server.file, self.server.file + ".linked")
        self.assert_refused(409, "temporary", "PATCH", self.one, {"state": "drain"})


class Temporary(Edits):
    def test_it_ends_by_itself_and_the_file_says_nothing_of_it(self):
        self.start_on(self.two())
        answer = self.edit("PATCH", self.one, {"state": "drain", "for": "1500ms"})
        self.assertIsNone(answer["written"])
        self.assertEqual(self.served_by(), {"other"})
        self.assertEqual(self.file(), self.text)
        self.save(self.text + "# another day\ndrain_timeout: 20s\n")
        self.server.wait_lines("the configuration is reloaded")
        self.assertEqual(self.served_by(), {"other"})
        wait_until("over", lambda: self.served_by() == {"one", "other"})

    def test_an_order_that_lasts_ends_it(self):
        self.start_on(self.two())
        self.edit("PATCH", self.one, {"state": "down", "for": "1h", "weight": 9})
        self.assertEqual((self.said(self.one)["operator"]["state"], self.said(self.one)["weight"]), ("down", 9))
        self.edit("PATCH", self.one, {"state": "active"})
        self.assertEqual((self.said(self.one)["operator"]["state"], self.said(self.one)["weight"]), ("active", 9))
        self.assertEqual(self.served_by(), {"one", "other"})

    def test_tiers_and_limits_for_a_while(self):
        self.start_on(self.two())
        answer = self.edit("PATCH", self.one, {"backup": True, "max_in_flight": 5, "max_connections": 3, "for": "1500ms"})
        place = f"pools.app.nodes[{self.one.address}]"
        self.assertEqual([(each["path"], each["from"], each["to"]) for each in answer["changes"]],
                         [(f"{place}.backup", False, True), (f"{place}.max_in_flight", "unlimited", 5), (f"{place}.max_connections", "unlimited", 3)])
        told = self.said(self.one)
        self.assertEqual((told["backup"], told["max_in_flight"], told["max_connections"]), (True, 5, 3))
        self.assertEqual(self.served_by(), {"other"})
        self.assertEqual(self.file(), self.text)
        wait_until("over", lambda: self.served_by() == {"one", "other"})
        told = self.said(self.one)
        self.assertEqual((told["backup"], told["max_in_flight"], told["max_connections"]), (False, None, None))

    def test_an_order_that_lasts_ends_a_tier_and_a_limit(self):
        self.start_on(self.two())
        self.edit("PATCH", self.one, {"priority": 3, "max_in_flight": 5, "temporary": True})
        self.edit("PATCH", self.one, {"backup": False, "temporary": True})
        self.assertEqual((self.said(self.one)["priority"], self.said(self.one)["max_in_flight"]), (3, 5))
        self.assertEqual(self.edit("PATCH", self.one, {"priority": 0})["result"], "done")
        self.assertEqual((self.said(self.one)["priority"], self.said(self.one)["max_in_flight"]), (0, 5))
        self.edit("PATCH", self.one, {"max_in_flight": 6})
        self.assertEqual(self.said(self.one)["max_in_flight"], 6)
        self.assertIn(f"{{ address: {self.one.address}, max_in_flight: 6 }}", self.file())

    def test_no_node_is_unlimited_where_limits_are_learned(self):
        self.start_on(self.two(), pool={"max_in_flight": "adaptive"})
        for how in ({}, {"temporary": True}):
            answer = self.edit("PATCH", self.one, {"max_in_flight": "unlimited", **how}, expect=422)
            self.assertIn("allowed: a number, adaptive", answer["error"])
        self.add({"address": self.third.address, "max_in_flight": "unlimited"}, expect=422)
        self.edit("PATCH", self.one, {"max_in_flight": 5})

    def test_what_learns_from_answers_is_not_for_raw_connections(self):
        self.start_on(self.two(), listeners=[{"address": "127.0.0.1:0", "mode": "tcp"}], routes=[{"pool": "app"}])
        for how in ({}, {"temporary": True}):
            status, answer = self.api("PATCH", self.path(self.one), {"max_in_flight": "adaptive", **how})
            self.assertEqual(status, 422)
            self.assertIn("have no answers to learn from", answer["error"])
            self.assertNotIn("by hand", answer["error"])
        self.edit("PATCH", self.one, {"max_in_flight": 5, "temporary": True})

    def test_what_is_so_already_is_told_as_unchanged(self):
        self.start_on(self.two())
        for body in ({"state": "active"}, {"weight": 2}, {"backup": False}, {"priority": 0, "max_in_flight": "unlimited"}):
            answer = self.edit("PATCH", self.other, {**body, "temporary": True})
            self.assertEqual((answer["result"], answer["changes"]), ("unchanged", []), body)
        answer = self.edit("PATCH", self.other, {"weight": 2, "max_in_flight": 5, "temporary": True})
        self.assertEqual([each["path"] for each in answer["changes"]], [f"pools.app.nodes[{self.other.address}].max_in_flight"])
        for time in ("1h", "2h"):
            self.assertEqual(self.edit("PATCH", self.other, {"state": "drain", "for": time})["result"], "done")
        self.assertEqual(self.edit("PATCH", self.other, {"backup": True, "temporary": True})["result"], "done")
        changes = self.edit("PATCH", self.other, {"priority": 2, "temporary": True})["changes"]
        self.assertEqual([(each["path"].rsplit(".")[-1], each["from"], each["to"]) for each in changes], [("priority", 0, 2), ("backup", True, False)])

    def test_a_node_is_not_added_for_a_while(self):
        self.start_on(self.two())
        self.assertIn("error", self.add({"address": self.third.address, "temporary": True}, expect=409))


class Named(Edits):
    """Nodes that are the addresses of one name."""

    def setUp(self):
        super().setUp()
        self.port = int(self.one.address.rpartition(":")[2])
        self.twin = self.origin(name="twin", where=("127.0.0.2", self.port))
        names = Names()
        self.addCleanup(names.folder.cleanup)
        names.set("app.test", "127.0.0.1", "127.0.0.2")
        self.name = f"app.test:{self.port}"
        self.start_on(f"      - {self.name}", environment=names.environment)
        wait_until("both", lambda: self.served_by() == {"one", "twin"})

    def test_one_that_drains_for_a_while_works_again(self):
        for command in ("undrain", "up"):
            self.command("drain", "app", self.one.address, "--for", "10m")
            self.assertEqual(self.served_by(), {"twin"})
            self.assertIn("is active: nothing was to be written", self.command(command, "app", self.one.address))
            self.assertEqual(self.served_by(), {"one", "twin"})
            self.assertEqual(self.edit("PATCH", self.one, {"state": "active"})["result"], "unchanged")

    def test_what_the_name_is_kept_from_its_addresses_are(self):
        for how in ({}, {"temporary": True}):
            self.edit("PATCH", self.name, {"state": "drain", **how})
            self.edit("PATCH", self.one, {"state": "drain", "temporary": True})
            self.assertIn("edit that", self.edit("PATCH", self.one, {"state": "active"}, expect=404)["error"])
            self.edit("PATCH", self.name, {"state": "active"})
            self.assertEqual(self.served_by(), {"one", "twin"})

    def test_an_order_of_the_name_ends_what_was_said_of_its_addresses(self):
        self.edit("PATCH", self.one, {"state": "drain", "for": "1h"})
        self.edit("PATCH", self.one, {"weight": 3, "backup": True, "max_in_flight": 6, "max_connections": 7, "temporary": True})
        self.assertEqual(self.edit("PATCH", self.name, {"state": "active"})["result"], "done")
        self.assertEqual(self.said(self.one)["operator"]["state"], "active")
        self.assertEqual(self.said(self.one)["max_in_flight"], 6)
        self.command("set", "app", self.name, "--weight", "2", "--priority", "0", "--max-in-flight", "8", "--max-connections", "unlimited")
        told = self.said(self.one)
        self.assertEqual((told["weight"], told["backup"], told["max_in_flight"], told["max_connections"]), (2, False, 8, None))

    def test_one_that_cannot_be_removed_does_not_go_on_draining(self):
        self.assertIn("edit that", self.command("remove", "app", self.one.address, "--wait", code=1))
        self.assertEqual(self.served_by(), {"one", "twin"})


class GoingBack(Edits):
    def test_rollback_writes_what_was_before_and_keeps_what_was(self):
        self.start_on(self.two())
        changed = self.text.replace("weight: 2", "weight: 7")
        self.save(changed)
        self.server.wait_lines("the configuration is confirmed")
        status, answer = self.api("POST", "/api/rollback", {})
        self.assertEqual((status, answer["result"]), (200, "published"))
        self.assertEqual(self.file(), self.text)
        self.assertEqual(contents(self.server.file + ".rejected"), changed)
        self.assertEqual(self.said(self.other)["weight"], 2)
        self.assertTrue(self.metric("weir_config_in_sync 1"))
        self.assertEqual(self.api("POST", "/api/rollback", {})[0], 409)  # there is nothing before
        states = [(each["state"], each["author"]) for each in self.history()]
        self.assertEqual([state for state, _ in states], ["confirmed", "rolled_back", "replaced"])
        self.assertEqual(states[1][1], "the file changed")

    def test_after_the_guard_has_gone_back_it_makes_the_file_say_so(self):
        self.start_on(self.two())
        dead = [self.origin(listen=False) for _ in range(2)]
        bad = self.text.replace("    nodes:", "    health: { tcp: true, interval: 50ms, fall: 1 }\n    nodes:")
        for node, gone in zip((self.one, self.other), dead):
            gone.socket.close()
            bad = bad.replace(node.address, gone.address)
        self.save(bad)
        self.server.wait_lines("what was confirmed last is in force again")
        self.assertEqual(self.file(), bad)
        self.assertEqual(self.edit("PATCH", self.one, {"state": "drain"}, expect=409)["result"], "refused")
        self.assertEqual(self.api("POST", "/api/rollback", {})[0], 200)
        self.assertEqual(self.file(), self.text)
        self.assertTrue(self.metric("weir_config_in_sync 1"))
        self.edit("PATCH", self.one, {"state": "drain"})
        self.assertEqual(self.history()[2]["state"], "rolled_back")
        self.assertIn("min_healthy", self.history()[2]["reason"])

    def test_the_last_ten_are_told(self):
        self.start_on(self.two())
        for weight in range(2, 16):
            self.edit("PATCH", self.one, {"weight": weight})
        entries = self.history()
        self.assertEqual(len(entries), 10)
        self.assertEqual(entries[0]["changes"][0]["path"], f"pools.app.nodes[{self.one.address}].weight")
        self.assertTrue(entries[0]["author"].startswith("the API from "))


class Commands(Edits):
    def test_a_nodes_life(self):
        self.start_on(self.two())
        node = self.one.address
        self.assertIn(self.server.file, self.command("drain", "app", node, "--wait"))
        self.assertEqual(self.served_by(), {"other"})
        self.command("undrain", "app", node)
        self.assertEqual(self.served_by(), {"one", "other"})
        self.command("weight", "app", node, "5")
        self.command("drain", "app", node, "--for", "20m")
        self.command("up", "app", node)
        self.command("add", "app", self.third.address, "--weight", "2", "--max-in-flight", "adaptive", "--max-connections", "40")
        self.assertIn("weight: 2, max_in_flight: adaptive, max_connections: 40 }", self.file())
        self.command("set", "app", self.third.address, "--max-in-flight", "30", "--priority", "0")
        self.assertIn("max_in_flight: 30", self.file())
        self.command("remove", "app", self.other.address, "--wait")
        self.assertEqual(self.served_by(16), {"one", "third"})
        story = self.command("why", "app", node)
        for part in ("weir drain from 127.0.0.1", "for 20m", "weir weight from 127.0.0.1", "weir up from 127.0.0.1"):
            self.assertIn(part, story)
        self.assertIn("weir add from 127.0.0.1", self.command("why", "app", self.third.address))
        self.assertIn("weir remove from 127.0.0.1", self.command("history"))
        self.command("drain", "app", "127.0.0.1:1", code=1)

    def test_rollback(self):
        self.start_on(self.two())
        self.command("rollback", code=1)
        self.save(self.text.replace("weight: 2", "weight: 3"))
        self.server.wait_lines("the configuration is confirmed")
        self.command("rollback")
        self.assertEqual(self.file(), self.text)


class Leaving(Edits):
    def test_drain_self(self):
        self.start_on(self.two())
        client = self.client(self.server)
        self.assertIsNone(self.assert_ok(client.request()).get("Connection"))
        self.command("drain-self", "--for", "1500ms")
        self.assertEqual(ask(admin_of(self.server), "/ready")[0], 503)
        self.assertEqual(self.assert_ok(client.request()).get("Connection"), "close")
        self.assertEqual(self.assert_ok(self.client(self.server).request()).get("Connection"), "close")
        wait_until("ready again", lambda: ask(admin_of(self.server), "/ready")[0] == 200)
        self.assertIsNone(self.assert_ok(self.client(self.server).request()).get("Connection"))


if __name__ == "__main__":
    harness.main()
