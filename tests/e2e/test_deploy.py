"""What stands in deploy/: it is valid by the tools it is for, and names nothing that Weir does not have."""

import itertools
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import board
import metric_table
import promql

DEPLOY = os.path.join(metric_table.ROOT, "deploy")
PROMETHEUS = os.path.join(DEPLOY, "prometheus")
RULE = re.compile(r"^      - (alert|record): (\S+)\n(.*?)(?=^      - |^  - |\Z)", re.M | re.S)


def text_of(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


class Rule:
    """As weir.rules.yml lays it out: a value stands on its line, or folded (>-) on those below that stand further in."""

    def __init__(self, kind, name, body):
        self.kind, self.name = kind, name
        self.expression = re.sub(r"#.*", "", self.value(body, "expr"))
        self.severity = re.search(r"severity: (\w+)|$", body)[1]
        self.runbook = self.value(body, "runbook")
        self.texts = [self.value(body, "summary"), self.value(body, "description")]
        self.labels = set(re.findall(r"\$labels\.(\w+)", body))

    @staticmethod
    def value(body, key):
        found = re.search(rf"^( +){key}: (?:>-\n((?:\1 +.*\n)+)|(.*)\n)", body, re.M)
        return found and (found[2] or found[3])


def rules():
    return [Rule(*found) for found in RULE.findall(text_of(PROMETHEUS, "weir.rules.yml"))]


def known():
    """{metric: labels}: of Weir, of Prometheus, of the rules that record."""
    made = {**metric_table.series(metric_table.read()), **promql.OTHERS}
    for rule in rules():
        if rule.kind == "record":
            made[rule.name] = frozenset(itertools.chain(*(made[name] for name, _ in promql.selectors(rule.expression))))
    return made


def anchors(markdown):
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", markdown, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


class Deploy(unittest.TestCase):
    maxDiff = None

    def tool(self, *command, **options):
        out = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, **options)
        self.assertEqual(out.returncode, 0, f"{command}\n{out.stdout}{out.stderr}")
        return out

    # ---- rules -----------------------------------------------------------------------------------------------

    def test_the_rules_and_the_scrape_configuration_are_valid(self):
        out = self.tool("promtool", "check", "rules", "weir.rules.yml", cwd=PROMETHEUS)
        self.assertIn(f"{len(rules())} rules found", out.stdout)
        self.tool("promtool", "check", "config", "prometheus.yml", cwd=PROMETHEUS)

    def test_alerts_fire_when_they_should_and_only_then(self):
        files = ["weir.rules.test.yml", "weir.rules.latency.test.yml"]
        self.tool("promtool", "test", "rules", *files, cwd=PROMETHEUS)
        told = "".join(text_of(PROMETHEUS, file) for file in files)
        for rule in rules():
            if rule.kind == "alert":
                self.assertRegex(told, rf"alertname: {rule.name}\n +exp_alerts:", "no test in which it fires")
                self.assertRegex(told, rf"eval_time: \w+, alertname: {rule.name} }}", "no test in which it does not fire")

    def test_rules_name_what_there_is(self):
        for rule in rules():
            with self.subTest(rule.name):
                self.assertEqual(promql.offences(rule.expression, known(), rule.labels), [])

    def test_alerts_say_what_to_do(self):
        sections = anchors(text_of(metric_table.ROOT, "docs", "operating.md"))
        for rule in rules():
            if rule.kind == "alert":
                with self.subTest(rule.name):
                    self.assertIn(rule.severity, ("page", "ticket"))
                    self.assertTrue(all(rule.texts))
                    page, _, section = rule.runbook.partition("#")
                    self.assertEqual(page, "docs/operating.md")
                    self.assertIn(section, sections)

    # ---- the board -------------------------------------------------------------------------------------------

    def test_the_board_names_what_there_is(self):
        for asker, expression, labels in board.queries(board.read()):
            with self.subTest(asker):
                self.assertEqual(promql.offences(expression, known(), labels), [])

    def test_the_boards_expressions_are_promql(self):
        with tempfile.TemporaryDirectory(prefix="weir-e2e-") as folder:
            path = os.path.join(folder, "board.yml")
            with open(path, "w", encoding="utf-8") as file:
                file.write("groups:\n  - name: board\n    rules:\n")
                for number, (_, expression, _) in enumerate(board.queries(board.read())):
                    file.write(f"      - record: 'panel:{number}'\n")
                    file.write("        expr: '%s'\n" % board.asked(expression).replace("'", "''"))
            self.tool("promtool", "check", "rules", path)

    def test_the_boards_panels_lie_beside_each_other(self):
        panels = board.read()["panels"]
        ids = [panel["id"] for panel in panels]
        self.assertEqual(sorted(ids), sorted(set(ids)))
        taken = {}
        for panel in panels:
            where = panel["gridPos"]
            self.assertTrue(0 <= where["x"] and where["x"] + where["w"] <= 24 and where["h"] > 0, panel["title"])
            for cell in itertools.product(range(where["x"], where["x"] + where["w"]), range(where["y"], where["y"] + where["h"])):
                self.assertNotIn(cell, taken, f"{panel['title']} lies on {taken.get(cell)}")
                taken[cell] = panel["title"]
            references = [target["refId"] for target in panel.get("targets", [])]
            self.assertEqual(len(references), len(set(references)), panel["title"])
            self.assertTrue(panel["type"] == "row" or references, f"{panel['title']} asks nothing")

    # ---- the unit --------------------------------------------------------------------------------------------

    def test_the_unit_leaves_time_to_drain(self):
        unit = text_of(DEPLOY, "weir.service")
        stop = int(re.search(r"^TimeoutStopSec=(\d+)$", unit, re.M)[1])
        drain = re.search(r"shutdown_timeout: (\d+)s", text_of(metric_table.ROOT, "config.example.yaml"))
        self.assertGreater(stop, int(drain[1]))

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze")
    def test_systemd_has_nothing_to_say_of_the_units(self):
        with tempfile.TemporaryDirectory(prefix="weir-e2e-") as folder:
            paths = [os.path.join(folder, name) for name in ("weir.service", "weir.socket")]
            for path in paths:
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text_of(DEPLOY, os.path.basename(path)).replace("/usr/bin/weir", shutil.which("true")))
            out = self.tool("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *paths)
            self.assertEqual((out.stdout, out.stderr), ("", ""))


if __name__ == "__main__":
    unittest.main(verbosity=2)
