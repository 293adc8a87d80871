"""Reading audio: what comes out of every kind of file, and one error for what is no audio."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from open_seq2seq.data.audio import BadAudioError, LoudAudioError, check_header, read_wav

NOISE = np.random.default_rng(0).integers(-32768, 32768, 3000).astype(np.int16)
NOISE[:2] = -32768, 32767


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_16_bit_mono_keeps_every_sample(write_wav, name):
    waveform = read_wav(str(write_wav(name, NOISE)), 16000)
    assert waveform.samples.dtype == np.int16
    np.testing.assert_array_equal(waveform.samples, NOISE)
    assert waveform.converted_from == ""


@pytest.mark.parametrize("n_channels", [2, 5])
def test_channels_are_averaged(write_wav, n_channels):
    channels = NOISE.reshape(-1, n_channels)
    path = str(write_wav("a.wav", channels))
    waveform = read_wav(path, 16000)
    # rounded to the nearest 16-bit value, nothing else
    assert np.abs(waveform.samples - channels.astype(np.float64).mean(axis=1)).max() <= 0.5 + 1e-3
    assert waveform.converted_from == f"16000 Hz, {n_channels} channels, PCM_16"
    assert check_header(path, 16000) == (len(waveform.samples), waveform.converted_from)


@pytest.mark.parametrize(
    ("subtype", "written", "expected"),
    [
        ("PCM_24", [0.0, 0.25, -1.0, 1.6 / 32768, 1.0], [0, 8192, -32768, 2, 32767]),
        ("PCM_32", [0.0, 0.25, -1.0, 1.6 / 32768, 1.0], [0, 8192, -32768, 2, 32767]),
        ("PCM_U8", [0.0, 0.5, -1.0, 3 / 128], [0, 16384, -32768, 768]),
        ("FLOAT", [0.0, 0.5, -1.0, 1.0, 1.2, -1.04], [0, 16384, -32768, 32767, 32767, -32768]),
        ("DOUBLE", [0.0, 0.5, -1.0, 1.0, 1.2, -1.04], [0, 16384, -32768, 32767, 32767, -32768]),
    ],
)
def test_other_sample_formats(write_wav, subtype, written, expected):
    waveform = read_wav(str(write_wav("a.wav", np.array(written), subtype=subtype)), 16000)
    assert waveform.samples.tolist() == expected
    assert waveform.converted_from == f"16000 Hz, 1 channel, {subtype}"


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
def test_other_rates_are_resampled(write_wav, tone, rate):
    path = str(write_wav("a.wav", tone(1000, 0.5, sample_rate=rate), rate))
    waveform = read_wav(path, 16000)
    assert len(waveform.samples) == 8000
    # the same sine at the new rate, in place; the filter rings at the two ends
    expected = 32768 * tone(1000, 0.5)
    np.testing.assert_allclose(waveform.samples[500:-500], expected[500:-500], atol=3)
    assert waveform.converted_from == f"{rate} Hz, 1 channel, PCM_16"
    assert check_header(path, 16000) == (len(waveform.samples), waveform.converted_from)


def wav_bytes(samples: np.ndarray = NOISE, **kwargs) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, 16000, format=kwargs.pop("format", "WAV"), **kwargs)
    return file.getvalue()


BAD_FILES = {
    "empty": (b"", "Format not recognised"),
    "text": (b"not audio at all\n" * 50, "Format not recognised"),
    "header cut": (wav_bytes()[:30], "No 'data' chunk"),
    "header only": (wav_bytes()[:44], "it holds no samples"),
    "no samples": (wav_bytes(NOISE[:0]), "it holds no samples"),
    "NaN": (wav_bytes(np.array([0.0, np.nan]), subtype="FLOAT"), "NaN or infinite"),
    "infinite": (wav_bytes(np.array([0.0, np.inf]), subtype="DOUBLE"), "NaN or infinite"),
    "no rate": (wav_bytes()[:24] + struct.pack("<I", 0) + wav_bytes()[28:], ""),
    "FLAC cut": (wav_bytes(format="FLAC")[:3000], "flac decoder lost sync"),
}


@pytest.mark.parametrize(("content", "reason"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_files_say_why(tmp_path, content, reason):
    path = tmp_path / "bad.wav"
    path.write_bytes(content)
    with pytest.raises(BadAudioError) as error:
        read_wav(str(path), 16000)
    assert reason in str(error.value)
    # the caller names the file: the reason must not begin with it once more
    assert str(error.value) and "bad.wav" not in str(error.value)


@pytest.mark.parametrize("name", ["empty", "text", "header cut", "header only", "no samples"])
def test_the_header_already_shows_some(tmp_path, name):
    path = tmp_path / "bad.wav"
    path.write_bytes(BAD_FILES[name][0])
    with pytest.raises(BadAudioError, match=BAD_FILES[name][1]):
        check_header(str(path), 16000)


@pytest.mark.parametrize("read", [read_wav, check_header])
def test_folders_and_missing_files(tmp_path, read):
    for path in (tmp_path, tmp_path / "absent.wav", tmp_path / "zero\0byte.wav"):
        with pytest.raises(BadAudioError, match=r"\w"):
            read(str(path), 16000)


@pytest.mark.parametrize("read", [read_wav, check_header])
def test_what_is_no_plain_file_is_refused_without_waiting_for_it(tmp_path, read):
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "link.wav").symlink_to("pipe.wav")
    (tmp_path / "device.wav").symlink_to("/dev/zero")
    for name, kind in (("pipe.wav", "a pipe"), ("link.wav", "a pipe"), ("device.wav", "a device")):
        with pytest.raises(BadAudioError, match=f"It is {kind}, expected a file"):
            read(str(tmp_path / name), 16000)
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    with pytest.raises(BadAudioError, match="levels of symbolic links"):
        read(str(tmp_path / "loop.wav"), 16000)


@pytest.mark.parametrize("rate", [999, 1_000_001, 2**31 - 1])
def test_rates_that_no_recording_has_are_refused(tmp_path, rate):
    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes()[:24] + struct.pack("<I", rate) + wav_bytes()[28:])
    with pytest.raises(
        BadAudioError, match=f"its sample rate is {rate} Hz, expected 1000 to 1,000,000 Hz"
    ):
        read_wav(str(path), 16000)


def test_a_file_that_would_fill_the_memory_is_refused_by_its_header(tmp_path):
    path = tmp_path / "a.flac"
    path.write_bytes(flac_with_length(2**30))  # 18.6 hours at 16 kHz; 2^28 samples are 4.66 hours
    for read in (read_wav, check_header):
        with pytest.raises(BadAudioError, match="it is 67,109 s long, expected 16,777 s at most"):
            read(str(path), 16000)


@pytest.mark.parametrize(
    ("peak", "shown"), [(3e38, "3e+38"), (32768.0, "3.277e+04"), (9000.0, "9,000"), (1.5, "1.5")]
)
def test_floats_far_beyond_full_scale_are_bad_without_a_warning(write_wav, recwarn, peak, shown):
    path = str(write_wav("a.wav", np.array([peak, -peak, 0.5]), subtype="FLOAT"))
    with pytest.raises(LoudAudioError) as error:
        read_wav(path, 16000)
    assert str(error.value) == f"its samples reach {shown} times full scale, expected 1 at most"
    assert error.value.peak == pytest.approx(peak)
    # with half of full scale, nothing is clipped
    waveform = read_wav(path, 16000, gain=0.5 / peak)
    assert waveform.samples[:2].tolist() == [16384, -16384]
    assert not recwarn.list


def test_too_short_to_resample(write_wav):
    with pytest.raises(BadAudioError, match="too short to resample: 1 sample at 48000 Hz"):
        read_wav(str(write_wav("a.wav", NOISE[:1], 48000)), 16000)


@pytest.mark.parametrize("read", [read_wav, check_header])
def test_raw_files_are_bad(tmp_path, read):
    path = tmp_path / "a.raw"
    path.write_bytes(NOISE.tobytes())
    with pytest.raises(BadAudioError):
        read(str(path), 16000)


def flac_with_length(n_samples: int) -> bytes:
    """The 36 bits of STREAMINFO that hold the total number of samples (RFC 9639, 8.2) end at byte
    26.
    """
    content = bytearray(wav_bytes(format="FLAC"))
    content[21:26] = ((content[21] & 0xF0) << 32 | n_samples).to_bytes(5, "big")
    return bytes(content)


def test_a_flac_that_promises_too_much(tmp_path):
    path = tmp_path / "a.flac"
    path.write_bytes(flac_with_length(2**36 - 1))
    with pytest.raises(BadAudioError):
        read_wav(str(path), 16000)


@pytest.mark.parametrize("read", [read_wav, check_header])
def test_a_flac_of_unknown_length_is_refused_before_it_is_read(tmp_path, read):
    """0 means unknown, as in a stream; libsndfile cannot read such a file to its end."""
    path = tmp_path / "a.flac"
    path.write_bytes(flac_with_length(0))
    with pytest.raises(BadAudioError, match="how long it is"):
        read(str(path), 16000)


def test_floats_that_overflow_when_resampled(write_wav):
    path = write_wav("a.wav", np.tile([3e38, -3e38], 400), 8000, subtype="FLOAT")
    with pytest.raises(BadAudioError, match="NaN or infinite"):
        read_wav(str(path), 16000)


BASES = [
    wav_bytes(NOISE[:100]),
    wav_bytes(NOISE[:100] / 32768, subtype="FLOAT"),
    wav_bytes(NOISE[:100].reshape(-1, 2)),
]


@settings(max_examples=300, deadline=None)
@given(
    base=st.sampled_from(BASES),
    edits=st.lists(st.tuples(st.integers(0, 60), st.binary(min_size=1, max_size=4)), max_size=4),
    end=st.integers(0, 300),
)
def test_corrupted_wavs_are_read_or_refused(tmp_path_factory, base, edits, end):
    content = bytearray(base)
    for place, new in edits:
        content[place : place + len(new)] = new
    path = Path(tmp_path_factory.getbasetemp()) / "fuzzed.wav"
    path.write_bytes(content[:end])
    try:
        samples = read_wav(str(path), 16000).samples
    except BadAudioError as error:
        assert str(error)
    else:
        assert samples.dtype == np.int16 and samples.ndim == 1 and len(samples)
