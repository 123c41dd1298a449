import re

import pytest

from recomart import errors
from recomart.errors import (
    ContractError,
    DataSetNotFoundError,
    IntegrityError,
    LakeBusyError,
    NotFittedError,
    NotFoundError,
    RecomartError,
)

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, RecomartError)
]


def test_the_tree_in_the_docstring_is_the_tree():
    drawn = re.findall(r"^[│├└─ ]*(\w+)", errors.__doc__.split("\n\n")[1], flags=re.MULTILINE)

    assert sorted(drawn) == sorted(kind.__name__ for kind in KINDS)


def test_every_kind_has_a_code_of_its_own():
    assert len({kind.code for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_an_exit_status_is_a_failure(kind):
    assert 1 <= kind.exit_status <= 5


@pytest.mark.parametrize(
    ("error", "cause", "remedy"),
    [
        (ContractError("events", 3, 4, 0.5), "3 of 4 rows", "recomart quarantine list"),
        (DataSetNotFoundError("evnts", ["events"]), "no data set 'evnts'", "'events'"),
        (DataSetNotFoundError("x", []), "it has 0", "recomart run"),
        (NotFoundError.of("model", "alz", ["als", "svd"]), "no model 'alz'", "'als'"),
        (NotFoundError.of("model", "zzz", []), "no model", "none"),
        (NotFittedError("IALS"), "IALS was asked", "fit"),
        (LakeBusyError("lake", "run r1, process 7"), "process 7", "Wait"),
        (IntegrityError.of_file("a", "b" * 64, "c" * 64), "sha256 cccc", "backup"),
    ],
)
def test_an_error_says_code_cause_and_remedy(error, cause, remedy):
    first, second = str(error).splitlines()

    assert first.startswith(f"{error.code}: ")
    assert cause in first
    assert remedy in second
