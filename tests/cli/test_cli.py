"""The command line: light to start, helpful to read, exact in what it answers."""

import json
import re
import shutil
import subprocess
import sys
from importlib.resources import files

import click
import pytest

from recomart import __version__, cli
from recomart.cli import recomart

HEAVY = {
    *("altair", "duckdb", "httpx", "ibis", "matplotlib", "numpy", "pandas", "pyarrow", "rich"),
    *("scipy", "streamlit"),
}


def commands(group=recomart, above=""):
    for name, command in group.commands.items():
        yield f"{above}{name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{above}{name} ")


COMMAND = []
"""What `recomart` is here."""


@pytest.fixture(scope="module", autouse=True)
def program(preloaded):
    COMMAND[:] = [str(preloaded)]


def call(*arguments, check=None):
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    if check is not None:
        assert done.returncode == check, done.stderr
    return done


def test_starts_light():
    script = "import sys, recomart.cli; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert not set(loaded.stdout.split()) & HEAVY


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_every_command_explains_itself_with_an_example(name, command):
    text = command.get_help(click.Context(command, info_name=f"recomart {name}"))

    assert isinstance(command, click.Group) or re.search(r"Examples?:\n {4}\S", text)
    assert "\\b" not in text


def test_help_lists_the_exit_statuses():
    text = recomart.get_help(click.Context(recomart))

    assert "Exit status: 0 done" in text


@pytest.fixture(scope="module")
def demo(demonstration, tmp_path_factory):
    """A copy of a small demonstration, what it said, and how long it took."""
    folder = shutil.copytree(demonstration / "demo", tmp_path_factory.mktemp("demo") / "demo")
    told = (demonstration / "told.txt").read_text(encoding="utf-8")
    seconds = float((demonstration / "seconds.txt").read_text(encoding="utf-8"))
    return folder, told.replace(str(demonstration / "demo"), str(folder)), seconds


def test_the_demonstration_shows_models_lists_and_reports(demo):
    folder, told, seconds = demo

    assert seconds < 120
    assert re.search(r"^blend\t0\.\d{4} \[0\.\d{4}, 0\.\d{4}\]", told, flags=re.MULTILINE)
    assert told.count("For user ") == 5
    assert "because you" in told
    for name in ("index", "data_quality_report", "eda", "evaluation", "lineage"):
        assert str(folder / "reports" / f"{name}.html") in told
        assert (folder / "reports" / f"{name}.html").stat().st_size > 5_000


def test_the_demonstration_skips_what_is_done_and_refuses_other_options(demo):
    folder, _, _ = demo
    again = call("demo", "--folder", folder, "--users", 300, check=0)
    other = call("demo", "--folder", folder, "--users", 301, check=2)

    assert "= validate" in again.stdout
    assert "made with other options" in other.stderr


def test_lists_come_as_tables_or_as_json(demo):
    folder, _, _ = demo
    plain = call("-s", folder, "recommend", "--user", "nobody", "-n", 3, check=0).stdout
    rows = json.loads(call("-s", folder, "--json", "recommend", "-u", "nobody", "-n", 3).stdout)

    assert plain.splitlines()[0].startswith("rank\titem_id\ttitle")
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert rows[0]["item_id"] in plain


def test_a_recommendation_is_explained(demo):
    folder, told, _ = demo
    user = re.search(r"For user (\S+)", told).group(1)
    shown = call("-s", folder, "recommend", "-u", user, "-n", 2, "--explain", check=0).stdout

    assert re.search(r"model: \w+, version ", shown)
    [given] = re.findall(r"recommendation: ([0-9a-f]{12}-[0-9a-f]{12})", shown)
    assert "published_model #1" in call("-s", folder, "lineage", given, check=0).stdout
    assert "source" in shown


def test_similar_items_are_listed_for_known_and_unknown_ones(demo):
    folder, _, _ = demo
    known = json.loads(call("-s", folder, "--json", "similar", "-i", "1", "-n", 4).stdout)
    unknown = json.loads(call("-s", folder, "--json", "similar", "-i", "zzz", "-n", 4).stdout)

    assert len(known) == len(unknown) == 4
    assert "not known" in unknown[0]["reason"]


def test_status_report_and_doctor_answer(demo):
    folder, _, _ = demo
    status = json.loads(call("-s", folder, "--json", "status", check=0).stdout)
    reports = json.loads(call("-s", folder, "--json", "report", check=0).stdout)
    doctor = json.loads(call("-s", folder, "--json", "doctor", "--verify").stdout)

    assert {row["name"] for row in status["data_sets"]} >= {
        "raw_events",
        "events",
        "published_model",
    }
    assert status["last_run"]["outcome"] == "done"
    assert len(reports["reports"]) == 6
    wrong = [finding for finding in doctor if not finding["ok"]]
    assert [one for one in wrong if one["check"] != "service"] == []  # port 8000 is anybody's


def test_the_quarantine_is_listed_shown_and_written_as_csv(demo):
    folder, _, _ = demo
    listed = json.loads(call("-s", folder, "--json", "quarantine", "list", check=0).stdout)
    rule = listed[0]["rule"]
    shown = json.loads(call("-s", folder, "--json", "quarantine", "show", "--rule", rule).stdout)
    mend = call("-s", folder, "quarantine", "show", "--source", "events", "--csv", check=0).stdout

    assert sum(row["rows"] for row in listed) > 50
    assert all(rule in row["rules"].split() for row in shown)
    assert mend.startswith("event_id,")
    call("-s", folder, "quarantine", "show", "--source", "evnts", check=3)


def test_a_damaged_file_is_found_by_the_doctor(demo, tmp_path):
    folder, _, _ = demo
    [file] = (folder / "data/lake/features/user_features/files").glob("*.parquet")
    whole = file.read_bytes()
    file.write_bytes(whole[:-9] + b"x" + whole[-8:])
    done = call("-s", folder, "doctor", "--verify", check=1)
    file.write_bytes(whole)

    assert "sha256" in done.stdout


def test_init_writes_settings_and_overwrites_nothing(tmp_path):
    for template in ("basic", "online-retail", "retailrocket"):
        call("init", tmp_path / template, "-t", template, "--data", tmp_path, check=0)
        assert str(tmp_path) in (tmp_path / template / "recomart.yaml").read_text()
    again = call("init", tmp_path / "basic", check=2)

    assert "is there already" in again.stderr


def test_settings_are_shown_with_their_origin(tmp_path):
    call("init", tmp_path, check=0)
    shown = call("-s", tmp_path, "--set", "engine.threads=3", "config", "show", "--origin", check=0)
    tree = json.loads(call("-s", tmp_path, "--json", "config", "show", check=0).stdout)

    assert "engine.threads\t3\tflag for engine.threads" in shown.stdout
    assert "project\tmy-shop\trecomart.yaml:" in shown.stdout
    assert tree["sources"]["events"]["kind"] == "csv"


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["-s", "nowhere.yaml", "run"], 2, "RM-110: There is no settings file 'nowhere.yaml'"),
        (["--set", "engine", "run"], 2, "has no value"),
        (["run", "--only", "validat"], 3, "Did you mean 'validate'?"),
        (["recommend", "-u", "ann"], 3, "RM-201: The lake has no data set 'published_model'"),
        (["recommend", "-u", "ann", "-n", "0"], 2, "0 is not in the range"),
        (["run", "--date", "yesterday"], 2, "does not match the format"),
        (["runn"], 2, "No such command"),
    ],
)
def test_a_mistake_is_told_with_its_status(arguments, status, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = call(*arguments, check=status)

    assert says in done.stderr


def test_main_is_what_the_script_calls():
    assert callable(cli.main)


def test_a_whole_run_leaves_the_reports(demo):
    folder, _, _ = demo
    (folder / "reports" / "index.html").unlink()
    # the catalogue's server is gone by now; the one fetched before is young enough
    told = call("-s", folder, "run", check=0).stdout

    assert f"Reports: {folder / 'reports' / 'index.html'}" in told
    assert (folder / "reports" / "index.html").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no bash")
@pytest.mark.parametrize(
    ("typed", "offers"),
    [
        ("recomart quar", ["quarantine"]),
        ("recomart models ro", ["rollback"]),
        ("recomart -s . init x --temp", ["--template"]),
        ("recomart init x -t ret", ["retailrocket"]),
    ],
)
def test_bash_completes_what_is_typed(typed, offers, tmp_path):
    program = tmp_path / "recomart"
    main = "from recomart.cli import main; main()"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{main}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    words = typed.split()
    script = f"""
        PATH={tmp_path}:$PATH
        eval "$(recomart completion bash)"
        COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}
        $(complete -p recomart | sed 's/.*-F \\([^ ]*\\).*/\\1/') recomart
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)

    assert (done.stdout.split(), done.stderr) == (offers, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_is_told_how_to_ask(shell):
    assert "_RECOMART_COMPLETE" in call("completion", shell, check=0).stdout


def test_the_version_is_that_of_the_package():
    assert call("--version", check=0).stdout == f"recomart, version {__version__}\n"


def test_the_package_carries_its_types():
    assert files("recomart").joinpath("py.typed").is_file()
