"""The page itself: its two tabs, by Gradio."""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path

import gradio
from fastapi import FastAPI, WebSocket
from starlette.middleware.trustedhost import TrustedHostMiddleware

from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.data.audio_files import AUDIO_SUFFIXES
from open_seq2seq.errors import UserError
from open_seq2seq.page import live
from open_seq2seq.page.pictures import message_of, page_of
from open_seq2seq.page.recording import LONGEST_S, hear
from open_seq2seq.pretrained.model import PretrainedModel

LARGEST_UPLOAD = "20mb"
_HERE = Path(__file__).parent
_ABANDONED_S = 600.0  # after which an upload that never became a recording is removed


def make_app(model: PretrainedModel, params: StreamParams, name: str, uploads: Path) -> FastAPI:
    """Return the page and the stream beside it as an application.

    Args:
        model: that is tried.
        params: how it listens.
        name: of the model, for the title.
        uploads: folder in which Gradio keeps what the browser sends.
    """
    app = FastAPI(openapi_url=None)
    # a page of the internet whose name leads to this machine gets nothing
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])

    @app.websocket(live.PATH)
    async def listen(socket: WebSocket) -> None:
        await live.serve_live(socket, model, params)

    return gradio.mount_gradio_app(
        app,
        _blocks(model, params, name, uploads),
        path="/",
        theme=gradio.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"]),
        css_paths=[_HERE / "page.css"],
        max_file_size=LARGEST_UPLOAD,
        footer_links=[],
        run_history=False,  # it would keep recordings in the browser
        ssr_mode=False,
    )


def _blocks(
    model: PretrainedModel, params: StreamParams, name: str, uploads: Path
) -> gradio.Blocks:
    def try_recording(path: str | None) -> tuple[None, str]:
        """Return an empty recorder, ready for the next one, and what was heard."""
        if path is None:
            return None, message_of("There is no recording; record or choose one.")
        try:
            heard = hear(model, params, Path(path))
            return None, page_of(heard, model.data_layer, model.labels, params)
        except UserError as error:
            return None, message_of(str(error))
        finally:
            _remove(uploads, Path(path))

    with gradio.Blocks(title=f"Try {name}", analytics_enabled=False) as blocks:
        gradio.Markdown(f"## Try a model\n`{name}`, {len(model.labels)} labels")
        with gradio.Tab("A recording"):
            with gradio.Row():
                recorder = gradio.Audio(
                    sources=["microphone"],
                    type="filepath",
                    label="Record",
                    buttons=[],
                    elem_id="recorder",
                )
                chooser = gradio.File(
                    file_types=list(AUDIO_SUFFIXES),
                    label=f"Choose a file: 20 MB at most, {LONGEST_S:g} s are heard",
                    height=160,
                    elem_id="chooser",
                )
            result = gradio.HTML(js_on_load=_script("recording.js"), elem_id="heard")
        with gradio.Tab("Live"):
            gradio.HTML(live.panel_of(model.labels, params), js_on_load=_script("live.js"))
        for event, source in (
            (recorder.stop_recording, recorder),
            (chooser.upload, chooser),
        ):
            # private: Gradio keeps no history of it, and gives it no address of its own
            event(try_recording, source, [source, result], api_visibility="private")
    return blocks


def _script(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _remove(uploads: Path, path: Path) -> None:
    """Remove an upload, which has a folder of its own, and those that were broken off."""
    shutil.rmtree(path.parent, ignore_errors=True)
    for entry in uploads.iterdir():
        with contextlib.suppress(OSError):
            if time.time() - entry.stat().st_mtime > _ABANDONED_S:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
