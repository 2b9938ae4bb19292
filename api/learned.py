"""What was learned in a turn-based game, written down as a strategy and judged exactly."""

import numpy as np
import numpy.typing as npt

from counterplay.agents.learner import Mixture
from counterplay.agents.rollout import Actor
from counterplay.agents.run import Run
from counterplay.agents.score import Score, interval
from counterplay.agents.seats import Against, Beside, Uniform
from counterplay.api.factored_strategies import Asked
from counterplay.api.opponents import actor_of
from counterplay.api.trees import whole_form
from counterplay.engine.env import Task
from counterplay.engine.errors import UserError
from counterplay.engine.form import sequence_form
from counterplay.engine.strategy import Table
from counterplay.games.envs.encoding import Observations, behaviour, observations
from counterplay.games.envs.mixtures import mixture
from counterplay.games.envs.phantom import StonesInTheDark
from counterplay.games.envs.phantom import behaviour as behaviour_in_the_dark
from counterplay.games.envs.phantom import mixture as drawn_in_the_dark
from counterplay.games.envs.steps import InSteps
from counterplay.games.envs.tree import TurnBased
from counterplay.solvers import value
from counterplay.solvers.value import Judgement

SMALL = 50_000  # information sets up to which a game is judged in no time beside training


def is_turn_based(run: Run) -> bool:
    """Tell whether a run is of a turn-based game, whose policy can be judged unless its agents remember."""
    return isinstance(run.task, TurnBased | StonesInTheDark)


def is_judged(run: Run) -> bool:
    """Tell whether a run is of players against each other, and can be judged in no time beside training it."""
    if not isinstance(run.task, TurnBased) or run.task.spec.team or remembers(run):
        return False
    return run.task.tree.count()["infosets"] <= SMALL


def remembers(run: Run) -> bool:
    """Tell whether a run's agents remember, so that their policy is no table over observations."""
    return bool(getattr(run.settings, "remembers", ""))


def judge(run: Run) -> Judgement:
    """Measure a policy that was learned in a turn-based game exactly: value and best response of every player.

    The policy is the one without exploring; of learners with random policies (actor-critic) it is random, and of
    those that draw one of several for each episode their average, weighted by what each of them reaches. Where it
    is asked at millions of information sets, a line tells of it. Raises `ValueError` for other environments, and
    for agents that remember.
    """
    if isinstance(run.task, StonesInTheDark):
        form = whole_form(run.task.rules)
        told = Asked("policy", form.infosets)
        if isinstance(run.learner, Mixture):
            return value.judge(form, drawn_in_the_dark(form, run.learner.policies, told))
        return value.judge(form, behaviour_in_the_dark(form, run.decide, told))
    if not isinstance(run.task, TurnBased):
        raise UserError(f"exploitability is of turn-based games, and {run.env} is none")
    return value.judge_table(sequence_form(run.task.tree), strategy_of(run, run.task))


def strategy_of(run: Run, task: TurnBased) -> Table:
    """Return a policy that was learned in a turn-based game as a table of the game's tree, [R, W], as `judge` has it.

    Raises `ValueError` for agents that remember.
    """
    if isinstance(run.learner, Mixture) and not isinstance(run.task, Against):
        return mixture(task.tree, task.encoding, observations(task.tree), run.learner.policies)
    one = isinstance(run.task, Against)  # it has one seat, and sees which

    def decide(seen: Observations) -> npt.NDArray[np.float32]:
        return run.decide(seen.obs, seen.legal, np.zeros_like(seen.player) if one else seen.player)

    return behaviour(task.tree, decide, Asked("policy", task.tree.count()["infosets"]))


def winnings(run: Run, episodes: int, seed: int = 0, confidence: float = 0.95) -> Score | None:
    """Return what a policy earns against uniform play in a game too large to be judged, None in other environments.

    It is `earned` of uniform play. Training does not notice.
    """
    return earned(run, Uniform(), episodes, seed, confidence) if isinstance(run.task, InSteps) else None


def earned(run: Run, other: Actor, episodes: int, seed: int = 0, confidence: float = 0.95) -> Score:
    """Return what a run's team earns in one seat where another strategy takes the rest.

    Each of so many episodes is played once in every seat that the team has learned, with the same luck of chance
    (duplicate seats), and counts once: as the mean over the seats. A team's reward is one for all seats.
    """
    task, seats = home(run.task), range(run.task.spec.agents)
    if isinstance(run.task, Against):
        seats = range(task.spec.agents) if run.task.seat is None else range(run.task.seat, run.task.seat + 1)
    mine, env = actor_of(run, task), task.start(episodes)
    got = np.zeros((len(seats), env.batch))
    for row, seat in enumerate(seats):
        rng = np.random.default_rng([run.seed, seed, 2])
        both = Beside(mine, other, seat)
        both.sit(env)
        both.begin(env.batch)
        step = env.reset(np.random.default_rng([run.seed, seed, 3]))
        for _ in range(env.spec.limit):
            if (step.terminated | step.truncated).all():
                break
            step = env.step(both.act(step, rng, False))
            got[row] += step.reward if task.spec.team else step.reward[:, seat]
    deals = got.mean(axis=0)
    return Score(float(deals.mean()), *interval(deals, confidence), episodes, deals)


def home(task: Task) -> Task:
    """Return an environment without those who have taken seats in it."""
    return task.task if isinstance(task, Against) else task
