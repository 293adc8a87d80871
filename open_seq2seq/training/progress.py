"""What the chief says while it trains: loss, speed, samples, summaries, each at its own interval."""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from open_seq2seq.config.run_params import RunParams
from open_seq2seq.lazy import tf
from open_seq2seq.storage.reporting import Reporter
from open_seq2seq.structs import Batch, StepDetails, StepMetrics
from open_seq2seq.training.schedule import Schedule

Labels = tuple[str, ...]


class Speed:
    """Clips per second since the last pause, smoothed over recent steps."""

    def __init__(self, clips_per_step: int, window: int = 50) -> None:
        self._clips_per_step, self._window = clips_per_step, window
        self._times: list[
            float
        ] = []  # ends of steps; the first step, which traces and compiles, is left out

    def count(self) -> None:
        self._times = [*self._times[-self._window :], time.monotonic()]

    @property
    def seconds_per_step(self) -> float:
        return (
            (self._times[-1] - self._times[0]) / (len(self._times) - 1)
            if len(self._times) > 1
            else 0.0
        )

    @property
    def clips_per_s(self) -> float:
        return self._clips_per_step / self.seconds_per_step if self.seconds_per_step else 0.0

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Leave out the time spent inside: saving and evaluating are not training."""
        started = time.monotonic()
        yield
        lost = time.monotonic() - started
        self._times = [moment + lost for moment in self._times]


class Progress:
    """Reports on the steps of one run."""

    def __init__(
        self,
        params: RunParams,
        schedule: Schedule,
        model: Any,
        trained: list[str],
        reporter: Reporter,
        speed: Speed,
    ) -> None:
        """Report on a run.

        Args:
            params: say what, and when.
            schedule: how long the run is.
            model: predicts the samples that are shown.
            trained: names of the variables that each step's details are about.
            reporter: takes the lines.
            speed: of the steps.
        """
        self._params, self._schedule, self._model, self._trained = params, schedule, model, trained
        self._reporter, self._speed = reporter, speed

    def report(
        self, step: int, metrics: StepMetrics, learning_rate: float, batch: Batch, labels: Labels
    ) -> None:
        """Say and write what is due after ``step``.

        Args:
            step: steps taken so far.
            metrics: of the last one.
            learning_rate: of the last one.
            batch: clips of the last one.
            labels: names of the labels.
        """
        p = self._params
        if metrics.skipped:
            scale = f", loss scale was {float(metrics.loss_scale):g}"
            self._reporter.say(
                f"step {step}: the gradients are not finite, nothing was applied{scale}"
            )
        if _is_due(p.print_loss_steps, step):
            self._report_loss(step, float(metrics.loss), learning_rate)
        self._reporter.move_bar(step)
        if _is_due(p.print_samples_steps, step):
            self._report_sample(batch, labels)
        if _is_due(p.print_bench_info_steps, step):
            speed = f"{self._speed.seconds_per_step * 1000:.1f} ms a step, {self._speed.clips_per_s:.1f} clips/s"
            self._reporter.say(f"step {step}: {speed}")
        if _is_due(p.save_summaries_steps, step):
            self._summarize(step, metrics, learning_rate)

    def _report_loss(self, step: int, loss: float, learning_rate: float) -> None:
        values = f"loss {loss:.4f}, lr {learning_rate:.3g}, {self._speed.clips_per_s:.0f} clips/s"
        epoch = (step - 1) // self._schedule.steps_per_epoch + 1
        line = f"step {step} of {self._schedule.total}, epoch {epoch}, {values}"
        if self._reporter.shows_bar:
            self._reporter.log(line)
            self._reporter.move_bar(step, values)
        else:
            left_s = (self._schedule.total - step) * self._speed.seconds_per_step
            self._reporter.say(f"{line}, {datetime.timedelta(seconds=round(left_s))} left")

    def _report_sample(self, batch: Batch, labels: Labels) -> None:
        probabilities = tf.nn.softmax(
            self._model({k: v[:1] for k, v in batch.inputs.items()}, training=False)[0]
        ).numpy()
        best = int(np.argmax(probabilities))
        label = labels[int(batch.labels[0])]
        self._reporter.say(
            f"sample: label {label}, predicted {labels[best]} ({probabilities[best]:.2f})"
        )

    def _summarize(self, step: int, metrics: StepMetrics, learning_rate: float) -> None:
        kinds = self._params.summaries
        offered = {
            "learning_rate": learning_rate,
            "loss_scale": float(metrics.loss_scale),
            "global_gradient_norm": float(metrics.gradient_norm),
        }
        scalars = {"loss": float(metrics.loss), "clips_per_s": self._speed.clips_per_s}
        scalars |= {name: value for name, value in offered.items() if name in kinds}
        variables = self._model.trainable_variables
        if "variable_norm" in kinds:
            scalars |= {f"variable_norm/{v.path}": float(tf.norm(v.value)) for v in variables}
        histograms = (
            {f"variables/{v.path}": v.value for v in variables} if "variables" in kinds else {}
        )
        if metrics.details is not None and not metrics.skipped:
            self._add_details(metrics.details, learning_rate, scalars, histograms)
        self._reporter.summarize("train", step, scalars, histograms)

    def _add_details(
        self,
        details: StepDetails,
        learning_rate: float,
        scalars: dict[str, float],
        histograms: dict[str, Any],
    ) -> None:
        kinds, names = self._params.summaries, self._trained
        if "gradients" in kinds:
            histograms.update(
                zip((f"gradients/{name}" for name in names), details.gradients, strict=True)
            )
        if "gradient_norm" in kinds:
            norms = (float(tf.norm(gradient)) for gradient in details.gradients)
            scalars.update(zip((f"gradient_norm/{name}" for name in names), norms, strict=True))
        if "larc_summaries" in kinds and details.larc_factors:
            for name, factor in zip(names, map(float, details.larc_factors), strict=True):
                scalars[f"larc_grad_update/{name}"] = factor
                scalars[f"larc_final_lr/{name}"] = factor * learning_rate
                scalars[f"larc_clip_on/{name}"] = float(factor < 1.0)


def _is_due(every: int | None, step: int) -> bool:
    return every is not None and step % every == 0
