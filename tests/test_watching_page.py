"""The page of a film in a real browser: it steps, plays, fits a telephone and wears both colour schemes.

Skipped where there is no Selenium, no Chromium or no driver for it.
"""

from test_watching import filmed

from counterplay.show.film_page import page


def fact(driver, name):
    script = "return [...document.querySelectorAll('#facts tr')].find((r) => r.cells[0].textContent == arguments[0])"
    return driver.execute_script(script + ".cells[1].textContent", name)


def test_the_page(driver, tmp_path):
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.wait import WebDriverWait

    (tmp_path / "a.html").write_text(page(filmed("foraging", 9), 0.05))
    driver.get((tmp_path / "a.html").as_uri())
    body = driver.find_element("tag name", "body")
    assert fact(driver, "step") == "the beginning"
    body.send_keys(Keys.ARROW_RIGHT)
    assert fact(driver, "step") == "1"
    assert len(driver.find_elements("css selector", "#acts tr")) == 2
    body.send_keys(Keys.END)
    assert fact(driver, "step") == "8"
    assert "cut here" in fact(driver, "ended")
    body.send_keys(Keys.HOME, " ")
    WebDriverWait(driver, 10).until(lambda _: fact(driver, "step") == "8")
    assert driver.find_element("id", "play").text == "Play"
    for scheme in ("light", "dark"):
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        for width in (390, 1280):
            size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    assert not [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
