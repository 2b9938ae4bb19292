"""Runs of learners: to train one, to read one from its folder, to judge what it learned."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterplay.agents import LEARNERS, Choice, find, module, presets
from counterplay.agents.seats import Against, Others
from counterplay.api import company
from counterplay.api.against import digest, left_alone, seat_again, seat_others
from counterplay.api.configs import configured
from counterplay.engine import arguments
from counterplay.engine.catalogue import class_path, is_own
from counterplay.engine.compiling import tell
from counterplay.engine.errors import UserError
from counterplay.engine.spec import literal
from counterplay.games import GAMES
from counterplay.games.envs import ENVS

if TYPE_CHECKING:  # torch is imported where a run is made
    from counterplay.agents.log import Row
    from counterplay.agents.run import Run
    from counterplay.engine.env import Task
    from counterplay.solvers.value import Judgement


def train(
    learner: str | type | None = None,
    env: Any = None,
    *,
    steps: int | None = None,
    seed: int | None = None,
    out: str | Path | None = None,
    resume: "str | Path | Run | None" = None,
    config: str | Path | None = None,
    init_from: str | Path | None = None,
    test_every: int | None = None,
    test_episodes: int | None = None,
    on_row: "Callable[[Run, Row], None] | None" = None,
    stop: Callable[[], bool] | None = None,
    preset: str | None = None,
    keep_replay: bool | None = None,
    past_every: int | None = None,
    device: str = "auto",
    against: Any = None,
    seat: int | None = None,
    processes: int | None = None,
    compress: str | None = None,
    wandb: str | None = None,
    **settings: Any,
) -> "Run":
    """Train a team for that many environment steps in all (the preset's, or 200,000) and return the run.

    `learner` is a name, such as "qmix", with or without settings in brackets, or a learner's class, or the
    "package.module:Class" of one. `env` is a spec such as "foraging(size=8, players=2, food=2)", a `Task` or an `Env`
    of `counterplay.engine.env`, the rules of a game, or a PettingZoo parallel environment (or a function that makes
    one). `settings` are the learner's, as `counterplay train --help LEARNER` lists them; one that names a class, such
    as `mixer`, takes the class itself. What is not set there is as the environment's preset for the learner has it, if
    there is one, or the preset named by `preset`; with preset="none" it is the learner's default.

    `out` is a folder for checkpoints, TensorBoard's events and metrics.jsonl. `resume` goes on with a run, or with the
    one in a folder, bit for bit as if it had not stopped; what else is given has to be the run's. `config` is the
    folder of a run, or its run.json: what is left out is as that run had it, so that the new one is the same, bit for
    bit. `init_from` is the folder of a run whose networks this one begins with. Every `test_every` steps (a fortieth of
    all) the team is tested without exploring for `test_episodes` (32), and in turn-based games of players against each
    other, unless they are large or agents remember, its exploitability is measured (`judge`). `on_row` hears of each
    new row of `history`, and `stop` is asked before each update. The replay of learners that have one is kept too,
    unless `keep_replay` is false: a run that is resumed without it fills it anew, and does not go on bit for bit. Every
    `past_every` steps what the run is by then is kept as well, as a run of its own in `past`, to play against.

    `against` leaves one seat open to learn in, each in turn or `seat`, and another strategy takes the others: a run or
    its folder, "uniform", any `Actor`, and in turn-based games a solution or its file, or what else `duel` takes as a
    side; of several each episode draws one. What is learned so is an approximate best response.

    Networks run on `device`: "cpu", "cuda", or "auto" for a GPU where there is one; a resumed run may change it. What
    is said here of bits holds on the CPU. `processes` train one run together, on this machine, each with its share of
    the episodes and one gradient for all; those that torchrun has started do so by themselves. `compress` is
    "powersgd" for gradients that are sent in less. As processes import the script that starts them, it has to do so
    under `if __name__ == "__main__":`. `wandb` is a project of Weights & Biases that rows are sent to as well.

    Ctrl-C ends the run, saves it, and raises `KeyboardInterrupt`; SIGTERM and SIGHUP likewise `SystemExit`, so that a
    script's loop ends too. The `result` of either is the run. A script's own handler of a signal is called instead.
    Raises `ValueError` for what does not fit, with what would.
    """
    if config is not None:
        return train(**configured(config, locals()))
    name, given = None if learner is None else text_of(learner), in_text(settings)
    steps = None if steps is None else arguments.whole("steps", steps, 1)
    _check(out, on_row, stop, wandb)
    company.check(processes, compress)
    options: dict[str, Any] = {"test_every": test_every, "test_episodes": test_episodes}
    options |= {"keep_replay": keep_replay, "past_every": past_every}
    again = {"learner": name, "env": env, "steps": steps, "seed": seed, "resume": resume, "preset": preset}
    again |= {"against": against, "seat": seat, "compress": compress, "init_from": init_from, **options, **given}
    with company.torchrun(processes):
        run = _run(resume, name, env, seed, steps, given, preset, against, seat)
        if init_from is not None:
            _begin_with(run, arguments.path("init_from", init_from), resume)
        size = company.settle(run, processes, compress, device, resume)
        from counterplay.api.training import advance

        with company.started(size, train, again):
            where = device if size == 1 else "cpu"
            return advance(run, steps, out=out, on_row=on_row, stop=stop, device=where, wandb=wandb, **options)


def _check(out: Any, on_row: Any, stop: Any, wandb: Any) -> None:
    """Raise `ValueError` for arguments of `train` that are of another kind."""
    if out is not None:
        arguments.path("out", out)
    for call, what in ((on_row, "on_row"), (stop, "stop")):
        if call is not None:
            arguments.function(what, call)
    if wandb is not None:
        arguments.text("wandb", wandb)


def _run(
    resume: "str | Path | Run | None",
    name: str | None,
    env: Any,
    seed: int | None,
    steps: int | None,
    given: dict[str, Any],
    preset: str | None,
    against: Any,
    seat: int | None,
) -> "Run":
    """Return a run that has not begun, or the one to go on with.

    Raises `ValueError` where what was given does not fit, or is not what the run was begun with.
    """
    run: Run
    if resume is None:
        if name is None or env is None:
            raise UserError("train needs a learner and an environment, such as 'qmix' and 'climbing'")
        begun_at = 0 if seed is None else arguments.whole("seed", seed)
        return begin(name, env, begun_at, given, preset, steps, against=against, seat=seat)
    if isinstance(resume, str | Path):
        plain = isinstance(env, str) and not ENVS.imports_own(env)  # the run's own word is as good
        run = _load(resume, None if plain else env, name, given, against=against)
    elif is_run(resume):
        run = resume
    else:
        raise UserError(f"resume takes a run or the folder of one, not {type(resume).__name__}")
    _goes_on(run, name, env, seed, given, preset)
    _sits_on(run, against, seat)
    if run.steps >= (steps or run.plan.steps):
        raise UserError(f"the run has had {run.steps:,} steps; ask for more of them to go on")
    return run


def _begin_with(run: "Run", folder: Path, resume: Any) -> None:
    """Give a run that has not begun the networks of the one in a folder, and have it remember whose they were."""
    if resume is not None:
        raise UserError("a run that is resumed has networks of its own: leave init_from out")
    saved = module("run").read(folder)
    fresh = module("beginning").begin_with(run.learner, saved.state["learner"], f"the run in {folder}")
    run.init_from = {"folder": str(folder), "digest": digest(folder)}
    tell(f"begins with the networks of {folder}" + (f", but for {', '.join(fresh)}" if fresh else ""))


def check_order(learner: str, env: Any) -> None:
    """Raise `ValueError` where a learner's and an environment's names stand in each other's place."""
    if isinstance(env, str) and env.strip() in LEARNERS.names and (ENVS.knows(learner) or GAMES.knows(learner)):
        raise UserError(f"the learner comes first, then the environment: {env.strip()} {learner.strip()}")


def begin(
    learner: str,
    env: Any,
    seed: int,
    settings: dict[str, Any],
    preset: str | None = None,
    steps: int | None = None,
    *,
    against: Any = None,
    seat: int | None = None,
) -> "Run":
    """Return a run that has not begun, for that many steps.

    Raises `ValueError` where learner, settings, preset and environment do not fit.
    """
    check_order(learner, env)
    choice = find(learner)  # before torch is imported
    task = ENVS.make(env)
    chosen = presets.choose(preset, preset_name(task), choice.entry.name)
    given = {**choice.given, **settings}
    if chosen is not None:
        given = {**chosen.settings_for(given, steps), **given}
    called, others = name_of(env, task), None
    reading = module("run")
    if against is not None:
        task, others = seat_others(task, against, seat, load_alone, env)
    elif seat is not None:
        raise UserError("a seat is chosen where others take the rest (against=, --against)")
    begun: Run = reading.begin(learner, task, called, seed, given)
    begun.others, begun.tasks = others, _there
    if chosen is not None:
        begun.preset, begun.plan = chosen.name, replace(begun.plan, steps=steps or chosen.steps)
    return begun


def _there(env: Any, team: bool, limit: int) -> "Task":
    """Return the task of somebody's environment that a run plays in."""
    from counterplay.games.foreign import pettingzoo

    return pettingzoo.like(ENVS.make(env), team, limit)


def preset_in(choice: Choice, env: Any, asked: str | None) -> presets.Preset | None:
    """Return the preset that a learner's runs in an environment (None: in any) begin with."""
    name = "" if env is None else preset_name(ENVS.make(env))
    return presets.choose(asked, name, choice.entry.name)


def preset_name(task: "Task") -> str:
    """Return the name by which an environment's presets go, whatever its parameters; "" for what has none."""
    return (ENVS.spec_of(task) or "").partition("(")[0]


def load_run(folder: str | Path, env: Any = None, learner: str | type | None = None, **settings: Any) -> "Run":
    """Read a run from its folder.

    A file makes us import nothing that is somebody's own. So the run's environment, its learner, and settings that name
    a class (`mixer=`) have to be given again, as `train` takes them, where they are one's own and not registered. Who
    takes the other seats of a run is read again where it was. Another environment of ours than the run's is where the
    team then plays, with more agents say, if what it sees with goes there (`agents.elsewhere`).

    Raises `ValueError` for a folder that holds none, one that is damaged or newer, and where what is given is not the
    run's, or is missing, or the team cannot play in that environment.
    """
    there = None if env is None else _other(folder, ENVS.make(env))
    if there is None:
        return _load(folder, env, learner, settings)
    run: Run = module("elsewhere").elsewhere(_load(folder, None, learner, settings), there, name_of(env, there))
    return run


def _other(folder: str | Path, task: "Task") -> "Task | None":
    """Return an environment of ours if a run in a folder is of another one of ours; None otherwise."""
    about, name = module("run").read(arguments.path("folder", folder)).about, ENVS.spec_of(task)
    if name is None or ENVS.imports_own(name) or ENVS.imports_own(about["env"]) or "against" in about:
        return None
    try:
        return None if ENVS.spec_of(ENVS.make(about["env"], own=False)) == name else task
    except UserError:  # of one's own, which calls itself so
        return None


def load_alone(folder: str | Path) -> "Run":
    """Read a run that will only play: of others that took seats beside it nothing is read."""
    return _load(folder, None, None, {}, alone=True)


def _load(
    folder: str | Path,
    env: Any,
    learner: str | type | None,
    settings: dict[str, Any],
    *,
    against: Any = None,
    alone: bool = False,
) -> "Run":
    reading = module("run")
    saved = reading.read(arguments.path("folder", folder))
    if env is not None:
        task = ENVS.make(env)
        name = name_of(env, task)
        if ENVS.imports_own(name) and ENVS.imports_own(saved.env) and not _same_own(env, task, saved.env):
            raise UserError(f"the run in {folder} is of {saved.env}, not {name}")
    else:
        try:
            task = ENVS.make(saved.env, own=False)
        except ValueError as error:
            raise UserError(
                f"cannot make the environment of the run in {folder}: {error}; of one's own, "
                "give it too (env=, --env, or beside --resume)"
            ) from None
    others = None
    if (kept := saved.about.get("against")) is not None:
        if alone:
            task, others = left_alone(task, kept), Others(tuple(kept["sides"]), tuple(kept["digests"]), kept["seat"])
        else:
            task, others = seat_again(task, kept, against, load_alone, env, folder)
    try:
        run: Run = reading.restore(saved, task, None if learner is None else text_of(learner), in_text(settings))
    except ValueError as error:
        if learner is None and LEARNERS.imports_own(saved.learner):
            raise UserError(f"cannot load the run in {folder}: {error} (learner=, --learner)") from None
        raise
    run.others, run.tasks = others, _there
    return run


def _same_own(env: Any, task: "Task", kept: str) -> bool:
    """Tell whether one's own environment is the one that a run calls `kept`, however its parameters are written."""
    named = {ENVS.spec_of(task), env.strip() if isinstance(env, str) else None}
    return kept in named or any(ENVS.same_own(text, kept) for text in named if text is not None)


def is_run(thing: Any) -> bool:
    """Tell whether something is a run, without importing torch for it."""
    return all(hasattr(thing, name) for name in ("learner", "task", "decide"))


def judge(run: "Run") -> "Judgement":
    """Measure what a run learned in a turn-based game (`api.learned.judge`)."""
    from counterplay.api import learned

    return learned.judge(run)


def name_of(env: Any, task: "Task") -> str:
    """Return an environment's spec, or what one's own calls itself."""
    if isinstance(env, str):
        return env.strip()
    return ENVS.spec_of(task) or str(getattr(task, "name", type(env).__name__))


def _goes_on(
    run: "Run", learner: str | None, env: Any, seed: int | None, settings: dict[str, Any], preset: str | None
) -> None:
    """Raise `ValueError` unless what was given is what the run was begun with."""
    reading = module("run")
    if learner is not None and not reading.same_name(learner, run.name):
        raise UserError(f"the run to resume is by {run.name}, not {learner}")
    if env is not None and env != run.env:
        task = ENVS.make(env)
        name = name_of(env, task)
        home = run.task.task if isinstance(run.task, Against) else run.task
        if (ENVS.spec_of(task) or name) != (ENVS.spec_of(home) or run.env):
            raise UserError(f"the run to resume is of {run.env}, not {name}")
    if seed not in (None, run.seed):
        raise UserError(f"the run to resume has the seed {run.seed}, not {seed}")
    if preset not in (None, kept := run.preset or presets.NONE):
        raise UserError(f"the run to resume has the preset {kept}, not {preset}")
    given = settings if learner is None else {**find(learner).given, **settings}
    reading.same_settings(type(run.settings), asdict(run.settings), given, "the run to resume")


def _sits_on(run: "Run", against: Any, seat: int | None) -> None:
    """Raise `ValueError` where a run was begun in other seats."""
    others = run.others
    if (seat is not None and (others is None or seat != others.seat)) or (against is not None and others is None):
        raise UserError("the run to resume was begun in other seats: leave against and seat as they are")


def text_of(learner: str | type) -> str:
    """Return a learner's spec, of a class the text by which it can be found again; raises `ValueError` for neither."""
    if not isinstance(learner, str | type):
        raise UserError(f"a learner is a name such as 'qmix', or a learner's class, not {learner!r}")
    return top_level(learner) if isinstance(learner, type) else learner.strip()


def in_text(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with the text by which it can be found again in place of each class."""
    return {name: top_level(value) if isinstance(value, type) else value for name, value in settings.items()}


def top_level(kind: type) -> str:
    """Return the text by which a class can be found again; raises `ValueError` for one inside a function or class."""
    if not is_own(path := class_path(kind)):
        raise UserError(f"{kind.__qualname__} must be defined at the top of a module, to be found again from a file")
    return path


def settings_of(texts: Sequence[str], several: bool) -> dict[str, list[object]]:
    """Return the settings of `name=value` texts; `several` values have commas between them."""
    found: dict[str, list[object]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise UserError(f"--set takes NAME=VALUE, such as lr=0.001, not {text!r}")
        if name.strip() in found:
            raise UserError(f"--set gives {name.strip()} twice")
        if name.strip() in inspect.signature(train).parameters:
            raise UserError(f"{name.strip()} is no setting of learners: it is given as --{name.strip()} or not at all")
        found[name.strip()] = [literal(part) for part in (value.split(",") if several else [value])]
    return found
