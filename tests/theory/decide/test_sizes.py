"""Where real batch sizes are split at whole ones, no whole one is left out."""

import random

import pytest
from bnverify.theory.decide import settle
from bnverify.theory.decide.solvers import Answer

START = 12


@pytest.fixture
def first_failure(monkeypatch):
    """The search for the first of the sizes that fail, where solvers also see real ones and are silent at some."""

    def search(fails, ghosts=(), silent=(), seed=0):
        draw = random.Random(seed)

        def between(work, shape, low, high, goal):
            seen = [m for m in (*fails, *ghosts, *silent) if low <= m and (high is None or m <= high)]
            return Answer("sat", {"m": str(draw.choice(seen))}) if seen else Answer("unsat")

        def ask_size(work, shape, size):
            return Answer("unknown" if size in silent else "unsat"), size if size in fails else None

        monkeypatch.setattr(settle, "between", between)
        monkeypatch.setattr(settle, "ask_size", ask_size)
        monkeypatch.setattr(settle, "ask_given", lambda *asked: ask_size(*asked)[0])
        return settle.first_failure(None, None, START, set())

    return search


@pytest.mark.parametrize("seed", range(40))
def test_the_smallest_size_that_fails_is_found(first_failure, seed):
    draw = random.Random(seed)
    fails = draw.sample(range(START, 201), draw.randint(1, 4))
    ghosts = [draw.randint(2 * START, 400) // 2 + 0.5 for _ in range(4)]
    assert first_failure(fails, ghosts, seed=seed) == (min(fails), True)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [START, 30, 40, 41, 200])
def test_both_neighbours_of_a_fraction_are_asked(first_failure, size, seed):
    assert first_failure((size,), (size - 0.5, size + 0.5), seed=seed) == (size, True)


@pytest.mark.parametrize("ghosts", [(), (66.5,), (12.5, 13.5, 39.5), (40.5, 41.5, 199.5)])
def test_no_size_fails_where_only_fractions_do(first_failure, ghosts):
    assert first_failure((), ghosts) == (None, True)


@pytest.mark.parametrize("silent", [12, 40, 41, 100, 101, 200])
def test_a_size_that_solvers_say_nothing_of_leaves_it_open(first_failure, silent):
    assert first_failure((), silent=(silent,)) == (None, False)
    assert first_failure((), (silent - 0.5,), (silent,)) == (None, False)


def test_far_sizes_are_not_passed_over(first_failure):
    assert first_failure((301,)) == (None, False)
