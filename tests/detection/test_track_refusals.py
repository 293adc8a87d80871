"""What tracks cannot be made of is refused with a message, and nothing is left."""

import resource
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from open_seq2seq.commands import tracks as command
from open_seq2seq.errors import UserError
from tests.support.spoken_clips import RATE, save_clips
from tests.support.tones import save_wav

KEYWORDS = [("yes", "yes"), ("no", "no"), ("unknown", "bed")]
CLIPS = "--manifest={folder}/words-test.csv"


@pytest.fixture
def folder(tmp_path):
    save_clips(tmp_path, KEYWORDS)
    (tmp_path / "empty").mkdir()
    save_wav(tmp_path / "silent" / "a.wav", np.zeros(RATE))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.wav").write_text("no sound")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    save_clips(tmp_path / "others", [("unknown", "bed"), ("silence", "silence")])
    (tmp_path / "header-test.csv").write_text("label,path\n")
    (tmp_path / "header-labels.txt").write_text("yes\n")
    (tmp_path / "gone-test.csv").write_text("label,path\n0,gone.wav\n")
    (tmp_path / "gone-labels.txt").write_text("yes\n")
    (tmp_path / "text-test.csv").write_text("label,path\n0,broken/a.wav\n")
    (tmp_path / "text-labels.txt").write_text("yes\n")
    return tmp_path


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("", "name a manifest of clips with --manifest"),
        ("--manifest={folder}/nothing.csv", "nothing.csv: no such file"),
        ("--manifest={folder}/header-test.csv", "a header but no rows"),
        ("--manifest={folder}/gone-test.csv", "no such file"),
        ("--manifest={folder}/text-test.csv", "take its row out of the manifest"),
        ("--manifest={folder}/others/words-test.csv", "no clip of a keyword in it"),
        (f"{CLIPS} --hours=0", "--hours: expected a value greater than 0, got 0"),
        (f"{CLIPS} --hours=-2", "--hours: expected a value greater than 0, got -2"),
        (f"{CLIPS} --hours=0.001", "not one clip at 240 clips an hour"),
        (f"{CLIPS} --hours=0.1 --clips_per_hour=3000", "too short for 300 clips"),
        (f"{CLIPS} --hours=0.001 --clips_per_hour=1000", "too short for 1 clip"),
        (f"{CLIPS} --hours=1e9", "--hours: expected a value less than or equal to 1000"),
        (f"{CLIPS} --hours=50 --track_minutes=3000", "more than a WAV file holds"),
        (
            f"{CLIPS} --snr_db=20,0",
            "expected the lowest number first, got 20,0; say 0,20",
        ),
        (f"{CLIPS} --snr_db=5", "--snr_db: expected two numbers"),
        (f"{CLIPS} --gap_s=-1,2", "--gap_s: expected 0 or more seconds, got -1"),
        (f"{CLIPS} --noise_db=-20,3", "--noise_db: expected levels of 0 dB, full scale, or below"),
        (f"{CLIPS} --stretch_s=0,5", "--stretch_s: expected 1 to 600 seconds"),
        (f"{CLIPS} --silence_fraction=0.8", "are more than 1 together"),
        (f"{CLIPS} --background={{folder}}/empty", "no audio files in this folder"),
        (f"{CLIPS} --background={{folder}}/gone", "--background {folder}/gone: no such folder"),
        (f"{CLIPS} --background={{folder}}/broken", "broken/a.wav: cannot be used"),
        (f"{CLIPS} --background={{folder}}/silent", "nothing but digital silence"),
        (f"{CLIPS} --speech={{folder}}/silent", "nothing but digital silence"),
        (f"{CLIPS} --background=own --snr_db=0,1", "--snr_db has no effect with --background=own"),
        (f"{CLIPS} --background=own --hours=0.0001", "shorter than one clip with its gaps"),
        (f"{CLIPS} --protocol=mlperf", "--protocol and --keyword go together"),
        (f"{CLIPS} --protocol=mlperf --keyword=yse", "no such keyword, did you mean 'yes'?"),
        (f"{CLIPS} --protocol=mlperf --keyword=silence", "no clip of it in"),
        (f"{CLIPS} --protocol=mlperf --keyword=yes --hours=1", "--hours has no effect"),
        (
            f"{CLIPS} --protocol=mlperf --keyword=yes --background=own",
            "--background=own has no effect with --protocol=mlperf",
        ),
        (
            f"{CLIPS} --hours=0.1 --speech_fraction=0 --silence_fraction=1",
            "say a smaller --speech_fraction or --silence_fraction",
        ),
        ("--join={folder}/empty", "no audio files in this folder"),
        ("--join={folder}/broken", "repair it, or take it away"),
        ("--join={folder}/silent --snr_db=1,2", "--snr_db has no effect with --join"),
    ],
)
def test_wrong_input_is_refused(folder, flags, message):
    before = sorted(folder.iterdir())
    arguments = flags.format(folder=folder).split()
    with pytest.raises(UserError) as error:
        command.main([f"--output_dir={folder / 'out'}", *arguments])
    assert message.format(folder=folder) in str(error.value)
    assert sorted(folder.iterdir()) == before


def test_a_folder_with_content_is_left_as_it_is(folder):
    with pytest.raises(UserError, match="exists and is not an empty folder"):
        command.main([f"--output_dir={folder / 'full'}", CLIPS.format(folder=folder)])
    assert [path.name for path in (folder / "full").iterdir()] == ["file"]


def test_speech_of_the_manifest_needs_the_label(tmp_path):
    save_clips(tmp_path, KEYWORDS[:2])
    flags = [f"--output_dir={tmp_path / 'out'}", CLIPS.format(folder=tmp_path)]
    with pytest.raises(UserError, match="no clip of the label unknown"):
        command.main([*flags, "--speech=unknown"])
    with pytest.raises(UserError, match="no speech of others"):
        command.main([*flags, "--protocol=mlperf", "--keyword=yes"])


def test_a_full_disk_ends_it_with_a_message_and_nothing_left(folder):
    before, limits = sorted(folder.iterdir()), resource.getrlimit(resource.RLIMIT_FSIZE)
    # what is longer is cut short and then refused, as on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(UserError, match=r"cannot write .*out"):
            command.main([f"--output_dir={folder / 'out'}", CLIPS.format(folder=folder)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sorted(folder.iterdir()) == before


def test_a_disk_with_too_little_space_is_refused_at_once(folder, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(UserError, match=r"need 0\.1 GB, and the disk of .* has 0\.0 GB left"):
        command.main([f"--output_dir={folder / 'out'}", CLIPS.format(folder=folder), "--hours=1"])
    assert not (folder / "out").exists()


def test_a_silent_clip_is_not_said(folder):
    save_wav(folder / "clips" / "0.wav", np.zeros(RATE))
    out = folder / "out"
    command.main([f"--output_dir={out}", CLIPS.format(folder=folder)])
    (listed,) = out.glob("*.csv")
    assert [line.split(",")[3] for line in listed.read_text().splitlines()[1:]] in (
        ["no", "bed"],
        ["bed", "no"],
    )
