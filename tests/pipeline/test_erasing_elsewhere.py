"""Erasing where a shop lies elsewhere: the lake in a bucket, features in Redis and PostgreSQL."""

import re
import shutil

import boto3
import psycopg
import pytest
import redis

from recomart.lake import S3Objects, open_lake
from recomart.pipeline import run
from recomart.pipeline.erasing import erase, known_of
from tests.erased import NASTY, PLAIN, codes_of, spelled, texts_in, where_is
from tests.trained import answers, copy_of, settings_of, users_of


@pytest.fixture
def moved(erasing_shop, tmp_path, s3_url, redis_url, postgres_url):
    """The shop with nothing left in its folder of what can lie elsewhere."""
    lake = open_lake(copy_of(erasing_shop, tmp_path)).objects
    bucket = S3Objects(s3_url, tmp_path / "other-machine")
    for key in lake.keys(""):
        assert bucket.put_if_absent(key, lake.get(key))
    for name in ("lake", "online.sqlite", "warehouse.sqlite"):
        shutil.rmtree(tmp_path / "data" / name, ignore_errors=True)
        (tmp_path / "data" / name).unlink(missing_ok=True)
    places = {"lake": s3_url, "online": redis_url, "warehouse": postgres_url}
    loaded = settings_of(tmp_path, paths=places, tracking={"is_on": False})
    run(loaded, ["load_warehouse", "materialise"])
    return loaded


def texts_elsewhere(loaded):
    """Every piece of text in bucket, Redis and PostgreSQL, by other means than the product's."""
    paths = loaded.settings.paths
    name, _, prefix = paths.lake.removeprefix("s3://").partition("/")
    bucket = boto3.resource("s3").Bucket(name)
    copy = loaded.folder.parent / f"{loaded.folder.name}-object"
    for one in bucket.objects.filter(Prefix=prefix):
        copy.write_bytes(one.get()["Body"].read())
        yield from ((one.key, text) for text in texts_in(copy))
    with redis.Redis.from_url(paths.online) as store:
        for key in store.scan_iter():
            is_hash = store.type(key) == b"hash"
            held = store.hgetall(key) if is_hash else {key: store.dump(key)}
            yield from (("redis", text) for pair in held.items() for text in (key, *pair))
    with psycopg.connect(paths.warehouse) as con:
        found = con.execute(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for (table,) in found:
            query = f"SELECT to_jsonb(t)::text FROM {table} t"  # noqa: S608 - of the catalogue
            rows = con.execute(query).fetchall()
            yield from (("postgresql", row.encode()) for (row,) in rows)


def where_else(loaded, user):
    codes = {code.encode() for _, code in codes_of(loaded, user)}
    wanted = re.compile(b"|".join([spelled(user), *codes]))
    return {place for place, text in texts_elsewhere(loaded) if wanted.search(text)}


@pytest.mark.parametrize("user", [NASTY, pytest.param(PLAIN, marks=pytest.mark.long)])
def test_who_is_erased_is_nowhere_in_bucket_redis_and_postgresql(moved, user):
    others = users_of(moved)[:3]
    stood, lists = where_else(moved, user), answers(moved, 1, others)

    receipt = erase(moved, user, "the test")

    layers = {place.split("/")[1] for place in stood if "/" in place}
    assert {"redis", "postgresql"} <= stood
    assert layers == {"raw", "validated", "prepared", "features", "models"}
    assert where_else(moved, user) == set()
    assert where_is(moved, user) == []
    assert [data_set for data_set, _ in known_of(moved, user)] == ["about"]
    assert answers(moved, 1, others) == lists
    touched = {one.place.split()[0] for one in receipt.touched}
    assert touched >= {"lake", "online", "warehouse", "event"}
    assert any("earlier versions of objects" in one for one in receipt.not_reached)
