"""What notebooks 01 and 02 leave behind."""

import torch

from lessons.outline import TransformerOutline, attend, self_attention_loop


def test_the_outline_maps_target_to_target_and_ignores_the_source():
    model = TransformerOutline(d_model=8, n_layers=3)
    source, target = torch.rand(5, 8), torch.rand(4, 8)
    output = model(source, target)
    assert output.shape == (4, 8) and model.encode(source).shape == (5, 8)
    assert torch.equal(output, model(torch.rand(6, 8), target))


def test_the_loop_equals_the_matrix_product():
    torch.manual_seed(0)
    words, W_Q, W_K, W_V = torch.randn(5, 8), torch.randn(8, 4), torch.randn(8, 4), torch.randn(8, 6)
    expected = ((words @ W_Q) @ (words @ W_K).T / 2).softmax(dim=-1) @ (words @ W_V)
    assert torch.allclose(self_attention_loop(words, W_Q, W_K, W_V), expected, atol=1e-5)


def test_the_weights_of_one_word_add_up_to_one():
    output, weights = attend(torch.randn(4), torch.randn(3, 4), torch.randn(3, 6))
    assert output.shape == (6,) and weights.shape == (3,)
    assert torch.isclose(weights.sum(), torch.tensor(1.0))
