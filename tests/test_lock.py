"""The lock files say what pyproject.toml promises, and nothing about who wrote them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("core", "rank", "dev", "bench", "serve", "work")
TESTED = (
    *("postgres", "redis", "spark", "rank", "tune", "s3", "tracking", "versioning", "lineage"),
    *("prefect", "serve", "otel"),
)
"""Extras that the tests use."""
SERVING = ("serve", "rank", "postgres", "redis", "s3", "otel")
WORKING = (*SERVING, "tracking", "prefect", "lineage")
"""Extras in the images."""
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def lock_text(name):
    return (ROOT / f"requirements/{name}.txt").read_text(encoding="utf-8")


def is_for(requirement, python):
    """Whether a requirement is asked for on one Python."""
    told = {"python_version": python, "python_full_version": f"{python}.0"}
    return requirement.marker is None or requirement.marker.evaluate(default_environment() | told)


def locked(name, python):
    """The versions that pip installs on one Python, by name."""
    lines = re.findall(r"^(?! )([^\\\n]+?) *\\$", lock_text(name), flags=re.MULTILINE)
    pins = [Requirement(line) for line in lines]
    return {pin.name: next(iter(pin.specifier)).version for pin in pins if is_for(pin, python)}


def wanted():
    """What pyproject.toml asks for, lock by lock."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    core = pyproject["project"]["dependencies"]
    groups, extras = pyproject["dependency-groups"], pyproject["project"]["optional-dependencies"]
    return {
        "core": core + groups["build"],
        "rank": core + extras["rank"],
        "dev": core + groups["dev"] + [one for name in TESTED for one in extras[name]],
        "bench": core + extras["bench"],
        "serve": core + groups["build"] + [one for name in SERVING for one in extras[name]],
        "work": core + groups["build"] + [one for name in WORKING for one in extras[name]],
    }


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_a_version_in_range_for_each_dependency(name, python):
    versions = locked(name, python)
    unmet = [
        text
        for text in wanted()[name]
        if is_for(Requirement(text), python)
        and not Requirement(text).specifier.contains(versions.get(Requirement(text).name, "0"))
    ]

    assert unmet == []


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", ["dev", "bench", "serve", "work"])
def test_the_locks_agree_so_that_one_environment_holds_them(name, python):
    core, other = locked("core", python), locked(name, python)

    assert {each: other[each] for each in core.keys() & other.keys()} == {
        each: core[each] for each in core.keys() & other.keys()
    }


@pytest.mark.parametrize("name", [*LOCKS, "airflow"])
def test_every_pin_is_exact_and_has_a_hash(name):
    pins = re.split(r"\n(?! )", lock_text(name).strip())

    assert [pin for pin in pins if "==" not in pin or "--hash=sha256:" not in pin] == []


@pytest.mark.parametrize("name", [*LOCKS, "airflow"])
def test_a_lock_names_no_host_and_no_path(name):
    assert re.findall(r".*(?:://|@ |/|--index|--find-links).*", lock_text(name)) == []
