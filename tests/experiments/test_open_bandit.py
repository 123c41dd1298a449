"""Logs in the form of the Open Bandit Dataset: read strictly, and judged right."""

import numpy as np
import pytest

from recomart.errors import RecomartError
from recomart.experiments.open_bandit import estimates
from tests.experiments.simulator import Window

HEAD = ",timestamp,item_id,position,click,propensity_score,user_feature_0\n"


@pytest.fixture
def written(tmp_path):
    """Write a log and a policy; the window's kinds of visitors are positions here."""

    def written(window, n):
        positions, items, rewards = window.rounds(n)
        rows = [
            f"{k},2019-11-24 00:00:{k % 60:02d}+00:00,{item},{at + 1},{int(r)},"
            f"{window.logging[at, item]},cef3{k % 7}\n"
            for k, (at, item, r) in enumerate(zip(positions, items, rewards, strict=True))
        ]
        (tmp_path / "men.csv").write_text(HEAD + "".join(rows), encoding="utf-8")
        cells = [
            f"{item},{at + 1},{p!r}\n"
            for at, row in enumerate(window.policy.tolist())
            for item, p in enumerate(row)
        ]
        policy = "item_id,position,probability\n" + "".join(cells)
        (tmp_path / "policy.csv").write_text(policy, encoding="utf-8")
        return tmp_path / "men.csv", tmp_path / "policy.csv"

    return written


def test_a_log_tells_what_another_policy_earns(written, rng):
    window = Window(rng, n_kinds=3, n_items=10)
    found = estimates(*written(window, 40_000))

    assert [one.method for one in found] == ["IPS", "SNIPS", "DR"]
    assert all(one.low < window.truth < one.high for one in found)
    assert all(one.high - one.low < 0.05 for one in found)


def test_a_policy_for_all_positions_needs_no_position(tmp_path):
    rng = np.random.default_rng(1)
    clicks = [(item, int(rng.random() < (0.2, 0.6)[item])) for item in rng.integers(0, 2, 8_000)]
    rows = "".join(f"i{item},{1 + n % 2},{c},0.5\n" for n, (item, c) in enumerate(clicks))
    log, policy = tmp_path / "log.csv", tmp_path / "policy.csv"
    log.write_text("item_id,position,click,propensity_score\n" + rows, encoding="utf-8")
    policy.write_text("item_id,probability\ni0,0.1\ni1,0.9\n", encoding="utf-8")

    for one in estimates(log, policy):
        assert one.low < 0.1 * 0.2 + 0.9 * 0.6 < one.high


GOOD_LOG = "item_id,position,click,propensity_score\ni0,1,1,0.5\ni1,1,0,0.5\n"
GOOD_POLICY = "item_id,probability\ni0,0.5\ni1,0.5\n"


@pytest.mark.parametrize(
    ("log", "policy", "says"),
    [
        ("", GOOD_POLICY, "log.csv cannot be read"),
        ("item_id,click\na,1\n", GOOD_POLICY, "has no column position, propensity_score"),
        ("item_id,position,click,propensity_score\n", GOOD_POLICY, "log.csv has no rows"),
        (GOOD_LOG.replace("0.5", "x"), GOOD_POLICY, "log.csv cannot be read"),
        (GOOD_LOG.replace("1,1,0.5", "1,1,"), GOOD_POLICY, "rows without propensity_score"),
        (GOOD_LOG.replace("0.5", "0"), GOOD_POLICY, "not a probability"),
        (GOOD_LOG, GOOD_POLICY.replace("i1,0.5", "i1,0.4"), "add up to 0.9"),
        (GOOD_LOG, None, "policy.csv cannot be read"),
    ],
)
def test_what_is_no_log_or_no_policy_is_refused(tmp_path, log, policy, says):
    (tmp_path / "log.csv").write_text(log, encoding="utf-8")
    if policy is not None:
        (tmp_path / "policy.csv").write_text(policy, encoding="utf-8")

    with pytest.raises(RecomartError, match=says):
        estimates(tmp_path / "log.csv", tmp_path / "policy.csv")
