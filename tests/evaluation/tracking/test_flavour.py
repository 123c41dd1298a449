"""A packed model answers as the shop does, wherever it is loaded, without pickle; or not at all."""

import pytest

from recomart.errors import ArtefactError, BadInputError, IntegrityError
from recomart.evaluation.tracking import packing
from recomart.evaluation.tracking.flavour import _load_pyfunc
from recomart.evaluation.tracking.packing import Folder, pack
from recomart.lake import open_lake
from tests.trained import answers, copy_of, unsigned, users_of

# MLflow on its own types, when it is imported
pytestmark = pytest.mark.filterwarnings("ignore:.*type hint is inferred as AnyType:UserWarning")

CASCADE, SINGLE = 1, 2


@pytest.fixture
def shop(published_shop, tmp_path):
    return copy_of(published_shop, tmp_path / "shop")


@pytest.fixture
def packed(shop, tmp_path):
    """Pack a published model by its number; the folder that it lies in."""
    lake = open_lake(shop)

    def make(number, views=True):
        model = lake.history("published_model")[number - 1]
        keys = model.details.get("views", {}) if views else ()
        found = {name: lake.latest(name) for name in keys}
        folder = tmp_path / f"model-{number}"
        pack(lake, model, found, Folder(folder), exclude_seen=True, run_id="r")
        return folder

    return make


def ask(model, users, **params):
    return unsigned(model.predict({"user_id": users}, {"n": 5, **params}))


@pytest.mark.parametrize("number", [CASCADE, SINGLE])
def test_it_answers_as_the_shop_does_for_users_that_are_known_and_new(shop, packed, number):
    users = users_of(shop)

    model = _load_pyfunc(str(packed(number) / "data"))
    assert model.champion.name == ("cascade" if number == CASCADE else "rp3beta")
    assert ask(model, users) == answers(shop, number, users)


def test_features_of_users_of_a_large_shop_come_from_the_store_that_is_named(
    shop, packed, monkeypatch
):
    monkeypatch.setattr(packing, "MOST_ROWS", 10)
    folder, users = packed(CASCADE), users_of(shop)
    unknown = ask(_load_pyfunc(str(folder / "data")), users)
    place = str(shop.folder / "data" / "online.sqlite")
    with_store = _load_pyfunc(str(folder / "data"), {"online": place})

    assert not list(folder.rglob("user_features"))
    assert [len(lines) for lines in unknown] == [5] * len(users)
    assert unknown != answers(shop, CASCADE, users)
    assert ask(with_store, users) == answers(shop, CASCADE, users)


def test_what_the_user_had_is_left_out_or_not_as_asked(shop, packed):
    model = _load_pyfunc(str(packed(SINGLE) / "data"))
    [user] = users_of(shop)[:1]
    had = {title for _, title in model.champion.history_of(user, 100)}

    [without] = ask(model, [user], n=40)
    [everything] = ask(model, [user], n=40, exclude_seen=False)
    assert not had & {line["title"] for line in without[:3]}
    assert had & {line["title"] for line in everything}


def test_an_id_that_is_no_text_is_refused(packed):
    with pytest.raises(BadInputError, match="is text, and not list"):
        _load_pyfunc(str(packed(SINGLE) / "data")).predict({"user_id": [["u1", "u2"]]})


def test_a_damaged_package_is_not_loaded(packed):
    folder = packed(CASCADE)
    files = sorted(path for path in (folder / "data").rglob("*") if path.is_file())
    assert len(files) > 15
    for path in files:
        whole = path.read_bytes()
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 1
        for damaged in (bytes(flipped), whole[: len(whole) // 2], None):
            path.unlink()
            if damaged is not None:
                path.write_bytes(damaged)
            if "user" in path.as_posix() and "manifests" not in path.parts:
                continue  # read when a user is asked for, see below
            with pytest.raises((ArtefactError, IntegrityError)):
                _load_pyfunc(str(folder / "data"))
        path.write_bytes(whole)


def test_damaged_features_of_users_are_not_used(shop, packed):
    folder = packed(CASCADE)
    model = _load_pyfunc(str(folder / "data"))
    for path in (folder / "data" / "features" / "user_features" / "files").iterdir():
        path.write_bytes(path.read_bytes()[:-1] + b"x")

    with pytest.raises(IntegrityError):
        ask(model, users_of(shop))


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(ArtefactError, match="no packed model"):
        _load_pyfunc(str(tmp_path))
