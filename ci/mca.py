"""Cuts the hot loops of the kernels out of release binaries, and asks llvm-mca how fast they run.

Called by ci/mca: mca.py CARD PORTS (TRIPLE BINARY)...
Prints Markdown, and writes to PORTS how many instructions the loops have.
"""

import json
import re
import subprocess
import sys
from typing import NamedTuple


class Kernel(NamedTuple):
    """How to find the loop of an operation, and how many elements it takes."""

    operation: str  # as the card calls it
    symbol: str  # of the function that it is in: a frame, or what a frame was inlined into
    needs: list[str]  # what tells the loop from those for other parameters
    forbids: list[str]
    reads: int = 0  # bytes that an element is loaded from; or 0, if it is better known by
    writes: int = 0  # the bytes that it is stored to
    pick: str = ""  # of loops that differ in what else they sum up, that with the "fewest" or the
    # "most" instructions


# What multiplies codes, and what the loops of the specification have.
MULTIPLIES = ["vpdp|vpmadd|[us]?[us]dot|[us]mull"]
SIGNED = ["vpdp|vpmadd|sdot|smull"]
UNSIGNED = ["vpdp|vpmadd|udot|umull"]
SCALAR = [r"\bmul\b|smlal|xtn|vpmull|shll|fmov"]

# Adding an operation is adding a line here.
KERNELS = [
    Kernel("min_max", r"MinMax(?!Spread)|Tier>::min_max$", [], ["vmaxps", "fcmgt|bit|bsl|fminnm"], reads=4),
    Kernel("quantize affine u8", r"ops::quantize::(Quantize<u8>|compiled)",
           ["vpackuswb|sqxtun", "vpaddsw|sqadd"], ["vpmaxub|umax"], writes=1),
    Kernel("quantize symmetric i8", r"ops::quantize::(Quantize<i8>|compiled)",
           ["vpmaxsb|smax"], ["sqxtun|vpackuswb", "vpaddsw|sqadd"], writes=1),
    Kernel("dequantize affine u8", r"ops::dequantize::(Dequantize<u8>|compiled)",
           ["vpsubd|fsub|vsubps"], ["eor"], writes=4),
    Kernel("dequantize symmetric i8", r"ops::dequantize::(Dequantize<i8>|compiled)",
           ["vpmovsxbd|eor"], ["vpsubd|vsubps|fsub"], writes=4),
    Kernel("fake_quantize affine u8", r"ops::fake_quantize::", [], [], writes=4),
    Kernel("requantize real u8", r"ops::requantize::Requantize<u8>",
           ["vmulps|fmul", "vpackuswb|sqxtun", "vpaddsw|sqadd"],
           ["vpmaxub|umax", "vmaxps|fmax"], writes=1),
    Kernel("requantize fixed u8", r"ops::requantize::Requantize<u8>",
           ["vpmuldq|smull", "vpackuswb|sqxtun", "vpaddsw|sqadd"],
           ["vpmaxub|umax", "vpmaxsd|smax"], writes=1),
    Kernel("rescale u8 to i8", r"(Avx512Vbmi|Avx2|Neon), .*Rescale<u8, i8>|Avx512Vbmi, ",
           ["vpmulhrsw|vpermi2b|tbx"], ["vpsllw"], writes=1),
    Kernel("relu u8", r"ops::clamp::(Clamp<u8>|compiled)", ["vpmaxub|umax"], [], writes=1),
    Kernel("dot u8·i8", r"dot::Dots<u8, i8>", MULTIPLIES, SCALAR, reads=2, pick="fewest"),
    Kernel("dot u8·i8, two zero points", r"dot::Dots<u8, i8>", MULTIPLIES, SCALAR, reads=2,
           pick="most"),
    Kernel("dot i8·i8", r"dot::(Dots<i8, i8>|compiled$)", SIGNED, SCALAR, reads=2, pick="fewest"),
    Kernel("dot i8·i8, two zero points", r"dot::(Dots<i8, i8>|compiled$)", SIGNED, SCALAR, reads=2,
           pick="most"),
    Kernel("dot u8·u8", r"dot::(Dots<u8, u8>|compiled$)", UNSIGNED, SCALAR, reads=2, pick="fewest"),
]

# Past the caches, by division, and for blocks with an infinity or a NaN: not the usual loop.
UNUSUAL = ["prefetch|prfm", "vmovnt", "div", "vcmpordps|fcmeq"]


class Tier(NamedTuple):
    triple: str
    frame: str  # what the symbol must match
    register: str  # what a loop of the tier uses
    cpus: list[str]  # for llvm-mca


NEON = r"\bv\d|\bq\d"
TIERS = {
    "avx2": Tier("x86_64", "Avx2", "ymm", ["znver4", "sapphirerapids"]),
    "avxvnni": Tier("x86_64", "AvxVnni", "ymm", ["znver4", "sapphirerapids"]),
    "avx512": Tier("x86_64", r"Avx512(Vbmi)?\b", "zmm", ["znver4", "sapphirerapids"]),
    "avx512vnni": Tier("x86_64", "Avx512Vnni", "zmm", ["znver4", "sapphirerapids"]),
    "neon": Tier("aarch64", "^(?!.*(Dotprod|I8mm))", NEON,
                 ["neoverse-n1", "neoverse-v2", "apple-m1", "cortex-a72"]),
    "dotprod": Tier("aarch64", "Dotprod", NEON, ["neoverse-n1", "neoverse-v2", "apple-m1"]),
    "i8mm": Tier("aarch64", "I8mm", NEON, ["neoverse-n2", "neoverse-v2"]),
}

BRANCH = re.compile(r"^(j\w+|b|b\.\w+|cbn?z|tbn?z|call|bl|ret)\b")
ROUNDS = 200


def functions(binary: str) -> dict[str, list[tuple[int, str]]]:
    """The instructions of each function, with their addresses."""
    command = ["llvm-objdump-22", "-d", "-C", "--no-show-raw-insn", "--x86-asm-syntax=intel", binary]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, list[tuple[int, str]]] = {}
    current: list[tuple[int, str]] = []
    for line in listing.splitlines():
        if title := re.match(r"^[0-9a-f]+ <(.*)>:$", line):
            current = found.setdefault(title[1], [])
        elif instruction := re.match(r"^\s*([0-9a-f]+):\s+(.*)$", line):
            text = re.sub(r"\s*(# |//).*", "", instruction[2]).replace("\t", " ")
            current.append((int(instruction[1], 16), text))
    return found


def straight_loops(code: list[tuple[int, str]]) -> list[list[str]]:
    """Loops whose only branch is the one back to their beginning."""
    index = {address: i for i, (address, _) in enumerate(code)}
    loops = []
    for end, (_, text) in enumerate(code):
        target = BRANCH.match(text) and re.search(r"0x([0-9a-f]+) <", text)
        begin = index.get(int(target[1], 16), end + 1) if target else end + 1
        body = [text for _, text in code[begin:end]]
        if begin <= end and not any(BRANCH.match(text) for text in body):
            loops.append([text for text in body if not text.startswith("nop")])
    return loops


def hot_loop(kernel: Kernel, tier: Tier, code: dict[str, list[tuple[int, str]]]) -> list[str] | None:
    """The loop of a kernel; the same one may be there several times."""
    fitting = []
    for symbol, instructions in code.items():
        if re.search(tier.frame, symbol) and re.search(kernel.symbol, symbol):
            fitting += [loop for loop in straight_loops(instructions) if fits(kernel, tier, loop)]
    if kernel.pick and fitting:
        def effort(loop: list[str]) -> float:
            return counts(loop, 1 / elements(kernel, loop))["arithmetic"]
        least = min if kernel.pick == "fewest" else max
        chosen = least(map(effort, fitting))
        fitting = [loop for loop in fitting if effort(loop) == chosen]
        return max(fitting, key=lambda loop: elements(kernel, loop))
    # Where a loop was unrolled, what is left over has one of its own.
    most = max((elements(kernel, loop) for loop in fitting), default=0)
    fitting = [loop for loop in fitting if elements(kernel, loop) == most]
    if len({tuple(sorted(names(loop))) for loop in fitting}) > 1:
        listed = "\n".join(" ".join(names(loop)) for loop in fitting)
        raise SystemExit(f"{kernel.operation}: several loops; say more of what it needs\n{listed}")
    return fitting[0] if fitting else None


def names(loop: list[str]) -> list[str]:
    return [text.removeprefix("{vex} ").split()[0] for text in loop]


def fits(kernel: Kernel, tier: Tier, loop: list[str]) -> bool:
    """Whether a loop may be that of the kernel."""
    text = " ".join(names(loop))
    return (
        any(re.search(tier.register, instruction) for instruction in loop)
        and all(re.search(need, text) for need in kernel.needs)
        and not any(re.search(no, text) for no in kernel.forbids + UNUSUAL)
        and elements(kernel, loop) > 0
    )


def access(text: str) -> tuple[str, int]:
    """Whether an instruction loads or stores vectors, and how many bytes."""
    name, _, operands = text.partition(" ")
    if "[" not in operands or re.search(r"\[(rip|rsp|sp)", operands):
        return "", 0
    if sized := re.search(r"(zmm|ymm|xmm|q|d)word ptr", operands):
        size = {"zmm": 64, "ymm": 32, "xmm": 16, "q": 8, "d": 4}[sized[1]]
        return ("store" if operands.index("ptr") < 10 else "load"), size
    registers = re.findall(r"\b([qd])\d+", operands.partition("[")[0])
    kind = {"l": "load", "s": "store"}.get(name[0], "")
    return kind, sum(16 if register == "q" else 8 for register in registers)


def elements(kernel: Kernel, loop: list[str]) -> int:
    """How many elements one round of the loop takes."""
    wanted, size = ("store", kernel.writes) if kernel.writes else ("load", kernel.reads)
    accesses = [access(text) for text in loop]
    return sum(count for kind, count in accesses if kind == wanted) // size


def counts(loop: list[str], per: float) -> dict[str, float]:
    """Instructions on vectors. What computes on an operand in memory counts twice, as it issues."""
    kinds = [access(text)[0] for text in loop]
    moves = re.compile(r"^(vmov[aduq]\w*|ldr|ldp|str|stp|ld1|st1|mov|movi) ")
    vector = re.compile(r"[xyz]mm|\bv\d+\.|\b[qd]\d+")
    computing = [text for text in loop if vector.search(text) and not moves.match(text)]
    return {
        "arithmetic": len(computing) * per,
        "loads": kinds.count("load") * per,
        "stores": kinds.count("store") * per,
    }


def predicted(loop: list[str], triple: str, cpu: str) -> float:
    """Cycles that one round takes, by llvm-mca."""
    text = "\n".join(loop)
    if triple == "x86_64":
        text = ".intel_syntax noprefix\n" + text
    command = ["llvm-mca-22", f"-mtriple={triple}", f"-mcpu={cpu}", f"-iterations={ROUNDS}"]
    if triple == "x86_64":
        # No model of AMD's has it, though the CPUs do.
        command.append("-mattr=+avxvnni")
    result = subprocess.run(command, input=text, capture_output=True, text=True)
    total = re.search(r"Total Cycles:\s+(\d+)", result.stdout)
    if not total:
        raise SystemExit(f"llvm-mca {cpu}: {result.stderr}")
    return int(total[1]) / ROUNDS


def measured(card: dict, operation: str, tier: str) -> str:
    """What the card has for the operation in the first cache, in cycles for 64 elements."""
    for row in card["rows"]:
        if (row["operation"], row["way"], row["elements"]) == (operation, tier, 4096):
            return f"{row['ns'] * row['ghz'] / row['elements'] * 64:.1f}"
    return "–"


def main() -> None:
    card_path, ports_path, *binaries = sys.argv[1:]
    with open(card_path, encoding="utf-8") as file:
        card = json.load(file)
    code = {triple: functions(binary) for triple, binary in zip(binaries[::2], binaries[1::2])}
    ports: dict[str, dict] = {}
    for name, tier in TIERS.items():
        has_card = tier.triple == card["machine"]["architecture"]
        columns = ["operation", "vector instructions", *tier.cpus]
        if has_card:
            columns.append(f"measured on {card['machine']['core']}")
        print(f"\n## {name}\n\n| {' | '.join(columns)} |\n|---|{'--:|' * (len(columns) - 1)}")
        for kernel in KERNELS:
            loop = hot_loop(kernel, tier, code[tier.triple])
            if loop is None:
                continue
            per = 64 / elements(kernel, loop)
            count = counts(loop, per)
            ports.setdefault(name, {})[kernel.operation] = count
            cells = [kernel.operation, f"{count['arithmetic']:.0f}"]
            cells += [f"{predicted(loop, tier.triple, cpu) * per:.1f}" for cpu in tier.cpus]
            if has_card:
                cells.append(measured(card, kernel.operation, name))
            print(f"| {' | '.join(cells)} |")
    with open(ports_path, "w", encoding="utf-8") as file:
        json.dump(ports, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
