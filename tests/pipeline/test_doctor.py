"""The examination finds what is wrong, tells what to do, changes nothing, and never takes long."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import closing, contextmanager

import pytest

from recomart.cli import recomart
from recomart.pipeline.doctor import checks, examine
from recomart.settings import load_settings
from tests.servers import free_port


@pytest.fixture
def shop(small_shop, tmp_path):
    """A copy that may be spoilt."""
    return shutil.copytree(small_shop, tmp_path / "shop")


def found_in(folder, patience_s=4, verify=False, **flags):
    """Findings by name of the check, with settings as ``serving__port=1``."""
    told = {tuple(name.split("__")): value for name, value in flags.items()}
    told = {("serving", "port"): free_port(), **told}
    found = examine(
        lambda: load_settings(folder, environment={}, flags=told),
        verify=verify,
        patience_s=patience_s,
    )
    assert all(one.code and one.remedy for one in found if not one.ok)
    return {one.check: one for one in found}


def wrong(found):
    return sorted(name for name, one in found.items() if not one.ok)


def content(folder):
    return {
        path.relative_to(folder): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in folder.rglob("*")
    }


@contextmanager
def listening(answer=None):
    """Somebody who takes connections, and says what is given, or nothing for ever."""
    with closing(socket.create_server(("127.0.0.1", 0))) as door:
        command = f"""
import socket, time
door = socket.socket(fileno={door.fileno()})
while True:
    line, _ = door.accept()
    answer = {answer!r}
    if answer is None:
        time.sleep(60)
    line.recv(9_999)
    line.sendall(answer)
    line.close()
"""
        process = subprocess.Popen([sys.executable, "-c", command], pass_fds=[door.fileno()])
        try:
            yield door.getsockname()[1]
        finally:
            process.kill()
            process.wait()


def test_a_whole_shop_is_well_and_left_as_it_was(shop):
    before = content(shop)
    found = found_in(shop, verify=True)

    assert wrong(found) == []
    assert content(shop) == before
    assert "every byte read" in found["data sets"].found
    assert found["model"].found.startswith("cooccurrence, number 1")
    assert "no longer" not in found["source catalogue"].found
    assert "The one fetched before is used" in found["source catalogue"].found
    assert "is free" in found["service"].found


def test_a_folder_without_a_shop_is_no_fault(tmp_path):
    (tmp_path / "recomart.yaml").write_text("project: New\n")
    found = found_in(tmp_path)

    assert wrong(found) == []
    assert found["sources"].remedy
    assert [path.name for path in tmp_path.iterdir()] == ["recomart.yaml"]


def newest(shop, name, kind):
    return max((shop / "data" / "lake" / name / kind).iterdir())


def damage_manifest(shop):
    newest(shop, "prepared/events", "manifests").write_text('{"name": "eve', encoding="utf-8")


def cut_file(shop):
    path = newest(shop, "prepared/events", "files")
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-9])


def lose_file(shop):
    newest(shop, "features/user_features", "files").unlink()


def lose_champion(shop):
    shutil.rmtree(shop / "data/lake/models/published_model")


def spoil_warehouse(shop):
    (shop / "data/warehouse.sqlite").write_bytes(b"no database" * 1000)


def spoil_online(shop):
    (shop / "data/online.sqlite").write_bytes(b"no database" * 1000)


def spoil_event_log(shop):
    shutil.copyfile(shop / "data/warehouse.sqlite", shop / "data/events.sqlite")


def lose_sources(shop):
    shutil.rmtree(shop / "shop/events")


def file_for_folder(shop):
    shutil.rmtree(shop / "reports", ignore_errors=True)
    (shop / "reports").write_text("", encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "check", "code"),
    [
        (damage_manifest, "data set events", "RM-500"),
        (cut_file, "data set events", "RM-500"),
        (lose_file, "data set user_features", "RM-500"),
        (lose_champion, "model", "RM-201"),
        (spoil_warehouse, "warehouse", "RM-500"),
        (spoil_online, "online store", "RM-500"),
        (spoil_event_log, "event log", "RM-500"),
        (lose_sources, "source events", "RM-120"),
        (file_for_folder, "reports folder", "RM-400"),
    ],
)
def test_what_is_spoilt_is_found_and_nothing_else(shop, spoil, check, code):
    spoil(shop)
    found = found_in(shop)

    assert wrong(found) == [check]
    assert found[check].code == code


BY_SOMEBODY_ELSE = """
import json, os, sys
from pathlib import Path
from tests.pipeline.test_doctor import found_in
shop = Path(sys.argv[1])
found_in(shop)  # what is imported on the way is, before the rights are gone
if os.geteuid() == 0:
    os.seteuid(65_534)
found = found_in(shop)["lake folder"]
print(json.dumps({"is_wrong": not found.ok, "found": found.found}))
"""
"""Not in our process: a change of user disturbs the threads that others have there."""


@pytest.mark.skipif(os.name == "nt", reason="rights are other things there")
def test_a_folder_that_may_not_be_read_is_found(shop):
    for folder in (shop, *shop.parents):
        if folder.stat().st_uid == os.geteuid():
            folder.chmod(folder.stat().st_mode | 0o055)
    (shop / "data/lake/features").chmod(0)
    command = [sys.executable, "-c", BY_SOMEBODY_ELSE, str(shop)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run(command, capture_output=True, check=True, env=environment, text=True)
    found = json.loads(told.stdout)

    assert found["is_wrong"]
    assert "data/lake" in found["found"]


@pytest.mark.parametrize(
    ("settings", "check", "code"),
    [
        ({"serving__host": "192.0.2.1"}, "service", "RM-400"),
        ({"serving__host": "0.0.0.0"}, "keys", "RM-110"),  # noqa: S104 - that is the fault
        ({"paths__lake": "gopher://x/y"}, "lake", "RM-110"),
        ({"paths__online": "redis://127.0.0.1:1/0"}, "online store", "RM-402"),
        ({"paths__warehouse": "postgresql://127.0.0.1:1/x"}, "warehouse", "RM-402"),
        ({"engine__kind": "postgres", "engine__postgres": "nonsense"}, "engine", "RM-402"),
        ({"lineage__url": "http://127.0.0.1:1"}, "lineage", "RM-400"),
        ({"serving__otlp": "http://127.0.0.1:99999/"}, "traces", "RM-110"),
    ],
)
def test_settings_that_lead_nowhere_are_found(shop, settings, check, code):
    found = found_in(shop, **settings)

    assert check in wrong(found)
    assert found[check].code == code


def test_passwords_are_not_told(shop):
    places = {
        "paths__online": "redis://:hush@127.0.0.1:1/0",
        "paths__warehouse": "postgresql://ann:hush@127.0.0.1:1/x",
    }
    found = found_in(shop, **places)

    assert {"online store", "warehouse"} <= set(wrong(found))
    assert "hush" not in str(found)


def test_settings_that_do_not_fit_are_told_and_no_traceback(tmp_path):
    (tmp_path / "recomart.yaml").write_text("preparation: {sesion_gap_minutes: 3}\n")
    found = found_in(tmp_path)

    assert wrong(found) == ["settings"]
    assert "session_gap_minutes" in found["settings"].remedy


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.0 200 OK\r\n\r\n<h1>another</h1>", "Something else listens"),
        (b"SSH-2.0-OpenSSH\r\n", "Something else listens"),
        (
            b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps({"troubles": ["No disk."]}).encode(),
            "degraded: No disk.",
        ),
    ],
)
def test_who_listens_on_the_port_is_told_apart(shop, answer, says):
    with listening(answer) as port:
        found = found_in(shop, serving__port=port)

    assert wrong(found) == ["service"]
    assert says in found["service"].found


def test_a_service_that_runs_and_wants_a_key_is_well(shop):
    body = json.dumps({"type": "urn:recomart:error:RM-190", "status": 401}).encode()
    with listening(b"HTTP/1.0 401 Unauthorized\r\n\r\n" + body) as port:
        found = found_in(shop, serving__port=port)

    assert wrong(found) == []


def test_servers_that_hang_do_not_hold_it_up(shop):
    with listening() as port:
        url = f"127.0.0.1:{port}"
        began = time.monotonic()
        found = found_in(
            shop,
            patience_s=2,
            serving__port=port,
            paths__online=f"redis://{url}/0",
            paths__warehouse=f"postgresql://{url}/x",
        )
        seconds = time.monotonic() - began

    assert {"online store", "service", "warehouse"} == set(wrong(found))
    assert seconds < 6


def test_a_check_that_fails_is_a_finding(shop, monkeypatch):
    def look(_subject):
        raise ZeroDivisionError("oh")

    monkeypatch.setitem(checks.CHECKS, "odd", look)
    found = found_in(shop)

    assert wrong(found) == ["odd"]
    assert "ZeroDivisionError: oh" in found["odd"].found


def test_the_command_ends_with_1_if_something_is_wrong(shop, monkeypatch):
    from click.testing import CliRunner

    monkeypatch.setenv("RECOMART_SERVING__PORT", str(free_port()))
    well = CliRunner().invoke(recomart, ["-s", str(shop), "doctor"])
    lose_champion(shop)
    ill = CliRunner().invoke(recomart, ["-s", str(shop), "--json", "doctor"])

    assert (well.exit_code, well.output.splitlines()[-1]) == (0, "Nothing is wrong.")
    assert ill.exit_code == 1
    assert [one["code"] for one in json.loads(ill.output) if not one["ok"]] == ["RM-201"]
