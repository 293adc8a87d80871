"""BC-ResNet, MatchboxNet and ResNet-50 in plain PyTorch, written from the papers.

`peers.py` trains them. They have the same parameters as this toolkit's.
"""

from torch import Tensor, nn
from torch.nn import functional


def matchboxnet(n_features: int, n_labels: int) -> nn.Module:
    """MatchboxNet-3x1x64 on [batch, features, frames]; Majumdar and Ginsburg, 2020."""
    return nn.Sequential(
        _TimeChannelBlock(n_features, 128, 11),
        _TimeChannelBlock(128, 64, 13, residual=True),
        _TimeChannelBlock(64, 64, 15, residual=True),
        _TimeChannelBlock(64, 64, 17, residual=True),
        _TimeChannelBlock(64, 128, 29, dilation=2),
        nn.Conv1d(128, 128, 1, bias=False),
        nn.BatchNorm1d(128, eps=1e-3),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(128, n_labels),
    )


class _TimeChannelBlock(nn.Module):
    def __init__(
        self, n_in: int, n_out: int, kernel: int, dilation: int = 1, residual: bool = False
    ) -> None:
        super().__init__()
        padding = dilation * (kernel - 1) // 2
        self.main = nn.Sequential(
            nn.Conv1d(
                n_in, n_in, kernel, padding=padding, dilation=dilation, groups=n_in, bias=False
            ),
            nn.Conv1d(n_in, n_out, 1, bias=False),
            nn.BatchNorm1d(n_out, eps=1e-3),
        )
        self.shortcut = None
        if residual:
            self.shortcut = nn.Sequential(
                nn.Conv1d(n_in, n_out, 1, bias=False), nn.BatchNorm1d(n_out, eps=1e-3)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.main(x)
        if self.shortcut is not None:
            y = y + self.shortcut(x)
        return functional.relu(y, inplace=True)


class BCResNet(nn.Module):
    """BC-ResNet on [batch, features, frames]; Kim et al., 2021."""

    def __init__(self, scale: float, n_labels: int) -> None:
        super().__init__()
        base = int(8 * scale)
        layers: list[nn.Module] = [
            nn.Conv2d(1, 2 * base, 5, (2, 1), padding=2, bias=False),
            nn.BatchNorm2d(2 * base),
            nn.ReLU(inplace=True),
        ]
        n_in = 2 * base
        for stage, (width, stride, n_blocks) in enumerate(
            zip((1.0, 1.5, 2.0, 2.5), (1, 2, 2, 1), (2, 2, 4, 4), strict=True)
        ):
            for block in range(n_blocks):
                layers.append(
                    _BroadcastBlock(n_in, int(width * base), stride if block == 0 else 1, 2**stage)
                )
                n_in = int(width * base)
        layers += [
            nn.Conv2d(n_in, n_in, 5, groups=n_in, padding=(0, 2), bias=False),
            nn.Conv2d(n_in, 4 * base, 1, bias=False),
            nn.BatchNorm2d(4 * base),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4 * base, n_labels),
        ]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [batch, labels]."""
        return self.layers(x[:, None])


class _BroadcastBlock(nn.Module):
    def __init__(self, n_in: int, n_out: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.expand = None
        if n_in != n_out:
            self.expand = nn.Sequential(
                nn.Conv2d(n_in, n_out, 1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU(inplace=True)
            )
        self.over_features = nn.Sequential(
            nn.Conv2d(n_out, n_out, (3, 1), (stride, 1), padding=(1, 0), groups=n_out, bias=False),
            _SubSpectralNorm(n_out, 5),
        )
        self.over_time = nn.Sequential(
            nn.Conv2d(
                n_out,
                n_out,
                (1, 3),
                padding=(0, dilation),
                dilation=(1, dilation),
                groups=n_out,
                bias=False,
            ),
            nn.BatchNorm2d(n_out),
            nn.SiLU(inplace=True),
            nn.Conv2d(n_out, n_out, 1, bias=False),
            nn.Dropout2d(0.1, inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else self.expand(x)
        y = self.over_features(y)
        y = self.over_time(y.mean(2, keepdim=True)) + y
        if self.expand is None:
            y = y + x
        return functional.relu(y, inplace=True)


class _SubSpectralNorm(nn.Module):
    """Batch normalization of each band of features by itself."""

    def __init__(self, n_channels: int, n_bands: int) -> None:
        super().__init__()
        self.n_bands = n_bands
        self.norm = nn.BatchNorm2d(n_channels * n_bands)

    def forward(self, x: Tensor) -> Tensor:
        n, n_channels, n_features, n_frames = x.shape
        x = x.view(n, n_channels * self.n_bands, n_features // self.n_bands, n_frames)
        return self.norm(x).view(n, n_channels, n_features, n_frames)


def resnet50(n_labels: int) -> nn.Module:
    """ResNet-50 with activations before the weights, on [batch, features, frames].

    He et al., "Identity Mappings in Deep Residual Networks", 2016.
    """
    layers: list[nn.Module] = [
        nn.Unflatten(1, (1, -1)),
        nn.Conv2d(1, 64, 7, 2, padding=3, bias=False),
        nn.MaxPool2d(3, 2, padding=1),
    ]
    n_in = 64
    for group, n_blocks in enumerate((3, 4, 6, 3)):
        for block in range(n_blocks):
            stride = 2 if group > 0 and block == 0 else 1
            layers.append(_Bottleneck(n_in, 64 * 2**group, stride, projects=block == 0))
            n_in = 4 * 64 * 2**group
    layers += [
        nn.BatchNorm2d(n_in),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(n_in, n_labels),
    ]
    return nn.Sequential(*layers)


class _Bottleneck(nn.Module):
    def __init__(self, n_in: int, width: int, stride: int, projects: bool) -> None:
        super().__init__()
        n_out = 4 * width
        self.activate = nn.Sequential(nn.BatchNorm2d(n_in), nn.ReLU(inplace=True))
        self.shortcut = nn.Conv2d(n_in, n_out, 1, stride, bias=False) if projects else None
        self.main = nn.Sequential(
            nn.Conv2d(n_in, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, n_out, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.activate(x)
        shortcut = x if self.shortcut is None else self.shortcut(y)
        return self.main(y) + shortcut


def count_parameters(network: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters())
