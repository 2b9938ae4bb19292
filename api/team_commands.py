"""The command line's half for teams: learners, envs, train, sweep, and evaluating what was trained."""

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

import counterplay
from counterplay.agents.flags import OWN_FLAGS
from counterplay.engine.catalogue import is_own
from counterplay.engine.errors import NotSaved, UserError
from counterplay.engine.system import interrupts
from counterplay.show.terminal import Count, paint, put, put_json, width

PRESET = click.option(
    "--preset",
    metavar="NAME",
    help="What is not set is as this preset has it, by default ENV's own; 'none': the learner's defaults.",
)


WANDB = click.option(
    "--wandb", metavar="PROJECT", help="Send rows to Weights & Biases too; WANDB_MODE=offline keeps them."
)


DEVICE = click.option(
    "--device",
    metavar="WHERE",
    default="auto",
    show_default=True,
    help="Where networks run: cpu, cuda, or auto, a GPU where there is one.",
)


def own_flags(command: Any) -> Any:
    for name, (metavar, several, text) in reversed(OWN_FLAGS.items()):
        command = click.option(f"--{name}", metavar=metavar, multiple=several, help=f"Runs: {text}")(command)
    return command


@click.command()
@click.argument("name", required=False)
def learners(name: str | None) -> None:
    """List the learners, or explain one of them."""
    from counterplay.agents import LEARNERS, find
    from counterplay.show import listing

    if name is not None:
        choice = find(name)
        pages = run_pages()
        put([*pages.settings(choice, paint, width()), *pages.presets(choice, paint, width())])
        return
    put(listing.learners(LEARNERS, paint))
    click.echo("\n'counterplay learners NAME' lists what can be set of one.")


@click.command()
@click.argument("name", required=False)
def presets(name: str | None) -> None:
    """List the settings of papers with their sources, or explain one preset."""
    put([*run_pages().papers(paint, width(), name)][:-1])
    if name is None:
        click.echo("\n'counterplay learners NAME' has the presets of a learner, --preset NAME takes one.")


@click.command()
@click.argument("name", required=False)
def envs(name: str | None) -> None:
    """List the environments, or explain one of them."""
    from counterplay.games.envs import ENVS
    from counterplay.show import listing

    if name is not None:
        made = ENVS.make(name) if "(" in name or name not in ENVS.names else None  # what is none is refused first
        if name.partition("(")[0].strip() in ENVS.names or is_own(name):
            put(listing.explanation(ENVS.find(name), "counterplay train LEARNER", width(), paint))
        else:
            put(listing.task(name, made, paint))
        return
    put(listing.entries(ENVS, width(), paint))
    put(listing.OTHER_ENVS)


@click.command(add_help_option=False)
@click.argument("learner", required=False)
@click.argument("env", required=False)
@click.option("--steps", type=Count(), metavar="N", help="Environment steps in all; the preset's, or 200000.")
@click.option("--seed", type=click.IntRange(min=0), metavar="K", help="Of everything that is random; 0.")
@click.option("--set", "sets", multiple=True, metavar="NAME=VALUE", help="A setting of the learner; as many as wanted.")
@PRESET
@click.option("--out", metavar="DIR", help="Keep the run there: checkpoints, metrics.jsonl, TensorBoard's events.")
@click.option("--resume", metavar="DIR", help="Go on with the run in that folder; LEARNER and ENV may be left out.")
@click.option("--config", metavar="FILE|DIR", help="Repeat the run of that run.json; what else is given comes first.")
@click.option("--init-from", metavar="DIR", help="Begin with the networks of the run in that folder.")
@click.option(
    "--test-every", type=Count(), metavar="N", help="Steps between tests without exploring; a fortieth of all."
)
@click.option("--test-episodes", type=Count(), metavar="N", help="Episodes of such a test; 32.")
@click.option(
    "--replay/--no-replay", "keep_replay", default=None, help="Keep the replay too, to resume bit for bit; it is kept."
)
@click.option(
    "--against",
    metavar="SIDE",
    multiple=True,
    help="Who takes all seats but one: FILE, DIR, uniform, bot:NAME, your function; each episode draws one of several.",
)
@click.option("--seat", type=click.IntRange(min=0), metavar="K", help="The seat left open then; each in turn.")
@click.option("--past-every", type=Count(), metavar="N", help="Steps between past selves that are kept, in DIR/past.")
@WANDB
@DEVICE
@click.option("--processes", type=Count(), metavar="K", help="Processes that train the run together, here; 1.")
@click.option(
    "--compress", metavar="HOW", help="What they send each other: powersgd compresses gradients; none leaves them."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option(
    "--help", "-h", "asks", is_flag=True, help="Show this, and of LEARNER its settings, those in ENV if given."
)
def train(
    learner: str | None,
    env: str | None,
    sets: tuple[str, ...],
    resume: str | None,
    as_json: bool,
    asks: bool,
    against: tuple[str, ...],
    **more: Any,
) -> int:
    """Train LEARNER, such as qmix, in ENV, such as climbing or "foraging(size=8, players=2)".

    'counterplay learners' and 'counterplay envs' list both. Ctrl-C ends a run and keeps what there is.
    """
    from counterplay.agents import find
    from counterplay.api.company import beside
    from counterplay.api.runs import check_order, settings_of

    if learner is not None:
        check_order(learner, env)
    choice = None if learner is None else find(learner)
    if asks:
        about = [] if choice is None else ["", *_about(choice, env, more["preset"])]
        put([*click.get_current_context().get_help().splitlines(), *about])
        return 0
    if resume is None and more["config"] is None and (learner is None or env is None):
        raise UserError("name a learner and an environment, as in: train qmix climbing; --help LEARNER lists settings")
    more |= {name: values[0] for name, values in settings_of(sets, several=False).items()}
    pages = run_pages()
    from counterplay.show.training import watching

    failure = None
    with interrupts() as stop:  # until all is said
        with nullcontext() if beside() else watching(resume or more["config"] or f"{learner} {env}") as watch:
            told = None if watch is None else watch.row
            try:
                run = counterplay.train(learner, env, resume=resume, on_row=told, against=against or None, **more)
            except NotSaved as error:
                run, failure = error.result, error
        if beside():  # the first process tells
            return stop.code
        if as_json:
            put_json({**pages.figures(run), **pages.last_test(run)})
        else:
            put(pages.summary(run, paint))
            click.echo()
            put(pages.whats_next(run))
    if failure is not None:
        raise failure
    return stop.code


def _about(choice: Any, env: str | None, preset: str | None) -> list[str]:
    """Return a learner's settings as lines: those in an environment, or its defaults and presets."""
    from counterplay.api.runs import preset_in

    pages = run_pages()
    if env is None and preset is None:
        return [*pages.settings(choice, paint, width()), *pages.presets(choice, paint, width())]
    return list(pages.settings(choice, paint, width(), preset_in(choice, env, preset)))


@click.command()
@click.argument("learners")
@click.argument("env", metavar="ENVS")
@click.option("--out", metavar="DIR", required=True, help="Where all runs are kept, the table and the figure.")
@click.option("--seeds", type=Count(), metavar="N", help="Runs of each, from 0 on: 5, of a search's trials 1.")
@click.option(
    "--steps", type=Count(), metavar="N", help="Environment steps of each run; the longest preset's, or 200000."
)
@click.option("--set", "sets", multiple=True, metavar="NAME=A,B,...", help="A setting, and the values to try.")
@PRESET
@click.option("--workers", type=Count(), metavar="N", help="Runs at a time; one a core.")
@click.option("--test-every", type=Count(), metavar="N", help="Steps between a run's tests; a fortieth of all.")
@click.option("--test-episodes", type=Count(), metavar="N", help="Episodes of such a test; 32.")
@click.option("--slurm", metavar="FILE", help="Run nothing: write a script there whose array of jobs are the runs.")
@click.option("--only", type=click.IntRange(min=0), metavar="K", help="Do the run of that number alone, from 0 on.")
@click.option("--ray", metavar="ADDRESS", help="A Ray cluster does the runs; 'local': one that is started here.")
@click.option("--search", "trials", type=Count(), metavar="N", help="Look for settings by so many trials (Optuna).")
@click.option("--over", multiple=True, metavar="NAME=A,B,...", help="Which: values, LOW:HIGH, or LOW:HIGH:log.")
@WANDB
@DEVICE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def sweep(
    learners: str,
    env: str,
    out: str,
    sets: tuple[str, ...],
    as_json: bool,
    trials: int | None,
    over: tuple[str, ...],
    slurm: str | None,
    **options: Any,
) -> int:
    """Train LEARNERS, such as qmix,vdn, in ENVS over seeds and settings, on the machine's cores.

    Ends with a table and a figure of learning curves with bands over seeds. Started again, it leaves finished runs as
    they are and goes on with the others; Ctrl-C keeps what there is. With --search it tries settings that do better
    and better, and ends with the best ones as a command.
    """
    from counterplay.api.runs import settings_of
    from counterplay.engine.spec import split

    options = {name: value for name, value in options.items() if value is not None or name in ("seeds", "only")}
    only = options.pop("only")
    if trials is not None:
        for name, given in (("slurm", slurm), ("only", only)):
            if given is not None:
                raise UserError(f"--{name} is for sweeps, and a search proposes runs by what others came to")
        return _search(split(learners), env, out, sets, as_json, trials, over, options)
    if over:
        raise UserError("--over is for a search: give --search N too, or --set for all combinations of values")
    names, settings, envs = split(learners), settings_of(sets, several=True), split(env)
    where: Any = envs if len(envs) > 1 else env
    options["seeds"] = options["seeds"] or 5
    if slurm is not None:
        return _slurm(slurm, names, where, out, settings, options)
    from counterplay.show.training import watching_sweep

    failure = None
    with interrupts() as stop, watching_sweep() as live:
        try:
            more = {**options, "only": only, "on_progress": live.progress}
            found = counterplay.sweep(names, where, out=out, settings=settings, **more)
        except NotSaved as error:
            found, failure = error.result, error
    from counterplay.agents.curves import figures
    from counterplay.show import chart

    kept = Path(out) if len(envs) > 1 else Path(out) / "curves.png"
    if as_json:
        put_json({"env": env, "folder": out, "figure": str(kept), "results": figures(found)})
    elif found:
        for name in dict.fromkeys(curve.env for curve in found):
            put([*([name] if name else []), *chart.lines([c for c in found if c.env == name], paint), ""])
        put([f"Learning curves: {kept}"] if only is None else [])
    if stop():
        click.echo("Interrupted; the same command goes on.", err=True)
    if failure is not None:
        raise failure
    return stop.code


def _slurm(
    file: str, learners: list[str], env: Any, out: str, settings: dict[str, list[object]], options: dict[str, Any]
) -> int:
    """Write the script of a sweep's array of jobs, and tell how it is used."""
    from counterplay.api.slurm import script
    from counterplay.api.sweep import jobs_of
    from counterplay.engine.writing import check_writable, make_folder, write_text

    check_writable(Path(file))
    if Path(file).is_file() and b"#SBATCH --job-name=counterplay" not in Path(file).read_bytes()[:1000]:
        raise UserError(f"{file} is there, and no script of a sweep: give the script another name")
    jobs = jobs_of(learners, env, out, settings=settings, **{k: v for k, v in options.items() if k not in _PLACES})
    make_folder(Path(out))  # where Slurm writes what jobs say
    context = click.get_current_context()
    write_text(Path(file), script(context.command, context.params, jobs, Path(out)))
    click.echo(f"{file}: an array of {len(jobs)} jobs, a run each. Next:")
    click.echo(f"  sbatch {file}")
    click.echo("Submitted again it goes on with what is missing; this command without --slurm then tells the results.")
    return 0


_PLACES = ("workers", "ray")  # where runs are done, which is none of theirs


def _search(
    learners: list[str],
    env: str,
    out: str,
    sets: tuple[str, ...],
    as_json: bool,
    trials: int,
    over: tuple[str, ...],
    options: dict[str, Any],
) -> int:
    """Look for settings, and tell the best."""
    from counterplay.api.runs import settings_of
    from counterplay.api.search import figures, space_of
    from counterplay.show import chart
    from counterplay.show.training import watching_sweep

    if len(learners) != 1:
        raise UserError(f"a search is for one learner, not {len(learners)}")
    space, options = space_of(over), {**options, "seeds": options["seeds"] or 1}
    if not space:
        raise UserError("--search needs settings to look for, such as --over lr=1e-4:1e-2:log --over hidden=32,64")
    fixed = {name: values[0] for name, values in settings_of(sets, several=False).items()}
    with interrupts() as stop, watching_sweep() as live:
        found = counterplay.search(
            learners[0], env, space, out=out, trials=trials, on_progress=live.progress, **{**options, **fixed}
        )
    if as_json:
        put_json({"folder": out, **figures(found)})
    else:
        put(list(chart.trials(found, paint)))
    if stop():
        click.echo("Interrupted; the same command goes on.", err=True)
    return stop.code


def run_pages() -> Any:
    """Return the module of runs' pages; raises `ValueError` where PyTorch is missing."""
    from counterplay.agents import module

    module("run")
    from counterplay.show import run_pages

    return run_pages


def evaluate_run(
    folder: str, as_json: bool, episodes: int | None, seed: int | None, against: str | None, **own: Any
) -> None:
    """Tell what the team in a folder, or each variant of a sweep, is worth, and what it earns against another."""
    pages, episodes, seed = run_pages(), episodes or 100, seed or 0
    from counterplay.api import evaluation

    if variants := evaluation.variants(folder):
        if against is not None:
            raise UserError(f"--against is for a run, and {folder} is the folder of a sweep")
        from counterplay.agents.curves import figures
        from counterplay.show import chart

        curves = evaluation.evaluate_sweep(variants, episodes, seed, **own)
        if as_json:
            put_json({"folder": folder, "played": episodes, "results": figures(curves)})
            return
        click.echo(f"{folder}: {episodes} episodes of each run without exploring; the band is over seeds\n")
        put(chart.lines(curves, paint))
        return
    run = evaluation.load_named(folder, **own)
    score = run.evaluate(episodes, seed)
    judged, won = evaluation.judged(run), evaluation.winnings(run, episodes, seed)
    met = None if against is None else evaluation.against(run, against, episodes, seed)
    if as_json:
        put_json(pages.evaluation_figures(run, score, judged, won, met))
    else:
        put(pages.evaluation(run, score, judged, paint, won, met))


def export_run(file: str, kind: str, out: str | None, others: Mapping[str, Any], **own: Any) -> None:
    """Write the run in a folder as others serve it, and tell what was compared."""
    run_pages()
    if not Path(file).is_dir():
        raise UserError(f"{kind} is a format of runs, and {file} is no folder of one: solutions go to csv or json")
    if kind in ("csv", "json"):
        raise UserError(f"{file} is a folder, and runs go to onnx, torchscript or safetensors, not {kind}")
    if out is None:
        raise UserError(f"--to {kind} writes a file: name it, such as --out team.{kind[:4].lower()}")
    for name in (name for name, value in others.items() if value is not None):
        raise UserError(f"--{name} is for solutions, and {file} is a run")
    from counterplay.api.evaluation import load_named

    made = load_named(file, **own).export(out, kind)
    click.echo(f"{out}: {', '.join(made.inputs)} -> {', '.join(made.outputs)}")
    click.echo(
        f"Beside the run on {made.compared:,} observations that it had not seen it differs by {made.apart:.2g} at most."
    )


COMMANDS = (learners, presets, envs, train, sweep)
