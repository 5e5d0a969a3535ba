"""The proxies under test: how each is configured, started, pinned, measured and stopped."""

import contextlib
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import time

HERE = pathlib.Path(__file__).parent
TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


DESCRIPTORS = 100000


def raise_descriptor_limit():
    """For this process and those that it starts; as far as the system lets us."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for limit in (max(hard, DESCRIPTORS), hard):
        with contextlib.suppress(ValueError, OSError):
            return resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


class Process:
    """A program on one core, with its output in a file. Used as a context: it ends with the block."""

    def __init__(self, argv, core, output):
        self.argv = [str(a) for a in argv]
        self.output = output
        with open(output, "wb") as out:
            self.popen = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                          preexec_fn=lambda: os.sched_setaffinity(0, {core}))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self, patience=20):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
        try:
            self.popen.wait(patience)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()

    def wait_for_port(self, port, patience=20):
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if self.popen.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return self
            except OSError:
                time.sleep(0.02)
        self.stop(2)
        text = pathlib.Path(self.output).read_text(errors="replace")
        raise SystemExit(f"bench: {' '.join(self.argv)} does not answer on port {port}:\n{text}")

    def pids(self):
        """The process and its descendants."""
        found, todo = [], [self.popen.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                todo += [int(child) for child in children.read_text().split()]
        return found

    def cpu_seconds(self):
        """Processor time of all threads, user and system, to the nanosecond."""
        total = 0
        for pid in self.pids():
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def system_share(self):
        """Ticks (user, system) so far: the kernel's part, to a hundredth of a second."""
        user = system = 0
        for pid in self.pids():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            user, system = user + int(fields[11]), system + int(fields[12])
        return user / TICKS, system / TICKS

    def memory(self):
        """Bytes of memory that are the processes' own; pages that two share count half in each."""
        total = 0
        for pid in self.pids():
            rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(re.search(r"^Pss:\s+(\d+) kB", rollup, re.M).group(1)) * 1024
        return total


def make_certificate(path):
    """Of ECDSA, certificate and key in one file."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                    "/CN=bench.test", "-addext", "subjectAltName=DNS:bench.test", "-keyout", path, "-out", f"{path}.cert"],
                   check=True, capture_output=True)
    with open(path, "a", encoding="ascii") as file:
        file.write(pathlib.Path(f"{path}.cert").read_text(encoding="ascii"))


def fill(template, target, **values):
    text = (HERE / template).read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    target.write_text(text)
    return target


HAPROXY_JSON = (r'''log-format '{"time":"%t","client":"%ci","method":"%HM","host":"%[capture.req.hdr(0),json]",'''
                r'''"path":"%[capture.req.uri,json]","protocol":"%HV","status":%ST,"bytes_in":%U,"bytes_out":%B,'''
                r'''"duration":%Ta,"upstream":"%si:%sp","upstream_duration":%Tr,"route":"%ft","pool":"%b"}' ''')


class Proxies:
    """Knows the command line of every proxy. `tools` are paths of weir and of the bench programs."""

    def __init__(self, tools, directory, origin_port, grpc_port):
        self.tools, self.dir, self.origin_port, self.grpc_port = tools, directory, origin_port, grpc_port
        make_certificate(directory / "tls.pem")

    def versions(self, names):
        commands = {"weir": [self.tools["weir"], "version"], "nginx": ["nginx", "-v"], "haproxy": ["haproxy", "-v"], "h2o": ["h2o", "-v"]}
        lines = {}
        for name, argv in [(n, commands[n]) for n in [*names, "h2o"] if n in commands] + [("wrk", ["wrk", "-v"]), ("h2load", ["h2load", "--version"])]:
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            lines[name] = (done.stdout + done.stderr).strip().splitlines()[0].strip()
        return lines

    def command(self, name, port, logs, alone=False):
        """argv of proxy `name` with its clear port; logs is "off" or "json"; alone: one process, for callgrind.

        The other ports are in `self.ports` then."""
        log = self.dir / f"{name}-access.log"
        descriptors = min(DESCRIPTORS, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        self.ports = {"clear": port, "h2c": free_port(), "tls": free_port()}
        common = {"CLEAR": port, "H2C": self.ports["h2c"], "TLS": self.ports["tls"], "ORIGIN": self.origin_port,
                  "GRPC": self.grpc_port, "DIR": self.dir,
                  "CONNECTIONS": min(20000, (descriptors - 3000) // 2), "DESCRIPTORS": descriptors}
        self.admin_port = free_port()
        target = self.dir / f"{name}-{port}.conf"
        if name == "relay":
            return [self.tools["relay"], port, self.origin_port]
        if name == "weir":
            fill("weir.yaml", target, ADMIN=self.admin_port, LOG=f"{{ path: {log}, format: json }}" if logs == "json" else "off", **common)
            return [self.tools["weir"], "run", target]
        if name == "nginx":
            fill("nginx.conf", target, LOG=f"{log} json buffer=64k flush=1s" if logs == "json" else "off",
                 MASTER="off" if alone else "on", **common)
            return ["nginx", "-p", self.dir, "-c", target]
        if name == "h2o":
            fill("h2o.conf", target, **common)
            return ["h2o", "-c", target]
        fill("haproxy.cfg", target,
             LOG_TARGET="log stdout len 4096 format raw local0" if logs == "json" else "# no log",
             LOG_FORMAT="log global\n    " + HAPROXY_JSON if logs == "json" else "# no log", **common)
        if logs == "json":
            text = target.read_text().replace("default_backend", "capture request header Host len 256\n    default_backend")
            target.write_text(text)
        return ["haproxy", "-db", "-f", target]

    def start(self, name, core, logs):
        port = free_port()
        process = Process(self.command(name, port, logs), core, self.dir / f"{name}.out")
        process.port, process.ports = port, self.ports
        return process.wait_for_port(self.ports["h2c"] if name == "h2o" else port)
