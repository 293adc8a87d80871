"""What TensorBoard shows of a run that has ended."""

import io

import pytest
import soundfile
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from open_seq2seq.lazy import tf
from open_seq2seq.modes import report
from open_seq2seq.storage import evaluations


def summaries(logdir, section):
    """Return the accumulator of a section, and its tags by plugin."""
    events = EventAccumulator(str(logdir / "tensorboard" / section), size_guidance={"tensors": 0})
    events.Reload()
    tags = {}
    for tag in events.Tags()["tensors"]:
        tags.setdefault(events.SummaryMetadata(tag).plugin_data.plugin_name, []).append(tag)
    return events, tags


def content(events, tag, index):
    return events.Tensors(tag)[-1].tensor_proto.string_val[index]


def test_config_parameters_and_augmentation(logdir):
    events, tags = summaries(logdir, "train")
    assert {"config", "parameters"} <= set(tags["text"])
    assert b'"optimizer": "Adam"' in content(events, "parameters", 0)
    assert b"A config that learns to tell tones apart" in content(events, "config", 0)
    assert tags["images"] == ["augmentation"]
    assert tags["hparams"]
    for split in ("val", "test"):  # its table has the metrics of its own section alone
        value = tf.make_ndarray(events.Tensors(f"final/{split}_accuracy")[-1].tensor_proto)
        assert value == pytest.approx(evaluations.load(logdir, split)[0].top1)
    picture = Image.open(io.BytesIO(content(events, "augmentation", 2)))
    assert picture.width > 800


@pytest.mark.parametrize("split", ["val", "test"])
def test_confusion_and_misheard_clips(logdir, split):
    events, tags = summaries(logdir, split)
    assert "confusion" in tags["images"]
    clips = evaluations.load(logdir, split)[1]
    wrong = clips[clips["label"] != clips["prediction"]]
    surest = wrong.sort_values("probability", ascending=False, kind="stable").head(10)
    expected = [
        f"misheard/{n:02} {row.label} taken for {row.prediction}"
        for n, row in enumerate(surest.itertuples(), 1)
    ]
    assert len(expected) > 0 and sorted(tags["audio"]) == sorted(expected)
    samples, rate = soundfile.read(io.BytesIO(content(events, expected[0], 0)))
    assert rate == 16000
    assert len(samples) / rate == pytest.approx(surest["seconds"].iloc[0], abs=0.001)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["show_clip", "write_report"])
def test_a_report_that_fails_ends_no_run(monkeypatch, run, tmp_path, name):
    def fail(*args):
        raise RuntimeError("the clip is gone")

    monkeypatch.setattr(report, name, fail)
    flags = ["--num_epochs=1", "--write_report=True", "--save_summaries_steps=9"]
    assert run("train_eval", tmp_path / "run", *flags) == 0
    assert "report: not complete (RuntimeError: the clip is gone)" in (
        (tmp_path / "run" / "run.log").read_text()
    )
