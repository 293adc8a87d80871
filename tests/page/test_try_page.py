"""``--mode=try`` as users meet it: in a browser with a microphone, and over the network."""

import http.client
import json
import re
import signal
import socket
import time
from importlib.util import find_spec
from urllib.parse import urlsplit

import numpy as np
import pytest

import open_seq2seq
from open_seq2seq import cli
from open_seq2seq.data.dataset_versions import LABELS
from open_seq2seq.errors import UserError
from open_seq2seq.page import server as server_module
from open_seq2seq.streaming import StreamingDetector
from tests.support.browser import chrome, requested
from tests.support.forked import fork, wait
from tests.support.tones import make_tone, save_wav

RATE = 16000
PARAMS = {"hop_s": 0.25, "smoothing": 2, "threshold": 0.6, "min_gap_s": 0.5}
FLAGS = [f"--{name}={value}" for name, value in PARAMS.items()]
MB = 1 << 20
WORDS = ["left", "right", "on"]
pytestmark = pytest.mark.slow


def track(sample_rate):
    """The tones that `tones.save_tones` gives to three words, 2 s each, at half the full scale."""
    frequencies = [200 * 2 ** (5 * LABELS["v2-12"].index(word) / 12) for word in WORDS]
    return np.concatenate([make_tone(hz, 2.0, sample_rate=sample_rate) for hz in frequencies])


TRACK = track(RATE)


@pytest.fixture(scope="module")
def model(trained):
    return open_seq2seq.from_pretrained(trained[0])


@pytest.fixture(scope="module")
def served(trained, tmp_path_factory):
    """The address of a page, and the folder in which its server has its temporary one."""
    if find_spec("gradio") is None or find_spec("websockets") is None:
        pytest.skip("the extra `demo` is not installed")
    folder, output = tmp_path_factory.mktemp("served"), tmp_path_factory.mktemp("log") / "log"
    output.touch()
    arguments = ["--mode=try", f"--logdir={trained[0]}", "--port=0", *FLAGS]
    process = fork(cli.main, arguments, output=output, environment={"TMPDIR": str(folder)})
    try:
        started = time.monotonic()
        while not (found := re.search(r"The page is at (\S+) and", output.read_text())):
            assert wait(process, 0.05) is None and time.monotonic() < started + 90
        yield found[1], folder
        assert len(list(folder.iterdir())) == 1 and sounds_in(folder) == []
        process.terminate()
        assert wait(process, 20) == 0, output.read_text()
        assert list(folder.iterdir()) == []
    finally:
        process.kill()


@pytest.fixture(scope="module")
def browser(served, tmp_path_factory):
    """A browser whose microphone hears `TRACK` once."""
    wav = save_wav(tmp_path_factory.mktemp("microphone") / "track.wav", TRACK)
    with chrome(fake_microphone=wav) as driver:
        driver.implicitly_wait(20)
        yield driver


def sounds_in(folder):
    """The files that hold something."""
    return [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]


def find(driver, selector):
    return driver.find_element("css selector", selector)


def texts(driver, selector):
    """Read all at one moment: a page that listens changes between two commands."""
    driver.find_elements("css selector", selector)  # waits for the first
    read = "return [...document.querySelectorAll(arguments[0])].map(each => each.innerText.trim())"
    return driver.execute_script(read, selector)


def labels_of(lines):
    return [line.split()[0] for line in lines]


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end
        time.sleep(0.1)
    return value


def request(address, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    return response.status, response.read().decode(errors="replace")


# in a browser


def test_a_file_is_shown_with_label_pictures_and_events(served, browser, model, tmp_path):
    address, folder = served
    detector = StreamingDetector(model, **PARAMS)
    events = detector.push(np.rint(32767 * TRACK).astype(np.int16))
    assert [event.label for event in events] == WORDS
    browser.get(address)
    chooser = find(browser, "#chooser input[type=file]")
    chooser.send_keys(str(save_wav(tmp_path / "track.flac", TRACK)))
    lines = until(lambda: texts(browser, "#heard ol.events li"))
    assert lines == [
        f"{event.start:.2f} to {event.end:.2f} s: {event.label} ({event.score:.3f})"
        for event in events
    ]
    size = "return [arguments[0].naturalWidth, arguments[0].naturalHeight]"
    layer = model.data_layer
    n_frames = 1 + len(TRACK) // layer.hop_length
    mel, cells = find(browser, "#heard .mel img"), find(browser, "#heard .cells")
    assert browser.execute_script(size, mel) == [n_frames, layer.n_mels]
    assert browser.execute_script(size, cells) == [len(detector.scores), len(model.labels)]
    assert len(texts(browser, "#heard .event")) == len(events)
    # a click in the middle of a picture moves the player to the middle
    player = find(browser, "#heard audio")
    until(lambda: browser.execute_script("return arguments[0].duration", player) == 6.0)
    find(browser, "#heard .plot.wave").click()
    now = "return getComputedStyle(document.querySelector('.plots')).getPropertyValue('--now')"
    assert until(lambda: float(browser.execute_script(now).strip("% "))) == pytest.approx(50, abs=1)
    assert sounds_in(folder) == []


def test_what_the_microphone_records_has_a_label(served, browser):
    address, folder = served
    browser.get(address)
    find(browser, "#recorder .record-button").click()
    until(lambda: find(browser, "#recorder .stop-button").is_displayed())
    time.sleep(1.0)
    find(browser, "#recorder .stop-button").click()
    until(lambda: texts(browser, "#heard .verdict"))
    assert "converted from" in find(browser, "#heard p.note").text
    # the browser leaves it as it is; where the recording begins within a tone, resampling
    # overshoots
    peak_db = int(find(browser, "#heard .corner").text.removeprefix("peak ").removesuffix(" dB"))
    assert abs(peak_db + 6) <= 2
    assert sounds_in(folder) == []


def test_events_come_while_the_microphone_listens(served, browser):
    browser.get(served[0])
    until(lambda: "Live" in texts(browser, "button[role=tab]"))
    browser.find_elements("css selector", "button[role=tab]")[1].click()
    find(browser, ".listen").click()
    until(lambda: len(texts(browser, ".live .events li")) >= 3)
    # the newest is the first
    assert labels_of(texts(browser, ".live .events li"))[-3:] == WORDS[::-1]
    numbers = [float(text) for text in texts(browser, ".live .p")]
    assert sum(numbers) == pytest.approx(1.0, abs=0.005 * len(numbers) + 1e-6)
    find(browser, ".listen").click()
    assert find(browser, ".live .state").text == "Stopped."
    # the track begins again, and so does the list
    find(browser, ".listen").click()
    until(lambda: re.match("Listening, [2-9]", find(browser, ".live .state").text))
    again = texts(browser, ".live .events li")
    assert labels_of(again).count(WORDS[0]) == 1 and labels_of(again)[-1] == WORDS[0]
    find(browser, ".listen").click()


def test_a_bad_file_and_a_large_one_are_named_on_the_page(served, browser, tmp_path):
    browser.get(served[0])
    (tmp_path / "text.wav").write_text("no audio")
    find(browser, "#chooser input[type=file]").send_keys(str(tmp_path / "text.wav"))
    problem = until(lambda: texts(browser, "#heard .problem"))
    assert problem[0].startswith("text.wav: ")
    (tmp_path / "large.wav").write_bytes(b"\0" * (20 * MB + 1))
    until(lambda: texts(browser, "#chooser input[type=file]"))
    find(browser, "#chooser input[type=file]").send_keys(str(tmp_path / "large.wav"))
    toast = until(lambda: "".join(texts(browser, ".toast-body")))
    assert "maximum allowed size of 20" in toast and "large.wav" in toast


def test_the_browser_asks_no_other_machine_and_stores_nothing(served, browser):
    browser.get(served[0])
    find(browser, "#recorder")
    own = urlsplit(served[0]).netloc
    addresses = requested(browser)
    assert len(addresses) > 10 and {urlsplit(each).netloc for each in addresses} == {own}
    # and it keeps nothing itself of what was heard before
    assert browser.execute_script("return {...localStorage, ...sessionStorage}") == {}
    assert browser.execute_async_script("indexedDB.databases().then(arguments[0])") == []


# over the network


def test_uploads_over_20_mb_are_refused_and_leave_nothing(served):
    address, folder = served
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    body = head + b"\1" * (20 * MB + 1) + b"\r\n--x--\r\n"
    status, message = request(address, "POST", "/gradio_api/upload", body, headers)
    assert status == 413 and "maximum allowed size" in message
    assert sounds_in(folder) == []


def test_only_this_machine_and_no_other_name_is_served(served):
    port = urlsplit(served[0]).port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), 5)  # this machine too, by another address
    assert request(served[0], "GET", "/")[0] == 200
    assert request(served[0], "GET", "/", headers={"Host": "pages.example"})[0] == 400


def test_no_sample_of_a_stream_is_lost(served, model):
    """However fast it comes, at the rate of the browser."""
    from websockets.sync.client import connect

    samples = track(48000).astype("<f4")
    detector = StreamingDetector(model, **PARAMS)
    expected = detector.push(samples, 48000)
    assert len(expected) > 0
    events, average = [], []
    address = served[0].replace("http", "ws")
    with connect(f"{address}/live", origin=served[0], proxy=None) as stream:
        stream.send("48000")
        chunks = np.array_split(samples, 40)
        for chunk in chunks:
            stream.send(chunk.tobytes())
        for _ in chunks:
            answer = json.loads(stream.recv(30))
            events += [tuple(event.values()) for event in answer["events"]]
    assert events == [tuple(event) for event in expected]
    assert answer["heard_s"] == len(samples) / 48000
    average = np.mean([scores.probabilities for scores in detector.scores[-2:]], axis=0)
    np.testing.assert_allclose(answer["averages"], average, atol=1e-6)


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        (["fast"], "expected a sample rate from 1000 to 768000 Hz, got fast"),
        (["48000", b"\0\0\0"], "expected float32 samples, got 3 bytes"),
        (["48000", np.float32([np.nan]).tobytes()], "a sample is NaN or infinite"),
    ],
)
def test_what_is_no_stream_is_named(served, messages, problem):
    from websockets.sync.client import connect

    address = served[0].replace("http", "ws")
    with connect(f"{address}/live", origin=served[0], proxy=None) as stream:
        for message in messages:
            stream.send(message)
        assert problem in json.loads(stream.recv(30))["problem"]


def test_the_page_of_another_server_cannot_stream(served):
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    address = served[0].replace("http", "ws")
    with pytest.raises(InvalidStatus, match="403"):
        connect(f"{address}/live", origin="http://pages.example", proxy=None)


# on the command line


def test_a_port_that_is_taken_is_named(trained):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"--port: port {port} of 127.0.0.1 is in use"):
            cli.main(["--mode=try", f"--logdir={trained[0]}", f"--port={port}"])


def test_an_extra_that_is_missing_is_named(trained, monkeypatch):
    monkeypatch.setattr(server_module, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs gradio and websockets, .* pip install .*\[demo\]"):
        cli.main(["--mode=try", f"--logdir={trained[0]}", "--port=0"])


@pytest.mark.parametrize(
    ("flag", "problem"),
    [
        ("--port=65536", "--port: expected a value less than or equal to 65535, got 65536"),
        ("--window_s=3", "window_s: 3 is longer than what the model hears"),
        ("--thresholds={'yess': 0.5}", "the model has no label 'yess'"),
        ("--top_k=2", "--top_k is for --mode=infer only"),
    ],
)
def test_flags_that_do_not_fit_are_named_before_anything_is_served(trained, flag, problem):
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(UserError, match=problem):
        cli.main(["--mode=try", f"--logdir={trained[0]}", "--port=0", flag])
    assert signal.getsignal(signal.SIGTERM) is handler
