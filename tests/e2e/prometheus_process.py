"""A real Prometheus that scrapes one target quickly, with the rules of deploy/ loaded; asked through its HTTP API."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.parse
import urllib.request

import metric_table
from raw_client import seconds, wait_until

CONFIG = """\
global: {{ scrape_interval: {interval}ms, evaluation_interval: 1s }}  # the interval bounds a scrape as well
rule_files: ['{rules}']
scrape_configs:
  - job_name: weir
    static_configs: [targets: ['{target}']]
"""


class Prometheus:
    def __init__(self, target):
        self.target = target
        self.folder = tempfile.TemporaryDirectory(prefix="weir-e2e-")
        rules = shutil.copy(os.path.join(metric_table.ROOT, "deploy", "prometheus", "weir.rules.yml"), self.folder.name)
        config = os.path.join(self.folder.name, "prometheus.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(rules=rules, target=target, interval=round(seconds(400))))
        self.log = os.path.join(self.folder.name, "log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", "--config.file=" + config, "--storage.tsdb.path=" + os.path.join(self.folder.name, "data"),
                 "--web.listen-address=127.0.0.1:0"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.address = None
        try:
            wait_until("a Prometheus that is ready", self.ready, timeout=20)
        except AssertionError as error:
            log = self.said()
            self.stop()
            raise AssertionError(f"{error}; its log:\n{log}") from None

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def ready(self):
        text = self.said()
        found = re.search(r'"Listening on".*? address="?([\d.:]+)', text)
        self.address = found and found[1]
        return found and "Server is ready" in text

    def api(self, path, **parameters):
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=seconds(10)) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path} {parameters}: {error.read().decode()}") from None

    def query(self, expression):
        """[(labels, value)], as it is now."""
        return [(series["metric"], float(series["value"][1])) for series in self.api("query", query=expression)["result"]]

    def value(self, expression):
        """Of the only series there is; None if there is none."""
        found = self.query(expression)
        assert len(found) < 2, found
        return found[0][1] if found else None

    def wait_value(self, expression, expected):
        wait_until(f"{expression} to be {expected}", lambda: self.value(expression) == expected)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(seconds(10))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()
