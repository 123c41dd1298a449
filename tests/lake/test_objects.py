"""Any place for bytes behaves as a dictionary that never overwrites."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from recomart.lake import LocalObjects, S3Objects
from tests.s3 import fresh_url

keys = st.sampled_from(["raw/a.csv", "raw/b.csv", "raw/deep/a.csv"])


class ObjectsAgainstADict(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.real, self.model = self.open(), {}

    def open(self):
        return LocalObjects(self.folder)

    @rule(key=keys, data=st.binary(max_size=9))
    def put(self, key, data):
        assert self.real.put_if_absent(key, data) == (key not in self.model)
        self.model.setdefault(key, data)

    @rule(key=keys, data=st.binary(max_size=9))
    def adopt(self, key, data):
        aside = self.real.aside()
        aside.write_bytes(data)

        assert self.real.adopt_if_absent(key, aside) == (key not in self.model)
        self.model.setdefault(key, data)

    @rule(key=keys)
    def delete(self, key):
        self.real.delete(key)
        self.model.pop(key, None)

    @invariant()
    def holds_what_the_model_holds(self):
        held = {key: self.real.get(key) for key in self.real.keys("")}

        assert held == self.model

    @rule(key=keys)
    def read_as_a_file(self, key):
        try:
            found = self.real.path(key).read_bytes()
        except KeyError:
            found = None

        assert found == self.model.get(key)

    @invariant()
    def lists_by_folder(self):
        assert list(self.real.keys("raw/deep")) == sorted(k for k in self.model if "deep" in k)

    @invariant()
    def leaves_nothing_half_written(self):
        assert not list(self.folder.rglob("*.partial"))

    def teardown(self):
        shutil.rmtree(self.folder)


class S3ObjectsAgainstADict(ObjectsAgainstADict):
    def open(self):
        return S3Objects(fresh_url(), self.folder)


TestLocalObjects = ObjectsAgainstADict.TestCase
TestLocalObjects.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)


@pytest.mark.usefixtures("s3")
class TestS3Objects(S3ObjectsAgainstADict.TestCase):
    settings = settings(max_examples=8, stateful_step_count=12, deadline=None)
