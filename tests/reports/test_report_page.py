"""The page of a report in a browser: a click lists clips, which play; it fits a phone."""

import pytest

from tests.support.browser import chrome, requested

_LOADED = """
const audio = arguments[0], done = arguments[1];
audio.addEventListener("loadedmetadata", () => done(audio.duration));
audio.addEventListener("error", () => done(-1));
audio.load();
"""


@pytest.mark.slow
def test_a_click_on_a_cell_lists_its_clips_and_they_play(logdir):
    with chrome() as driver:
        driver.get((logdir / "report" / "report.html").as_uri())
        cells = driver.find_elements("css selector", ".confusion[data-split=test] [data-cell]")
        for cell in (cells[0], cells[-1]):
            cell.click()
            n = int(cell.text)
            items = driver.find_elements("css selector", "[data-listed=test] li")
            assert 1 <= len(items) <= n
            heading = driver.find_element("css selector", "[data-listed=test] h4").text
            assert heading.startswith(cell.get_attribute("aria-label"))
            (audio,) = items[0].find_elements("css selector", "audio")
            # clips of the tones take 0.5 to 1 s; an MP3 has some silence more
            assert 0.4 < driver.execute_async_script(_LOADED, audio) < 1.3
        assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []
        assert requested(driver) == []
        driver.set_window_size(390, 844)
        widths = "return [document.documentElement.scrollWidth, window.innerWidth]"
        scroll, inner = driver.execute_script(widths)
        assert scroll <= inner
