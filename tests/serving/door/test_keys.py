"""API keys: scopes hold, keys change while the server runs, and secrets stay secret."""

import json
import stat

import pytest
from click.testing import CliRunner

from recomart.cli import recomart
from recomart.errors import IntegrityError, NotFoundError, SettingsError
from recomart.serving.security import KeyFile, hold_to_keys, is_loopback
from tests.serving.door.conftest import opened, problem

DOORS = {
    "read": ("GET", "/popular"),
    "write": ("POST", "/events"),
    "admin": ("GET", "/users/u01/export"),
}


@pytest.fixture(scope="module")
def locked(trained, tmp_path_factory):
    """A server with a key of each scope."""
    folder = tmp_path_factory.mktemp("locked")
    file = KeyFile(folder / "keys.json")
    told = {scope: file.create(f"{scope} key", scope)[0] for scope in DOORS}
    with opened(trained, keys=str(file.path), events=str(folder / "events.sqlite")) as door:
        yield door, told, file


def ask(door, path, key=None, method="GET"):
    headers = {"authorization": f"Bearer {key}".encode()} if key else {}
    body = door.event() if method == "POST" else None
    return door.http.request(method, path, headers=headers, json=body)


@pytest.mark.parametrize("of", DOORS)
@pytest.mark.parametrize("scope", DOORS)
def test_a_key_opens_the_doors_of_its_scope(locked, scope, of):
    door, told, _ = locked
    method, path = DOORS[of]

    answer = ask(door, path, told[scope], method)

    if scope in (of, "admin"):
        assert answer.status_code == 200
    else:
        assert of in problem(answer, 403)["detail"]


@pytest.mark.parametrize("key", [None, "rmk_0_0", "x" * 5_000, "é"])
def test_without_a_key_that_holds_nothing_opens(locked, key):
    door, _, _ = locked

    answer = ask(door, "/popular", key)

    problem(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_life_and_readiness_need_no_key_but_health_and_metrics_do(locked):
    door, told, _ = locked

    assert [ask(door, p).status_code for p in ("/health/live", "/health/ready")] == [200, 200]
    assert [ask(door, p).status_code for p in ("/health", "/metrics")] == [401, 401]
    assert ask(door, "/metrics", told["read"]).status_code == 200


def test_keys_come_and_go_while_the_server_runs(locked):
    door, _, file = locked
    new, key = file.create("passing", "read")

    assert ask(door, "/popular", new).status_code == 200
    file.revoke(key.key_id)
    problem(ask(door, "/popular", new), 401)


def test_a_broken_file_of_keys_changes_nothing_and_opens_nothing(locked):
    door, told, file = locked
    whole = file.path.read_bytes()

    file.path.write_text("{", encoding="utf-8")
    assert ask(door, "/popular", told["read"]).status_code == 200
    problem(ask(door, "/popular"), 401)
    assert "API keys" in ask(door, "/health", told["read"]).json()["troubles"][0]
    file.path.write_bytes(whole)

    assert ask(door, "/health", told["read"]).json()["status"] == "ok"


def test_a_file_that_goes_away_opens_nothing(locked):
    door, told, file = locked
    whole = file.path.read_bytes()

    file.path.unlink()
    problem(ask(door, "/popular"), 401)
    file.path.write_bytes(whole)

    assert ask(door, "/popular", told["read"]).status_code == 200


def test_only_the_hash_is_kept_and_only_the_owner_reads_it(tmp_path):
    file = KeyFile(tmp_path / "keys.json")
    told, key = file.create("shop", "read")

    assert told not in file.path.read_text(encoding="utf-8")
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert key.sha256 == file.read()[0].sha256


def test_a_damaged_file_is_told_and_a_key_that_is_not_there_not_found(tmp_path):
    file = KeyFile(tmp_path / "keys.json")

    with pytest.raises(NotFoundError):
        file.revoke("00000000")
    file.path.write_text(json.dumps({"version": 2, "keys": []}), encoding="utf-8")
    with pytest.raises(IntegrityError):
        file.read()


def test_commands_make_list_and_revoke_keys(tmp_path):
    (tmp_path / "recomart.yaml").write_text("project: Shop\n", encoding="utf-8")

    def type_in(*words):
        result = CliRunner().invoke(recomart, ["-s", str(tmp_path), "--json", *words])
        assert result.exit_code == 0, result.output
        return json.loads(result.output)

    made = type_in("keys", "create", "--scope", "read", "--name", "shopfront")
    assert made["key"].startswith("rmk_")
    assert [key["name"] for key in type_in("keys", "list")] == ["shopfront"]
    assert type_in("keys", "revoke", made["key_id"])["name"] == "shopfront"
    assert type_in("keys", "list") == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "shop.example"])  # noqa: S104
def test_beyond_loopback_nothing_is_listened_on_without_a_key(tmp_path, host):
    file = KeyFile(tmp_path / "keys.json")

    with pytest.raises(SettingsError, match="API key"):
        hold_to_keys(host, file.path)
    file.create("shop", "read")
    hold_to_keys(host, file.path)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_key(tmp_path, host):
    assert is_loopback(host)
    hold_to_keys(host, tmp_path / "none.json")


def test_without_keys_another_name_for_this_machine_is_not_answered_to(door):
    problem(door.http.get("/popular", headers={"host": "evil.example"}), 403)
    assert door.http.get("/popular", headers={"host": "[::1]:80"}).status_code == 200
