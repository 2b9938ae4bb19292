"""Learners and runs as lines of text."""

import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from counterplay.agents import Choice, find
from counterplay.agents.best import BEST, best
from counterplay.agents.learner import meanings
from counterplay.agents.presets import PRESETS, PUBLISHED, Preset, names, no_preset, presets_of
from counterplay.agents.run import Run
from counterplay.agents.score import Score, interval
from counterplay.engine.catalogue import is_own
from counterplay.engine.errors import UserError
from counterplay.engine.text import count, duration, small
from counterplay.games.envs import ENVS
from counterplay.show.listing import quoted, shape
from counterplay.show.text import DIM, HEADING, Paint, meaning, table

if TYPE_CHECKING:
    from counterplay.solvers.value import Judgement

_STOPPED = {"steps": "as many steps as asked for", "interrupt": "interrupted", "": "not begun"}


def settings(choice: Choice, paint: Paint, width: int, preset: Preset | None = None) -> Iterator[str]:
    """Yield what can be set of a learner: name and default, or what a preset has in its place, and what it means."""
    yield paint(choice.entry.summary or inspect.getdoc(choice.entry.load()) or choice.name, HEADING)
    yield ""
    if preset is None:
        yield "Settings, their defaults and meaning:"
    else:
        yield f"Settings of the preset {preset.name}, for runs of {count(preset.steps, 'step')}, and their meaning:"
    about = meanings(choice.settings_type())
    used = {**choice.preset, **({} if preset is None else preset.settings_for(choice.given))}
    written = {name: f"{name}={_written(used.get(name, default))}" for name, (_, default, _) in about.items()}
    left = max(map(len, written.values())) + 4
    for name, (_, _, text) in about.items():
        first, *rest = wrap(text, max(width - left, 20)) or [""]
        yield f"  {written[name]:<{left - 2}}{paint(first, DIM)}"
        yield from (" " * left + paint(line, DIM) for line in rest)


def presets(choice: Choice, paint: Paint, width: int) -> Iterator[str]:
    """Yield the presets of a learner: the environment, and what is set there beside the defaults."""
    found = list(presets_of(choice.entry.name))
    own, published = ([preset for preset in found if bool(preset.source) is papers] for papers in (False, True))
    yield from _rows("Presets, of runs in these environments (--preset none: the defaults):", own, paint, width)
    yield from _rows(
        "Settings of papers (--preset NAME; 'counterplay presets' has the sources):", published, paint, width
    )


def papers(paint: Paint, width: int, name: str | None = None) -> Iterator[str]:
    """Yield all presets that are asked for by name, or that one of a name: settings, source, and what differs.

    Raises `UserError` for a name that is no preset's.
    """
    if name is not None and name not in names():
        raise UserError(no_preset(name))
    for preset in PRESETS + PUBLISHED:
        if (name is None and not preset.source) or name not in (None, preset.name):
            continue
        yield paint(f"{preset.name}: {', '.join(preset.learners)}", HEADING)
        lines = [f"{_spelled(preset.settings) or 'the defaults'}; {count(preset.steps, 'step')}"]
        lines += [preset.source] if preset.source else []
        lines += [f"differs: {preset.differs}"] if preset.differs else []
        for text in lines:
            yield from (f"  {line}" for line in wrap(text, max(width - 2, 20)))
        yield ""


def _rows(title: str, found: Sequence[Preset], paint: Paint, width: int) -> Iterator[str]:
    if not found:
        return
    yield ""
    yield title
    left = max(len(preset.name) for preset in found) + 4
    for preset in found:
        text = f"{_spelled(preset.settings) or 'the defaults'}; {count(preset.steps, 'step')}"
        first, *rest = wrap(text, max(width - left, 20))
        yield f"  {preset.name:<{left - 2}}{paint(first, DIM)}"
        yield from (" " * left + paint(line, DIM) for line in rest)


def set_in(run: Run) -> str:
    """Return a run's preset, and its settings that are not the learner's defaults, in one line."""
    choice = find(run.name, own=True)
    about = {
        name: choice.entry.preset.get(name, default) for name, (_, default, _) in meanings(type(run.settings)).items()
    }
    other = {name: value for name, value in asdict(run.settings).items() if value != about[name]}
    return ": ".join(part for part in (f"preset {run.preset}" if run.preset else "", _spelled(other)) if part)


def summary(run: Run, paint: Paint) -> Iterator[str]:
    """Yield what a run came to."""
    stopped = _STOPPED[run.stopped_by]
    played = f"{count(run.steps, 'step')}, {count(run.episodes, 'episode')} in {duration(run.seconds)}: {stopped}"
    about = [("learner", run.name), ("environment", f"{run.env}: {shape(run.task.spec)}")]
    if run.others is not None:
        where = "each seat in turn" if run.others.seat is None else f"seat {run.others.seat}"
        about.append(("against", f"{', '.join(run.others.sides)}; learns {where}"))
    about += [("settings", set_in(run) or "the defaults"), ("run", played)]
    yield from table(about, paint)
    if test := last_test(run):
        own = [test[f"test_return_{n}"] for n in range(run.task.spec.agents) if f"test_return_{n}" in test]
        found = in_words(test["test_return"], test["test_low"], test["test_high"], run.plan.test_episodes)
        lines = [("sum of returns" if own else "return", found)]
        lines += [(f"agent {n}", f"{x:.4g}") for n, x in enumerate(own)]
        lines += [(name.removeprefix("test_info_"), f"{x:.4g}") for name, x in test.items() if "_info_" in name]
        if "test_exploitability" in test:
            lines.append(("exploitability", f"{test['test_exploitability']:.4g}, exact"))
        if "test_winnings" in test:
            mean, low, high = (test[f"test_winnings{end}"] for end in ("", "_low", "_high"))
            lines.append(_winnings(mean, low, high, run.plan.test_episodes))
        yield from table([*lines, *_bests(run)], paint)


def _bests(run: Run) -> Iterator[tuple[str, str]]:
    """Yield what a run was at its best test, and what that comes to, if it is kept."""
    if run.folder is None or (found := best(run.history)) is None:
        return
    yield "best", f"{found.measure} {found.figure:.4g} at {count(found.steps, 'step')}, in {run.folder / BEST}"
    if (now := run.absolute) is not None:
        low, high = (math.nan if now[end] is None else now[end] for end in ("low", "high"))
        yield "best, again", in_words(now["return"], low, high, now["episodes"])


def in_words(mean: float, low: float, high: float, episodes: int) -> str:
    """Return a mean return and its interval in words."""
    between = f" (95% interval {low:.4g} to {high:.4g})" if low == low else ""
    return f"{mean:.4g}{between}, {count(episodes, 'episode')} without exploring"


def _winnings(mean: float, low: float, high: float, deals: int) -> tuple[str, str]:
    """Return what a policy wins from uniform play, in words, and what that is called."""
    between = f" (95% interval {low:.4g} to {high:.4g})" if low == low else ""
    return "winnings", f"{mean:.4g}{between} a deal against uniform play, {count(deals, 'deal')} in every seat"


def evaluation(
    run: Run,
    score: Score,
    judged: "Judgement | str | None",
    paint: Paint,
    won: Score | None = None,
    met: Score | None = None,
) -> Iterator[str]:
    """Yield what a run's team is worth without exploring, and how exploitable it is, or why that is not known.

    `met` is what it earns in one seat against another strategy.
    """
    lines = [("run", f"{run.name} in {run.env}, seed {run.seed}, {count(run.steps, 'step')}")]
    for n, (mean, low, high) in enumerate(own_scores(score)):
        lines.append((f"agent {n}", in_words(mean, low, high, score.episodes)))
    word = "return" if score.returns.ndim == 1 else "sum"
    lines.append((word, in_words(score.mean, score.low, score.high, score.episodes)))
    lines += [(name, f"{mean:.4g}") for name, mean in score.infos.items()]
    if isinstance(judged, str):
        lines.append(("exploitability", f"not measured: {judged}"))
    elif judged is not None:
        nash = f"{small(judged.exploitability)} (NashConv {small(judged.nash_conv)} / {len(judged.value)} players)"
        lines.append(("exploitability", nash))
    if won is not None:
        lines.append(_winnings(won.mean, won.low, won.high, won.episodes))
    if met is not None:
        lines.append(("against it", in_words(met.mean, met.low, met.high, met.episodes)))
    yield from table(lines, paint)
    if judged is not None and not isinstance(judged, str):
        yield ""
        certain = len(judged.value) == 2 and abs(sum(judged.value)) < 1e-9
        yield from meaning(judged.value, judged.best, certain, {})


def evaluation_figures(
    run: Run,
    score: Score,
    judged: "Judgement | str | None",
    won: Score | None = None,
    met: Score | None = None,
) -> dict[str, Any]:
    """Return the same, for JSON."""
    exact: dict[str, Any] = {}
    if judged is not None and not isinstance(judged, str):
        exact = {"exploitability": judged.exploitability, "value": judged.value}
    if won is not None:
        exact["winnings"] = {"mean": won.mean, "low": won.low, "high": won.high, "deals": won.episodes}
    if met is not None:
        exact["against"] = {"mean": met.mean, "low": met.low, "high": met.high, "episodes": met.episodes}
    of_all = {"low": score.low, "high": score.high}
    own = [{"return": mean, "low": low, "high": high} for mean, low, high in own_scores(score)]
    span: dict[str, Any] = (
        {"agents": own, "sum": {"return": score.mean, **of_all}} if own else {"return": score.mean, **of_all}
    )
    told = {"infos": dict(score.infos)} if score.infos else {}
    return {**figures(run), **span, "played": score.episodes, **told, **exact}


def own_scores(score: Score) -> list[tuple[float, float, float]]:
    """Return each agent's own mean return and its interval; none of a team's."""
    return [(float(own.mean()), *interval(own, 0.95)) for own in score.returns.T] if score.returns.ndim > 1 else []


def figures(run: Run) -> dict[str, Any]:
    """Return what a run is, for JSON."""
    found = best(run.history)
    return {
        "learner": run.name,
        "env": run.env,
        "seed": run.seed,
        "preset": run.preset or None,
        "steps": run.steps,
        "episodes": run.episodes,
        "seconds": run.seconds,
        "stopped_by": run.stopped_by,
        "folder": None if run.folder is None else str(run.folder),
        **({} if run.folder is None or found is None else {"best": found._asdict()}),
        **({} if run.absolute is None else {"absolute": run.absolute}),
    }


def last_test(run: Run) -> dict[str, float]:
    """Return the figures of the last test, if there was one."""
    tests = [row for row in run.history if "test_return" in row]
    return {name: x for row in tests[-1:] for name, x in row.items() if name.startswith("test_")}


def whats_next(run: Run) -> Iterator[str]:
    """Yield the commands that go on from a run that is kept, or how to keep it."""
    if run.folder is None:
        yield f"Not saved: --out {quoted(str(name_for(run)))} keeps it, to evaluate, watch or resume."
        return
    kept = quoted(str(run.folder))
    # One's own has to be named again: a folder makes nobody import it.
    names = [(flag, name) for flag, name in (("learner", run.name), ("env", run.env)) if _is_own(name)]
    both = f"{quoted(run.name)} {quoted(run.env)} " if names else ""
    classes = [(name, value) for name, value in vars(run.settings).items() if isinstance(value, str) and is_own(value)]
    sets = "".join(f" --set {quoted(f'{name}={value}')}" for name, value in classes)
    own = "".join(f" --{flag} {quoted(name)}" for flag, name in names) + sets
    yield f"Saved in {run.folder}. Next:"
    if run.stopped_by == "interrupt":
        yield f"  counterplay train {both}--resume {kept}{sets}"
    yield f"  counterplay evaluate {kept}{own}"
    yield f"  counterplay watch {kept}{own}"
    if run.stopped_by != "interrupt":
        yield f"  counterplay train {both}--resume {kept} --steps {2 * run.plan.steps}{sets}"
    yield f"  tensorboard --logdir {kept}"


def _spelled(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={_written(value)}" for name, value in settings.items())


def _is_own(name: str) -> bool:
    """Tell whether a learner's or an environment's text names what is somebody's own."""
    return is_own(name) or ENVS.imports_own(name)


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def name_for(run: Run) -> Path:
    """Return a folder's name for a run that was not kept."""
    word = "".join(c if c.isalnum() else "_" for c in run.env.partition("(")[0].rpartition(":")[2])
    return Path(f"runs/{run.name.partition('(')[0].rpartition(':')[2]}_{word}_{run.seed}")
