"""Figures to read: as the run goes on, and as tables for RESULTS.md at its end."""

import pathlib
import platform
import re
import shlex
import statistics
import sys

PEERS = ["nginx", "haproxy"]
GOAL_INSTRUCTIONS, GOAL_IDLE = 0.6, 600


def machine():
    model = re.search(r"^model name\s*:\s*(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    system = re.search(r'^PRETTY_NAME="(.*)"$', pathlib.Path("/etc/os-release").read_text(), re.M)
    cores = len(re.findall(r"^processor\s*:", pathlib.Path("/proc/cpuinfo").read_text(), re.M))
    return (f"{cores} cores of {model.group(1) if model else platform.machine()}, Linux {platform.release()}, "
            f"{system.group(1) if system else 'unknown system'}")


def asked():
    """The arguments without the build folder, which ./dev adds."""
    return re.sub(r"--build \S+ ?", "", " ".join(sys.argv[1:])).split()


def cost(samples):
    return [s.cpu_us for s in samples]


def ratio(samples, name, peer):
    """Median over the rounds of `name` against `peer`, both of the same round."""
    return statistics.median(a / b for a, b in zip(cost(samples[name]), cost(samples[peer])))


class Report:
    def __init__(self, args, versions, commit):
        self.args, self.tables = args, {}
        self.instruction_rows, self.idle_lines = [], []
        self.head = [f"Machine: {machine()}.", f"Commit: {commit}.",
                     f"Command: `{shlex.join(['./dev', 'bench', *asked()])}`.",
                     "Versions: " + "; ".join(f"{k}: {v}" for k, v in versions.items()) + ".",
                     f"{args.rounds} rounds of {args.seconds} s."]
        print("\n".join(self.head), flush=True)

    def scenario(self, scenario, logs, samples):
        print(f"\n{scenario.name}, logs {logs}: {scenario.about}")
        print(f"  {'':8} {'us/request':>10} {'spread':>15} {'kernel':>7} {'req/s':>8} {'p50 us':>8} {'p99 us':>8} "
              f"{'errors':>6}  rounds (us/request)")
        for name, rounds in samples.items():
            us = cost(rounds)
            middle = lambda key: statistics.median(getattr(s, key) for s in rounds)
            print(f"  {name:8} {statistics.median(us):10.2f} {min(us):7.2f}-{max(us):7.2f} {middle('system_part'):6.0%} "
                  f"{middle('rate'):8.0f} {middle('p50_us'):8.0f} {middle('p99_us'):8.0f} "
                  f"{sum(s.errors for s in rounds):6}  {' '.join(f'{u:.2f}' for u in us)}")
        if "weir" in samples and len(samples) > 1:
            against = {n: ratio(samples, "weir", n) for n in samples if n != "weir"}
            print("  weir costs " + ", ".join(f"{r:.2f}x {n}" for n, r in against.items()) + self.verdict(scenario, samples))
        sys.stdout.flush()
        self.tables.setdefault(logs, []).append(self.row(scenario, samples))

    @staticmethod
    def better_peer(samples):
        peers = [n for n in PEERS if n in samples]
        return min(peers, key=lambda n: statistics.median(cost(samples[n]))) if peers else None

    def verdict(self, scenario, samples):
        peer = self.better_peer(samples)
        if not peer:
            return ""
        reached = "reached" if ratio(samples, "weir", peer) <= scenario.goal else "missed"
        return f"; goal {scenario.goal:.2f}x the better: {reached}"

    def row(self, scenario, samples):
        cells = [scenario.name]
        for name in ["weir", "nginx", "haproxy", "relay", "h2o"]:
            us = cost(samples.get(name, []))
            cells.append(f"{statistics.median(us):.2f} ({min(us):.2f}-{max(us):.2f})" if us else "")
        for peer in [*PEERS, "relay", "h2o"]:
            cells.append(f"{ratio(samples, 'weir', peer):.2f}" if peer in samples and "weir" in samples else "")
        cells += [f"{scenario.goal:.2f}", str(sum(s.errors for s in samples.get("weir", [])))]
        return "| " + " | ".join(cells) + " |"

    def instructions(self, scenario, figures):
        text = ", ".join(f"{name} {count:,.0f}" for name, count in figures.items())
        against = figures["weir"] / figures["nginx"] if {"weir", "nginx"} <= figures.keys() else None
        print(f"\ninstructions in userland per request, {scenario.name}: {text}" +
              (f"; weir {against:.2f}x nginx, goal {GOAL_INSTRUCTIONS}" if against else ""), flush=True)
        cells = [f"{figures[n]:,.0f}" if n in figures else "" for n in ["weir", *PEERS, "weir scraped"]]
        against_nginx = f"{against:.2f}" if against else ""
        self.instruction_rows.append(f"| {scenario.name} | {' | '.join(cells)} | {against_nginx} |")

    def idle(self, port_name, count, figures):
        covered, goal = port_name == "tls", GOAL_IDLE
        if covered:
            goal = f"{figures['nginx']:.0f}" if "nginx" in figures else "nginx's"
        self.idle_lines.append(f"Process memory of an idle keep-alive connection{' over TLS' if covered else ''} ({count:,} held): " +
                               ", ".join(f"{name} {size:.0f} bytes" for name, size in figures.items()) +
                               f" (goal for weir: {goal}).")
        print("\n" + self.idle_lines[-1], flush=True)

    def end(self):
        if not self.args.markdown:
            return
        lines = [*[f"* {line}" for line in self.head], ""]
        for logs, rows in self.tables.items():
            lines += [f"Access logs {logs}. Microseconds of processor time per request: median (least-most); "
                      "ratios: weir against each, median of the rounds.", "",
                      "| scenario | weir | nginx | haproxy | relay | h2o | /nginx | /haproxy | /relay | /h2o | goal | errors |",
                      "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |", *rows, ""]
        if self.instruction_rows:
            lines += ["Userland instructions per request (callgrind).", "", "| scenario | weir | nginx | haproxy | weir, scraped every 500 requests | /nginx |",
                      "| --- | --- | --- | --- | --- | --- |", *self.instruction_rows, ""]
        lines += self.idle_lines
        self.args.markdown.write_text("\n".join(lines) + "\n")
