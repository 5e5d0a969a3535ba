"""The proxies before the nodes that fail: how each is configured and started. `direct` is none at all, only one node."""

import pathlib
import re
import resource
import subprocess
import sys
import urllib.request

sys.path.append(str(pathlib.Path(__file__).parents[1] / "macro"))

from proxies import DESCRIPTORS, Process, free_port  # noqa: E402

HERE = pathlib.Path(__file__).parent
NAMES = ["weir", "nginx", "haproxy"]
TEMPLATES = {"weir": "weir.yaml", "nginx": "nginx.conf", "haproxy": "haproxy.cfg"}
NODE_LINES = {
    "weir": "      - {address}",
    "nginx": "        server {address} max_fails=2 fail_timeout=5s;",
    "haproxy": "    server {name} {address}",
}
STRATEGIES = {
    "weir": {"round-robin": "round-robin", "least-connections": "least-connections"},
    "nginx": {"round-robin": "", "least-connections": "least_conn;"},
    "haproxy": {"round-robin": "roundrobin", "least-connections": "leastconn"},
}
CONNECTIONS = 16000


def descriptors():
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def clients_at_most():
    """How many a process can hold here, with room for everything else."""
    return min(CONNECTIONS, descriptors() - 2000)


class Running(Process):
    """Not pinned: a proxy has all cores and as many workers, as it has where it is used."""

    def __init__(self, argv, output):
        self.argv, self.output = [str(word) for word in argv], output
        with open(output, "wb") as out:
            self.popen = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)


def fill(name, target, values):
    text = (HERE / TEMPLATES[name]).read_text()
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    assert not re.search(r"@[A-Z]+@", text.replace("@NAMES@", "")), text
    target.write_text(text)


class Peer:
    """One proxy before `nodes`; a context, which ends it."""

    def __init__(self, name, weir, folder, nodes, strategy):
        self.name, self.nodes = name, nodes
        if name == "direct":
            self.address, self.port, self.process = nodes[0].address, nodes[0].port, None
            return
        self.address, self.port = "127.0.0.1", free_port()
        file = folder / f"{name}.conf"
        fill(name, file, {
            "PORT": self.port, "ADMIN": free_port(), "DIR": folder, "STRATEGY": STRATEGIES[name][strategy],
            "DESCRIPTORS": min(DESCRIPTORS, descriptors()), "CONNECTIONS": clients_at_most(),
            "NODES": "\n".join(NODE_LINES[name].format(name=node.name, address=f"{node.address}:{node.port}") for node in nodes)})
        argv = {"weir": [weir, "run", file], "nginx": ["nginx", "-p", folder, "-c", file], "haproxy": ["haproxy", "-db", "-f", file]}[name]
        self.process = Running(argv, folder / f"{name}.out")
        self.process.wait_for_port(self.port)

    def __enter__(self):
        self.wait_for_nodes()
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.stop(5)

    def wait_for_nodes(self):
        """Until answers of all of them came."""
        wanted = {node.name for node in (self.nodes[:1] if self.name == "direct" else self.nodes)}
        seen = set()
        for _ in range(400):
            try:
                with urllib.request.urlopen(f"http://{self.address}:{self.port}/hello/100/l", timeout=5) as answer:
                    seen.add(answer.read().split()[1].decode())
            except OSError:
                pass
            if seen >= wanted:
                return
        raise SystemExit(f"faults: {self.name} does not reach {', '.join(wanted - seen)}")


def version(name, weir):
    commands = {"weir": [weir, "version"], "nginx": ["nginx", "-v"], "haproxy": ["haproxy", "-v"]}
    if name not in commands:
        return "one node, no proxy"
    done = subprocess.run(commands[name], capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip().splitlines()[0].strip()
