"""Sessions that go on elsewhere: at other machines with the same keys, and after an upgrade."""

import os
import ssl

import harness
from harness import config
from test_tls import context, files
from upgrading import Upgrading

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


class Shared(harness.Case):
    def setUp(self):
        self.folder = self.enterContext(harness.tempfile.TemporaryDirectory(prefix="weir-e2e-"))
        self.node = self.origin()

    def key(self, name, size=80, mode=0o600):
        path = os.path.join(self.folder, name)
        with open(path + ".new", "wb") as file:
            file.write(os.urandom(size))
        os.chmod(path + ".new", mode)
        os.rename(path + ".new", path)
        return path

    def serve(self, keys):
        return self.weir(config([self.node], listeners=[{"address": "127.0.0.1:0", "tls": {"certificates": [files("a-ecdsa")], "ticket_keys": keys}}]))

    def session(self, server, most, made=None, session=None):
        """One that may go on, and whether it is one that has."""
        client = self.client(server, tls=made or context(most=most), session=session)
        self.assert_ok(client.request())
        return client.socket.session, client.socket.session_reused

    def resumes(self, first, second, most):
        made = context(most=most)
        session, _ = self.session(first, most, made)
        return self.session(second, most, made, session)[1]

    def test_sessions_go_on_at_another_process(self):
        for size in (48, 80):
            key = self.key("key", size)
            one, two, stranger = self.serve(key), self.serve([key]), self.serve(self.key("other", size))
            for most in (TLS12, TLS13):
                self.assertTrue(self.resumes(one, two, most))
                self.assertTrue(self.resumes(two, one, most))
                self.assertFalse(self.resumes(one, stranger, most))

    def test_a_session_goes_on_under_its_own_name_alone(self):
        """RFC 6066 3. Under TLS 1.3 that is the client's to see to (RFC 8446 4.6.1)."""
        server, made = self.serve(self.key("key")), context(most=TLS12)
        session, _ = self.session(server, TLS12, made)
        for name, goes_on in (("A.test", True), ("b.test", False), (None, False)):
            client = self.client(server, tls=made, server_name=name, session=session)
            self.assert_ok(client.request())
            self.assertEqual(client.socket.session_reused, goes_on, name)

    def test_keys_are_changed_step_by_step(self):
        old, new = self.key("old"), self.key("new", 48)
        before, between, after = self.serve(old), self.serve([new, old]), self.serve(new)
        for most in (TLS12, TLS13):
            self.assertTrue(self.resumes(before, between, most))
            self.assertFalse(self.resumes(before, after, most))
            made = context(most=most)
            session, _ = self.session(before, most, made)
            session, resumed = self.session(between, most, made, session)
            self.assertTrue(resumed)
            self.assertTrue(self.session(after, most, made, session)[1])  # its ticket is of the new key by now

    def test_files_that_change(self):
        key = self.key("key")
        server = self.serve(key)
        made = context(most=TLS12)
        session, _ = self.session(server, TLS12, made)
        self.assertTrue(self.session(server, TLS12, made, session)[1])
        self.key("key")
        server.wait_lines("the keys of tickets were read anew")
        self.assertFalse(self.session(server, TLS12, made, session)[1])
        session, _ = self.session(server, TLS12, made)
        with open(key, "wb") as file:
            file.write(b"short")
        server.wait_lines("holds 5 bytes; a key of tickets has 80 .*; what was read before stays in service")
        self.assertTrue(self.session(server, TLS12, made, session)[1])

    def test_a_file_that_everybody_may_read(self):
        server = self.serve(self.key("open", mode=0o644))
        self.assertTrue(server.found("warning: .*ticket_keys: everybody on this machine may read"))


class Upgraded(Upgrading):
    def test_sessions_go_on_after_an_upgrade(self):
        server = self.start(config([self.origin()], listeners=[{"address": "127.0.0.1:0", "tls": {"certificates": [files("a-ecdsa")]}}]))
        sessions = []
        for most in (TLS12, TLS13):
            made = context(most=most)
            client = self.client(server, tls=made)
            self.assert_ok(client.request())
            sessions.append((made, client.socket.session))
        self.upgrade()
        for made, session in sessions:
            client = self.client(server, tls=made, session=session)
            self.assertTrue(client.socket.session_reused)
            self.assert_ok(client.request())


if __name__ == "__main__":
    harness.main()
