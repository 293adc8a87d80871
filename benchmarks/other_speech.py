"""Recorded speech in some twenty languages, without keywords, for training and measuring detectors.

    mkdir packages && cd packages
    apt-get download asterisk-core-sounds-{en,es,fr,it,ru}-g722 asterisk-core-sounds-en \
        tuxpaint-stamps-default klettres-data ktuberling-data
    python benchmarks/other_speech.py --packages=packages --output_dir=speech \
        --keywords=yes,no,up,down,left,right,stop,go

The packages are Debian's. OUTPUT_DIR/train, choose and report have WAV files of 16 kHz, in
different languages: settings are chosen on Italian and Greek, and figures reported on Russian.
English prompts are left out if they say a keyword, and files of all languages that are called so.
PyAV (pip install av) decodes the prompts.
"""

from __future__ import annotations

import argparse
import gzip
import io
import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from math import gcd
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import av
import numpy as np
import soundfile as sf
from scipy.signal import resample_poly

from open_seq2seq.data.wav_files import write_wav

RATE = 16_000
CHOOSE, REPORT = {"it", "el"}, {"ru"}
# which files of the packages are speech: the language, then the name; English but for the prompts
# has no list of what is said
SPEECH = [
    r"asterisk/sounds/(?P<language>[a-z]{2})_[^/]*/(?!silence/)(?P<name>.*)\.g722",
    r"tuxpaint/stamps/(?P<name>.*_desc)_(?P<language>[a-z]{2})\.ogg",
    r"klettres/(?!en)(?P<language>[a-z]{2})[^/]*/(?P<name>.*)\.ogg",
    r"ktuberling/sounds/(?!en)(?P<language>[a-z]{2})/(?P<name>.*)\.(wav|ogg)",
]
TRANSCRIPTS = r".*/core-sounds-en\.txt\.gz"
SHORTEST_S, QUIETEST = 0.1, 0.01  # seconds, of full scale


class Prompt(NamedTuple):
    """A recording as a package has it."""

    language: str
    name: str
    content: bytes
    is_g722: bool


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--packages", required=True, type=Path, help="a folder of .deb files")
    parser.add_argument("--output_dir", required=True, type=Path)
    parser.add_argument("--keywords", required=True, help="words, separated by commas")
    args = parser.parse_args()
    keywords = set(args.keywords.split(","))
    packages = sorted(args.packages.glob("*.deb"))
    said = dict(line for package in packages for line in transcripts(package))
    seconds: Counter[str] = Counter()
    for package in packages:
        for prompt in prompts(package):
            text = prompt.name
            if prompt.language == "en":
                # without the list nobody knows what is said
                text = said.get(prompt.name, " ".join(keywords))
            if keywords & set(re.findall("[a-z']+", text.lower())):
                continue
            samples = decode(prompt)
            if len(samples) < SHORTEST_S * RATE or np.abs(samples).max() < QUIETEST:
                continue
            folder = args.output_dir / split_of(prompt.language)
            folder.mkdir(parents=True, exist_ok=True)
            name = re.sub(r"[^\w.-]+", "_", f"{prompt.language}_{prompt.name}")
            pcm = np.rint(samples.clip(-1, 1) * 32767).astype(np.int16)
            write_wav(folder / f"{name}.wav", pcm, RATE)
            seconds[f"{folder.name} {prompt.language}"] += len(pcm) / RATE
    for name, total in sorted(seconds.items()):
        print(f"{name}: {total / 3600:.2f} h")


def split_of(language: str) -> str:
    return "choose" if language in CHOOSE else "report" if language in REPORT else "train"


def transcripts(package: Path) -> Iterator[tuple[str, str]]:
    """Yield the name of each English prompt, and what it says."""
    for path, content in files_in(package):
        if re.fullmatch(TRANSCRIPTS, path):
            for line in gzip.decompress(content).decode(errors="replace").splitlines():
                name, colon, text = line.partition(":")
                if colon and not name.startswith(";"):
                    yield name.strip(), text


def prompts(package: Path) -> Iterator[Prompt]:
    for path, content in files_in(package):
        for pattern in SPEECH:
            if found := re.search(pattern, path):
                yield Prompt(found["language"], found["name"], content, path.endswith(".g722"))


def files_in(package: Path) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of the files of a .deb, which is an ar archive of tar archives."""
    content = package.read_bytes()
    start = len(b"!<arch>\n")
    while start < len(content):
        header = content[start : start + 60]
        name, size = header[:16].strip(b" /"), int(header[48:58])
        body = content[start + 60 : start + 60 + size]
        start += 60 + size + size % 2
        if not name.startswith(b"data.tar"):
            continue
        with tarfile.open(fileobj=io.BytesIO(body)) as archive:
            for member in archive:
                if member.isfile() and (file := archive.extractfile(member)):
                    yield str(PurePosixPath(member.name)), file.read()


def decode(prompt: Prompt) -> np.ndarray:
    """Return float [samples] at 16 kHz."""
    if prompt.is_g722:
        with av.open(io.BytesIO(prompt.content), format="g722") as container:
            frames = [frame.to_ndarray().ravel() for frame in container.decode(audio=0)]
        return np.concatenate(frames) / 32768 if frames else np.zeros(0)
    samples, rate = sf.read(io.BytesIO(prompt.content), always_2d=True)
    mono = samples.mean(axis=1)
    common = gcd(rate, RATE)
    return mono if rate == RATE else resample_poly(mono, RATE // common, rate // common)


if __name__ == "__main__":
    main()
