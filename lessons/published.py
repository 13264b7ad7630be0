"""Trainings of others, as their authors tell them, for study 17a.

Each is what `bill.plan` takes, and the hours of all chips together (None where they were not told).
"""

A, B = "A100 40GB", "A100 80GB"
FIRST = {  # the utilisation that `plan` presumes is from these
    # github.com/karpathy/nanoGPT: 600,000 steps in "about 4 days"
    "GPT-2 124M": (124e6, 295e9, A, 8, {"batch": 491_520, "context": 1024, "layers": 12, "width": 768}, 768),
    # H. Touvron and others, LLaMA (2302.13971), table 15, and Llama 2 (2307.09288), tables 1 and 2
    "LLaMA 65B": (65e9, 1.4e12, B, 2048, {"batch": 4e6, "layers": 80, "width": 8192}, 1_022_362),
    "Llama 2 7B": (7e9, 2e12, B, 512, {"batch": 4e6, "context": 4096}, 184_320),  # 512 chips: ours
    "Llama 2 70B": (70e9, 2e12, B, 1024, {"batch": 4e6, "context": 4096}, 1_720_320),  # 1,024: ours
    # BLOOM (2211.05100), sections 3.2 and 3.4
    "BLOOM 176B": (176e9, 366e9, B, 384, {"batch": 2048 * 2048, "layers": 70, "width": 14336}, 1_082_990),
    # databricks.com/blog/mpt-7b: 440 chips, 9.5 days
    "MPT-7B": (6.7e9, 1e12, A, 440, {"layers": 32, "width": 4096}, 440 * 9.5 * 24),
}
MORE = {  # and these had no say in it
    # S. Black and others, GPT-NeoX-20B (2204.06745): 150,000 steps of 3.15 million tokens, 1,830 hours
    "GPT-NeoX 20B": (20.6e9, 472e9, A, 96, {"batch": 3.15e6, "layers": 44, "width": 6144}, 96 * 1830),
    # S. Zhang and others, OPT (2205.01068); the hours from table 15 of LLaMA
    "OPT 175B": (175e9, 300e9, B, 992, {"batch": 2e6, "layers": 96, "width": 12288}, 809_472),
    # J. Rae and others (2112.11446), appendix: 920 hours
    "Gopher 280B": (280e9, 300e9, "TPU v3", 4096, {"batch": 6e6, "layers": 80, "width": 16384}, 4096 * 920),
    # A. Chowdhery and others, PaLM (2204.02311): 6,144 chips for 1,200 hours, 3,072 for 336
    "PaLM 540B": (540e9, 780e9, "TPU v4", 6144, {"batch": 4e6, "layers": 118, "width": 18432}, 8_404_992),
    # the model cards of Llama 3 and 3.1, and A. Dubey and others (2407.21783), table 4
    "Llama 3 8B": (8e9, 15e12, "H100", 1024, {"context": 8192}, 1_300_000),  # 1,024: ours
    "Llama 3 70B": (70e9, 15e12, "H100", 4096, {"context": 8192}, 6_400_000),  # 4,096: ours
    "Llama 3.1 405B": (405e9, 15.6e12, "H100", 16384, {"batch": 16e6, "context": 8192, "layers": 126,
                                                     "width": 16384}, 30_840_000),
    # DeepSeek-V3 (2412.19437): 37 of 671 billion parameters for each token, products of 8-bit numbers
    "DeepSeek-V3": (671e9, 14.8e12, "H800", 2048, {"active": 37e9, "batch": 15360 * 4096, "context": 4096,
                                                  "layers": 61, "width": 7168}, 2_664_000),
}  # fmt: skip
