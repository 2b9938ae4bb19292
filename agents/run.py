"""A run: a team in training, as something to evaluate, to keep in a folder, and to go on with."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import torch

from counterplay.agents import LEARNERS, Choice, find, presets, replay_files, together
from counterplay.agents.best import best
from counterplay.agents.cut import Going
from counterplay.agents.infos import Infos, heard_of
from counterplay.agents.learner import Collector, Learner, Mixed, Mixture
from counterplay.agents.log import CHECKPOINT_FILE, FORMAT, RUN_FILE, Row
from counterplay.agents.playing import Policy, play
from counterplay.agents.replay import Replay, Ring
from counterplay.agents.rollout import Episodes, Played, collect, earned
from counterplay.agents.same import same_name, same_settings
from counterplay.agents.saved import check_plain, check_playing, check_size, check_state, load_checkpoint, save_state
from counterplay.agents.score import Score, score
from counterplay.agents.seats import Others
from counterplay.engine import schema
from counterplay.engine.arguments import number, path, whole
from counterplay.engine.catalogue import is_own
from counterplay.engine.env import Env, Task, blank
from counterplay.engine.errors import UserError
from counterplay.engine.system import held
from counterplay.engine.writing import make_folder, replacing, told, write_atomic

if TYPE_CHECKING:
    from counterplay.agents.exporting import Exported

PAST = "past"  # the folder of past selves, in the run's own
_LARGE = "learner", "replay", "playing", "ranks"  # parts of a checkpoint that are looked at by themselves


@dataclass(frozen=True)
class Plan:
    """How long a run trains, and how often it is tested on the way."""

    steps: int = 200_000  # a step is all agents of one episode moving
    test_every: int | None = None  # steps between tests; a fortieth of all if None
    test_episodes: int = 32
    keep_replay: bool = True  # in the run's folder, if it has one
    past_every: int | None = None  # steps between two past selves that are kept in the folder; none if None
    processes: int = 1  # that train it together
    compress: str = "none"  # what the gradients that they exchange are compressed by

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and name not in ("keep_replay", "compress"):
                object.__setattr__(self, name, whole(name.replace("_", " "), value, 1))


def _as_task(env: Any, team: bool, limit: int) -> Task:
    """Return a task as it is; whoever makes runs knows more environments."""
    if not isinstance(env, Task):
        raise UserError(f"a run plays in a task, not {type(env).__name__}")
    return env


@dataclass
class Run:
    """A team in training: who learns what, from which seed, how far it is, and what happened so far.

    The same seed gives the same run, and a run that is saved and loaded goes on as if it had not stopped.
    """

    name: str  # of the learner
    env: str  # the environment's spec, or what a user's own calls itself
    settings: Any
    seed: int
    learner: Learner = field(repr=False)
    task: Task = field(repr=False)
    rng: np.random.Generator = field(repr=False)
    plan: Plan = Plan()
    steps: int = 0
    episodes: int = 0
    seconds: float = 0.0  # of training, tests included and compiling left out
    history: list[Row] = field(default_factory=list, repr=False)
    since: dict[str, list[float]] = field(default_factory=dict, repr=False)  # figures since the last row
    told: Sequence[Infos] = field(default=(), repr=False)  # what the episodes told that ended last
    stopped_by: str = ""  # "steps" or "interrupt"
    folder: Path | None = None  # where it is kept
    preset: str = ""  # whose settings it was begun with, if any
    others: Others | None = None  # who takes the other seats, if anybody does
    tasks: Callable[[Any, bool, int], Task] = field(default=_as_task, repr=False)  # of a user's environments
    init_from: dict[str, str] = field(default_factory=dict)  # whose networks it began with: folder and digest
    absolute: dict[str, Any] | None = field(default=None, repr=False)  # what its best comes to (`best.absolute`)
    ranks: list[dict[str, Any]] = field(default_factory=list, repr=False)  # what further processes keep to themselves
    _policy: Policy | None = field(default=None, repr=False)
    _envs: dict[int, Env] = field(default_factory=dict, repr=False)
    _parts: list[replay_files.Part] = field(default_factory=list, repr=False)  # of its replay, in the folder
    _unread: bool = False  # whether these are still to be read
    _lost: bool = False  # whether its replay was not kept
    _going: Going | None = field(default=None, repr=False)  # episodes that go on over several updates

    @property
    def policy(self) -> Policy:
        """The team as something to call, `policy(observations, masks)`, that keeps what agents remember."""
        if self._policy is None:
            self._policy = Policy(self)
        return self._policy

    def play(self, env: Any, episodes: int = 10, seed: int = 0, limit: int = 0) -> Score:
        """Play that many episodes of somebody's environment, such as one of PettingZoo's, and tell what they earned.

        It is taken as `train` takes one; `limit` ends an episode that does not say how long it is. Nothing is explored,
        and the run stays as it is. Raises `ValueError` where it is not like the one that the run was trained in.
        """
        return play(self, self.tasks(env, self.task.spec.team, limit), episodes, seed)

    def export(self, out: str | Path, to: str = "onnx") -> "Exported":
        """Write what agents play by to a file that others serve: onnx, torchscript or safetensors (`exporting`)."""
        from counterplay.agents.exporting import export

        return export(self, out, to)

    def playing(self, batch: int) -> Env:
        """Return the run's environment of that many episodes."""
        if batch not in self._envs:
            self._envs[batch] = self.task.start(batch)
        return self._envs[batch]

    def gather(self) -> Played:
        """Play what the learner is given next: episodes, or what it collects itself."""
        self.told = []
        if isinstance(self.learner, Collector):
            return self.learner.collect(self.task, self.rng)
        limit_ends = getattr(self.settings, "limit_ends", False) is True
        if steps := self.rollout:
            return self._go(steps, limit_ends)
        env = self.playing(self.learner.envs)
        played = collect(env, self.learner, self.rng, limit_ends=limit_ends)
        self.told = [heard_of(env)]
        return played

    @property
    def rollout(self) -> int:
        """After how many steps of every episode the learner learns, while episodes go on; 0: after whole ones."""
        found = getattr(self.settings, "rollout", 0)
        return found if isinstance(found, int) else 0

    def _go(self, steps: int, limit_ends: bool) -> Episodes:
        """Play so many more steps of the episodes that go on."""
        if self._going is None:
            self._going = Going(self.task, self.learner.envs)
        played = self._going.play(self.learner, steps, self.rng, limit_ends)
        self.told = played.told
        return played

    def evaluate(self, episodes: int = 100, seed: int = 0, confidence: float = 0.95) -> Score:
        """Play that many episodes without exploring; training does not notice."""
        episodes, seed = whole("episodes", episodes, 1), whole("seed", seed)
        if not 0 < number("confidence", confidence) < 1:
            raise UserError(f"confidence must be between 0 and 1, such as 0.95, not {confidence}")
        rng = np.random.default_rng([self.seed, seed, 1])
        env = self.playing(min(episodes, max(self.plan.test_episodes, self.learner.envs)))
        rounds = -(-episodes // env.batch)
        played, infos = [], []
        for _ in range(rounds):  # those of a learner with a rollout may be long
            if self.rollout:
                played.append(earned(env, self.learner, rng))
            else:
                played.append(collect(env, self.learner, rng, explore=False).returns())
            infos.append(heard_of(env))
        if self._going is not None:
            self._going.told = False  # the learner has seen other episodes since
            if self._going.env is env:
                self._going.again()
        return score(np.concatenate(played)[:episodes], confidence, infos)

    def decide(
        self, obs: npt.NDArray[np.float32], legal: npt.NDArray[np.bool_], agent: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        """Return the policy without exploring, [M, A], at single observations [M, O], whose agents are [M].

        Raises `ValueError` for agents that remember or keep to a policy that they drew, which is more than that.
        """
        if isinstance(self.learner, Mixture):
            raise UserError("agents draw a policy for each episode: what they do is no table over observations")
        if memory := getattr(self.settings, "remembers", ""):
            raise UserError(f"agents with {memory} remember: their policy is no table over observations")
        shown, rows = blank(self.task.spec, len(obs)), np.arange(len(obs))
        shown.legal[:, :, 1:] = False
        shown.obs[rows, agent], shown.legal[rows, agent] = obs, legal
        self.learner.begin(len(obs))
        if isinstance(self.learner, Mixed):
            return self.learner.probabilities(shown)[rows, agent]
        chosen = self.learner.act(shown, self.rng, explore=False)[rows, agent]
        found: npt.NDArray[np.float32] = np.eye(self.task.spec.actions, dtype=np.float32)[chosen]
        return found

    def save(self, folder: str | Path | None = None) -> None:
        """Write everything that `load` needs into the folder (by default where the run is kept), each file atomically.

        The replay is in files of its own, of which only what is new is written; none without the plan's `keep_replay`.
        Raises `ValueError` where another run is kept there, or nothing can be written.
        """
        if folder is None and self.folder is None:
            raise UserError("name a folder to save the run in")
        place = path("folder", folder) if folder is not None else cast(Path, self.folder)
        if place != self.folder and holds_run(place):
            raise UserError(f"{place} holds a run already: resume it, or name another folder")
        self.whole()
        with told(place), held():
            self._parts = self._write(place, self._parts if place == self.folder else [])
        self.folder = place

    def own(self) -> dict[str, Any]:
        """Return what is a process's own of a run that several train: all else is the same in each."""
        found: dict[str, Any] = {"rng": self.rng.bit_generator.state}
        if self._going is not None and (playing := self._going.keep()) is not None:
            found["playing"] = playing
        if (explorer := self.learner.state().get("explorer")) is not None:
            found["explorer"] = explorer
        return found

    def divide(self, processes: int) -> None:
        """Have so many processes train it; where they were others, other episodes begin."""
        if processes != self.plan.processes:
            self._going = None
        self.plan = replace(self.plan, processes=processes)

    def share_replay(self, replay: Replay) -> None:
        """Take another replay, an empty one, in place of the learner's."""
        self.learner.replay, self._parts = replay, []  # type: ignore[attr-defined]
        self._unread, self._lost = False, self.steps > 0

    def stand_beside(self) -> None:
        """Take this process's part in a run: random numbers of its own, and no folder."""
        self.folder, rank = None, together.peers().rank
        if rank > len(self.ranks):  # else it goes on as this one of them
            self.rng = np.random.default_rng([self.seed, 0, rank, self.steps])

    def keep_past(self) -> None:
        """Write what the run is now beside what it becomes, in `past`, under the number of its steps."""
        self.keep_beside(f"{PAST}/{self.steps:012d}")

    def keep_beside(self, name: str) -> None:
        """Write what the run is now into a folder in the run's own, as a run without its replay.

        Raises `ValueError` where nothing can be written, and where a link would lead into another folder: what that
        holds might be somebody's run.
        """
        place = cast(Path, self.folder) / name
        for part in (place, *place.parents[: len(Path(name).parts) - 1]):
            if part.is_symlink():
                raise UserError(f"cannot write {place}: {part} is a link; take it away")
        with told(place), held():
            self._write(place, [], keep_replay=False)

    def again(self, other: "Run") -> None:
        """Begin episodes that were going on anew, where another run has played in the environment that they are in."""
        if self._going is not None and any(env is self._going.env for env in other._envs.values()):
            self._going.again()

    def _write(
        self, place: Path, kept: list[replay_files.Part], keep_replay: bool | None = None
    ) -> list[replay_files.Part]:
        """Write everything into a folder whose checkpoint needs the parts that are `kept`; return those needed now."""
        keep_replay = self.plan.keep_replay if keep_replay is None else keep_replay
        parts: list[replay_files.Part] = []
        try:
            make_folder(place)
            learner = dict(self.learner.state())
            state: dict[str, Any] = {"run": self.about(), **self.own()}
            state.pop("explorer", None)  # which is in the learner's
            state |= {"history": self.history, "since": self.since, "learner": learner}
            state |= {"ranks": self.ranks} if self.ranks else {}
            if isinstance(replay := getattr(self.learner, "replay", None), Ring):
                learner.pop("replay")
                parts = replay_files.write(place, replay, kept) if keep_replay else []
                state |= {"replay": {**replay.head(), "parts": list(map(list, parts))}} if keep_replay else {}
            kept = [*kept, *parts]
            with replacing(place / CHECKPOINT_FILE) as file:
                save_state(state, file)
            kept = parts
            write_atomic(place / RUN_FILE, json.dumps(self.about(), indent=2).encode())
        finally:
            replay_files.remove_others(place, kept)
        return parts

    def about(self) -> dict[str, Any]:
        """Return what the run is, and how far, as its folder says it."""
        return {
            "format": FORMAT,
            "learner": self.name,
            "env": self.env,
            "seed": self.seed,
            "settings": asdict(self.settings),
            "preset": self.preset,
            "plan": asdict(self.plan),
            "steps": self.steps,
            "episodes": self.episodes,
            "seconds": self.seconds,
            "stopped_by": self.stopped_by,
            **({"against": asdict(self.others)} if self.others is not None else {}),
            **({"init_from": self.init_from} if self.init_from else {}),
            **({"best": found._asdict()} if (found := best(self.history)) is not None else {}),
            **({"absolute": self.absolute} if self.absolute else {}),
        }

    def whole(self) -> bool:
        """Read the replay too, if it is still only in the folder: to play does not take it, to train and save does.

        Returns whether there is all that going on takes: not where the replay was not kept. Raises `ValueError` where
        its files are missing or damaged.
        """
        if self._unread:
            replay: Ring = self.learner.replay  # type: ignore[attr-defined]
            replay_files.read(cast(Path, self.folder), replay, self._parts, self.task.spec)
            self._unread = False
        return not self._lost

    @property
    def interrupted(self) -> bool:
        """Whether episodes that were going on when the run was kept are lost, and others begin."""
        return bool(self.rollout and self.steps and self._going is None)


def begin(name: str, task: Task, env: str, seed: int = 0, settings: Mapping[str, object] | None = None) -> Run:
    """Return a run that has not begun; raises `ValueError` where learner, settings and environment do not fit."""
    choice = find(name)
    return _begin(choice, task, env, seed, choice.with_settings(settings or {}))


def _begin(choice: Choice, task: Task, env: str, seed: int, settings: Any) -> Run:
    seed = whole("seed", seed)
    learner = choice.make(task.spec, settings, seed)
    return Run(choice.name, env, settings, seed, learner, task, np.random.default_rng([seed, 0]))


def holds_run(folder: Path) -> bool:
    """Tell whether a run is kept in a folder."""
    return (folder / CHECKPOINT_FILE).is_file()


class Saved(NamedTuple):
    """What a run's folder holds."""

    folder: Path
    about: dict[str, Any]  # what the run is, as `Run.save` writes it
    state: dict[str, Any]  # of its learner, its generator and its history

    @property
    def learner(self) -> str:
        """The learner's spec."""
        return str(self.about["learner"])

    @property
    def env(self) -> str:
        """The environment's spec, or what a user's own calls itself."""
        return str(self.about["env"])


def read(folder: str | Path) -> Saved:
    """Read what a run's folder holds; raises `ValueError` if it holds no run, or a damaged or newer one."""
    folder = Path(folder)
    if not holds_run(folder):
        what = "is a folder that holds no run" if folder.is_dir() else "holds no run"
        raise UserError(f"{folder} {what}: there is no {CHECKPOINT_FILE} in it")
    saved = load_checkpoint(folder / CHECKPOINT_FILE)
    about = saved.get("run")
    number = about.get("format") if isinstance(about, dict) else None
    if type(number) is int and number > FORMAT:
        raise UserError(f"{folder} was written by a newer Counterplay; upgrade to read it")
    check_plain({name: part for name, part in saved.items() if name not in _LARGE}, folder)
    schema.convert(saved, schema.CheckpointHeader, f"the checkpoint in {folder}")
    return Saved(folder, saved["run"], saved)


def restore(saved: Saved, task: Task, learner: str | None = None, named: Mapping[str, object] | None = None) -> Run:
    """Return the run that a folder holds, in its environment.

    A file makes us import nothing that is somebody's own: of one's own learner `learner` names it again, and `named`
    has settings that name one's own classes. Raises `ValueError` where these are missing or are not the run's, and
    where the run does not fit into the environment.
    """
    about, state = saved.about, saved.state
    ranks, here = state.get("ranks", []), together.peers().rank
    if here:
        mine = ranks[here - 1] if here <= len(ranks) else {}
        learned = state["learner"] | ({"explorer": mine["explorer"]} if "explorer" in mine else {})
        state = state | {"playing": None} | mine | {"learner": learned}
    choice = find(saved.learner, own=False) if learner is None else find(learner)
    if learner is not None and not same_name(learner, saved.learner):
        raise UserError(f"the run in {saved.folder} is by {saved.learner}, not {learner}")
    named = {**(choice.given if learner is not None else {}), **(named or {})}
    kept = {**choice.preset, **about["settings"]}
    settings = same_settings(choice.settings_type(), kept, named, f"the run in {saved.folder}")
    usual = {field.name: field.default for field in fields(settings)} | dict(choice.entry.preset)
    for name, value in asdict(settings).items():
        if isinstance(value, str) and is_own(value) and name not in named and usual[name] != value:
            raise UserError(
                f"the run in {saved.folder} has {name}={value}, which is somebody's own, and no file makes us import "
                f"it: name it yourself ({name}=, --set {name}={value})"
            )
    ours = choice.entry in LEARNERS.entries  # of one's own nobody here knows what its state is made of
    try:
        if ours:
            check_size(saved.folder / CHECKPOINT_FILE, settings)
        run = _begin(choice, task, saved.env, about["seed"], settings)
        if ours:
            check_state(state["learner"], run.learner.state(), task.spec)
        run.learner.restore(state["learner"])
        if isinstance(replay := getattr(run.learner, "replay", None), Ring) and "replay" not in state["learner"]:
            run._lost = "replay" not in state
            if not run._lost:
                replay.begin(state["replay"])
                run._parts = [replay_files.Part(*part) for part in state["replay"]["parts"]]
                run._unread = True
        if run.rollout and state.get("playing") is not None:
            had = together.Peers(here, about["plan"].get("processes", 1))
            run._going = Going(task, together.share(run.settings.envs, had) if had.size > 1 else run.learner.envs)
            run._going.resume(check_playing(state["playing"]), np.random.default_rng(0))
    except Exception as error:  # whatever a learner comes across in a state that is not its own
        told = f": {error}" if isinstance(error, UserError) else ""
        raise UserError(
            f"the run in {saved.folder} does not fit into this {saved.env}: it was made by another version of it, "
            f"or of Counterplay{told}"
        ) from error
    run.rng.bit_generator.state = state["rng"]
    run.plan = Plan(**{f.name: about["plan"][f.name] for f in fields(Plan) if f.name in about["plan"]})
    run.folder, run.stopped_by = saved.folder, about["stopped_by"]
    run.steps, run.episodes, run.seconds = about["steps"], about["episodes"], about["seconds"]
    run.history, run.since, run.ranks = state["history"], state["since"], ranks
    run.init_from, run.absolute = about.get("init_from", {}), about.get("absolute")
    kept_preset = about.get("preset")  # earlier runs have none
    run.preset = kept_preset if kept_preset in presets.names() else ""
    return run


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let PyTorch use that many threads for a while: networks are small, and one thread is the fastest."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
