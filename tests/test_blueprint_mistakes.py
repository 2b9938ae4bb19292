"""What callers give wrongly to blueprints and buckets, and files that claim nothing: a sentence, and no fault."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest

import counterplay
from counterplay.api.blueprint_measuring import entries_of
from counterplay.engine.errors import UserError
from counterplay.games.holdem.buckets import parse_spec
from counterplay.games.holdem.spot import load_spot

EXAMPLES = Path(__file__).parent.parent / "examples"
ROYAL = EXAMPLES / "royal_preflop.toml"  # twenty cards, limit, to the flop


@pytest.fixture(scope="module")
def plan():
    return counterplay.blueprint(ROYAL, "strength:6", iterations=5, threads=1)


@pytest.mark.parametrize("name", ["on_size", "on_buckets", "on_progress"])
def test_what_is_to_be_called_is_a_function(name):
    with pytest.raises(UserError, match=f"{name} must be a function"):
        counterplay.blueprint(ROYAL, "strength:6", iterations=1, **{name: 3})


def test_histories_beyond_all_numbers_are_refused_before_they_are_computed(run):
    with pytest.raises(UserError, match=r"389,392,823,000,000 histories .* 4,294,967,295 are the most"):
        counterplay.buckets("royal", "strength:all memory")
    with pytest.raises(UserError, match="take fewer buckets, or leave memory out"):
        counterplay.buckets("holdem", "strength:65535 memory")
    code, _, error = run("blueprint", EXAMPLES / "royal_holdem.toml", "--buckets", "strength:all,all,9 memory")
    assert code == 2
    assert "histories" in error


def test_threads_and_tables_of_buckets_count_in_what_a_run_takes():
    told = list[str]()
    for threads in (1, 1000):
        with pytest.raises(UserError, match="it may take"):
            counterplay.blueprint(ROYAL, "strength:6", threads=threads, memory=100_000, on_size=told.append)
    one, many = (float(text.partition(" MB of memory")[0].rpartition(" ")[2]) for text in told)
    assert many > 50 * one


@pytest.mark.parametrize("buckets", ["distribution:200", "matchup:200", "distribution:20 memory"])
def test_what_does_not_fit_is_refused_before_buckets_are_computed(buckets):
    """Clusters of 52 cards take minutes; how many cells there will be is known before."""
    with pytest.raises(UserError, match="are the most that it may take: take fewer buckets"):
        counterplay.blueprint(EXAMPLES / "limit_holdem.toml", buckets, memory="10MB", on_buckets=computed)


def computed(what: str, part: float) -> None:
    pytest.fail(f"{what} was computed")


@pytest.mark.parametrize("buckets", ["strength:6", "strength:5 memory", "strength:all,3,2"])
def test_entries_are_counted_before_buckets_are_there(buckets):
    spot = load_spot(EXAMPLES / "royal_holdem.toml")
    found = counterplay.blueprint(spot, buckets, iterations=1, threads=1)
    assert entries_of(spot, parse_spec(buckets, spot.betting.last)) == len(found.total)


def test_the_exact_judgement_keeps_to_the_memory_that_was_given():
    """All boards of four streets with twenty cards take 70 MB, and a blueprint of few buckets a few."""
    found = counterplay.blueprint(EXAMPLES / "royal_holdem.toml", "strength:6", iterations=2, threads=1, memory="30MB")
    assert found.exploitability is None
    assert found.winnings


def test_figures_that_are_asked_for_wrongly(plan):
    for wrong in (-1, 1.5, "x"):
        for call in (
            lambda w: plan.judge(4, seed=w),
            lambda w: plan.measured(4, seed=w),
            plan.measured,
            lambda w: plan.against(plan, 4, seed=w),
            plan.exact,
            lambda w: plan.visits(0, w),
            lambda w: plan.visits(w, 0),
        ):
            with pytest.raises(UserError):
                call(wrong)
    with pytest.raises(UserError):
        plan.visits(None, 0)
    assert len(plan.visits("ip", 1)) == len(plan.visits(1, 1)) == 6


def test_hands_are_checked_before_a_kernel_sees_them(plan):
    buckets = plan.buckets
    for hole in ([[44]], [[44, 300]], None, "AsKs", [[-1, 44]], [[51, 44, 40]], [[51.5, 44]], [[0, 1]]):
        with pytest.raises(UserError):
            buckets.cells_on([], hole)
    assert len(buckets.cells_on([], [])) == 0
    for board in (None, 3, [1.5, 2, 3], [0, 1, 2], [50, 50, 49]):
        with pytest.raises(UserError):
            buckets.cells_on(board, [[40, 44]])
    for hole, board in (([0, 1], [2, 3, 4]), ([51, 50], [51, 50, 49]), ([51], [50, 49, 48])):
        with pytest.raises(UserError):
            buckets.alike(hole, board)
    with pytest.raises(UserError, match="hand must be a text"):
        buckets.read_hand(3)


def test_a_checkpoint_claims_nothing_and_so_holds(run, plan, tmp_path):
    """A run that was ended at once leaves a file that nobody judged."""
    cut = replace(plan, exploitability=None, values=(), bests=(), winnings={}, state=plan.held)
    cut.save(tmp_path / "cut.cps")
    code, text, _ = run("evaluate", tmp_path / "cut.cps")
    assert code == 0
    assert "its run was not judged" in text


def test_an_interrupted_run_is_saved_before_it_is_judged(tmp_path, monkeypatch):
    """Judging a large one takes half a minute, in which a second Ctrl-C, or a SIGKILL, may come."""
    from counterplay.api import blueprint_solution

    def impatient(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(blueprint_solution, "judged", impatient)
    path, signals = tmp_path / "plan.cps", [signal.SIGINT]
    with pytest.raises(KeyboardInterrupt):
        counterplay.blueprint(
            ROYAL,
            "strength:6",
            threads=1,
            time=60,
            checkpoint=path,
            on_progress=lambda _: signal.raise_signal(signals.pop()) if signals else None,
        )
    monkeypatch.undo()
    kept = counterplay.load(path)
    assert kept.iterations > 0
    assert counterplay.blueprint(resume=kept, iterations=kept.iterations, threads=1).at().actions[0] == "fold"


def test_before_the_flop_no_board_is_named(plan, run, tmp_path):
    plan.save(tmp_path / "plan.cps")
    code, _, error = run("show", tmp_path / "plan.cps", "--hands", "22")
    assert code == 2
    assert "'22' before the flop" in error
    with pytest.raises(UserError, match="'22' before the flop"):
        plan.at("", "22")


def test_numbers_are_written_in_ascii():
    with pytest.raises(UserError, match="a time is a number of seconds"):
        counterplay.blueprint(ROYAL, "strength:6", time="\u0665s")


def test_a_run_goes_on_to_more_iterations_only(plan):
    """They count those that were done; and what a file claims is no more than any run can have."""
    river = counterplay.solve(str(EXAMPLES / "river_a.toml"), iterations=4)
    for solution, go_on in (
        (counterplay.solve("kuhn", iterations=5), counterplay.solve),
        (counterplay.solve("kuhn", "mccfr-external", iterations=5, memory="2MB"), counterplay.solve),
        (river, counterplay.solve),
        (plan, counterplay.blueprint),
    ):
        with pytest.raises(UserError, match=rf"has {solution.iterations} iterations already, and 3 would count them"):
            go_on(resume=solution, iterations=3)
    with pytest.raises(UserError, match="more iterations than any run can have"):
        counterplay.solve(resume=replace(river, iterations=2**53), iterations=2**53)
