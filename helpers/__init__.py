"""What you keep of Transformer in Stages, for projects of your own.

The core, in an evening: `model` (the Transformer of the paper), `data` (subwords and batches), `training`,
`decoding`; beside them `arguments` (what is refused, and in which words) and `checkpoints` (files). Commands:
`python -m helpers.train` and `python -m helpers.translate`; `card` measures a translator and writes down how
it came about. Round it: `grammar` and `multi30k` (sentences), `checks` (what every encoder-decoder must
keep to), `reference` (the same model out of torch.nn), `plots` and `setup`.
"""
