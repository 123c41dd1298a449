"""A blend adds standardised scores, and always fills the list."""

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.sparse import csr_array

from recomart.errors import ArtefactError
from recomart.models import Interactions
from recomart.models.artefact import load, save
from recomart.models.blend import Blend, BlendConfig, Member, standardised
from recomart.models.scorer import Scorer
from recomart.testing.recommenders import RecommenderTests, random_shop, same

MUG, PEN, HAT, CAP = range(4)


class TestBlend(RecommenderTests):
    def make(self):
        return Blend()


def blend_of(*names, weights=None):
    weights = weights or [1.0] * len(names)
    pairs = zip(names, weights, strict=True)
    return Blend(BlendConfig(members=tuple(Member(model=m, weight=w) for m, w in pairs)))


def test_standardised_rows_have_mean_0_and_deviation_1(rng):
    scores, deviation = standardised(rng.standard_normal((3, 20)).astype(np.float32) * 5 + 2)

    np.testing.assert_allclose(scores.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(scores.std(axis=1), 1, rtol=1e-5)
    assert deviation.shape == (3, 1)


def test_no_opinion_counts_as_the_lowest():
    scores, _ = standardised(np.array([[2.0, -np.inf, 1.0, 3.0]], dtype=np.float32))

    assert scores[0, 1] == scores[0, 2] == scores.min()


@pytest.mark.parametrize("row", [[-np.inf] * 3, [4.0] * 3, [-np.inf, 2.0, 2.0]])
def test_a_row_without_difference_is_all_zero(row):
    scores, _ = standardised(np.array([row], dtype=np.float32))

    assert not scores.any()


def test_the_score_is_the_weighted_sum_of_standardised_scores():
    shop = random_shop(seed=2)
    blend = blend_of("itemknn", "rp3beta", weights=[2.0, 1.0]).fit(Interactions.from_weights(shop))
    knn, walk = blend.models_

    scores = blend.scores(shop)

    heard = ~(np.isneginf(knn.scores(shop)) & np.isneginf(walk.scores(shop)))
    expected = 2 * standardised(knn.scores(shop))[0] + standardised(walk.scores(shop))[0]
    np.testing.assert_allclose(scores[heard], expected[heard], rtol=1e-5, atol=1e-6)


def test_a_silent_member_changes_nothing():
    shop = random_shop(seed=2)
    alone = blend_of("itemknn").fit(Interactions.from_weights(shop))
    beside = blend_of("itemknn", "ials", weights=[1.0, 0.0]).fit(Interactions.from_weights(shop))

    assert same(alone.recommend(shop, n=10), beside.recommend(shop, n=10))


def test_a_newcomer_gets_what_is_popular_then_the_rest_of_the_catalogue(tiny):
    newcomer = csr_array((1, 4), dtype=np.float32)

    top = blend_of("rp3beta").fit(tiny).recommend(newcomer, n=4)

    assert top.items.tolist() == [[MUG, PEN, HAT, CAP]]


@pytest.mark.parametrize("members", [("rp3beta",), ("ials", "trending")])
def test_every_user_gets_as_many_items_as_the_catalogue_has_left(tiny, members):
    top = blend_of(*members).fit(tiny).recommend(tiny.weights, n=4)

    assert (top.items >= 0).sum(axis=1).tolist() == [2, 1, 3]


def test_what_a_member_knows_comes_before_what_is_only_popular():
    # hat and cap go together; the mug is popular, but not with them
    shop = csr_array(np.array([[0, 0, 1, 1], [1, 0, 0, 0], [1, 0, 0, 0]], dtype=np.float32))
    history = csr_array(([1.0], ([0], [HAT])), shape=(1, 4))

    top = blend_of("cooccurrence").fit(Interactions.from_weights(shop)).recommend(history, n=3)

    assert top.items.tolist() == [[CAP, MUG, PEN]]


def test_similar_items_come_first_then_popular_ones(tiny):
    top = (
        blend_of("cooccurrence", "itemknn")
        .fit(tiny)
        .similar_items(np.array([HAT, -1], dtype=np.int32), n=3)
    )

    assert top.items[0].tolist() == [PEN, MUG, CAP]
    assert top.items[1].tolist() == [MUG, PEN, HAT]
    assert (top.scores[0, :2] > 0).all()
    assert top.scores[0, 2] < 0


def test_contributions_differ_from_the_score_by_what_the_row_shares(tiny):
    # standardising takes the mean away, so differences between items are what the history explains
    blend = blend_of("rp3beta").fit(tiny)
    history = csr_array(np.array([[1, 4, 0, 0]], dtype=np.float32))
    scores = blend.scores(history)[0]

    of_hat, of_mug = (blend.contributions(history, item).sum() for item in (HAT, MUG))

    assert of_hat - of_mug == pytest.approx(scores[HAT] - scores[MUG], rel=1e-4)


def test_other_weights_need_no_other_fit():
    shop = random_shop(seed=2)
    interactions = Interactions.from_weights(shop)
    equal = blend_of("itemknn", "ials").fit(interactions)

    reweighted = equal.with_weights([3.0, 1.0])

    fitted_so = blend_of("itemknn", "ials", weights=[3.0, 1.0]).fit(interactions)
    assert save(reweighted) == save(fitted_so)
    assert [member.weight for member in equal.config.members] == [1.0, 1.0]


def test_a_member_must_be_a_model_with_options_of_its_own():
    with pytest.raises(ValidationError, match="no model 'rp3'"):
        Member(model="rp3")
    with pytest.raises(ValidationError, match="neighbors"):
        Member(model="rp3beta", options={"neighbors": 3})


def test_members_of_different_shops_are_refused(tiny):
    arrays = blend_of("itemknn").fit(tiny).arrays()
    arrays["fallback.item_scores"] = arrays["fallback.item_scores"][:-1]

    with pytest.raises(ArtefactError, match="same number of items"):
        Blend.from_arrays(BlendConfig(members=(Member(model="itemknn"),)), arrays)


def test_a_blend_keeps_the_options_of_its_members(tiny):
    member = Member(model="itemknn", options={"neighbours": 1})
    loaded = load(save(Blend(BlendConfig(members=(member,))).fit(tiny)))

    assert loaded.models_[0].config.neighbours == 1


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1_000),
    members=st.sampled_from([["ials"], ["rp3beta"], ["ials", "rp3beta"], ["rp3beta", "itemknn"]]),
    exclude_seen=st.booleans(),
    n=st.integers(1, 40),
)
def test_a_list_of_many_by_few_items_is_the_list_by_all_scores(seed, members, exclude_seen, n):
    random = np.random.default_rng(seed)
    weights = (random.random((60, 40)) < 0.08) * random.integers(1, 4, (60, 40))
    weights[:, 35:] = 0  # nobody took them
    shop = csr_array(weights.astype(np.float32))
    blend = blend_of(*members).fit(Interactions.from_weights(shop))
    taste = blend.taste(shop)

    by_all = Scorer.rank(blend, taste, shop, n, exclude_seen=exclude_seen)
    with (
        patch("recomart.models.blend.MANY_ITEMS", 0),
        patch("recomart.models.blend.ROWS_AT_ONCE", 7),
    ):
        by_few = blend.rank(taste, shop, n, exclude_seen=exclude_seen)

    assert ((by_few.items >= 0) == (by_all.items >= 0)).all()
    assert np.allclose(by_few.scores, by_all.scores, rtol=1e-3, atol=1e-3, equal_nan=True)
    scores = blend.scores(shop)
    rows, places = np.nonzero(by_few.items >= 0)
    own = scores[rows, by_few.items[rows, places]]
    assert np.allclose(own, by_few.scores[rows, places], rtol=1e-3, atol=1e-3)
    assert all(len(set(row[row >= 0])) == (row >= 0).sum() for row in by_few.items)
