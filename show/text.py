"""What pages of text are made of: colours, tables, bars, and what values mean in sentences."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from counterplay.engine import arguments
from counterplay.engine.text import payoff, small

_EIGHTHS = " ▏▎▍▌▋▊▉█"

Paint = Callable[[str, int], str]  # styles text: for the number of a colour, DIM or HEADING; or gives it back as it is
DIM, HEADING = -1, -2


def meaning(
    value: Sequence[float], best: Sequence[float], certain: bool, figures: Mapping[str, float]
) -> Iterator[str]:
    """Yield what values and best responses of all players mean, a sentence each.

    `certain` tells of two players and zero sum; `figures` are a solver's further certificates.
    """
    most = small(max(0.0, *(b - v for b, v in zip(best, value, strict=True))))
    gain = "anything" if most == "0" else f"more than {most}"
    if certain:
        yield f"Neither player can gain {gain} by deviating."
        low, high = payoff(-best[1]), payoff(best[0])
        between = low if low == high else f"between {low} and {high}"
        yield f"The game itself is worth {between} to player 0."
    else:
        yield f"If all play the average strategies, no player can gain {gain} by deviating alone;"
        yield "with more than two players or payoffs that are not zero-sum, nothing promises that this goes to 0."
    if "coarse_gap" in figures:
        gap = small(figures["coarse_gap"])
        yield f"What does go to 0: the joint play of the run is {gap} from a coarse correlated equilibrium."
    if "qre_gap" in figures:
        gap = small(figures["qre_gap"])
        yield f"The strategy is {gap} from the quantal-response equilibrium of its temperature."


def plain(text: str, colour: int) -> str:
    """Return the text as it is: the `Paint` of what is no terminal."""
    return text


def table(lines: Sequence[tuple[str, str]], paint: Paint) -> Iterator[str]:
    """Yield names and texts in two columns."""
    return (paint(f"{name:<15} ", HEADING) + text for name, text in lines)


def bar(share: float, width: int) -> str:
    """Return a bar of a share of `width` characters, in eighths."""
    eighths = round(share * width * 8)
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")


def check_player(player: int | str | None, players: int) -> int | None:
    """Return the number of a player, given as a number or its text; raises `ValueError` for one that does not exist."""
    if player is None:
        return None
    return arguments.player(int(player) if isinstance(player, str) and player.isdigit() else player, players)
