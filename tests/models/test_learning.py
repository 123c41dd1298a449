"""A blend's weights are those that would have served the hold-out best."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from recomart.errors import BadInputError
from recomart.models import Interactions
from recomart.models.blend import Blend, BlendConfig, Member
from recomart.models.learning import learn_weights

MEMBERS = (Member(model="popularity"), Member(model="cooccurrence"))


def two_tastes():
    """Thirty users of two tastes, one of them twice as common; the last item of each is hidden."""
    history = np.zeros((30, 10), dtype=np.float32)
    truth = np.zeros_like(history)
    for user in range(30):
        own = np.roll(np.arange(5), user) + (5 if user % 3 == 0 else 0)
        history[user, own[:4]], truth[user, own[4]] = 1, 1
    return csr_array(history), csr_array(truth)


def test_a_member_that_knows_better_is_heard():
    history, truth = two_tastes()
    blend = Blend(BlendConfig(members=MEMBERS)).fit(Interactions.from_weights(history))

    learned = learn_weights(blend, history, truth, n=1)

    def hits(model):
        return (model.recommend(history, n=1).items[:, 0] == truth.toarray().argmax(axis=1)).mean()

    assert hits(blend.with_weights([1.0, 0.0])) < 1
    assert hits(learned) == 1


def test_the_learned_weights_are_the_best_of_the_grid(rng):
    history = csr_array((rng.random((40, 12)) < 0.3).astype(np.float32))
    truth = csr_array(((rng.random((40, 12)) < 0.2) & (history.toarray() == 0)).astype(np.float32))
    blend = Blend(BlendConfig(members=MEMBERS)).fit(Interactions.from_weights(history))

    learned = learn_weights(blend, history, truth, n=3, steps=4)

    tried = {
        part: ndcg(blend.with_weights([part / 4, 1 - part / 4]), history, truth)
        for part in range(5)
    }
    best = learned.config.members[0].weight * 4
    assert tried[best] == max(tried.values())


def ndcg(model, history, truth):
    """By the definition, user by user."""
    total = 0.0
    for items, taken in zip(model.recommend(history, n=3).items, truth.toarray(), strict=True):
        gain = sum(1 / np.log2(place + 2) for place, item in enumerate(items) if taken[item])
        ideal = sum(1 / np.log2(place + 2) for place in range(min(3, int(taken.sum()))))
        total += gain / ideal if ideal else 0.0
    return round(total, 9)


def test_histories_and_truth_must_have_one_shape():
    history, truth = two_tastes()
    blend = Blend(BlendConfig(members=MEMBERS)).fit(Interactions.from_weights(history))

    with pytest.raises(BadInputError):
        learn_weights(blend, history, truth[:10])
