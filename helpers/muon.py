"""Muon, an optimiser for matrices (Jordan and others, 2024), which at first needs fewer steps than Adam.

Adam scales each number of a gradient by itself. Muon looks at the matrix: it keeps the directions of the
gradient and makes all of them about equally long, so that the rare ones are learnt as fast as the common.
"""

import torch


def orthogonal(matrix, steps=5):
    """The matrix `(R, C)` with its singular values brought near 1: to between 0.6 and 1.2.

    A step of Newton and Schulz is an odd polynomial, which multiplies small singular values by 3.4 and pulls
    large ones back; one far below a hundredth of the largest stays small. Computed in the precision of the
    matrix, where PyTorch's own Muon computes in bfloat16, which most processors do slowly.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonal(matrix.mT, steps).mT  # the smaller square is the cheaper
    x = matrix / (matrix.norm() + 1e-7)  # (R, C), no singular value above 1
    for _ in range(steps):
        square = x @ x.mT  # (R, R)
        x = a * x + (b * square + c * square @ square) @ x  # (R, C)
    return x


class Muon(torch.optim.Optimizer):
    """Steps of length `lr` along the orthogonalised mean gradient of each matrix.

    Args:
        matrices: parameters of two dimensions. Leave biases, norms, embeddings and the output layer to Adam.
        lr: how far a step goes; with 2e-3 each direction of a matrix grows by about that much.
        momentum: share of the old mean gradient that is kept, with Nesterov's look ahead.
        weight_decay: times `lr`, the share by which weights shrink in each step.

    Raises:
        ValueError: a parameter that is no matrix.
    """

    def __init__(self, matrices, lr, momentum=0.95, weight_decay=0.1):
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        for p in self.param_groups[0]["params"]:
            if p.ndim != 2:
                raise ValueError(
                    f"a parameter of shape {tuple(p.shape)}, expected matrices: leave others to Adam."
                )

    @torch.no_grad()
    def step(self):
        """Move every matrix that has a gradient."""
        for group in self.param_groups:
            lr, momentum = group["lr"], group["momentum"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                mean = self.state[p].setdefault("mean", torch.zeros_like(p))
                mean.lerp_(p.grad, 1 - momentum)
                direction = orthogonal(p.grad.lerp(mean, momentum))  # (R, C)
                p.mul_(1 - lr * group["weight_decay"])
                p.sub_(direction, alpha=lr * max(1, p.shape[0] / p.shape[1]) ** 0.5)
