"""What the files under deploy/ name, and what the code has."""

import json
import re
from pathlib import Path

from recomart.monitoring.exposition import HELP
from recomart.serving.request_metrics import Metrics, RootMetrics
from recomart.serving.resources import Resources
from recomart.stream.metrics import Metrics as StreamMetrics

DEPLOY = Path(__file__).parents[2] / "deploy"
BOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
ENDS = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


def board_of(path):
    return json.loads(path.read_text(encoding="utf-8"))


def panels():
    return [panel for path in BOARDS for panel in board_of(path)["panels"]]


def metrics_in(expr):
    """Names of metrics in a query; those with colons are recorded."""
    plain = re.sub(r'"[^"]*"|[a-z]+:\w+:\w+', "", expr)
    return set(re.findall(r"\brecomart_\w+", plain))


def metrics_of_ours():
    """Every series that the service, the stream and the monitoring stage may tell."""
    metrics, stream = Metrics(), StreamMetrics()
    Resources(metrics.registry, [Path()])
    made = (metrics, RootMetrics(), stream)
    families = [family for one in made for family in one.registry.collect()]
    own = {family.name + end for family in families for end in ENDS[family.type]}
    return own | set(HELP)
