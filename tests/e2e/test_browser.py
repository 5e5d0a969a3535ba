"""Chromium with Weir between it and its page: over TLS and HTTP/2, with much at once and a WebSocket.

The test is JavaScript, in clients/; the browser is driven as the dashboard's tests drive it.
"""

import os

import harness
import node_clients


class Browser(node_clients.Case):
    def test_chromium(self):
        self.run_script("browser.mjs", (os.path.join(node_clients.HERE, "dashboard"), "playwright-core"))


if __name__ == "__main__":
    harness.main()
