"""The strategy browser: its answers against the library's, its server, its exported page, its page in a browser."""

import json
import re
import shutil
import threading
import urllib.error
import urllib.request
from http.client import HTTPConnection
from urllib.parse import quote, urlsplit

import numpy as np
import pytest
from click.testing import CliRunner

import counterplay
from counterplay.api.browse import Browser, Lost
from counterplay.api.browse_export import MODULES, page
from counterplay.api.browse_server import PAGE, Server
from counterplay.cli import cli
from counterplay.engine.errors import UserError
from counterplay.games.holdem.cards import combo_number, parse_cards
from counterplay.games.holdem.made import DRAWS, MADE, made_on
from counterplay.games.holdem.spot import parse_spot

SPOT = """
board = "Ks 9d 4c 7h 2s"
pot = 60
stack = 90
[range]
oop = "KQs,99,A4s,T8s,65s"
ip = "AA,KJs,A9s,QJs,86s"
[bets.river]
bet = ["50%"]
raise = ["all-in"]
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("view")
    counterplay.solve(parse_spot(SPOT), iterations=40).save(folder / "river.cps")
    counterplay.solve("kuhn", iterations=60).save(folder / "kuhn.cps")
    counterplay.solve("dark_hex(size=2)", iterations=20).save(folder / "hex.cps")
    run = folder / "run"
    run.mkdir()
    (run / "metrics.jsonl").write_text('{"steps": 10, "loss": 1.5}\n{"steps": 20, "loss": null}\n{"steps": 3')
    return folder


@pytest.fixture(scope="module")
def browser(files):
    return Browser([str(files / name) for name in ("river.cps", "kuhn.cps", "run", "hex.cps")])


@pytest.fixture(scope="module")
def server(browser):
    with Server(browser) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def asked(browser, what, **query):
    return json.loads(browser.answer(what, {name: str(value) for name, value in query.items()}))


@pytest.mark.parametrize("line", ["", "check", "check bet 30"])
def test_a_decision_is_what_show_says(browser, files, line):
    done = CliRunner().invoke(cli, ["show", str(files / "river.cps"), "--node", line, "--combos", "0", "--json"])
    said, told = json.loads(done.output), asked(browser, "node", at=line)
    for name in ("node", "board", "player", "pot", "reach", "note", "ev", "equity", "realisation", "strategy"):
        assert told[name] == said[name]
    hands = told["hands"][told["player"]]
    rows = {row["combo"]: row for row in said["combos"]}
    assert sorted(hands["combo"]) == sorted(rows)
    for k, combo in enumerate(hands["combo"]):
        for name in ("weight", "ev", "equity"):
            assert hands[name][k] == pytest.approx(rows[combo][name], abs=1e-6)
        for a, action in enumerate(told["actions"]):
            assert hands["strategy"][a][k] == pytest.approx(rows[combo]["strategy"][action], abs=1e-6)


def test_a_line_shows_all_siblings(browser):
    told = asked(browser, "node", at="check bet 30")
    assert [(step["who"], step["chosen"]) for step in told["line"]] == [("OOP", "check"), ("IP", "bet 30")]
    assert [move["label"] for move in told["line"][1]["moves"]] == ["check", "bet 30"]
    assert [(move["label"], move["kind"]) for move in told["next"]["moves"]] == [
        ("fold", "end"),
        ("call", "end"),
        ("all-in 90", "decision"),
    ]
    assert asked(browser, "node", at="check check")["kind"] == "end"


def test_best_response_at_the_root_is_what_was_judged(browser, files):
    solution, told = counterplay.load(files / "river.cps"), asked(browser, "response")
    assert told["ev"] == pytest.approx(solution.best[0], abs=1e-4)
    assert told["gain"] == pytest.approx(solution.best[0] - solution.value[0], abs=1e-4)


def test_best_response_never_earns_less(browser):
    for line in ("check", "bet 30", "check bet 30"):
        node, told = asked(browser, "node", at=line), asked(browser, "response", at=line)
        worth = np.array(told["action_ev"], float)
        own = np.array(node["hands"][node["player"]]["ev"], float)
        seen = ~np.isnan(own)
        assert (worth.max(axis=0)[seen] >= own[seen] - 1e-3).all()
        assert told["gain"] >= -1e-4


def test_blockers_are_shares_of_the_ranges(browser):
    node, told = asked(browser, "node"), asked(browser, "blockers")
    ace = next(card for card in told["cards"] if card["card"] == "Ad")
    shares = dict(zip(node["hands"]["ip"]["combo"], node["hands"]["ip"]["share"], strict=True))
    assert ace["removed"] == pytest.approx(sum(x for combo, x in shares.items() if "Ad" in combo))
    assert sum(ace["strategy"].values()) == pytest.approx(1.0)
    assert sum(ace["answers"]["bet 30"].values()) == pytest.approx(1.0)


def test_ranges_can_be_solved_again(browser):
    told = asked(browser, "range", at="check")
    assert parse_spot(told["spot"]).board == parse_cards("Ks9d4c7h2s")
    assert "KQs" in told["oop"] or "KhQh" in told["oop"] or "KcQc" in told["oop"]


@pytest.mark.parametrize(
    ("board", "hand", "made", "draws"),
    [
        ("Ks 9d 4c", "9s9c", "set", ("no draw",)),
        ("Ks 9d 4c", "AsKd", "top pair", ("no draw",)),
        ("Ks 9s 4c", "AsQs", "ace high", ("flush draw",)),
        ("Ks 9d 4c", "AhAd", "overpair", ("no draw",)),
        ("Ks 9d 4c", "QhQd", "second pair", ("no draw",)),
        ("Ks 9d 4c", "9hTd", "second pair", ("no draw",)),
        ("Ks 9d 4c", "4h3d", "low pair", ("no draw",)),
        ("Ks 9d 4c", "JhTd", "no pair", ("gutshot",)),
        ("8s 9d 4c", "JhTd", "no pair", ("open-ended", "overcards")),
        ("Ks Kd 4c", "KhTd", "trips", ("no draw",)),
        ("Ks Kd 4c", "AhTd", "ace high", ("no draw",)),
        ("Ks Kd 4c", "AhAd", "overpair", ("no draw",)),
        ("Ks 9d 4c", "Kh9h", "two pair", ("no draw",)),
        ("As 2d 3c 4h", "5s9c", "straight", ("no draw",)),
        ("As Ks 3s 4s 9d", "5s9c", "flush", ()),
    ],
)
def test_hands_have_names(board, hand, made, draws):
    cards = parse_cards(hand)
    found = made_on(parse_cards(board))[combo_number(*cards)]
    assert (found.made, tuple(d for d in found.draws if d != "backdoor flush") or ("no draw",) * bool(draws)) == (
        made,
        draws,
    )
    assert found.made in MADE
    assert set(found.draws) <= set(DRAWS)


def test_a_tree_is_walked_move_by_move(browser, files):
    solution, told = counterplay.load(files / "kuhn.cps"), asked(browser, "node", source=1, at="0/1")
    assert (told["player"], told["actions"]) == (0, ["fold", "call"])
    for row in told["rows"]:
        there = solution.at(row["hand"], told["label"], player=0)
        assert row["strategy"] == pytest.approx(list(there.values()))
    fold = told["actions"].index("fold")
    assert [row["action_ev"][fold] for row in told["rows"]] == pytest.approx([-1.0, -1.0, -1.0])
    root = asked(browser, "node", source=1)
    assert sum(row["ev"] for row in root["rows"]) / 3 == pytest.approx(solution.value[0])
    assert sum(max(row["response"]) for row in root["rows"]) / 3 == pytest.approx(solution.best[0])
    assert asked(browser, "node", source=1, at="0/0")["kind"] == "end"
    assert asked(browser, "search", source=1, text="bet")["found"]


def test_histories_are_walked_too(browser):
    told = asked(browser, "node", source=3)
    assert told["kind"] == "decision"
    assert sum(told["rows"][0]["strategy"]) == pytest.approx(1.0)


def test_games_in_steps_are_lists_of_what_was_met(tmp_path):
    solution = counterplay.solve("kuhn", "mccfr-external", iterations=300, memory="1MB")
    solution.save(tmp_path / "steps.cps")
    steps = Browser([str(tmp_path / "steps.cps")])
    told = asked(steps, "node")
    most = list(solution.most_visited(200))
    assert [(row["player"], row["hand"], row["visits"]) for row in told["rows"]] == [
        (met.player, met.label, met.visits) for met in most
    ]
    own = asked(steps, "node", at="1:")
    assert {row["player"] for row in own["rows"]} == {1}
    assert own["line"][0]["chosen"] == "player 1"
    (row,) = asked(steps, "node", at=told["rows"][0]["at"])["rows"]
    assert dict(zip(row["actions"], row["strategy"], strict=True)) == pytest.approx(
        solution.at(row["hand"], player=row["player"])
    )
    assert asked(steps, "search", text=told["rows"][-1]["hand"])["found"]
    for wrong in ("7:", "x: K", "0: nothing of the kind"):
        with pytest.raises(UserError):
            steps.answer("node", {"at": wrong})
    _, count, whole = page(steps, 300)
    assert whole
    assert count == 3 + len(most)
    with pytest.raises(UserError, match=r"there is no response of steps\.cps: it has node, search"):
        steps.answer("response", {})


@pytest.mark.slow
def test_run_outs_are_kept_with_a_page(tmp_path):
    turn = SPOT.replace("Ks 9d 4c 7h 2s", "Ks 9d 4c 7h").replace("[bets.river]", "[bets.turn]\nbet = []\n[bets.river]")
    counterplay.solve(parse_spot(turn), iterations=2).save(tmp_path / "turn.cps")
    text, _, _ = page(Browser([str(tmp_path / "turn.cps")]), 4)
    kept = json.loads(re.search(r'id="kept">(.*?)</script>', text, re.S)[1])
    assert len(kept["runouts?source=0&at=check%20check"]["cards"]) == 48


def test_curves_of_a_run(browser):
    assert asked(browser, "node", source=2)["curves"] == {"loss": [[10.0, 1.5]]}


@pytest.mark.parametrize(
    ("what", "query", "said"),
    [
        ("node", {"at": "dance"}, "cannot 'dance'"),
        ("node", {"source": "9"}, "no source '9'"),
        ("node", {"source": "1", "at": "7"}, "no move '7'"),
        ("node", {"source": "1", "at": "0/\u00b2"}, "no move '\u00b2'"),
        ("node", {"source": "1", "at": "1" * 5000}, "no move '111"),
        ("secrets", {}, "there is no secrets"),
        ("response", {"source": "1"}, "there is no response"),
    ],
)
def test_what_cannot_be_answered(browser, what, query, said):
    with pytest.raises(UserError, match=re.escape(said)):
        browser.answer(what, query)


def get(server, path, **headers):
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, response.headers, body


def test_the_server_answers_its_page_alone(server):
    home = f"/{server.token}/"
    port = server.server_port
    assert get(server, home)[0] == 200
    assert json.loads(get(server, f"{home}api/sources")[2])["sources"][0]["file"] == "river.cps"
    for origin in ("http://evil.example", "null", f"https://127.0.0.1:{port}"):
        assert get(server, f"{home}api/sources", Origin=origin)[0] == 403
    assert get(server, f"{home}api/sources", Origin=f"http://127.0.0.1:{port}")[0] == 200
    assert get(server, f"{home}api/sources", Host="evil.example")[0] == 403
    assert get(server, f"{home}api/sources", **{"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/x/",
        "/{t}/page/../browse.py",
        "/{t}/page/..%2f..%2fcli.py",
        "/{t}/../x",
        "/{t}/api",
        "/{t}/page/",
        "/{t}/etc",
    ],
)
def test_nothing_else_is_served(server, path):
    assert get(server, path.replace("{t}", server.token))[0] == 404


def test_every_file_of_the_page_is_served(server):
    for path in PAGE.iterdir():
        status, headers, body = get(server, f"/{server.token}/page/{path.name}")
        assert (status, body) == (200, path.read_bytes())
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_mistakes_are_sentences(server):
    status, _, body = get(server, f"/{server.token}/api/node?at={quote('bet 700')}")
    assert status == 400
    assert "bet 700" in json.loads(body)["error"]


def test_a_fault_is_answered(server, monkeypatch):
    def failing(*_):
        raise ZeroDivisionError("of nothing")

    monkeypatch.setattr(server.browser, "answer", failing)
    status, _, body = get(server, f"/{server.token}/api/node")
    assert status == 500
    assert json.loads(body)["error"].endswith("ZeroDivisionError: of nothing")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[" * 9999, "line 1 has no figures by name"),
        ('{"steps": 1' + "0" * 400 + "}", "line 1 has no figures by name"),
        ('{"loss": 1}', "line 1 has no steps"),
    ],
)
def test_a_run_whose_lines_lie(tmp_path, line, said):
    (tmp_path / "metrics.jsonl").write_text(f'{line}\n{{"steps": 20}}\n')
    with pytest.raises(UserError, match=said):
        Browser([str(tmp_path)])


def test_a_file_that_changes_is_read_again(files, tmp_path):
    file = tmp_path / "some.cps"
    shutil.copy(files / "kuhn.cps", file)
    browser = Browser([str(file)])
    assert asked(browser, "node")["reading"] == 1
    counterplay.solve("leduc", iterations=2).save(file)
    told = asked(browser, "node")
    assert told["reading"] == 2
    assert asked(browser, "sources")["sources"][0]["title"] == "leduc"
    file.write_bytes(b"not a solution")
    with pytest.raises(Lost, match="cannot be read"):
        browser.answer("node", {})
    file.unlink()
    with pytest.raises(Lost, match="cannot be read"):
        browser.answer("node", {})
    shutil.copy(files / "kuhn.cps", file)
    assert asked(browser, "node")["reading"] == 3


def test_an_exported_page_holds_all(browser, files, tmp_path):
    text, count, whole = page(browser, 1000)
    assert whole
    assert count > 10
    assert not re.search(r'(src|href)="(?!data:)', text)
    kept = json.loads(re.search(r'<script type="application/json" id="kept">(.*?)</script>', text, re.DOTALL).group(1))
    assert kept["node?source=0&at=check%20bet%2030"]["line"][1]["chosen"] == "bet 30"
    assert 'from "./' not in re.sub(r'<script type="application/json".*?</script>', "", text, flags=re.DOTALL)
    assert {path.stem for path in PAGE.glob("*.js")} == set(MODULES)
    out = tmp_path / "page.html"
    done = CliRunner().invoke(cli, ["view", str(files / "kuhn.cps"), "--export", str(out)])
    assert done.exit_code == 0, done.output
    assert "all of them" in done.output
    assert out.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("given", "said"), [(["nowhere.cps"], "nowhere.cps"), (["{kuhn}", "--export", "page.txt"], "the page is HTML")]
)
def test_mistakes_on_the_command_line(files, given, said, capsys):
    from counterplay.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["view", *(word.replace("{kuhn}", str(files / "kuhn.cps")) for word in given)])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_page_of_the_wrong_token_is_not_there(server):
    parts = urlsplit(server.url)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"http://{parts.netloc}/{server.token[:-1]}x/")
