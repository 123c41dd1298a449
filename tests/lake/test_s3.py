"""A lake in a bucket: races, leases, copies, faults."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from recomart.errors import (
    AccessDeniedError,
    IntegrityError,
    LakeBusyError,
    MissingExtraError,
    NotFoundError,
    SettingsError,
    StoreUnavailableError,
)
from recomart.lake import Draft, Lake, Making, S3Objects, open_lake
from recomart.settings import Loaded, Settings
from tests.s3 import BUCKET, BUSY, DENIED, fresh_url

MIB = 1 << 20
BIG = os.urandom(MIB) * 6


@pytest.fixture
def make(s3_url, tmp_path):
    """Open the same lake as from another machine, each time."""

    def open_one(name="here", **options):
        return S3Objects(s3_url, tmp_path / name, **options)

    return open_one


@pytest.fixture
def objects(make):
    return make()


@pytest.fixture
def lake(objects):
    return Lake(objects)


def commit(lake, *items):
    draft = Draft(lake, "events")
    draft.add_table(pa.table({"item_id": items or ("mug",)}).to_reader(), "2026-01-15")
    return draft.commit(Making(key="k", stage="prepare", run_id="r"))


def leftovers(objects):
    client = objects.bucket._client
    found = client.list_multipart_uploads(Bucket=BUCKET, Prefix=objects.bucket.prefix)
    return found.get("Uploads", [])


# ------------------------------------------------------------------ one of two wins


def test_of_two_that_put_the_same_key_one_wins(make):
    machines = [make("one"), make("two")]
    for number in range(8):
        both = threading.Barrier(2)

        def put(machine, key=f"raw/{number}", both=both):
            both.wait()
            return machine.put_if_absent(key, machine.cache.as_posix().encode())

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(put, machines)) == [False, True]


def test_of_two_that_commit_the_same_number_one_is_told(make):
    first, second = Lake(make("one")), Lake(make("two"))
    manifest = commit(first)

    with pytest.raises(LakeBusyError, match="committed this version first"):
        second.publish(manifest)


def test_a_put_whose_answer_is_lost_is_known_as_ours(s3, objects):
    answers = iter([True])
    s3.lost = lambda method, _path: method == "PUT" and next(answers, False)

    assert objects.put_if_absent("raw/a.csv", b"ours")
    assert not objects.put_if_absent("raw/a.csv", b"ours")
    assert s3.count("PUT") == 3


def test_a_file_whose_answer_is_lost_is_known_as_ours_or_not(s3, make):
    one, two = make("one"), make("two")
    two.put_if_absent("raw/b.csv", b"theirs")
    for key, is_ours in (("raw/a.csv", True), ("raw/b.csv", False)):
        answers = iter([True])
        s3.lost = lambda method, _path, answers=answers: method == "PUT" and next(answers, False)

        assert one.adopt_if_absent(key, written(one, b"ours")) is is_ours


def written(objects, data):
    aside = objects.aside()
    aside.write_bytes(data)
    return aside


def test_a_put_that_conflicts_with_another_is_tried_again(s3, objects):
    answers = iter([("409 No", "ConditionalRequestConflict")] * 2)
    s3.fault = lambda _method, _path: next(answers, None)

    assert objects.adopt_if_absent("raw/a.csv", written(objects, b"ours"))
    assert objects.get("raw/a.csv") == b"ours"


# ------------------------------------------------------------------ big files


def test_a_big_file_goes_in_parts_and_is_there_as_a_whole(s3, make):
    one, two = make("one", part_bytes=5 * MIB), make("two", part_bytes=5 * MIB)

    assert one.adopt_if_absent("raw/big.csv", written(one, BIG))
    assert not two.adopt_if_absent("raw/big.csv", written(two, BIG[::-1]))
    assert two.path("raw/big.csv").read_bytes() == BIG
    assert s3.count("PUT", "partNumber") == 4
    assert leftovers(one) == []


def test_of_two_big_files_the_one_that_is_complete_first_wins(s3, make):
    one, two = make("one", part_bytes=5 * MIB), make("two")

    def overtake(method, path):
        if method == "POST" and "uploadId" in path:
            s3.fault = lambda _method, _path: None
            two.put_if_absent("raw/big.csv", b"small")

    s3.fault = overtake

    assert not one.adopt_if_absent("raw/big.csv", written(one, BIG))
    assert two.get("raw/big.csv") == b"small"
    assert leftovers(one) == []


def test_a_big_file_that_fails_leaves_nothing(s3, make):
    one = make(part_bytes=5 * MIB)
    s3.fault = lambda _method, path: DENIED if "partNumber=2" in path else None

    with pytest.raises(AccessDeniedError):
        one.adopt_if_absent("raw/big.csv", written(one, BIG))
    assert list(one.keys()) == leftovers(one) == []
    assert not list(one.cache.rglob("*.partial"))


KILLED = """
import os, sys
from pathlib import Path
from recomart.lake import S3Objects
objects = S3Objects(sys.argv[1], Path(sys.argv[2]))
aside = objects.aside()
aside.write_bytes(bytes(24 << 20))
objects.adopt_if_absent(f"raw/{os.getpid()}", aside)
"""


def test_an_upload_that_is_killed_half_way_leaves_nothing(s3, s3_url, tmp_path, objects):
    def kill(method, path):
        if method == "PUT":
            os.kill(int(path.split("?")[0].rpartition("/")[2]), signal.SIGKILL)

    s3.fault = kill
    command = [sys.executable, "-c", KILLED, s3_url, str(tmp_path / "other")]

    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert s3.count("PUT") == 1
    assert list(objects.keys()) == []


# ------------------------------------------------------------------ lists and copies


def test_a_list_longer_than_a_page_is_whole(s3, objects):
    for name in "dbeca":
        objects.put_if_absent(f"raw/{name}", b"")
    objects.put_if_absent("raw/.hidden", b"")
    objects.put_if_absent("raws/x", b"")
    s3.page = 2
    s3.seen = []

    assert list(objects.keys("raw")) == [f"raw/{name}" for name in "abcde"]
    assert s3.count("GET") == 3


def test_what_was_written_or_read_once_is_not_fetched_again(s3, make):
    there, here = Lake(make("there")), Lake(make("here"))
    manifest = commit(there)
    s3.seen = []
    there.paths(manifest.files)
    fetched = s3.count("GET")
    for _ in range(3):
        here.paths(manifest.files)

    assert (fetched, s3.count("GET")) == (0, 1)


@pytest.mark.parametrize("damage", [b"", b"garbage"])
def test_a_damaged_copy_is_fetched_once_more(lake, damage):
    [file] = commit(lake).files
    copy = lake.objects.path(file.key)
    whole = copy.read_bytes()
    copy.write_bytes(damage)

    assert [path.read_bytes() for path in lake.paths([file])] == [whole]


def test_damage_in_the_bucket_is_told(make):
    here, there = Lake(make("here")), make("there")
    [file] = commit(here).files
    there.delete(file.key)
    with pytest.raises(IntegrityError, match="no file"):
        Lake(there).paths([file])
    there.put_if_absent(file.key, b"garbage")

    with pytest.raises(IntegrityError, match="its manifest says"):
        Lake(there).paths([file])


@pytest.mark.parametrize("key", ["../a", "raw/../../a", "/etc/a", "raw\\..\\a"])
def test_no_key_leads_out_of_the_cache(objects, key):
    with pytest.raises(KeyError):
        objects.path(key)


# ------------------------------------------------------------------ the lease


def test_a_lake_has_one_writer_and_its_name_is_told(make):
    here, there = make("here"), make("there")
    with (
        here.lease("run-a"),
        pytest.raises(LakeBusyError, match=f"run run-a, process {os.getpid()} on "),
        there.lease("run-b"),
    ):
        pass
    with there.lease("run-b"):
        pass
    assert list(here.keys()) == []


def test_a_machine_has_one_writer(make):
    here, twin = make(), make()
    with here.lease("run-a"), pytest.raises(LakeBusyError, match="run run-a"), twin.lease("run-b"):
        pass


def test_a_lease_runs_out_by_the_clock_of_the_server(s3, make):
    here, there = make("here"), make("there")
    with here.lease("run-a"):
        s3.ahead_s = 59
        with pytest.raises(LakeBusyError, match="within 1 s"), there.lease("run-b"):
            pass
        s3.ahead_s = 61
        with there.lease("run-b"):
            assert there.put_if_absent("raw/b.csv", b"b")


def test_a_lease_that_is_renewed_does_not_run_out(make):
    here, there = make("here", to_live_s=2.0), make("there")
    with here.lease("run-a"):
        time.sleep(3.2)
        with pytest.raises(LakeBusyError, match="run-a"), there.lease("run-b"):
            pass
        assert here.put_if_absent("raw/a.csv", b"a")


def test_a_run_that_lost_its_lease_writes_no_more(s3, make):
    here, there = make("here", to_live_s=0.8), make("there")
    with here.lease("run-a"):
        s3.ahead_s = 2
        with there.lease("run-b"):
            time.sleep(0.3)
            with pytest.raises(LakeBusyError, match=r"run run-b.*took over"):
                Lake(here).publish(commit(Lake(there)))
            assert there.put_if_absent("raw/b.csv", b"b")
    with here.lease("run-c"):
        assert here.put_if_absent("raw/a.csv", b"a")


def test_ending_a_run_that_lost_its_lease_leaves_it_to_the_other(s3, make):
    here, there, third = make("here", to_live_s=0.8), make("there"), make("third")
    with here.lease("run-a"):
        s3.ahead_s = 2
        taken = there.lease("run-b")
        taken.__enter__()
        time.sleep(0.3)
    with pytest.raises(LakeBusyError, match="run-b"), third.lease("run-c"):
        pass
    taken.__exit__(None, None, None)


def test_a_lease_outlives_a_server_that_is_away_for_a_while(s3, make):
    here = make(to_live_s=0.4)
    with here.lease("run-a"):
        s3.fault = lambda _method, path: DENIED if ".lease" in path else None
        time.sleep(0.6)
        with pytest.raises(AccessDeniedError):
            here.put_if_absent("raw/a.csv", b"a")
        s3.heal()
        assert here.put_if_absent("raw/a.csv", b"a")


def test_a_lease_whose_answers_are_lost_is_held(s3, make):
    here, answers = make(to_live_s=0.4), iter([True, False, True])
    s3.lost = lambda method, path: method == "PUT" and ".lease" in path and next(answers, False)
    with here.lease("run-a"):
        time.sleep(0.3)
        s3.heal()
        assert here.put_if_absent("raw/a.csv", b"a")


def test_a_lease_that_was_deleted_is_lost(make):
    here = make(to_live_s=0.2)
    with here.lease("run-a"):
        here.bucket.delete(".lease")
        time.sleep(0.2)
        with pytest.raises(LakeBusyError, match="somebody deleted"):
            here.put_if_absent("raw/a.csv", b"a")


HOLDS = """
import os, signal, sys
from pathlib import Path
from recomart.lake import S3Objects
with S3Objects(sys.argv[1], Path(sys.argv[2])).lease("killed"):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_who_was_killed_keeps_other_machines_waiting_but_not_the_same(make, s3_url, tmp_path):
    here, there = make("here"), make("there")
    subprocess.run([sys.executable, "-c", HOLDS, s3_url, str(tmp_path / "here")], check=False)

    with pytest.raises(LakeBusyError, match="run killed"), there.lease("run-b"):
        pass
    with here.lease("run-a"):
        assert here.put_if_absent("raw/a.csv", b"a")


# ------------------------------------------------------------------ faults


REFUSED = {
    "403 AccessDenied": AccessDeniedError,
    "403 InvalidAccessKeyId": AccessDeniedError,
    "400 ExpiredToken": AccessDeniedError,
    "403 RequestTimeTooSkewed": AccessDeniedError,
    "404 NoSuchBucket": NotFoundError,
    "404 NoSuchKey": KeyError,
    "500 InternalError": StoreUnavailableError,
    "503 SlowDown": StoreUnavailableError,
    "501 NotImplemented": StoreUnavailableError,
}


@pytest.mark.parametrize("answer", REFUSED)
def test_what_the_server_answers_is_an_error_with_a_remedy(s3, objects, answer):
    status, code = answer.split()
    s3.fault = lambda _method, _path: (f"{status} No", code)

    with pytest.raises(REFUSED[answer]) as caught:
        objects.get("raw/a.csv")
    assert REFUSED[answer] is KeyError or caught.value.remedy
    assert "made-up-secret" not in str(caught.value)


def test_a_server_that_is_busy_for_a_moment_is_asked_again(s3, objects):
    answers = iter([BUSY])
    s3.fault = lambda _method, _path: next(answers, None)

    assert objects.put_if_absent("raw/a.csv", b"a")


def test_a_server_that_is_slow_is_given_up(s3, make, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    objects = make(answer_s=0.2)
    s3.fault = lambda _method, _path: time.sleep(0.6)

    began = time.perf_counter()
    with pytest.raises(StoreUnavailableError, match="ReadTimeoutError"):
        objects.get("raw/a.csv")
    assert time.perf_counter() - began < 1


def test_a_server_that_is_away_is_told(s3, make, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    with pytest.raises(StoreUnavailableError, match="EndpointConnectionError"):
        make().get("raw/a.csv")


@pytest.mark.parametrize("verb", ["get", "path"])
def test_a_body_that_breaks_off_is_asked_for_again(s3, make, verb):
    make("there").put_if_absent("raw/a.csv", BIG)
    read = getattr(make("here"), verb)
    s3.cut = 2
    found = read("raw/a.csv")

    assert (found if verb == "get" else found.read_bytes()) == BIG


def test_a_body_that_always_breaks_off_leaves_no_copy(s3, make):
    make("there").put_if_absent("raw/a.csv", b"whole")
    here = make("here")
    s3.cut = 99

    with pytest.raises(StoreUnavailableError):
        here.path("raw/a.csv")
    assert [path for path in here.cache.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("is_big", [False, True])
def test_what_changes_on_the_way_is_refused(s3, make, is_big):
    objects = make(part_bytes=5 * MIB)
    s3.fault = lambda _method, path: setattr(s3, "garbled", "uploads" not in path)

    with pytest.raises(StoreUnavailableError, match="BadDigest"):
        objects.adopt_if_absent("raw/a.csv", written(objects, BIG if is_big else b"small"))
    s3.heal()
    assert list(objects.keys()) == []


def test_a_bucket_that_is_not_there_is_told(s3, tmp_path):
    with pytest.raises(NotFoundError, match="no bucket 'nowhere'"):
        S3Objects("s3://nowhere/shop", tmp_path).put_if_absent("raw/a.csv", b"")


def test_without_credentials_the_remedy_is_the_usual_chain(s3, make, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(AccessDeniedError, match="without credentials") as caught:
        make().get("raw/a.csv")
    assert "usual chain" in caught.value.remedy


WRONG = {
    "AWS_PROFILE": "nobody",
    "AWS_ENDPOINT_URL_S3": "u:made-up-secret@x",
    "AWS_DEFAULT_REGION": "//",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_configuration_that_does_not_fit_is_told_without_its_values(s3, make, monkeypatch, name):
    monkeypatch.setenv(name, WRONG[name])

    with pytest.raises(SettingsError, match="configuration of S3") as caught:
        make().get("raw/a.csv")
    assert "made-up-secret" not in str(caught.value)


BAD_URLS = [
    *("s3://", "s3:///prefix", "s3://Bucket", "s3://b/x?versionId=1", "s3://bucket/../x"),
    *("s3://key:made-up-secret@bucket/x", "s3://bucket/x#y", "s3://bucket:9000/x"),
]


@pytest.mark.parametrize("url", BAD_URLS)
def test_a_place_that_is_no_bucket_is_refused_without_its_secrets(tmp_path, url):
    with pytest.raises(SettingsError) as caught:
        open_lake(Loaded(Settings.model_validate({"paths": {"lake": url}}), tmp_path))
    assert "made-up-secret" not in str(caught.value)


def test_without_boto3_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "boto3", None)

    with pytest.raises(MissingExtraError, match="boto3"):
        S3Objects(fresh_url(), tmp_path)


def test_a_place_that_does_not_know_conditions_is_found_out(s3, lake):
    lake.probe()
    assert list(lake.objects.bucket.keys("")) == []
    names = iter("ab")
    s3.fault = lambda method, path: forget(lake, path, names) if method == "PUT" else None

    with pytest.raises(AccessDeniedError, match="conditions"):
        lake.probe()


def forget(lake, path, names):
    """As a server that overwrites."""
    if next(names, None) == "b":
        lake.objects.delete(path.split("?")[0].split("/", 3)[3])
