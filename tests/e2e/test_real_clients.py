"""Clients and servers that people use, with Weir between them: grpc-js, ws, undici, curl, nghttp.

The tests are JavaScript, in clients/; `./dev test` installs what they need (from npm).
"""

import harness
import node_clients


class RealClients(node_clients.Case):
    def test_grpc(self):
        self.run_script("grpc.mjs")

    def test_websockets(self):
        self.run_script("websocket.mjs")

    def test_undici(self):
        if self.node_version() < (20, 18):
            self.skipTest("undici needs node 20.18.1")
        self.run_script("fetching.mjs")

    def test_programs(self):
        self.run_script("programs.mjs")


if __name__ == "__main__":
    harness.main()
