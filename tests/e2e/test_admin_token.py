"""Who may ask the admin port: a token from a file, the environment or the text; what the log says of requests that change something."""

import json
import os
import subprocess
import tempfile

import harness
from harness import Case, config
from test_admin import admin_of, ask, connect

TOKEN = "c2VjcmV0LXNlY3JldA=="
OTHER = "another-token-0123456789"
JSON = "Content-Type: application/json\r\n"


def bearer(token):
    return f"Authorization: Bearer {token}\r\n"


class Tokens(Case):
    def folder(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-e2e-")
        self.addCleanup(folder.cleanup)
        return folder.name

    def secret(self, text=TOKEN, mode=0o600):
        path = os.path.join(self.folder(), "token")
        with open(path, "w", encoding="ascii") as file:
            file.write(text + "\n")
        os.chmod(path, mode)
        return path

    def started(self, token, address="127.0.0.1:0", **options):
        weir = self.weir(config([self.origin()], admin={"address": address, "token": token}), **options)
        return weir, admin_of(weir)

    def status(self, admin, path, fields="", method="GET", body=b""):
        return ask(admin, path, method=method, extra=fields, body=body)[0]

    def run_weir(self, *arguments, environment=None):
        env = {key: value for key, value in os.environ.items() if not key.startswith("WEIR_")}
        return subprocess.run([harness.BINARY, *arguments], capture_output=True, text=True, timeout=harness.seconds(20), check=False,
                              stdin=subprocess.DEVNULL, env={**env, **(environment or {})})

    def assert_guarded(self, admin, token=TOKEN):
        for path in ("/metrics", "/api/pools", "/api/config", "/api/events", "/api/history", "/nothing"):
            status, fields, body = ask(admin, path)
            self.assertEqual((status, fields.get("WWW-Authenticate")), (401, "Bearer"), path)
            self.assertIn("token", json.loads(body)["error"])
        for path in ("/", "/healthz", "/ready"):
            self.assertEqual(self.status(admin, path), 200, path)
        self.assertEqual(self.status(admin, "/api/pools", bearer(token)), 200)
        self.assertEqual(self.status(admin, "/metrics", bearer(token)), 200)
        self.assertEqual(self.status(admin, "/api/pools", bearer(token[:-1])), 401)
        self.assertEqual(self.status(admin, "/api/pools", bearer(token + "=")), 401)
        self.assertEqual(self.status(admin, f"/api/pools?token={token}"), 401)
        self.assertEqual(self.status(admin, "/api/reload", JSON, "POST"), 401)

    def test_a_token_in_a_file(self):
        weir, admin = self.started(f"file:{self.secret()}")
        self.assert_guarded(admin)
        self.assertEqual(weir.found("warning"), [])

    def test_a_file_that_all_may_read_is_warned_of(self):
        weir, admin = self.started(f"file:{self.secret(mode=0o644)}")
        weir.wait_lines(r"warning: admin.token: everybody on this machine may read .*; chmod 640")
        self.assert_guarded(admin)

    def test_a_token_in_the_environment(self):
        weir, admin = self.started("${ADMIN_SECRET}", environment={"ADMIN_SECRET": TOKEN})
        self.assert_guarded(admin)
        self.assertEqual(weir.found("warning"), [])

    def test_a_token_in_the_text_is_warned_of(self):
        weir, admin = self.started(TOKEN)
        weir.wait_lines(r"warning: admin.token: stands in this file")
        self.assert_guarded(admin)

    def test_an_address_off_loopback_needs_one(self):
        for address in ("0.0.0.0:0", "[::]:0"):
            weir = harness.Weir(config([], admin={"address": address}), wait=False)
            self.assertEqual(weir.wait_exit(), 1)
            weir.wait_lines(r"admin.address: \S+ may be reached from other machines, so it needs a token; set admin.token to file:/PATH")
            weir.process.stderr.close()
            weir.folder.cleanup()
        weir, admin = self.started(f"file:{self.secret()}", address="0.0.0.0:0")
        self.assert_guarded("127.0.0.1:" + admin.rpartition(":")[2])

    def test_it_guards_a_unix_socket_too(self):
        path = os.path.join(self.folder(), "admin.sock")
        _, admin = self.started(f"file:{self.secret()}", address=f"unix:{path}")
        self.assert_guarded(admin)

    def test_it_is_shown_nowhere(self):
        weir, admin = self.started(f"file:{self.secret()}")
        status, _, body = ask(admin, "/api/config", extra=bearer(TOKEN))
        self.assertEqual((status, json.loads(body)["admin"]["token"]), (200, "***"))
        self.status(admin, "/api/reload", bearer(TOKEN) + JSON, "POST")
        weir.wait_lines("POST /api/reload: unchanged")
        self.assertEqual([line for line in weir.lines if TOKEN in line], [])

    def test_a_reload_changes_it(self):
        path = self.secret()
        weir, admin = self.started(f"file:{path}")
        with connect(admin) as client:
            client.sendall(f"GET /api/events HTTP/1.1\r\nHost: localhost\r\n{bearer(TOKEN)}\r\n".encode())
            self.assertIn(b"200 OK", client.recv(65536))
            with open(path, "w", encoding="ascii") as file:
                file.write(OTHER)
            status, _, body = ask(admin, "/api/diff", extra=bearer(TOKEN))
            change = {"kind": "changed", "path": "admin.token", "from": "***", "to": "another ***"}
            self.assertEqual(json.loads(body)["changes"], [change])
            status, _, body = ask(admin, "/api/reload", method="POST", extra=bearer(TOKEN) + JSON)
            self.assertEqual((status, json.loads(body)["changes"]), (200, [change]))
            self.assertEqual(self.status(admin, "/api/pools", bearer(TOKEN)), 401)
            self.assert_guarded(admin, OTHER)
            while client.recv(65536):  # those that follow have to come again
                pass
        weir.wait_lines(r'admin.token: "\*\*\*" -> "another \*\*\*"')
        self.assertEqual([line for line in weir.lines if TOKEN in line or OTHER in line], [])

    def test_the_commands_bear_it(self):
        path = self.secret()
        sock = os.path.join(self.folder(), "admin.sock")
        weir, admin = self.started(f"file:{path}", address=f"unix:{sock}")
        refused = self.run_weir("nodes", "--admin", admin)
        self.assertEqual(refused.returncode, 1)
        self.assertRegex(refused.stderr, r"answered 401: this needs a token: .*; give it by --token-file FILE, --config FILE or WEIR_TOKEN\n\Z")
        for arguments, environment in ((["--admin", admin, "--token-file", path], {}), (["--config", weir.file], {}),
                                       (["--admin", admin], {"WEIR_TOKEN": TOKEN}), ([], {"WEIR_TOKEN": TOKEN, "WEIR_ADMIN": admin})):
            out = self.run_weir("nodes", *arguments, environment=environment)
            self.assertEqual((out.returncode, out.stderr), (0, ""), out)
        self.assertEqual(self.run_weir("diff", weir.file, "--config", weir.file).stdout, "no difference\n")
        bad = self.run_weir("nodes", "--admin", admin, environment={"WEIR_TOKEN": "x y"})
        self.assertEqual(bad.returncode, 1)
        self.assertRegex(bad.stderr, "WEIR_TOKEN: is too short")
        self.assertRegex(self.run_weir("nodes", "--token-file", "/nowhere").stderr, "--token-file: /nowhere: can't be read")


class Audit(Case):
    def test_each_request_that_changes_something_is_a_line(self):
        weir = self.proxy(self.origin())
        admin = admin_of(weir)
        node = "/api/pools/nope/nodes/10.0.0.1:80"
        ask(admin, node, method="PATCH", extra=JSON, body=b'{"weight": 0,\r\n\x1b[2J}')
        weir.wait_lines(r'info the API from 127.0.0.1: PATCH /api/pools/nope/nodes/10.0.0.1:80 \{"weight": 0,\?\?\?\[2J\}: invalid: the body')
        ask(admin, "/api/reload", method="POST", extra=JSON)
        weir.wait_lines(r"info the API from 127.0.0.1: POST /api/reload: unchanged")
        out = subprocess.run([harness.BINARY, "reload", "--admin", admin], capture_output=True, text=True, timeout=harness.seconds(20), check=False)
        self.assertEqual(out.returncode, 0, out)
        weir.wait_lines(r"info weir reload from 127.0.0.1: POST /api/reload \{\}: unchanged")
        before = len(weir.found("the API from"))
        ask(admin, "/api/pools")
        ask(admin, "/api/reload", method="POST")  # 415: it comes to nothing
        ask(admin, "/api/drain-self", method="POST", extra=JSON, body=b'{"for": "1ms"}')
        weir.wait_lines(r'POST /api/drain-self \{"for": "1ms"\}: done')
        self.assertEqual(len(weir.found("the API from")), before + 1)

    def test_on_a_unix_socket(self):
        with tempfile.TemporaryDirectory(prefix="weir-e2e-") as folder:
            weir = self.proxy(self.origin(), admin={"address": f"unix:{folder}/admin.sock"})
            ask(admin_of(weir), "/api/reload", method="POST", extra=JSON)
            weir.wait_lines(r"the API from a unix socket: POST /api/reload: unchanged")


if __name__ == "__main__":
    harness.main()
