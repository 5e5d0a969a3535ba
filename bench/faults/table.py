"""The figures as a table, with what was to be reached."""

import judge

WORDS = {
    "failed_replayable": "failed, may be repeated", "failed_once": "failed, may not", "avoidable": "avoidable", "harm": "harm",
    "harm_replayable": "harm, may be repeated", "harm_window": "harm for", "doubled": "doubled", "crossed": "crossed", "hidden": "hidden",
    "amplification": "amplification", "share": "share", "p99_ratio": "p99 ratio", "last_error": "last error", "ended": "crowd ended",
}
HEAD = ["scenario", "proxy", "requests", "failed: may be repeated (avoidable)", "failed: may not", "harm", "harm for, s", "doubled", "crossed",
        "hidden", "amplification", "p50 ms", "p99 ms", "p99 later / before", "first node's share", "last error, s", "goals"]


def figure(value, form="{:.2f}"):
    return "" if value is None else form.format(value)


def of(goal, value):
    if goal.figure == "share":
        return f"{WORDS[goal.figure]} {figure(value, '{:.1%}') or '-'} (at most {goal.most:.0%})"
    shown = figure(value, "{}" if isinstance(value, int) else "{:.2f}") or "-"
    return f"{WORDS[goal.figure]} {shown} (at most {goal.most:g})"


def cells(scenario, name, figures):
    missed = judge.missed(figures, scenario.goals)
    asked = {goal.figure for goal in scenario.goals}
    only = lambda key, form: figure(figures[key], form) if key in asked else ""  # of no meaning where nobody asks for it
    verdict = "**missed**: " + ", ".join(of(goal, figures[goal.figure]) for goal in missed) if missed else "met"
    return [scenario.name, name, str(figures["requests"]), f"{figures['failed_replayable']} ({figures['avoidable']})", str(figures["failed_once"]),
            str(figures["harm"]), figure(figures["harm_window"]), str(figures["doubled"]), str(figures["crossed"]), str(figures["hidden"]),
            figure(figures["amplification"]), figure(figures["p50"], "{:.0f}"), figure(figures["p99"], "{:.0f}"), only("p99_ratio", "{:.2f}"),
            only("share", "{:.1%}"), figure(figures["last_error"]), verdict]


def row(words):
    return "| " + " | ".join(words) + " |"


def spoken(name, scenario, figures):
    """A line or two for who waits."""
    failed = ", ".join(f"{count} {word}" for word, count in figures["outcomes"].most_common())
    said = (f"  {name:8} failed {figures['failed_replayable']} + {figures['failed_once']} of {figures['requests']}"
            f"{f' ({failed})' if failed else ''}, harm {figures['harm']}")
    for key, unit in (("harm_window", "s"), ("last_error", "s"), ("amplification", "x"), ("p50", "ms"), ("p99", "ms")):
        if figures[key] is not None:
            said += f", {WORDS.get(key, key)} {figures[key]:.2f} {unit}"
    said += f", crowd ended {figures['ended']}" if scenario.crowd else ""
    if figures["late"] > 20:
        said += f"; the clients themselves were late: p99 {figures['late']:.0f} ms"
    return f"{said}\n           {cells(scenario, name, figures)[-1].replace('**', '')}"


class Table:
    def __init__(self, head):
        self.head, self.rows, self.about = head, [], []
        print("\n".join(head), flush=True)

    def begin(self, scenario):
        self.about.append(f"* {scenario.name}: {scenario.about}")
        print(f"\n{scenario.name}: {scenario.about}", flush=True)

    def add(self, scenario, name, figures):
        self.rows.append(row(cells(scenario, name, figures)))
        print(spoken(name, scenario, figures), flush=True)

    def write(self, path):
        lines = [*(f"* {line}" for line in self.head), "", *self.about, "", row(HEAD), row(["---"] * len(HEAD)), *self.rows]
        path.write_text("\n".join(lines) + "\n")
