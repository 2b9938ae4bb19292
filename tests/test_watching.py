"""Scenes of every environment, and what is made of them: films in words, as GIFs and as pages."""

import json
import re

import numpy as np
import pytest
from listed_envs import EXAMPLES

from counterplay.engine.env import random_actions
from counterplay.engine.errors import UserError
from counterplay.engine.scene import ROLES, Circle, Scene, Scenic, Worded
from counterplay.games import make
from counterplay.games.envs import make_env
from counterplay.games.envs.steps import InSteps
from counterplay.show import film, film_gif, film_page
from counterplay.show.palette import COLOURS

SOME = ("climbing", "spread", "foraging(coop=true)", "cartpole", "two_step", "phantom_tic_tac_toe")


def filmed(text, most=4, seed=0, episodes=1):
    task = make_env(text)
    shots = film.frames(task, film.Chance(task.spec), np.random.default_rng(seed), episodes)
    return film.film(text, "chance", shots, most)


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])


@pytest.mark.parametrize("text", SOME[:5])
def test_an_environment_is_drawn_at_every_step_and_has_words_for_what_can_be_done(text):
    task = make_env(text)
    env, rng = task.start(2), np.random.default_rng(1)
    step = env.reset(np.random.default_rng(0))
    assert isinstance(env, Scenic)
    assert isinstance(task, Worded)
    assert [len(names) for names in task.names] == [task.spec.actions] * task.spec.agents
    windows = set()
    for _ in range(12):
        scene = env.scene(1)
        windows.add((scene.left, scene.low, scene.width, scene.height))
        named = np.array([[name != "" for name in names] for names in task.names])
        assert (named | ~step.legal).all() or task.spec.continuous
        step = env.step(random_actions(env.spec, step, rng))
    assert len(windows) == 1


@pytest.mark.parametrize("text", SOME)
def test_an_environment_becomes_a_picture_and_a_page(text):
    made = filmed(text)
    pixels = np.asarray(film_gif.picture(made, len(made.frames) - 1))
    assert pixels.shape[:2] == film_gif.sheet(made).whole[::-1]
    assert len(np.unique(pixels.astype(int) @ (1, 256, 65536))) > 8
    data = data_of(film_page.page(made, 0.2))
    assert len(data["frames"]) == len(made.frames)
    for frame, shot in zip(data["frames"], made.frames, strict=True):
        assert len(data["ground"]) + len(frame["shapes"]) == len(shot.view.shapes)


@pytest.mark.parametrize("text", [one if isinstance(one, str) else one.values[0] for one in EXAMPLES])
def test_every_environment_is_drawn_and_becomes_a_picture_and_a_page(text):
    test_an_environment_is_drawn_at_every_step_and_has_words_for_what_can_be_done(text)
    test_an_environment_becomes_a_picture_and_a_page(text)


def test_a_film_is_cut_and_says_so():
    whole, cut = filmed("climbing(steps=5)", 10), filmed("climbing(steps=5)", 3)
    assert (len(whole.frames), whole.cut, len(cut.frames), cut.cut) == (6, False, 3, True)
    assert whole.frames[:3] == cut.frames
    assert len(filmed("climbing(steps=5)", 100, episodes=3).frames) == 18


def test_words_are_those_of_the_actions():
    deeds = [shot.deeds for shot in filmed("foraging", 20).frames[1:]]
    assert {what for deed in deeds for _, what in deed} <= {"stay", "north", "south", "west", "east", "load"}
    assert filmed("kuhn").frames[1].deeds[0][0] == "player 0:"
    assert len(filmed("kuhn").frames[1].deeds) == 1  # the other player waits
    assert re.fullmatch(r"step 1: agent 0: turn left [+-]\d\.\d\d; return -.*", filmed("pendulum").frames[1].head)


def test_games_in_steps_have_the_words_of_their_rules():
    task = InSteps(make("kuhn"))
    shots = film.frames(task, film.Chance(task.spec), np.random.default_rng(2), 3)
    said = [words for shot in shots for _, words in shot.deeds]
    assert len(said) >= 6
    assert set(said) <= {"check", "bet", "fold", "call"}


def test_an_episode_ends_with_a_word_on_why():
    made = filmed("two_step")
    assert made.frames[1].head.startswith("step 1: agent 0: action ")
    assert made.frames[2].over == "the rules ended it"
    assert "the end" in made.frames[2].text


def test_what_comes_from_elsewhere_is_text_on_the_page():
    made = filmed("climbing(steps=1)")
    page = film_page.page(film.Film("</script><script>alert(1)</script>", "<b>&", made.frames), 0.2)
    assert page.count("</script>") == 2
    assert data_of(page)["title"] == "</script><script>alert(1)</script>"
    assert "http-equiv" in page
    assert "://" not in page.replace("http://www.w3.org/2000/svg", "")


def test_roles_have_colours_and_scenes_are_checked():
    assert set(COLOURS) == set(ROLES)
    for shapes, says in (((Circle(0, 0, 1, "pink"),), "role"), ((Circle(0, float("nan"), 1, "ink"),), "finite")):
        with pytest.raises(UserError, match=says):
            Scene(0, 0, 1, 1, shapes)
    with pytest.raises(UserError, match="above 0"):
        Scene(0, 0, 0, 1, ())


def test_goals_of_particles_are_where_agents_are_paid_most():
    env = make_env("speaker_listener").start(1)
    env.reset(np.random.default_rng(3))
    ring = next(one for one in env.scene(0).shapes if isinstance(one, Circle) and one.hollow and one.role == "goal")
    assert (ring.x, ring.y) == tuple(env.world.added[0, 3:])


def test_watching_by_chance(run, tmp_path):
    code, out, _ = run("watch", "two_step")
    assert code == 0
    assert out.startswith("the beginning\nstate 1")
    code, out, err = run("watch", "two_step", "--out", tmp_path / "a.html", "--episodes", 2)
    assert (code, out) == (0, f"6 frames in {tmp_path / 'a.html'}; open it in a browser\n")
    assert "MB" in err
    assert [frame["episode"] for frame in data_of((tmp_path / "a.html").read_text())["frames"]] == [0, 0, 0, 1, 1, 1]
    _, _, err = run("watch", "foraging", "--out", tmp_path / "a.gif", "--frames", 2, "--dark")
    assert "cut after step 1 of episode 0: a larger --frames has more" in err
    assert "2 frames of 540 x " in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing_of_that_name"], "nothing_of_that_name"),
        (["two_step", "--out", "x.mp4"], "ends in .gif or .html"),
        (["two_step", "--dark"], "--dark is for a GIF"),
        (["two_step", "--frames", "3"], "--frames is for --out"),
        (["two_step", "--learner", "iql"], "--learner is for folders of runs"),
        (["skirmish(units=3m)"], 'a word that begins with a digit is quoted: units="3m"'),
    ],
)
def test_mistakes(run, arguments, says):
    code, _, err = run("watch", *arguments)
    assert code == 2
    assert says in err


def test_a_skirmish_tells_whether_it_was_won():
    env, rng = make_env("skirmish").start(64), np.random.default_rng(0)
    step, total = env.reset(np.random.default_rng(1)), np.zeros(64)
    assert np.isnan(env.infos()["won"]).all()
    while not (step.terminated | step.truncated).all():
        odds = rng.random(step.legal.shape) * step.legal
        odds[..., 6:] *= 100
        step = env.step(odds.argmax(axis=-1))
        total += step.reward
    assert np.array_equal(env.infos()["won"], (total > 1.999).astype(float))
    assert 0 < env.infos()["won"].sum() < 64
