"""Tracks hold what their lists say."""

import itertools
import json
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import soundfile

from open_seq2seq.commands import tracks as command
from open_seq2seq.config.track_params import TrackParams
from open_seq2seq.detection import make_tracks
from open_seq2seq.detection.track_summary import Summary
from open_seq2seq.detection.tracks import open_track
from open_seq2seq.errors import UserError
from tests.support.paths import ROOT
from tests.support.spoken_clips import END, QUIET, RATE, START, save_clips
from tests.support.tones import save_wav

ROWS = [
    *(("yes", "yes"),) * 3,
    *(("no", "no"),) * 3,
    ("unknown", "bed"),
    ("unknown", "cat"),
    ("silence", "silence"),
]
N_CLIPS = 8  # without silence
SHORT = {"hours": 0.1, "clips_per_hour": 200, "gap_s": [0.5, 1.0], "stretch_s": [5.0, 10.0]}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return save_clips(tmp_path_factory.mktemp("words"), ROWS)


@pytest.fixture
def noise(tmp_path):
    """A folder of two recordings of noise, one of them stereo at 44.1 kHz."""
    rng = np.random.default_rng(0)
    save_wav(tmp_path / "noise" / "long.wav", 0.1 * rng.standard_normal(40 * RATE))
    stereo = 0.05 * rng.standard_normal((3 * 44100, 2))
    save_wav(tmp_path / "noise" / "short.flac", stereo, 44100, subtype="PCM_24")
    return tmp_path / "noise"


def make(folder, **params):
    """Make tracks; return their samples, what is said in them, and the summary."""
    blocks = []
    make_tracks.make_tracks(TrackParams(**params), folder, lambda n, total: blocks.append(n))
    found = [(read(path), open_track(path).spoken) for path in sorted(folder.glob("*.wav"))]
    return found, json.loads((folder / "summary.json").read_text()), blocks


def read(path):
    samples, rate = soundfile.read(path, dtype="int16")
    assert samples.ndim == 1
    return samples.astype(np.float64), rate


def rms(samples):
    return np.sqrt(np.mean(np.square(samples)))


def find(samples, start_s, original):
    """Return the first sample of what begins at a time of a list, which has a tenth of a ms."""
    near = round(start_s * RATE) + np.arange(-2, 3)
    near = near[near >= 0]
    products = [samples[first:][: len(original)] @ original for first in near]
    return int(near[np.argmax(products)])


def with_and_without_clips(folder, **params):
    """Return a track's samples, those that it has without its clips, its list and stretches."""
    track_params = TrackParams(**params)
    (plan,) = make_tracks.plan(track_params)
    made = []
    for name, is_said in (("with", True), ("without", False)):
        (plan,) = make_tracks.plan(track_params)  # its noise begins anew
        if not is_said:
            bare = tuple(stretch._replace(placements=()) for stretch in plan.stretches)
            plan = plan._replace(stretches=bare)
        (folder / name).mkdir()
        summary = Summary({}, None)
        make_tracks.write_track(plan, 0, track_params, folder / name, summary, lambda n: None)
        (track,) = summary.values()["tracks"]
        made.append((read(folder / name / track["path"])[0], track["stretches"]))
    (said, stretches), (bare, _) = made
    return said, bare, open_track(folder / "with" / "track-000.wav").spoken, stretches


@pytest.mark.parametrize("is_recorded", [False, True])
def test_words_have_the_ratio_and_the_times_that_the_list_says(
    tmp_path, manifest, noise, is_recorded
):
    background = {"background": str(noise)} if is_recorded else {}
    params = {**SHORT, **background, "snr_db": [-5.0, 25.0], "seed": 3}
    said, bare, spoken, stretches = with_and_without_clips(
        tmp_path, manifest=str(manifest), **params
    )
    clips = said - bare
    assert len(spoken) == 20
    ratios = []
    for each in spoken:
        start, end = round(each.start * RATE), round(each.end * RATE)
        assert abs(end - start - (END - START)) <= 2
        (stretch,) = (s for s in stretches if s["start"] <= each.start < s["end"])
        assert stretch["kind"] == "keywords"
        around = bare[round(stretch["start"] * RATE) : round(stretch["end"] * RATE)]
        ratios.append(20 * np.log10(rms(clips[start:end]) / rms(around)))
        # a clip is where its word says, whole, and nothing else is within half a second of it
        original = read(each.path)[0]
        start = find(clips, each.start - START / RATE, original) + START
        placed = clips[start - START : start - START + RATE]
        gain = rms(placed) / rms(original)
        np.testing.assert_allclose(placed, gain * original, atol=1.5)
        assert rms(clips[start - START - RATE // 2 : start - START]) < 1
        clips[start - START : start - START + RATE] = 0
        assert each.word == {"clips/6.wav": "bed", "clips/7.wav": "cat"}.get(
            each.path[-11:], each.label
        )
    np.testing.assert_allclose(ratios, [each.snr_db for each in spoken], atol=0.05)
    assert min(ratios) >= -5.05 and max(ratios) <= 25.05 and np.ptp(ratios) > 15
    assert not np.abs(clips).max()


def test_every_clip_is_said_before_one_is_repeated(tmp_path, manifest):
    found, summary, _ = make(tmp_path / "once", manifest=str(manifest))
    assert Counter(each.path for _, spoken in found for each in spoken) == {
        str(manifest.parent / "clips" / f"{index}.wav"): 1 for index in range(N_CLIPS)
    }
    assert summary["said"] == {"no": 3, "unknown": 2, "yes": 3}
    assert summary["hours"] == pytest.approx(N_CLIPS / 240)
    found, summary, _ = make(tmp_path / "again", manifest=str(manifest), **SHORT)
    order = [each.path for _, spoken in found for each in spoken]
    assert len(order) == 20 and set(Counter(order).values()) == {2, 3}


def test_tracks_have_the_lengths_and_fractions_asked_for(tmp_path, manifest, noise):
    found, summary, _ = make(
        tmp_path / "out",
        **{**SHORT, "manifest": str(manifest), "track_minutes": 2.5},
        speech=str(noise),
        speech_fraction=0.3,
        silence_fraction=0.2,
    )
    assert len(found) == 3  # of 6 minutes
    assert {len(samples) for (samples, rate), _ in found} == {120 * RATE}
    hours = summary["hours_of"]
    assert hours["speech"] == pytest.approx(0.03) and hours["silence"] == pytest.approx(0.02)
    assert sum(hours.values()) == pytest.approx(0.1)
    for ((samples, _), _), track in zip(found, summary["tracks"], strict=True):
        for stretch in track["stretches"]:
            part = samples[round(stretch["start"] * RATE) : round(stretch["end"] * RATE)]
            if stretch["kind"] == "silence":
                assert not part.any() and stretch["level_db"] is None
            elif stretch["kind"] in ("noise", "speech"):
                level_db = 20 * np.log10(rms(part) / 32768)
                assert level_db == pytest.approx(stretch["level_db"], abs=0.05)


def test_gaps_are_within_their_range(tmp_path, manifest):
    params = {**SHORT, "gap_s": [0.25, 0.3], "clips_per_hour": 500}
    found, summary, _ = make(tmp_path / "out", manifest=str(manifest), **params)
    ((_, spoken),) = found
    stretches = [s for s in summary["tracks"][0]["stretches"] if s["kind"] == "keywords"]
    for stretch in stretches:
        inside = [s for s in spoken if stretch["start"] <= s.start < stretch["end"]]
        starts = np.array([each.start - START / RATE for each in inside])
        edges = [stretch["start"] - 1, *starts, stretch["end"]]
        gaps = [after - before - 1 for before, after in itertools.pairwise(edges)]
        assert min(gaps) > 0.2499 and max(gaps) < 0.3001
    assert len(spoken) == 50 and len(stretches) > 3


def test_the_same_flags_give_the_same_bytes(tmp_path, manifest, noise):
    params = {**SHORT, "manifest": str(manifest), "background": str(noise), "speech": "unknown"}
    content = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        make(tmp_path / name, **params, seed=seed)
        files = sorted((tmp_path / name).iterdir())
        content.append({path.name: path.read_bytes() for path in files})
    assert content[0] == content[1]
    assert all(content[0][name] != content[2][name] for name in content[0])


def test_clips_too_long_for_a_stretch_of_speech_leave_room_for_others(tmp_path, manifest, caplog):
    params = {**SHORT, "speech": "unknown", "speech_fraction": 0.5, "silence_fraction": 0.0}
    params |= {"clips_per_hour": 60}
    with pytest.raises(UserError, match=r"--speech unknown: 2 clips of 2 longer than a stretch"):
        make(tmp_path / "none", manifest=str(manifest), **{**params, "stretch_s": [1.0, 1.1]})
    rows = [*ROWS, ("unknown", "long")]
    longer = save_clips(tmp_path / "words", rows)
    long = next(path for path in (tmp_path / "words" / "clips").glob(f"{len(rows) - 1}.wav"))
    save_wav(long, 0.1 * np.sin(np.arange(30 * RATE) / 3))
    found, _, _ = make(tmp_path / "out", manifest=str(longer), **params)
    assert "1 clip of 3 longer than a stretch of speech, left out" in caplog.text
    said = Counter(each.word for _, spoken in found for each in spoken)
    # three minutes of speech are of clips of a second with gaps of 0.2 to 0.6 s
    assert min(said["bed"], said["cat"]) > 40 and "long" not in said


def test_memory_is_bounded_by_a_stretch_not_by_the_hours(tmp_path, manifest):
    params = {**SHORT, "hours": 0.2}
    _, _, blocks = make(tmp_path / "out", manifest=str(manifest), **params)
    assert sum(blocks) == 720 * RATE
    assert max(blocks) <= (10 + 1 + 1) * RATE  # a stretch, the last clip in it, and its gap


def test_what_would_clip_is_quieter_and_keeps_its_ratio(tmp_path, manifest):
    params = {**SHORT, "noise_db": [-6.0, 0.0], "snr_db": [10.0, 20.0]}
    said, _, spoken, _ = with_and_without_clips(tmp_path, manifest=str(manifest), **params)
    assert 32000 < np.abs(said).max() <= 32767
    assert (np.abs(said) >= 32767).sum() < 100  # a peak of each stretch, and no plateau
    assert all(10 <= each.snr_db <= 20 for each in spoken)


def test_clips_in_their_own_room_are_as_they_were(tmp_path, manifest):
    found, summary, _ = make(
        tmp_path / "out", manifest=str(manifest), background="own", gap_s=[1.0, 2.0]
    )
    (((samples, _), spoken),) = found
    assert len(spoken) == N_CLIPS and summary["hours_of"].keys() == {"room"}
    for each in spoken:
        original = read(each.path)[0]
        start = find(samples, each.start - START / RATE, original)
        np.testing.assert_array_equal(samples[start : start + RATE], original)
        around = np.concatenate([samples[start - 8000 : start], samples[start + RATE :][:8000]])
        assert rms(around) == pytest.approx(QUIET, rel=0.03)
        assert each.snr_db is None
    gaps = np.diff([each.start for each in spoken]) - 1
    assert gaps.min() >= 1 and gaps.max() <= 2


def test_other_words_are_speech_if_asked_for(tmp_path, manifest):
    params = {**SHORT, "manifest": str(manifest), "speech": "unknown", "speech_fraction": 0.5}
    found, summary, _ = make(tmp_path / "out", **{**params, "clips_per_hour": 100})
    ((_, spoken),) = found
    kinds = {
        each: stretch["kind"]
        for each in spoken
        for stretch in summary["tracks"][0]["stretches"]
        if stretch["start"] <= each.start < stretch["end"]
    }
    assert {kind for each, kind in kinds.items() if each.label == "unknown"} == {"speech"}
    assert {kind for each, kind in kinds.items() if each.label != "unknown"} == {"keywords"}
    others = Counter(each.word for each in spoken if each.label == "unknown")
    assert others.keys() == {"bed", "cat"} and abs(others["bed"] - others["cat"]) <= 1
    assert others.total() > 80  # three minutes of clips of a second with short gaps
    times = [(each.start, each.end) for each in spoken]
    assert all(end < start for (_, end), (start, _) in itertools.pairwise(times))


def test_short_noise_is_repeated_without_a_click(tmp_path, manifest):
    times = np.arange(3 * RATE) / RATE
    save_wav(tmp_path / "hum" / "hum.wav", 0.3 * np.sin(2 * np.pi * 61.3 * times))
    found, summary, _ = make(
        tmp_path / "out", manifest=str(manifest), **SHORT, background=str(tmp_path / "hum")
    )
    (((samples, _), _),) = found
    noise = [s for s in summary["tracks"][0]["stretches"] if s["kind"] == "noise"]
    for stretch in noise:
        part = samples[round(stretch["start"] * RATE) : round(stretch["end"] * RATE)]
        # a sine of this level rises by no more from sample to sample, and a click by its height
        steepest = np.sqrt(2) * 32768 * 10 ** (stretch["level_db"] / 20) * 2 * np.pi * 61.3 / RATE
        assert np.abs(np.diff(part)).max() < 1.5 * steepest + 2


def test_recordings_are_joined_with_silence_before_each(tmp_path):
    rng = np.random.default_rng(0)
    sounds = {
        name: np.rint(3000 * rng.standard_normal(n))
        for name, n in (("a", RATE), ("b", 70 * RATE + 5), ("c", 100))
    }
    for name, sound in sounds.items():
        save_wav(tmp_path / "in" / "deep" / f"{name}.wav", sound.astype(np.int16))
    found, summary, _ = make(
        tmp_path / "out", join=str(tmp_path / "in"), gap_s=[0.5, 1.5], track_minutes=1.25
    )
    assert [len(spoken) for _, spoken in found] == [2, 1]
    for (samples, _), spoken in found:
        for each in spoken:
            expected = sounds[each.path[-5]]
            start = find(samples, each.start, expected)
            end = start + len(expected)
            assert abs(each.end * RATE - end) < 1
            np.testing.assert_array_equal(samples[start:end], expected)
            assert (each.label, each.word) == ("unknown", "")
            assert not samples[start - RATE // 2 : start].any()
            samples[start:end] = 0
        assert not samples.any()
    assert summary["said"] == {"unknown": 3}


def test_help_is_there_at_once():
    code = (
        "import atexit, runpy, sys; sys.argv = ['x', '--help']\n"
        "atexit.register(lambda: print(*{'tensorflow', 'pydantic', 'numpy'} & {*sys.modules}))\n"
        "runpy.run_module(MODULE, run_name='__main__')"
    )
    for script in ("make_tracks.py", "mine_false_accepts.py"):
        run = code.replace("run_module(MODULE", f"run_path('scripts/{script}'")
        done = subprocess.run(
            [sys.executable, "-c", run], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0 and done.stdout.endswith("\n\n"), done.stdout + done.stderr


def test_the_command_says_what_it_made(tmp_path, manifest, capsys):
    command.main(
        [f"--manifest={manifest}", f"--output_dir={tmp_path / 'out'}", "--snr_db=-5,20", "--seed=4"]
    )
    shown = capsys.readouterr().out
    assert "1 track, 0.03 h" in shown and "8 words of 8 clips, 180 keywords an hour" in shown
    assert "1 clip of the label silence left out" in shown
    assert "signal-to-noise ratio: least" in shown
