"""The ranker learns, comes back from its files unchanged, and refuses what is not its own."""

import json

import numpy as np
import pytest

from recomart.errors import ArtefactError, BadInputError, MissingExtraError
from recomart.ranking.ranker import DESCRIPTION, TREES, Ranker, Rows, is_installed
from recomart.settings import RankingSettings

SETTINGS = RankingSettings(trees=30, losses=("QueryRMSE", "YetiRank"), learning_rate=0.3)
COLUMNS = ("noise", "signal", "popularity__rank")


def rows(seed, n_lists=60, n=20):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(n_lists * n, 3)).astype(np.float32)
    matrix[:, 2] = np.tile(np.arange(1, n + 1), n_lists)
    wanted = matrix[:, 1] + rng.normal(0, 0.3, len(matrix)) > 1
    return Rows(matrix, wanted.astype(np.int64), np.repeat(np.arange(n_lists), n))


def fitted(settings=SETTINGS):
    return Ranker.fit(COLUMNS, rows(1), rows(2), settings, seed=7)


@pytest.mark.usefixtures("pandas_allowed")
class TestRanker:
    def test_it_finds_the_column_that_tells(self):
        ranker, later = fitted(), rows(3)

        assert next(iter(ranker.importance())) == "signal"
        assert later.ndcg(ranker.scores(later.matrix)) > later.ndcg(later.matrix[:, 0]) + 0.3

    def test_the_loss_with_the_better_lists_wins(self):
        ranker = fitted()

        assert set(ranker.tried) == set(SETTINGS.losses)
        assert ranker.loss == max(ranker.tried, key=ranker.tried.get)

    def test_one_loss_needs_no_choice(self):
        one = SETTINGS.model_copy(update={"losses": ("YetiRank",)})

        assert (fitted(one).loss, fitted(one).tried) == ("YetiRank", {})

    def test_the_same_rows_give_the_same_bytes(self):
        assert fitted().to_files() == fitted().to_files()

    def test_it_comes_back_from_its_files_unchanged(self):
        ranker, later = fitted(), rows(3)
        again = Ranker.from_files(ranker.to_files())

        assert (again.scores(later.matrix) == ranker.scores(later.matrix)).all()
        assert again.to_files() == ranker.to_files()

    def test_shares_sum_to_the_score_less_its_mean(self):
        ranker, later = fitted(), rows(3)
        left = ranker.scores(later.matrix) - ranker.shares(later.matrix).sum(axis=1)

        assert np.ptp(left) < 1e-4

    def test_nothing_to_rank(self):
        assert fitted().scores(np.empty((0, 3), dtype=np.float32)).shape == (0,)

    @pytest.mark.parametrize("label", [0, 1])
    def test_nothing_to_learn_is_an_error_with_a_remedy(self, label):
        alike = rows(1)
        alike.labels[:] = label
        with pytest.raises(BadInputError, match="nothing to learn"):
            Ranker.fit(COLUMNS, alike, rows(2), SETTINGS, seed=7)

    @pytest.mark.parametrize(
        "change",
        [
            lambda files: files.pop(TREES),
            lambda files: files.pop(DESCRIPTION),
            lambda files: files.update({TREES: files[TREES][:-100]}),
            lambda files: files.update({DESCRIPTION: b"{}"}),
            lambda files: files.update({DESCRIPTION: newer(files[DESCRIPTION])}),
            lambda files: files.update({TREES: swapped()}),
        ],
    )
    def test_files_that_do_not_belong_together_are_refused(self, change):
        files = fitted().to_files()
        change(files)
        with pytest.raises(ArtefactError, match="refused"):
            Ranker.from_files(files)

    def test_cold_lists_are_left_to_a_retriever_that_orders_them_better(self):
        ranker, judge = fitted(), rows(2)
        is_cold = judge.groups < 20
        judge.labels[is_cold] = judge.matrix[is_cold, 2] <= 2
        ranker.settle_cold(judge, is_cold)
        scores = ranker.ordering(judge.matrix, is_cold)

        assert ranker.cold_order == "popularity__rank"
        assert (np.diff(scores[:20]) < 0).all()
        assert (scores[~is_cold] == ranker.scores(judge.matrix[~is_cold])).all()
        assert Ranker.from_files(ranker.to_files()).cold_order == ranker.cold_order

    def test_cold_lists_stay_with_trees_that_order_them_better(self):
        ranker, judge = fitted(), rows(2)
        ranker.settle_cold(judge, judge.groups < 20)

        assert ranker.cold_order is None


def newer(body):
    return json.dumps(json.loads(body) | {"format": 2}).encode()


def swapped():
    return Ranker.fit(COLUMNS, rows(8), rows(9), SETTINGS, seed=1).to_files()[TREES]


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("recomart.ranking.ranker.is_installed", lambda: False)

    for call in (fitted, lambda: Ranker.from_files({})):
        with pytest.raises(MissingExtraError, match="catboost") as raised:
            call()
        assert "recomart[rank]" in raised.value.remedy


def test_a_library_that_cannot_be_imported_is_not_installed(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "catboost", None)

    assert not is_installed()
