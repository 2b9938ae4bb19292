"""The command line: parses, calls, prints. Answers go to standard output, progress and complaints to standard error."""

import json
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

import counterplay

if TYPE_CHECKING:  # imported inside the commands, so that --help answers at once
    from counterplay import Solution
    from counterplay.engine.play import Policy
    from counterplay.games import Entry as GameEntry
    from counterplay.games.envs import Entry as EnvEntry
    from counterplay.games.holdem.spot import Spot
    from counterplay.solvers.spots import SpotSolution

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
    from counterplay.games import GAMES, find, make

    if name == "holdem":
        from counterplay.games.holdem.guide import guide

        options = [p for p in solve.params if p.name in (*_SPOT_FLAGS, "locks", "target", "compress", "threads")]
        flags = [(p.opts[0], p.metavar or "", p.help or "") for p in options if isinstance(p, click.Option)]
        _print(guide(flags, _width(), _paint))
        return
    if name is None:
        for entry in GAMES:
            _list(entry)
            example = min((e for e in entry.examples if "(" in e), key=len, default=entry.name)
            click.echo(f"{'':<20} counterplay solve {_quoted(example)}")
        text = f"{'holdem':<20} Hold'em rivers, turns and flops: 'counterplay games holdem' has the keys and flags"
        click.echo(_style("holdem", bold=True) + text[len("holdem") :])
        click.echo(f"{'':<20} counterplay solve examples/river_a.toml")
        click.echo("\nGames of OpenSpiel go by openspiel:NAME, such as openspiel:tiny_hanabi;")
        click.echo("Gambit files (.efg, .nfg), payoff files (.toml) and hold'em spots (.toml) go by their path.")
        click.echo("'counterplay games NAME' explains a game.")
        return
    if ":" in name or name.endswith((".efg", ".nfg", ".toml")):
        if (spot := _spot(name, {})) is not None:
            from counterplay.games.holdem.spot import to_toml

            click.echo(f"{name}: a hold'em {spot.street} spot\n\n{to_toml(spot)}\n  counterplay solve {_quoted(name)}")
            return
        click.echo(f"{name}: a game for {make(name).players} players\n\n  counterplay solve {_quoted(name)}")
        return
    _explain(find(name.partition("(")[0].strip()), "counterplay solve")


def _list(entry: "GameEntry | EnvEntry") -> None:
    """Print a game or an environment in a line or two, and its parameters."""
    from counterplay.engine.spec import describe

    text = click.wrap_text(f"{entry.name:<20} {entry.summary}", _width(), "", " " * 21)
    click.echo(_style(entry.name, bold=True) + text[len(entry.name) :])
    if takes := describe(entry.load()):
        click.echo(_style(_fill(takes, 21), dim=True))


def _explain(entry: "GameEntry | EnvEntry", command: str) -> None:
    """Print all that there is to say of a game or an environment, with examples of its use by a command."""
    import inspect

    from counterplay.engine.spec import describe

    factory = entry.load()
    click.echo(_style(entry.summary, bold=True) + "\n\n" + (inspect.getdoc(factory) or ""))
    if takes := describe(factory):
        click.echo(f"\nParameters and their defaults:\n{_fill(takes, 2)}")
    click.echo("\nExamples:")
    for example in entry.examples:
        click.echo(f"  {command} {_quoted(example)}")


def _fill(text: str, indent: int) -> str:
    return click.wrap_text(text, _width(), " " * indent, " " * indent)


def _quoted(text: str) -> str:
    """Return an argument as the shell wants it, in double quotes where it needs any."""
    return text if shlex.quote(text) == text else f'"{text}"' if not set(text) & set('"$`\\!') else shlex.quote(text)


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
    from counterplay.solvers.watch import watching

    before = counterplay.load(resume) if resume is not None else None
    spot = _spot(game, flags)
    if locks:
        if spot is None:
            raise ValueError("--lock goes with a hold'em spot to solve anew, 'solve holdem' or a .toml file")
        spot = spot.locking(*locks)
    gap = bool(temperature or (before and before.method.temperature))
    name = game or (before.game if before else "")
    subject = before.spot if spot is None and before and not isinstance(before, counterplay.Solution) else spot
    pot = subject.middle if subject is not None else 0

    def on_memory(count: int) -> None:
        watch.memory(_bytes(count))

    with watching(name, before.seconds if before else 0.0, gap, pot) as watch:
        solution = counterplay.solve(
            game if spot is None else spot,
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
            on_memory=on_memory,
            on_tree=watch.tree,
            on_progress=watch.progress,
        )
        watch.finish(solution.iterations, solution.seconds, solution.trace)
    if out is not None:
        solution.save(out)
    if as_json:
        root = {} if isinstance(solution, counterplay.Solution) else {"strategy": solution.at().frequencies}
        _print_json({**_figures(solution), **root, "stopped_by": solution.stopped_by, "file": out})
    else:
        _print(_pages(solution).summary(solution, _STOPPED[solution.stopped_by], _paint))
        _whats_next(solution, out)
    return INTERRUPTED if solution.stopped_by == "interrupt" else 0


def _spot(game: str | None, flags: dict[str, Any]) -> "Spot | None":
    """Return the spot that a path or flags give, or None for another game."""
    given = [name for name, value in flags.items() if value is not None]
    if game == "holdem":
        from counterplay.games.holdem.spot import spot_from_flags

        preflop = flags["board"] is not None and not flags["board"].strip()
        needed = ("board", "stack") if preflop else ("board", "oop", "ip", "pot", "stack")
        missing = [name for name in needed if name not in given]
        if missing:
            example = 'solve holdem --board "Ks 9d 4c 7h 2s" --oop "TT+,AKs" --ip QQ+ --pot 60 --stack 170 --bets 50%'
            raise ValueError(f"a spot needs --{missing[0]} too, as in: {example}; or name a .toml file")
        return spot_from_flags(**flags)
    if given:
        raise ValueError(f"--{given[0]} goes with 'solve holdem'")
    if game is not None and game.strip().lower().endswith(".cps"):
        raise ValueError(
            f"{game} is a solution, not a game: --resume {game} goes on with it, 'counterplay show' shows it"
        )
    if game is None or not game.strip().lower().endswith(".toml"):
        return None
    if not Path(game.strip()).exists():
        raise ValueError(f"cannot read {game!r}: there is no such file")
    from counterplay.games.holdem.spot import load_spot
    from counterplay.solvers.spots import is_spot_file

    return load_spot(game.strip()) if is_spot_file(game) else None


def _bytes(count: int) -> str:
    from counterplay.solvers.spots import size_text

    return size_text(count)


def _game_solution(file: str, what: str) -> "Solution":
    """Return the solution in a file; raises `ValueError` for one of a hold'em spot, which cannot do `what`."""
    solution = counterplay.load(file)
    if not isinstance(solution, counterplay.Solution):
        raise ValueError(f"{what} is for other games: {file} is a hold'em spot, which 'counterplay show --node' shows")
    return solution


def _check_writable(path: Path) -> None:
    """Raise `ValueError` unless a file can be written there, before a run that would be lost."""
    if path.is_dir():
        raise ValueError(f"cannot write {path}: it is a folder; name a file in it")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror or error}") from None


def _figures(solution: "Solution | SpotSolution") -> dict[str, Any]:
    """Return what a solution claims, for JSON."""
    return {
        "game": solution.game,
        "algorithm": solution.algorithm,
        "iterations": solution.iterations,
        "exploitability": solution.exploitability,
        "nash_conv": solution.nash_conv,
        "value": list(solution.value),
        "seconds": solution.seconds,
        **solution.figures,
    }


_STOPPED = {
    "target": "the target is reached",
    "iterations": "as many as asked for",
    "time": "the time is over",
    "interrupt": "interrupted",
    "exact": "the exact answer, to rounding",
}


def _pages(solution: "Solution | SpotSolution") -> Any:
    """Return the module that shows a solution: both have `summary`, `judgement`, `measured` and `holds`."""
    from counterplay.solvers import pages, spot_pages

    return pages if isinstance(solution, counterplay.Solution) else spot_pages


def _whats_next(solution: "Solution | SpotSolution", out: str | None) -> None:
    """Print what can be done with a solution that was saved, or how to save it."""
    is_spot = not isinstance(solution, counterplay.Solution)
    if out is None:
        name = "spot" if is_spot else re.sub(r"\W+", "_", Path(solution.game.partition("(")[0]).name).strip("_")
        click.echo(f"\nNot saved: --out {name}.cps keeps it, to show, evaluate, play against or resume.")
        return
    file = _quoted(out)
    click.echo(f"\nSaved to {out}. Next:\n  counterplay show {file}")
    click.echo(f"  counterplay play {file}")
    if solution.stopped_by == "interrupt":
        click.echo(f"  counterplay solve --resume {file} --out {file}")


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


def _coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _paint(text: str, colour: int) -> str:
    """Style text as `engine.report.Paint` says, where standard output is a terminal that wants colour."""
    from counterplay.engine.report import DIM, HEADING

    if colour >= 0:
        from counterplay.games.holdem.grid import COLOURS

        return _style(text, fg=16, bg=COLOURS[colour])
    return _style(text, bold=colour == HEADING, dim=colour == DIM)


@cli.command()
@click.argument("file")
@click.option("--node", metavar="LINE", default="", help='A line that ends a street, such as "check check".')
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def report(file: str, node: str, as_json: bool) -> None:
    """Report the next card by card, in the hold'em spot in FILE: values and the next player's actions."""
    from counterplay.solvers import spot_pages

    solution = counterplay.load(file)
    if isinstance(solution, counterplay.Solution):
        raise ValueError(f"reports are of hold'em spots, and {file} is of {solution.game}")
    rows = spot_pages.run_outs(solution.after(node))
    if as_json:
        _print_json({**_figures(solution), "cards": rows})
    else:
        _print(spot_pages.report(solution, node, rows, _paint))


@cli.command()
@click.argument("file", metavar="FILE|DIR")
@click.option("--against", metavar="FILE", help="Also play that solution head to head: exact expected payoffs.")
@click.option("--episodes", type=click.IntRange(min=1), metavar="N", help="Runs: episodes without exploring; 100.")
@click.option("--seed", type=click.IntRange(min=0), metavar="K", help="Runs: of these episodes; 0.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def evaluate(file: str, against: str | None, episodes: int | None, seed: int | None, as_json: bool) -> int:
    """Measure the solution in FILE again, from the rules of its game, or play with the trained team in DIR.

    Exits with 1 if the strategy is not worth what the file says. A team plays greedily, and the mean return comes with
    a confidence interval; in a turn-based game its exploitability is measured too.
    """
    if Path(file).is_dir():
        if against is not None:
            raise ValueError(f"--against is for solutions of games, and {file} is the folder of a run")
        _evaluate_run(file, episodes or 100, seed or 0, as_json)
        return 0
    if episodes is not None or seed is not None:
        raise ValueError(f"--{'seed' if episodes is None else 'episodes'} is for folders of runs, and {file} is a file")
    from counterplay.solvers.pages import duel, earnings

    solution = counterplay.load(file)
    payoffs: tuple[tuple[float, ...], ...] = ()
    if against is not None:
        payoffs = _game_solution(file, "--against").against(_game_solution(against, "--against"))
    found, pages = solution.judge(), _pages(solution)
    if as_json:
        mine, _ = earnings(payoffs)
        head = {"against": against, "earns": mine, "average": sum(mine) / len(mine), "payoffs": payoffs} if mine else {}
        _print_json({"file": file, **_figures(solution), **pages.measured(solution, found), **head})
    else:
        _print(pages.judgement(solution, found, _paint))
        if against is not None:
            _print(duel(payoffs, file, against))
    return 0 if pages.holds(solution, found) else 1


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
def show(
    file: str, infoset: str | None, player: int | None, limit: int, node: str | None, hands: str | None, combos: int
) -> None:
    """Show the strategy in FILE: a table for each history, a row for each hand; a grid for push or fold.

    Of a hold'em spot it shows one decision: what both ranges are worth, a grid of hands, and combos.
    """
    from counterplay.engine import report
    from counterplay.engine.rules import is_dealt
    from counterplay.games import make
    from counterplay.games.holdem import grid

    solution = counterplay.load(file)
    if not isinstance(solution, counterplay.Solution):
        if infoset is not None:
            raise ValueError(f"{file} is a hold'em spot: --node LINE and --hands RANGE choose what is shown")
        from counterplay.solvers import spot_pages

        _check_player(player, 2)
        view = solution.at(node or "")
        _print(spot_pages.decision(solution, view, player, hands, combos if hands is None else 0, _paint, _coloured()))
        return
    for name, value in (("node", node), ("hands", hands)):
        if value is not None:
            raise ValueError(f"--{name} is for hold'em spots; of {solution.game} --infoset TEXT shows some rows")
    _check_player(player, solution.players)
    try:
        rules, tree = make(solution.game), solution.tree
    except ValueError as error:  # the file can be read without its rules
        click.echo(f"counterplay: rows that do not matter are unmarked, since {error}", err=True)
        rules, tree = None, None
    every = report.blocks(solution, solution.strategy, tree, rules if rules and is_dealt(rules) else None)
    blocks = [block for block in every if player in (None, block.player)]
    kept = blocks if infoset is None else [b for b in (report.matching(b, infoset) for b in blocks) if b.rows]
    if not kept:
        example = report.called(blocks[-1], blocks[-1].rows[-1]) if blocks else ""
        raise ValueError(f"no information set contains {infoset!r}; one of them is {example!r}")
    run = f"{solution.algorithm}, {report.count(solution.iterations, 'iteration')}"
    click.echo(f"{solution.game}: {run}, exploitability {report.small(solution.exploitability)}")
    for block in [b for b in kept if infoset is None and grid.is_chart([row.name for row in b.rows])]:
        kept.remove(block)
        click.echo("\n" + _style(f"player {block.player}, {block.title}, of all combos:", bold=True))
        _print(grid.chart(block.actions, [row.odds for row in block.rows], _paint, _coloured()))
    for line in report.strategy(kept, limit, _width()):
        click.echo(_style(line.text, bold=line.weight > 0, dim=line.weight < 0))


def _check_player(player: int | None, players: int) -> None:
    if player is not None and not 0 <= player < players:
        raise ValueError(f"the players are numbered 0 to {players - 1}; there is no player {player}")


@cli.command()
@click.argument("file")
@click.option("--to", "kind", type=click.Choice(["csv", "json"]), required=True, help="The format.")
@click.option("--out", metavar="FILE", help="Write there; otherwise to standard output.")
@click.option("--node", metavar="LINE", help="Spots: the line of play whose decision is exported; the first one.")
@click.option("--player", type=int, metavar="P", help="Spots: whose combos, 0 OOP's or 1 IP's; those of who acts.")
def export(file: str, kind: str, out: str | None, node: str | None, player: int | None) -> None:
    """Export the strategy in FILE: the probability of every action, for each information set and hand.

    Of a hold'em spot it is one decision: weight, EV, equity and strategy of each combo.
    """
    import io

    solution = counterplay.load(file)
    text, pages = io.StringIO(), _pages(solution)
    if isinstance(solution, counterplay.Solution):
        for name, value in (("node", node), ("player", player)):
            if value is not None:
                raise ValueError(f"--{name} is for hold'em spots, and {file} is of {solution.game}")
        what: tuple[Any, ...] = (solution,)
    else:
        _check_player(player, 2)
        what = (solution.at(node or ""), player)
    if kind == "csv":
        pages.write_csv(text, *what)
    else:
        json.dump({**_figures(solution), **pages.exported(*what)}, text, ensure_ascii=False, indent=1)
        text.write("\n")
    if out is None:
        click.echo(text.getvalue(), nl=False)
        return
    _check_writable(Path(out))
    from counterplay.engine.store import write_atomic

    try:
        write_atomic(Path(out), text.getvalue().encode())
    except OSError as error:
        raise ValueError(f"cannot write {out}: {error.strerror or error}") from None


@cli.command()
@click.argument("file")
@click.option("--seat", type=int, metavar="P", help="Always sit there, counted from 0; otherwise seats rotate.")
@click.option("--seed", type=click.IntRange(min=0), metavar="K", help="Of the deal and of the solution's choices.")
@click.option("--hands", type=click.IntRange(min=1), metavar="N", help="Stop after N hands.")
def play(file: str, seat: int | None, seed: int | None, hands: int | None) -> None:
    """Play against the solution in FILE, in the terminal.

    Type an action or the beginning of its name; q leaves. After a hand, ? shows what the solution held and thought.
    """
    import numpy as np

    from counterplay.engine.play import Decision, explained, pick, play_game
    from counterplay.engine.report import count

    solution = counterplay.load(file)
    policy, intro, share, number = _opponent(solution)
    names = policy.names
    _check_player(seat, len(names))
    rng = np.random.default_rng(seed)
    me, total, played, perfect = 0, 0.0, 0, 0.0

    def ask(decision: Decision) -> int:
        if decision.hand:
            click.echo(f"  you hold {decision.hand}{', after ' if decision.seen else ''}{decision.seen}")
        else:
            click.echo(f"  you see {decision.seen}")
        while True:
            answer = _answer(f"  {' / '.join(decision.actions)}? ")
            choice = pick(answer, decision.actions)
            if choice is not None:
                return choice
            if answer in ("q", "quit"):
                raise EOFError
            click.echo("  Type one of these, or the beginning of just one; q leaves, ? works after the hand.")

    def tell(player: int, move: str) -> None:
        if player != me:
            click.echo(f"  {names[player]}: {move}" if player >= 0 else f"  dealt: {move}")

    click.echo(f"{solution.game}: q leaves, ? after a hand shows what the solution held and thought.{intro}")
    try:
        while hands is None or played < hands:
            me = played % len(names) if seat is None else seat
            click.echo(_style(f"\nHand {played + 1}: you are {names[me]}", bold=True))
            hand = play_game(policy, (me,), ask, tell, rng)
            earned = hand.payoffs[me] + share
            played, total, perfect = played + 1, total + earned, perfect + solution.best[me]
            click.echo(f"  you get {number(earned)}; {number(total)} in {count(played, 'hand')}")
            answer = _answer("  Enter goes on, ? shows the solution's view, q leaves: ")
            while answer not in ("", "q", "quit"):
                if answer in ("?", "reveal"):
                    _print(explained(hand, me, names))
                answer = _answer("  Enter goes on, ? shows the solution's view, q leaves: ")
            if answer:
                break
    except EOFError:
        click.echo()
    if played:
        average = f"you got {number(total / played)} a hand in {count(played, 'hand')}"
        click.echo(f"\n{average}; perfect play against this solution would average {number(perfect / played)}.")


def _opponent(solution: "Solution | SpotSolution") -> "tuple[Policy, str, float, Callable[[float], str]]":
    """Return who plays a solution, what to say first, what payoffs do not count, and how to write them."""
    if isinstance(solution, counterplay.Solution):
        from counterplay.engine.play import Book
        from counterplay.engine.report import payoff
        from counterplay.games import make

        # The tree checks that the rules fit.
        return Book(make(solution.game), solution.tree, solution.strategy), "", 0.0, payoff
    from counterplay.solvers.spot_play import SpotPolicy

    spot = solution.spot
    stacks, (small, big) = f"stacks are {spot.stack}", spot.betting.blinds
    intro = (
        f"\nThe blinds are {small} and {big}, {stacks}; you get what you win, less what you put in."
        if big
        else f"\nThe pot is {spot.pot}, {stacks}; who folds at once gets 0 chips, and the other {spot.pot}."
    )
    return SpotPolicy(solution), intro, spot.pot / 2, lambda chips: f"{chips:+.2f} chips"


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
    from counterplay.agents import LEARNERS, find, module

    if name is not None:
        entry = find(name)
        _print(module("pages").settings(entry, _paint, _width()))
        return
    for entry in LEARNERS:
        click.echo(_style(f"{entry.name:<12}", bold=True) + entry.summary)
    click.echo("\n'counterplay learners NAME' lists what can be set of one.")


@cli.command()
@click.argument("name", required=False)
def envs(name: str | None) -> None:
    """List the environments, or explain one of them."""
    from counterplay.games.envs import ENVS, find

    if name is None:
        for entry in ENVS:
            _list(entry)
        click.echo("\nEvery turn-based game is one too ('counterplay games'): its players are the agents. So is every")
        click.echo("parallel environment of PettingZoo: pettingzoo:mpe2.simple_spread_v3(N=3).")
        click.echo("'counterplay envs NAME' explains one.")
        return
    _explain(find(name.partition("(")[0].strip()), "counterplay train LEARNER")


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
    from counterplay.agents import find, module

    entry = None if learner is None else find(learner)
    if asks:
        about = [] if entry is None else ["", *module("pages").settings(entry, _paint, _width())]
        _print([click.get_current_context().get_help(), *about])
        return 0
    if resume is None and (learner is None or env is None):
        raise ValueError("name a learner and an environment, as in: train qmix climbing; --help LEARNER lists settings")
    options |= {name: values[0] for name, values in _sets(sets, several=False).items()}
    pages = module("pages")
    with module("watch").watching(f"{learner} {env}" if resume is None else resume) as watch:
        run = counterplay.train(learner, env, seed=seed, resume=resume, on_row=watch.row, **options)
    if as_json:
        _print_json({**pages.figures(run), **pages.last_test(run)})
    else:
        _print(pages.summary(run, _paint))
        click.echo()
        if run.folder is None:
            click.echo(f"Not saved: --out {_quoted(str(pages.name_for(run)))} keeps it, to evaluate, watch or resume.")
        else:
            _print(pages.whats_next(run, _quoted(str(run.folder))))
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
    from counterplay.agents import find, module

    names = [name.strip() for name in learners.split(",")]
    settings = _sets(sets, several=True)
    for name in names:
        find(name)  # before torch is imported
    chart = module("chart")
    with module("watch").watching_sweep() as live:
        found = counterplay.sweep(names, env, out=out, settings=settings, on_progress=live.progress, **options)
    kept = Path(out) / "curves.png"
    if as_json:
        _print_json({"env": env, "folder": out, "figure": str(kept), "results": chart.figures(found)})
    else:
        _print([*chart.lines(found, _paint), "", f"Curves with confidence bands: {kept}"] if found else [])
    if not live.whole:
        click.echo("Interrupted; the same command goes on.", err=True)
        return INTERRUPTED
    return 0


def _evaluate_run(folder: str, episodes: int, seed: int, as_json: bool) -> None:
    """Tell what the team in a folder, or each variant of a sweep, is worth."""
    runs = sorted(Path(folder).glob("*/seed_*/run.json"))
    if runs:
        _evaluate_sweep(folder, [path.parent for path in runs], episodes, seed, as_json)
        return
    run = counterplay.load_run(folder)
    from counterplay.agents import pages
    from counterplay.engine.report import meaning, small, table
    from counterplay.games.envs.tree import TurnBased

    found = run.evaluate(episodes, seed)
    judged, why = None, ""
    if isinstance(run.task, TurnBased):
        try:
            judged = counterplay.judge(run)
        except ValueError as error:
            why = str(error)
    if as_json:
        exact = {"exploitability": judged.exploitability, "value": judged.value} if judged else {}
        span = {"return": found.mean, "low": found.low, "high": found.high, "played": found.episodes}
        _print_json({**pages.figures(run), **span, **exact})
        return
    _print(pages.evaluation(run, found, _paint))
    if judged is not None:
        nash = f"{small(judged.exploitability)} (NashConv {small(judged.nash_conv)} / {len(judged.value)} players)"
        _print(table([("exploitability", nash)], _paint))
        click.echo()
        certain = len(judged.value) == 2 and abs(sum(judged.value)) < 1e-9
        _print(meaning(judged.value, judged.best, certain, {}))
    elif why:
        _print(table([("exploitability", f"not measured: {why}")], _paint))


def _evaluate_sweep(folder: str, runs: list[Path], episodes: int, seed: int, as_json: bool) -> None:
    """Tell what each variant's teams are worth: the mean over seeds of their mean returns, and its interval."""
    import numpy as np

    from counterplay.agents import module

    chart, found = module("chart"), []
    for variant in dict.fromkeys(path.parent.name for path in runs):
        teams = [counterplay.load_run(path) for path in runs if path.parent.name == variant]
        means = np.array([[team.evaluate(episodes, seed).mean] for team in teams])
        steps = np.array([min(team.steps for team in teams)], float)
        speed = float(np.mean([team.steps / max(team.seconds, 1e-9) for team in teams]))
        found.append(chart.Result(variant, tuple(team.seed for team in teams), steps, means, speed))
    if as_json:
        _print_json({"folder": folder, "played": episodes, "results": chart.figures(found)})
        return
    click.echo(f"{folder}: {episodes} episodes of each run without exploring; the interval is over seeds\n")
    _print(chart.lines(found, _paint))


@cli.command("watch")
@click.argument("folder", metavar="DIR")
@click.option("--seed", type=click.IntRange(min=0), metavar="K", default=0, help="Of the episode.")
@click.option(
    "--delay", type=click.FloatRange(min=0), metavar="S", default=0.4, show_default=True, help="A step's time."
)
@click.option("--gif", metavar="FILE", help="Write an animated picture there instead.")
def watch_run(folder: str, seed: int, delay: float, gif: str | None) -> None:
    """Watch the team in DIR play an episode, without exploring: in the terminal, or as a GIF."""
    if gif is not None:
        _check_writable(Path(gif))
    run = counterplay.load_run(folder)
    from counterplay.agents import film

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
