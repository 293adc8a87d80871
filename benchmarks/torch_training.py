"""A plain PyTorch training loop with the front end of the same recipes, for `peers.py`.

The clips are in memory. A batch at once gets noise, a spectrum, mel filters, a logarithm and masks;
then come one forward pass, one backward pass and the optimizer.
"""

from collections.abc import Callable
from typing import NamedTuple

import librosa
import numpy as np
import torch
import torch_networks
from scipy.fft import dct
from torch import Tensor, nn
from torch.nn import functional
from turns import N_LABELS, Turns

_SAMPLE_RATE = 16000


class Recipe(NamedTuple):
    """What a network is trained on and by."""

    network: Callable[[int], nn.Module]  # of the number of labels
    optimizer: Callable[[nn.Module], torch.optim.Optimizer]
    n_mels: int
    n_fft: int
    window: int
    hop: int
    n_frames: int
    is_mfcc: bool = False
    shift_ms: float = 0.0
    time_masks: tuple[int, int] = (0, 0)  # number, longest
    freq_masks: tuple[int, int] = (0, 0)
    cutouts: tuple[int, int, int] = (0, 0, 0)  # number, longest, widest


class NovoGrad(torch.optim.Optimizer):
    """Ginsburg et al., "Stochastic Gradient Methods with Layer-wise Adaptive Moments", 2019."""

    def __init__(self, parameters, lr: float, betas: tuple[float, float], decay: float) -> None:
        """Take each variable's gradient by its norm."""
        super().__init__(parameters, {"lr": lr, "betas": betas, "decay": decay})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """Update the parameters."""
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for parameter in group["params"]:
                state, gradient = self.state[parameter], parameter.grad
                squared = gradient.pow(2).sum()
                if not state:
                    state["first"], state["second"] = torch.zeros_like(parameter), squared
                else:
                    state["second"].mul_(beta2).add_(squared, alpha=1 - beta2)
                gradient = gradient / (state["second"].sqrt() + 1e-8)
                state["first"].mul_(beta1).add_(gradient).add_(parameter, alpha=group["decay"])
                parameter.sub_(state["first"], alpha=group["lr"])


def _sgd(momentum: float, decay: float) -> Callable[[nn.Module], torch.optim.Optimizer]:
    return lambda network: torch.optim.SGD(
        network.parameters(), lr=1e-4, momentum=momentum, weight_decay=decay
    )


RECIPES = {
    "bcresnet-1": Recipe(
        lambda n: torch_networks.BCResNet(1, n), _sgd(0.9, 1e-3), 40, 512, 480, 160, 101,
        shift_ms=100.0,
    ),
    "bcresnet-3": Recipe(
        lambda n: torch_networks.BCResNet(3, n), _sgd(0.9, 1e-3), 40, 512, 480, 160, 101,
        shift_ms=100.0, time_masks=(2, 20), freq_masks=(2, 5),
    ),
    "matchboxnet3x1x64": Recipe(
        lambda n: torch_networks.matchboxnet(64, n),
        lambda network: NovoGrad(network.parameters(), 1e-4, (0.95, 0.5), 1e-3),
        64, 512, 400, 160, 128,
        is_mfcc=True, shift_ms=5.0, time_masks=(2, 25), freq_masks=(2, 15), cutouts=(5, 25, 15),
    ),
    "resnet50": Recipe(torch_networks.resnet50, _sgd(0.95, 1e-4), 128, 1024, 1024, 125, 128),
}  # fmt: skip


class PlainTraining(Turns):
    """A network, its optimizer and clips of noise of one second in memory."""

    def __init__(self, recipe: Recipe, batch_size: int) -> None:
        """Make everything, and take the first steps.

        Args:
            recipe: of the network.
            batch_size: clips of a step.
        """
        torch.manual_seed(0)
        self._recipe, self._batch_size = recipe, batch_size
        self._network = recipe.network(N_LABELS)
        self.n_parameters = torch_networks.count_parameters(self._network)
        self._network.train()
        self._optimizer = recipe.optimizer(self._network)
        self._clips = (0.1 * 32768 * torch.randn(16 * batch_size, _SAMPLE_RATE)).to(torch.int16)
        mel = librosa.filters.mel(
            sr=_SAMPLE_RATE, n_fft=recipe.n_fft, n_mels=recipe.n_mels, htk=True, norm=None
        )
        self._mel = torch.from_numpy(mel)
        self._dct = torch.from_numpy(
            dct(np.eye(recipe.n_mels, dtype=np.float32), axis=0, norm="ortho")
        )
        self._window = torch.hann_window(recipe.window)
        self.turn(2)

    def take_step(self, batch: tuple[Tensor, Tensor]) -> None:
        """Take one step, and wait for its end."""
        features, labels = batch
        self._optimizer.zero_grad()
        loss = functional.cross_entropy(self._network(features), labels)
        loss.backward()
        self._optimizer.step()
        loss.item()

    @torch.no_grad()
    def next_batch(self) -> tuple[Tensor, Tensor]:
        """Return features [batch, features, frames] and labels."""
        recipe, n = self._recipe, self._batch_size
        clips = self._clips[torch.randint(len(self._clips), (n,))].float() / 32768
        if recipe.shift_ms:
            most = int(recipe.shift_ms * _SAMPLE_RATE / 1000)
            first = torch.randint(2 * most + 1, (n, 1))
            clips = functional.pad(clips, (most, most)).gather(
                1, first + torch.arange(_SAMPLE_RATE)
            )
        clips = clips + 10 ** (torch.empty(n, 1).uniform_(-90, -46) / 20) * torch.randn_like(clips)
        spectrum = torch.stft(
            clips, recipe.n_fft, recipe.hop, recipe.window, self._window, return_complex=True
        )
        features = torch.log(self._mel @ spectrum.abs().square() + 1e-6)
        if recipe.is_mfcc:
            features = self._dct @ features
        missing = recipe.n_frames - features.shape[2]
        features = functional.pad(features, (missing // 2, missing - missing // 2))
        for masks in (
            ("time", *recipe.time_masks, recipe.n_mels),
            ("freq", recipe.freq_masks[0], recipe.n_frames, recipe.freq_masks[1]),
            ("cut", *recipe.cutouts),
        ):
            features = self._masked(features, *masks)
        return features, torch.randint(N_LABELS, (n,))

    def _masked(
        self, features: Tensor, kind: str, n_masks: int, longest: int, widest: int
    ) -> Tensor:
        """Set ``n_masks`` rectangles of each clip to 0; those over a whole axis have its length."""
        n, n_mels, n_frames = features.shape
        for _ in range(n_masks):
            length = torch.randint(longest + 1, (n, 1)) if kind != "freq" else n_frames
            width = torch.randint(widest + 1, (n, 1)) if kind != "time" else n_mels
            first = torch.randint(max(1, n_frames - longest), (n, 1)) if kind != "freq" else 0
            lowest = torch.randint(max(1, n_mels - widest), (n, 1)) if kind != "time" else 0
            frames, mels = torch.arange(n_frames), torch.arange(n_mels)
            in_frames = (frames >= first) & (frames < first + length)
            in_mels = (mels >= lowest) & (mels < lowest + width)
            features = features.masked_fill(
                in_mels.reshape(-1, n_mels, 1) & in_frames.reshape(-1, 1, n_frames), 0.0
            )
        return features
