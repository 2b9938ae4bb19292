"""Files from strangers: whatever is in them, the answer is a solution or one sentence."""

import json
import os
import struct
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

import counterplay
from counterplay.engine import files, schema, store
from counterplay.engine.errors import UserError
from counterplay.engine.text import as_json, printable
from counterplay.show import terminal

RIVER = "holdem(board='Ks 9d 4c 7h 2s', oop='AA,QJs', ip='99,AQs', pot=60, stack=170, bets='75%')"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Return arrays and header of a small solution of each kind, by name."""
    folder, found = tmp_path_factory.mktemp("strangers"), {}
    for name, game, options in (
        ("cfr", "kuhn", {}),
        ("joint", "kuhn(players=3)", {}),
        ("mmd", "kuhn", {"algorithm": "mmd", "temperature": 0.5}),
        ("dark", "dark_hex(size=(2, 3))", {}),
        ("river", RIVER, {}),
        ("river16", RIVER, {"compress": True}),
    ):
        counterplay.solve(game, iterations=5, **options).save(folder / name)
        found[name] = store.read(folder / name)
    return found


NAMES = ("cfr", "joint", "mmd", "dark", "river", "river16")


def used(path):
    """Do all that looks at a solution; return the sentence with which a file is refused, or nothing."""
    try:
        solution = counterplay.load(path)
        solution.judge()
        solution.against(solution)
        counterplay.solve(resume=solution, iterations=min(solution.iterations + 2, 100), threads=None)
        list(solution.rows())
        repr(solution)
    except UserError as error:
        return _sentence(error)
    return ""


def _sentence(error):
    assert 10 < len(str(error)) < 900
    return str(error)


def write(path, arrays, header):
    """Write a file past all checks."""
    whole = {name: np.ascontiguousarray(a) for name, a in arrays.items()}
    save_file(whole, path, metadata={"counterplay": json.dumps(header)})


WRONG = [None, -1, 0, 1, 2**60, 2**70, -0.5, 1e300, float("nan"), float("inf"), True, "", "x", "\x1b[2J", [], {}]
WRONG += [[1], [[1, 2]], [["a", 1, 1]], [[5, -1, 0]], [[9, 1, 1], [1, 1, 1]], {"a": "b"}, {"a": float("nan")}]


@pytest.mark.parametrize("name", NAMES)
def test_edited_headers(tmp_path, saved, name):
    arrays, header = saved[name]
    path, answers = tmp_path / "x.cps", set()
    places = [(key,) for key in header] + [("method", key) for key in header["method"]] + [("kind",), ("new",)]
    rng = np.random.default_rng(3)
    for place in places:
        edits = [WRONG[i] for i in rng.permutation(len(WRONG))[:9]]
        for wrong in (*edits, KeyError):
            edited = json.loads(json.dumps(header))
            inner = edited if len(place) == 1 else edited[place[0]]
            inner.pop(place[-1], None) if wrong is KeyError else inner.update({place[-1]: wrong})
            write(path, arrays, edited)
            answers.add(bool(used(path)))
    assert answers == {True, False}  # some of it does not matter


def _edits(array, rng):
    """Yield an array changed in one way after another."""
    yield array[:0]
    yield array[: len(array) // 2]
    yield np.concatenate([array, array[-1:]])
    yield array[None]
    yield array[::-1]
    for dtype in (np.float32, np.float64, np.int8, np.int16, np.uint8, np.int64, np.bool_):
        with np.errstate(invalid="ignore"):
            yield array.astype(dtype)
    for value in (np.nan, np.inf, -1, 1e30, 2**31, -(2**31)):
        changed = array.copy().astype(array.dtype)
        with np.errstate(all="ignore"):
            changed.reshape(-1)[rng.integers(changed.size)] = np.array(value).astype(array.dtype)
        yield changed
    noise = rng.integers(0, 256, array.nbytes, np.uint8)
    yield noise.view(array.dtype).reshape(array.shape)


@pytest.mark.parametrize("name", NAMES)
def test_edited_arrays(tmp_path, saved, name):
    arrays, header = saved[name]
    path, rng, refused, tried = tmp_path / "x.cps", np.random.default_rng(5), 0, 0
    for key, array in arrays.items():
        for changed in _edits(array, rng):
            write(path, {**arrays, key: changed}, header)
            refused, tried = refused + bool(used(path)), tried + 1
        write(path, {k: a for k, a in arrays.items() if k != key}, header)
        assert used(path), key
        write(path, {**arrays, f"{key}x": array}, header)
        assert used(path), key
    assert refused > 0.6 * tried  # the rest changes nothing, or is another run of the game


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("mmd", "state.logit", np.zeros(1)),
        ("mmd", "state.magnet", np.full(40, np.nan)),
        ("mmd", "state.sigma", np.full(40, -1.0)),
        ("cfr", "state.total", np.full(40, -1.0)),
        ("cfr", "state.regret", np.full(40, np.nan)),
        ("cfr", "strategy", np.full((8, 3), np.nan)),
        ("cfr", "owner", np.full(4, 9, np.int8)),
        ("cfr", "first", np.array([0, 9, 4, 6, 8])),
        ("river16", "state.total_scale", np.zeros(0, np.float32)),
        ("river16", "state.total_scale", np.full(1, np.nan, np.float32)),
        ("river", "state.total", np.zeros(64, np.float64)),
    ],
)
def test_arrays_that_once_did_harm(tmp_path, saved, name, key, value):
    arrays, header = saved[name]
    write(tmp_path / "x.cps", {**arrays, key: value}, header)
    assert used(tmp_path / "x.cps")


def test_a_run_whose_tables_are_another_strategy(tmp_path, saved):
    arrays, header = saved["cfr"]
    write(tmp_path / "x.cps", {**arrays, "state.total": arrays["state.total"][::-1]}, header)
    assert "strateg" in used(tmp_path / "x.cps")


def _head(path, head, tail=b""):
    data = json.dumps(head).encode()
    path.write_bytes(struct.pack("<Q", len(data)) + data + tail)


def test_headers_that_promise_giants(tmp_path, monkeypatch):
    meta = {"__metadata__": {"counterplay": '{"format": 1}'}}
    path = tmp_path / "x.cps"
    for entry in (
        {"dtype": "F64", "shape": [2**50], "data_offsets": [0, 2**53]},
        {"dtype": "F64", "shape": [2**63], "data_offsets": [0, 8]},
        {"dtype": "F64", "shape": [-1], "data_offsets": [0, 8]},
        {"dtype": "F64", "shape": [1], "data_offsets": [8, 0]},
        {"dtype": "F99", "shape": [1], "data_offsets": [0, 8]},
        {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]},
    ):
        _head(path, {**meta, "strategy": entry}, bytes(8))
        assert used(path)
    one = {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}
    _head(path, {**meta, "strategy": one, "first": one}, bytes(8))  # they lie over each other
    assert used(path)
    path.write_bytes(struct.pack("<Q", 2**62) + bytes(100))
    assert used(path)
    for text in ("[" * 100_000, '{"format": 1e999}', '{"format": true}', '{"format": -1}', "\ud800", "NaN"):
        save_file({"x": np.zeros(1)}, path, metadata={"counterplay": text.encode("utf-8", "replace").decode()})
        assert "header" in used(path)
    with path.open("wb") as file:  # a giant of a file, most of it a hole
        head = json.dumps({**meta, "x": {"dtype": "U8", "shape": [2**44], "data_offsets": [0, 2**44]}}).encode()
        file.write(struct.pack("<Q", len(head)) + head)
        try:
            file.truncate(8 + len(head) + 2**44)
        except OSError:
            file.truncate(8 + len(head) + 2**20)
            monkeypatch.setattr(store, "available", lambda: 2**19)
    assert "of memory" in used(path)


def test_only_regular_files_are_read(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.cps")
    os.mkfifo(tmp_path / "pipe.efg")
    os.mkfifo(tmp_path / "pipe.toml")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="is a pipe, not a solution file"):
        counterplay.load("pipe.cps")
    for spec, says in (
        ("gambit:/dev/zero", "/dev/zero is a device, not a Gambit file"),
        ("gambit:.", ". is a folder, not a Gambit file"),
        ("pipe.efg", "is a pipe"),
        ("pipe.toml", "is a pipe"),
        ("matrix(file='/dev/zero')", "is a device"),
        ("matrix(file='pipe.toml')", "is a pipe"),
        ("gambit:a\0b", "no name of a file"),
    ):
        with pytest.raises(UserError, match=says):
            counterplay.solve(spec)
    (tmp_path / "giant.toml").write_bytes(b"")
    os.truncate(tmp_path / "giant.toml", files.MOST_TEXT + 1)
    (tmp_path / "giant.toml").rename(tmp_path / "giant.efg")
    with pytest.raises(UserError, match="larger than 64 MB"):
        counterplay.solve("giant.efg")
    (tmp_path / "deep.toml").write_text("a = " + "[" * 100_000)
    with pytest.raises(UserError, match="not written as TOML"):
        counterplay.solve("deep.toml")


def test_a_wrong_file_is_not_quoted(tmp_path):
    (tmp_path / "shadow").write_text("root:$6$secret:19000:0:99999:7:::\n")
    with pytest.raises(UserError, match="expected a Gambit file") as told:
        counterplay.solve(f"gambit:{tmp_path / 'shadow'}")
    assert "secret" not in str(told.value)
    (tmp_path / "long.efg").write_text('EFG 2 R "x" ' + "y" * 10_000)
    with pytest.raises(UserError) as told:
        counterplay.solve(str(tmp_path / "long.efg"))
    assert len(str(told.value)) < 400


EVIL = "\x1b[2J\x1b]0;owned\x07\x9b1mA\r\x7f\u202e"


def _is_clean(text):
    return all(c.isprintable() or c in "\n\t" for c in text)


def test_nothing_from_a_file_steers_the_terminal(tmp_path, saved, capsys, run):
    arrays, header = saved["cfr"]
    labels = schema.strings(arrays["labels"], "labels")
    evil = {
        **arrays,
        "labels": store.pack([f"{label}{EVIL}" for label in labels]),
        "actions": store.pack([(f"a{EVIL}", f"b{EVIL}")] * 4),
        "hands": store.pack([(f"1{EVIL}", f"2{EVIL}", f"3{EVIL}")] * 2),
    }
    file = str(tmp_path / "evil.cps")
    write(file, evil, {**header, "game": f"kuhn{EVIL}", "stopped_by": EVIL[:20]})
    for command in (["show", file], ["show", file, "--infoset", "nothing"], ["evaluate", file], ["play", file]):
        _, out, err = run(*command)
        assert _is_clean(out + err), command
        assert out + err
    _, out, _ = run("export", file, "--to", "json")
    assert _is_clean(out)
    assert json.loads(out)["infosets"][0]["hand"].startswith(f"1{EVIL}")
    assert _is_clean(repr(counterplay.load(file)))


def test_our_own_colours_survive(monkeypatch, capsys):
    from counterplay.show.text import HEADING

    monkeypatch.setattr(terminal, "coloured", lambda: True)
    painted = terminal.paint(f"head{EVIL}", HEADING)
    shown = []
    monkeypatch.setattr(terminal.click, "echo", shown.append)
    terminal.put([f"{painted} and \x1b[31mred"])
    assert shown[0].startswith("\x1b[1m")
    theirs = shown[0].split("head")[1]
    assert printable(theirs.replace("\x1b[0m", "")) == theirs.replace("\x1b[0m", "")
    assert "\\x1b[31mred" in theirs


def test_progress_is_safe_too(capsys):
    from counterplay.show.live import Display
    from counterplay.show.solving import SolveWatch
    from counterplay.solvers.run import Check, Limits, Progress

    watch = SolveWatch(f"kuhn{EVIL}", 0.0, False, None)
    watch.size("small")
    watch.progress(Progress(1, 9.0, Limits(), (Check(1, 9.0, 0.5),)))
    assert _is_clean(capsys.readouterr().err)
    shown = Display(f"Solving kuhn{EVIL}[/][red]")
    shown.line = EVIL
    shown.console.print(shown.picture())
    assert "\x1b]0;owned" not in capsys.readouterr().err


def test_json_is_safe_and_the_same():
    data = {"a": EVIL, "b": ["é \n", 1.5]}
    text = as_json(data)
    assert text.isprintable()
    assert json.loads(text) == data
    assert _is_clean(as_json(data, indent=1))
    assert _is_clean(str(UserError(EVIL)))
    assert printable("plain é ♠") == "plain é ♠"


def test_newlines_in_labels_and_games_without_decisions(tmp_path):
    class Odd:
        players = 2

        def root(self):
            return ()

        def turn(self, state):
            return -2 if state else 0

        def moves(self, state):
            return ("left\nor so", "right")

        def play(self, state, move):
            return (move,)

        def payoffs(self, state):
            return (1.0, -1.0) if state[0] else (0.0, 0.0)

        def sees(self, state, player):
            return "here\nand there"

    class Nothing(Odd):
        def turn(self, state):
            return -2

        def payoffs(self, state):
            return (1.0, -1.0)

    for game in (Odd(), Nothing()):
        solution = counterplay.solve(game, iterations=5)
        solution.save(tmp_path / "x.cps")
        again = counterplay.load(tmp_path / "x.cps", game)
        assert (again.actions, again.labels, again.hands) == (solution.actions, solution.labels, solution.hands)
        np.testing.assert_array_equal(again.strategy, solution.strategy)
        assert again.judge() == solution.judge()
        counterplay.solve(game, resume=counterplay.load(tmp_path / "x.cps"), iterations=7)


def test_a_solution_cannot_be_changed_in_place(tmp_path):
    import copy
    import pickle

    solution = counterplay.solve("kuhn", iterations=5)
    for one in (solution, copy.deepcopy(solution), copy.copy(solution), pickle.loads(pickle.dumps(solution))):
        for array in (one.strategy, one.first, one.state["total"]):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0
        for part in (one.state, one.figures):
            with pytest.raises(TypeError):
                part["x"] = 1
        assert one.judge() == solution.judge()
        assert counterplay.solve(resume=one, iterations=9).iterations == 9
    solution = counterplay.solve(RIVER, iterations=5)
    for one in (solution, copy.deepcopy(solution), pickle.loads(pickle.dumps(solution)), replace(solution, threads=1)):
        with pytest.raises(ValueError, match="read-only"):
            one.state["total"][0] = 0
        assert one.judge() == solution.judge()
        assert counterplay.solve(resume=one, iterations=9).iterations == 9


def test_replacing_a_strategy_replaces_what_it_is_worth():
    solution = counterplay.solve("kuhn", iterations=5)
    flat = counterplay.engine.strategy.uniform(solution.tree)
    with pytest.raises(UserError, match="another strategy"):
        replace(solution, strategy=flat)
    found = counterplay.judge(solution, flat)
    given = replace(solution, strategy=flat, value=found.value, best=found.best)
    assert given.exploitability == found.exploitability == given.judge().exploitability
    with pytest.raises(UserError, match="does not have the strategy"):
        counterplay.solve(resume=given, iterations=9)
    assert replace(solution, seed=3).seed == 3


def test_games_are_compared_by_what_they_pay():
    one, two = (counterplay.solve(f"leduc(ranks=2, bets=(2, {b}))", iterations=3) for b in (4, 6))
    with pytest.raises(UserError, match="different games"):
        one.against(two)

    class Stakes:
        players = 2

        def __init__(self, high):
            self.high = high

        def root(self):
            return ()

        def turn(self, state):
            return len(state) if len(state) < 2 else -2

        def moves(self, state):
            return ("a", "b")

        def play(self, state, move):
            return (*state, move)

        def payoffs(self, state):
            gain = {(0, 0): 1.0, (1, 1): self.high}.get(state, 0.0)
            return gain, -gain

        def sees(self, state, player):
            return "once"

    low, high = (counterplay.solve(Stakes(h), iterations=20) for h in (1.0, 2.0))
    with pytest.raises(UserError, match="different games"):
        low.against(high)
    with pytest.raises(UserError, match="not those that the solution"):
        counterplay.solve(Stakes(2.0), resume=low, iterations=30)
    assert counterplay.solve(Stakes(1.0), resume=low, iterations=30).iterations == 30
    assert len(low.against(counterplay.solve(Stakes(1.0), iterations=9))) == 2
    for other in ("kuhn(players=3)", counterplay.games.make("kuhn(players=3)")):
        with pytest.raises(UserError, match="is of kuhn, not"):
            counterplay.solve(other, resume=counterplay.solve("kuhn", iterations=2), iterations=9)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "run"
    small = {"envs": 4, "hidden": 4, "batch": 4, "replay": 16, "warmup": 4}
    run = counterplay.train("vdn", "two_step", steps=60, out=folder, seed=1, **small)
    saved = torch.load(folder / "checkpoint.pt", weights_only=True)
    del saved["replay"]  # as version 0.1.0 wrote it: in one file, which has all that an attacker may edit
    replay = {n: torch.from_numpy(np.array(p)) if np.ndim(p) else p for n, p in run.learner.replay.state().items()}
    return {**saved, "learner": {**saved["learner"], "replay": replay}}


def _places(tree, path=()):
    """Yield the way to each part of nested dictionaries and lists."""
    for key, part in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield (*path, key)
        if isinstance(part, dict | list | tuple) and part:
            yield from _places(part, (*path, key))


def _edited(tree, path, wrong):
    """Return a copy with one part changed, or left out."""
    if not path:
        return wrong(tree) if callable(wrong) else wrong
    key, *rest = path
    if isinstance(tree, dict):
        if wrong is KeyError and not rest:
            return {k: part for k, part in tree.items() if k != key}
        return {k: _edited(part, rest, wrong) if k == key else part for k, part in tree.items()}
    parts = [_edited(part, rest, wrong) if k == key else part for k, part in enumerate(tree)]
    return parts


def _opened(folder, saved):
    """Do all that looks at a run; return the sentence with which it is refused, or nothing."""
    torch.save(saved, folder / "checkpoint.pt")
    try:
        run = counterplay.load_run(folder)
        run.evaluate(2)
        counterplay.train(resume=run, steps=min(run.steps, 100) + 8)
    except UserError as error:
        return _sentence(error)
    return ""


def test_edited_checkpoints(tmp_path, checkpoint):
    assert _opened(tmp_path, checkpoint) == ""
    rng, refused, tried = np.random.default_rng(7), 0, 0
    wrongs = [None, -1, 2**70, float("nan"), "x", "\x1b[2J", [], {}, torch.zeros(1), torch.full((3, 3), np.nan)]
    for path in _places(checkpoint):
        if path[0] == "history" and path[1:] > (1,):
            continue
        leave_out = isinstance(path[-1], str) and rng.random() < 0.2
        wrong = KeyError if leave_out else wrongs[rng.integers(len(wrongs))]
        refused += bool(_opened(tmp_path, _edited(checkpoint, path, wrong)))
        tried += 1
    assert refused > 0.8 * tried  # the rest are figures of the past, and settings that have a default


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("run", "format"), -1),
        (("run", "format"), 1.5),
        (("run", "steps"), -1),
        (("run", "episodes"), float("nan")),
        (("run", "seed"), -1),
        (("run", "settings"), [1]),
        (("run", "settings", "lr"), "fast"),
        (("run", "settings", "hidden"), 8),
        (("run", "plan", "steps"), 0),
        (("run", "learner"), "os:system"),
        (("run", "env"), "nowhere"),
        (("rng",), {}),
        (("rng", "state", "inc"), 2),
        (("rng", "state", "state"), 2**200),
        (("rng", "bit_generator"), "MT19937"),
        (("history",), [{"steps": 9e9}]),
        (("since",), {"loss": "x"}),
        (("learner",), {}),
        (("learner", "networks"), {}),
        (("learner", "due"), 1e18),
        (("learner", "optimiser", "count"), -5),
        (("learner", "replay", "next"), 1000),
        (("learner", "replay", "action"), lambda a: a + 9),
        (("learner", "replay", "length"), lambda a: a + 9),
        (("learner", "replay", "obs"), lambda a: a[:1].expand(a.shape)),
        (("learner", "networks", "agents.out.bias"), lambda a: a * np.nan),
        (("learner", "networks", "agents.out.bias"), lambda a: a.to("meta")),
        (("learner", "scales", "obs.mean"), lambda a: a.float()),
    ],
    ids=lambda x: ".".join(x) if isinstance(x, tuple) else "",
)
def test_checkpoints_that_once_did_harm(tmp_path, checkpoint, path, wrong):
    assert _opened(tmp_path, _edited(checkpoint, path, wrong))


def test_checkpoints_that_are_none(tmp_path):
    file = tmp_path / "checkpoint.pt"
    for data in (b"", b"PK\3\4", b"\x80\x04.", bytes(1000)):
        file.write_bytes(data)
        with pytest.raises(UserError, match="damaged"):
            counterplay.load_run(tmp_path)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:  # a thousand times as large once it is read
        archive.writestr("archive/data.pkl", bytes(10_000_000))
    with pytest.raises(UserError, match="damaged"):
        counterplay.load_run(tmp_path)
    torch.save([1, 2], file)
    with pytest.raises(UserError, match="damaged"):
        counterplay.load_run(tmp_path)
    torch.save({"run": {"format": 1}}, file)
    with pytest.raises(UserError, match="does not hold what it should"):
        counterplay.load_run(tmp_path)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(UserError, match="holds no run"):
        counterplay.load_run(tmp_path)


def test_damaged_metrics(tmp_path):
    from counterplay.agents.curves import rows_of

    lines = ['{"steps": 1, "seconds": 0.1, "test_return": null}', '{"steps": 2, "seconds": 0.2}']
    for last in ("", '{"steps": 3, "se', "[1]", '{"steps": "x"}', '{"steps": 4, "seconds": null}', "\x00", "[" * 9999):
        (tmp_path / "metrics.jsonl").write_text("\n".join([*lines, last]))
        assert [row["steps"] for row in rows_of(tmp_path / "metrics.jsonl")] == [1, 2]
    assert rows_of(tmp_path / "nothing") == []
