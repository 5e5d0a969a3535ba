"""The Grafana board of deploy/: its panels, and its expressions as Grafana would ask them."""

import json
import os
import re

import metric_table

PATH = os.path.join(metric_table.ROOT, "deploy", "grafana", "weir.json")


def read():
    with open(PATH, encoding="utf-8") as file:
        return json.load(file)


def queries(board):
    """[(what asks, expression, labels that its legend has)]: of panels, annotations and variables."""
    made = []
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            made.append((panel["title"], target["expr"], set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))))
    for annotation in board["annotations"]["list"]:
        if "expr" in annotation:
            made.append((annotation["name"], annotation["expr"], set(re.findall(r"\{\{(\w+)\}\}", annotation["textFormat"]))))
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
            made.append((variable["name"], selector, {label}))
    return made


def asked(expression, interval="5m"):
    """With everything chosen in every variable."""
    return re.sub(r"\$(job|instance|pool|route)\b", ".*", expression).replace("$__rate_interval", interval)
