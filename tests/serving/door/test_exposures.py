"""Lists that are shown wait in the workers' file; a forgotten visitor's do not."""

import sqlite3
import time
from contextlib import closing

from recomart.events.exposures import beside
from tests.serving.door.conftest import opened


def waiting(door):
    path = beside(door.service.intake.path)
    with closing(sqlite3.connect(path)) as con:
        return con.execute("SELECT who, recommendation_id FROM exposures").fetchall()


def test_every_list_is_kept_with_its_id_and_a_forgotten_visitor_goes(shop):
    with opened(shop) as door:
        for user in ("ann", "bob"):
            door.http.post("/recommendations", json={"user_id": user})
        popular = door.http.get("/popular").json()["recommendation_id"]
        found = door.until(lambda: len(rows := waiting(door)) == 3 and rows)

        door.http.delete("/users/ann")
        left = door.until(lambda: len(rows := waiting(door)) == 2 and rows)
        time.sleep(0.1)  # nothing that was on its way brings ann back

        assert sorted(who for who, _ in found) == ["", "ann", "bob"]
        assert ("", popular) in left
        assert sorted(who for who, _ in waiting(door)) == ["", "bob"]


def test_where_none_are_kept_there_are_none(shop):
    with opened(shop, kept_exposures=0) as door:
        door.http.post("/recommendations", json={"user_id": "ann"})
        time.sleep(0.1)

        assert waiting(door) == []
