"""Paths are looked up once, and say the same as each model alone: what it proposes, and why."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from recomart.models.blend import Blend
from recomart.models.content import Content
from recomart.models.cooccurrence import CoOccurrence
from recomart.models.ials import IALS
from recomart.models.interactions import Interactions
from recomart.models.itemknn import ItemKNN
from recomart.models.popularity import Popularity
from recomart.models.rp3beta import RP3Beta
from recomart.models.sequences import Sequences
from recomart.models.visitor import Visitor
from recomart.ranking import paths as paths_module
from recomart.ranking.candidates import lists_for, retrieve, retrieve_for
from recomart.ranking.paths import Paths, linked
from recomart.testing.recommenders import N_ITEMS, random_shop

SHOP = random_shop(seed=7)
KNOWN = Interactions.from_weights(SHOP)
LINKED = [kind().fit(KNOWN) for kind in (ItemKNN, RP3Beta, CoOccurrence)]


def visitor(row):
    one = SHOP[[row]]
    order = Sequences.of_histories(one)
    return Visitor(one.indices, one.data, order.items, order.occurred_us, N_ITEMS)


NOBODY = Visitor(*(np.empty(0, dtype=kind) for kind in ("i4", "f4", "i4", "i8")), N_ITEMS)
VISITORS = [NOBODY, *(visitor(row) for row in range(30))]
"""Of none, one and several items."""


@pytest.mark.parametrize("many", [0, 4])
@pytest.mark.parametrize("exclude_seen", [True, False])
def test_the_best_of_all_models_are_the_best_of_each(monkeypatch, many, exclude_seen):
    monkeypatch.setattr(paths_module, "MANY", many)

    for who in VISITORS:
        together = Paths.through(LINKED, who).best(5, exclude_seen=exclude_seen)

        for found, model in zip(together, LINKED, strict=True):
            alone = model.recommend_one(who, 5, exclude_seen=exclude_seen)
            np.testing.assert_allclose(found.scores, alone.scores, rtol=1e-5)
            assert len(set(found.items.tolist())) == len(found.items)


def test_shares_are_what_each_item_adds_to_the_scores():
    who = next(one for one in VISITORS if len(one.items) > 2)
    items = np.array([k for k in range(N_ITEMS) if k not in who.items], dtype=np.int32)[::-1]

    shares = Paths.through(LINKED[:1], who).shares(items)

    for place, item in enumerate(items.tolist()):
        parts = LINKED[0].contributions(who.history, item)
        wanted = parts / parts.sum() if parts.sum() else parts
        np.testing.assert_allclose(shares[:, place], wanted, rtol=1e-5)


def test_no_items_have_no_shares():
    shares = Paths.through(LINKED, VISITORS[1]).shares(np.empty(0, dtype=np.int32))

    assert shares.shape == (len(VISITORS[1].items), 0)


def test_one_visitor_is_proposed_what_a_row_is():
    models = {"popularity": Popularity().fit(KNOWN), "itemknn": LINKED[0], "rp3beta": LINKED[1]}
    options = {"each": 7, "most": 12, "exclude_seen": True}

    for who in VISITORS:
        paths = Paths.through(linked(models.values()), who)
        alone = retrieve_for(models, paths, **options)
        row = retrieve(models, who.history, who.sequence, **options)

        assert alone.items.tolist() == row.items.tolist()
        np.testing.assert_array_equal(alone.ranks, row.ranks)
        np.testing.assert_allclose(alone.scores, row.scores, rtol=1e-5)
        assert alone.fused.tobytes() == row.fused.tobytes()


def test_the_members_of_a_blend_are_looked_through():
    blend = Blend().fit(KNOWN)
    content = csr_array(np.eye(N_ITEMS, dtype=np.float32))
    other = Content().fit(KNOWN.with_content(content))

    found = linked([blend, IALS().fit(KNOWN), other])

    assert [type(model).__name__ for model in found] == ["RP3Beta", "Content"]


def test_a_blend_among_the_retrievers_does_not_take_anothers_turn():
    models = {"blend": Blend().fit(KNOWN), "itemknn": LINKED[0]}
    who = VISITORS[1]
    paths = Paths.through(linked(models.values()), who)

    blend, itemknn = lists_for(models, paths, 5, exclude_seen=True)

    for found, model in ((blend, models["blend"]), (itemknn, models["itemknn"])):
        alone = model.recommend_one(who, 5, exclude_seen=True)
        assert found.items.tolist() == alone.items.tolist()
