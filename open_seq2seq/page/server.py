"""The server of the page: on this machine alone, and nothing of it stays."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.errors import UserError
from open_seq2seq.pretrained.model import PretrainedModel

ADDRESS = "127.0.0.1"
_NEEDED = ("gradio", "websockets")
_CLOSING_S = 1  # for connections that are open at the end; a page keeps one
# read by Gradio and by what it imports
_OFFLINE = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}


class Page:
    """A port of this machine and a folder for uploads; both are given back at the end.

    with Page(7860) as page:
        page.serve(model, params, "result/demo", print)
    """

    def __init__(self, port: int) -> None:
        """Take the port, before a model is loaded.

        Args:
            port: to listen at; 0: any that is free.

        Raises:
            UserError: the extra is not installed, or the port cannot be used.
        """
        missing = [name for name in _NEEDED if find_spec(name) is None]
        if missing:
            raise UserError(
                f"--mode=try: needs {' and '.join(missing)}, not installed here; "
                'pip install "open-seq2seq-speech-commands[demo]"'
            )
        self._socket = _listening_socket(port)
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> Page:
        self._folder = Path(tempfile.mkdtemp(prefix="open-seq2seq-try-"))  # of this user alone
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def serve(
        self,
        model: PretrainedModel,
        params: StreamParams,
        name: str,
        ready: Callable[[str], None],
    ) -> None:
        """Serve the page until Ctrl-C or SIGTERM.

        Args:
            model: that is tried.
            params: how it listens.
            name: of the model, for the title.
            ready: takes the page's address when it is served.
        """
        os.environ.update(_OFFLINE, GRADIO_TEMP_DIR=str(self._folder))
        import uvicorn  # with Gradio it takes seconds

        from open_seq2seq.page.layout import make_app

        app = make_app(model, params, name, self._folder)
        config = uvicorn.Config(
            app, log_level="critical", timeout_graceful_shutdown=_CLOSING_S, ws_max_size=1 << 22
        )
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            # the port takes connections already; they wait until the server runs
            ready(f"http://{ADDRESS}:{self.port}")
            uvicorn.Server(config).run(sockets=[self._socket])
        except KeyboardInterrupt:
            pass
        finally:
            signal.signal(signal.SIGTERM, before)


def _listening_socket(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((ADDRESS, port))
        listening.listen()
    except OSError as error:
        listening.close()
        what = f"cannot be used ({error.strerror})"
        if error.errno == errno.EADDRINUSE:
            what = "is in use, perhaps by another --mode=try"
        raise UserError(
            f"--port: port {port} of {ADDRESS} {what}; name another one, or 0 for any that is free"
        ) from None
    return listening
