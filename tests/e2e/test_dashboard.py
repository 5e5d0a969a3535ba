"""The dashboard in Debian's chromium: against an admin port made of numbers, and against Weir with its demo servers.

The page's tests are JavaScript, in dashboard/; `./dev test` installs what they need (playwright-core from npm).
"""

import os
import shutil
import socket
import subprocess

import harness

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "dashboard")


def free_addresses(count):
    """Of this machine, that nobody listens on at the moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    found = ["127.0.0.1:%d" % each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return found


class Dashboard(harness.Case):
    def run_page_tests(self, file, **environment):
        node = shutil.which("node")
        self.assertTrue(node, "there is no node: install Debian's package `nodejs` (./dev test does)")
        self.assertTrue(os.path.isdir(os.path.join(FOLDER, "node_modules", "playwright-core")),
                        f"playwright-core is missing: npm ci --prefix {FOLDER} (./dev test does it)")
        done = subprocess.run([node, "--test", file], cwd=FOLDER, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=harness.seconds(150), check=False)
        print(done.stdout)
        self.assertEqual(done.returncode, 0, f"{file}: a test of the page failed; its output is above")

    def test_against_figures(self):
        self.run_page_tests("mock.test.mjs")

    def test_against_weir(self):
        nodes = free_addresses(3)
        weir = self.weir(harness.config(
            admin={"address": "127.0.0.1:0"},
            pools={"app": {"nodes": nodes, "health": {"http": "/healthz", "interval": "200ms", "fall": 2}}}), arguments=["--demo"])
        weir.wait_lines(r"admin port on (\S+)")
        admin = weir.found(r"admin port on (\S+)")[0]
        self.run_page_tests("weir.test.mjs", WEIR_ADMIN=f"http://{admin}", WEIR_TRAFFIC=f"http://{weir.address}", WEIR_NODE=nodes[1])


if __name__ == "__main__":
    harness.main()
