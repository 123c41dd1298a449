"""What is built on engines: training rows and the feature stage, the same on each."""

import pyarrow as pa
import pytest

from recomart.engines.postgres import PostgresEngine
from recomart.errors import StoreUnavailableError
from recomart.features.store import FeatureStore
from recomart.features.views import VIEWS
from recomart.settings import EngineSettings, Settings
from tests.engines.test_same_on_every_engine import assert_same
from tests.features.test_store import LABELS, SCORES, build, register
from tests.servers import free_port

pytestmark = pytest.mark.usefixtures("pandas_allowed")


def test_the_stage_and_the_store_run_on_postgres(tmp_path, postgres_url):
    there = Settings(engine=EngineSettings(kind="postgres", postgres=postgres_url))
    here, far = build(tmp_path / "here"), build(tmp_path / "far", there)
    for name in VIEWS:
        assert_same(*(b.con.to_pyarrow(b.read(name)) for b in (far, here)))

    found = []
    for bench in (here, far):
        with FeatureStore(bench.loaded) as store:
            register(store)
            store.save_feature(pa.table(SCORES), "clv")
            views = ["clv", "user_features", "item_features", "price_features"]
            found.append(store.training_set(pa.table(LABELS), views, "bought"))
    assert_same(*found)


def test_a_database_computes_for_one_run_at_a_time(postgres_url):
    with PostgresEngine(postgres_url), pytest.raises(StoreUnavailableError, match="another run"):
        PostgresEngine(postgres_url)


def test_a_database_that_is_down_is_named_without_its_password(tmp_path):
    url = f"postgresql://shop:secret@127.0.0.1:{free_port()}/x"
    with pytest.raises(StoreUnavailableError) as raised:
        build(tmp_path, Settings(engine=EngineSettings(kind="postgres", postgres=url)))

    assert "127.0.0.1" in str(raised.value)
    assert "secret" not in str(raised.value)
