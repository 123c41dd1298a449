"""SASRec reads order, answers without PyTorch as with it, and keeps the suite's promises."""

import subprocess
import sys

import numpy as np
import pytest

from recomart.errors import ArtefactError, MissingExtraError, SettingsError
from recomart.models import Interactions
from recomart.models.artefact import load, save
from recomart.models.deep.configs import SASRecConfig, shapes
from recomart.models.deep.sasrec import SASRec
from recomart.models.registry import model_kind
from recomart.models.sequences import Sequences
from recomart.testing.recommenders import RecommenderTests

pytestmark = pytest.mark.usefixtures("pandas_allowed")  # torch looks for it
TINY = SASRecConfig(
    embedding_size=8,
    epochs=2,
    negatives=256,
    blocks=1,
    last_events=10,
    batch_size=32,
    learning_rate=0.02,
    dropout=0.1,
)
N_ITEMS = 12


class TestSASRec(RecommenderTests):
    def make(self):
        return SASRec(TINY)


def circle(n_users=80, length=8):
    """Everybody goes round the items in order, from anywhere."""
    users = np.repeat(np.arange(n_users), length)
    steps = np.tile(np.arange(length), n_users)
    items = (users + steps) % N_ITEMS
    ones = np.ones(len(users))
    return Interactions.from_events(users, items, ones, steps, shape=(n_users, N_ITEMS))


def running(*sessions):
    items = np.concatenate([np.array(s, dtype=np.int32) for s in sessions])
    starts = np.concatenate([[0], np.cumsum([len(s) for s in sessions])]).astype(np.int64)
    return Sequences(items.astype(np.int32), np.zeros(len(items), dtype=np.int64), starts, N_ITEMS)


def test_it_learns_what_comes_next():
    model = SASRec(TINY.model_copy(update={"epochs": 30, "patience": 30})).fit(circle())

    found = model.recommend_next(running([3, 4], [9, 10, 11], [5, 6, 7]), 1).items[:, 0]
    assert found.tolist() == [5, 0, 8]


def test_it_answers_without_torch_as_with_it():
    import torch

    from recomart.models.deep.transformer import Transformer

    torch.manual_seed(3)
    module = Transformer(N_ITEMS, TINY).eval()
    with torch.no_grad():
        for weight in module.parts.values():
            weight.add_(torch.randn_like(weight) * 0.3)
    weights = {name: module._of(name).detach().numpy() for name in shapes(TINY)}
    model = SASRec.from_arrays(TINY, {**weights, "items": module.items.detach().numpy()})
    sessions = [[1, 2, 3], [7], [5, 5, 5, 5, 5], list(range(12))[-10:]]
    for session in sessions:
        with torch.no_grad():
            expected = module(torch.tensor([session]))[0, -1] @ module.items.T

        np.testing.assert_allclose(
            model.scores_of(running(session, [1], [])[:1])[0], expected, rtol=1e-4, atol=1e-4
        )
    together = model.scores_of(running(*sessions))
    for row, session in enumerate(sessions):
        np.testing.assert_allclose(
            together[row], model.scores_of(running(session))[0], rtol=1e-4, atol=1e-5
        )


def test_only_the_last_events_are_read():
    model = SASRec(TINY).fit(circle())
    long = [*([0] * 30), *range(10)]

    np.testing.assert_allclose(
        model.scores_of(running(long)), model.scores_of(running(range(10))), rtol=1e-5
    )


def test_histories_longer_than_what_is_read_are_learned_from():
    long = circle(n_users=30, length=25)

    model = SASRec(TINY).fit(long)
    assert model.recommend_next(running(range(12)), 1, exclude_seen=False).items.min() >= 0


def test_a_fit_goes_on_from_its_checkpoint(tmp_path):
    half = TINY.model_copy(update={"epochs": 4})
    whole = SASRec(half).fit(circle())
    first = SASRec(half).fit(circle(), tmp_path)
    again = SASRec(half).fit(circle(), tmp_path)

    assert save(first) == save(again) == save(whole)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("items", lambda a: a[:, :-1]),
        ("positions", lambda a: a[:-1]),
        ("norm.scale", lambda a: a * np.float32(np.inf)),
        ("block0.mix", lambda a: a.astype(np.float64)),
    ],
)
def test_arrays_of_another_shape_are_refused(name, change):
    arrays = SASRec(TINY).fit(circle()).arrays()
    arrays[name] = change(arrays[name])

    with pytest.raises(ArtefactError, match=name):
        SASRec.from_arrays(TINY, arrays)


def test_heads_share_a_vector():
    with pytest.raises(SettingsError, match="heads must divide"):
        model_kind("sasrec").make({"heads": 5})


def test_without_torch_it_cannot_learn_but_answers(monkeypatch):
    files = save(SASRec(TINY).fit(circle()))
    monkeypatch.setitem(sys.modules, "torch", None)

    with pytest.raises(MissingExtraError, match="torch"):
        SASRec(TINY).fit(circle())
    assert load(files).recommend(running([1]).histories(), 3).items.min() >= 0


def test_nobody_imports_torch_who_does_not_fit():
    code = "import sys, recomart.models.registry; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
