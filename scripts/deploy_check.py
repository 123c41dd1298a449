"""Hold what is deployed to its schemas and linters, all at once, in seconds.

    python scripts/deploy_check.py [ROOT]

Each check prints a line: ok, FAILED, or NOT RUN with the reason; exit status 1 if one failed. A
program that is not on the machine is NOT RUN, which is no pass; with CI=true it is a failure, if it
is one that `.ci/run` installs. Terraform and kubectl come from no registry of packages, so without
them their part stays NOT RUN everywhere.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 120
FROM_APT = {"promtool": "prometheus", "docker-compose": "docker-compose"}
"""Programs that `.ci/run` installs, and the package of each."""
PLUGINS = "registry.terraform.io"
"""Name of a folder in which Terraform's plugins lie, where a machine has them."""


class NotRunError(Exception):
    """A check could not be made; says why."""


class FailedError(Exception):
    """A check was made, and found something; says what."""


def call(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Return what a program says. Raises FailedError, with all of it, if it does not end well."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    if done.returncode:
        raise FailedError(f"{Path(command[0]).name}: {done.stdout.strip()}")
    return done.stdout


def ours(name: str) -> Path:
    """Return a program that the development lock installs, beside this Python."""
    return Path(sys.executable).with_name(name)


def installed(name: str) -> str:
    """Return where a program of the system is. Raises NotRunError, or FailedError in CI."""
    found = shutil.which(name)
    if found:
        return found
    if name in FROM_APT:
        if os.environ.get("CI"):
            raise FailedError(f"{name} is not here; .ci/run installs it: {FROM_APT[name]}")
        raise NotRunError(f"{name} is not on this machine: apt-get install {FROM_APT[name]}")
    raise NotRunError(f"{name} is not on this machine")


def dockerfile(root: Path) -> None:
    """Hadolint over every Dockerfile, and the shell over its scripts."""
    for each in sorted(root.glob("deploy/**/Dockerfile*")):
        call(ours("hadolint"), each, cwd=root)
    for each in sorted(root.glob("deploy/**/*.sh")):
        shell = each.read_text(encoding="utf-8").splitlines()[0].split("/")[-1].split()[-1]
        call(installed(shell), "-n", each, cwd=root)


def schemas(root: Path) -> None:
    """Compose, GitHub and Render, by the schemas that check-jsonschema brings, and one of ours."""
    from check_jsonschema import main as check
    from click.testing import CliRunner

    workflows = sorted(map(str, root.glob(".github/workflows/*.yml")))
    for schema, files in {
        "--builtin-schema=vendor.compose-spec": [str(root / "compose.yaml")],
        "--builtin-schema=vendor.github-workflows": workflows,
        "--builtin-schema=vendor.dependabot": [str(root / ".github/dependabot.yml")],
        f"--schemafile={root / 'deploy/render/schema.json'}": [str(root / "render.yaml")],
    }.items():
        done = CliRunner().invoke(
            check, [schema, *files]
        )  # four processes would take four times as long
        if done.exit_code:
            raise FailedError(f"check-jsonschema: {done.output.strip()}")


def compose_config(root: Path) -> None:
    """What Compose itself makes of the file, with made-up passwords."""
    names = ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "GRAFANA_PASSWORD")
    passwords = dict.fromkeys(names, "made-up")
    has_plugin = shutil.which("docker") and not shutil.which("docker-compose")
    compose = ["docker", "compose"] if has_plugin else [installed("docker-compose")]
    call(*compose, "--file", "compose.yaml", "config", "--quiet", cwd=root, env=passwords)


def manifests(root: Path) -> list[Path]:
    """Name the files of the base that are manifests."""
    files = sorted(root.glob("deploy/k8s/base/*.yaml"))
    return [each for each in files if each.stem not in ("kustomization", "recomart")]


def hold_to_kubernetes(where: str, text: str) -> None:
    """Hold each manifest of a text to the newest schemas. Raises FailedError."""
    import kubernetes_validate as schemas_of
    import yaml

    newest, manifest = schemas_of.latest_version(), {}
    try:
        for manifest in yaml.safe_load_all(text):
            schemas_of.validate(manifest, newest, strict=True)
    except (schemas_of.ValidationError, schemas_of.SchemaNotFoundError) as error:
        raise FailedError(f"{where}, {manifest.get('kind')}: {error.message}") from None


def kubernetes(root: Path) -> None:
    """The schemas of Kubernetes, over each file of the base."""
    for each in manifests(root):
        hold_to_kubernetes(each.name, each.read_text(encoding="utf-8"))


def overlays(root: Path) -> None:
    """The same schemas, over what each overlay makes of the base."""
    kubectl = installed("kubectl")
    for each in sorted(root.glob("deploy/k8s/*/kustomization.yaml")):
        made = call(kubectl, "kustomize", each.parent, cwd=root)
        hold_to_kubernetes(f"overlay {each.parent.name}", made)


def plugins() -> Iterator[Path]:
    """Find folders of Terraform's plugins on this machine."""
    tops = [Path.home(), Path("/opt"), Path("/usr/share"), Path("/usr/local/share")]
    for depth in (f"*/{PLUGINS}", f"*/*/{PLUGINS}"):
        yield from (found.parent for top in tops for found in top.glob(depth))


def terraform(root: Path) -> None:
    """Format, and what it would make, after the provider's schema, if the provider is to be had."""
    program = installed("terraform")
    module = root / "deploy/terraform"
    call(program, "fmt", "-check", "-recursive", "-diff", "-no-color", cwd=module)
    env = {"TF_CLI_CONFIG_FILE": os.devnull, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
    found = next(plugins(), None)
    with TemporaryDirectory() as folder:
        left_out = shutil.ignore_patterns(".terraform*", "*.tfstate*")
        place = Path(shutil.copytree(module, Path(folder) / "module", ignore=left_out))
        options = ["-backend=false", "-input=false", "-no-color"]
        options += [f"-plugin-dir={found}"] if found else []
        try:
            call(program, "init", *options, cwd=place, env=env)
        except FailedError as error:
            if found:
                raise
            raise NotRunError(f"the provider is not to be had: {str(error)[-200:]}") from None
        call(program, "test", "-no-color", cwd=place, env=env)


def workflows(root: Path) -> None:
    """What is unsafe in GitHub's workflows."""
    call(
        ours("zizmor"),
        "--offline",
        "--quiet",
        "--no-progress",
        "--color=never",
        ".github",
        cwd=root,
    )


def prometheus(root: Path) -> None:
    """Configuration and rules, and the tests of rules, by Prometheus' own tool."""
    program = installed("promtool")
    place = root / "deploy/prometheus"
    call(program, "check", "config", "--syntax-only", place / "prometheus.yml", cwd=place)
    call(program, "check", "rules", *sorted(place.glob("rules/*.yml")), cwd=place)
    for tests in sorted(place.glob("tests/*.yml")):
        call(program, "test", "rules", tests, cwd=place)


CHECKS: dict[str, Callable[[Path], None]] = {
    "Dockerfile": dockerfile,
    "schemas": schemas,
    "compose": compose_config,
    "Kubernetes": kubernetes,
    "Kustomize": overlays,
    "Terraform": terraform,
    "workflows": workflows,
    "Prometheus": prometheus,
}


def verdict(check: Callable[[Path], None], root: Path) -> str:
    """Run one check and say how it went."""
    try:
        check(root)
    except NotRunError as reason:
        return f"NOT RUN: {reason}"
    except (FailedError, OSError, subprocess.TimeoutExpired) as found:
        return f"FAILED\n{found}"
    return "ok"


def main(arguments: list[str]) -> int:
    """Run all checks at once; print what each says."""
    root = Path(arguments[0]).resolve() if arguments else ROOT
    with ThreadPoolExecutor() as pool:
        verdicts = list(pool.map(lambda check: verdict(check, root), CHECKS.values()))
    for name, said in zip(CHECKS, verdicts, strict=True):
        print(f"{name:22} {said}")
    return 1 if any(said.startswith("FAILED") for said in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
