"""Whose a raw row is; reports, session models and orders without somebody."""

import gzip
import json
import re
from html import escape
from urllib.parse import quote, urlencode

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recomart.errors import BadInputError, LakeBusyError
from recomart.events import Refused
from recomart.lake import Draft, Erasures, Lake, LocalObjects, Making, S3Objects, open_lake
from recomart.models.interactions import Interactions
from recomart.models.sessionknn import SessionKNN
from recomart.pages import Page
from recomart.pipeline.erasing import erase, finish
from recomart.pipeline.erasing.kinds import Somebody
from recomart.pipeline.erasing.lake import LakePlace
from recomart.pipeline.erasing.messages import Messages
from recomart.pipeline.erasing.raw import raw_rows, rows_in, write_without
from recomart.pipeline.erasing.reports import scrub
from recomart.pipeline.erasing.shown import without_salt
from recomart.pipeline.erasing.whose import Whose, _text
from recomart.quality.mapping import text_of
from recomart.settings import Column, CsvSource, Replace, RestSource, Settings, load_settings
from recomart.sources.event_log import refused_csv
from recomart.stream.base import Message
from recomart.stream.reading import read
from tests.monitoring.lists import lines, write

NASTY = 'Öre "V", 7'
SPELLINGS = {
    "json": lambda user: json.dumps({"user_id": user}),
    "json, unescaped": lambda user: json.dumps({"user_id": user}, ensure_ascii=False),
    "all in escapes": lambda user: re.sub("(....)", r"\\u\1", user.encode("utf-16-be").hex()),
    "json in json": lambda user: json.dumps([json.dumps({"who": [user]})]),
    "a number": lambda user: f'{{"n":{user},"m":1}}',
    "a form": lambda user: urlencode({"user": user, "n": 1}),
    "markup": lambda user: f"<user>{escape(user)}</user>",
    "a line of csv": lambda user: '1,"' + user.replace('"', '""') + '",7',
    "behind an escape": lambda user: json.dumps(f"a\n{user}"),
    "bytes with no ends": lambda user: f"\n\x059{user}9\x12\x03abc",
    "no utf-8": lambda _: "\\xd6re",
    "utf-16": lambda user: "".join(f"{one}\\x00" for one in user),
    "codes in codes": lambda _: "%" + "25" * 200 + "31",
    "half of a pair": lambda _: r'{"n": "\ud83d"}',
}
HEAD = "event_id,user_id,item_id,event_type,occurred_at\n"


def left_of(tmp_path, body, user, **told):
    """A file without somebody, and how many rows they had."""
    source = CsvSource(path="x", **told)
    path, target = tmp_path / "events.csv", tmp_path / "left.csv"
    path.write_text(body, encoding=source.dialect.encoding, newline="")
    whose = Whose(source, user)
    n = write_without(path, "", whose, target)

    assert rows_in(path, "", whose) == n == len(raw_rows(path, "", whose))
    assert rows_in(target, "", whose) == 0
    return target.read_text(encoding=source.dialect.encoding), n


def test_an_id_is_compared_exactly_and_in_its_own_column(tmp_path):
    others = "1,u12,u1,view,t\n2,au1,3,u1,t\n\n3, ,u1,view,t\n4,U1,u1,view,t\n"
    theirs = '5,u1,3,view,t\n6, u1 ,3,view,t\n7,"u1",3,view,t\n'

    assert left_of(tmp_path, HEAD + theirs + others, "u1") == (HEAD + others, 3)


def test_a_row_of_several_lines_goes_whole(tmp_path):
    theirs = '1,u1,"a\nb,u2\nc",view,t\n'
    others = '2,u2,"a\nu1\nc",view,t\n'

    assert left_of(tmp_path, HEAD + theirs + others + theirs, "u1") == (HEAD + others, 2)


def test_a_line_that_is_no_row_goes_if_any_of_its_values_is_the_id(tmp_path):
    theirs = "u1,3\n1,2,3,4,5,6,u1\n1,u\0 1,u1,x\n"
    others = "u12,3\n1,2,3,4,5,6,au1\n"

    assert left_of(tmp_path, HEAD + theirs + others, "u1") == (HEAD + others, 3)


def test_an_id_is_read_as_the_settings_map_it(tmp_path):
    columns = {"user_id": Column(source="who", strip_prefix="n", strip_suffix=".0")}
    body = "who,item_id\nn7.0,a\n7,b\n77,c\nn7.0.0,d\n"

    assert left_of(tmp_path, body, "7", columns=columns)[0] == "who,item_id\n77,c\nn7.0.0,d\n"


@pytest.mark.parametrize("value", ["7", " n7 ", "n", "", None, "staff-9", "n7.0", "\t7"])
def test_a_value_is_read_as_validation_reads_it(value):
    plain = Column(source="who", strip_prefix="n", strip_suffix=".0")
    told = Column(source="who", replace=(Replace(match="^staff", value="S"),), default="other")
    rows = ibis.memtable(pa.table({"who": pa.array([value], pa.string())}))

    for column in (plain, told, Column(source="who", default="nobody")):
        [expected] = rows.select(x=text_of(rows, column)).to_pyarrow()["x"].to_pylist()
        assert _text(value, column) == expected


def test_a_packed_file_stays_packed(tmp_path):
    path, target = tmp_path / "e.csv.gz", tmp_path / "left"
    path.write_bytes(gzip.compress(f"{HEAD}1,u1,3,view,t\n2,u2,3,view,t\n".encode()))

    assert write_without(path, "gz", Whose(CsvSource(path="x"), "u1"), target) == 1
    assert gzip.decompress(target.read_bytes()).decode() == f"{HEAD}2,u2,3,view,t\n"


def test_objects_of_a_json_file_go_too(tmp_path):
    source = RestSource(url="https://shop.example/e", holds="events", items_key="events")
    rows = [{"user_id": "u1", "n": 1.50}, {"user_id": "u12", "note": "u1"}, {"user_id": None}]
    path, target = tmp_path / "e.json", tmp_path / "left.json"
    path.write_text(json.dumps({"events": rows, "page": 1}))

    assert write_without(path, "", Whose(source, "u1"), target) == 1
    assert json.loads(target.read_text()) == {"events": rows[1:], "page": 1}


def refused(text, place="0@7", reason="is bad"):
    return Refused(place, 0, reason, text)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("user", ["u1", "7", NASTY])
def test_a_message_that_names_the_user_in_any_spelling_or_cannot_be_read_is_theirs(user, spelling):
    assert Messages(user).is_message(refused(SPELLINGS[spelling](user)))


@pytest.mark.parametrize("text", ["u12", "au1", "u 1", "U1", '{"n": "xu1", "ö": "ou1é"}', "1", ""])
def test_a_message_that_does_not_name_the_user_stays(text):
    assert not Messages("u1").is_message(refused(text))


def test_a_message_of_which_a_part_is_kept_or_whose_name_tells_is_theirs():
    [cut] = read([Message("0", "7", b"x" * 9_000)], 0, 5_000).refused

    assert Messages("u1").is_message(cut)
    assert Messages("u1").is_message(refused("x", "sent by u1"))
    assert not Messages("7").is_message(refused("x", "0@7")), "a position is no name"


@given(
    st.text(min_size=1, max_size=9),
    st.lists(st.sampled_from([*list(SPELLINGS.values())[:3], escape, quote]), max_size=4),
)
def test_no_way_of_spelling_hides_a_user(user, ways):
    assume(not re.search("[\ud800-\udfff]", user))
    text = f"a: {user}."
    for way in ways:
        text = way(text)

    assert Messages(user).is_message(refused(text))


@given(st.lists(st.text('u1"\n\r,x\\ ', max_size=9), max_size=9))
def test_the_log_a_raw_file_and_the_quarantine_agree_and_other_bytes_stay(tmp_path_factory, texts):
    messages = [refused(text, f"0@{n}") for n, text in enumerate(texts)]
    path = tmp_path_factory.mktemp("refused") / "refused-1.csv"
    path.write_bytes(refused_csv(("s", one) for one in messages))
    whose = Messages("u1")
    stay = [one for one in messages if not whose.is_message(one)]
    target = path.with_name("left")

    assert write_without(path, "", whose, target) == len(messages) - len(stay)
    assert target.read_bytes() == refused_csv(("s", one) for one in stay)
    raws = [refused_csv([("s", one)]).decode().partition("\n")[2][:-1] for one in messages]
    assert [not whose.is_raw_row(raw) for raw in raws] == [one in stay for one in messages]


def test_of_a_message_that_many_lines_part_every_part_goes():
    whose = Messages("u1")

    assert whose.is_raw_row('s,0@1,2026-01-01,is bad,"{')
    assert whose.is_raw_row('  ""n"": 1,')


def test_told_to_a_user_are_only_messages_that_are_theirs_for_sure():
    whose = Messages("7", is_surely=True)

    assert whose.is_message(refused('{"user_id": 7}'))
    for text in ('{"user_id": "bob", "item_id": "7"}', "7", "\\xff", '["7"]', '{"user_id": null}'):
        assert not whose.is_message(refused(text))


def test_samples_and_examples_leave_a_page_and_numbers_stay():
    raw = '1,u<1>,3,dance,"a b"'
    page = Page("Q", "s").table(("file", "line", "row as it came"), [("f", 2, raw), ("f", 3, "x")])
    page.table(("user", "first item"), [("u<1>", 7), ("u2", 8)])
    page.table(("column", "n"), [("u<1>", 5)])
    files = {"evaluation.html": page.html().encode(), "model_card.md": b"u<1>"}

    [(name, (body, n))] = scrub(files, "u<1>", lambda _, row: row == raw).items()

    assert (name, n) == ("evaluation.html", 2)
    assert body.decode().count("u&lt;1&gt;") == 1
    assert "<td>x</td>" in body.decode()


def test_messages_leave_a_page_whole_or_as_far_as_they_are_shown(lake):
    who = Somebody(lake, Settings(), "u1")

    assert who.is_raw_row("2026/01/01/refused-1.csv", 's,0@1,2026-01-01,is bad,"{""u"": ""u1""}"')
    assert who.is_raw_row("2026/01/01/refused-1.csv", "s,0@1,2026-01-01,is bad," + "x" * 300)
    assert not who.is_raw_row("2026/01/01/refused-1.csv", "s,0@1,2026-01-01,is bad,u2")


def test_lists_of_an_experiment_whose_salt_is_gone_are_named(make_bench):
    bench = make_bench()
    told = {"experiment": "old one", "unit": "c0de"}
    write(bench, [{**line, **told} for line in lines("r1", "mug pen", 1)], [])

    assert without_salt(bench.lake) == ["old one"]
    assert LakePlace(Somebody(bench.lake, Settings(), "u1")).find() == []


def test_a_model_that_forgot_sessions_is_as_if_it_had_not_met_them():
    rng = np.random.default_rng(5)
    users, items = rng.integers(0, 6, 300), rng.integers(0, 9, 300)
    at_us = np.sort(rng.integers(0, 10**12, 300))
    now_us = 10**12

    def learned(chosen, shape):
        who = np.zeros(chosen.sum(), dtype=np.int32) if shape[0] == 1 else users[chosen]
        one = np.ones(chosen.sum())
        known = Interactions.from_events(
            who.astype(np.int32), items[chosen], one, at_us[chosen], shape=shape, now_us=now_us
        )
        return SessionKNN().fit(known)

    model, theirs = learned(users >= 0, (6, 9)), learned(users == 2, (1, 9))
    n = model.forget(theirs)

    expected = learned(users != 2, (6, 9)).arrays()
    found = SessionKNN.from_arrays(model.config, model.arrays()).arrays()
    assert n == len(theirs.session_weights_)
    for name in expected.keys() - {"idf"}:
        assert np.array_equal(found[name], expected[name]), name


def test_an_order_waits_for_whoever_writes_and_is_the_same_when_asked_again(tmp_path):
    (tmp_path / "recomart.yaml").write_text("project: Empty\n")
    loaded = load_settings(tmp_path, environment={})
    book = Erasures.of(loaded)
    with open_lake(loaded).lease("a run"), pytest.raises(LakeBusyError):
        erase(loaded, "u1", "ann")
    again = book.order("u1", "bob")

    [receipt] = finish(loaded)

    assert (again.asked_by, receipt.asked_by) == ("ann", "ann")
    assert receipt.touched == []
    assert book.orders() == finish(loaded) == []
    assert "u1" not in "".join(p.read_text() for p in tmp_path.rglob("*.json"))


@pytest.mark.parametrize("user", ["", "x" * 2_000])
def test_what_is_no_id_is_refused(tmp_path, user):
    with pytest.raises(BadInputError, match="no id"):
        Erasures(tmp_path).order(user, "ann")


@pytest.fixture(params=["folder", "bucket"])
def lake(request, tmp_path):
    if request.param == "folder":
        return Lake(LocalObjects(tmp_path / "lake"))
    return Lake(S3Objects(request.getfixturevalue("s3_url"), tmp_path / "cache"))


def commit(lake, name, users, parents=()):
    draft = Draft(lake, name)
    draft.add_table(pa.table({"user_id": users, "n": range(len(users))}).to_reader(), "a")
    draft.add_table(pa.table({"user_id": ["u9"], "n": [9]}).to_reader(), "b")
    return draft.commit(Making(key="k", stage="s", run_id="r"), [p.as_parent() for p in parents])


def test_versions_are_stated_anew_in_their_place_wherever_the_lake_is(lake):
    with lake.lease("a run"):
        old = commit(lake, "user_features", ["u1", "u2", "u1"])
        new = commit(lake, "user_features", ["u2", "u1"])
        child = commit(lake, "training", ["u3"], [old])
    place = LakePlace(Somebody(lake, Settings(), "u1"))
    found = {(one.what, one.rows) for one in place.find()}

    with lake.lease("erasing"):
        place.erase()

    first, second = lake.history("user_features")
    assert found == {("user_features#1", 2), ("user_features#2", 1)}
    assert place.find() == []
    assert (first.replaces, second.replaces) == ((old.version,), (new.version,))
    assert lake.version("user_features", old.version) == first
    assert lake.latest("training").parents == (first.as_parent(),)
    assert lake.latest("training").version == child.version
    assert first.by_partition()["b"] == old.by_partition()["b"]
    assert [row["n"] for row in pq.read_table(lake.paths(first.files)[0]).to_pylist()] == [1]
    keys = {file.key for file in (*first.files, *second.files)}
    assert set(lake.objects.keys("features/user_features/files")) == keys
