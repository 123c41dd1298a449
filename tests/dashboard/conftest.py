"""A small shop with two published models, and screens of it without a browser."""

from __future__ import annotations

import shutil

import pytest

from recomart.lake import Draft, Making, open_lake
from recomart.settings import load_settings
from tests.servers import free_port
from tests.shared import made_once
from tests.small_shop import make_shop, publish

MAKING = Making(key="k", stage="made by hand", run_id="20260101T120000000000Z-abcdef")


def watched(folder, trained):
    """Fill a folder with a shop that published two models, one after the other."""
    shutil.copytree(trained, folder, dirs_exist_ok=True)
    publish(folder)


@pytest.fixture(scope="session")
def two_models(tmp_path_factory):
    """A folder; it is read, or copied."""
    trained = made_once(tmp_path_factory, "served", make_shop)
    return made_once(tmp_path_factory, "watched", lambda folder: watched(folder, trained))


def open_shop(folder, **flags):
    """Open a shop as the dashboard does; `flags` are settings of it, and its API is not there."""
    from recomart.dashboard.shop import Shop

    told = {"api": f"http://127.0.0.1:{free_port()}", **flags}
    leaves = {("dashboard", name): value for name, value in told.items()}
    return Shop(load_settings(folder, environment={}, flags=leaves), ("-s", str(folder)))


@pytest.fixture(scope="session")
def watched_shop(two_models):
    """The shop with two models, opened once."""
    return open_shop(two_models)


def shown(name, shop):
    """What Streamlit runs in a test; it reads the source of this function alone."""
    from recomart.dashboard.app import SCREENS, show

    show(next(screen for screen in SCREENS if screen.name == name), shop)


class Seen:
    """A screen as it was shown."""

    def __init__(self, app):
        self.app = app

    def __getattr__(self, name):
        return getattr(self.app, name)

    @property
    def html(self):
        """All that was put, as HTML."""
        return "\n".join(one.body for one in self.app.html)

    @property
    def problems(self):
        """What was told to be wrong."""
        assert not self.app.exception, self.app.exception
        return [one.body for one in self.app.html if 'role="alert"' in one.body]

    def again(self):
        """Run it once more, as after a click."""
        self.app.run()
        return self


@pytest.fixture
def see(pandas_allowed):
    """Show a screen of a shop."""
    from streamlit.testing.v1 import AppTest

    def seen(name, shop):
        app = AppTest.from_function(shown, args=(name, shop), default_timeout=60)
        return Seen(app.run())

    return seen


@pytest.fixture
def by_hand(tmp_path):
    """Put files or tables into a lake of one's own: data set, file → bytes or table."""
    (tmp_path / "recomart.yaml").write_text("project: By hand\n", encoding="utf-8")
    lake = open_lake(load_settings(tmp_path, environment={}))

    def put(dataset, **files):
        draft = Draft(lake, dataset)
        for name, what in files.items():
            partition = name.replace("__", ".")
            if isinstance(what, bytes):
                draft.add_bytes(partition, what)
            else:
                draft.add_table(what.to_reader(), partition if partition != "rows" else "")
        draft.commit(MAKING)
        return tmp_path

    return put
