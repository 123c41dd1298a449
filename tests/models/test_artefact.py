"""What is loaded is what was saved, or nothing."""

import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recomart.errors import ArtefactError, NotFittedError
from recomart.models import Interactions
from recomart.models.artefact import ARRAYS, DESCRIPTION, load, save
from recomart.models.npz import describe, pack, unpack
from recomart.models.registry import MODELS
from recomart.testing.recommenders import random_shop, same

SHOP = random_shop(seed=1)
FILES = save(MODELS["itemknn"].make().fit(Interactions.from_weights(SHOP)))


def described(**changes):
    """The files with other words in the description."""
    return {
        **FILES,
        DESCRIPTION: json.dumps({**json.loads(FILES[DESCRIPTION]), **changes}).encode(),
    }


def packed(arrays, compression=zipfile.ZIP_STORED):
    """An npz of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as members:
        for name, content in arrays.items():
            members.writestr(name, content)
    return buffer.getvalue()


def members():
    with zipfile.ZipFile(io.BytesIO(FILES[ARRAYS])) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def npy(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


QUICK = {"sasrec": {"epochs": 1}, "twotower": {"epochs": 1}}


@pytest.mark.parametrize("name", [name for name in MODELS if name != "sparkals"])  # see engines
def test_every_registered_model_comes_back_with_its_own_configuration(name, pandas_allowed):
    model = MODELS[name].make(QUICK.get(name)).fit(Interactions.from_weights(SHOP))

    loaded = load(save(model))

    assert type(loaded) is MODELS[name].model
    assert loaded.config == model.config


def test_the_arrays_are_plain_npz():
    with np.load(io.BytesIO(FILES[ARRAYS]), allow_pickle=False) as arrays:
        assert sorted(arrays) == ["weights_data", "weights_indices", "weights_indptr"]


def test_an_unfitted_model_has_nothing_to_save():
    with pytest.raises(NotFittedError):
        save(MODELS["itemknn"].make())


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({}, id="no files"),
        pytest.param({DESCRIPTION: FILES[DESCRIPTION]}, id="no arrays"),
        pytest.param({**FILES, DESCRIPTION: b"{"}, id="half a description"),
        pytest.param({**FILES, DESCRIPTION: b"\xff\xfe"}, id="not text"),
        pytest.param(described(format=2), id="a format of the future"),
        pytest.param(described(kind="oracle"), id="an unknown kind"),
        pytest.param(described(kind="ials"), id="another kind"),
        pytest.param(described(config={"neighbours": 0}), id="a bound broken"),
        pytest.param(described(config={"neighbors": 9}), id="an unknown option"),
        pytest.param(described(surprise=1), id="an unknown word"),
        pytest.param(described(arrays={}), id="arrays not described"),
        pytest.param({**FILES, ARRAYS: b""}, id="empty arrays"),
        pytest.param({**FILES, ARRAYS: b"PK\x05\x06" + bytes(18)}, id="a zip of nothing"),
        pytest.param({**FILES, ARRAYS: packed(members(), zipfile.ZIP_DEFLATED)}, id="compressed"),
        pytest.param(
            {**FILES, ARRAYS: packed({**members(), "more.npy": npy(np.zeros(1))})}, id="one more"
        ),
        pytest.param(
            {
                **FILES,
                ARRAYS: packed(
                    {
                        **members(),
                        "weights_data.npy": npy(np.array([{}], dtype=object), allow_pickle=True),
                    }
                ),
            },
            id="objects",
        ),
        pytest.param(
            {**FILES, ARRAYS: packed({**members(), "weights_data.npy": npy(np.zeros(3))})},
            id="another shape",
        ),
    ],
)
def test_what_save_did_not_write_is_refused(files):
    with pytest.raises(ArtefactError) as refused:
        load(files)

    assert refused.value.cause
    assert refused.value.remedy


@pytest.mark.parametrize("dtype", ["object", "complex128", "float128", "U5", ""])
def test_a_description_of_no_number_is_refused(dtype):
    arrays = json.loads(FILES[DESCRIPTION])["arrays"]
    arrays["weights_data"]["dtype"] = dtype

    with pytest.raises(ArtefactError):
        load(described(arrays=arrays))


@pytest.mark.parametrize("shape", [[-1], [10**30], [2, -3], []])
def test_a_described_shape_that_is_not_there_is_refused(shape):
    arrays = json.loads(FILES[DESCRIPTION])["arrays"]
    arrays["weights_data"]["shape"] = shape

    with pytest.raises(ArtefactError):
        load(described(arrays=arrays))


@given(st.integers(0, len(FILES[ARRAYS]) - 1))
@settings(max_examples=100)
def test_arrays_cut_anywhere_are_refused(length):
    with pytest.raises(ArtefactError):
        load({**FILES, ARRAYS: FILES[ARRAYS][:length]})


@given(st.integers(0, 8 * len(FILES[ARRAYS]) - 1))
@settings(max_examples=200)
def test_a_flipped_bit_is_refused_or_changes_nothing(bit):
    flipped = bytearray(FILES[ARRAYS])
    flipped[bit // 8] ^= 1 << bit % 8

    try:
        loaded = load({**FILES, ARRAYS: bytes(flipped)})
    except ArtefactError:
        return
    # zip keeps dates and systems that say nothing about the arrays

    assert same(loaded.recommend(SHOP, n=5), load(FILES).recommend(SHOP, n=5))


def test_arrays_lie_where_their_bytes_lie():
    arrays = {"odd": np.arange(3, dtype=np.int32), "wide": np.arange(5, dtype=np.float64)}
    packed = pack(arrays)

    found = unpack(packed, describe(arrays))

    whole = np.frombuffer(packed, np.uint8)
    assert all(np.shares_memory(array, whole) for array in found.values())
    assert all((found[name] == array).all() for name, array in arrays.items())
    assert not found["odd"].flags.writeable
