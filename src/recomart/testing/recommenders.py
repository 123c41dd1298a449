"""What it means to be a `Recommender`: inherit these tests, and they run against yours."""

# ruff: noqa: S101 -- pytest asserts so

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.sparse import csr_array, random_array, vstack

from recomart.errors import ArtefactError, BadInputError, NotFittedError
from recomart.models.artefact import ARRAYS, load, save
from recomart.models.interactions import Interactions
from recomart.models.sequences import Sequences, recommend_for
from recomart.models.visitor import Visitor, recommend_to

if TYPE_CHECKING:
    from recomart.models.base import Recommender, TopN

N_USERS, N_ITEMS = 200, 50


def random_shop(seed: int) -> csr_array:
    """Return 200 users by 50 items, 5% dense, weights in (0, 1]."""
    drawn = random_array((N_USERS, N_ITEMS), density=0.05, rng=seed, dtype=np.float32)
    shop = csr_array(drawn)
    shop.data = np.maximum(shop.data, np.float32(0.01))
    return shop


def no_interactions(n_rows: int, n_columns: int = N_ITEMS) -> csr_array:
    """Return rows without entries."""
    return csr_array(np.zeros((n_rows, n_columns), dtype=np.float32))


def same(one: TopN, other: TopN) -> bool:
    """Whether two answers are the same to the last byte."""
    return (
        one.items.tobytes() == other.items.tobytes()
        and one.scores.tobytes() == other.scores.tobytes()
    )


class RecommenderTests:
    """Subclass it, say how to make one, and inherit the promises.

    For `save` and `load` the model must have its line among the retrievers.
    """

    def make(self) -> Recommender:
        """Return an unfitted model with its default configuration."""
        raise NotImplementedError

    @pytest.fixture
    def shop(self) -> csr_array:
        """A seeded shop: 200 users by 50 items, 5% dense."""
        return random_shop(seed=7)

    @pytest.fixture
    def fitted(self, shop: csr_array) -> Recommender:
        """The model, fitted to the shop."""
        return self.make().fit(Interactions.from_weights(shop))

    def test_never_recommends_what_is_in_the_history(
        self, fitted: Recommender, shop: csr_array
    ) -> None:
        """No recommended item has an entry in the same row of the history."""
        top = fitted.recommend(shop, n=N_ITEMS)

        for row, items in enumerate(top.items):
            assert not set(items[items >= 0]) & set(shop[[row]].indices)

    def test_may_recommend_what_is_in_the_history_when_asked_to(
        self, fitted: Recommender, shop: csr_array
    ) -> None:
        """With `exclude_seen=False` a list is that of the scores alone."""
        top = fitted.recommend(shop, n=N_ITEMS, exclude_seen=False)
        has_opinion = ~np.isneginf(fitted.scores(shop))

        assert ((top.items >= 0).sum(axis=1) == has_opinion.sum(axis=1)).all()

    def test_ranks_best_first_and_pads_last(self, fitted: Recommender, shop: csr_array) -> None:
        """Scores never rise along a row; once padded, a row stays padded."""
        top = fitted.recommend(shop, n=N_ITEMS)
        filled = np.nan_to_num(top.scores, nan=-np.inf)

        assert (filled[:, 1:] <= filled[:, :-1]).all()
        assert (np.isnan(top.scores) == (top.items == -1)).all()

    def test_ranks_by_its_scores_and_ties_go_to_the_lower_item(
        self, fitted: Recommender, shop: csr_array
    ) -> None:
        """A list is the stable sort of the scores of what was not seen."""
        scores = fitted.scores(shop)
        scores[shop.nonzero()] = -np.inf
        best = np.argsort(-scores, axis=1, kind="stable")[:, :10]
        best[np.isneginf(np.take_along_axis(scores, best, axis=1))] = -1

        assert (fitted.recommend(shop, n=10).items == best).all()

    def test_recommends_an_item_once(self, fitted: Recommender, shop: csr_array) -> None:
        """No item stands twice in a row."""
        for items in fitted.recommend(shop, n=N_ITEMS).items:
            recommended = items[items >= 0]

            assert len(set(recommended)) == len(recommended)

    def test_answers_in_the_promised_shapes_and_kinds(
        self, fitted: Recommender, shop: csr_array
    ) -> None:
        """Lists have n columns even where n exceeds the catalogue."""
        top = fitted.recommend(shop, n=N_ITEMS + 5)

        assert top.items.shape == top.scores.shape == (N_USERS, N_ITEMS + 5)
        assert top.items.dtype == np.dtype("int32")
        assert top.scores.dtype == np.dtype("float32")

    def test_a_second_fit_starts_afresh(self, shop: csr_array) -> None:
        """Fitting to something else first leaves no trace."""
        first, second = (Interactions.from_weights(w) for w in (random_shop(seed=8), shop))

        refitted = self.make().fit(first).fit(second)

        assert save(refitted) == save(self.make().fit(second))

    def test_learns_the_same_from_the_same(self, shop: csr_array) -> None:
        """Two fits give the same bytes."""
        one, other = (self.make().fit(Interactions.from_weights(shop)) for _ in range(2))

        assert save(one) == save(other)

    def test_comes_back_from_its_files_unchanged(
        self, fitted: Recommender, shop: csr_array
    ) -> None:
        """Saved and loaded, it answers with the same bytes, and saves the same files."""
        loaded = load(save(fitted))

        assert same(loaded.recommend(shop, n=10), fitted.recommend(shop, n=10))
        assert save(loaded) == save(fitted)

    def test_refuses_files_cut_short(self, fitted: Recommender) -> None:
        """Nothing is loaded from arrays that end early."""
        files = save(fitted)
        files[ARRAYS] = files[ARRAYS][: len(files[ARRAYS]) // 2]

        with pytest.raises(ArtefactError):
            load(files)

    def test_answers_an_empty_history(self, fitted: Recommender) -> None:
        """A row without entries gets a list, or padding; never an error or a NaN score."""
        top = fitted.recommend(no_interactions(2), n=5)

        assert not np.isnan(top.scores[top.items >= 0]).any()
        assert (top.items[0] == top.items[1]).all()

    def test_answers_no_histories(self, fitted: Recommender) -> None:
        """No rows in, no rows out."""
        assert fitted.recommend(no_interactions(0), n=5).items.shape == (0, 5)

    def test_a_row_is_answered_alone_as_among_others(
        self, fitted: Recommender, shop: csr_array
    ) -> None:
        """The items for a history do not depend on the other rows asked with it."""
        among = fitted.recommend(shop, n=10)

        for row in range(5):
            alone = fitted.recommend(shop[[row]], n=10)

            np.testing.assert_allclose(alone.scores[0], among.scores[row], rtol=1e-3, atol=1e-5)

    @pytest.mark.parametrize("exclude_seen", [True, False])
    def test_a_visitor_is_answered_as_a_row(
        self, fitted: Recommender, shop: csr_array, *, exclude_seen: bool
    ) -> None:
        """The short way for one visitor, where there is one, leads to the list of the batch."""
        rows = csr_array(vstack([shop[:20], no_interactions(1)], format="csr"))
        sequences = Sequences.of_histories(rows)

        for row in range(rows.shape[0]):
            one = rows[[row]]
            order = sequences[row : row + 1]
            visitor = Visitor(one.indices, one.data, order.items, order.occurred_us, N_ITEMS)
            found = recommend_to(fitted, visitor, 10, exclude_seen=exclude_seen)
            top = recommend_for(fitted, one, order, 10, exclude_seen=exclude_seen)
            held = top.items[0] >= 0

            np.testing.assert_allclose(found.scores, top.scores[0][held], rtol=1e-3, atol=1e-4)
            is_tied = np.isclose(found.scores, np.roll(found.scores, 1), rtol=1e-3, atol=1e-4)
            is_tied |= np.roll(is_tied, -1)
            assert len(found.items) == held.sum()
            assert (found.items[~is_tied] == top.items[0][held][~is_tied]).all()

    def test_changes_nothing_that_it_is_given(self, shop: csr_array) -> None:
        """Interactions and histories are as they were after fit and recommend."""
        interactions = Interactions.from_weights(shop)
        before = interactions.weights.copy()
        model = self.make().fit(interactions)
        model.recommend(interactions.weights, n=5)
        model.contributions(interactions.weights[[0]], 3)

        assert (interactions.weights.data == before.data).all()
        assert (interactions.weights.indices == before.indices).all()

    def test_an_item_is_not_similar_to_itself(self, fitted: Recommender) -> None:
        """Asked about an item, it never answers with that item."""
        items = np.arange(N_ITEMS, dtype=np.int32)
        top = fitted.similar_items(items, n=N_ITEMS)

        assert not (top.items == items[:, None]).any()

    def test_says_nothing_wrong_of_an_item_it_does_not_know(self, fitted: Recommender) -> None:
        """The index -1, an unknown item, is answered like any other."""
        top = fitted.similar_items(np.array([-1, 0], dtype=np.int32), n=5)

        assert top.items.shape == (2, 5)
        assert top.items.max() < N_ITEMS

    def test_contributions_stand_beside_the_entries_of_the_history(
        self, fitted: Recommender, shop: csr_array
    ) -> None:
        """One finite number an entry."""
        parts = fitted.contributions(shop[[0]], 3)

        assert parts.shape == shop[[0]].indices.shape
        assert np.isfinite(parts).all()

    def test_refuses_a_history_of_other_items(self, fitted: Recommender) -> None:
        """A history must have one column an item."""
        with pytest.raises(BadInputError):
            fitted.recommend(no_interactions(1, N_ITEMS + 1), n=5)

    def test_refuses_a_weight_that_counts_for_nothing(self, fitted: Recommender) -> None:
        """A history holds weights above 0."""
        with pytest.raises(BadInputError):
            fitted.recommend(csr_array(([-1.0], ([0], [0])), shape=(1, N_ITEMS)), n=5)

    def test_refuses_a_list_of_no_items(self, fitted: Recommender, shop: csr_array) -> None:
        """At least one item must be asked for."""
        with pytest.raises(BadInputError):
            fitted.recommend(shop, n=0)

    def test_says_that_it_is_not_fitted(self, shop: csr_array) -> None:
        """Asked before it has learned, it says so."""
        with pytest.raises(NotFittedError):
            self.make().recommend(shop, n=5)

    def test_learns_from_a_shop_without_interactions(self) -> None:
        """Nobody has taken anything: it fits, and answers without an error."""
        empty = no_interactions(3)
        top = self.make().fit(Interactions.from_weights(empty)).recommend(empty, n=5)

        assert top.items.shape == (3, 5)

    @pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1)])
    def test_learns_from_one_user_or_one_item(self, shape: tuple[int, int]) -> None:
        """Hardly anything is known: it fits, and answers without an error or a NaN score."""
        shop = csr_array(np.ones(shape, dtype=np.float32))
        model = self.make().fit(Interactions.from_weights(shop))
        top = model.recommend(shop, n=3, exclude_seen=False)

        assert not np.isnan(top.scores[top.items >= 0]).any()

    def test_learns_the_same_from_what_is_said_twice(self, shop: csr_array) -> None:
        """Repeats of one event, and events that were all taken back, are no fault."""
        users, items = (part.astype(np.int32) for part in shop.nonzero())
        for strengths in (np.ones(2 * len(users)), -np.ones(2 * len(users))):
            interactions = Interactions.from_events(
                np.tile(users, 2),
                np.tile(items, 2),
                strengths,
                np.zeros(2 * len(users), dtype=np.int64),
                shape=(N_USERS, N_ITEMS),
            )
            top = self.make().fit(interactions).recommend(shop, n=5)

            assert not np.isnan(top.scores[top.items >= 0]).any()

    def test_has_nothing_left_for_somebody_who_has_everything(self, fitted: Recommender) -> None:
        """A history of all items, seen ones left out, is answered by padding."""
        everything = csr_array(np.ones((1, N_ITEMS), dtype=np.float32))

        assert (fitted.recommend(everything, n=5).items == -1).all()

    def test_a_weight_that_is_no_number_is_refused(self, fitted: Recommender) -> None:
        """NaN is no weight."""
        with pytest.raises(BadInputError):
            fitted.recommend(csr_array(([np.nan], ([0], [0])), shape=(1, N_ITEMS)), n=5)


class ExactRecommenderTests(RecommenderTests):
    """For models that draw nothing at random: what users and items are called changes nothing."""

    def test_other_ids_of_users_and_items_change_nothing(self, shop: csr_array) -> None:
        """With rows and columns permuted, scores are permuted and no more."""
        rng = np.random.default_rng(3)
        users, items = rng.permutation(N_USERS), rng.permutation(N_ITEMS)
        other = csr_array(shop[users][:, items])
        plain, permuted = (
            self.make().fit(Interactions.from_weights(weights)).scores(weights)
            for weights in (shop, other)
        )

        np.testing.assert_allclose(permuted, plain[users][:, items], rtol=1e-3, atol=1e-5)
