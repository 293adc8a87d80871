"""The microphone of a browser as a stream: one connection, one detector."""

from __future__ import annotations

import collections
import html
import json
from collections.abc import Sequence
from urllib.parse import urlsplit

import anyio.to_thread
import numpy as np
from fastapi import WebSocket, WebSocketDisconnect

from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.errors import UserError
from open_seq2seq.pretrained.model import PretrainedModel
from open_seq2seq.streaming import StreamingDetector

PATH = "/live"
_RATES = (1000, 768_000)  # Hz, of any microphone


class LiveStream:
    """What is heard of one microphone, from its beginning on."""

    def __init__(self, model: PretrainedModel, params: StreamParams, sample_rate: int) -> None:
        """Begin with nothing heard; `sample_rate` is the microphone's, in Hz."""
        self._detector = StreamingDetector(model, **dict(params))
        self._sample_rate, self._n_samples = sample_rate, 0
        self._last: collections.deque[np.ndarray] = collections.deque(maxlen=params.smoothing)

    def push(self, chunk: bytes) -> str:
        """Take samples, float32 in the byte order of nearly all machines, and return JSON.

        It has the seconds heard so far, the events that the samples bring, and the averages of the
        last windows' probabilities, or none before the first window.

        Raises:
            UserError: they are no such samples.
        """
        if len(chunk) % 4:
            raise UserError(f"live: expected float32 samples, got {len(chunk)} bytes")
        samples = np.frombuffer(chunk, "<f4")
        events = self._detector.push(samples, self._sample_rate)
        self._n_samples += len(samples)
        self._last.extend(scores.probabilities for scores in self._detector.scores)
        averages: list[float] = []
        if self._last:
            averages = np.mean(self._last, axis=0).tolist()
        return json.dumps(
            {
                "heard_s": self._n_samples / self._sample_rate,
                "events": [event._asdict() for event in events],
                "averages": averages,
            }
        )


async def serve_live(socket: WebSocket, model: PretrainedModel, params: StreamParams) -> None:
    """Answer each chunk of samples of a browser, in order, until it hangs up.

    The browser begins with the sample rate. While it waits the connection holds its samples: none
    is lost where the machine is slow.
    """
    origin = urlsplit(socket.headers.get("origin", "")).netloc
    if origin != socket.headers.get("host"):  # the page of another server
        await socket.close(code=1008)
        return
    await socket.accept()
    try:
        stream = LiveStream(model, params, _rate(await socket.receive_text()))
        while True:
            chunk = await socket.receive_bytes()
            await socket.send_text(await anyio.to_thread.run_sync(stream.push, chunk))
    except UserError as error:
        await socket.send_text(json.dumps({"problem": str(error)}))
        await socket.close()
    except (WebSocketDisconnect, KeyError):  # KeyError: text where bytes are expected
        pass


def _rate(text: str) -> int:
    """Return the sample rate that a browser names.

    Raises:
        UserError: it is none.
    """
    lowest, highest = _RATES
    if not text.isdecimal() or not lowest <= int(text[:9]) <= highest:
        raise UserError(f"live: expected a sample rate from {lowest} to {highest} Hz, got {text}")
    return int(text)


def panel_of(labels: Sequence[str], params: StreamParams) -> str:
    """Return the controls, a bar for each label and the list of events, empty, as HTML."""
    thresholds = params.thresholds_of(tuple(labels))
    bars = [_bar(label, threshold) for label, threshold in zip(labels, thresholds, strict=True)]
    return f"""<div class="live" data-path="{PATH}" data-first="{params.window_s:g}">
<p><button type="button" class="listen">Listen</button>
<meter class="level" min="0" max="1" value="0" aria-label="Level of the microphone"></meter>
<span class="state note" role="status">The sound goes to this machine's model and is not
kept.</span></p>
<div class="columns">
<div><h3>Probabilities</h3><div class="bars">{"".join(bars)}</div>
<p class="note">Averages of {params.smoothing} windows; the line is the threshold of an event.</p>
</div>
<div><h3>Events</h3><ol class="events" aria-live="polite"></ol>
<p class="note none">None yet.</p></div>
</div></div>"""


def _bar(label: str, threshold: float | None) -> str:
    mark = ""
    if threshold is not None:
        mark = f"<i style='left:{threshold:.1%}'></i>"
    name = html.escape(label)
    return f"<span>{name}</span><div class='bar'><b></b>{mark}</div><span class='p'></span>"
