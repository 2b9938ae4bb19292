"""The training loop around all learners: play, learn, measure, keep."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.agents import together
from counterplay.agents.best import keep_best
from counterplay.agents.board import Board
from counterplay.agents.checks import check_learned
from counterplay.agents.cut import Pieces
from counterplay.agents.infos import Infos, figures
from counterplay.agents.log import Log, Row
from counterplay.agents.nn.device import choose, in_words, move
from counterplay.agents.replay import Replay, Ring
from counterplay.agents.rollout import Played
from counterplay.agents.run import Run, torch_threads
from counterplay.agents.score import own_means, totals
from counterplay.api.absolute import absolute
from counterplay.api.learned import is_judged, judge, winnings
from counterplay.engine.compiling import clock, tell, telling
from counterplay.engine.errors import NotSaved, UserError
from counterplay.engine.system import Stop, interrupts
from counterplay.engine.text import size
from counterplay.engine.writing import alone, make_folder, rescue

CHECKPOINT = 60.0  # seconds between two checkpoints, or more where they are large
ROWS = 400  # rows of history in a run, about
MENTIONED = 2**30  # bytes of a replay that are worth a word beforehand
TESTS = 40  # tests in a run, about
LARGE = 100 * 2**20  # bytes from which on a replay on disk is worth a word


@dataclass
class _Times:
    """When things happened in this stretch of a run, in seconds that leave out compiling."""

    spent: float  # before it
    began: float = field(default_factory=clock)
    steps: int = 0  # of the run, when the last row ended
    marked: float = 0.0  # and when that was
    saved: float = 0.0
    saving: float = 0.0  # how long that took

    def __post_init__(self) -> None:
        self.marked = self.saved = self.began

    def seconds(self) -> float:
        """Return how long the run has trained by now, this stretch and those before."""
        return self.spent + clock() - self.began

    def due(self) -> bool:
        """Tell whether it is time to save: once a minute, or less often where saving takes long."""
        return clock() - self.saved >= max(CHECKPOINT, 20 * self.saving)


def advance(
    run: Run,
    steps: int | None = None,
    *,
    test_every: int | None = None,
    test_episodes: int | None = None,
    out: str | Path | None = None,
    on_row: Callable[[Run, Row], None] | None = None,
    stop: Callable[[], bool] | None = None,
    keep_replay: bool | None = None,
    past_every: int | None = None,
    threads: int = 1,
    device: str = "auto",
    wandb: str | None = None,
) -> Run:
    """Train until the run has that many environment steps in all (a step is all agents of one episode moving).

    Stops between two updates once `stop()` is true, or at a signal (SIGINT, SIGTERM, SIGHUP): the run is saved, and
    `KeyboardInterrupt` or `SystemExit` raised, unless somebody outside answers for it (`system.interrupts`).

    A row of history has the means since the row before: `return` (of the team; where agents have their own, their
    sum, and `return_0` and so on are each agent's), `length`, whatever the learner tells, `steps_per_second`; every
    `test_every` steps also `test_return` with `test_low` and `test_high`, without exploring, and in small games of
    players against each other `test_exploitability`, in those too large for that `test_winnings`. `on_row` is given
    each row. A run that is kept in a folder (in `out` from now on, if given) is saved there at the beginning, at
    the end, and once a minute, and its rows are written there as they come. What it was at its best test is kept in
    `best` there, and judged anew when it has its steps (`absolute`). A checkpoint that cannot be written is
    told, and tried again; the last one is written elsewhere then, and `NotSaved` says where. Networks are small:
    one thread is the fastest.
    Where they run (`device`) is told first. `wandb` is the project of Weights & Biases that rows go to as well.

    Where processes train together (`together.joined`), each calls this with a run of its own; the first alone has the
    folder, tells, tests and is heard of by `on_row`.

    Raises `ValueError` where the environment shows what is no number, and where learning diverges (a loss that is nan):
    what was saved before stays as it is.
    """
    given = {"steps": steps, "test_every": test_every, "test_episodes": test_episodes}
    given |= {"keep_replay": keep_replay, "past_every": past_every}
    changed: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    where = choose(device)
    run.plan = replace(run.plan, **changed)
    place = Path(out) if out is not None else run.folder
    first = together.peers().rank == 0
    if not first:
        place = None
        run.stand_beside()
    with ExitStack() as stack:
        if not first:
            stack.enter_context(telling(lambda line: None))
        if place is not None:
            make_folder(place)
            stack.enter_context(alone(place, "another process trains there"))
        if move(run.learner, where):
            tell(in_words(device, where, threads))
        _join(run)
        if run.interrupted:
            tell("the environment cannot go on with the episodes that were being played, so others begin")
        if not run.whole() and run.steps:
            tell("the run was kept without its replay, which is filled anew: it is not bit for bit the unbroken run")
        if place is not None:
            _tell_replay(run, place)
        _hear(run)
        if place is not None:
            run.save(place)
        logs = _logs(run, wandb if first else None, stack)
        stack.enter_context(torch_threads(threads))
        stopped = stack.enter_context(interrupts())
        _train(run, stopped, stop, logs, on_row)
        if first and run.stopped_by == "steps":
            run.absolute = absolute(run)
        stopped.arm()
        _hear(run)
        if run.folder is not None:
            _save_at_end(run)
    stopped.again(run)
    return run


def _logs(run: Run, wandb: str | None, stack: ExitStack) -> list[Log | Board]:
    """Return what is told each row: the run's folder, and a project of Weights & Biases; the stack closes them."""
    logs: list[Log | Board] = [] if run.folder is None else [Log(run.folder, run.history, run.steps)]
    for log in logs:
        stack.callback(log.close)
    if wandb is not None:
        logs.append(Board(wandb, run.about(), run.folder))
        stack.callback(logs[-1].close)
    return logs


def _join(run: Run) -> None:
    """Have a run trained by as many processes as there are here, and tell if that changes it."""
    many, had = together.peers().size, run.plan.processes
    together.compress(run.plan.compress)
    if run.steps and many != had:
        then, now = _processes(had), _processes(many)
        tell(f"the run was trained by {then}, and by {now} it is not bit for bit the unbroken run")
    run.divide(many)
    replay = getattr(run.learner, "replay", None)
    if many > 1 and isinstance(replay, Replay):
        run.share_replay(Replay(run.task.spec, together.share(replay.capacity), replay.alpha))
        run.plan = replace(run.plan, keep_replay=False)
        tell("each process has a replay of its own, which is not kept: a resumed run fills it anew")
    if many > 1 and run.steps and run.plan.compress != "none":
        tell("what compression remembers is not kept: the run is not bit for bit the unbroken one")


def _processes(count: int) -> str:
    return "1 process" if count == 1 else f"{count} processes"


def _hear(run: Run) -> None:
    """Hear what each process keeps to itself of a run, so that it can be saved with it."""
    if together.peers().size > 1:
        run.ranks = together.gathered(run.own())[1:]
    else:
        run.ranks = []


class _Heard(NamedTuple):
    """What all processes played between two updates, in numbers."""

    steps: int
    started: int
    returns: npt.NDArray[np.float64]  # [E] of the team, or [E, N], of what came to its end
    lasted: float  # steps of these, together
    told: list[Infos]  # what these told beside


def _heard(run: Run, played: Played) -> _Heard:
    lasted = played.lasted.sum() if isinstance(played, Pieces) else played.steps
    every = together.gathered(_Heard(played.steps, played.started, played.returns(), float(lasted), [*run.told]))
    steps, started, returns, lengths, infos = zip(*every, strict=True)
    return _Heard(sum(steps), sum(started), np.concatenate(returns), sum(lengths), [*chain(*infos)])


def _train(
    run: Run,
    stopped: Stop,
    stop: Callable[[], bool] | None,
    logs: Sequence[Log | Board],
    on_row: Callable[[Run, Row], None] | None,
) -> None:
    """Play and learn until the run has its steps, or is stopped."""
    goal = run.plan.steps
    row_every, test_every = max(1, goal // ROWS), run.plan.test_every or max(1, goal // TESTS)
    replay = getattr(run.learner, "replay", None)
    if isinstance(replay, Ring) and (full := replay.nbytes) >= MENTIONED:
        tell(
            f"the replay takes {size(full)} once it holds {replay.capacity:,} {replay.what}; replay=N makes it smaller"
        )
    times = _Times(run.seconds, steps=run.steps)
    run.stopped_by, first = "steps", together.peers().rank == 0
    while run.steps < goal:
        said = together.gathered((stopped() or (stop is not None and stop()), times.due()))
        if any(ends for ends, _ in said):
            run.stopped_by = "interrupt"
            break
        if said[0][1]:
            _keep(run, times)
        before = run.steps
        played = run.gather()
        learned = run.learner.learn(played, run.rng)
        check_learned(learned, run.steps + played.steps, run.settings, run.folder)
        _note(run, _heard(run, played), learned)
        stopped.arm()  # before there is nothing to keep, and signals end everything at once
        testing = run.steps // test_every > before // test_every or run.steps >= goal
        last = int(run.history[-1]["steps"]) if run.history else 0
        due = run.steps // row_every > last // row_every and "return" in run.since  # as it is once an episode has ended
        if first and (testing or due):
            row = _row(run, times, testing)
            for log in logs:
                log.add(row)
            if on_row is not None:
                on_row(run, row)
            if testing:
                keep_best(run)
        run.seconds = times.seconds()
        _keep_past(run, before)


def _tell_replay(run: Run, place: Path) -> None:
    """Tell before it is written how large a replay will be."""
    replay = getattr(run.learner, "replay", None)
    if isinstance(replay, Ring) and run.plan.keep_replay and replay.nbytes >= LARGE:
        tell(
            f"the replay is kept in {place} too, {size(replay.nbytes)} once it is full; without it (--no-replay, "
            "keep_replay=False) a resumed run fills it anew"
        )


def _save_at_end(run: Run) -> None:
    """Save a run to its folder, or else to another, which the `NotSaved` that is then raised names."""
    try:
        run.save()
    except UserError as error:
        place = None if run.folder is None else rescue(run.save, run.folder)
        where = f"it is in {place} instead" if place is not None else "nor can it be saved anywhere else"
        raise NotSaved(f"{error}; {where}", run, place) from error


def _note(run: Run, heard: _Heard, learned: dict[str, float]) -> None:
    """Count what was played and learned from, and keep its figures for the next row."""
    run.steps += heard.steps
    run.episodes += heard.started
    if together.peers().rank > 0:
        return  # rows are the first process's
    if len(heard.returns):  # else none has come to its end
        learned |= {"return": float(totals(heard.returns).mean()), "length": heard.lasted / heard.started}
        learned |= own_means("return", heard.returns) | figures(heard.told)
    for name, figure in learned.items():
        run.since.setdefault(name, []).append(figure)


def _row(run: Run, times: _Times, testing: bool) -> Row:
    """Add a row to the run's history, with the figures of a test if it is time for one."""
    row: Row = {"steps": run.steps, "episodes": run.episodes, "seconds": 0.0}
    row |= {name: float(np.mean(figures)) for name, figures in run.since.items()}
    row["steps_per_second"] = (run.steps - times.steps) / max(clock() - times.marked, 1e-9)
    if testing:
        score = run.evaluate(run.plan.test_episodes, run.steps)
        row |= {"test_return": score.mean, "test_low": score.low, "test_high": score.high}
        row |= own_means("test_return", score.returns)
        row |= {f"test_info_{name}": mean for name, mean in score.infos.items()}
        row.setdefault("return", score.mean)  # no episode has ended since the last row
        row |= {"test_exploitability": judge(run).exploitability} if is_judged(run) else {}
        if won := winnings(run, run.plan.test_episodes, run.steps):
            row |= {"test_winnings": won.mean, "test_winnings_low": won.low, "test_winnings_high": won.high}
    times.steps, times.marked = run.steps, clock()
    run.seconds = row["seconds"] = times.seconds()
    run.history.append(row)
    run.since = {}
    return row


def _keep_past(run: Run, before: int) -> None:
    """Keep what the run is as a past self, if it is time to; what cannot be written is told."""
    every = run.plan.past_every
    if run.folder is not None and every is not None and run.steps // every > before // every:
        try:
            run.keep_past()
        except UserError as error:
            tell(f"{error}; the run goes on without this past self")


def _keep(run: Run, times: _Times) -> None:
    """Save a run that is kept in a folder."""
    now = clock()
    _hear(run)
    if run.folder is not None:
        try:
            run.save()
        except UserError as error:
            tell(f"{error}; the run goes on, and tries again later")
    times.saved = clock()
    times.saving = times.saved - now
