"""What files may hold, declared: headers as structures, arrays by name, type and shape.

Whatever comes out of a file passes here before anything else sees it, so that the rest of the program need not doubt
it. What needs the rules of a game (that the arrays are of its size) is asked for where the game is built, by `fit`.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta, Struct

from counterplay.engine.errors import UserError

LARGEST = 2**53  # of numbers of things: beyond it floats do not count any more
MOST_ITERATIONS = 10**6  # by which a state is solved to train a value network
_CHUNK = 1 << 22  # numbers that are looked at together

Count = Annotated[int, Meta(ge=0, le=LARGEST)]
Some = Annotated[int, Meta(ge=1, le=LARGEST)]
Real = Annotated[float, Meta(ge=-1.7e308, le=1.7e308)]  # refuses what is not a number, and infinity
Seconds = Annotated[float, Meta(ge=0, le=1e12)]
Name = Annotated[str, Meta(min_length=1, max_length=100)]
Spec = Annotated[str, Meta(max_length=1_000_000)]

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]
T = TypeVar("T")


class MethodHeader(Struct):
    """An algorithm with its parameters (`solvers.run.Method`)."""

    algorithm: Name
    updates: Literal["", "alternating", "simultaneous"] = ""
    temperature: Annotated[float, Meta(ge=0, le=1.7e308)] = 0.0
    horizon: Count = 0


class SolutionHeader(Struct):
    """The header of every solution file."""

    game: Spec
    method: MethodHeader
    iterations: Count
    seconds: Seconds
    stopped_by: Name
    value: Annotated[list[Real], Meta(min_length=1)]
    best: Annotated[list[Real], Meta(min_length=1)]
    trace: list[tuple[Count, Seconds, Real]]
    seed: int = 0  # spots have none
    figures: dict[str, Real] = {}

    def __post_init__(self) -> None:
        if len(self.value) != len(self.best):
            raise ValueError("values and best responses are of different numbers of players")
        times = [point[0] for point in self.trace]
        if times != sorted(times) or max(times, default=0) > self.iterations:
            raise ValueError("the trace's iterations do not rise to those of the run")


class FactoredHeader(SolutionHeader):
    """The header of a solution of a game that has no tree."""

    infosets: Some = 1  # mirror images counted


class WinningsHeader(Struct):
    """What a strategy earned in games played out (`solvers.winnings.Winnings`)."""

    seats: Annotated[list[Real], Meta(min_length=1, max_length=255)]
    errors: Annotated[list[Real], Meta(min_length=1, max_length=255)]
    mean: Real
    error: Annotated[float, Meta(ge=0, le=1.7e308)]
    deals: Some
    known: Annotated[float, Meta(ge=0, le=1)]


class SteppedHeader(Struct):
    """The header of a solution without a tree; a point is of `solvers.stepped_run.Point`."""

    kind: Literal["stepped"]
    game: Spec
    method: MethodHeader
    iterations: Count
    seconds: Seconds
    seed: Annotated[int, Meta(ge=0)]
    processes: Annotated[int, Meta(ge=1, le=1024)]
    stopped_by: Name
    players: Annotated[int, Meta(ge=1, le=254)]
    plain: bool
    itself: WinningsHeader
    winnings: WinningsHeader
    points: list[tuple[Count, Seconds, Count, Count, Count, Real, Real]]

    def __post_init__(self) -> None:
        times = [point[0] for point in self.points]
        if times != sorted(times) or max(times, default=0) > self.iterations:
            raise ValueError("the points' iterations do not rise to those of the run")


class BucketsHeader(Struct):
    """What buckets of hands are (`games.holdem.buckets.Buckets`)."""

    kind: Literal["buckets"]
    deck: Name
    last: Annotated[int, Meta(ge=1, le=3)]
    spec: Annotated[str, Meta(max_length=200)]
    seed: Count
    sizes: Annotated[list[Some], Meta(min_length=2, max_length=4)]
    digest: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]


class BlueprintHeader(Struct):
    """The header of a blueprint; a point is of `api.blueprint_solution.Point`."""

    kind: Literal["blueprint"]
    game: Spec
    buckets: Name
    buckets_seed: Count
    digest: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
    iterations: Count
    seconds: Seconds
    seed: Count
    stopped_by: Name
    points: list[tuple[Count, Seconds, Count, Real, Annotated[float, Meta(ge=0, le=1.7e308)]]]
    first_at: Count
    winnings: Annotated[dict[Name, WinningsHeader], Meta(max_length=100)]
    exploitability: Real | None
    values: Annotated[list[Real], Meta(max_length=2)]
    bests: Annotated[list[Real], Meta(max_length=2)]

    def __post_init__(self) -> None:
        times = [point[0] for point in self.points]
        if times != sorted(times) or max(times, default=0) > self.iterations or self.first_at > self.iterations:
            raise ValueError("the points' iterations do not rise to those of the run")
        if any(len(x.seats) != 2 or len(x.errors) != 2 for x in self.winnings.values()):
            raise ValueError("winnings are of another number of players")
        judged = 0 if self.exploitability is None else 2
        if len(self.values) != judged or len(self.bests) != judged:
            raise ValueError("values and best responses are not those of two players")


class ValueNetPlan(Struct):
    """How a value network is trained (`agents.value_training.Plan`)."""

    method: Literal["random", "play", "rebel"]
    states: Count
    seed: Count
    horizon: Count
    iterations: Annotated[int, Meta(ge=1, le=MOST_ITERATIONS)]
    hidden: Annotated[int, Meta(ge=1, le=4096)]
    layers: Annotated[int, Meta(ge=1, le=16)]
    batch: Annotated[int, Meta(ge=1, le=2**20)]
    rate: Annotated[float, Meta(gt=0, le=1)]
    passes: Annotated[float, Meta(ge=0, le=1e6)]


class ValueNetHeader(Struct):
    """The header of a value network; a point is of `agents.value_training.Point`."""

    kind: Literal["valuenet", "spotnet"]  # of a game's public states, or of hold'em spots
    game: Spec
    lanes: Annotated[list[Some], Meta(min_length=2, max_length=2)]
    features: Annotated[int, Meta(ge=0, le=4096)]
    plan: ValueNetPlan
    states: Count
    jobs: Count
    steps: Count
    finishing: Count | None
    seconds: Seconds
    stopped_by: Name
    points: list[tuple[Count, Count, Seconds, Real, Real, Real, Real]]
    tests: list[tuple[Count, Count, Seconds, Real]] = []  # of `value_training.Test`

    def __post_init__(self) -> None:
        for place, end in ((0, self.states), (1, self.steps)):
            for rows in (self.points, self.tests):
                if any(a > b for a, b in pairwise([*(row[place] for row in rows), end])):
                    raise ValueError("the points' states and steps do not rise to those of the training")
        if max(self.lanes) > 4096:
            raise ValueError("no network takes so many lanes")


class BatchRow(Struct):
    """A line of a batch of spots (`api.batch_rows`): a solved spot has all but an error."""

    name: Annotated[str, Meta(min_length=1, max_length=2000)]
    board: Annotated[str, Meta(max_length=10)]
    weight: Annotated[float, Meta(ge=0, le=1e12)]
    status: Literal["solved", "interrupted", "failed"]
    error: Annotated[str, Meta(max_length=100_000)] | None
    file: Annotated[str, Meta(max_length=2000)] | None
    iterations: Count | None
    seconds: Seconds | None
    exploitability: Real | None
    ev_oop: Real | None
    ev_ip: Real | None
    equity_oop: Real | None
    actions: dict[Name, Annotated[float, Meta(ge=0, le=1.001)]]
    digest: Annotated[str, Meta(max_length=100)]

    def __post_init__(self) -> None:
        missing = [name for name in self.__struct_fields__ if name != "error" and getattr(self, name) is None]
        if self.status == "solved" and missing:
            raise ValueError(f"a solved spot has no {missing[0]}")
        if self.status == "interrupted" and self.iterations is None:
            raise ValueError("an interrupted spot has no iterations")


class PlanHeader(Struct):
    """How long a run trains (`agents.run.Plan`)."""

    steps: Some
    test_every: Some | None
    test_episodes: Some
    keep_replay: bool = True
    past_every: Some | None = None
    processes: Some = 1
    compress: Literal["none", "powersgd"] = "none"


class AgainstHeader(Struct):
    """Who takes the other seats of a run."""

    sides: Annotated[list[Annotated[str, Meta(min_length=1, max_length=10_000)]], Meta(min_length=1, max_length=1000)]
    digests: list[Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")]]
    seat: Annotated[int, Meta(ge=0, le=10_000)] | None = None

    def __post_init__(self) -> None:
        if len(self.sides) != len(self.digests):
            raise ValueError("not every side of the run has a digest")


class InitHeader(Struct):
    """Whose networks a run began with."""

    folder: Annotated[str, Meta(min_length=1, max_length=10_000)]
    digest: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class BestHeader(Struct):
    """The best test of a run (`agents.best.Best`)."""

    steps: Count
    measure: Literal["return", "exploitability"]
    figure: float


class AbsoluteHeader(Struct, rename={"mean": "return"}):
    """What the best of a run comes to in episodes that it was not chosen by."""

    steps: Count
    mean: float
    low: float | None
    high: float | None
    episodes: Some


class RunHeader(Struct):
    """What a run of a learner is, in its checkpoint and in run.json."""

    format: Some
    learner: Annotated[str, Meta(min_length=1, max_length=10_000)]
    env: Annotated[str, Meta(min_length=1, max_length=1_000_000)]
    seed: Annotated[int, Meta(ge=0)]
    settings: dict[str, Any]
    plan: PlanHeader
    steps: Count
    episodes: Count
    seconds: Seconds
    stopped_by: Annotated[str, Meta(max_length=100)]
    against: AgainstHeader | None = None
    init_from: InitHeader | None = None
    best: BestHeader | None = None
    absolute: AbsoluteHeader | None = None


class Position(Struct):
    """Where the generator `PCG64` stands."""

    state: Annotated[int, Meta(ge=0)]
    inc: Annotated[int, Meta(ge=0)]

    def __post_init__(self) -> None:
        if max(self.state, self.inc) >= 2**128 or self.inc % 2 == 0:
            raise ValueError("the numbers of the generator are none of its states")


class Generator(Struct):
    """The state of a run's generator."""

    bit_generator: Literal["PCG64"]
    state: Position
    has_uint32: Annotated[int, Meta(ge=0, le=1)]
    uinteger: Annotated[int, Meta(ge=0, le=2**32 - 1)]


class ReplayHead(Struct):
    """Which files beside a checkpoint hold its replay, each by its first episode, its end, and what is in its name."""

    size: Count
    added: Count
    parts: list[tuple[Count, Count, Annotated[str, Meta(pattern="^[0-9a-f]{8}$")]]]


class RankHeader(Struct):
    """What a further process of a run keeps to itself (`agents.run.Run.own`)."""

    rng: Generator
    playing: dict[str, Any] | None = None
    explorer: dict[str, Any] | None = None


class CheckpointHeader(Struct):
    """What a checkpoint holds beside its learner's state."""

    run: RunHeader
    rng: Generator
    history: list[dict[str, float]]  # figures of rows may be infinite or no numbers
    since: dict[str, list[float]]
    learner: dict[str, Any]
    replay: ReplayHead | None = None
    playing: dict[str, Any] | None = None  # episodes that went on when it was written
    ranks: list[RankHeader] = []

    def __post_init__(self) -> None:
        if any(isinstance(x, int) and abs(x) > LARGEST for x in self.run.settings.values()):
            raise ValueError("a setting is beyond all measure")
        if not all({"steps", "episodes", "seconds", "return"} <= row.keys() for row in self.history):
            raise ValueError("a row of the history lacks figures that every row has")
        if not all(0 <= row["seconds"] < math.inf for row in self.history):
            raise ValueError("a row of the history took no time that there is")
        for name, end in (("steps", self.run.steps), ("episodes", self.run.episodes)):
            counts = [row[name] for row in self.history]
            if any(not 0 <= a <= b for a, b in pairwise([*counts, end])):
                raise ValueError(f"the rows of the history do not rise to the {name} of the run")


MetricsRow = dict[str, float | None]  # a line of metrics.jsonl


def convert(data: Any, kind: type[T], of: str) -> T:
    """Return data as a structure; raises `ValueError` that says what is wrong with `of` and where."""
    try:
        return msgspec.convert(data, kind)
    except (msgspec.ValidationError, RecursionError, OverflowError, AttributeError, TypeError) as error:
        # the last two: of a tensor where a dictionary belongs
        raise UserError(f"{of} does not hold what it should: {told(error)}") from None


def told(error: Exception) -> str:
    """Return what a check has found, in a few words."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    text = " ".join(str(error).replace("`", "").split())
    return text[:200] or type(error).__name__


def strings(array: Array, of: str) -> list[str]:
    """Return a list of texts that `store.pack` made; raises `ValueError` for anything else."""
    return _decoded(array, list[str], of)


def lists(array: Array, of: str) -> list[list[str]]:
    """Return lists of texts that `store.pack` made, each of them one text with line ends in files of format 1."""
    found = _decoded(array, list[str | list[str]], of)
    return [texts.split("\n") if isinstance(texts, str) else texts for texts in found]


def _decoded(array: Array, kind: type[T], of: str) -> T:
    if array.dtype != np.uint8 or array.ndim != 1:
        raise UserError(f"{of} are not kept as text")
    try:
        return msgspec.json.decode(array.tobytes(), type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise UserError(f"{of} cannot be read: {told(error)}") from None


def check_names(arrays: Arrays, known: Sequence[str], of: str) -> None:
    """Raise `ValueError` where there are arrays of other names."""
    for name in arrays:
        if name not in known:
            raise UserError(f"{of} has an array {name[:40]!r}, which is none of {', '.join(known)}")


def part(arrays: Arrays, name: str, dtype: Any, shape: tuple[int | None, ...], of: str) -> Array:
    """Return an array of that name, type and shape (None: any length), without numbers that are none.

    A file leaves out empty arrays, so what is missing is empty. Raises `ValueError` for what does not fit.
    """
    kind = np.dtype(dtype)
    array = arrays.get(name, np.zeros(tuple(0 if size is None else size for size in shape), kind))
    if name not in arrays and array.size:
        raise UserError(f"{of} has no {name}")
    fits = array.ndim == len(shape) and all(b in (None, a) for a, b in zip(array.shape, shape, strict=False))
    if array.dtype != kind or not fits:
        wanted = " x ".join("any" if size is None else f"{size:,}" for size in shape)
        raise UserError(f"{of} has {name} of {array.dtype} in the shape {array.shape}, where {kind} in {wanted} belong")
    if kind.kind == "f" and not finite(array):
        raise UserError(f"{of} has {name} with entries that are not numbers, or none that a run has")
    return array


def fit(arrays: Arrays, like: Arrays, of: str) -> dict[str, Array]:
    """Return arrays that have the names, types and shapes of those in `like`, all of them numbers.

    That is what a kernel is given: it trusts the sizes that it is told. Raises `ValueError` for what does not fit.
    """
    check_names(arrays, list(like), of)
    return {name: part(arrays, name, kind.dtype, kind.shape, of) for name, kind in like.items()}


def finite(array: Array) -> bool:
    """Tell whether all entries are finite numbers, and sums of many of them too.

    It is found out part by part, so that there is no second array of that size.
    """
    flat, most = array.reshape(-1), float(np.finfo(array.dtype).max) / _CHUNK
    return all(bool((np.abs(flat[i : i + _CHUNK]) <= most).all()) for i in range(0, flat.size, _CHUNK))


def least(array: Array) -> float:
    """Return the smallest entry, 0 if there is none."""
    return float(array.min(initial=0)) if array.size else 0.0


def is_mix(rows: npt.NDArray[np.float64], first: npt.NDArray[Any]) -> bool:
    """Tell whether rows first[i] .. first[i + 1] of [R, W] are probabilities in each column, for each i."""
    if not (least(rows) >= 0 and finite(rows)):
        return False
    if len(first) < 2:
        return not rows.size
    totals = np.add.reduceat(rows, first[:-1].astype(np.int64), axis=0)
    return bool(np.abs(totals - 1.0).max(initial=0.0) <= 1e-6)


def offsets(first: npt.NDArray[Any], sizes: Sequence[int]) -> bool:
    """Tell whether first[i] .. first[i + 1] are parts of those sizes, one after another, from 0 on."""
    return len(first) == len(sizes) + 1 and np.array_equal(np.diff(first), sizes) and not first[0]
