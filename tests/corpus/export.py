"""Writes the corpora as one file a case: `export.py FOLDER [requests|responses]`. Seeds for fuzzers."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import corpus  # noqa: E402

if len(sys.argv) < 2:
    sys.exit(__doc__)
os.makedirs(sys.argv[1], exist_ok=True)
for kind in sys.argv[2:] or ("requests", "responses"):
    for entry in corpus.read_folder(kind):
        with open(os.path.join(sys.argv[1], f"{kind}-{entry.name}"), "wb") as file:
            file.write(entry.bytes)
