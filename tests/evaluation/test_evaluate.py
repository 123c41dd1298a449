"""The evaluation stage from events to files: repeatable, and true to what happened."""

import pytest

from recomart.errors import BadInputError
from recomart.evaluation.compare import Evaluation
from recomart.evaluation.stage import FILES, evaluate_models
from recomart.preparation.history import HISTORY
from recomart.ranking.training import train
from recomart.settings import EvaluationSettings, ModelSettings, Settings
from recomart.vocabulary import PREPARED_COLUMNS
from tests.features.shop import CATEGORIES, event, table

SETTINGS = Settings(
    project="Mugs & pens",
    models=ModelSettings(train=("popularity", "itemknn"), serve="itemknn"),
    evaluation=EvaluationSettings(ks=(1, 2), bootstrap=100, test_days=3, relevant=("purchase",)),
)
PAST = [
    ("ann", "mug", "purchase", 20),
    ("ann", "pen", "purchase", 19),
    ("bob", "mug", "purchase", 18),
    ("cyd", "mug", "purchase", 17),
    ("dan", "ink", "purchase", 16),
]
FUTURE = [
    ("bob", "pen", "purchase", 2),
    ("cyd", "pen", "purchase", 2),
    ("cyd", "pen", "cancel", 1),
    ("dan", "mug", "view", 0.5),
    ("eve", "mug", "purchase", 0.25),
]


@pytest.fixture
def evaluated(make_bench):
    def evaluated(rows=(*PAST, *FUTURE), **options):
        bench = make_bench("evaluate", SETTINGS, **options)
        events = [event(number, *row) for number, row in enumerate(rows, 1)]
        bench.write("events", table(events, PREPARED_COLUMNS))
        bench.write("catalogue", table([], {"item_id": "string", "available": "boolean"}))
        bench.write("item_history", table([], HISTORY))
        bench.write("categories", table([], CATEGORIES))
        bench.commit(bench.draft("ranker"), details={"none": "not tried"})
        train(bench)
        evaluate_models(bench)
        return bench

    return evaluated


def read(bench):
    return Evaluation.model_validate_json(bench.lake.read("evaluation", FILES[0]))


def test_only_bob_and_eve_have_something_to_find(evaluated):
    data = read(evaluated()).data

    assert (data.n_test_users, data.n_relevant) == (2, 2)
    assert (data.n_users, data.n_items, data.n_interactions) == (4, 3, 5)


def test_popularity_finds_what_most_people_have_and_the_rest_second(evaluated):
    popularity = next(m for m in read(evaluated()).models if m.model == "popularity")

    # eve, without history, gets mug first; bob has mug, so that pen or ink comes first
    assert popularity.metrics["hit_rate@2"].mean == 1.0
    assert popularity.segments["cold users"].mean == 1.0
    assert popularity.segments["cold users"].n_users == 1


def test_who_bought_a_mug_is_shown_the_pen_bought_with_it(evaluated):
    itemknn = next(m for m in read(evaluated()).models if m.model == "itemknn")

    assert itemknn.segments["light users"].mean == 1.0


def test_the_same_events_give_the_same_bytes(evaluated, tmp_path):
    first = evaluated(folder=tmp_path / "a")
    again = evaluated(folder=tmp_path / "b", run_id="r2", now_us=1_800_000_000_000_000)

    for name in FILES:
        assert first.lake.read("evaluation", name) == again.lake.read("evaluation", name)


def test_the_files_name_the_shop_and_the_versions(evaluated):
    bench = evaluated()
    page, card = (bench.lake.read("evaluation", name).decode() for name in FILES[1:])

    assert "Mugs &amp; pens" in page
    assert "# Model card: itemknn" in card
    assert bench.lake.latest("events").version in card
    parents = {parent.name for parent in bench.lake.latest("evaluation").parents}
    models = {"model_popularity", "model_itemknn"}
    assert parents == {"events", "catalogue", "id_map", "ranker", *models}


def test_a_test_window_without_a_purchase_is_an_error(evaluated):
    with pytest.raises(BadInputError, match="test window"):
        evaluated([*PAST, ("dan", "mug", "view", 0.5)])
