"""The command line: parses, calls, prints. Answers go to standard output, progress and complaints to standard error."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

import counterplay
from counterplay.api import (
    batch_commands,
    blueprint_commands,
    bucket_commands,
    certify_commands,
    compare_commands,
    duel_commands,
    hand_commands,
    league_commands,
    resolving_commands,
    team_commands,
    valuenet_commands,
    view_commands,
    watch_commands,
)
from counterplay.engine.errors import UserError
from counterplay.games.holdem.flags import SPOT_FLAGS, named
from counterplay.show.terminal import DEBUG, answer, coloured, guarded, paint, put, put_export, put_json, say, width

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
@click.option(
    DEBUG, is_flag=True, expose_value=False, help="Show the traceback of a fault; fits anywhere in a command."
)
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
    from counterplay.engine.spec import describe
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
        needs = "(" not in name and "=..." in describe(entry.load())  # parameters without a default
        made = GAMES.make(entry.examples[0] if needs else name)  # what is no game is refused before it is told of
        put(listing.explanation(entry, "counterplay solve", width(), paint))
        put(listing.size_of(made))


_GAME = "Your own game, package.module:Class, whose solution FILE is: a file holds no more than its name."
_LOCK = "Spots, of flags or a file: fix a strategy, 'check bet 30: fold 0.5, call 0.5'; may be repeated."


def _spot_flags(command: Any) -> Any:
    for name, (kind, metavar, text) in reversed(SPOT_FLAGS.items()):
        command = click.option(f"--{name}", type=kind, metavar=metavar, help=text)(command)
    return click.option("--lock", "locks", multiple=True, metavar="LOCK", help=_LOCK)(command)


@cli.command()
@click.argument("game", required=False)
@click.option(
    "--algorithm",
    metavar="NAME",
    default="auto",
    show_default=True,
    help="cfr, dcfr, pcfr+, ..., mmd, lp; mccfr-external, ...",
)
@click.option("--iterations", type=int, metavar="N", help="Stop after N iterations, those of a resumed run included.")
@click.option("--target", metavar="E", help="Stop at an exploitability of E, in the game's units; spots: or 0.5%.")
@click.option("--time", type=float, metavar="S", help="Stop after S seconds.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="K",
    default=0,
    help="Of what is drawn, by the algorithms that sample.",
)
@click.option("--updates", metavar="ORDER", help="alternating or simultaneous.")
@click.option("--temperature", type=float, metavar="T", help="With mmd: find the quantal-response equilibrium of T.")
@click.option("--memory", metavar="BYTES", help="With mccfr-...: walk the game without a tree, in so much (4GB).")
@click.option("--processes", type=int, metavar="N", help="Walk it so by N processes that share memory.")
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
    iterations, and games that are walked without a tree for a minute. Exploitability is NashConv divided by the number
    of players. Ctrl-C ends a run and keeps what there is.
    """
    if game is None and resume is None:
        raise UserError("name a game to solve, such as 'counterplay solve leduc'; 'counterplay games' lists them")
    from counterplay.api.export import claims
    from counterplay.api.keeping import kept
    from counterplay.engine.system import interrupts
    from counterplay.engine.writing import check_apart, check_writable, is_stream
    from counterplay.show import pages
    from counterplay.show.solving import watching

    if out is not None:
        check_apart(Path(out), game)
        check_writable(Path(out))
    flags = {name: value for name in SPOT_FLAGS if (value := options.pop(name)) is not None}
    before = None if resume is None else counterplay.load(resume)
    gap = bool(options["temperature"] or (before and before.method.temperature))
    with interrupts() as stop:  # until all is saved and said
        with watching(game or str(before and before.game), before.seconds if before else 0.0, gap) as watch:
            solution = counterplay.solve(
                named(game, flags, locks),
                resume=before,
                checkpoint=None if out is None or is_stream(Path(out)) else out,
                on_size=watch.size,
                on_tree=watch.tree,
                on_progress=watch.progress,
                **options,
            )
            stop.arm()
            watch.finish(solution.iterations, solution.seconds, solution.trace)
        with kept(solution, out) as file:
            page = pages.of(solution)
            if as_json:
                put_json(
                    {**claims(solution), **page.opening(solution), "stopped_by": solution.stopped_by, "file": file}
                )
            else:
                put(page.summary(solution, pages.STOPPED[solution.stopped_by], paint))
                put(pages.whats_next(solution, file))
    return stop.code


@cli.command()
@click.argument("file", metavar="FILE|DIR")
@click.option("--node", metavar="LINE", default="", help='A line that ends a street, such as "check check".')
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--no-pager", is_flag=True, help="Print a page that is longer than the terminal at once.")
@click.option("--by", metavar="WHAT", help='Batches: boards by "high card", pairs, suits or ranks; all of these.')
@click.option("--sort", metavar="COLUMN", help="Batches: by ev_oop, equity_oop, check ...; weight.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="Batches: so many spots, 0 for all; 40.")
@click.option("--to", type=click.Choice(["csv", "parquet"]), help="Batches: as a table in this format.")
@click.option("--out", metavar="FILE", help="Batches: write that table to FILE.")
def report(file: str, node: str, as_json: bool, no_pager: bool, **of_batches: Any) -> None:
    """Report the next card by card, in the hold'em spot in FILE; or the spots of the batch in DIR, by their boards."""
    from counterplay.api.export import claims
    from counterplay.show import pages

    if Path(file).is_dir():
        if node:
            raise UserError(f"--node is for the solution of a spot, and {file} is a folder")
        batch_commands.report(file, as_json=as_json, **of_batches)
        return
    for name in (name for name, value in of_batches.items() if value is not None):
        raise UserError(f"--{name} is for folders of batches, and {file} is none")
    solution = counterplay.load(file)
    page = pages.of(solution)
    rows = page.run_outs(solution, node)
    if as_json:
        put_json({**claims(solution), "cards": rows})
    else:
        put(page.report(solution, node, rows, paint), paged=not no_pager)


@cli.command()
@click.argument("file", metavar="FILE|DIR|GAME")
@click.option("--against", metavar="FILE|DIR", help="Also play that head to head: exactly, of runs in episodes.")
@click.option("--response", type=float, metavar="S", help="In steps: train responses for S seconds; tells a bound.")
@click.option("--game", metavar="GAME", help=_GAME)
@click.option("--episodes", type=click.IntRange(min=1), metavar="N", help="Runs: episodes without exploring; 100.")
@click.option("--seed", type=click.IntRange(min=0), metavar="K", help="Runs: of these episodes; 0.")
@team_commands.own_flags
@resolving_commands.flags("resolve", "from", "gadget", "horizon", "iterations", "samples", "device")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def evaluate(
    file: str, against: str | None, response: float | None, game: str | None, as_json: bool, **more: Any
) -> int:
    """Measure the solution in FILE again, from the rules of its game, or play with the trained team in DIR.

    Exits with 1 if the strategy is not worth what the file says. A team plays without exploring: the best actions of
    learners of values, and of learners of policies what those draw. Its mean return comes with a confidence interval;
    in a turn-based game its exploitability is measured too.

    With --resolve, GAME takes the place of FILE: every public state that a player can reach who solves each level of
    the game when play gets there is solved, and the strategy is judged exactly.
    """
    of_runs = {name: value for name, value in more.items() if name not in resolving_commands.NAMES}
    again = {name: value for name, value in more.items() if name in resolving_commands.NAMES}
    others = {"against": against, "response": response, "game": game, **of_runs, "seed": None}
    resolving = resolving_commands.given(again, others)
    if resolving is not None:
        resolving_commands.evaluate(file, resolving, of_runs["seed"], as_json)
        return 0
    if Path(file).is_dir():
        given = {"response": response, "game": game}
        for name in (name for name, value in given.items() if value is not None):
            raise UserError(f"--{name} is for solutions of games, and {file} is the folder of a run")
        team_commands.evaluate_run(file, as_json, against=against, **of_runs)
        return 0
    for name, value in of_runs.items():
        if value not in (None, ()):
            raise UserError(f"--{name} is for folders of runs, and {file} is a file")
    from counterplay.api.duel_commands import check_solution
    from counterplay.api.export import claims
    from counterplay.show import pages

    if against is not None:
        check_solution(against, f"'counterplay duel {file} {against}' has both play each other")
    solution = counterplay.load(file, game)
    if response is not None and not hasattr(solution, "exploitability_at_least"):
        raise UserError(f"--response is for games in steps; of {solution.game} the exploitability is measured exactly")
    payoffs = () if against is None else solution.against(counterplay.load(against, game))
    bound = None if response is None else solution.exploitability_at_least(response)
    judged, page = solution.judge(), pages.of(solution)
    if as_json:
        head = pages.head_to_head(solution, payoffs, against) if against is not None else {}
        least = {} if bound is None else {"exploitability_at_least": bound.exploitability_at_least}
        put_json({"file": file, **claims(solution), **page.measured(solution, judged), **head, **least})
    else:
        put(page.judgement(solution, judged, paint))
        put(page.bounded(bound) if bound is not None else [])
        put(pages.duel(solution, payoffs, file, against) if against is not None else [])
    return 0 if page.holds(solution, judged) else 1


@cli.command()
@click.argument("file")
@click.option("--infoset", metavar="TEXT", help="Only rows with this text in the hand, the history or the label.")
@click.option("--player", metavar="P", help="Only this player, counted from 0; spots: whose hands, oop or ip.")
@click.option(
    "--limit", type=click.IntRange(min=0), metavar="N", default=40, show_default=True, help="Rows a player; 0 for all."
)
@click.option("--node", metavar="LINE", help='Spots: a line of play, "check bet 30", "check check [Ah]".')
@click.option("--hands", metavar="RANGE", help='Spots: list the combos of these hands, "AA,KQs".')
@click.option("--combos", type=click.IntRange(min=0), metavar="N", default=20, help="Spots: combos listed; 0 for all.")
@click.option("--spot", metavar="FILE", help="Spots: also write what is played from there on as a spot file.")
@click.option("--force", is_flag=True, help="Let --spot replace a file that is there.")
@click.option("--game", metavar="GAME", help=_GAME)
@click.option("--json", "as_json", is_flag=True, help="Print the same as one JSON object and nothing else.")
@click.option("--no-pager", is_flag=True, help="Print a page that is longer than the terminal at once.")
def show(
    file: str, spot: str | None, force: bool, game: str | None, as_json: bool, no_pager: bool, **wanted: Any
) -> None:
    """Show the strategy in FILE: a table for each history, a row for each hand; a grid for push or fold.

    Of a hold'em spot it shows one decision: what both ranges are worth, a grid of hands, and combos.
    """
    from counterplay.show import listing, pages

    solution = counterplay.load(file, game)
    page = pages.Page(**wanted, width=width(), paint=paint, coloured=coloured())
    if spot is not None:
        pages.write_spot(solution, page, file, spot, force)
    elif force:
        raise UserError("--force lets --spot FILE replace a file, and no --spot is given")
    if as_json:
        from counterplay.api.export import claims

        written = {} if spot is None else {"spot_file": spot}
        put_json({**claims(solution), **pages.of(solution).told(solution, page), **written})
        return
    put(pages.of(solution).strategy(solution, page), paged=not no_pager)
    if spot is not None:
        out = listing.quoted(str(Path(spot).with_suffix(".cps")))
        put(["", f"The spot is in {spot}. Next:", f"  counterplay solve {listing.quoted(spot)} --out {out}"])


@cli.command()
@click.argument("file", metavar="FILE|DIR")
@click.option(
    "--to",
    "kind",
    type=click.Choice(["csv", "json", "onnx", "torchscript", "safetensors"]),
    required=True,
    help="The format: csv or json of a solution, the others of a run.",
)
@click.option("--out", metavar="FILE", help="Write there; otherwise to standard output.")
@click.option("--node", metavar="LINE", help="Spots: the line of play whose decision is exported; the first one.")
@click.option("--player", metavar="P", help="Only this player's, counted from 0; spots: oop's or ip's; who acts.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="Phantom games: the N most often reached of a player; in steps: the N with the most visits.",
)
@team_commands.own_flags
def export(
    file: str, kind: str, out: str | None, node: str | None, player: str | None, limit: int | None, **own: Any
) -> None:
    """Export the strategy in FILE: the probability of every action, for each information set and hand.

    Of a hold'em spot it is one decision: weight, EV, equity and strategy of each combo. Of the run in DIR it is what
    its agents play by, observations in and actions out, compared with the run before it is kept.
    """
    from counterplay.engine.writing import check_apart, write_pieces

    if Path(file).is_dir() or kind not in ("csv", "json"):
        team_commands.export_run(file, kind, out, {"node": node, "player": player, "limit": limit}, **own)
        return
    for name in (name for name, value in own.items() if value):
        raise UserError(f"--{name} is for runs, and {file} is a solution's file")

    if out is not None:
        check_apart(Path(out), file)
    solution = counterplay.load(file)
    if hasattr(solution, "pieces"):
        pieces = solution.pieces(kind, line=node, player=player, limit=limit)
    elif limit is None:
        pieces = [solution.export(kind, line=node, player=player)]
    elif hasattr(solution, "most_visited"):
        pieces = [solution.export(kind, line=node, player=player, limit=limit)]
    else:
        raise UserError(
            f"--limit is for phantom games without a tree and games in steps, and {file} is of {solution.game}"
        )
    if out is None:
        for piece in pieces:
            put_export(piece)
        return
    write_pieces(Path(out), pieces)


@cli.command()
@click.argument("file", metavar="FILE|GAME")
@click.option("--seat", metavar="P", help="Always sit there, counted from 0, or oop or ip; otherwise seats rotate.")
@click.option("--seed", type=click.IntRange(min=0), metavar="K", help="Of the deal and of the solution's choices.")
@click.option("--hands", type=click.IntRange(min=1), metavar="N", help="Stop after N hands.")
@click.option("--game", metavar="GAME", help=_GAME)
@resolving_commands.flags("resolve", "gadget", "horizon", "iterations", "device")
def play(file: str, seat: str | None, seed: int | None, hands: int | None, game: str | None, **again: Any) -> None:
    """Play against the solution in FILE, in the terminal.

    With --resolve, GAME takes the place of FILE, and the house works out what it does where play gets.

    Type an action or the beginning of its name; in no-limit hold'em any legal bet, which is taken as the nearest sizes
    that the solution knows. q leaves. After a hand, ? shows what the solution held and thought.
    """
    import numpy as np

    from counterplay.api.duel_commands import check_solution
    from counterplay.show import pages
    from counterplay.show.play import Session, play_session
    from counterplay.show.text import check_player

    resolving = resolving_commands.given(again, {"game": game})
    if resolving is not None:
        name, opponent = resolving_commands.opponent(file, resolving)
    else:
        check_solution(file, "you play against solutions; 'counterplay duel' and 'counterplay league' take all sides")
        solution = counterplay.load(file, game)
        name, opponent = solution.game, pages.of(solution).opponent(solution)
    names = [name.lower() for name in opponent.policy.names]
    sits = names.index(seat.lower()) if seat and seat.lower() in names else check_player(seat, len(names))
    say(f"{name}: q leaves, ? after a hand shows what the solution held and thought.{opponent.intro}")
    play_session(Session(opponent, say, answer, paint, np.random.default_rng(seed)), sits, hands)


_PARTS = (
    batch_commands,
    blueprint_commands,
    bucket_commands,
    certify_commands,
    compare_commands,
    duel_commands,
    hand_commands,
    league_commands,
    team_commands,
    valuenet_commands,
    view_commands,
    watch_commands,
)
for _command in (command for part in _PARTS for command in part.COMMANDS):
    cli.add_command(_command)


if __name__ == "__main__":
    main()
