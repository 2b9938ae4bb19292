"""The command line: parses, calls, prints. Answers go to standard output, progress and complaints to standard error."""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

import counterplay

INTERRUPTED = 130  # as the shell says it of Ctrl-C


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
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without bars and dots shows question marks
    code = 0
    try:
        code = cli.main(arguments, prog_name="counterplay", standalone_mode=False) or 0
        sys.stdout.flush()
    except click.ClickException as error:
        code = _complain(error.format_message())
    except ValueError as error:
        code = _complain(str(error))
    except (click.Abort, KeyboardInterrupt):
        click.echo("\ncounterplay: interrupted", err=True)
        code = INTERRUPTED
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    sys.exit(code)


def _complain(message: str) -> int:
    click.echo(f"counterplay: {' '.join(message.split())}", err=True)
    return 2


def _width() -> int:
    return min(shutil.get_terminal_size().columns, 120) if sys.stdout.isatty() else 100


def _style(text: str, **style: Any) -> str:
    """Return the text styled where standard output is a terminal that wants colour."""
    return click.style(text, **style) if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else text


def _print_json(data: dict[str, Any]) -> None:
    click.echo(json.dumps(data, ensure_ascii=False))


@cli.command()
@click.argument("name", required=False)
def games(name: str | None) -> None:
    """List the games, or explain one of them."""
    from counterplay.games import GAMES
    from counterplay.show import guide, listing

    if name is None:
        _print(listing.entries(GAMES, _width(), _paint, "counterplay solve"))
        click.echo("\nGames of OpenSpiel go by openspiel:NAME, such as openspiel:tiny_hanabi;")
        click.echo("Gambit files (.efg, .nfg), payoff files (.toml) and hold'em spots (.toml) go by their path,")
        click.echo("and a game of your own by package.module:Class.")
        click.echo("'counterplay games NAME' explains a game.")
    elif name == "holdem":
        options = [p for p in solve.params if p.name in (*_SPOT_FLAGS, "locks", "target", "compress", "threads")]
        flags = [(p.opts[0], p.metavar or "", p.help or "") for p in options if isinstance(p, click.Option)]
        _print(guide.guide(flags, _width(), _paint))
    elif GAMES.reader(name) is not None:
        _print(guide.about(name, GAMES.make(name), f"counterplay solve {listing.quoted(name)}"))
    else:
        _print(listing.explanation(GAMES.find(_bare(name)), "counterplay solve", _width(), _paint))


def _bare(name: str) -> str:
    return name.partition("(")[0].strip()


_SPOT_FLAGS = {
    "board": (str, "CARDS", 'With "solve holdem": three to five cards, "Ks 9d 4c 7h 2s"; "" before the flop.'),
    "oop": (str, "RANGE", 'Hands of the player out of position, "TT+,AKs,KQo:0.5".'),
    "ip": (str, "RANGE", "Hands of the player in position."),
    "pot": (int, "CHIPS", "Chips in the middle."),
    "stack": (int, "CHIPS", "Chips behind, of each player."),
    "bets": (str, "SIZES", 'Sizes of bets, "33%,75%,all-in"; "none" for none.'),
    "raises": (str, "SIZES", "Sizes of raises, if not those of bets."),
    "leads": (str, "SIZES", "Sizes of bets out of position into the last aggressor."),
    "limit": (str, "CHIPS", "Limit poker: the bet, or one for each street (from the flop, if there is a board)."),
    "rake": (str, "RAKE", 'Per cent of the pot, and a cap in chips: "5%,3".'),
    "variant": (str, "NAME", "holdem, short (six-plus) or royal (twenty cards, ten to ace)."),
    "last": (str, "STREET", "The street that ends the game: flop, turn or river."),
    "blinds": (str, "CHIPS", 'Before the flop: the small blind, of the player in position, and the big one, "1,2".'),
}
_GAME = "Your own game, package.module:Class, whose solution FILE is: a file holds no more than its name."
_LOCK = "Spots, of flags or a file: fix a strategy, 'check bet 30: fold 0.5, call 0.5'; may be repeated."


def _spot_flags(command: Any) -> Any:
    for name, (kind, metavar, text) in reversed(_SPOT_FLAGS.items()):
        command = click.option(f"--{name}", type=kind, metavar=metavar, help=text)(command)
    return click.option("--lock", "locks", multiple=True, metavar="LOCK", help=_LOCK)(command)


@cli.command()
@click.argument("game", required=False)
@click.option(
    "--algorithm", metavar="NAME", default="auto", show_default=True, help="cfr, cfr+, dcfr, pcfr+, ..., mmd, lp."
)
@click.option("--iterations", type=int, metavar="N", help="Stop after N iterations, those of a resumed run included.")
@click.option("--target", metavar="E", help="Stop at an exploitability of E, in the game's units; spots: or 0.5%.")
@click.option("--time", "seconds", type=float, metavar="S", help="Stop after S seconds.")
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
    game: str | None,
    algorithm: str,
    iterations: int | None,
    target: str | None,
    seconds: float | None,
    seed: int,
    updates: str | None,
    temperature: float | None,
    out: str | None,
    resume: str | None,
    as_json: bool,
    compress: bool,
    threads: int | None,
    locks: tuple[str, ...],
    **flags: Any,
) -> int:
    """Solve GAME, such as leduc or "leduc(ranks=4)", to a target, for a number of iterations or for a time.

    GAME may be a hold'em spot: a .toml file, or "holdem" with --board, --oop, --ip, --pot, --stack and --bets. Spots
    run to 0.5% of the pot unless told otherwise.

    Without any of the three, two-player zero-sum games run to an exploitability of 0.0001, others for 10,000
    iterations. Exploitability is NashConv divided by the number of players. Ctrl-C ends a run and keeps what there is.
    """
    if game is None and resume is None:
        raise ValueError("name a game to solve, such as 'counterplay solve leduc'; 'counterplay games' lists them")
    if out is not None:
        _check_writable(Path(out))
    from counterplay.api.export import claims
    from counterplay.games import GAMES
    from counterplay.games.holdem.named import from_command_line
    from counterplay.show import pages
    from counterplay.show.solving import watching

    given = game == "holdem" or locks or any(value is not None for value in flags.values())
    made = from_command_line(game, flags, locks) if given else None if game is None else GAMES.make(_checked(game))
    before = None if resume is None else counterplay.load(resume)
    gap = bool(temperature or (before and before.method.temperature))
    with watching(game or str(before and before.game), before.seconds if before else 0.0, gap) as watch:
        solution = counterplay.solve(
            made,
            algorithm,
            iterations=iterations,
            target=target,
            time=seconds,
            seed=seed,
            updates=updates,
            temperature=temperature,
            compress=compress,
            threads=threads,
            resume=before,
            checkpoint=out,
            on_memory=watch.memory,
            on_tree=watch.tree,
            on_progress=watch.progress,
        )
        watch.finish(solution.iterations, solution.seconds, solution.trace)
    if out is not None:
        solution.save(out)
    page = pages.of(solution)
    if as_json:
        _print_json({**claims(solution), "stopped_by": solution.stopped_by, "file": out})
    else:
        _print(page.summary(solution, pages.STOPPED[solution.stopped_by], _paint))
        _print(pages.whats_next(solution, out))
    return INTERRUPTED if solution.stopped_by == "interrupt" else 0


def _checked(game: str) -> str:
    """Return what is to be solved; raises `ValueError` for a solution."""
    if game.strip().lower().endswith(".cps"):
        raise ValueError(
            f"{game} is a solution, not a game: --resume {game} goes on with it, 'counterplay show' shows it"
        )
    return game


def _check_writable(path: Path) -> None:
    """Raise `ValueError` unless a file can be written there, before a run that would be lost."""
    if path.is_dir():
        raise ValueError(f"cannot write {path}: it is a folder; name a file in it")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror or error}") from None


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


def _coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _paint(text: str, colour: int) -> str:
    """Style text as `show.text.Paint` says, where standard output is a terminal that wants colour."""
    from counterplay.show.text import DIM, HEADING

    if colour >= 0:
        from counterplay.show.grid import COLOURS

        return _style(text, fg=16, bg=COLOURS[colour])
    return _style(text, bold=colour == HEADING, dim=colour == DIM)


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
        _print_json({**claims(solution), "cards": rows})
    else:
        _print(page.report(solution, node, rows, _paint))


@cli.command()
@click.argument("file", metavar="FILE|DIR")
@click.option("--against", metavar="FILE", help="Also play that solution head to head: exact expected payoffs.")
@click.option("--game", metavar="GAME", help=_GAME)
@click.option("--episodes", type=click.IntRange(min=1), metavar="N", help="Runs: episodes without exploring; 100.")
@click.option("--seed", type=click.IntRange(min=0), metavar="K", help="Runs: of these episodes; 0.")
@click.option("--env", metavar="ENV", help="Runs: your own environment, package.module:Class, that DIR is of.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def evaluate(
    file: str,
    against: str | None,
    game: str | None,
    episodes: int | None,
    seed: int | None,
    env: str | None,
    as_json: bool,
) -> int:
    """Measure the solution in FILE again, from the rules of its game, or play with the trained team in DIR.

    Exits with 1 if the strategy is not worth what the file says. A team plays greedily, and the mean return comes with
    a confidence interval; in a turn-based game its exploitability is measured too.
    """
    if Path(file).is_dir():
        if against is not None or game is not None:
            name = "game" if against is None else "against"
            raise ValueError(f"--{name} is for solutions of games, and {file} is the folder of a run")
        _evaluate_run(file, env, episodes or 100, seed or 0, as_json)
        return 0
    for name, value in (("episodes", episodes), ("seed", seed), ("env", env)):
        if value is not None:
            raise ValueError(f"--{name} is for folders of runs, and {file} is a file")
    from counterplay.api.export import claims
    from counterplay.show import pages

    solution = counterplay.load(file, game)
    payoffs = () if against is None else solution.against(counterplay.load(against, game))
    judged, page = solution.judge(), pages.of(solution)
    if as_json:
        head = pages.head_to_head(payoffs, against) if against is not None else {}
        _print_json({"file": file, **claims(solution), **page.measured(solution, judged), **head})
    else:
        _print(page.judgement(solution, judged, _paint))
        _print(pages.duel(payoffs, file, against) if against is not None else [])
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
    page = pages.Page(**wanted, width=_width(), paint=_paint, coloured=_coloured())
    _print(pages.of(solution).strategy(solution, page))


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
    _check_writable(Path(out))
    from counterplay.engine.store import write_atomic

    try:
        write_atomic(Path(out), text.encode())
    except OSError as error:
        raise ValueError(f"cannot write {out}: {error.strerror or error}") from None


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
    from counterplay.show.play import Table, session
    from counterplay.show.text import check_player

    solution = counterplay.load(file, game)
    opponent = pages.of(solution).opponent(solution)
    check_player(seat, len(opponent.policy.names))
    click.echo(f"{solution.game}: q leaves, ? after a hand shows what the solution held and thought.{opponent.intro}")
    session(Table(opponent, click.echo, _answer, _paint), solution.best, seat, hands, np.random.default_rng(seed))


def _answer(prompt: str) -> str:
    """Ask for a line; raises `EOFError` at the end of input."""
    click.echo(prompt, nl=False)
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    if not sys.stdin.isatty():
        click.echo()
    return line.strip().lower()


@cli.command()
@click.argument("name", required=False)
def learners(name: str | None) -> None:
    """List the learners, or explain one of them."""
    from counterplay.agents import LEARNERS, find
    from counterplay.show import listing

    if name is not None:
        _print(_run_pages().settings(find(name), _paint, _width()))
        return
    _print(listing.learners(LEARNERS, _paint))
    click.echo("\n'counterplay learners NAME' lists what can be set of one.")


@cli.command()
@click.argument("name", required=False)
def envs(name: str | None) -> None:
    """List the environments, or explain one of them."""
    from counterplay.games.envs import ENVS
    from counterplay.show import listing

    if name is not None:
        _print(listing.explanation(ENVS.find(_bare(name)), "counterplay train LEARNER", _width(), _paint))
        return
    _print(listing.entries(ENVS, _width(), _paint))
    click.echo("\nEvery turn-based game is one too ('counterplay games'): its players are the agents. So is every")
    click.echo("parallel environment of PettingZoo: pettingzoo:mpe2.simple_spread_v3(N=3), and one of your own is")
    click.echo("named package.module:Class.")
    click.echo("'counterplay envs NAME' explains one.")


class _Count(click.ParamType[int]):
    """A number of things; 2e6 is one too."""

    name = "integer"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        from counterplay.engine.spec import literal

        number = literal(str(value))
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            self.fail(f"{value!r} is not a whole number of 1 or more.", param, ctx)
        return number


@cli.command(add_help_option=False)
@click.argument("learner", required=False)
@click.argument("env", required=False)
@click.option("--steps", type=_Count(), metavar="N", help="Environment steps in all; 200000 unless told otherwise.")
@click.option("--seed", type=click.IntRange(min=0), metavar="K", help="Of everything that is random; 0.")
@click.option("--set", "sets", multiple=True, metavar="NAME=VALUE", help="A setting of the learner; as many as wanted.")
@click.option("--out", metavar="DIR", help="Keep the run there: checkpoints, metrics.jsonl, TensorBoard's events.")
@click.option("--resume", metavar="DIR", help="Go on with the run in that folder; LEARNER and ENV may be left out.")
@click.option(
    "--test-every", type=_Count(), metavar="N", help="Steps between tests without exploring; a fortieth of all."
)
@click.option("--test-episodes", type=_Count(), metavar="N", help="Episodes of such a test; 32.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--help", "-h", "asks", is_flag=True, help="Show this, and of LEARNER its settings.")
def train(
    learner: str | None,
    env: str | None,
    seed: int | None,
    sets: tuple[str, ...],
    resume: str | None,
    as_json: bool,
    asks: bool,
    **options: Any,
) -> int:
    """Train LEARNER, such as qmix, in ENV, such as climbing or "foraging(size=8, players=2)".

    'counterplay learners' and 'counterplay envs' list both. Ctrl-C ends a run and keeps what there is.
    """
    from counterplay.agents import find

    choice = None if learner is None else find(learner)
    if asks:
        about = [] if choice is None else ["", *_run_pages().settings(choice, _paint, _width())]
        _print([click.get_current_context().get_help(), *about])
        return 0
    if resume is None and (learner is None or env is None):
        raise ValueError("name a learner and an environment, as in: train qmix climbing; --help LEARNER lists settings")
    options |= {name: values[0] for name, values in _sets(sets, several=False).items()}
    pages = _run_pages()
    from counterplay.show.listing import quoted
    from counterplay.show.training import watching

    with watching(f"{learner} {env}" if resume is None else resume) as watch:
        run = counterplay.train(learner, env, seed=seed, resume=resume, on_row=watch.row, **options)
    if as_json:
        _print_json({**pages.figures(run), **pages.last_test(run)})
    else:
        _print(pages.summary(run, _paint))
        click.echo()
        if run.folder is None:
            click.echo(f"Not saved: --out {quoted(str(pages.name_for(run)))} keeps it, to evaluate, watch or resume.")
        else:
            _print(pages.whats_next(run, quoted(str(run.folder))))
    return INTERRUPTED if run.stopped_by == "interrupt" else 0


@cli.command()
@click.argument("learners")
@click.argument("env")
@click.option("--out", metavar="DIR", required=True, help="Where all runs are kept, the table and the figure.")
@click.option("--seeds", type=_Count(), metavar="N", default=5, show_default=True, help="Runs of each, from 0 on.")
@click.option("--steps", type=_Count(), metavar="N", help="Environment steps of each run; 200000.")
@click.option("--set", "sets", multiple=True, metavar="NAME=A,B,...", help="A setting, and the values to try.")
@click.option("--workers", type=_Count(), metavar="N", help="Runs at a time; one a core.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def sweep(learners: str, env: str, out: str, sets: tuple[str, ...], as_json: bool, **options: Any) -> int:
    """Train LEARNERS, such as qmix,vdn, in ENV over seeds and settings, on the machine's cores.

    Ends with a table and a figure of learning curves with confidence bands. Started again, it leaves finished runs as
    they are and goes on with the others; Ctrl-C keeps what there is.
    """
    from counterplay.agents import find

    names = [name.strip() for name in learners.split(",")]
    settings = _sets(sets, several=True)
    for name in names:
        find(name)  # before torch is imported
    _run_pages()  # complains where PyTorch is missing
    from counterplay.agents.curves import figures
    from counterplay.show import chart
    from counterplay.show.training import watching_sweep

    with watching_sweep() as live:
        found = counterplay.sweep(names, env, out=out, settings=settings, on_progress=live.progress, **options)
    kept = Path(out) / "curves.png"
    if as_json:
        _print_json({"env": env, "folder": out, "figure": str(kept), "results": figures(found)})
    else:
        _print([*chart.lines(found, _paint), "", f"Curves with confidence bands: {kept}"] if found else [])
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


def _evaluate_run(folder: str, env: str | None, episodes: int, seed: int, as_json: bool) -> None:
    """Tell what the team in a folder, or each variant of a sweep, is worth."""
    pages = _run_pages()
    from counterplay.api import evaluation

    if variants := evaluation.variants(folder):
        from counterplay.agents.curves import figures
        from counterplay.show import chart

        curves = evaluation.evaluate_sweep(variants, env, episodes, seed)
        if as_json:
            _print_json({"folder": folder, "played": episodes, "results": figures(curves)})
            return
        click.echo(f"{folder}: {episodes} episodes of each run without exploring; the interval is over seeds\n")
        _print(chart.lines(curves, _paint))
        return
    run = counterplay.load_run(folder, env)
    score = run.evaluate(episodes, seed)
    judged = evaluation.judged(run)
    if as_json:
        _print_json(pages.evaluation_figures(run, score, judged))
    else:
        _print(pages.evaluation(run, score, judged, _paint))


@cli.command("watch")
@click.argument("folder", metavar="DIR")
@click.option("--seed", type=click.IntRange(min=0), metavar="K", default=0, help="Of the episode.")
@click.option(
    "--delay", type=click.FloatRange(min=0), metavar="S", default=0.4, show_default=True, help="A step's time."
)
@click.option("--gif", metavar="FILE", help="Write an animated picture there instead.")
@click.option("--env", metavar="ENV", help="Your own environment, package.module:Class, that DIR is of.")
def watch_run(folder: str, seed: int, delay: float, gif: str | None, env: str | None) -> None:
    """Watch the team in DIR play an episode, without exploring: in the terminal, or as a GIF."""
    if gif is not None:
        _check_writable(Path(gif))
    run = counterplay.load_run(folder, env)
    from counterplay.show import film

    if gif is None:
        film.show(film.frames(run, seed), delay)
        return
    shots = list(film.frames(run, seed))
    film.write_gif(shots, Path(gif), delay)
    click.echo(f"{len(shots)} frames in {gif}")


def _sets(texts: Sequence[str], several: bool) -> dict[str, list[object]]:
    """Return the settings of `name=value` texts; `several` values have commas between them."""
    import inspect

    from counterplay.engine.spec import literal

    found: dict[str, list[object]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise ValueError(f"--set takes NAME=VALUE, such as lr=0.001, not {text!r}")
        if name.strip() in found:
            raise ValueError(f"--set gives {name.strip()} twice")
        if name.strip() in inspect.signature(counterplay.train).parameters:
            raise ValueError(f"{name.strip()} is no setting of learners: it is given as --{name.strip()} or not at all")
        found[name.strip()] = [literal(part) for part in (value.split(",") if several else [value])]
    return found


if __name__ == "__main__":
    main()
