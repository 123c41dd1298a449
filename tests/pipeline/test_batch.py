"""Lists for every user: those that the champion would give, whatever happens on the way."""

import json
import shutil
import signal
import subprocess
import sys
import time
from types import ModuleType

import numpy as np
import pyarrow.parquet as pq
import pytest

from recomart.errors import IntegrityError, NotFoundError
from recomart.lake import open_lake
from recomart.models import Interactions
from recomart.models.base import TopN
from recomart.models.registry import model_kind
from recomart.pipeline.batch import recommend_all
from recomart.pipeline.promotion import promote
from recomart.ranking import Champion, batch, listers
from recomart.ranking.aliases import champion_of
from recomart.ranking.listers import filled, lists_of
from tests.trained import copy_of, settings_of

QUIET = {"tracking": {"is_on": False}}


@pytest.fixture
def folder(published_shop, tmp_path):
    copy_of(published_shop, tmp_path)
    return tmp_path


def made(folder, **told):
    """Run it; its manifest, and the lists by user: (item, score, source) best first."""
    loaded = settings_of(folder, batch=told, **QUIET)
    recommend_all(loaded)
    lake = open_lake(loaded)
    manifest = lake.latest("recommendations")
    lists = {}
    for path in lake.paths(manifest.files):
        for row in pq.read_table(path).to_pylist():
            lists.setdefault(row["user_id"], []).append(row)
            assert row["rank"] == len(lists[row["user_id"]])
    return manifest, lists


def as_told(champion, user, n):
    return [(line.item_id, line.source) for line in champion.recommend(user, n)]


def shown(rows):
    return [(row["item_id"], row["source"]) for row in rows]


def test_every_user_gets_the_list_of_the_champion(folder):
    manifest, lists = made(folder, n_items=30, users_per_partition=25)
    champion = Champion.open(settings_of(folder))
    users = champion.shop.users.to_pylist()

    assert list(lists) == users
    assert {user: shown(lists[user]) for user in users} == {
        user: as_told(champion, user, 30) for user in users
    }
    assert [file.rows for file in manifest.files] == [
        sum(len(lists[user]) for user in users[start : start + 25])
        for start in range(0, len(users), 25)
    ]
    assert manifest.details["model"] == champion.name
    assert [parent.name for parent in manifest.parents] == ["published_model"]


def test_a_list_that_the_model_leaves_open_is_filled_with_what_is_popular(folder):
    shop = Champion.open(settings_of(folder)).shop
    top = TopN.empty(4, 3)
    held = int(shop.popular_first[0])
    top.items[:2, 0], top.scores[:2, 0] = held, 1.0
    found = filled(top, shop, range(10, 14), exclude_seen=True)

    for row, items in enumerate(found.items.tolist()):
        seen = set(shop.of_row(10 + row).visitor.items.tolist())
        expected = [held] if row < 2 else []
        expected += [i for i in shop.popular_first.tolist() if i not in seen | set(expected)]
        assert items == expected[:3]
    assert np.isnan(found.scores[:, 1:]).all()


def test_for_very_many_users_the_best_retriever_of_a_cascade_answers_and_says_so(
    folder, monkeypatch
):
    promote(settings_of(folder, **QUIET), 1, "as a test")
    monkeypatch.setattr(batch, "MOST_USERS", 10)
    manifest, lists = made(folder, n_items=5)

    assert manifest.details["champion"] == 1
    assert manifest.details["model"] in ("popularity", "cooccurrence", "rp3beta")
    assert "too slow" in manifest.details["why"]
    assert "ndcg@10" in manifest.details["why"]
    assert {len(rows) for rows in lists.values()} == {5}


@pytest.mark.parametrize(("most_users", "model"), [(10, "cascade"), (500_000, "auto")])
def test_else_the_cascade_itself_answers(folder, monkeypatch, most_users, model):
    promote(settings_of(folder, **QUIET), 1, "as a test")
    monkeypatch.setattr(batch, "MOST_USERS", most_users)
    manifest, lists = made(folder, n_items=5, model=model)
    champion = Champion.open(settings_of(folder))

    assert manifest.details["model"] == "cascade"
    some = list(lists)[:20]
    assert [shown(lists[user]) for user in some] == [as_told(champion, user, 5) for user in some]


def use_processes(monkeypatch):
    """Two, however few the users; and the script that began us is not for them to run."""
    monkeypatch.setattr(listers, "FEW", 0)
    monkeypatch.setattr(listers, "threads", lambda: 2)
    script = ModuleType("__main__")
    script.__file__ = "/nowhere/script.py"
    monkeypatch.setitem(sys.modules, "__main__", script)


def test_processes_make_the_same_lists(folder, monkeypatch):
    promote(settings_of(folder, **QUIET), 1, "as a test")
    told = {"n_items": 5, "model": "cascade", "users_per_partition": 60}
    here, _ = made(folder, **told)
    shutil.rmtree(folder / "data" / "lake" / "models" / "recommendations")
    use_processes(monkeypatch)
    there, _ = made(folder, **told)

    assert there.version == here.version
    assert [file.sha256 for file in there.files] == [file.sha256 for file in here.files]


def test_what_a_process_finds_wrong_is_told_as_if_it_were_here(folder, monkeypatch):
    loaded = settings_of(folder, batch={"model": "cooccurrence"}, **QUIET)
    promote(loaded, 1, "as a test")
    manifest = champion_of(open_lake(loaded))
    [path] = open_lake(loaded).paths([manifest.by_partition()["cooccurrence.arrays.npz"]])
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    use_processes(monkeypatch)

    with pytest.raises(IntegrityError) as raised:
        recommend_all(loaded)
    assert path.name in raised.value.cause
    assert raised.value.remedy


def test_a_blend_is_asked_user_by_user(folder):
    champion = Champion.open(settings_of(folder))
    members = [{"model": "rp3beta"}, {"model": "cooccurrence"}]
    blend = model_kind("blend").make({"members": members})
    blend.fit(Interactions.from_weights(champion.shop.history))
    top = lists_of(blend, champion.shop, range(5, 20), 7, exclude_seen=True)
    batched = blend.recommend(champion.shop.history[5:20], 7)

    assert (top.items == batched.items).all()


def test_what_did_not_change_is_not_done_again(folder):
    first, _ = made(folder, n_items=5)
    again, _ = made(folder, n_items=5)
    longer, _ = made(folder, n_items=6)

    assert (again.number, longer.number) == (first.number, first.number + 1)


def test_a_model_that_is_not_published_is_refused_by_name(folder):
    with pytest.raises(NotFoundError, match="rp3bta") as raised:
        made(folder, model="rp3bta")

    assert "rp3beta" in str(raised.value)
    assert open_lake(settings_of(folder)).find("recommendations") is None


KILLED = """
import os, signal, sys
from recomart.lake.unfinished import Unfinished
note, n = Unfinished.note, [0]
def noted(self, entry):
    note(self, entry)
    n[0] += 1
    if n[0] == 3:
        os.kill(os.getpid(), signal.SIGKILL)
Unfinished.note = noted
from recomart.cli import main
main()
"""


@pytest.fixture
def killed(folder):
    """The lake of a shop where a run was killed after three partitions."""
    words = ["--set", "batch.users_per_partition=10", "--set", "tracking.is_on=false"]
    command = [sys.executable, "-c", KILLED, "-s", str(folder), *words, "batch", "-n", "5"]
    done = subprocess.run(command, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL
    return open_lake(settings_of(folder))


def test_a_killed_run_goes_on_from_what_is_finished(killed, folder, tmp_path_factory):
    lake = killed
    notes = list(lake.objects.keys("models/recommendations/unfinished"))

    assert lake.find("recommendations") is None
    assert len(notes) == 3

    entries = [json.loads(lake.objects.get(key)) for key in notes]
    kept = {entry["key"] for entry in entries}
    lost = entries[0]["key"]
    lake.objects.delete(lost)
    began = time.time_ns()
    manifest, lists = made(folder, n_items=5, users_per_partition=10)

    untouched = [key for key in kept if key != lost]
    paths = [lake.objects.path(key) for key in untouched]
    assert all(path.stat().st_mtime_ns < began for path in paths)
    assert {file.key for file in manifest.files} >= kept
    assert not list(lake.objects.keys("models/recommendations/unfinished"))
    assert len(lists) == manifest.details["n_users"]

    fresh, _ = made(copied(folder, tmp_path_factory), n_items=5, users_per_partition=10)
    assert fresh.version == manifest.version


def copied(folder, factory):
    """The same shop, where nothing of the kind was made."""
    target = factory.mktemp("fresh")
    shutil.copytree(folder, target, dirs_exist_ok=True)
    shutil.rmtree(target / "data" / "lake" / "models" / "recommendations")
    return target
