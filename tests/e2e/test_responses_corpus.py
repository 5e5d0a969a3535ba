"""Every answer of tests/corpus/responses: what the client gets, and that no other client ever gets a part of it."""

import threading

import corpus
import harness
from test_requests_corpus import check_fields


class Responses(harness.Case):
    def setUp(self):
        self.entries = {f"/case/{entry.name}": entry for entry in corpus.read_folder("responses")}
        self.node = self.origin(on_request=self.reply)
        self.server = self.weir(harness.config(
            [self.node], workers=1, timeouts={"response": "1s", "body": "1s", "stream_idle": "1s"}))
        self.pieces = lambda data: [data]
        self.answered = threading.Event()  # the node has sent all of the case's bytes
        self.failures = []

    def reply(self, connection, request):
        entry = self.entries.get(request.target)
        if entry is None:
            connection.reply(body=request.target.encode())
            return
        connection.state["case"] = entry.name
        connection.send(*self.pieces(entry.bytes))
        self.answered.set()
        end = entry.get("end", "keep")
        if end == "fin":
            connection.fin()
            connection.wait_end()
            connection.close()
        elif end == "rst":
            connection.reset()

    def replay(self, entry, label):
        try:
            with self.server.client() as client:
                self.ask(entry, client)
            with self.server.client() as client:
                self.ask_again(entry, client)
        except (AssertionError, harness.wire.Violation, OSError) as problem:
            self.failures.append(f"{entry.file}: {entry.name} ({label}): {problem}\n    node sent {entry.bytes[:300]!r}")

    def ask(self, entry, client):
        self.answered.clear()
        method, version = entry.get("request", "GET 1.1").split()
        fields = [("Connection", "keep-alive")] if version == "1.0" else []
        response = client.request(method, f"/case/{entry.name}", fields, version="HTTP/" + version)
        wanted = entry.all("client") or ["502"]
        assert any(is_as(response, text) for text in wanted), f"the client got {told(response)}, wanted {wanted}"
        self.check_interims(entry, response, version)
        if response.status != 502:
            check_fields(response, entry)
        if response.complete and response.framing != "close" and response.status < 500 and version == "1.1":
            # What the node says after its answer belongs to nobody, but only once it is there can Weir know.
            assert self.answered.wait(harness.seconds(5)), "the node is still answering"
            again = client.request(target="/good")
            assert (again.status, again.body) == (200, b"/good"), f"the next answer on the connection: {told(again)}"
        else:
            ended = response.ended if response.ended in ("fin", "rst") else None
            if ended is None and (response.get("Connection") or "").lower() == "close":
                ended = client.read_end(5)
                assert ended in ("fin", "rst"), f"after the answer: {ended}"

    def check_interims(self, entry, response, version):
        wanted = entry.get("interim", "")
        seen = " ".join(str(interim.status) for interim in response.interims)
        assert "101" not in seen.split(), "101 was relayed"
        if version == "1.0":
            assert not seen, f"interim answers {seen} to an HTTP/1.0 client"
        elif wanted != "any":
            assert seen == wanted, f"interim answers: {seen!r}"

    def ask_again(self, entry, client):
        """A good request on a new connection gets its own answer; on which of the node's connections?"""
        response = client.request(target=f"/good/{entry.name}")
        assert (response.status, response.body) == (200, f"/good/{entry.name}".encode()), f"afterwards: {told(response)}"
        served = [request for request in self.node.requests if request.target in (f"/good/{entry.name}", "/good")]
        hostile = [c for c in self.node.connections if c.state.get("case") == entry.name]
        self.node.forget()
        assert hostile, "the node never saw the request"
        for connection in hostile:
            connection.state["case"] = None
        reused = any(request.connection == hostile[-1].index for request in served)
        wanted = entry.get("reuse", "no")
        if wanted == "no":
            assert not reused, "the connection served another request"
            for connection in hostile:
                assert connection.ended.wait(harness.seconds(5)), "the connection was not closed"
        elif wanted == "yes":
            assert reused, "the connection was not used again"

    def finish(self):
        self.assertFalse(self.failures, f"{len(self.failures)} wrong results:\n" + "\n".join(self.failures))

    def test_whole(self):
        for entry in self.entries.values():
            self.replay(entry, "whole")
        self.finish()

    def test_byte_by_byte(self):
        self.pieces = lambda data: [data[i : i + 1] for i in range(len(data))] if len(data) < 600 else [data]
        for entry in self.entries.values():
            self.replay(entry, "byte by byte")
        self.finish()


def is_as(response, text):
    if text == "cut":
        return response.cut
    status, _, body = text.partition(" ")
    if not response.complete or response.status != int(status):
        return False
    return response.body == corpus.unescape(body) if body else True


def told(response):
    return f"{response.status} {response.ended} ({response.framing}) {response.body[:60]!r}"


if __name__ == "__main__":
    harness.main()
