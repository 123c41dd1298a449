"""Law: several shops answer in one process, and nothing of one is ever seen or changed by another.

The visitors have the same names in all shops, so that whatever crosses is noticed.
"""

import json
import random
import sqlite3
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

import pytest
from prometheus_client.parser import text_string_to_metric_families

from recomart.client import Client
from recomart.errors import SettingsError
from recomart.events.exposures import beside
from recomart.serving.running import serve
from recomart.serving.shops import Shops, parted
from recomart.settings import load_root, load_shops
from tests.serving.door.conftest import running
from tests.serving.door.many import SHOPS, ask, keys_of, make_root, set_serving
from tests.serving.door.test_published_metrics import publish
from tests.serving.door.workers import served
from tests.small_shop import spoil

VISITORS = ("ann", "bob", "cem")
N_STEPS = 300
TRICKS = (
    "/shops/{own}/../{other}/popular", "/shops/{own}/..%2f{other}/popular",
    "/shops/{own}/%2e%2e/{other}/popular", "/shops/{own}//shops/{other}/popular",
    "/shops/{own}/shops/{other}/popular", "//shops/{own}/popular", "/shops//{own}/popular",
    "/shops/{own}", "/shops/{own}/", "/shops/{own}/popular/", "/SHOPS/{own}/popular",
    "/shops/{own}%2fpopular", "/shops%2f{own}%2fpopular", "/%73hops/{own}/popular",
    "/shops/{own}%00/popular", "/shops/{own}/popular%3f/shops/{other}/popular",
    "/shops/{own}\\..\\{other}/popular", "/shops/{own};/popular", "/shops/ {own}/popular",
)  # fmt: skip
"""Ways to write a path; none leads to the other shop."""


@dataclass
class Seen:
    """What one shop was told, and what it told."""

    events: dict[str, set[str]] = field(default_factory=lambda: {who: set() for who in VISITORS})
    answers: list[str] = field(default_factory=list)
    n_accepted: float = 0
    requests: set[str] = field(default_factory=set)


class Walk:
    """Random requests to one process, and what must hold of each answer."""

    def __init__(self, port, keys, seed):
        self.port, self.keys, self.rng = port, keys, random.Random(seed)
        told = samples_of(ask(port, "GET", "/metrics", keys["root"]["read"]).text)
        self.seen = {name: Seen(n_accepted=accepted_in(told, name)) for name in SHOPS}
        self.counts = Counter()

    def step(self):
        """Ask something of some shop, with some key."""
        own, other = self.rng.sample(SHOPS, 2)
        of = self.rng.choices((own, other, "root", "none"), (8, 1, 1, 1))[0]
        often = (self.recommend, self.send, self.explain, self.export, self.trick)
        kind = self.rng.choice(
            (*often, *often, self.similar, self.forget, self.health, self.metrics)
        )
        self.counts[kind.__name__, of == own] += 1
        kind(own, other, self.keys[of]["admin"] if of in self.keys else "", is_ours=of == own)

    def ask(self, own, method, path, key, body=None, *, is_ours):
        """Ask a shop; None where the key is not its own, which then tells nothing at all."""
        request_id = f"{own}.{len(self.seen[own].requests)}"
        self.seen[own].requests.add(request_id)
        answer = ask(self.port, method, f"/shops/{own}{path}", key, body, request_id)
        assert not [name for name in SHOPS if name != own and f"{name}-" in answer.text]
        if not is_ours:
            assert answer.status == 401, answer.text
            return None
        return answer

    def recommend(self, own, _, key, *, is_ours):
        who, items = self.rng.choice(VISITORS), [f"{own}-2"]
        body = {"user_id": who, "n_items": 5} if self.rng.random() < 0.7 else {"items": items}
        answer = self.ask(own, "POST", "/recommendations", key, body, is_ours=is_ours)
        if answer:
            told = answer.json()
            assert told["items"]
            assert all(line["item_id"].startswith(f"{own}-") for line in told["items"])
            self.seen[own].answers.append(told["recommendation_id"])

    def send(self, own, _, key, *, is_ours):
        who, at = self.rng.choice(VISITORS), time.time()
        name = f"{own}.{self.rng.getrandbits(64):016x}"
        kind = self.rng.choice(("view", "add_to_cart", "purchase"))
        event = {"event_id": name, "user_id": who, "item_id": f"{own}-{self.rng.randrange(1, 30)}"}
        event |= {"event_type": kind, "timestamp": at}
        answer = self.ask(own, "POST", "/events", key, event, is_ours=is_ours)
        if answer:
            assert answer.json()["accepted"] == 1
            self.seen[own].events[who].add(name)
            self.seen[own].n_accepted += 1

    def similar(self, own, other, key, *, is_ours):
        for of, status in ((own, 200), (other, 404)):
            answer = self.ask(own, "GET", f"/items/{of}-3/similar", key, is_ours=is_ours)
            assert answer is None or answer.status == status

    def explain(self, own, other, key, *, is_ours):
        for of, status in ((own, 200), (other, 404)):
            if self.seen[of].answers:
                path = f"/explain/{self.rng.choice(self.seen[of].answers[-20:])}"
                answer = self.ask(own, "GET", path, key, is_ours=is_ours)
                # an answer to a visitor who was forgotten is no more
                assert answer is None or answer.status in (status, 404)
                self.counts["explained"] += bool(answer and answer.status == 200)

    def export(self, own, _, key, *, is_ours):
        who = self.rng.choice(VISITORS)
        answer = self.ask(own, "GET", f"/users/{who}/export", key, is_ours=is_ours)
        if answer:
            told = answer.json()
            assert {e["event_id"] for e in told["event_log"]} == self.seen[own].events[who]
            ids = {one["recommendation_id"] for one in told["answers"]}
            assert ids <= set(self.seen[own].answers)

    def forget(self, own, _, key, *, is_ours):
        who = self.rng.choice(VISITORS)
        answer = self.ask(own, "DELETE", f"/users/{who}", key, is_ours=is_ours)
        if answer:
            assert answer.json()["events"] == len(self.seen[own].events[who])
            self.seen[own].events[who].clear()

    def health(self, own, _, key, *, is_ours):
        answer = self.ask(own, "GET", "/health", key, is_ours=is_ours)
        assert answer is None or answer.json()["model"]["number"] == 2

    def metrics(self, own, _, key, *, is_ours):
        answer = self.ask(own, "GET", "/metrics", key, is_ours=is_ours)
        if answer:
            samples = samples_of(answer.text)
            assert {labels.get("shop") for _, labels, _ in samples} == {own}
            assert accepted_in(samples, own) == self.seen[own].n_accepted

    def trick(self, own, other, key, *, is_ours):
        del is_ours
        path = self.rng.choice(TRICKS).format(own=own, other=other).replace(" ", "%20")
        answer = ask(self.port, "GET", path, key)
        assert answer.status in (200, 401, 404), (path, answer.text)
        assert f"{other}-" not in answer.text
        assert not [name for name in SHOPS if answer.status == 404 and name in answer.text]


def samples_of(text):
    families = text_string_to_metric_families(text)
    return [(s.name, s.labels, s.value) for family in families for s in family.samples]


def accepted_in(samples, shop):
    """How many events a shop took, as metrics tell it."""
    return sum(
        value
        for name, labels, value in samples
        if name == "recomart_events_total"
        and (labels["shop"], labels["outcome"]) == (shop, "accepted")
    )


@pytest.fixture(scope="module")
def root(small_shop, tmp_path_factory):
    return make_root(small_shop, tmp_path_factory.mktemp("many") / "root")


@pytest.fixture(scope="module")
def keys(root):
    return {name: keys_of(root / name) for name in SHOPS} | {"root": keys_of(root)}


@pytest.fixture(scope="module")
def port(root, keys):
    """Two workers that answer for all three."""
    assert keys
    with served(root, "--workers", "2") as (_, told):
        yield told.port


def test_nothing_crosses_in_a_random_walk(root, port, keys):
    walk = Walk(port, keys, seed=20_260_101)
    for _ in range(N_STEPS):
        walk.step()

    assert walk.counts["explained"] > 5
    assert all(seen.n_accepted > 5 for seen in walk.seen.values())
    told = samples_of(ask(port, "GET", "/metrics", keys["root"]["read"]).text)
    assert {n: accepted_in(told, n) for n in SHOPS} == {n: walk.seen[n].n_accepted for n in SHOPS}
    lines = [json.loads(x) for x in (root / "log").read_text().splitlines() if x[0] == "{"]
    theirs = {line["request_id"]: line for line in lines if "." in line.get("request_id", "")}
    for name, seen in walk.seen.items():
        assert {theirs[one]["shop"] for one in seen.requests} == {name}


def kept(folder):
    """All that a shop keeps in files that its service writes."""
    events = folder / "data" / "events.sqlite"
    found = {}
    for path in (events, beside(events)):
        with closing(sqlite3.connect(path)) as con:
            found[path.name] = list(con.iterdump())
    erasures = (folder / "data" / "erasures").rglob("*")
    return found, {path.name: path.read_bytes() for path in erasures if path.is_file()}


def test_who_is_forgotten_in_one_shop_is_not_in_another(root, port, keys):
    for name in SHOPS:
        told = {"user_id": "dora", "item_id": f"{name}-1", "event_type": "view"}
        told |= {"timestamp": time.time(), "event_id": f"{name}-of-dora"}
        key = keys[name]["admin"]
        assert ask(port, "POST", f"/shops/{name}/events", key, told).status == 200
        assert ask(port, "POST", f"/shops/{name}/recommendations", key, {"user_id": "dora"})
    time.sleep(0.2)  # until the journals have written
    before = {name: kept(root / name) for name in SHOPS}

    answer = ask(port, "DELETE", "/shops/alpha/users/dora", keys["alpha"]["admin"])
    time.sleep(0.2)

    after = {name: kept(root / name) for name in SHOPS}
    assert answer.json()["events"] == 1
    assert "dora" in str(before["alpha"])
    assert "dora" not in str(after["alpha"][0]["events.sqlite"])
    assert (after["beta"], after["gamma"]) == (before["beta"], before["gamma"])


@pytest.mark.parametrize("scope", ["read", "write", "admin"])
def test_a_key_of_one_shop_is_none_at_another_or_at_the_root(port, keys, scope):
    path = {"read": "/popular", "write": "/nothing", "admin": "/popular"}[scope]
    mine = ask(port, "GET", f"/shops/alpha{path}", keys["alpha"][scope])

    assert mine.status == {"read": 200, "write": 403, "admin": 200}[scope]
    for other in ("/shops/beta/popular", "/metrics"):
        assert ask(port, "GET", other, keys["alpha"][scope]).status == 401
    assert ask(port, "GET", "/shops/beta/popular", keys["root"][scope]).status == 401


def test_what_is_open_needs_no_key_and_names_no_shop(port):
    for path, status in (("/health/live", 200), ("/shops/beta/health/ready", 200)):
        assert ask(port, "GET", path).status == status
    for path in (
        "/shops/delta/popular",
        "/shops/",
        "/shops",
        "/popular",
        "/shops/delta/health/live",
    ):
        answer = ask(port, "GET", path)
        assert answer.status == 404
        assert answer.json()["remedy"]
        assert not [name for name in SHOPS if name in answer.text]


def test_a_path_is_parted_at_its_first_words():
    assert parted("/shops/alpha/popular") == ("alpha", "/popular")
    assert parted("/shops/alpha//x") == ("alpha", "//x")
    assert parted("/shops/alpha") == parted("/shops") == parted("/x/alpha/y") == ("", "")
    assert parted("//shops/alpha/x") == parted("shops/alpha/x") == ("", "")


@pytest.fixture
def fresh(small_shop, tmp_path):
    return make_root(small_shop, tmp_path / "root")


def open_all(root):
    """Serve a root in a thread of this process, until the block ends."""
    loaded = load_root(root, environment={})
    shops = load_shops(loaded, environment={})
    return running(Shops(loaded, shops), loaded.settings.serving)


def until_it_is(port, path, status):
    end = time.monotonic() + 10
    while (answer := ask(port, "GET", path)).status != status:
        assert time.monotonic() < end, answer
        time.sleep(0.05)
    return answer


def test_a_shop_without_a_sound_model_keeps_no_other_and_opens_when_one_comes(fresh):
    gone = fresh / "beta" / "data" / "lake" / "models"
    gone.rename(gone.with_name("elsewhere"))
    for number in (1, 2):
        spoil(fresh / "gamma", number)
    with open_all(fresh) as port:
        for name in ("beta", "gamma"):
            answer = ask(port, "GET", f"/shops/{name}/popular")
            assert (answer.status, answer.json()["code"]) == (503, "RM-400")
            assert answer.headers["retry-after"]
        assert ask(port, "GET", "/shops/alpha/popular").status == 200
        assert opened_in(port) == {"alpha": 1, "beta": 0, "gamma": 0}

        gone.with_name("elsewhere").rename(gone)
        until_it_is(port, "/shops/beta/popular", 200)
        until_it_is(port, "/health/ready", 200)
        assert ask(port, "GET", "/shops/gamma/popular").status == 503


def opened_in(port):
    samples = samples_of(ask(port, "GET", "/metrics").text)
    return {labels["shop"]: v for name, labels, v in samples if name == "recomart_shop_open"}


def test_what_monitoring_published_is_told_of_its_shop(fresh):
    for name in ("alpha", "beta"):
        publish(fresh / name, b"# TYPE recomart_x gauge\nrecomart_x %d\n" % len(name))
    with open_all(fresh) as port:
        end, told = time.monotonic() + 10, []
        while len(told) < 2 and time.monotonic() < end:
            time.sleep(0.05)
            text = ask(port, "GET", "/metrics").text
            told = [(labels["shop"], n) for x, labels, n in samples_of(text) if x == "recomart_x"]
        own = ask(port, "GET", "/shops/alpha/metrics").text

    assert sorted(told) == [("alpha", 5), ("beta", 4)]
    assert text.count("# TYPE recomart_x gauge") == 1
    assert [n for x, _, n in samples_of(own) if x == "recomart_x"] == [5]


def test_a_shop_under_fire_uses_up_nobody_elses_quota(fresh):
    def fire(_):
        return ask(port, "POST", "/shops/alpha/recommendations", body={"user_id": "ann"}).status

    set_serving(fresh / "alpha", max_requests=2)
    with open_all(fresh) as port, ThreadPoolExecutor(12) as pool:
        shots = pool.map(fire, range(200))
        calm = [ask(port, "GET", "/shops/beta/popular").status for _ in range(30)]
        shots = Counter(shots)

    assert set(calm) == {200}
    assert set(shots) == {200, 503}


def test_a_quota_of_a_shop_is_for_all_its_callers_and_for_no_other_shop(fresh):
    set_serving(fresh / "beta", max_shop_requests_per_s=0.2)
    keys = [keys_of(fresh / "beta")["read"] for _ in range(3)]
    with open_all(fresh) as port:
        wrong = [ask(port, "GET", "/shops/beta/popular", "rmk_x").status for _ in range(3)]
        told = [ask(port, "GET", "/shops/beta/popular", key) for key in keys]
        other = [ask(port, "GET", "/shops/alpha/popular").status for _ in range(5)]

    assert wrong == [401] * 3  # whoever has no key takes nothing from those who have
    assert [answer.status for answer in told] == [200, 429, 429]
    assert other == [200] * 5


def test_the_client_asks_below_a_path(fresh):
    with open_all(fresh) as port, Client(f"http://127.0.0.1:{port}/shops/beta") as shop:
        shop.send({"user_id": "ann", "item_id": "beta-1", "event_type": "view"})
        told = shop.recommend(user_id="ann", n_items=3)
        named = [line.item_id for line in (*told.items, *shop.similar("beta-2").items)]
        explained = shop.explain(told.recommendation_id)
        exported = shop.export("ann")
        described = ask(port, "GET", "/shops/beta/openapi.json").json()

    assert all(name.startswith("beta-") for name in named)
    assert explained.recommendation_id == told.recommendation_id
    assert len(exported.event_log) == 1
    assert described["servers"] == [{"url": "/shops/beta"}]


def test_beyond_this_machine_each_shop_needs_a_key(fresh):
    keys_of(fresh / "alpha")
    loaded = load_root(fresh, environment={}, flags={("serving", "host"): "0.0.0.0"})  # noqa: S104
    shops = load_shops(loaded, environment={})

    with pytest.raises(SettingsError, match="no API key of shop 'beta'"):
        serve(loaded, lambda _: None, shops=shops)
