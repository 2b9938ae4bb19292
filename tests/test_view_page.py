"""The strategy browser's page in a real browser: views open, clicks lead where they should, numbers are the JSON's.

Skipped where there is no Selenium, no Chromium or no driver for it.
"""

import json
import threading
from urllib.parse import urlencode

import pytest
from test_view import SPOT, asked

import counterplay
from counterplay.api.browse import Browser
from counterplay.api.browse_export import page
from counterplay.api.browse_server import Server
from counterplay.games.holdem.spot import parse_spot

TURN = SPOT.replace("Ks 9d 4c 7h 2s", "Ks 9d 4c 7h").replace("[bets.river]", '[bets.turn]\nbet = ["50%"]\n[bets.river]')


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    counterplay.solve(parse_spot(SPOT), iterations=40).save(folder / "river.cps")
    counterplay.solve(parse_spot(TURN), iterations=4).save(folder / "turn.cps")
    counterplay.solve("kuhn", iterations=60).save(folder / "kuhn.cps")
    counterplay.solve("pushfold", iterations=4).save(folder / "pushfold.cps")
    run = folder / "run"
    run.mkdir()
    (run / "metrics.jsonl").write_text("".join(json.dumps({"steps": k, "loss": 1 / k}) + "\n" for k in range(1, 9)))
    counterplay.solve(parse_spot(SPOT.replace("stack = 90", "stack = 50")), iterations=40).save(folder / "short.cps")
    counterplay.solve("kuhn", "mccfr-external", iterations=300, memory="1MB").save(folder / "steps.cps")
    names = ("river.cps", "turn.cps", "kuhn.cps", "pushfold.cps", "run", "short.cps", "steps.cps")
    return Browser([str(folder / name) for name in names])


@pytest.fixture(scope="module")
def server(browser):
    with Server(browser) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.fixture
def look(driver, server):
    """Open a place of the page, and wait for something that is there."""

    def opened(selector, **place):
        driver.get("about:blank")
        driver.get(f"{server.url}#{urlencode(place)}")
        return wait(driver, selector)

    yield opened
    faults = [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert not faults


def wait(driver, selector, seconds=20):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(driver, seconds).until(lambda d: d.find_elements("css selector", selector))


def press(driver, text, within="body"):
    for found in driver.find_elements("css selector", f"{within} button"):
        if found.text == text:
            driver.execute_script("arguments[0].click()", found)
            return
    raise AssertionError(f"there is no button {text!r}")


def cells(driver, caption):
    """Return the cells of a table, row by row, by the heads of its columns."""
    from selenium.webdriver.support.ui import WebDriverWait

    def found(d):
        return [
            t
            for t in d.find_elements("css selector", "table")
            if caption in t.find_element("css selector", "caption").text
        ]

    (made, *_) = WebDriverWait(driver, 20).until(found)
    heads = [th.text for th in made.find_elements("css selector", "thead th[scope=col]")]
    rows = made.find_elements("css selector", "tbody tr")
    return [
        dict(zip(heads, [c.text for c in row.find_elements("css selector", "th, td")], strict=True)) for row in rows
    ]


def test_a_spot_says_what_its_json_does(look, driver, browser):
    look(".grid button", source=0)
    told = asked(browser, "node")
    rows = cells(driver, "Both ranges")
    assert [row["EV"] for row in rows] == [f"{x:.3f}" for x in told["ev"]]
    assert [row["equity"] for row in rows] == [f"{100 * x:.1f}%" for x in told["equity"]]
    often = {row["action"]: row[""] for row in cells(driver, "How often each action is taken")}
    assert often == {a: f"{100 * x:.1f}%" for a, x in told["strategy"].items()}
    hands = told["hands"]["oop"]
    by = {row["combo"]: row for row in cells(driver, "Combos")}
    for k, combo in enumerate(hands["combo"]):
        assert by[combo]["EV"] == f"{hands['ev'][k]:.3f}"
        assert float(by[combo]["check"][:-1]) == pytest.approx(100 * hands["strategy"][0][k], abs=0.06)


def test_clicks_and_arrows_lead_along_the_line(look, driver):
    look("#bar button", source=0)
    press(driver, "check", "#bar")
    wait(driver, '#bar button[data-at="check bet 30"]')
    assert "at=check" in driver.current_url
    press(driver, "bet 30", "#bar .step:last-child")
    wait(driver, '#bar button[data-at="check bet 30 all-in 90"]')
    body = driver.find_element("css selector", "body")
    body.send_keys("\ue012")  # left
    wait(driver, '#bar button[data-at="check bet 30"]:not([aria-current])')
    body.send_keys("\ue013")  # up: nothing is before check
    body.send_keys("\ue015")  # down: to the bet in place of the check
    wait(driver, '#bar button[data-at="bet 30"][aria-current=true]')


def test_a_class_opens_its_combos(look, driver):
    look(".grid button", source=0)
    driver.execute_script("document.querySelector('[data-hand=KQs]').click()")
    rows = cells(driver, "Combos of KQs")
    assert sorted(row["combo"] for row in rows) == ["KcQc", "KdQd", "KhQh"]


@pytest.mark.parametrize(
    ("tab", "caption"),
    [("kinds", "By made hand"), ("blockers", "What holding a card does"), ("best response", "Best response here")],
)
def test_every_tab_opens(look, driver, tab, caption):
    look(".grid button", source=0)
    press(driver, tab)
    assert cells(driver, caption)


def test_curves_ranges_and_the_trainer(look, driver, browser):
    look(".grid button", source=0)
    press(driver, "curves")
    assert len(wait(driver, "#panel svg.curves")) == 2
    press(driver, "ranges")
    areas = wait(driver, "#panel textarea")
    assert areas[0].get_attribute("value") == asked(browser, "range")["oop"]
    press(driver, "trainer")
    (card,) = wait(driver, "#panel [data-combo]")
    hands = asked(browser, "node")["hands"]["oop"]
    k = hands["combo"].index(card.get_attribute("data-combo"))
    lost = max(row[k] for row in hands["action_ev"]) - hands["action_ev"][1][k]
    press(driver, "bet 30", "#panel")
    text = wait(driver, "#panel [role=status] p")[0].text
    assert text.startswith("Nothing lost" if lost < 0.005 else f"EV lost: {lost:.2f}")
    press(driver, "combos")


def test_what_is_not_reached_is_marked(look, driver, browser):
    lines = ("", "check", "check bet 30", "bet 30", "bet 30 all-in 90", "check bet 30 all-in 90")
    for line in lines:
        look(".grid button", source=0, at=line)
        assert bool(driver.find_elements("css selector", ".note")) == bool(asked(browser, "node", at=line)["note"])


def test_run_outs_are_a_board_of_cards(look, driver, browser):
    look("#runouts", source=1, at="check check")
    driver.find_element("css selector", "#runouts").click()
    board = wait(driver, ".runouts button[data-card]")
    told = {row["card"]: row for row in asked(browser, "runouts", source=1, at="check check")["cards"]}
    assert {b.get_attribute("data-card") for b in board} == set(told)
    assert driver.find_element("css selector", "[data-card=Ah]").text.split() == ["Ah", f"{told['Ah']['ev'][0]:.2f}"]
    driver.execute_script("document.querySelector('[data-card=Ah]').click()")
    wait(driver, ".grid button")
    assert "Ah" in driver.find_element("css selector", "h2").text


def test_two_nodes_side_by_side(look, driver):
    look("#bar2 button", source=0, beside=0, other="check")
    assert len(driver.find_elements("css selector", ".grid")) == 2


def test_a_tree_and_a_chart(look, driver, browser):
    look("table", source=2, at="0/1")
    rows = {row["hand"]: row for row in cells(driver, "Strategy")}
    for row in asked(browser, "node", source=2, at="0/1")["rows"]:
        assert float(rows[row["hand"]]["call"][:-1]) == pytest.approx(100 * row["strategy"][1], abs=0.06)
        assert rows[row["hand"]]["EV"] == f"{row['ev']:.3f}"
    look(".grid button", source=3)
    assert len(driver.find_elements("css selector", ".grid button")) == 169


def test_curves_of_a_run(look, driver):
    assert look("svg.curves path", source=4)


def test_keys_help_and_find(look, driver):
    look("#bar button", source=2)
    body = driver.find_element("css selector", "body")
    body.send_keys("?")
    assert "Keys" in wait(driver, "dialog[open] h2")[0].text
    body.send_keys("\ue00c")
    body.send_keys("/")
    wait(driver, "dialog[open] input")[0].send_keys("bet\n")
    wait(driver, "#results button")[0].click()
    wait(driver, "#bar button[aria-current=true]")


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(look, driver, width):
    """Headless Chromium has no windows narrower than 500 pixels: the page is told that it has."""
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    try:
        look(".grid button", source=0)
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_an_exported_page_opens_without_a_server(driver, browser, tmp_path):
    file = tmp_path / "page.html"
    file.write_text(page(browser, 30)[0])
    driver.get(file.as_uri())
    wait(driver, ".grid button")
    assert cells(driver, "Both ranges")[0]["EV"] == f"{asked(browser, 'node')['ev'][0]:.3f}"
    press(driver, "check", "#bar")
    wait(driver, '#bar button[data-at="check bet 30"]')
    press(driver, "blockers")
    assert cells(driver, "What holding a card does")


def test_the_difference_of_two_solutions(look, driver, browser):
    """Cells are the right one's share less the left one's, and a legend says what colours mean."""
    look(".apart [data-hand]", source=0, beside=5)
    left, right = asked(browser, "node"), asked(browser, "node", source=5)
    for figure, key in (("check", 0), ("EV", "ev")):
        driver.execute_script(
            "const s = document.querySelector('[aria-label=\"difference in\"]'); s.value = arguments[0];"
            "s.dispatchEvent(new Event('change'))",
            figure,
        )
        for name in ("KQs", "A4s", "99"):
            one, two = (mean_of(told["hands"]["oop"], name, key) for told in (left, right))
            label = driver.find_element("css selector", f".apart [data-hand='{name}']").get_attribute("aria-label")
            said = f"left {100 * one:.1f}%, right {100 * two:.1f}%" if key == 0 else f"left {one:.2f}, right {two:.2f}"
            assert label.startswith(f"{name}: {said}")
    assert len(driver.find_elements("css selector", ".legend .key")) == 6
    look("#bar2 button", source=0, beside=5, other="check")
    assert "acts on the left" in driver.find_element("css selector", "main").text


def mean_of(hands, name, key):
    """Return the mean over a class of hands of a strategy's row, or of a column, by shares of the range."""
    mine = [k for k, combo in enumerate(hands["combo"]) if combo[0] + combo[2] == name[:2]]
    values = hands["strategy"][key] if isinstance(key, int) else hands[key]
    kept = [k for k in mine if (hands["combo"][k][1] == hands["combo"][k][3]) == (name[2:] == "s")]
    kept = [k for k in kept if values[k] is not None]
    return sum(hands["share"][k] * values[k] for k in kept) / sum(hands["share"][k] for k in kept)


def test_a_game_in_steps_is_a_list_of_what_was_met(look, driver, browser):
    look("#bar button[aria-current=true]", source=6)
    told = asked(browser, "node", source=6)
    rows = cells(driver, "What the run met most often")
    assert [row["information set"] for row in rows] == [row["hand"] for row in told["rows"]]
    assert [row["visits"] for row in rows] == [str(row["visits"]) for row in told["rows"]]
    first = told["rows"][0]
    driver.execute_script("document.querySelector('table button[data-at]').click()")
    wait(driver, "main h2")
    (row,) = cells(driver, "Strategy")
    assert row["visits"] == str(first["visits"])
    for action, odds in zip(first["actions"], first["strategy"], strict=True):
        assert row[action] == f"{100 * odds:.1f}%"


def test_run_outs_are_in_an_exported_page(driver, browser, tmp_path):
    file = tmp_path / "page.html"
    file.write_text(page(browser, 12)[0])
    driver.get(f"{file.as_uri()}#{urlencode({'source': 1, 'at': 'check check'})}")
    wait(driver, "#runouts")[0].click()
    board = wait(driver, ".runouts button[data-card]")
    assert len(board) == len(asked(browser, "runouts", source=1, at="check check")["cards"])
