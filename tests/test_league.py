"""Leagues: ratings against plain likelihoods, tables against duels, past selves."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.optimize import minimize

import counterplay
from counterplay.api.league import MEAN, ratings
from counterplay.cli import cli
from counterplay.engine.errors import UserError


def naive_ratings(score, deals):
    """Return the likeliest ratings, by a general search."""
    shares = (score * deals + 0.5) / (deals + 1)

    def loss(rating):
        total = 0.0
        for i in range(len(score)):
            for j in range(len(score)):
                if i != j:
                    total += (deals + 1) * shares[i, j] * np.log(1 + 10 ** ((rating[j] - rating[i]) / 400))
        return total / deals

    found = minimize(loss, np.zeros(len(score)), tol=1e-12).x
    return found - found.mean() + MEAN


def test_ratings_are_the_likeliest():
    rng = np.random.default_rng(0)
    for many in (2, 3, 5):
        score = np.full((many, many), 0.5)
        for i in range(many):
            for j in range(i):
                score[i, j] = rng.uniform(0.05, 0.95)
                score[j, i] = 1 - score[i, j]
        elo, error = ratings(score, np.full((many, many), 0.1), 200)
        assert elo == pytest.approx(naive_ratings(score, 200), abs=0.05)
        assert (error > 0).all()
    score = np.array([[0.5, 10 / 11], [1 / 11, 0.5]])  # odds of ten to one
    elo, _ = ratings(score, np.zeros((2, 2)), 10**9)
    assert elo == pytest.approx([MEAN + 200, MEAN - 200], abs=0.01)


def test_who_always_wins_has_a_rating():
    score = np.array([[0.5, 1.0], [0.0, 0.5]])
    elo, error = ratings(score, np.zeros((2, 2)), 100)
    assert 800 < elo[0] - elo[1] < 1000
    assert np.isfinite(error).all()


def test_intervals_hold():
    """Of many leagues of known odds 95 % have the rating in their interval, draws and pairs of games alike."""
    rng, truth = np.random.default_rng(1), np.array([100.0, 0.0, -100.0])
    odds = 1 / (1 + 10 ** ((truth[None] - truth[:, None]) / 400))
    held = []
    for _ in range(300):
        score, variance = np.full((3, 3), 0.5), np.zeros((3, 3))
        for i, j in ((0, 1), (0, 2), (1, 2)):
            deals = (rng.random((100, 2)) < odds[i, j]).mean(axis=1)
            score[i, j], score[j, i] = deals.mean(), 1 - deals.mean()
            variance[i, j] = variance[j, i] = deals.var(ddof=1)
        elo, error = ratings(score, variance, 100)
        held.append(np.abs(elo - MEAN - truth) <= error)
    assert 0.92 < np.mean(held) < 0.98


def test_a_league_is_its_duels(tmp_path):
    pytest.importorskip("torch")
    counterplay.train("psro", "kuhn", steps=100, out=tmp_path / "run", past_every=12)
    past = sorted((tmp_path / "run" / "past").iterdir())
    assert len(past) >= 3
    assert counterplay.load_run(past[0]).steps == int(past[0].name)
    players = [str(tmp_path / "run"), str(past[0]), "uniform"]
    found = counterplay.league(None, players, deals=400)
    for i in range(3):
        for j in range(3):
            if i < j:
                one = counterplay.duel(None, players[i], players[j], deals=400)
                assert (found.mean[i, j], found.error[i, j]) == (one.mean, one.error)
                assert found.score[i, j] == one.won.mean
                assert found.mean[j, i] == -one.mean
    assert found.elo.mean() == pytest.approx(MEAN)
    assert found.players == tuple(players)
    done = CliRunner().invoke(cli, ["league", *players, "--deals", "400", "--json"])
    assert json.loads(done.output)["mean"] == found.mean.tolist()
    shown = CliRunner().invoke(cli, ["league", *players, "--deals", "400"]).output
    assert "kuhn: 400 deals of each pair" in shown


def test_names_and_refusals():
    solution = counterplay.solve("kuhn", iterations=50)
    found = counterplay.league("kuhn", [solution, "uniform", "uniform"], deals=50)
    assert found.players == ("player 0", "uniform (1)", "uniform (2)")
    with pytest.raises(UserError, match="two players or more"):
        counterplay.league("kuhn", [solution])
