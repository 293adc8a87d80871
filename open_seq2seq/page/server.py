"""The server of the page: on this machine alone, and nothing of it stays."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.errors import UserError
from open_seq2seq.pretrained.model import PretrainedModel
from open_seq2seq.system.signals import ended_by_sigterm

ADDRESS = "127.0.0.1"
_NEEDED = ("gradio", "websockets")
_CLOSING_S = 1  # for connections that are open at the end; a page keeps one
_LARGEST_CHUNK = 1 << 22  # bytes of a microphone's samples
# read by Gradio and by what it imports
_OFFLINE = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}


class Page:
    """A port of this machine, taken before a model is loaded.

    Attributes:
        address: of the page.
    """

    def __init__(self, port: int) -> None:
        """Take a port; 0 is any that is free.

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
        self.address = f"http://{ADDRESS}:{self._socket.getsockname()[1]}"

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()

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
        with (
            ended_by_sigterm(),
            tempfile.TemporaryDirectory(  # of this user alone
                prefix="open-seq2seq-try-", ignore_cleanup_errors=True
            ) as uploads,
            contextlib.suppress(KeyboardInterrupt),
        ):
            os.environ.update(_OFFLINE, GRADIO_TEMP_DIR=uploads)
            import uvicorn  # with Gradio it takes seconds

            from open_seq2seq.page.layout import make_app

            config = uvicorn.Config(
                make_app(model, params, name, Path(uploads)),
                log_level="critical",
                timeout_graceful_shutdown=_CLOSING_S,
                ws_max_size=_LARGEST_CHUNK,
            )
            # the port takes connections already; they wait until the server runs
            ready(self.address)
            uvicorn.Server(config).run(sockets=[self._socket])


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
