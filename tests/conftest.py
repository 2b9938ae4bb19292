"""What several test modules share."""

import io
import shutil
import signal

import pytest

from counterplay.cli import main

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started with & by a script: what we start would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def run(capsys, monkeypatch):
    """Return a function that runs the command line and gives exit code, standard output and standard error."""

    def call(*arguments, answers=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(answers))
        with pytest.raises(SystemExit) as exit_:
            main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return exit_.value.code, out, err

    return call


@pytest.fixture(scope="module")
def driver():
    """Chromium without windows, driven by Selenium; tests of pages are skipped where something of it is missing."""
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    service = shutil.which("chromedriver")
    if not (chromium and service):
        pytest.skip("needs Chromium and its driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=service))
    yield found
    found.quit()
