"""Buckets from the command line and from Python: computed, kept, shown, and refused where they are none."""

import json
import os

import pytest

import counterplay
from counterplay.engine.errors import UserError

SPEC = "distribution:20,30,10 memory"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    path = tmp_path_factory.mktemp("buckets") / "royal.cpb"
    counterplay.buckets("royal", SPEC, seed=3).save(path)
    return path


def test_computed_kept_and_shown(run, tmp_path, kept):
    out = tmp_path / "new.cpb"
    code, page, _ = run("buckets", "royal", "--buckets", SPEC, "--seed", "3", "--threads", "1", "--out", out)
    assert code == 0
    assert "distribution:20,30,10 memory, seed 3" in page
    assert f"Saved to {out}. Next:" in page
    assert out.read_bytes() == kept.read_bytes()
    found = counterplay.load_buckets(out)
    code, page, _ = run("buckets", out)
    lines = page.splitlines()
    assert [int(x.replace(",", "")) for x in lines[-1].split()[1:4]] == [
        73_550,
        found.sizes[3],
        25 * 20 * 30 * found.sizes[3],
    ]
    code, text, _ = run("buckets", out, "--json")
    told = json.loads(text)
    assert told["digest"] == found.digest
    assert [street["buckets"] for street in told["streets"]] == list(found.sizes)


def test_a_hand(run, kept):
    found = counterplay.load_buckets(kept)
    code, text, _ = run("buckets", kept, "--hand", "AsKs on Qs Jh Td", "--json")
    told = json.loads(text)["hand"]
    hole, board = found.read_hand("AsKs on Qs Jh Td")
    assert code == 0
    assert told["cell"] == found.cells_on(board, [hole])[0]
    assert told["bucket"] == told["cell"] % 20
    assert told["street"] == "flop"
    assert 0 < told["share"] < 1
    for other in told["alike"]:
        hand, cards = found.read_hand(other)
        assert found.cells_on(cards, [hand])[0] % 20 == told["bucket"]
    _, page, _ = run("buckets", kept, "--hand", "AsKs on Qs Jh Td")
    assert f"Bucket {told['bucket']} of 20 buckets on the flop" in page
    _, page, _ = run("buckets", kept, "--hand", "AsKs")
    assert "Every hand is by itself before the flop" in page


def test_of_a_spot(run):
    code, page, _ = run("buckets", "examples/royal_preflop.toml", "--buckets", "strength:9")
    assert code == 0
    assert "royal, to the flop" in page
    assert "Not saved" in page
    spot = counterplay.make("examples/royal_preflop.toml")
    assert counterplay.buckets(spot, "strength:9").sizes == (25, 9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("royl", "--buckets", "strength:9"), "did you mean 'royal'"),
        (("leduc", "--buckets", "strength:9"), "not of 'leduc'"),
        (("royal", "--buckets", "strength"), "does not say how many"),
        (("royal",), "--buckets SPEC computes them"),
        (("royal", "--out", "x.cpb"), "say which buckets"),
        (("royal", "--buckets", "none", "--out", "nowhere/x.cpb"), "there is no folder"),
        (("royal", "--buckets", "none", "--hand", "AsKs on Qs"), "0, 3, 4 or 5 cards"),
        (("royal", "--buckets", "none", "--threads", "0"), "threads must be"),
        (("examples/river_a.toml",), "not a solution file"),
    ],
)
def test_mistakes_are_told_in_a_sentence(run, arguments, message):
    code, page, told = run("buckets", *arguments)
    assert code == 2
    assert not page
    assert message in told


def test_no_solution_and_no_buckets(run, kept, tmp_path):
    code, _, told = run("show", kept)
    assert code == 2
    assert f"counterplay buckets {kept}" in told
    solved = tmp_path / "kuhn.cps"
    counterplay.solve("kuhn", iterations=10).save(solved)
    with pytest.raises(UserError, match="holds no buckets"):
        counterplay.load_buckets(solved)


def test_an_interrupt_leaves_nothing(monkeypatch, run, tmp_path):
    from counterplay.games.holdem import bucketing

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(bucketing, "cluster", stopped)
    code, _, told = run("buckets", "royal", "--buckets", SPEC, "--out", tmp_path / "x.cpb")
    assert code == 130
    assert "interrupted" in told
    assert not os.listdir(tmp_path)


def test_progress_is_told(kept):
    heard = []
    counterplay.buckets("royal", SPEC, seed=3, on_progress=lambda what, part: heard.append((what, part)))
    assert {"strength on the river", "distribution on the turn", "distribution on the flop"} <= {w for w, _ in heard}
    assert all(0 <= part <= 1 for _, part in heard)
