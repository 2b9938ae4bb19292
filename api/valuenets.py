"""Training value networks: states are solved, in processes of their own, and a network learns from them."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from counterplay.agents import module
from counterplay.api.keeping import answered, keeper
from counterplay.api.spot_net import TrainedSpotNet, new_kept
from counterplay.api.state_workers import Workers, workers
from counterplay.api.trained_net import TrainedNet, load_value_net
from counterplay.api.training_states import ground
from counterplay.api.valuenet_measures import Judging
from counterplay.engine import arguments
from counterplay.engine.compiling import clock, tell
from counterplay.engine.errors import UserError
from counterplay.engine.system import Stop, available, cores, interrupts
from counterplay.engine.text import size
from counterplay.games import GAMES
from counterplay.games.holdem.spot import Spot

STATES = 50_000  # that are solved unless told otherwise
SPOT_STATES = 5_000  # of spots
SPOTS: dict[str, Any] = {"iterations": 40, "batch": 128, "passes": 60.0}  # what networks of spots are trained by else
SOLVING = 0.5  # part of a given time in which states are solved
_ROUND = 4  # jobs that ask the same network
_SLICE = 25  # steps between two looks at the clock
_POINTS = 20  # of the errors while the rate sinks
_FIXED = ("hidden", "layers", "seed")  # what a training that goes on cannot change
_KEEP = 60.0  # seconds between two times that it is saved
_MENTIONED = 2**28  # bytes of samples that are worth a word beforehand


class Progress(NamedTuple):
    """How far a training is."""

    states: int  # that are solved
    goal: int  # 0 where time alone ends it
    steps: int
    part: float  # of the last steps, in which the rate sinks; 0 while states are solved
    seconds: float
    in_range: float | None  # the error of the last point
    exploitability: float | None  # of the last test


def train_value_net(
    game: Any = None,
    *,
    states: int | None = None,
    time: float | str | None = None,
    seed: int | None = None,
    processes: int | None = None,
    device: str = "auto",
    test_every: float | str | None = None,
    resume: str | Path | TrainedNet | TrainedSpotNet | None = None,
    checkpoint: str | Path | None = None,
    network: Any = None,
    on_progress: Callable[[Progress], None] | None = None,
    **settings: Any,
) -> TrainedNet | TrainedSpotNet:
    """Train a value network and return it: of a game with a private deal and public play for two, or of hold'em turns.

    That many public `states` (50,000) with ranges are solved by `processes` (one a core), and the network learns from
    them; with a `time` (seconds, or "5m"), as many as half of it allows. With method="random" they are drawn at random,
    with "play" or "rebel" met in games of the network with itself, subgame by subgame of a `horizon` of so many
    decisions, and solved to the end of the game or to that horizon. `settings` are those of
    `counterplay.agents.value_training.Plan`. The same seed and states give the same network for any number of
    processes.

    Of a hold'em spot that starts on the turn the network stands for the river, on any board and with any ranges: 5,000
    states, from turns with random boards and ranges.

    `network` is a module of one's own (`counterplay.agents.value_net.ValueNet` says what it takes and returns) in place
    of ours of `hidden` x `layers`; it is trained in place. `resume` goes on with a network or with that in a file.
    `test_every` is how often the player that re-solves with the network is judged, exactly: every so many seconds
    ("30s") and at the end, "never", or None: as often as takes a tenth of the time at most. Tests change nothing else.

    `checkpoint` is a file to which it is saved once a minute. `on_progress` hears how far it is.

    Ctrl-C ends the training, and what there is is returned. Raises `ValueError` for what does not fit.
    """
    if time is not None:
        time = arguments.seconds(time)
    if on_progress is not None:
        arguments.function("on_progress", on_progress)
    count = cores() if processes is None else arguments.whole("processes", processes, 1, arguments.THREADS)
    goal = None if states is None else arguments.whole("states", states, 1)
    asked = {**settings, **({} if seed is None else {"seed": seed})}
    where = module("nn.device").choose(device)
    if resume is None:
        net = _fresh(game, 0 if goal is None and time is not None else goal, asked, network)
    else:
        net = _resumed(resume, game, goal, time, asked, network)
    net.kept.net.module.to(where)
    _check_memory(net)
    with interrupts() as stop:
        judging = Judging(net, test_every) if isinstance(net, TrainedNet) else None
        run = _Training(net, time, stop, on_progress, keeper(lambda: net, checkpoint), judging)
        with module("run").torch_threads(1), workers(net.rules, run.ground, net.plan, count) as crew:
            run.solve(crew)
            run.finish()
        stop.arm()
        return answered(net, checkpoint, stop)


def _fresh(game: Any, goal: int | None, settings: dict[str, Any], network: Any) -> TrainedNet | TrainedSpotNet:
    if game is None:
        raise UserError("name a game to train a value network of, such as 'leduc'")
    made = GAMES.make(game)
    file, training = module("value_file"), module("value_training")
    if isinstance(made, Spot):
        if network is not None:
            raise UserError("a network of one's own is for games, and hold'em spots have one that knows hands")
        plan = _for_spots(_plan(training.Plan(states=SPOT_STATES if goal is None else goal, **SPOTS), settings))
        return TrainedSpotNet(new_kept(made, plan), made)
    plan = _plan(training.Plan(states=STATES if goal is None else goal), settings)
    found = ground(made)
    features, lanes = found.described.numbers.shape[1], found.tree.lanes
    net = file.layers(features, lanes, plan)
    if network is not None:
        net = module("value_net").own(network, features, lanes)
    hands = tuple(len(hands) for hands in found.tree.hands)
    name = GAMES.spec_of(made) or type(made).__name__
    return TrainedNet(file.Kept(name, hands, net, plan), made, found.tree, found.described)


def _resumed(
    resume: Any, game: Any, states: int | None, time: float | None, settings: dict[str, Any], network: Any
) -> TrainedNet | TrainedSpotNet:
    net = resume if isinstance(resume, TrainedNet | TrainedSpotNet) else load_value_net(resume, game)
    if network is not None:
        raise UserError("a training that goes on has its network: leave network out")
    for name in _FIXED:
        if settings.get(name, getattr(net.plan, name)) != getattr(net.plan, name):
            raise UserError(f"the training to resume has {name}={getattr(net.plan, name)}, not {settings[name]}")
    goal = states or (0 if time is not None else net.plan.states)
    if time is None and net.states >= goal and net.stopped_by == "states":
        raise UserError(f"the training has had its {net.states:,} states; ask for more of them, or a time, to go on")
    changed = replace(_plan(net.plan, settings), states=goal)
    if isinstance(net, TrainedSpotNet):
        _for_spots(changed)
    if net.states < goal or net.stopped_by != "interrupt":
        net.kept.finishing = None
    net.kept.plan = changed
    return net


def _for_spots(plan: Any) -> Any:
    """Return a plan, if networks of spots can be trained by it; raises `UserError` if not."""
    if plan.method != "random" or plan.horizon:
        raise UserError("networks of hold'em spots learn from turns drawn at random: leave method and horizon out")
    return plan


def _plan(plan: Any, settings: dict[str, Any]) -> Any:
    for name in settings:
        if name not in vars(plan):
            known = ", ".join(vars(plan))
            raise UserError(f"{name} is no setting of value networks; there are {known}")
    return replace(plan, **settings)


def _check_memory(net: TrainedNet | TrainedSpotNet) -> None:
    """Tell how much memory samples will take where it is much; raise `UserError` where it is more than is free."""
    taken, free = net.plan.states * (24 + 16 * net.lanes), available()
    if 3 * taken > free:
        raise UserError(
            f"{net.plan.states:,} states take about {size(3 * taken)} while a network learns from them, "
            f"and {size(free)} are free; take fewer"
        )
    if taken > _MENTIONED:
        tell(f"{net.plan.states:,} states take {size(taken)}, and about {size(3 * taken)} while a network learns them")


@dataclass
class _Training:
    """A training that goes on."""

    net: TrainedNet | TrainedSpotNet
    time: float | None
    stop: Stop
    on_progress: Callable[[Progress], None] | None
    keep: Callable[..., None] | None
    judging: Judging | None

    def __post_init__(self) -> None:
        training, kept = module("value_training"), self.net.kept
        self.ground, self.trainer = self.net.ground(), self.net.trainer()
        self.found = [self.net.nothing() if kept.samples is None else kept.samples]
        training.restore(self.trainer, kept.steps, self.found[0], kept.moments)
        self.before, self.began = kept.seconds, clock()
        self.kept_at = self.began

    @property
    def spent(self) -> float:
        return clock() - self.began

    @property
    def _newest(self) -> int:
        """Return how many samples, the newest, the network learns from; 0 for all."""
        return self.trainer.count // 2 if self.net.plan.own_word else 0

    def solve(self, crew: Workers) -> None:
        """Have states solved until there are enough; where solves ask the network, it learns in between."""
        training, kept, plan = module("value_training"), self.net.kept, self.net.plan
        asks = plan.horizon > 0
        while self._goes_on(plan.states or None, self.trainer.count, SOLVING):
            net = pickle.dumps(self._on_cpu()) if asks else b""
            new = 0
            for done, samples in enumerate(crew.results(kept.jobs, net)):
                self.stop.arm()  # from the first on there is something to keep
                if plan.states:  # no more than were asked for
                    samples = training.first(samples, plan.states - self.trainer.count)
                self.trainer.add(samples)
                self.found.append(samples)
                kept.jobs, new = kept.jobs + 1, new + samples.size
                self._note(0.0)
                if asks and done + 1 == _ROUND:
                    break
                if not self._goes_on(plan.states or None, self.trainer.count, SOLVING):
                    break
            if asks:
                loss = self.trainer.learn(plan.steps(new), lambda _: 1.0, self._newest)
                if kept.jobs % (10 * _ROUND) == 0:
                    self._point(loss)
                self._test()

    def finish(self) -> None:
        """Let the network learn from all states, at a rate that sinks along half a cosine to nothing."""
        kept, plan = self.net.kept, self.net.plan
        kept.stopped_by = "interrupt"
        if not self.stop() and self.trainer.count:
            if kept.finishing is None:
                kept.finishing = self.trainer.steps
            steps, since = plan.steps(self.trainer.count), self.spent

            def part(i: int) -> float:
                by_steps = (self.trainer.steps + i - (kept.finishing or 0)) / steps
                by_time = 0.0 if self.time is None else (self.spent - since) / max(self.time - since, 1e-3)
                return min(1.0, by_time if self.time is not None and not plan.states else max(by_steps, by_time))

            noted = part(0)
            while part(0) < 1.0 and not self.stop():
                count = _SLICE if self.time is not None else min(_SLICE, kept.finishing + steps - self.trainer.steps)
                loss = self.trainer.learn(count, lambda i: 0.5 * (1 + np.cos(np.pi * part(i))), self._newest)
                if part(0) >= noted + 1 / _POINTS or part(0) >= 1.0:
                    noted = part(0)
                    self._point(loss)
                self._test()
                self._note(part(0))
            if part(0) >= 1.0:
                kept.stopped_by = "time" if self.time is not None and self.spent >= self.time else "states"
                self._test(last=True)
        self._write()

    def _goes_on(self, goal: int | None, count: int, share: float) -> bool:
        enough = goal is not None and count >= goal
        late = self.time is not None and count > 0 and self.spent >= share * self.time
        return not (enough or late or self.stop())

    def _on_cpu(self) -> Any:
        """Return the network as processes take it."""
        return module("value_net").on_cpu(self.net.kept.net)

    def _point(self, loss: float) -> None:
        errors = self.trainer.held_out()
        point = module("value_training").Point(self.trainer.count, self.trainer.steps, self._seconds(), loss, *errors)
        self.net.kept.points.append(point)

    def _test(self, last: bool = False) -> None:
        """Judge the player that re-solves with the network, where it is time for that."""
        tests, steps = self.net.tests, self.trainer.steps
        if self.judging is None or self.stop() or (tests and tests[-1].steps == steps):
            return
        if self.judging.due(self.spent, last):
            worth = self.judging.test(self.spent)
            tests.append(module("value_training").Test(self.trainer.count, steps, self._seconds(), worth))

    def _seconds(self) -> float:
        return self.before + self.spent

    def _note(self, part: float) -> None:
        """Tell how far it is, and save it now and then."""
        if self.on_progress is not None:
            points, tests, goal = self.net.points, self.net.tests, self.net.plan.states
            last = points[-1].in_range if points else None, tests[-1].exploitability if tests else None
            self.on_progress(Progress(self.trainer.count, goal, self.trainer.steps, part, self._seconds(), *last))
        if self.keep is not None and clock() - self.kept_at > _KEEP:
            self._write()
            self.keep()
            self.kept_at = clock()

    def _write(self) -> None:
        """Note all that is to be kept."""
        training, kept = module("value_training"), self.net.kept
        self.found = [training.join(self.found)]
        kept.samples, kept.steps, kept.seconds = self.found[0], self.trainer.steps, self._seconds()
        kept.moments = training.moments(self.trainer) if self.trainer.steps else None
