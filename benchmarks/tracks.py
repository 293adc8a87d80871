"""How long it takes to make tracks, and how much memory.

    python benchmarks/tracks.py --manifest data/demo/v1-12-test.csv [--hours 1] [--speech DIR]

The tracks go to a folder that is deleted at the end.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

from open_seq2seq.config.track_params import TrackParams
from open_seq2seq.detection.make_tracks import make_tracks


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--manifest", required=True)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--background", help="noise, as for open-seq2seq-tracks")
    parser.add_argument("--speech", help="other speech, as for open-seq2seq-tracks")
    args = parser.parse_args()
    params = TrackParams(**vars(args))
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        make_tracks(params, Path(folder, "tracks"), lambda n_done, n_all: None)
        seconds = time.perf_counter() - started
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(
        f"{args.hours:g} h of tracks in {seconds:.1f} s, {3600 * args.hours / seconds:.0f} times "
        f"real time, at most {memory_mb:.0f} MB"
    )


if __name__ == "__main__":
    main()
