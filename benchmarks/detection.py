"""Keywords found at given rates of false accepts, by windows and incrementally.

    python benchmarks/detection.py LOGDIR [LOGDIR ...] --words=TRACKS --others=TRACKS,TRACKS \
        --test_words=TRACKS --test_others=TRACKS

For each model, method and rate there are three lines: the recall at a common threshold of all
labels that is read off the tracks themselves; the same with thresholds per label, smoothing and gap
as --calibrate chooses them; and what those settings do on the test tracks, which had no say.
"""

from __future__ import annotations

import argparse
import logging

import open_seq2seq
from open_seq2seq.config.detect_params import DetectParams
from open_seq2seq.detection import calibrate, hear, open_corpora
from open_seq2seq.detection.curves import det_curves
from open_seq2seq.detection.heard import Heard
from open_seq2seq.detection.measuring import Measurement, measure_heard
from open_seq2seq.errors import UserError
from open_seq2seq.pretrained import PretrainedModel

SMOOTHINGS = [1, 3, 5, 8, 12, 16]
TOLERANCE_S = 2.0  # the same for all smoothings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("logdirs", nargs="+", metavar="LOGDIR")
    parser.add_argument("--words", required=True, help="keywords, on which settings are chosen")
    parser.add_argument("--others", required=True, help="other sound, on which they are chosen")
    parser.add_argument("--test_words", required=True, help="keywords, which are reported")
    parser.add_argument("--test_others", required=True, help="other sound, which is reported")
    parser.add_argument("--rates", default=[1.0, 10.0], type=float, nargs="+")
    parser.add_argument("--methods", default=["windows", "incremental"], nargs="+")
    parser.add_argument("--hop_s", default=0.1, type=float)
    args = parser.parse_args()
    logging.disable(logging.WARNING)  # of hours that are few, which the intervals say
    for logdir in args.logdirs:
        model = open_seq2seq.from_pretrained(logdir)
        print(f"{logdir}: {model.network.count_params():,} parameters", flush=True)
        for method in args.methods:
            compare(model, method, args)


def hear_all(model: PretrainedModel, texts: list[str], params: DetectParams) -> Heard:
    return hear(model, open_corpora(path for text in texts for path in text.split(",")), params)


def compare(model: PretrainedModel, method: str, args: argparse.Namespace) -> None:
    params = DetectParams(method=method, hop_s=args.hop_s, match_tolerance_s=TOLERANCE_S)
    chosen_on = hear_all(model, [args.words, args.others], params)
    tested_on = hear_all(model, [args.test_words, args.test_others], params)
    for rate in args.rates:
        name = f"{method}, {rate:g}/h"
        given = {"method": method, "hop_s": args.hop_s, "match_tolerance_s": TOLERANCE_S}
        recall, smoothing = common(chosen_on, given, rate)
        print(f"  {name:<20} common threshold    {recall:6.1%}, {smoothing} averaged", flush=True)
        try:
            calibration, measurement = calibrate(
                chosen_on,
                DetectParams(**given, false_accepts_per_hour=rate, calibrate_smoothings=SMOOTHINGS),
            )
        except UserError as error:
            print(f"  {name:<20} {error}", flush=True)
            continue
        settings = calibration.stream
        report(f"{name:<20} per label, chosen  ", measurement)
        report(f"{name:<20} per label, tested  ", measure_heard(tested_on, settings, TOLERANCE_S))


def common(heard: Heard, given: dict, rate: float) -> tuple[float, int]:
    """Return the highest recall at a rate with one threshold for all labels, and its smoothing."""
    best = (0.0, 0)
    for smoothing in SMOOTHINGS:
        settings = DetectParams(**given, smoothing=smoothing).stream
        together, *_ = det_curves(heard, settings, TOLERANCE_S)
        points = [p for p in together.points if p.per_hour is not None and p.per_hour <= rate]
        best = max(best, (max((p.recall or 0.0 for p in points), default=0.0), smoothing))
    return best


def report(name: str, measurement: Measurement) -> None:
    counts = measurement.all
    low, high = counts.recall_interval or (0.0, 1.0)
    least, most = counts.per_hour_interval or (0.0, float("inf"))
    print(
        f"  {name} {counts.recall:6.1%} ({low:.1%} to {high:.1%}) of {counts.said}, "
        f"{counts.false_accepts} in {counts.hours:.2f} h, {counts.per_hour:.2f}/h "
        f"({least:.2f} to {most:.2f}), {measurement.settings.smoothing} averaged",
        flush=True,
    )


if __name__ == "__main__":
    main()
