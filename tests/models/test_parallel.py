"""Pieces are done once each, on any number of threads, and BLAS gets its threads back."""

import os

import pytest
import threadpoolctl

from recomart.models import parallel
from recomart.models.parallel import spread


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_every_piece_is_done_once(monkeypatch, n_threads):
    monkeypatch.setattr(parallel, "threads", lambda: n_threads)
    done = []

    spread(done.append, range(50))

    assert sorted(done) == list(range(50))


def test_pieces_may_be_made_of_pieces(monkeypatch):
    monkeypatch.setattr(parallel, "threads", lambda: 2)
    done = []

    spread(lambda ten: spread(done.append, range(10 * ten, 10 * ten + 10)), range(10))

    assert sorted(done) == list(range(100))


def test_a_failure_is_heard_and_blas_gets_its_threads_back(monkeypatch):
    monkeypatch.setattr(parallel, "threads", lambda: 2)
    before = [library["num_threads"] for library in threadpoolctl.threadpool_info()]

    with pytest.raises(ZeroDivisionError):
        spread(lambda piece: 1 / piece, range(10))

    assert [library["num_threads"] for library in threadpoolctl.threadpool_info()] == before


def test_there_is_a_thread_for_each_core_this_process_may_use():
    assert 1 <= parallel.threads() <= (os.cpu_count() or 1)
