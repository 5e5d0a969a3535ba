"""One scenario against one proxy, in a folder of its own."""

import contextlib
import pathlib
import re
import tempfile
import time

import judge
from fleet import Node, Tool, sleep_until
from peers import Peer, clients_at_most


def play(steps, start, pace, nodes):
    """The marks of a run: when each fault began, and when each heal was done."""
    marks = []
    for step in sorted(steps, key=lambda step: step.at):
        sleep_until(start + step.at * pace)
        began = time.monotonic()
        step.do(nodes)
        marks.append((int((began if step.kind == "fault" else time.monotonic()) * 1e6), step.kind))
    return marks


def run(scenario, name, tools, rate, pace=1.0, make_peer=Peer):
    """`pace`: how much shorter or longer the scenario's times are. Returns what judge.verdict judges."""
    with tempfile.TemporaryDirectory(prefix="weir-faults-") as made, contextlib.ExitStack() as stack:
        folder = pathlib.Path(made)
        folder.chmod(0o755)  # nginx's workers may be another user
        nodes = []
        for number in range(3):
            nodes.append(Node(number, tools["node"], folder))
            stack.callback(lambda node=nodes[-1]: node.tool.end())
            nodes[-1].set(**scenario.settings)
        peer = stack.enter_context(make_peer(name, tools["weir"], folder, nodes, scenario.strategy))
        crowds = [Tool(tools["crowd"], peer.address, peer.port, kind, min(count, clients_at_most() - 1000)) for kind, count in scenario.crowd]
        for crowd in crowds:
            stack.callback(crowd.end)
        for crowd in crowds:
            assert crowd.line(120) == "ready"
        out = folder / "requests"
        client = Tool(tools["client"], peer.address, peer.port, rate, scenario.seconds * pace, scenario.burst, scenario.aborts, out)
        stack.callback(client.end)
        start = int(client.line().split()[1]) / 1e6
        marks = play(scenario.steps, start, pace, nodes)
        client.popen.wait(scenario.seconds * pace + 30)
        ended = sum(int(re.search(r"ended (\d+)", crowd.end())[1]) for crowd in crowds)
        return judge.Run(judge.read_requests(out), {node.name: node.requests() for node in nodes}, marks, ended)
