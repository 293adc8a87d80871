"""The documentation as a site: every page, links that lead somewhere, nothing from elsewhere."""

import functools
import http.server
import json
import os
import re
import subprocess
import sys
import threading

import pytest

from tests.support.browser import chrome
from tests.support.paths import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site; warnings about links, anchors and pages outside the menu are errors."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_every_page_of_docs_is_in_the_site(site):
    pages = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")]
    assert len(pages) > 20
    for page in pages:
        name = page.with_name("index") if page.name == "README.md" else page
        assert (site / name).with_suffix(".html").is_file(), page


@pytest.mark.slow
def test_parameters_and_symptoms_can_be_searched_for(site):
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    of_words = {
        word: {
            entry["location"].split(".html")[0] for entry in index["docs"] if word in entry["text"]
        }
        for word in ("background_snr_db_min", "StreamingDetector", "false accepts")
    }
    assert "config_reference" in of_words["background_snr_db_min"]
    assert "api" in of_words["StreamingDetector"]
    assert "detection" in of_words["false accepts"]


@pytest.mark.slow
def test_the_api_reference_has_arguments_from_the_docstrings(site):
    text = (site / "api.html").read_text(encoding="utf-8")
    for words in ("one clip, or several", "Load a trained model", "StreamingDetector"):
        assert words in text


@pytest.mark.slow
def test_it_is_read_without_a_network(site):
    loaded = re.compile(
        r'<(?:script|img|iframe)[^>]* src="(https?:[^"]*)"|rel="stylesheet" href="(https?:[^"]*)"'
    )
    for page in site.rglob("*.html"):
        assert loaded.findall(page.read_text(encoding="utf-8")) == [], page.name


@pytest.fixture
def served(site):
    """The address of the site, as `python -m http.server` serves it."""
    handler = functools.partial(QuietHandler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.mark.slow
def test_the_search_finds_a_parameter(served):
    with chrome() as driver:
        driver.set_window_size(1400, 900)
        driver.implicitly_wait(20)
        driver.get(f"{served}/index.html?q=gain_db_min")
        found = driver.find_elements("css selector", ".md-search-result__link")
        pages = [each.get_attribute("href").split("?")[0].rsplit("/")[-1] for each in found]
        assert "config_reference.html" in pages
        assert [each for each in driver.get_log("browser") if each["level"] == "SEVERE"] == []
