"""What is deployed: it passes its checks, a broken copy does not, and its parts fit together."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from recomart.settings import load_settings
from scripts import audit, deploy_check

ROOT = Path(__file__).resolve().parents[1]
PARTS = (".env.example", ".github", "compose.yaml", "deploy", "render.yaml")
BREAKS = {
    "Dockerfile": ("deploy/docker/Dockerfile", "USER 10001:10001", "USER root"),
    "schemas": ("render.yaml", "type: web", "type: wb"),
    "compose": ("compose.yaml", "condition: service_healthy", "condition: is_well"),
    "Kubernetes": ("deploy/k8s/base/api.yaml", "containerPort: 8000", "containerPort: http"),
    "Kustomize": ("deploy/k8s/production/ingress.yaml", "pathType: Prefix", "path_type: Prefix"),
    "Terraform": ("deploy/terraform/bucket.tf", "bucket_key_enabled", "has_bucket_key"),
    "workflows": (
        ".github/workflows/ci.yml",
        "run: make check",
        "run: ${{ github.head_ref }}",
    ),
}
"""Check by check: a file, and what is written in the place of something in it."""
SLOW = {"Terraform"}
"""Left to `make check`: it takes six seconds."""
PASSWORDS = re.compile(r"(?i)(password|secret|token)[\"']?\s*[:=]\s*[\"']?[a-z0-9/+]{8,}")


@pytest.fixture
def copy(tmp_path):
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, tmp_path / part)
        else:
            shutil.copy(source, tmp_path / part)
    return tmp_path


def read(name):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def manifests(name):
    return list(yaml.safe_load_all((ROOT / "deploy/k8s/base" / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", sorted(deploy_check.CHECKS.keys() - SLOW))
def test_what_is_deployed_passes_its_check(name):
    verdict = deploy_check.verdict(deploy_check.CHECKS[name], ROOT)

    if verdict.startswith("NOT RUN"):
        pytest.skip(verdict)
    assert verdict == "ok"


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_copy_does_not_pass(name, copy):
    file, there, instead = BREAKS[name]
    text = (copy / file).read_text(encoding="utf-8")
    assert there in text
    (copy / file).write_text(text.replace(there, instead), encoding="utf-8")

    verdict = deploy_check.verdict(deploy_check.CHECKS[name], copy)

    if verdict.startswith("NOT RUN"):
        pytest.skip(verdict)
    assert verdict.startswith("FAILED")


def test_a_program_that_is_not_there_is_no_pass(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CI", raising=False)

    assert deploy_check.verdict(deploy_check.terraform, ROOT).startswith("NOT RUN")
    assert deploy_check.verdict(deploy_check.prometheus, ROOT).startswith("NOT RUN")


def test_in_ci_a_program_that_ci_installs_has_to_be_there(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", "true")

    assert deploy_check.verdict(deploy_check.terraform, ROOT).startswith("NOT RUN")
    assert deploy_check.verdict(deploy_check.prometheus, ROOT).startswith("FAILED")


@pytest.mark.parametrize("overlay", ["base", "production"])
def test_the_settings_of_the_cluster_load(overlay):
    settings = load_settings(ROOT / "deploy/k8s" / overlay).settings

    assert settings.sources["served"].path == settings.serving.events
    assert settings.paths.logs.startswith("/shop/")


def test_one_port_is_served_and_asked_everywhere():
    deployment, service = manifests("api.yaml")
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    [port] = container["ports"]
    api = read("compose.yaml")["services"]["api"]
    dockerfile = (ROOT / "deploy/docker/Dockerfile").read_text(encoding="utf-8")
    load_balancer = (ROOT / "deploy/terraform/door.tf").read_text(encoding="utf-8")

    assert load_settings(ROOT / "deploy/k8s/base").settings.serving.port == 8000
    assert (port["containerPort"], service["spec"]["ports"][0]["port"]) == (8000, 8000)
    assert api["ports"] == ["127.0.0.1:8000:8000"]
    assert api["environment"]["RECOMART_SERVING__PORT"] == 8000
    assert "EXPOSE 8000\n" in dockerfile
    assert re.search(r"port += 8000\n", load_balancer)


@pytest.mark.parametrize(
    ("service", "port"),
    [("mlflow", 5000), ("prometheus", 9090), ("grafana", 3000), ("airflow", 8080)],
)
def test_each_service_is_where_people_look_for_it_on_this_machine_only(service, port):
    assert read("compose.yaml")["services"][service]["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_the_metrics_of_the_stream_are_where_prometheus_looks():
    [target] = next(
        job["static_configs"][0]["targets"]
        for job in read("deploy/prometheus/prometheus.yml")["scrape_configs"]
        if job["job_name"] == "recomart-stream"
    )
    told = read("compose.yaml")["services"]["stream"]
    deployment, service = manifests("stream.yaml")
    [container] = deployment["spec"]["template"]["spec"]["containers"]

    assert target == "stream:9109"
    assert told["environment"]["RECOMART_STREAM__METRICS_PORT"] == 9109
    assert container["args"][-2:] == ["--metrics-port", "9109"]
    assert container["ports"][0]["containerPort"] == service["spec"]["ports"][0]["port"] == 9109
    assert deployment["spec"]["strategy"]["type"] == "Recreate"  # one stream for a log


def test_every_variable_that_is_set_is_a_setting(tmp_path):
    told = read("compose.yaml")["services"]
    render = read("render.yaml")["services"][0]["envVars"]
    terraform = (ROOT / "deploy/terraform/service.tf").read_text(encoding="utf-8")
    names = {
        *(name for one in told.values() for name in one.get("environment", ())),
        *(one["key"] for one in render),
        *re.findall(r"RECOMART_\w+", terraform),
    }
    places = {name: "sqlite:///x" for name in names if name.startswith("RECOMART_")}
    numbers = {"RECOMART_SERVING__PORT": "8000", "RECOMART_SERVING__WORKERS": "2"}
    memory = {"RECOMART_ENGINE__MEMORY_LIMIT": "2GiB"}
    stream = {"RECOMART_STREAM__METRICS_PORT": "9109", "RECOMART_STREAM__PUBLISH": "false"}

    (tmp_path / "recomart.yaml").touch()
    loaded = load_settings(tmp_path, environment={**places, **numbers, **memory, **stream})

    assert loaded.settings.serving.workers == 2


def test_every_container_is_held_in_and_limited():
    for name, service in read("compose.yaml")["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}, name
        assert "healthcheck" in service or name in ("api", "airflow"), name  # the image's own
    job = manifests("pipeline.yaml")[0]["spec"]["jobTemplate"]
    for pod in (manifests("api.yaml")[0], manifests("stream.yaml")[0], job):
        spec = pod["spec"]["template"]["spec"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["containers"][0]["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_no_password_stands_in_a_file():
    kept = subprocess.run(
        ["git", "ls-files", "--", *PARTS], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in kept}

    assert {
        name: found.group() for name, text in texts.items() if (found := PASSWORDS.search(text))
    } == {}


class Database(BaseHTTPRequestHandler):
    """Answers as OSV does: of what it is asked about, these are bad."""

    bad = frozenset()

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = body["package"]["name"]
        told = {"vulns": [{"id": f"MADE-UP-{name}", "affected": []}]} if name in self.bad else {}
        answer = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@contextmanager
def database(*bad):
    handler = type("Told", (Database,), {"bad": frozenset(bad)})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def lock(tmp_path):
    path = tmp_path / "lock.txt"
    path.write_text("six==1.17.0\n", encoding="utf-8")
    return str(path)


def test_the_audit_passes_what_is_not_known_to_be_bad(lock, capsys):
    with database("jinja2") as url:
        assert audit.main(["--osv-url", url, lock]) == 0
    assert "0 known vulnerabilities" in capsys.readouterr().out


def test_the_audit_fails_on_what_is_known_to_be_bad(lock, capsys):
    with database("jinja2", "six") as url:
        assert audit.main(["--osv-url", url, lock]) == audit.FOUND
    assert "six 1.17.0: MADE-UP-six" in capsys.readouterr().err


def test_the_audit_says_not_run_where_the_database_knows_nothing(lock, capsys):
    with database() as url:
        assert audit.main(["--osv-url", url, lock]) == audit.NOT_RUN
    assert "NOT RUN" in capsys.readouterr().err


def test_the_audit_says_not_run_where_nobody_answers(lock, capsys):
    assert audit.main(["--osv-url", "http://127.0.0.1:9/", lock]) == audit.NOT_RUN
    assert "NOT RUN" in capsys.readouterr().err
