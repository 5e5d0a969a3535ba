"""The guarded reload: a configuration that does badly is taken back, and the file left alone until somebody mends it."""

import os
import signal
import tempfile
import time

import harness
from harness import seconds, wait_until
from test_admin import admin_of, ask
from test_reload import Reload, contents

CHECK = {"http": "/healthz", "interval": "50ms", "timeout": "200ms", "fall": 2, "rise": 1}
BACK = r"the guard: .*what was confirmed last is in force again"
CONFIRMED = r"the configuration is confirmed"


class Guarded(Reload):
    def setUp(self):
        super().setUp()
        self.good, self.other = self.origin(name="good"), self.origin(name="other")

    def start_guarded(self, *nodes, guard="1s", arguments=()):
        self.settings = harness.config(pools=self.checked(*nodes), reload={"guard": guard})
        self.server = self.weir(self.settings, arguments=arguments)
        self.published = 0
        self.server.wait_lines(r"ready: ")

    def checked(self, *nodes):
        pools = self.nodes(*nodes)
        pools["app"]["health"] = CHECK
        return pools

    def dead(self):
        gone = self.origin(listen=False)
        gone.socket.close()
        return gone.address

    def in_sync(self):
        return self.metric("weir_config_in_sync 1")

    def assert_good_again(self, why=""):
        """A node that left serves on for as long as it takes the one that comes back to pass a check."""
        self.server.wait_lines(why + ".*what was confirmed last is in force again")
        client = self.client(self.server)
        wait_until("good again", lambda: {client.request().get("X-Origin") for _ in range(8)} == {"good"})


class TakenBack(Guarded):
    def test_a_pool_whose_nodes_fail(self):
        self.start_guarded(self.good)
        loads = self.load()
        before = contents(self.server.file)
        self.change(pools=self.checked(self.dead(), self.dead()))
        rejected = contents(self.server.file)
        self.server.wait_lines(BACK)
        self.assert_unhurt(loads)
        self.assert_good_again()
        self.assertEqual(contents(self.server.file), rejected)
        self.assertFalse(self.in_sync())
        self.assertTrue(self.metric('weir_config_reloads_total{result="rolled_back"} 1'))
        self.save(before)
        wait_until("in sync", self.in_sync)

    def test_a_pool_under_its_share(self):
        self.start_guarded(self.good)
        self.change(pools=self.checked(self.good, self.dead(), self.dead()))
        self.assert_good_again(r"pool app: 1 of 3 nodes may take requests, under min_healthy \(50%\)")

    def test_a_share_that_is_enough(self):
        self.start_guarded(self.good, guard="300ms")
        self.change(pools=self.checked(self.good, self.dead()))
        self.server.wait_lines(CONFIRMED)

    def test_a_pool_that_was_no_better_before(self):
        one, two = self.dead(), self.dead()
        self.start_guarded(self.good, one, two, guard="300ms")
        self.server.wait_lines(r"is down", 2)
        time.sleep(seconds(1.1))  # how things usually are is looked at each second
        self.change(pools=self.checked(self.good, one, two, self.other))
        self.server.wait_lines(CONFIRMED)

    def test_answers_that_are_errors(self):
        def broken(connection, request):
            connection.reply(200 if request.target == "/healthz" else 500, fields=[("X-Origin", "broken")])

        bad = self.origin(on_request=broken)
        self.start_guarded(self.good, guard="10s")
        self.load()
        self.change(pools=self.checked(bad))
        self.server.wait_lines(f"node {bad.address} of pool app is up")  # until then the one before serves on
        for _ in range(40):
            self.client(self.server).request()
        self.assert_good_again(r"pool app: \d+ of \d+ answers are errors, 0 of \d+ were before")

    def test_the_file_is_left_alone_until_somebody_says_otherwise(self):
        self.start_guarded(self.good)
        self.change(pools=self.checked(self.dead()))
        self.server.wait_lines(BACK)
        os.utime(self.server.file)
        self.save(contents(self.server.file))
        self.server.signal(signal.SIGHUP)  # whoever says so means it
        self.server.wait_lines(r"SIGHUP: the configuration is reloaded")
        self.server.wait_lines(BACK, 2)
        self.assertEqual(len(self.server.found(r"the file changed: the configuration is reloaded")), 1)

    def test_what_was_confirmed_comes_back_however_many_there_were_since(self):
        self.start_guarded(self.good, guard="2s")
        self.change(pools=self.checked(self.other))
        self.change(pools=self.checked(self.dead()))
        self.server.wait_lines(BACK)
        self.assert_good_again()

    def test_no_guard(self):
        self.start_guarded(self.good, guard="off")
        self.change(pools=self.checked(self.dead()))
        self.server.wait_lines(r"is down")
        self.assert_local(self.client(self.server).request(), 503)
        self.assertTrue(self.in_sync())


class Restarted(Guarded):
    def test_a_restart_does_not_take_what_was_taken_back(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        pid_file, file = os.path.join(folder.name, "weir.pid"), os.path.join(folder.name, "weir.yaml")
        arguments = ["--pid-file", pid_file]
        self.start_guarded(self.good, arguments=arguments)
        self.change(pools=self.checked(self.dead()))
        self.server.wait_lines(BACK)
        with open(file, "w", encoding="utf-8") as copy:
            copy.write(contents(self.server.file))
        wait_until("kept", lambda: os.path.exists(pid_file + ".confirmed"))
        self.assertEqual(self.server.stop(), [])
        self.server = self.weir(self.settings, file=file, arguments=arguments)
        self.server.wait_lines(r"what was confirmed last is in force instead")
        self.server.wait_lines(r"ready: ")
        self.assertEqual(self.served_by(), {"good"})
        self.assertFalse(self.in_sync())
        self.published = 0
        self.change(pools=self.checked(self.other))
        self.assertTrue(self.in_sync())
        wait_until("forgotten", lambda: not os.path.exists(pid_file + ".confirmed"))


if __name__ == "__main__":
    harness.main()
