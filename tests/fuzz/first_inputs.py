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


INPUTS = {
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
