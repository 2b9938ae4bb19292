"""The command line: parses, calls, prints. Answers go to standard output, progress and complaints to standard error."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

import counterplay
from counterplay.agents.flags import OWN_FLAGS
from counterplay.games.holdem.flags import SPOT_FLAGS, named
from counterplay.show.terminal import INTERRUPTED, Count, answer, coloured, guarded, paint, put, put_json, width

_FIRST_STEPS = """\b
First steps:
  counterplay solve leduc --out leduc.cps
  counterplay show leduc.cps
  counterplay play leduc.cps
A team:
  counterplay train qmix climbing --out runs/climbing
  counterplay watch runs/climbing
A hold'em spot:
  counterplay solve examples/river_a.toml --out river.cps
  counterplay show river.cps --node "check bet 45"
"""


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_FIRST_STEPS)
@click.version_option(counterplay.__version__, prog_name="counterplay", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Solve imperfect-information games with a certified exploitability, and train cooperative teams."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; exit with 2 and one sentence for a mistake of the user's."""
    sys.exit(guarded(cli, arguments))


@cli.command()
@click.argument("name", required=False)
def games(name: str | None) -> None:
    """List the games, or explain one of them."""
    from counterplay.games import GAMES
    from counterplay.show import guide, listing

    if name is None:
        put(listing.entries(GAMES, width(), paint, "counterplay solve"))
        put(listing.OTHER_GAMES)
    elif name == "holdem":
        options = [p for p in solve.params if p.name in (*SPOT_FLAGS, "locks", "target", "compress", "threads")]
        flags = [(p.opts[0], p.metavar or "", p.help or "") for p in options if isinstance(p, click.Option)]
        put(guide.guide(flags, width(), paint))
    elif GAMES.reader(name) is not None:
        made = GAMES.make(name)
        put(guide.about(name, made, f"counterplay solve {listing.quoted(name)}"))
        put(listing.size_of(made))
    else:
        entry = GAMES.find(name)
        put(listing.explanation(entry, "counterplay solve", width(), paint))
        put(listing.size_of(GAMES.make(name if "(" in name else entry.examples[0])))


_GAME = "Your own game, package.module:Class, whose solution FILE is: a file holds no more than its name."
_LOCK = "Spots, of flags or a file: fix a strategy, 'check bet 30: fold 0.5, call 0.5'; may be repeated."


def _spot_flags(command: Any) -> Any:
    for name, (kind, metavar, text) in reversed(SPOT_FLAGS.items()):
        command = click.option(f"--{name}", type=kind, metavar=metavar, help=text)(command)
    return click.option("--lock", "locks", multiple=True, metavar="LOCK", help=_LOCK)(command)


@cli.command()
@click.argument("game", required=False)
@click.option(
    "--algorithm", metavar="NAME", default="auto", show_default=True, help="cfr, cfr+, dcfr, pcfr+, ..., mmd, lp."
)
@click.option("--iterations", type=int, metavar="N", help="Stop after N iterations, those of a resumed run included.")
@click.option("--target", metavar="E", help="Stop at an exploitability of E, in the game's units; spots: or 0.5%.")
@click.option("--time", type=float, metavar="S", help="Stop after S seconds.")
@click.option("--seed", type=click.IntRange(min=0), metavar="K", default=0, help="Kept with the solution.")
@click.option("--updates", metavar="ORDER", help="alternating or simultaneous.")
@click.option("--temperature", type=float, metavar="T", help="With mmd: find the quantal-response equilibrium of T.")
@click.option("--out", metavar="FILE", help="Save the solution; a long run is also saved once a minute.")
@click.option("--resume", metavar="FILE", help="Go on from a saved solution; GAME may be left out.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--compress", is_flag=True, help="Spots: half the memory, in 16-bit tables.")
@click.option("--threads", type=int, metavar="N", help="Spots: threads that share turns and rivers; all cores.")
@_spot_flags
def solve(
    game: str | None, out: str | None, resume: str | None, as_json: bool, locks: tuple[str, ...], **options: Any
) -> int:
    """Solve GAME, such as leduc or "leduc(ranks=4)", to a target, for a number of iterations or for a time.

    GAME may be a hold'em spot: a .toml file, or "holdem" with --board, --oop, --ip, --pot, --stack and --bets. Spots
    run to 0.5% of the pot unless told otherwise.

    Without any of the three, two-player zero-sum games run to an exploitability of 0.0001, others for 10,000
    iterations. Exploitability is NashConv divided by the number of players. Ctrl-C ends a run and keeps what there is.
    """
    if game is None and resume is None:
        raise ValueError("name a game to solve, such as 'counterplay solve leduc'; 'counterplay games' lists them")
    from counterplay.api.export import claims
    from counterplay.engine.store import check_writable
    from counterplay.show import pages
    from counterplay.show.solving import watching

    if out is not None:
        check_writable(Path(out))
    flags = {name: value for name in SPOT_FLAGS if (value := options.pop(name)) is not None}
    before = None if resume is None else counterplay.load(resume)
    gap = bool(options["temperature"] or (before and before.method.temperature))
    with watching(game or str(before and before.game), before.seconds if before else 0.0, gap) as watch:
        solution = counterplay.solve(
            named(game, flags, locks),
            resume=before,
            checkpoint=out,
            on_size=watch.size,
            on_tree=watch.tree,
            on_progress=watch.progress,
            **options,
        )
        watch.finish(solution.iterations, solution.seconds, solution.trace)
    if out is not None:
        solution.save(out)
    page = pages.of(solution)
    if as_json:
        put_json({**claims(solution), **page.opening(solution), "stopped_by": solution.stopped_by, "file": out})
    else:
        put(page.summary(solution, pages.STOPPED[solution.stopped_by], paint))
        put(pages.whats_next(solution, out))
    return INTERRUPTED if solution.stopped_by == "interrupt" else 0


@cli.command()
@click.argument("file")
@click.option("--node", metavar="LINE", default="", help='A line that ends a street, such as "check check".')
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def report(file: str, node: str, as_json: bool) -> None:
    """Report the next card by card, in the hold'em spot in FILE: values and the next player's actions."""
    from counterplay.api.export import claims
    from counterplay.show import pages

    solution = counterplay.load(file)
    page = pages.of(solution)
    rows = page.run_outs(solution, node)
    if as_json:
        put_json({**claims(solution), "cards": rows})
    else:
        put(page.report(solution, node, rows, paint))


def _own_flags(command: Any) -> Any:
    for name, (metavar, several, text) in reversed(OWN_FLAGS.items()):
        command = click.option(f"--{name}", metavar=metavar, multiple=several, help=f"Runs: {text}")(command)
    return command


@cli.command()
@click.argument("file", metavar="FILE|DIR")
@click.option("--against", metavar="FILE", help="Also play that solution head to head: exact expected payoffs.")
@click.option("--game", metavar="GAME", help=_GAME)
@click.option("--episodes", type=click.IntRange(min=1), metavar="N", help="Runs: episodes without exploring; 100.")
@click.option("--seed", type=click.IntRange(min=0), metavar="K", help="Runs: of these episodes; 0.")
@_own_flags
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def evaluate(file: str, against: str | None, game: str | None, as_json: bool, **of_runs: Any) -> int:
    """Measure the solution in FILE again, from the rules of its game, or play with the trained team in DIR.

    Exits with 1 if the strategy is not worth what the file says. A team plays greedily, and the mean return comes with
    a confidence interval; in a turn-based game its exploitability is measured too.
    """
    if Path(file).is_dir():
        if against is not None or game is not None:
            name = "game" if against is None else "against"
            raise ValueError(f"--{name} is for solutions of games, and {file} is the folder of a run")
        _evaluate_run(file, as_json, **of_runs)
        return 0
    for name, value in of_runs.items():
        if value not in (None, ()):
            raise ValueError(f"--{name} is for folders of runs, and {file} is a file")
    from counterplay.api.export import claims
    from counterplay.show import pages

    solution = counterplay.load(file, game)
    payoffs = () if against is None else solution.against(counterplay.load(against, game))
    judged, page = solution.judge(), pages.of(solution)
    if as_json:
        head = pages.head_to_head(payoffs, against) if against is not None else {}
        put_json({"file": file, **claims(solution), **page.measured(solution, judged), **head})
    else:
        put(page.judgement(solution, judged, paint))
        put(pages.duel(payoffs, file, against) if against is not None else [])
    return 0 if page.holds(solution, judged) else 1


@cli.command()
@click.argument("file")
@click.option("--infoset", metavar="TEXT", help="Only rows with this text in the hand, the history or the label.")
@click.option("--player", type=int, metavar="P", help="Only this player, counted from 0; spots: whose hands.")
@click.option(
    "--limit", type=click.IntRange(min=0), metavar="N", default=40, show_default=True, help="Rows a player; 0 for all."
)
@click.option("--node", metavar="LINE", help='Spots: a line of play, "check bet 30", "check check [Ah]".')
@click.option("--hands", metavar="RANGE", help='Spots: list the combos of these hands, "AA,KQs".')
@click.option("--combos", type=click.IntRange(min=0), metavar="N", default=20, help="Spots: combos listed; 0 for all.")
@click.option("--game", metavar="GAME", help=_GAME)
def show(file: str, game: str | None, **wanted: Any) -> None:
    """Show the strategy in FILE: a table for each history, a row for each hand; a grid for push or fold.

    Of a hold'em spot it shows one decision: what both ranges are worth, a grid of hands, and combos.
    """
    from counterplay.show import pages

    solution = counterplay.load(file, game)
    page = pages.Page(**wanted, width=width(), paint=paint, coloured=coloured())
    put(pages.of(solution).strategy(solution, page))


@cli.command()
@click.argument("file")
@click.option("--to", "kind", type=click.Choice(["csv", "json"]), required=True, help="The format.")
@click.option("--out", metavar="FILE", help="Write there; otherwise to standard output.")
@click.option("--node", metavar="LINE", help="Spots: the line of play whose decision is exported; the first one.")
@click.option("--player", type=int, metavar="P", help="Only this player's; spots: 0 OOP's or 1 IP's, or who acts.")
def export(file: str, kind: str, out: str | None, node: str | None, player: int | None) -> None:
    """Export the strategy in FILE: the probability of every action, for each information set and hand.

    Of a hold'em spot it is one decision: weight, EV, equity and strategy of each combo.
    """
    text = counterplay.load(file).export(kind, line=node, player=player)
    if out is None:
        click.echo(text, nl=False)
        return
    from counterplay.engine.store import write_text

    write_text(Path(out), text)


@cli.command()
@click.argument("file")
@click.option("--seat", type=int, metavar="P", help="Always sit there, counted from 0; otherwise seats rotate.")
@click.option("--seed", type=click.IntRange(min=0), metavar="K", help="Of the deal and of the solution's choices.")
@click.option("--hands", type=click.IntRange(min=1), metavar="N", help="Stop after N hands.")
@click.option("--game", metavar="GAME", help=_GAME)
def play(file: str, seat: int | None, seed: int | None, hands: int | None, game: str | None) -> None:
    """Play against the solution in FILE, in the terminal.

    Type an action or the beginning of its name; q leaves. After a hand, ? shows what the solution held and thought.
    """
    import numpy as np

    from counterplay.show import pages
    from counterplay.show.play import Session, play_session
    from counterplay.show.text import check_player

    solution = counterplay.load(file, game)
    opponent = pages.of(solution).opponent(solution)
    check_player(seat, len(opponent.policy.names))
    click.echo(f"{solution.game}: q leaves, ? after a hand shows what the solution held and thought.{opponent.intro}")
    play_session(Session(opponent, click.echo, answer, paint), solution.best, seat, hands, np.random.default_rng(seed))


@cli.command()
@click.argument("name", required=False)
def learners(name: str | None) -> None:
    """List the learners, or explain one of them."""
    from counterplay.agents import LEARNERS, find
    from counterplay.show import listing

    if name is not None:
        put(_run_pages().settings(find(name), paint, width()))
        return
    put(listing.learners(LEARNERS, paint))
    click.echo("\n'counterplay learners NAME' lists what can be set of one.")


@cli.command()
@click.argument("name", required=False)
def envs(name: str | None) -> None:
    """List the environments, or explain one of them."""
    from counterplay.games.envs import ENVS
    from counterplay.show import listing

    if name is not None:
        put(listing.explanation(ENVS.find(name), "counterplay train LEARNER", width(), paint))
        return
    put(listing.entries(ENVS, width(), paint))
    put(listing.OTHER_ENVS)


@cli.command(add_help_option=False)
@click.argument("learner", required=False)
@click.argument("env", required=False)
@click.option("--steps", type=Count(), metavar="N", help="Environment steps in all; 200000 unless told otherwise.")
@click.option("--seed", type=click.IntRange(min=0), metavar="K", help="Of everything that is random; 0.")
@click.option("--set", "sets", multiple=True, metavar="NAME=VALUE", help="A setting of the learner; as many as wanted.")
@click.option("--out", metavar="DIR", help="Keep the run there: checkpoints, metrics.jsonl, TensorBoard's events.")
@click.option("--resume", metavar="DIR", help="Go on with the run in that folder; LEARNER and ENV may be left out.")
@click.option(
    "--test-every", type=Count(), metavar="N", help="Steps between tests without exploring; a fortieth of all."
)
@click.option("--test-episodes", type=Count(), metavar="N", help="Episodes of such a test; 32.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--help", "-h", "asks", is_flag=True, help="Show this, and of LEARNER its settings.")
def train(
    learner: str | None,
    env: str | None,
    sets: tuple[str, ...],
    resume: str | None,
    as_json: bool,
    asks: bool,
    **more: Any,
) -> int:
    """Train LEARNER, such as qmix, in ENV, such as climbing or "foraging(size=8, players=2)".

    'counterplay learners' and 'counterplay envs' list both. Ctrl-C ends a run and keeps what there is.
    """
    from counterplay.agents import find

    choice = None if learner is None else find(learner)
    if asks:
        about = [] if choice is None else ["", *_run_pages().settings(choice, paint, width())]
        put([click.get_current_context().get_help(), *about])
        return 0
    if resume is None and (learner is None or env is None):
        raise ValueError("name a learner and an environment, as in: train qmix climbing; --help LEARNER lists settings")
    from counterplay.api.runs import settings_of

    more |= {name: values[0] for name, values in settings_of(sets, several=False).items()}
    pages = _run_pages()
    from counterplay.show.training import watching

    with watching(f"{learner} {env}" if resume is None else resume) as watch:
        run = counterplay.train(learner, env, resume=resume, on_row=watch.row, **more)
    if as_json:
        put_json({**pages.figures(run), **pages.last_test(run)})
    else:
        put(pages.summary(run, paint))
        click.echo()
        put(pages.whats_next(run))
    return INTERRUPTED if run.stopped_by == "interrupt" else 0


@cli.command()
@click.argument("learners")
@click.argument("env")
@click.option("--out", metavar="DIR", required=True, help="Where all runs are kept, the table and the figure.")
@click.option("--seeds", type=Count(), metavar="N", default=5, show_default=True, help="Runs of each, from 0 on.")
@click.option("--steps", type=Count(), metavar="N", help="Environment steps of each run; 200000.")
@click.option("--set", "sets", multiple=True, metavar="NAME=A,B,...", help="A setting, and the values to try.")
@click.option("--workers", type=Count(), metavar="N", help="Runs at a time; one a core.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def sweep(learners: str, env: str, out: str, sets: tuple[str, ...], as_json: bool, **options: Any) -> int:
    """Train LEARNERS, such as qmix,vdn, in ENV over seeds and settings, on the machine's cores.

    Ends with a table and a figure of learning curves with confidence bands. Started again, it leaves finished runs as
    they are and goes on with the others; Ctrl-C keeps what there is.
    """
    from counterplay.api.runs import settings_of
    from counterplay.engine.spec import split

    names, settings = split(learners), settings_of(sets, several=True)
    from counterplay.show.training import watching_sweep

    with watching_sweep() as live:
        found = counterplay.sweep(names, env, out=out, settings=settings, on_progress=live.progress, **options)
    from counterplay.agents.curves import figures
    from counterplay.show import chart

    kept = Path(out) / "curves.png"
    if as_json:
        put_json({"env": env, "folder": out, "figure": str(kept), "results": figures(found)})
    else:
        put([*chart.lines(found, paint), "", f"Curves with confidence bands: {kept}"] if found else [])
    if not live.whole:
        click.echo("Interrupted; the same command goes on.", err=True)
        return INTERRUPTED
    return 0


def _run_pages() -> Any:
    """Return the module of runs' pages; raises `ValueError` where PyTorch is missing."""
    from counterplay.agents import module

    module("run")
    from counterplay.show import run_pages

    return run_pages


def _evaluate_run(folder: str, as_json: bool, episodes: int | None, seed: int | None, **own: Any) -> None:
    """Tell what the team in a folder, or each variant of a sweep, is worth."""
    pages, episodes, seed = _run_pages(), episodes or 100, seed or 0
    from counterplay.api import evaluation

    if variants := evaluation.variants(folder):
        from counterplay.agents.curves import figures
        from counterplay.show import chart

        curves = evaluation.evaluate_sweep(variants, episodes, seed, **own)
        if as_json:
            put_json({"folder": folder, "played": episodes, "results": figures(curves)})
            return
        click.echo(f"{folder}: {episodes} episodes of each run without exploring; the interval is over seeds\n")
        put(chart.lines(curves, paint))
        return
    run = evaluation.load_named(folder, **own)
    score = run.evaluate(episodes, seed)
    judged = evaluation.judged(run)
    if as_json:
        put_json(pages.evaluation_figures(run, score, judged))
    else:
        put(pages.evaluation(run, score, judged, paint))


@cli.command("watch")
@click.argument("folder", metavar="DIR")
@click.option("--seed", type=click.IntRange(min=0), metavar="K", default=0, help="Of the episode.")
@click.option(
    "--delay", type=click.FloatRange(min=0), metavar="S", default=0.4, show_default=True, help="A step's time."
)
@click.option("--gif", metavar="FILE", help="Write an animated picture there instead.")
@_own_flags
def watch_run(folder: str, seed: int, delay: float, gif: str | None, **own: Any) -> None:
    """Watch the team in DIR play an episode, without exploring: in the terminal, or as a GIF."""
    from counterplay.engine.store import check_writable

    if gif is not None:
        check_writable(Path(gif))
    from counterplay.api.evaluation import load_named
    from counterplay.show import film

    run = load_named(folder, **own)
    if gif is None:
        film.show(film.frames(run, seed), delay)
        return
    shots = list(film.frames(run, seed))
    film.write_gif(shots, Path(gif), delay)
    click.echo(f"{len(shots)} frames in {gif}")


if __name__ == "__main__":
    main()
