"""What a training costs: operations, hours, memory and bytes sent, and where data parallelism stops.

    >>> print(plan(7e9, 2e12, "A100 80GB", 1024))

All of it are rules of thumb, which study 17a derives, measures, or holds against published trainings.
"""

from dataclasses import dataclass
from math import inf
from numbers import Integral, Real

ADAM = 16  # bytes a parameter: 4 each for weight, gradient and two moments, or two copies of 2 and 12 more
SENT = 4  # bytes a gradient
KEPT, RECOMPUTED = 34, 2  # bytes per token, layer and number of width that wait for the backward pass
SHARD, TENSOR = "torch.distributed.fsdp.fully_shard", "torch.distributed.tensor.parallel"
PIPELINE, CHECKPOINT = "torch.distributed.pipelining", "torch.utils.checkpoint"


def ring(n, size):
    """Bytes that each of `n` sends while `size` bytes are summed round a ring, and the sum handed round."""
    return 2 * (n - 1) / n * size


def check(whole=(), **numbers):
    """Raise TypeError or ValueError unless each is a finite number above 0, and a whole one in `whole`."""
    for name, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, Real):
            raise TypeError(f"{name}={number!r}: expected a number. For 7 billion write 7e9.")
        if not 0 < number < inf:
            raise ValueError(f"{name}={number!r}: expected a finite number above 0. For 7 billion write 7e9.")
        if name in whole and not isinstance(number, Integral):
            raise ValueError(f"{name}={number!r}: expected a whole number, as {round(number) or 1}.")


@dataclass(frozen=True)
class Chip:
    """A kind of chip: its peak on dense matrices in the numbers that trainings use, its memory and its links.

    `operations` per second, `memory` in bytes; in bytes per second, `link` is what a chip can send to others
    of its machine, and `network` what a machine of `machine` chips can send to others.
    """

    operations: float
    memory: float
    link: float
    network: float
    machine: int = 8

    def __post_init__(self):
        check(("machine",), **vars(self))


# NVIDIA's data sheets of the SXM modules, half of NVLink's both directions, and the DGX machines' adapters.
# TPU: cloud.google.com/tpu/docs/system-architecture-tpu-vm. Their machine is the pod, with 100 Gbit/s a host.
CHIPS = {
    "P100": Chip(10.6e12, 16e9, 80e9, 50e9),  # 32-bit numbers, as in 2017
    "V100": Chip(125e12, 32e9, 150e9, 50e9),
    "A100 40GB": Chip(312e12, 40e9, 300e9, 200e9),
    "A100 80GB": Chip(312e12, 80e9, 300e9, 200e9),
    "H100": Chip(989e12, 80e9, 450e9, 400e9),
    "H800": Chip(989e12, 80e9, 200e9, 400e9),
    "H200": Chip(989e12, 141e9, 450e9, 400e9),
    "B200": Chip(2250e12, 180e9, 900e9, 400e9),
    "TPU v3": Chip(123e12, 32e9, 328e9, 3.2e12, 1024),
    "TPU v4": Chip(275e12, 32e9, 300e9, 12.8e12, 4096),
}


def plan(
    parameters, tokens, chip="A100 80GB", chips=8, *, utilisation=0.4, batch=None, context=2048, layers=None,
    width=None, active=None,
):  # fmt: skip
    """The bill for a decoder of `parameters` that reads `tokens`, as a `Plan`, which prints as a table.

    Args:
        chip: a name of `CHIPS`, or a `Chip`; chips: how many.
        utilisation: the share of the peak that is put to use, waiting and restarts included.
        batch: tokens per step on all chips together; by default about what GPT-3 took for its sizes.
        context: tokens of a sentence.
        layers, width: by default a width of 128 numbers per layer, about as in GPT-3 and Llama.
        active: parameters that one token meets, where that is not all (experts, or encoder and decoder).

    Raises TypeError or ValueError that name the value, what was expected and the way out.
    """
    if not isinstance(chip, Chip) and chip not in list(CHIPS):
        raise ValueError(f"chip={chip!r}: expected one of {', '.join(CHIPS)}, or a bill.Chip of your own.")
    active = parameters if active is None else active
    given = {"batch": batch, "layers": layers, "width": width}
    given = {name: value for name, value in given.items() if value is not None}
    numbers = {"tokens": tokens, "chips": chips, "utilisation": utilisation, "context": context}
    check(("chips", "context"), parameters=parameters, active=active, **numbers, **given)
    if utilisation > 1:
        raise ValueError(f"utilisation={utilisation}: expected a share of at most 1. For 40 % write 0.4.")
    if parameters < 1000:
        raise ValueError(f"parameters={parameters}: expected the count, at least 1000. For 7B write 7e9.")
    if active > parameters:
        raise ValueError(f"active={active:g}: expected at most all parameters={parameters:g}. Leave it out?")
    batch = batch or max(context, 0.5e6 * (active / 125e6) ** 0.26)
    if batch < context:
        raise ValueError(f"batch={batch:g} tokens: expected at least a sentence, context={context}.")
    layers = layers or max(1, round((active / 12 / 128**2) ** (1 / 3)))
    width = width or (active / 12 / layers) ** 0.5
    chip = chip if isinstance(chip, Chip) else CHIPS[chip]
    return Plan(chip, chips, parameters, active, tokens, utilisation, batch, context, layers, width)


@dataclass(frozen=True)
class Plan:
    """What `plan` was asked; all that follows from it is computed when it is read."""

    chip: Chip
    chips: int
    parameters: float
    active: float
    tokens: float
    utilisation: float
    batch: float
    context: int
    layers: float
    width: float

    @property
    def operations(self):
        """Per token 6 for each parameter (2 forward, 4 backward), and in attention 12 x width x context."""
        return (6 * self.active + 12 * self.layers * self.width * self.context) * self.tokens

    @property
    def hours(self):
        return self.operations / (self.chips * self.chip.operations * self.utilisation) / 3600

    @property
    def step_seconds(self):
        return 3600 * self.hours * self.batch / self.tokens

    @property
    def sent(self):
        """Bytes that each chip sends in a step, when all gradients are averaged."""
        return ring(self.chips, SENT * self.parameters)

    @property
    def send_seconds(self):
        """Inside the machines and between them at once, so that the slower of the two counts."""
        between = ring(-(-self.chips // self.chip.machine), SENT * self.parameters)
        return max(self.sent / self.chip.link, between / self.chip.network)

    def memory(self, shards=1, recompute=False):
        """Bytes on a chip that works on one sentence, if `shards` chips share weights, gradients, moments."""
        kept = KEPT + RECOMPUTED * self.layers if recompute else KEPT * self.layers
        whole = SENT * self.parameters / self.layers * (shards > 1)  # of the layer that works
        return ADAM * self.parameters / shards + whole + kept * self.width * self.context

    @property
    def stops(self):
        """Why data parallelism does not do, and what people use then: {reason: way out}."""
        found, room, rows = {}, self.chip.memory, self.batch / self.context
        ways = {CHECKPOINT: self.memory(recompute=True), SHARD: self.memory(self.chips),
                f"{SHARD} and {CHECKPOINT}": self.memory(self.chips, True)}  # fmt: skip
        if self.memory() > room:
            fits = [way for way, needed in ways.items() if needed <= room]
            found[f"{self.memory() / 1e9:,.1f} GB for a chip of {room / 1e9:g}"] = [*fits, TENSOR][0]
        if rows < self.chips:
            found[f"{rows:,.0f} sentences for {self.chips:,} chips"] = f"{TENSOR}, {PIPELINE}"
        if self.send_seconds > self.step_seconds:
            why = f"{self.send_seconds:.2g} s to send, {self.step_seconds:.2g} s to compute"
            found[why] = "a larger batch, fewer chips, or a faster network"
        return found

    def __str__(self):
        rows = {
            "operations": f"{self.operations:.3g}",
            "hours": f"{self.hours:,.1f} on {self.chips:,} chips, {self.chips * self.hours:,.0f} chip hours",
            "memory": f"{self.memory() / 1e9:,.1f} GB a chip, shared {self.memory(self.chips) / 1e9:,.1f} GB",
            "a step": f"{self.batch:,.0f} tokens, {self.step_seconds:.2g} s",
            "sent": f"{self.sent / 1e9:,.2f} GB a chip and step, {self.send_seconds:.2g} s",
        }
        rows |= {f"stops: {why}": f"-> {way}" for why, way in self.stops.items()}
        return "\n".join(f"{name:11} {value}" for name, value in rows.items())
