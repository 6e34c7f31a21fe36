"""Resources of a partition's nodes, and the requests of the profile's jobs."""

from dataclasses import dataclass

from infusenet.config import configuration

USABLE = {"idle", "mixed", "allocated", "completing", "planned", "reserved"}
USE_GPU = {"latents", "train", "predict"}
OTHERS = "all other rules"


@dataclass(frozen=True)
class Nodes:
    """A partition's nodes of one kind, as sinfo lists them; ``minutes`` is the partition's limit."""

    partition: str
    default: bool
    usable: bool
    state: str
    minutes: float
    cores: int
    memory_mb: int
    gpus: bool


def parse_sinfo(text: str) -> list[Nodes]:
    """The nodes in lines of partition|state|time limit|cores|memory|gres."""
    rows = [line.split("|") for line in text.splitlines()]
    # Signs after a state mean power and maintenance; only * is a node that does not answer.
    return [
        Nodes(
            partition.rstrip("*"), partition.endswith("*"), state.rstrip("~#!%$@^-+") in USABLE, state,
            minutes(limit), int(cores.rstrip("+")), int(memory.rstrip("+")), "gpu" in gres,
        )
        for partition, state, limit, cores, memory, gres in rows
    ]  # fmt: skip


def minutes(limit: str) -> float:
    """[days-][hours:]minutes:seconds in minutes; infinite is."""
    if limit in ("infinite", "n/a"):
        return float("inf")
    days, _, clock = limit.rpartition("-")
    hours, mins, seconds = ([0, 0] + [int(part) for part in clock.split(":")])[-3:]
    return int(days or 0) * 1440 + hours * 60 + mins + seconds / 60


@dataclass(frozen=True)
class Request:
    """The request of a rule, or of a group of rules that run one after the other, for one node."""

    rules: str
    partition: str | None
    cores: int
    memory_mb: int
    minutes: int
    gpu: bool

    def fits(self, node: Nodes) -> bool:
        return (
            (node.partition == self.partition if self.partition else node.default)
            and node.cores >= self.cores
            and node.memory_mb >= self.memory_mb
            and node.minutes >= self.minutes
            and node.gpus >= self.gpu
        )

    def __str__(self) -> str:
        resources = f"{self.cores} cores, {self.memory_mb} MB, {self.minutes} min{', GPU' * self.gpu}"
        return f"{self.rules} ({resources} in {self.partition or 'the default partition'})"


def requests(config: dict, profile: dict) -> list[Request]:
    """The profile's requests; a group asks for the maximum of its rules, and for the sum of their times."""
    compute, defaults = config["compute"], profile["default-resources"]
    cores = dict.fromkeys(("faces", "flow", "nuisance_bench"), compute["processes"])
    cores |= dict.fromkeys(USE_GPU, compute["threads"])
    rule_resources = profile["set-resources"] | {OTHERS: {}}
    gpu_rules = USE_GPU if configuration.asks_for_gpu(compute) else set()
    if gpu_rules and configuration.stage_recipe(config, "flow").can_use_gpu:
        gpu_rules = gpu_rules | {"flow"}
    together: dict[str, list[str]] = {}
    for rule in rule_resources:
        together.setdefault(profile.get("groups", {}).get(rule, rule), []).append(rule)
    result = []
    for rules in together.values():
        resources = [defaults | rule_resources[rule] for rule in rules]
        result.append(
            Request(
                rules=" + ".join(rules),
                partition=resources[0].get("slurm_partition"),
                cores=max(cores.get(rule, 1) for rule in rules),
                memory_mb=max(
                    request["mem_mb_per_cpu"] * cores.get(rule, 1)
                    if "mem_mb_per_cpu" in request
                    else request["mem_mb"]
                    for rule, request in zip(rules, resources, strict=True)
                ),
                minutes=sum(request["runtime"] for request in resources),
                gpu=not gpu_rules.isdisjoint(rules),
            )
        )
    return result
