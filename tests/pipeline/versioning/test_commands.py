"""The commands: what they answer to people and to programs, without a word of DVC's."""

import json

from click.testing import CliRunner

from recomart.cli import recomart
from tests.pipeline.versioning.conftest import change


def call(loaded, *typed):
    done = CliRunner().invoke(recomart, ["-s", str(loaded.folder), *typed], catch_exceptions=False)
    assert done.stderr == ""
    return done.stdout


def ask(loaded, *typed):
    return json.loads(call(loaded, "--json", *typed))


def test_people_are_told_what_happened(shop):
    assert call(shop, "data", "init").startswith("There was no git repository; made one in")
    assert "layers    raw, validated, prepared" in call(shop, "data", "snapshot", "-m", "first")
    assert call(shop, "data", "snapshot").startswith("Nothing changed since the last snapshot.")
    change(shop, "two")
    call(shop, "data", "snapshot")
    listed = call(shop, "data", "list").splitlines()
    assert [line.split("\t")[2] for line in listed] == ["message", "Snapshot of the data", "first"]
    assert "changed    raw, validated" in call(shop, "data", "restore", "HEAD~1")
    call(shop, "data", "restore", "HEAD")
    assert "say --yes" in call(shop, "data", "gc", "--keep", "1")
    assert "is_done  yes" in call(shop, "data", "gc", "--keep", "1", "--yes")


def test_programs_get_records(kept, tmp_path):
    remote = ["--set", f"versioning.remote={tmp_path}"]

    assert ask(kept, "data", "init")["is_new"] is False
    assert ask(kept, "data", "list")[0]["layers"]["raw"] > 0
    assert ask(kept, *remote, "data", "push")["objects"] > 10
    assert ask(kept, *remote, "data", "pull")["objects"] == 0
    assert ask(kept, "data", "restore", "HEAD")["changed"] == []
    assert ask(kept, "data", "gc")["objects"] == 0
