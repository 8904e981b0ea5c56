"""The residual network of location encoders since Mac Aodha et al. 2019 (arXiv:1906.05272): `wrap` and `voronoi` end in it."""

from torch import Tensor, nn
from torch.nn.functional import relu_


class ResidualBlock(nn.Module):
    """x -> x + relu(W2 dropout(relu(W1 x))), both [B, width]: two linear layers to a shortcut, ReLU before the sum."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.dropout(relu_(self.first(x)))  # in place: a linear layer's gradient does not need its output
        return x + relu_(self.second(inner))


class ResidualNet(nn.Module):
    """[B, in_dim] -> [B, out_dim]: linear and ReLU, ``blocks`` residual blocks (``body``, [B, hidden]), then a linear ``head``."""

    def __init__(self, in_dim: int, hidden: int, out_dim: int, blocks: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(in_dim, hidden), nn.ReLU(inplace=True), *[ResidualBlock(hidden, dropout) for _ in range(blocks)]
        )
        self.head = nn.Linear(hidden, out_dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))
