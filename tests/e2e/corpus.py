"""Reads the hostile corpora; their format is described in tests/corpus/README.md."""

import os
import re

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "corpus")
ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|\{(\d+):((?:[^}\\]|\\.)*)\}|(.))", re.S)
PLAIN = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\", "}": b"}"}


def unescape(text):
    out = bytearray()
    at = 0
    for match in ESCAPE.finditer(text):
        out += text[at : match.start()].encode("utf-8")
        at = match.end()
        if match[1]:
            out.append(int(match[1], 16))
        elif match[2]:
            out += unescape(match[3]) * int(match[2])
        else:
            out += PLAIN[match[4]]
    return bytes(out + text[at:].encode("utf-8"))


class Entry:
    def __init__(self, name, file):
        self.name = name
        self.file = file
        self.bytes = b""
        self.notes = []  # (key, value) in order

    def all(self, key):
        return [value for name, value in self.notes if name == key]

    def get(self, key, default=None):
        values = self.all(key)
        return values[0] if values else default


def read(path):
    entries, defaults = [], []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if line.startswith("== "):
                entries.append(Entry(line[3:].strip(), os.path.basename(path)))
            elif line.startswith("|"):
                entries[-1].bytes += unescape(line[1:]) + b"\r\n"
            elif line.startswith("+"):
                entries[-1].bytes += unescape(line[1:])
            elif line and not line.startswith("#"):
                key, colon, value = line.partition(":")
                if not colon:
                    raise ValueError(f"{path}:{number}: {line!r}")
                (entries[-1].notes if entries else defaults).append((key.strip(), value.strip()))
    for entry in entries:
        entry.notes += [note for note in defaults if not entry.all(note[0])]
    names = [entry.name for entry in entries]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"{path}: names used twice: {twice}")
    return entries


def read_folder(name):
    folder = os.path.join(FOLDER, name)
    return [entry for file in sorted(os.listdir(folder)) if file.endswith(".txt") for entry in read(os.path.join(folder, file))]
