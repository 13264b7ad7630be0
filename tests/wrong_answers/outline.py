"""Plausible wrong answers to the exercises of notebook 01, and what the reader is told."""

from torch import nn

WRONG = {
    "linear_parameters": [
        (512 * 64, "forgot the 64 biases"),
        (512 * 64 + 512, "that comes out, not"),
        (576, "multiply"),
        ("32832", "without quotes"),
    ],
    "outline_parameters": [
        (lambda d_model, n_layers: n_layers * 5 * d_model**2, "forgot the biases"),
        (lambda d_model, n_layers: n_layers * 4 * (d_model**2 + d_model), "takes the memory"),
        (lambda d_model, n_layers: n_layers * 6 * (d_model**2 + d_model), "equally many"),
        (lambda d_model, n_layers: n_layers * 2 * (d_model**2 + d_model), "encoders alone"),
        (lambda d_model, n_layers: n_layers * 3 * (d_model**2 + d_model), "decoders alone"),
        (lambda d_model, n_layers: 5 * (d_model**2 + d_model), "n_layers of each"),
        (lambda d_model, n_layers: n_layers * 5 * (d_model**2 + 1), "one bias for each"),
        (lambda d_model, n_layers: 7, "count the linear layers"),
        (lambda d_model, n_layers: 3 * 5 * (d_model**2 + d_model), "right for n_layers=3"),
    ],
    "six_layers": [
        (lambda d_model: None, "returns nothing"),
        (lambda d_model: [nn.Linear(d_model, d_model) for _ in range(6)], "plain list"),
        (lambda d_model: nn.ModuleList([nn.Linear(d_model, d_model)] * 6), "same layer"),
        (lambda d_model: nn.ModuleList([nn.Linear(d_model, d_model) for _ in range(5)]), "not six"),
    ],
}
