"""Exported pages in headless Chromium."""

import functools
import http.server
import json
import shutil
import threading
import time

import numpy as np
import pytest
import soundfile

import open_seq2seq
from open_seq2seq import cli
from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.exporting.clips import fit
from open_seq2seq.streaming import StreamingDetector
from tests.support.browser import chrome
from tests.support.tones import make_tone

RATE = 16000
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(trained):
    return open_seq2seq.from_pretrained(trained[0])


@pytest.fixture(scope="module")
def exported(trained, web_package, tmp_path_factory):
    """The folder of what the command exports."""
    folder = tmp_path_factory.mktemp("web") / "files"
    flags = [f"--logdir={trained[0]}", f"--export_dir={folder}", f"--web_runtime={web_package}"]
    assert cli.main(["--mode=export", "--export_format=web,onnx", *flags]) == 0
    return folder


def test_the_folder_has_all_that_the_page_needs(exported, model):
    report = json.loads((exported / "report.json").read_text())
    page, onnx = report["files"]
    assert (page["file"], onnx["file"]) == ("web", "model-float32.onnx")
    assert page["n_clips"] == 48 and page["largest_difference"] < 1e-4
    assert page["accuracy"] == page["checkpoint_accuracy"] == onnx["accuracy"]
    runtime = exported / "web" / "runtime"
    names = {"ort.wasm.min.js", "ort-wasm-simd-threaded.js", "ort-wasm-simd-threaded.wasm"}
    assert names < {path.name for path in runtime.iterdir()}
    assert "MIT License" in (runtime / "LICENSE").read_text()
    description = json.loads((exported / "web" / "model.json").read_text())
    defaults = StreamParams()
    for name in ("hop_s", "smoothing", "min_gap_s"):
        assert description[name] == getattr(defaults, name)
    thresholds = dict.fromkeys(model.labels, 0.5) | {"unknown": None, "silence": None}
    assert description["thresholds"] == thresholds
    assert description["clip_samples"] == description["sample_rate"] == RATE
    serve = f"python -m http.server --bind 127.0.0.1 -d {exported}/web"
    assert serve in (exported / "model_card.md").read_text()


@pytest.fixture(scope="module")
def browser():
    """A browser that gives no page the microphone."""
    with chrome() as driver:
        yield driver


@pytest.fixture
def serve(exported, tmp_path):
    """Serve a copy of the page, with some values of model.json changed; its address comes back."""
    servers = []

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_args):
            pass

    def serve(**values):
        page = tmp_path / f"page{len(servers)}"
        shutil.copytree(exported / "web", page)
        description = json.loads((page / "model.json").read_text()) | values
        (page / "model.json").write_text(json.dumps(description))
        handler = functools.partial(Quiet, directory=page)
        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def wait_for(driver, condition):
    end_s = time.monotonic() + 60
    while not condition(driver):
        assert time.monotonic() < end_s, driver.find_element("id", "status").text
        time.sleep(0.1)


def status_has(text):
    return lambda driver: text in driver.find_element("id", "status").text


def clearest_tone(model):
    """Return the tone that the model is surest is a keyword, int16, the label and its probability.

    Its frequency is a whole number of Hz: repeated from second to second, it goes on.
    """
    tones = [make_tone(round(200 * 2 ** (5 * i / 12)), 1.0, 0.2) for i in range(10)]
    clips = [np.rint(32767 * tone).astype(np.int16) for tone in tones]
    probabilities = model.probabilities(clips)
    clip, label = np.unravel_index(probabilities[:, :10].argmax(), (10, 10))
    p = float(probabilities[clip, label])
    assert p > 2 / 3  # half of it is more than any other label has
    return clips[clip], model.labels[label], p


def started_by(net_log, origin):
    """The URLs of all requests that a page and its workers have made, as Chromium logs them."""
    log = json.loads(net_log.read_text())
    kind = log["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    events = [event.get("params", {}) for event in log["events"] if event["type"] == kind]
    requests = [event for event in events if "url" in event]
    return [request["url"] for request in requests if request.get("initiator") == origin]


# what browsers do that give the microphone at its own rate alone
OWN_RATE = """
const open = AudioContext.prototype.createMediaStreamSource;
AudioContext.prototype.createMediaStreamSource = function (stream) {
  if (this.sampleRate === 16000) throw new DOMException("another rate", "NotSupportedError");
  window.rate = this.sampleRate;
  return open.call(this, stream);
};
"""


@pytest.mark.parametrize("is_own_rate", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_tone_at_the_microphone_is_the_event_that_the_model_says(
    serve, model, tmp_path, is_own_rate
):
    clip, label, p = clearest_tone(model)
    thresholds = {name: p / 2 for name in model.labels}
    origin = serve(thresholds=thresholds, smoothing=4)
    soundfile.write(tmp_path / "tone.wav", np.tile(clip, 20), RATE)
    net_log = tmp_path / "net.json"
    flag, tone = f"--log-net-log={net_log}", tmp_path / "tone.wav"
    with chrome(flag, fake_microphone=tone, again=True) as driver:
        if is_own_rate:
            source = {"source": OWN_RATE}
            driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", source)
        driver.get(origin)
        wait_for(driver, status_has("Ready"))
        assert driver.find_elements("css selector", "#events li") == []
        driver.find_element("id", "listen").click()
        wait_for(driver, lambda _: driver.find_elements("css selector", "#events li"))
        assert "Listening" in driver.find_element("id", "status").text
        (*_, first) = driver.find_elements("css selector", "#events li")
        assert first.get_attribute("data-label") == label
        assert driver.find_element("id", "heard").text == label

        def shown():
            bars = driver.find_elements("css selector", "#bars [role=meter]")
            return {
                bar.get_attribute("aria-label"): float(bar.get_attribute("aria-valuenow"))
                for bar in bars
            }

        # once the tone's beginning has left the windows
        wait_for(driver, lambda _: shown()[label] == pytest.approx(p, abs=0.1))
        assert max(shown(), key=shown().get) == label and set(shown()) == set(model.labels)
        assert int(driver.find_element("id", "level").get_attribute("aria-valuenow")) > -40
        driver.find_element("id", "listen").click()
        wait_for(driver, status_has("Stopped"))
        assert driver.get_log("browser") == []
        assert (driver.execute_script("return window.rate") in (44100, 48000)) == is_own_rate
    urls = started_by(net_log, origin)
    assert f"{origin}/model.onnx" in urls and f"{origin}/capture.js" in urls
    assert f"{origin}/runtime/ort-wasm-simd-threaded.wasm" in urls
    assert all(url.startswith(f"{origin}/") for url in urls)


def test_files_are_labelled_as_the_detector_and_predict_do(serve, browser, model, tmp_path):
    clip, label, _ = clearest_tone(model)
    origin = serve(thresholds={label: 0.4}, smoothing=3)
    stretch = clip[: RATE // 2]
    silence = np.zeros(2 * RATE, np.int16)
    long = np.concatenate([silence, clip, silence, clip, silence])
    soundfile.write(tmp_path / "long.wav", long, RATE)
    soundfile.write(tmp_path / "short.flac", stretch, RATE)
    (tmp_path / "text.wav").write_text("no audio")
    quiet = sorted({*model.labels} - {label})
    detector = StreamingDetector(model, threshold=0.4, quiet_labels=quiet, smoothing=3)
    expected = [f"0:{event.end:04.1f}" for event in detector.push(long)]
    assert len(expected) == 2
    (short,) = model.predict(stretch, sample_rate=RATE)
    # an exported model hears zeros where a short clip ends, and no missing frames
    (padded,) = model.probabilities([fit(stretch, RATE, model.data_layer)])
    percent = round(100 * padded.max())
    browser.get(origin)
    wait_for(browser, status_has("Ready"))
    file = browser.find_element("id", "file")
    file.send_keys(str(tmp_path / "long.wav"))
    wait_for(browser, status_has("long.wav: 8.0 s, 2 events."))
    rows = browser.find_elements("css selector", "#events li")
    assert [row.get_attribute("data-label") for row in rows] == [label] * 2
    times = browser.find_elements("css selector", "#events time")
    assert [time.text for time in reversed(times)] == expected
    file.send_keys(str(tmp_path / "short.flac"))
    best = f"short.flac: 0.5 s, most probably {short.label} ({percent} %)."
    wait_for(browser, status_has(best))
    file.send_keys(str(tmp_path / "text.wav"))
    wait_for(browser, status_has("text.wav is no audio file that this browser can read"))
    # a refused microphone is told, and the page can be used further
    browser.find_element("id", "listen").click()
    wait_for(browser, status_has("does not let this page use the microphone"))
    file.send_keys(str(tmp_path / "short.flac"))
    wait_for(browser, status_has(best))


def test_settings_hold_at_once(serve, browser, model, tmp_path):
    clip, label, _ = clearest_tone(model)
    origin = serve(thresholds=dict.fromkeys(model.labels) | {label: 1.0})
    soundfile.write(tmp_path / "tone.wav", np.tile(clip, 4), RATE)
    move = (
        "arguments[0].value = arguments[1];"
        "arguments[0].dispatchEvent(new Event('input', { bubbles: true }));"
    )
    browser.get(origin)
    wait_for(browser, status_has("Ready"))
    file = browser.find_element("id", "file")
    file.send_keys(str(tmp_path / "tone.wav"))
    wait_for(browser, status_has("tone.wav: 4.0 s, 0 events."))
    browser.execute_script(move, browser.find_element("id", "threshold"), "0.3")
    file.send_keys(str(tmp_path / "tone.wav"))
    wait_for(browser, status_has("tone.wav: 4.0 s, 1 event."))
    browser.execute_script("document.getElementById('settings').reset()")
    file.send_keys(str(tmp_path / "tone.wav"))
    wait_for(browser, status_has("tone.wav: 4.0 s, 0 events."))


def test_what_is_missing_on_the_server_is_named(serve, browser, tmp_path):
    names = ("model.onnx", "runtime/ort-wasm-simd-threaded.wasm", "runtime/ort.wasm.min.js")
    for index, name in enumerate(names):
        origin = serve()  # another one, of which the browser has kept nothing
        (tmp_path / f"page{index}" / name).unlink()
        browser.get(origin)
        wait_for(browser, status_has("The model cannot be loaded: "))
        assert not browser.find_element("id", "listen").is_enabled()
        status = browser.find_element("id", "status").text
        assert f"{name}: the server answers 404" in status or name.endswith(".js")


def test_the_browser_keeps_the_page_from_asking_elsewhere(serve, browser):
    origin = serve()
    ask = (
        "const done = arguments[0];"
        "addEventListener('securitypolicyviolation', (event) => done(event.blockedURI));"
        "fetch('http://127.0.0.1:9/').then(() => done('asked'), () => {});"
    )
    browser.get(origin)
    assert browser.execute_async_script(ask) == "http://127.0.0.1:9/"
