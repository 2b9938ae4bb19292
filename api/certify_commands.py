"""The command line's part for certificates."""

import json
from decimal import ROUND_CEILING, Context, Decimal
from pathlib import Path
from typing import Any

import click

from counterplay.engine.errors import UserError
from counterplay.show.terminal import put, put_json


@click.command()
@click.argument("file", metavar="FILE|GAME", required=False)
@click.option("--out", metavar="CERTIFICATE", help="Write the certificate there.")
@click.option("--check", "check", metavar="CERTIFICATE", help="Check this certificate instead, against FILE.")
@click.option("--game", metavar="GAME", help="Your own game, package.module:Class, whose solution FILE is.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def certify(file: str | None, out: str | None, check: str | None, game: str | None, as_json: bool) -> int:
    """Certify how exploitable the solution in FILE is at most, or check a certificate of it.

    The bound is rigorous: sums are in fractions, or in 64 bits with a bound on all rounding. The verifier is a small
    program of its own that shares nothing with the solvers. Of a small two-player zero-sum GAME, such as kuhn, the
    exact value is found as a fraction, with two strategies that prove it.

    Exits with 1 if a certificate does not hold.
    """
    from counterplay.api import certificates, verifier
    from counterplay.engine.text import printable
    from counterplay.engine.writing import check_apart, check_writable, write_pieces
    from counterplay.show.bucket_pages import telling
    from counterplay.show.live import display

    if check is not None:
        if out is not None:
            raise UserError("--out writes a certificate and --check checks one: give one of them")
        found, wrong = certificates.check(check, file, game)
        if as_json:
            put_json({"certificate": check, "file": file, "holds": not wrong, "faults": wrong, **found})
        else:
            put([*page(found), "", *(wrong or ["It holds."])])
        return 1 if wrong else 0
    if file is None:
        raise UserError("certify needs the file of a solution, or a small game such as kuhn")
    if out is not None:
        check_apart(Path(out), file)
        check_writable(Path(out))
    if Path(file).suffix == ".cps" or (Path(file).is_file() and not _is_game(file)):
        made = certificates.certify(file, game)
    else:
        with display(f"Exact value of {printable(file)}") as live:
            made = certificates.certify_value(file, telling(printable(file), live))
    text = verifier.dump(made)
    if out is not None:
        write_pieces(Path(out), [text])
    if as_json:
        put_json({**json.loads(text), "certificate": out})
    else:
        put(
            [
                *page(made),
                *([] if out is None else ["", f"The certificate is in {out}. To check it:", _again(out, file, made)]),
            ]
        )
    return 0


LONGEST = 300  # characters of a line: names and fractions from a file may be of any length


def _is_game(file: str) -> bool:
    """Tell whether a file holds a game, and no solution."""
    from counterplay.games import GAMES

    return Path(file).suffix != ".cps" and GAMES.reader(file) is not None


def _again(out: str, file: str, made: dict[str, Any]) -> str:
    from counterplay.show.listing import quoted

    of = "" if made["kind"] == "value" else f" {quoted(file)}"
    return f"  counterplay certify --check {quoted(out)}{of}"


def page(certificate: dict[str, Any]) -> list[str]:
    """Return a certificate as lines."""
    rows = [("game", f"{certificate.get('game')}"), ("rules, SHA-256", f"{certificate.get('game_sha256')}")]
    if certificate.get("kind") == "value":
        rows.append(("value to player 0", f"{certificate.get('exact_value')}, exactly"))
    else:
        rows += [
            ("file, SHA-256", f"{certificate.get('file_sha256')}"),
            ("found by", f"{certificate.get('algorithm')}, {certificate.get('iterations')} iterations"),
            ("sums in", f"{certificate.get('arithmetic')}"),
            ("value", _intervals(certificate.get("value"))),
            ("best responses", _intervals(certificate.get("best"))),
            ("exploitability", f"at most {_at_most(certificate.get('exploitability_at_most'))}"),
        ]
    wide = max(len(name) for name, _ in rows)
    return [f"{name:<{wide}}  {text if len(text) <= LONGEST else text[: LONGEST - 3] + '...'}" for name, text in rows]


def _number(x: Any) -> str:
    return f"{x:.9g}" if isinstance(x, float) else f"{x}"


def _at_most(x: Any) -> str:
    """Return a bound as text: of nine digits, the last rounded up."""
    if not isinstance(x, float):
        return f"{x}"
    return f"{float(Context(prec=9, rounding=ROUND_CEILING).create_decimal(Decimal(x))):.9g}"


def _intervals(pairs: Any) -> str:
    """Return intervals as text: one number where both ends look alike."""
    try:
        texts = [(_number(low), _number(high)) for low, high in pairs]
    except (TypeError, ValueError):
        return f"{pairs}"
    return ", ".join(low if low == high else f"{low} to {high}" for low, high in texts)


COMMANDS = (certify,)
