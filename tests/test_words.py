"""What messages advise exists, names from elsewhere are understood, and arguments of the wrong kind get a sentence."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import counterplay
from counterplay import UserError
from counterplay.agents import LEARNERS, alone, find
from counterplay.agents.learner import meanings
from counterplay.agents.names import _SETTINGS, hint_of_setting
from counterplay.api.training import advance
from counterplay.cli import cli
from counterplay.engine.arguments import flag, function, number, path, player, text, whole
from counterplay.engine.text import small
from counterplay.games import GAMES
from counterplay.games.matrix import normal_form

PACKAGE = Path(counterplay.__file__).parent
COMMANDS = [c for top in cli.commands.values() for c in (top, *getattr(top, "commands", {}).values())]
OPTIONS = {opt for command in COMMANDS for p in command.params for opt in (*p.opts, *p.secondary_opts)} | {
    *("--help", "--version", "--debug"),
}
PIPS = {"--logdir", "--counterplay-effort", "--counterplay-seed"}  # of TensorBoard's command, and of pytest's


def said():
    """Yield every text in the sources that is no docstring, with its place."""
    rooms = ("engine", "games", "solvers", "agents", "show", "api")
    for file in [PACKAGE / "cli.py", *(f for room in rooms for f in sorted((PACKAGE / room).rglob("*.py")))]:
        tree = ast.parse(file.read_text())
        documented = ast.Module | ast.ClassDef | ast.FunctionDef
        docs = {id(n.body[0].value) for n in ast.walk(tree) if isinstance(n, documented) and ast.get_docstring(n)}
        for node in ast.walk(tree):
            if id(node) not in docs and isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield f"{file.relative_to(PACKAGE)}:{node.lineno}", node.value


def slurms(place):
    """Return the options of the script for Slurm, which are Slurm's."""
    names = ("job-name", "array", "cpus-per-task", "signal", "output", "time", "partition", "account")
    return {f"--{name}" for name in names} if place.startswith("api/slurm.py") else set()


def test_options_that_are_advised_exist():
    wrong = []
    for place, words in said():
        named = re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", words)
        wrong += [f"{place} names {option}" for option in named if option not in OPTIONS | PIPS | slurms(place)]
    assert not wrong


def test_arguments_that_are_advised_exist():
    """Where a message writes `name=` in brackets, alone or with its option, Python takes an argument of that name."""
    public = [getattr(counterplay, name) for name in ("solve", "load", "train", "load_run", "sweep", "judge")]
    public += [counterplay.TreeSolution.at, counterplay.TreeSolution.export, advance]
    known = {name for call in public for name in inspect.signature(call).parameters}
    known |= {name for entry in LEARNERS.entries for name in meanings(find(entry.name).settings_type())}
    known |= {name for entry in GAMES.entries for name in inspect.signature(entry.load()).parameters}
    known |= {"reward", "limit", "workers", "pad"}
    wrong = []
    for place, words in said():
        named = re.findall(r"\(([a-z_]+)=(?=[,)])", words) + re.findall(r"\bwith ([a-z_]+)=", words)
        wrong += [f"{place} names {name}=" for name in named if name not in known]
    assert not wrong


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("solve kuhn_poker", "it is kuhn, and OpenSpiel has it as openspiel:kuhn_poker"),
        ("solve leduc_poker(players=3)", "it is leduc"),
        ("solve tic_tac_toe", "openspiel:tic_tac_toe"),
        ("solve holdm", "did you mean 'holdem'"),
        ("solve holdm --board Ks9d4c", "--board goes with 'solve holdem', not with 'solve holdm'"),
        ("solve climbing", "it is an environment"),
        ("games climbing", "it is an environment"),
        ("train vdn leduc", "a learner for rewards of one's own: iql"),
        ("train climbing vdn", "the learner comes first, then the environment: vdn climbing"),
        ("train ppo climbing", "it is ippo, or mappo"),
        ("train vdn simple_tag_v3", "pettingzoo:mpe2.simple_tag_v3"),
        ("train vdn climbing --set learning_rate=1", "it is called lr here"),
        ("train mappo climbing --set batch_size=1", "it is called envs here"),
        ("train vdn climbing --set batch_size=1", "it is called batch here"),
        ("train vdn climbing --set discount=0.9", "it is called gamma here"),
        ("train vdn climbing --set device=cuda", "it is given as --device"),
        ("train vdn(use_cuda=true) climbing", "the argument device (--device cpu or cuda)"),
        ("train vdn climbing --set t_max=3", "the argument steps (--steps)"),
        ("games os:system", "of Python's own library"),
        ("envs os:system", "of Python's own library"),
        ("envs nothing", "there is no environment"),
        ("learners numpy:array", "is no learner"),
    ],
)
def test_hints(run, command, says):
    code, out, err = run(*command.split(" "))
    assert (code, out) == (2, "")
    assert says in err
    assert sum("compiling" not in line for line in err.splitlines()) == 1


def test_other_names_of_settings_are_of_settings_that_exist():
    settings = {name for entry in LEARNERS.entries for name in meanings(find(entry.name).settings_type())}
    assert set(_SETTINGS) <= settings
    assert hint_of_setting("lambda", {"gae_lambda"}) == "it is called gae_lambda here"
    assert not hint_of_setting("nonsense", settings)


@pytest.mark.parametrize(
    ("learner", "theirs", "ours"),
    [
        ("ippo", "num_steps_per_env", "rollout"),
        ("pqn", "rollout_length", "rollout"),
        ("iql", "num_steps", "n_step"),
        ("ippo", "network_arch", "body"),
        ("iql", "exploration", "explore"),
        ("mappo", "rnd", "novelty"),
        ("vdn", "count_based", "novelty"),
        ("mappo", "int_coef", "curiosity"),
        ("ippo", "reward_redistribution", "credit"),
        ("pgpe", "popsize", "pairs"),
    ],
)
def test_other_names_of_what_all_learners_share(learner, theirs, ours):
    with pytest.raises(UserError, match=f"has no setting '{theirs}': it is called {ours} here"):
        find(learner).with_settings({theirs: 1})


def test_the_learners_that_fit_are_asked():
    known = alone()
    assert {"iql", "mappo", "ippo", "a2c", "ia2c", "reinforce", "trpo", "grpo", "vrpo", "magnetic_ppo"} <= set(known)
    assert {"dqn", "rainbow", "ddpg", "td3", "sac", "maddpg", "matd3", "masac"} <= set(known)
    assert not {"vdn", "qmix", "coma", "hatrpo"} & set(known)


def test_what_explains_a_game_explains_an_environment(run):
    assert "2 agents, 5 actions" in run("envs", "leduc")[1]
    assert "3 agents" in run("envs", "pettingzoo:mpe2.simple_spread_v3(N=3)")[1]


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ('board = "Ks 9d 4c 7h 2s"\npot 60\n', "a hold'em spot"),
        ("[range]\noop = AA\n", "a hold'em spot"),
        ('actions = [["a", "b"]\npayoffs = 3', "a payoff file"),
        ("what is this", "neither a hold'em spot nor a payoff file"),
    ],
)
def test_a_file_with_a_typing_error_is_called_what_it_is(run, tmp_path, written, kind):
    (tmp_path / "a.toml").write_text(written)
    err = run("solve", tmp_path / "a.toml")[2]
    assert f"is taken for {kind}, and is not written as TOML" in err
    assert re.search(r"line \d+, column \d+", err)


def test_films_end_in_gif_and_count_their_frames(run, tmp_path):
    from PIL import Image

    run("train", "iql", "climbing(steps=3)", "--steps", 32, "--out", tmp_path / "run")
    code, _, err = run("watch", tmp_path / "run", "--out", tmp_path / "x.mp4")
    assert code == 2
    assert "name a file that ends in .gif or .html" in err
    code, out, _ = run("watch", tmp_path / "run", "--out", tmp_path / "x.gif")
    with Image.open(tmp_path / "x.gif") as film:
        assert out.startswith(f"{film.n_frames} frames in ")


def test_nothing_is_below_zero():
    assert (small(-6e-7), small(0.0), small(3e-4)) == ("0", "0", "0.0003")
    assert counterplay.Judgement((0.5, -0.5), (0.5 - 1e-9, -0.5)).exploitability == 0


WRONG = [
    (whole, ("'5'", 1)),
    (whole, (1.5, 1)),
    (whole, (True,)),
    (whole, (-1,)),
    (whole, (2**63,)),
    (number, ("1",)),
    (number, (float("nan"),)),
    (number, (float("inf"),)),
    (number, (True,)),
    (number, (0, 0)),
    (flag, (1,)),
    (text, (5,)),
    (path, (5,)),
    (path, ("",)),
    (path, ("a\0b",)),
    (path, (b"a",)),
    (function, (5,)),
]


@pytest.mark.parametrize(("check", "given"), WRONG)
def test_wrong_kinds(check, given):
    with pytest.raises(UserError, match=r"^it must be "):
        check("it", *given)


def test_right_kinds():
    assert whole("it", np.int64(3)) == 3
    assert number("it", np.float32(0.5), above=0) == 0.5
    assert number("it", float("inf"), infinite=True) == float("inf")
    assert flag("it", np.bool_(True)) is True
    assert path("it", "a") == Path("a")
    assert player(np.int8(1), 2) == 1
    for wrong in (2, -1, "0", True, 1.0):
        with pytest.raises(UserError, match=r"numbered 0 to 1"):
            player(wrong, 2)


@pytest.mark.parametrize(
    "given",
    [
        {"iterations": "5"},
        {"iterations": 1.5},
        {"iterations": True},
        {"target": [1]},
        {"time": float("nan")},
        {"time": "5"},
        {"seed": -1},
        {"seed": "x"},
        {"algorithm": 5},
        {"temperature": "x"},
        {"compress": 1},
        {"threads": 10**6},
        {"checkpoint": 5},
        {"checkpoint": "/nowhere/at/all.cps"},
        {"on_progress": 5},
        {"resume": "kuhn.cps"},
    ],
    ids=str,
)
def test_solve_is_told_in_a_sentence(given):
    with pytest.raises(UserError):
        counterplay.solve("kuhn", **given)


@pytest.mark.parametrize(
    "given",
    [
        {"steps": "x"},
        {"steps": 1.5},
        {"seed": "x"},
        {"out": 5},
        {"resume": 5},
        {"test_every": "x"},
        {"on_row": 5},
        {"stop": 5},
        {"lr": "x"},
        {"learner": 5},
    ],
    ids=str,
)
def test_train_is_told_in_a_sentence(given):
    with pytest.raises(UserError):
        counterplay.train(**{"learner": "iql", "env": "climbing", **given})


@pytest.mark.parametrize(
    "given",
    [
        {"seeds": "x"},
        {"seeds": 1.5},
        {"steps": "x"},
        {"out": 5},
        {"workers": 10**6},
        {"settings": 5},
        {"settings": {"lr": 0.1}},
        {"settings": {"lr": "abc"}},
        {"settings": {5: [1]}},
        {"seed": 3},
        {"nonsense": 3},
        {"learners": 5},
    ],
    ids=str,
)
def test_sweep_is_told_in_a_sentence(given, tmp_path):
    with pytest.raises(UserError):
        counterplay.sweep(**{"learners": "iql", "env": "climbing", "out": tmp_path / "s", **given})
    assert not (tmp_path / "s").exists()


def test_solutions_are_told_in_a_sentence():
    solution = counterplay.solve("kuhn", iterations=3)
    for wrong in (
        lambda: solution.at(5),
        lambda: solution.at("J", player="0"),
        lambda: solution[5],
        lambda: solution.against(5),
        lambda: solution.export(player="oop"),
        lambda: solution.save(5),
        lambda: counterplay.load(5),
    ):
        with pytest.raises(UserError):
            wrong()


class Odd:
    """A game whose moves are given as the test says."""

    players = 2

    def __init__(self, moves, label="once"):
        self.given, self.label = moves, label

    def root(self):
        return 0

    def turn(self, state):
        return -2 if state else 0

    def moves(self, state):
        return self.given

    def play(self, state, move):
        return 1

    def payoffs(self, state):
        return 0.0, 0.0

    def sees(self, state, player):
        return self.label


@pytest.mark.parametrize(
    ("game", "says"),
    [
        (Odd({"a", "b"}), "order counts"),
        (Odd({"a": 1}), "order counts"),
        (Odd(iter("ab")), "order counts"),
        (Odd(("a", "a")), "'a' is there twice"),
        (Odd((1, 2)), "1 is none"),
        (Odd(("a", "b"), 5), "sees.* must be a text, not 5"),
    ],
)
def test_moves_are_distinct_texts_in_order(game, says):
    with pytest.raises(UserError, match=says):
        counterplay.solve(game, iterations=1)


def test_hands_are_distinct_texts(monkeypatch):
    from counterplay.games.kuhn import Kuhn

    for hands, says in ((("J", "J", "K"), "'J' is there twice"), ({"J", "Q", "K"}, "order counts"), ((), "no hands")):
        monkeypatch.setattr(Kuhn, "hands", lambda self, player, hands=hands: hands)
        with pytest.raises(UserError, match=says):
            counterplay.solve(Kuhn(), iterations=1)


@pytest.mark.parametrize("payoffs", [[[0, 1.5], [2, -1]], [[1, 2, 3], [3, 0, 1]], (np.eye(2), np.eye(2)), [[0.0]]])
def test_a_small_matrix_is_judged_from_its_file_alone(tmp_path, payoffs):
    solution = counterplay.solve(payoffs, iterations=5)
    solution.save(tmp_path / "a.cps")
    assert solution.game.startswith("normal_form(payoffs=")
    assert counterplay.load(tmp_path / "a.cps").judge().exploitability == solution.exploitability


def test_payoffs_that_fit_no_game():
    for payoffs, shape in (((1, 2, 3), ()), ((1,) * 6, (2, 2)), ((), ()), ((1,) * 8, (2, 2, 2)), ((1,), (1,))):
        with pytest.raises(UserError, match="actions need"):
            normal_form(payoffs, shape)


def test_policies_of_another_game_are_refused():
    pytest.importorskip("pyspiel")
    from open_spiel.python import policy

    three = __import__("pyspiel").load_game("kuhn_poker(players=3)")
    with pytest.raises(UserError, match="another game of OpenSpiel's"):
        counterplay.judge("kuhn", policy.TabularPolicy(three))


@pytest.mark.parametrize("spec", ["leduc(ranks=1if)", 'leduc(ranks="a\\d")', "kuhn(ranks=0x)"])
def test_no_warning_of_a_spec(spec):
    command = [sys.executable, "-W", "always", "-m", "counterplay.cli", "solve", spec]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Warning" not in done.stderr
