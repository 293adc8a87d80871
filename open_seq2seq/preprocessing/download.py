"""Download of the published Speech Commands archives."""

from __future__ import annotations

import logging
from pathlib import Path

from open_seq2seq.errors import UserError
from open_seq2seq.preprocessing.dataset import has_clips
from open_seq2seq.system import archives
from open_seq2seq.system.archives import Archive, Wanted
from open_seq2seq.system.files import is_vacant

logger = logging.getLogger(__name__)

_MAX_BYTES = 8 << 30  # the larger release, v0.02, has 3.4 GB

RELEASES = {
    "v0.01": Archive(
        "http://download.tensorflow.org/data/speech_commands_v0.01.tar.gz",
        "743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d",
        _MAX_BYTES,
    ),
    "v0.02": Archive(
        "http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
        "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
        _MAX_BYTES,
    ),
}

_DATASET = Wanted(
    is_in=has_clips,
    noun="dataset",
    lacking="has no <word>/<speaker>_nohash_<n>.wav; it is not a Speech Commands archive",
    again="run the command again",
    make_room="free 6 GB for archive and clips, or choose a --data_dir on another disk",
    flag="--download: ",
)


def download_dataset(data_dir: Path, release: Archive) -> None:
    """Fetch ``release``, verify its checksum and unpack it as ``data_dir``, unless that has clips.

    The archive is kept beside ``data_dir``.

    Raises:
        UserError: ``data_dir`` has other files, the archive cannot be fetched or stored, its
            checksum is wrong, or its contents are not a dataset.
    """
    data_dir = data_dir.resolve()
    if has_clips(data_dir):
        logger.info("--download: %s has clips already, nothing is fetched", data_dir)
        return
    if not is_vacant(data_dir):
        raise UserError(
            f"--data_dir {data_dir}: has files that are not clips; name a new or an empty folder"
        )
    file = data_dir.parent / release.url.rsplit("/", 1)[-1]
    archives.fetch_and_unpack(release, file, data_dir, _DATASET, keep_file=True)
    logger.info("--download: %s is complete; %s can be deleted", data_dir, file)
