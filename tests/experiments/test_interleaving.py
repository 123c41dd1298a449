"""Team-draft interleaving: a fair draft, and clicks that tell who is better."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from recomart.experiments.interleaving import preference, team_draft, winner

RANKINGS = st.lists(st.sampled_from("abcdefghijkl"), unique=True, max_size=10)


@given(one=RANKINGS, other=RANKINGS, n=st.integers(0, 12), seed=st.integers(0, 99))
def test_a_draft_has_each_item_once_and_as_many_of_either_as_there_are(one, other, n, seed):
    drafted = team_draft(one, other, n, Random(seed))

    assert len(drafted.items) == len(set(drafted.items)) == min(n, len({*one, *other}))
    for team, ranking in (("a", one), ("b", other)):
        own = [i for i, t in zip(drafted.items, drafted.teams, strict=True) if t == team]
        assert own == [item for item in ranking if item in own]  # in its order
    for end in range(0, len(drafted.teams) - 1, 2):  # no team is ahead by more than a pick
        teams = drafted.teams[: end + 2]
        if all(len([i for i in r if i not in drafted.items[: end + 2]]) for r in (one, other)):
            assert teams.count("a") == teams.count("b")


@given(ranking=RANKINGS, seed=st.integers(0, 99))
def test_a_list_against_itself_is_that_list(ranking, seed):
    assert list(team_draft(ranking, ranking, 10, Random(seed)).items) == ranking


def test_who_is_clicked_wins_the_list():
    drafted = team_draft("abc", "xyz", 4, Random(1))
    own = dict(zip(drafted.items, drafted.teams, strict=True))

    assert own == {"a": "a", "b": "a", "x": "b", "y": "b"}
    assert winner(drafted, ["a", "a", "x", "b"]) == 1
    assert winner(drafted, ["y"]) == -1
    assert winner(drafted, ["a", "y", "nowhere"]) == 0


def simulated(likes_a, likes_b, n, seed=3):
    """Visitors look for one item, and click it where it stands; each ranker finds it at times."""
    chance, won = Random(seed), []
    for _ in range(n):
        lists = []
        for likes in (likes_a, likes_b):
            ranking = chance.sample("bcdefghij", 9)
            ranking.insert(0 if chance.random() < likes else 8, "a")
            lists.append(ranking)
        drafted = team_draft(*lists, 6, chance)
        won.append(winner(drafted, ["a"]))
    return preference(won)


def test_the_better_ranker_is_found():
    better, same = simulated(0.7, 0.4, 2_000), simulated(0.5, 0.5, 2_000)

    assert better.low > 0
    assert better.p < 1e-6
    assert better.wins_a > better.wins_b
    assert same.low < 0 < same.high


def test_equal_rankers_are_told_apart_by_chance_seldom():
    found = [simulated(0.5, 0.5, 150, seed) for seed in range(200)]

    assert sum(one.low > 0 or one.high < 0 for one in found) <= 0.05 * 200
    assert sum(one.p < 0.05 for one in found) <= 0.09 * 200


def test_nobody_came():
    assert preference([]) == (0, 0, 0, 0.0, -1.0, 1.0, 1.0)
