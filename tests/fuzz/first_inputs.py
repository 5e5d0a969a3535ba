#!/usr/bin/env python3
"""Writes the inputs that fuzzing begins with, from the other tests' corpora: `first_inputs.py TARGET FOLDER`."""

import glob
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(TESTS, "e2e"))
import corpus  # noqa: E402

MOST = 4096  # bytes of an input; longer ones make fuzzing slow, and show nothing more


def cases(kind, prefix):
    for entry in corpus.read_folder(kind):
        yield f"{kind}-{entry.name}", prefix + entry.bytes


def files(pattern):
    for path in sorted(glob.glob(os.path.join(TESTS, pattern))):
        with open(path, "rb") as file:
            yield os.path.basename(path), file.read()


def words(*texts, prefix=b""):
    for number, text in enumerate(texts):
        yield str(number), prefix + text


NODES = b"""# all
pools:
  app:  # one
    nodes: &n
      # first
      - &a 10.0.0.1:80  # c
      - { address: '10.0.0.2:80', weight: 3, }
      -
        address: "[::1]:80"  # six
        weight: "2"
        state: drain
    # last
  api: { nodes: [
      a.test:1,  # a
      unix:/a b, {"address":"c:1"}, address: d:1 ,
    ] }
  none: { nodes: [ ] }
routes: [{ pool: app }, { pool: api }, { pool: none }]
"""


def edits():
    texts = [*files("config/good/*.yaml"), ("nodes", NODES), ("crlf-nodes", NODES.replace(b"\n", b"\r\n"))]
    for name, text in texts:
        for edit in (b"\x00\x00\x1b", b"\x00\x02\x29", b"\x01\x00\x00", b"\x04\x10\x1f", b"\x02\x00\x00", b"\x02\x11\x00"):
            yield f"{edit.hex()}-{name}", edit + text


def targets_of_requests():
    for name, data in cases("requests", b"\x00"):
        parts = data.split(b" ")
        if len(parts) > 2:
            yield name, b"\x00" + parts[1]


# HTTP/2, by hand: frames, and fields as literals that go into no table.
END, WHOLE = 1, 4


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def fields(*pairs):
    return b"".join(b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value for name, value in pairs)


def request(stream, flags, *more, method=b"GET"):
    start = ((b":method", method), (b":scheme", b"http"), (b":authority", b"a.test"), (b":path", b"/"))
    return frame(1, flags, stream, fields(*start, *more))


def answer(stream, flags, status, *more):
    return frame(1, flags, stream, fields((b":status", status), *more))


def h2_requests():
    hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0) + frame(4, 1, 0)
    get, post = request(1, END | WHOLE), request(1, WHOLE, method=b"POST")
    connect = frame(1, WHOLE, 1, fields((b":method", b"CONNECT"), (b":protocol", b"websocket"), (b":scheme", b"http"),
                                        (b":authority", b"a.test"), (b":path", b"/")))
    counted = request(1, WHOLE, (b"content-length", b"3"), method=b"POST")
    head = fields((b":method", b"HEAD"), (b":scheme", b"http"), (b":path", b"/"), (b"host", b"a.test"))
    texts = (
        get + request(3, END | WHOLE, (b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"te", b"trailers"), (b"priority", b"u=1, i")),
        post + frame(0, 0, 1, b"abc") + frame(1, END | WHOLE, 1, fields((b"x-t", b"1"))),
        counted + frame(0, END, 1, b"abc"), counted + frame(0, 0, 1, b"abcd"), counted + frame(0, 8 | END, 1, b"\x02abc\0\0"),
        connect + frame(0, 0, 1, b"early") + frame(0, END, 1), connect + frame(3, 0, 1, b"\0\0\0\x08"),
        frame(1, END, 1, head[:9]) + frame(9, 0, 1, head[9:20]) + frame(9, WHOLE, 1, head[20:]),
        get + frame(8, 0, 0, b"\0\0\x10\0") + frame(8, 0, 1, b"\0\0\x10\0") + frame(6, 0, 0, b"12345678"),
        get + frame(16, 0, 0, b"\0\0\0\x01u=0") + frame(2, 0, 1, b"\0\0\0\0\x10") + frame(7, 0, 0, b"\0" * 8),
        request(1, END | WHOLE, (b"Upper", b"1")) + request(3, END | WHOLE, (b"connection", b"close")),
        request(1, END | WHOLE, (b"host", b"b.test")) + request(3, END | WHOLE, (b"expect", b"x")) + request(5, END | WHOLE, *[(b"a", b"b")] * 21),
        frame(4, 0, 0, b"\0\x04\0\0\0\x05\0\x05\0\0\x40\0") + get, frame(6, 0, 0, b"12345678") * 101 + get,
    )
    return words(*(hello + text for text in texts), prefix=b"\x06")


def h2_answers():
    ok = answer(1, WHOLE, b"200", (b"content-length", b"2"))
    texts = (
        ok + frame(0, END, 1, b"ok") + answer(3, END | WHOLE, b"200", (b"content-length", b"9")) + answer(5, END | WHOLE, b"413"),
        answer(1, WHOLE, b"103", (b"link", b"x")) + answer(1, WHOLE, b"200") + frame(0, 0, 1, b"ok") + frame(1, END | WHOLE, 1, fields((b"x-t", b"1"))),
        answer(7, WHOLE, b"200") + frame(0, 0, 7, b"tunnel") + frame(0, END, 7), answer(7, END | WHOLE, b"403"),
        frame(3, 0, 1, b"\0\0\0\x07") + frame(3, 0, 3, b"\0\0\0\x02") + frame(7, 0, 0, b"\0\0\0\x05" + b"\0" * 4),
        ok + frame(0, END, 1, b"o") + answer(3, END | WHOLE, b"101") + answer(5, WHOLE, b"204") + frame(0, 0, 5, b"x"),
        frame(4, 1, 0) + frame(5, WHOLE, 1, b"\0\0\0\x02"), frame(4, 0, 0, b"\0\x03\0\0\0\x01") + frame(6, 0, 0, b"12345678"),
        frame(8, 0, 0, b"\0\0\x10\0") + frame(8, 0, 5, b"\x7f\xff\xff\xff"), answer(1, WHOLE, b"200", (b"Upper", b"1")),
    )
    return words(*texts, prefix=b"\x06")


def proxy_headers():
    ends = b"\x0a\0\0\1\x0a\0\0\2\x04\xd2\0\x50"

    def binary(command, family, block):
        return b"\r\n\r\n\0\r\nQUIT\n" + bytes([command, family]) + len(block).to_bytes(2, "big") + block

    texts = (b"PROXY TCP4 10.0.0.1 10.0.0.2 1234 80\r\nGET /", b"PROXY TCP6 2001:db8::1 ::ffff:10.0.0.1 1 65535\r\n", b"PROXY UNKNOWN x\r\n",
             binary(0x21, 0x11, ends) + b"rest", binary(0x20, 0, b""), binary(0x21, 0x21, bytes(range(36))), binary(0x21, 0x31, b"p" * 216),
             binary(0x21, 0x11, ends + b"\x04\0\2ab\x03\0\4abcd"))
    return words(*texts, prefix=b"\x08")


def client_hellos():
    def sized(size, content):
        return len(content).to_bytes(size, "big") + content

    def hello(name):
        extensions = b"\0\x10" + sized(2, b"\0\3\2h2") + b"\0\0" + sized(2, sized(2, b"\0" + sized(2, name)))
        body = b"\3\3" + bytes(32) + sized(1, b"") + sized(2, b"\x13\1") + sized(1, b"\0") + sized(2, extensions)
        return b"\1" + sized(3, body)

    def records(message, piece):
        return b"".join(b"\x16\3\1" + sized(2, message[i:i + piece]) for i in range(0, len(message), piece))

    return words(*[records(hello(name), piece) for name in (b"a.test", b"10.0.0.1", b"") for piece in (1, 50, 1000)], prefix=b"\x05")


def certificates():
    def read(*names):
        texts = []
        for name in names:
            with open(os.path.join(TESTS, "tls", name), "rb") as file:
                texts.append(file.read())
        return texts

    def pair(name):
        return b"".join(read(name + ".pem", name + ".key"))

    for name in ("a-ecdsa", "a-rsa", "b", "weak", "clients/alice", "clients/expired"):
        yield name.replace("/", "-"), b"\0" + pair(name)
    yield "stapled", b"\0" + b"".join(read("ocsp/both.pem")) + b"\0" + b"".join(read("ocsp/both.ocsp"))
    yield "authority", b"\1" + b"".join(read("clients/ca.pem"))
    yield "authorities", b"\1" + b"".join(read("clients/ca.pem", "clients/intermediate.pem"))
    for name in ("crl", "crl-empty", "crl-expired"):
        yield name, b"\1" + b"\0".join(read("clients/ca.pem", f"clients/{name}.pem"))


INPUTS = {
    "certificate": certificates,
    "proxy_header": proxy_headers,
    "client_hello": client_hellos,
    "h2_server": h2_requests,
    "h2_client": h2_answers,
    "h1_request": lambda: cases("requests", b"\x06"),
    "downstream": lambda: cases("requests", b"\x7f"),
    "differential": lambda: cases("requests", b"\x7f"),
    "h1_response": lambda: cases("responses", b"\x18"),
    "upstream": lambda: cases("responses", b"\x08\xff"),
    "probe": lambda: cases("responses", b"\x80\xff"),
    "config": lambda: [*files("config/good/*.yaml"), *files("config/bad/*.yaml"), *files("../config.example.yaml")],
    "node_edit": edits,
    "uri": targets_of_requests,
    "log_template": lambda: words(b"{time} {client} \"{method} {path}\" {status}", b"{{{host}}} {bytes_in}{reason}x", b"}}{user_agent}"),
    "router": lambda: words(bytes(range(64)), bytes(range(128, 255)), b"\x03" + b"\x02ab\x01\x02a/" * 20),
    "ordered_events": lambda: words(b"\x00\x00\x03\x04\x05", b"\x01\x01\x02\x03\x03\x05\x06\x02\x05", b"\x01\x02\x04\x05\x03"),
}

if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in INPUTS:
        sys.exit(f"{__doc__}\nTARGET: {' '.join(INPUTS)}")
    os.makedirs(sys.argv[2], exist_ok=True)
    for key, content in INPUTS[sys.argv[1]]():
        if len(content) <= MOST:
            with open(os.path.join(sys.argv[2], key), "wb") as out:
                out.write(content)
