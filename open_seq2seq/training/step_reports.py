"""Reports of the training steps: loss, speed, samples and summaries, each at its own interval."""

from __future__ import annotations

import contextlib
import datetime
import logging
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from open_seq2seq.config.run_params import RunParams
from open_seq2seq.layers.outputs import as_probabilities
from open_seq2seq.lazy import tf
from open_seq2seq.storage.reporting import Reporter
from open_seq2seq.structs import Batch, KerasModel, OutputKind, StepDetails, StepMetrics
from open_seq2seq.training.schedule import Schedule

logger = logging.getLogger(__name__)


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
    def seconds_per_step(self) -> float | None:
        """None until two steps have ended."""
        if len(self._times) < 2:
            return None
        return (self._times[-1] - self._times[0]) / (len(self._times) - 1)

    @property
    def clips_per_s(self) -> float | None:
        """None until two steps have ended."""
        return self._clips_per_step / self.seconds_per_step if self.seconds_per_step else None

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Leave out the time spent inside: saving and evaluating are not training."""
        started = time.monotonic()
        yield
        lost = time.monotonic() - started
        self._times = [moment + lost for moment in self._times]


class StepReports:
    """Reports on the steps of one run."""

    def __init__(
        self,
        params: RunParams,
        schedule: Schedule,
        model: KerasModel,
        trained: list[str],
        labels: tuple[str, ...],
        outputs: OutputKind,
        reporter: Reporter,
        speed: Speed,
    ) -> None:
        """Report on a run.

        Args:
            params: say what, and when.
            schedule: how long the run is.
            model: predicts the samples that are shown.
            trained: names of the variables that each step's details are about.
            labels: names of the labels.
            outputs: how their probabilities are computed.
            reporter: shows the bar, writes summaries.
            speed: of the steps.
        """
        self._params, self._schedule, self._model = params, schedule, model
        self._trained, self._labels, self._outputs = trained, labels, outputs
        self._reporter, self._speed = reporter, speed

    def report(self, step: int, metrics: StepMetrics, learning_rate: float, batch: Batch) -> None:
        """Log and write what is due after ``step``.

        Args:
            step: steps taken so far.
            metrics: of the last one.
            learning_rate: of the last one.
            batch: clips of the last one.
        """
        p = self._params
        if metrics.skipped:
            logger.warning(
                f"step {step}: the gradients are not finite, nothing was applied, "
                f"loss scale was {float(metrics.loss_scale):g}"
            )
        if _is_due(p.print_loss_steps, step):
            self._report_loss(step, metrics, learning_rate)
        self._reporter.move_bar(step)
        if _is_due(p.print_samples_steps, step):
            self._report_sample(batch)
        if _is_due(p.print_bench_info_steps, step):
            seconds, speed = self._speed.seconds_per_step, self._speed.clips_per_s
            if seconds is not None and speed is not None:
                logger.info(f"step {step}: {seconds * 1000:.1f} ms a step, {speed:.1f} clips/s")
        if _is_due(p.save_summaries_steps, step):
            self._summarize(step, metrics, learning_rate)

    def _report_loss(self, step: int, metrics: StepMetrics, learning_rate: float) -> None:
        loss, speed = float(metrics.loss), self._speed.clips_per_s
        self._reporter.metrics.record_step(
            step, loss, learning_rate, float(metrics.loss_scale), speed
        )
        epoch = (step - 1) // self._schedule.steps_per_epoch + 1
        values = f"epoch {epoch}, loss {loss:.4f}, lr {learning_rate:.3g}"
        if speed is not None:
            values += f", {speed:.0f} clips/s"
        line = f"step {step} of {self._schedule.total}, {values}"
        if self._reporter.shows_bar:
            logger.debug(line)
            if float(metrics.loss_scale) != 1.0:
                values += f", loss scale {float(metrics.loss_scale):g}"
            self._reporter.move_bar(step, values)
        else:
            if (seconds := self._speed.seconds_per_step) is not None:
                left_s = (self._schedule.total - step) * seconds
                line += f", {datetime.timedelta(seconds=round(left_s))} left"
            logger.info(line)

    def _report_sample(self, batch: Batch) -> None:
        first = {name: values[:1] for name, values in batch.inputs.items()}
        logits = self._model(first, training=False)[0]
        probabilities = as_probabilities(logits, self._outputs).numpy()
        best = int(np.argmax(probabilities))
        label = self._labels[int(batch.labels[0])]
        logger.info(
            f"sample: label {label}, predicted {self._labels[best]} ({probabilities[best]:.2f})"
        )

    def _summarize(self, step: int, metrics: StepMetrics, learning_rate: float) -> None:
        kinds = self._params.summaries
        offered = {
            "learning_rate": learning_rate,
            "loss_scale": float(metrics.loss_scale),
            "global_gradient_norm": float(metrics.gradient_norm),
        }
        scalars = {"loss": float(metrics.loss)}
        if self._speed.clips_per_s is not None:
            scalars["clips_per_s"] = self._speed.clips_per_s
        scalars |= {name: value for name, value in offered.items() if name in kinds}
        histograms: dict[str, Any] = {}
        for variable in self._model.trainable_variables:
            if "variable_norm" in kinds:
                norm = float(tf.norm(variable.value))
                scalars[f"variable_norm/{variable.path}"] = norm
            if "variables" in kinds:
                histograms[f"variables/{variable.path}"] = variable.value
        if metrics.details is not None and not metrics.skipped:
            self._add_details(metrics.details, learning_rate, scalars, histograms)
        self._reporter.metrics.summarize("train", step, scalars, histograms)

    def _add_details(
        self,
        details: StepDetails,
        learning_rate: float,
        scalars: dict[str, float],
        histograms: dict[str, Any],
    ) -> None:
        kinds = self._params.summaries
        for name, gradient in zip(self._trained, details.gradients, strict=True):
            if "gradients" in kinds:
                histograms[f"gradients/{name}"] = gradient
            if "gradient_norm" in kinds:
                scalars[f"gradient_norm/{name}"] = float(tf.norm(gradient))
        if "larc_summaries" in kinds and details.larc_factors:
            for name, factor in zip(self._trained, map(float, details.larc_factors), strict=True):
                scalars[f"larc_grad_update/{name}"] = factor
                scalars[f"larc_final_lr/{name}"] = factor * learning_rate
                scalars[f"larc_clip_on/{name}"] = float(factor < 1.0)


def _is_due(every: int | None, step: int) -> bool:
    return every is not None and step % every == 0
