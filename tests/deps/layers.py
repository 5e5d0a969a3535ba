#!/usr/bin/env python3
"""Checks that includes follow the layers of CMakeLists.txt: never up, never sideways past what a layer's line names.

Also: a folder is a namespace, and each outside library has one home. Prints every offence; exit 1 if there is one.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOMES = {"sys/epoll.h": "proxy/epoll/", "yaml.h": "proxy/config/", "CLI/": "proxy/server/", "nghttp2/": "proxy/codec/",
         "openssl/": "proxy/tls/", "prometheus/": "proxy/admin/", "systemd/": "proxy/server/"}
ONE_FILE = {"yaml.h"}  # may be included by one file alone


def layers():
    """{folder: folders it may include, its own among them}, from the weir_layer lines."""
    lines = re.findall(r"^weir_layer\((\w+) (\S+)(.*)\)", (ROOT / "CMakeLists.txt").read_text(), re.M)
    folder = {f"weir_{name}": path for name, path, _ in lines}
    direct = {path: {folder[word] for word in links.split() if word in folder} for _, path, links in lines}

    def closure(path, above=()):
        if path in above:
            sys.exit(f"layers: {' -> '.join((*above, path))} is a circle")
        return {path}.union(*(closure(below, (*above, path)) for below in direct[path]))

    return {path: closure(path) for path in direct}


def offences(path, folder, allowed):
    text = path.read_text()
    for quote, include in re.findall(r'^\s*#\s*include\s*(["<])([^">]+)[">]', text, re.M):
        if quote == '"':
            if str(pathlib.PurePath(include).parent) not in allowed:
                yield f"includes {include}, which its layer may not see"
            elif not (ROOT / include).exists():
                yield f"includes {include}, which does not exist"
        for library, home in HOMES.items():
            if include.startswith(library) and not f"{folder}/".startswith(home):
                yield f"includes <{include}>, whose home is {home}"
    namespace = f"weir::{pathlib.PurePath(folder).name}"
    for found in re.findall(r"^namespace (weir(?:::\w+)*) {", text, re.M):
        if found != namespace and not found.startswith(namespace + "::"):
            yield f"opens namespace {found}; its folder's is {namespace}"


def main():
    found, homes = [], {}
    for folder, allowed in layers().items():
        for path in sorted([*(ROOT / folder).glob("*.h"), *(ROOT / folder).glob("*.cc")]):
            name = path.relative_to(ROOT)
            found += [f"{name}: {offence}" for offence in offences(path, folder, allowed)]
            for library in ONE_FILE:
                if re.search(rf"#\s*include\s*<{library}", path.read_text()):
                    homes.setdefault(library, []).append(str(name))
    found += [f"{library} is included by {' and '.join(files)}; one file is enough"
              for library, files in homes.items() if len(files) > 1]
    print("\n".join(found) or "layers: as drawn")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
