"""Peers on Gowalla: how long irspack, implicit and RecoMart take to equal NDCG, and to lists.

All at the same size of vectors, with the same α0, λ and ν where the peer has them. implicit has no
ν and weighs the observed instead of the unobserved, so it gets ``alpha = 1 / α0`` and the plain λ
that ours amounts to for a mean row, divided by α0. Every library may use every core; implicit is
given the single-threaded BLAS that it asks for.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from implicit.als import AlternatingLeastSquares
from irspack.recommenders.ials import IALSRecommender
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from benchmarks.gowalla_data import K, judge
from recomart.models import Interactions
from recomart.models.ials import IALS, IALSConfig
from recomart.models.selection import top_n

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Point = dict[str, float]
    Judge = Callable[[NDArray[np.float32], NDArray[np.float32]], dict[str, float]]

SIZE, ALPHA0, LAMBDA, NU = 512, 0.02, 0.003, 1.0
EPOCHS = {"irspack": 5, "implicit": 5, "recomart": 3}
EVERY = 3


def fit_curves(train: csr_array, test: csr_array) -> dict[str, list[Point]]:
    """Return, for each library, NDCG@20 over every third user after each epoch, with seconds."""
    rows = np.arange(0, train.shape[0], EVERY)
    history, truth = train[rows], test[rows]

    def judged(users: NDArray[np.float32], items: NDArray[np.float32]) -> dict[str, float]:
        """Rank for every third user."""
        scores = users[rows] @ items.T
        scores[history.nonzero()] = -np.inf
        return judge(top_n(scores, K).items, truth)

    return {
        "recomart": _recomart(train, history, truth),
        "irspack": _irspack(train, judged),
        "implicit": _implicit(train, judged),
    }


def _recomart(train: csr_array, history: csr_array, truth: csr_array) -> list[Point]:
    """Fit afresh for each number of epochs."""
    points = []
    for epochs in range(1, EPOCHS["recomart"] + 1):
        config = IALSConfig(
            embedding_size=SIZE,
            epochs=epochs,
            regularisation=LAMBDA,
            unobserved_weight=ALPHA0,
            frequency_exponent=NU,
        )
        start = time.perf_counter()
        model = IALS(config).fit(Interactions.from_weights(train))
        seconds = time.perf_counter() - start
        points.append(_point(epochs, seconds, judge(model.recommend(history, K).items, truth)))
    return points


def _irspack(train: csr_array, judged: Judge) -> list[Point]:
    """Run epoch by epoch; judging is not timed."""
    recommender = IALSRecommender(
        csr_matrix(train),
        n_components=SIZE,
        alpha0=ALPHA0,
        reg=LAMBDA,
        nu=NU,
        loss_type="IALSPP",
        max_cg_steps=3,
        n_threads=None,
    )
    start = time.perf_counter()
    trainer = recommender._create_trainer()  # noqa: SLF001 -- `learn` shows no epochs
    seconds = time.perf_counter() - start
    points = []
    for epoch in range(1, EPOCHS["irspack"] + 1):
        start = time.perf_counter()
        trainer.run_epoch()
        seconds += time.perf_counter() - start
        core = trainer.core_trainer
        points.append(_point(epoch, seconds, judged(core.user, core.item)))
    return points


def _implicit(train: csr_array, judged: Judge) -> list[Point]:
    """Run epoch by epoch by its callback; judging is not timed."""
    n_users, n_items = train.shape
    pull = LAMBDA * (train.nnz / n_users + ALPHA0 * n_items) ** NU
    model = AlternatingLeastSquares(
        factors=SIZE,
        alpha=1 / ALPHA0,
        regularization=pull / ALPHA0,
        iterations=EPOCHS["implicit"],
        random_state=0,
    )
    points: list[Point] = []
    spent = 0.0

    def after(epoch: int, seconds: float, _loss: float | None) -> None:
        """Judge what there is."""
        nonlocal spent
        spent += seconds
        points.append(_point(epoch + 1, spent, judged(model.user_factors, model.item_factors)))

    with threadpool_limits(1, "blas"):
        model.fit(csr_matrix(train), show_progress=False, callback=after)
    return points


def _point(epochs: int, seconds: float, scores: dict[str, float]) -> Point:
    """One point of a curve."""
    point = {"epochs": epochs, "seconds": round(seconds, 2), **scores}
    print(point, flush=True)
    return point


def seconds_to(curve: list[Point], ndcg: float) -> float | None:
    """Return when a curve first reaches this NDCG, if it does."""
    return next((point["seconds"] for point in curve if point["ndcg"] >= ndcg), None)


def list_times(train: csr_array, sizes: tuple[int, ...], rounds: int) -> list[dict[str, Any]]:
    """Return, for each size, the best times for the top 20 of all users from the same vectors.

    Ours folds every history in as well; implicit looks its users up.
    """
    found = []
    everyone = np.arange(train.shape[0])
    for size in sizes:
        model = IALS(IALSConfig(embedding_size=size, epochs=1)).fit(
            Interactions.from_weights(train)
        )
        peer = AlternatingLeastSquares(factors=size)
        peer.user_factors, peer.item_factors = model.taste(train), model.items_
        matrix = csr_matrix(train)
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(_timed(lambda m=model: m.recommend(train, K).items))
            with threadpool_limits(1, "blas"):
                theirs.append(_timed(lambda p=peer, m=matrix: p.recommend(everyone, m, N=K)[0]))
        equal = float((ours[0][1] == theirs[0][1]).mean())
        found.append(
            {
                "embedding_size": size,
                "recomart": round(min(seconds for seconds, _ in ours), 2),
                "implicit": round(min(seconds for seconds, _ in theirs), 2),
                "equal_items": round(equal, 5),
            }
        )
        print(found[-1], flush=True)
    return found


def _timed(work: Callable[[], NDArray[np.int32]]) -> tuple[float, NDArray[np.int32]]:
    """Return the seconds and the answer."""
    start = time.perf_counter()
    answer = work()
    return time.perf_counter() - start, answer
