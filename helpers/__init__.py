"""The importable half of Transformer in Stages: every part that a notebook has built, in one place.

Read the modules in this order: `outline` (the placeholders of notebook 01), `model` (the finished
Transformer), `data` and `grammar` (sentences), `training`, `decoding`, and the two commands `train` and
`translate`. `plots`, `checks` and `setup` serve the notebooks.
"""
