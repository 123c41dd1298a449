"""What every test shares: reproducible randomness, patience with busy machines, no pandas."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import settings

from recomart.engines import connect
from recomart.lake import Lake, LocalObjects, Workbench
from recomart.settings import EngineSettings, Loaded, Settings
from tests.demonstration import demonstrate
from tests.erased import make_shop as make_full
from tests.preloaded import command_line
from tests.servers import postgres_server, redis_server
from tests.shared import made_once
from tests.small_shop import make_shop
from tests.trained import train

settings.register_profile("recomart", deadline=None, max_examples=50)
settings.load_profile("recomart")

LONGEST = (
    "engines/test_same_on_every_engine.py",
    "pipeline/test_prefect_flow.py",
    "pipeline/test_run.py",
    "pipeline/test_real_data.py",
    "pipeline/test_cascade_run.py",
    "pipeline/test_s3_run.py",
    "pipeline/test_tracking.py",
    "pipeline/test_runs.py",
    "cli/test_cli.py",
    "features/test_as_of.py",
    "laws/test_no_leak_in_training_rows.py",
    "laws/test_erasing.py",
)
"""Files that begin before others, so that no worker is left with one of them at the end."""


class NoPandas:
    """Hides what an installation need not have, from tests where it happens to be.

    That is pandas, and MLflow, which cannot do without it and stays broken if it once tried.
    """

    hidden = ("pandas", "mlflow")

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.hidden:
            raise ModuleNotFoundError(f"No module named {name!r} for tests", name=name)


NO_PANDAS = NoPandas()
sys.meta_path.insert(0, NO_PANDAS)


class TellsAtOnce:
    """Prints a failure when it is seen: a run that is ended from outside prints no summary."""

    def __init__(self, reporter):
        self.reporter = reporter

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.reporter.ensure_newline()
            self.reporter.write_line(f"FAILED {report.nodeid}\n{report.longreprtext}")


@pytest.hookimpl(trylast=True)  # after the reporter is there
def pytest_configure(config):
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter and not hasattr(config, "workerinput"):
        config.pluginmanager.register(TellsAtOnce(reporter))


@pytest.fixture(scope="session")
def pandas_allowed():
    """For Spark, which needs pandas, and for those who bring data frames of it."""
    if NO_PANDAS in sys.meta_path:
        sys.meta_path.remove(NO_PANDAS)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    # once imported, pandas is there for everybody: files with tests that need it come last
    with_pandas = {item.path for item in items if _wants_pandas(item)}
    order = {name: number for number, name in enumerate(LONGEST)}

    def place(item):
        name = f"{item.path.parent.name}/{item.path.name}"
        return item.path in with_pandas, order.get(name, len(order)), _wants_pandas(item)

    items.sort(key=place)


def _wants_pandas(item):
    return "pandas_allowed" in item.fixturenames


@pytest.fixture
def rng():
    return np.random.default_rng(20260101)


@pytest.fixture
def make_bench(tmp_path):
    """Make a workbench over a lake in `tmp_path`; the same lake each time."""

    def make(stage="prepare", settings=None, folder=tmp_path, **options):
        options = {"run_id": "r1", "now_us": 1_767_225_600_000_000, "key": "k", **options}
        lake = Lake(LocalObjects(folder / "lake"))
        con = connect(EngineSettings(threads=2), folder / "lake" / ".spill")
        loaded = Loaded(settings or Settings(), folder)
        return Workbench(lake, con, loaded, stage, **options)

    return make


@pytest.fixture
def bench(make_bench):
    return make_bench()


@pytest.fixture(scope="session")
def postgres_url():
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def redis_url():
    with redis_server() as url:
        yield url


@pytest.fixture(scope="session")
def s3_running():
    from tests.s3 import s3_server  # boto3 and moto: only where they are asked for

    with s3_server() as server:
        yield server


@contextmanager
def chain_of(server, folder):
    """Let the usual chain of boto3 lead to a server, and to nothing else."""
    from tests.s3 import environment

    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in environment(server, folder).items():
            patch.setenv(name, value)
        server.heal()
        yield server
        server.heal()


@pytest.fixture
def s3(s3_running, tmp_path):
    with chain_of(s3_running, tmp_path):
        yield s3_running


@pytest.fixture
def s3_url(s3):
    from tests.s3 import fresh_url

    return fresh_url()


@pytest.fixture(scope="session")
def published_shop(tmp_path_factory, pandas_allowed):
    """A folder with a shop that published the cascade and then a single model; copy it."""
    return made_once(tmp_path_factory, "published", train)


@pytest.fixture(scope="session")
def erasing_shop(published_shop, tmp_path_factory):
    """That shop with more versions, in which some stand wherever one can stand; copy it."""
    return made_once(tmp_path_factory, "erasing", lambda folder: make_full(published_shop, folder))


@pytest.fixture(scope="session")
def preloaded(tmp_path_factory):
    """A program that is `recomart` without the time of its imports."""
    with command_line(tmp_path_factory.mktemp("preloaded")) as program:
        yield program


@pytest.fixture(scope="session")
def small_shop(tmp_path_factory):
    """A folder with a small shop that published a single model; copy it."""
    return made_once(tmp_path_factory, "served", make_shop)


@pytest.fixture(scope="session")
def demonstration(tmp_path_factory):
    """A folder with `demo`, what `recomart demo` said, and how long it took; copy it."""
    return made_once(tmp_path_factory, "demonstration", demonstrate)
