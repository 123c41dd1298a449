"""Several shops below one root: each is whole in its folder, and no two are in the same place."""

import pytest

from recomart.errors import NotFoundError, SettingsError
from recomart.settings import below, load_root, load_settings, load_shop, load_shops
from recomart.settings.places import addresses

ROOT = "shops: {alpha: alpha, beta: deep/beta}\nserving: {port: 8100, workers: 2}\n"
LOG = "sources: {log: {kind: event_log, path: %s}}"
SHARED = {
    "the same folder": ("paths: {lake: /srv/lake}", "paths: {lake: /srv/lake}"),
    "one within the other": ("paths: {reports: /srv/out}", "paths: {lake: /srv/out/lake}"),
    "another way to write it": ("paths: {logs: /srv/logs}", "paths: {logs: /srv/x/../logs/}"),
    "one bucket": ("paths: {lake: 's3://b/a'}", "paths: {lake: 's3://b/a/b/'}"),
    "one database": (
        "paths: {warehouse: 'postgresql://u:p@db/shop'}",
        "paths: {online: 'postgres://v:q@DB:5432/shop'}",
    ),
    "one Redis without prefix": (
        "paths: {online: 'redis://localhost'}",
        "paths: {online: 'rediss://:x@127.0.0.1:6379/0'}",
    ),
    "one prefix": (
        "paths: {online: 'redis://r/1?prefix=a'}",
        "paths: {online: 'redis://r/1?prefix=a:b'}",
    ),
    "keys": ("serving: {keys: /srv/k.json}", "serving: {keys: /srv/k.json}"),
    "event logs that differ in their ending": (
        "serving: {events: /srv/e.sqlite}",
        "serving: {events: /srv/e.db}",
    ),
    "the event log of the other as a source": (
        "serving: {events: /srv/e.sqlite}",
        LOG % "/srv/e.sqlite",
    ),
    "one stream": (
        "stream: {url: 'kafka://a,b', topic: t}",
        "stream: {url: 'kafka://c,b:9092', topic: t}",
    ),
    "one experiment of MLflow": (
        "tracking: {uri: 'http://m', experiment: e}",
        "tracking: {uri: 'http://m/', experiment: e}",
    ),
    "one name of a model in MLflow": (
        "{project: p, tracking: {uri: 'http://m', experiment: e}}",
        "{project: p, tracking: {uri: 'http://m', experiment: f}}",
    ),
    "one place of snapshots": (
        "versioning: {remote: 's3://b/dvc'}",
        "versioning: {remote: 's3://b/dvc'}",
    ),
    "one namespace of lineage": ("lineage: {url: 'http://m'}", "lineage: {url: 'http://m'}"),
    "one engine": (
        "engine: {kind: postgres, postgres: 'postgresql:///c?host=h'}",
        "engine: {kind: postgres, postgres: 'postgresql://h/c'}",
    ),
}
APART = {
    "prefixes": (
        "paths: {online: 'redis://r/1?prefix=a'}",
        "paths: {online: 'redis://r/1?prefix=ab'}",
    ),
    "databases": (
        "paths: {online: 'postgresql://db/a', warehouse: 'postgresql://db/a'}",
        "paths: {online: 'postgresql://db/b', warehouse: 'postgresql://db/b'}",
    ),
    "projects in one MLflow": (
        "{project: a, tracking: {uri: 'http://m'}}",
        "{project: b, tracking: {uri: 'http://m'}}",
    ),
    "topics in the Redis of an online store": (
        "paths: {online: 'redis://r'}",
        "stream: {url: 'redis://r', topic: events-of-beta}",
    ),
    "a catalogue that both read": (
        "sources: {c: {kind: csv, holds: catalogue, path: /srv/c.csv}}",
        "sources: {c: {kind: csv, holds: catalogue, path: /srv/c.csv}}",
    ),
}


@pytest.fixture
def made(tmp_path):
    """Write a root with two shops, and read it."""

    def make(alpha="project: a", beta="project: b", root=ROOT):
        for folder, text in (("", root), ("alpha", alpha), ("deep/beta", beta)):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / "recomart.yaml").write_text(text, encoding="utf-8")
        return load_root(tmp_path, environment={})

    return make


def test_each_shop_is_what_it_is_alone(made, tmp_path):
    shops = load_shops(made(), environment={})

    assert list(shops) == ["alpha", "beta"]
    for name, folder in (("alpha", "alpha"), ("beta", "deep/beta")):
        alone = load_settings(tmp_path / folder, environment={})
        assert shops[name].settings == alone.settings
        assert shops[name].folder == alone.folder == tmp_path / folder
        assert shops[name].shop == name


@pytest.mark.parametrize("case", SHARED)
def test_two_shops_in_the_same_place_are_refused_and_both_named(made, case):
    with pytest.raises(SettingsError, match=r"of shop 'alpha' and .* of shop 'beta'") as caught:
        load_shops(made(*SHARED[case]), environment={})

    assert ":p@" not in str(caught.value)


@pytest.mark.parametrize("case", APART)
def test_what_differs_in_one_server_is_apart(made, case):
    assert len(load_shops(made(*APART[case]), environment={})) == 2


def test_a_link_hides_nothing(made, tmp_path):
    root = made("paths: {lake: lake}", "paths: {lake: ../link}")
    (tmp_path / "alpha" / "lake").mkdir()
    (tmp_path / "deep" / "link").symlink_to(tmp_path / "alpha" / "lake")

    with pytest.raises(SettingsError, match=r"paths\.lake of shop 'alpha'"):
        load_shops(root, environment={})


def test_a_variable_that_puts_all_in_one_place_is_refused(made):
    with pytest.raises(SettingsError, match="same place"):
        load_shops(made(), environment={"RECOMART_PATHS__LAKE": "/srv/lake"})


def test_the_keys_of_the_root_are_nobody_elses(made, tmp_path):
    root = made(f"serving: {{keys: {tmp_path}/data/keys.json}}")

    with pytest.raises(SettingsError, match="of the root"):
        load_shops(root, environment={})


def test_what_a_process_has_once_is_the_roots(made):
    root = made("serving: {port: 1, workers: 9, max_wait_s: 7, keys: k.json}")
    shop = below(root, load_shop(root, "alpha", environment={}))

    serving = shop.settings.serving
    assert (serving.port, serving.workers) == (8100, 2)
    assert (serving.max_wait_s, serving.keys, shop.shop) == (7, "k.json", "alpha")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{ROOT}sources: {{e: {{kind: csv, path: x}}}}", r"no sources \[recomart\.yaml:3\]"),
        (f"{ROOT}engine: {{threads: 2}}", r"no engine \[recomart\.yaml:3\]"),
        ("shops: {Alpha: alpha}", "shops.Alpha"),
        ("shops: {a/b: alpha}", "shops.a/b"),
        ("shops: {alpha: 7}", "shops.alpha"),
    ],
)
def test_a_root_that_says_what_it_cannot_is_refused(made, text, says):
    with pytest.raises(SettingsError, match=says):
        made(root=text)


def test_a_root_is_no_shop_and_says_which_there_are(made, tmp_path):
    root = made()

    with pytest.raises(SettingsError, match="root of several shops: alpha, beta"):
        load_settings(tmp_path, environment={})
    with pytest.raises(NotFoundError, match="no shop 'betta'"):
        load_shop(root, "betta", environment={})


@pytest.mark.parametrize("beta", ["sources: [", "nonsense: 1", "shops: {x: x}"])
def test_a_shop_whose_settings_do_not_fit_is_named(made, beta):
    with pytest.raises(SettingsError, match="Shop 'beta': "):
        load_shops(made(beta=beta), environment={})


def test_the_dashboard_may_ask_below_a_path(made, tmp_path):
    made("dashboard: {api: 'http://127.0.0.1:8000/shops/alpha', other_api: 'http://h/shops/b/'}")

    assert load_settings(tmp_path / "alpha", environment={}).settings.dashboard.api.endswith(
        "alpha"
    )


def test_a_file_of_sqlite_is_the_file(tmp_path):
    assert addresses("sqlite:///m.db", tmp_path) == addresses("m.db", tmp_path)
    assert addresses(f"sqlite:///{tmp_path}/m.db", tmp_path) == addresses("m.db", tmp_path)
