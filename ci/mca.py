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
    sums: int | None = None  # how many sums it has beside the first, where loops differ in that
    shares: bool = False  # whether each round loads one vector that several others are paired with


# What multiplies codes, and what the loops of the specification have.
MULTIPLIES = ["vpdp|vpmadd|[us]?[us]dot|[us]mull"]
SIGNED = ["vpdp|vpmadd|sdot|smull"]
UNSIGNED = ["vpdp|vpmadd|udot|umull"]
SCALAR = [r"\bmul\b|smlal|xtn|vpmull|[us]addw|fmov"]
# Of u8·i8, the u8 are flipped if either must be; what multiplies unsigned codes is for zero points
# that make it better to flip the i8.
UNMIXED = [*SCALAR, r"\bu(mull|dot)"]

# Of parameters along the data, by the arithmetic on addresses: each lane's are found by the place in a
# tile, each vector's by a division.
BY_LANE = [r"\band\b|ubfiz"]
BY_VECTOR = [r"\bshr\b|\blsr\b"]

# Adding an operation is adding a line here.
KERNELS = [
    Kernel("min_max", r"MinMax(?!Each)|Tier>::min_max$", [], ["vmaxps", "fcmgt|bit|bsl|fminnm"], reads=4),
    Kernel("quantize affine u8", r"elementwise::quantize::(Quantize<u8>|compiled)",
           ["vpackuswb|sqxtun", "vpaddsw|sqadd"], ["vpmaxub|umax"], writes=1),
    Kernel("quantize symmetric i8", r"elementwise::quantize::(Quantize<i8>|compiled)",
           ["vpmaxsb|smax"], ["sqxtun|vpackuswb", "vpaddsw|sqadd"], writes=1),
    Kernel("dequantize affine u8", r"elementwise::dequantize::(Dequantize<u8>|compiled)",
           ["vpsubd|fsub|vsubps"], ["eor"], writes=4),
    Kernel("dequantize symmetric i8", r"elementwise::dequantize::(Dequantize<i8>|compiled)",
           ["vpmovsxbd|eor"], ["vpsubd|vsubps|fsub"], writes=4),
    Kernel("fake_quantize affine u8", r"elementwise::fake_quantize::", [], [], writes=4),
    Kernel("requantize real u8", r"elementwise::requantize::Requantize<u8>",
           ["vmulps|fmul", "vpackuswb|sqxtun", "vpaddsw|sqadd"],
           ["vpmaxub|umax", "vmaxps|fmax"], writes=1),
    Kernel("requantize fixed u8", r"elementwise::requantize::Requantize<u8>",
           ["vpmuldq|smull", "vpackuswb|sqxtun", "vpaddsw|sqadd"], ["vpmaxsd|smax"], writes=1),
    Kernel("rescale u8 to i8", r"(Avx2|Neon), .*Rescale<u8, i8>|lut::Frame<.*Permutations",
           ["vpmulhrsw|vpermi2b|tbx"], ["vpsllw"], writes=1),
    Kernel("relu u8", r"elementwise::clamp::(Clamp<u8>|compiled)", ["vpmaxub|umax"], [], writes=1),
    Kernel("min_max rows of 1024", "MinMaxEach>>", [], ["vmaxps", "fcmgt|bit|bsl|fminnm"], reads=4),
    Kernel("min_max last axis", "MinMaxEach>>", ["vmaxps|fcmgt"], ["vcmpunordps"], reads=4),
    Kernel("quantize rows of 1024 u8", r"::QuantizePerAxis<u8>",
           ["vpackuswb|sqxtun", "vpaddsw|sqadd"], ["vpmaxub|umax", *BY_LANE, *BY_VECTOR], writes=1),
    Kernel("quantize last axis u8", r"::QuantizePerAxis<u8>",
           ["vpaddsw|sqadd", *BY_LANE], BY_VECTOR, writes=1),
    Kernel("quantize last axis i8", r"::QuantizePerAxis<i8>",
           BY_LANE, ["vpaddsw|sqadd", r"\btest\b", *BY_VECTOR], writes=1),
    Kernel("quantize blocks of 32 u8", r"::QuantizePerAxis<u8>", ["vpaddsw|sqadd", *BY_VECTOR], [], writes=1),
    Kernel("quantize blocks of 32 i8", r"::QuantizePerAxis<i8>", BY_VECTOR, ["vpaddsw|sqadd"], writes=1),
    Kernel("dequantize rows of 1024 i8", "DequantizePerAxis<i8>",
           ["vpmovsxbd|eor"], ["vpsubd|vsubps|fsub", *BY_LANE, *BY_VECTOR], writes=4),
    Kernel("dequantize last axis i8", "DequantizePerAxis<i8>", BY_LANE, BY_VECTOR, writes=4),
    Kernel("dequantize blocks of 32 i8", "DequantizePerAxis<i8>", BY_VECTOR, [], writes=4),
    Kernel("requantize real rows of 1024 u8", "RequantizePerAxis<u8>",
           ["vmulps|fmul"], ["vmaxps|fmaxn?m?", *BY_LANE, *BY_VECTOR], writes=1),
    Kernel("requantize real last axis u8", "RequantizePerAxis<u8>",
           ["vmulps|fmul", *BY_LANE], ["vmaxps|fmaxn?m?", *BY_VECTOR], writes=1),
    Kernel("requantize fixed last axis u8", "RequantizePerAxis<u8>",
           ["vpmuldq|smull", *BY_LANE],
           ["(vpminsd.*){5}|(sqadd.*){5}", "vpsravd|vpsrad|srshl", *BY_VECTOR], writes=1),
    Kernel("dot u8·i8", r"dot::Dots<u8, i8>", MULTIPLIES, UNMIXED, reads=2, sums=0),
    Kernel("dot u8·i8, one zero point", r"dot::Dots<u8, i8>", MULTIPLIES, UNMIXED, reads=2, sums=1),
    Kernel("dot u8·i8, two zero points", r"dot::Dots<u8, i8>", MULTIPLIES, UNMIXED, reads=2, sums=2),
    Kernel("dot i8·i8", r"dot::(Dots<i8, i8>|compiled$)", SIGNED, SCALAR, reads=2, sums=0),
    Kernel("dot i8·i8, two zero points", r"dot::(Dots<i8, i8>|compiled$)", SIGNED, SCALAR, reads=2, sums=2),
    Kernel("dot u8·u8", r"dot::(Dots<u8, u8>|compiled$)", UNSIGNED, SCALAR, reads=2, sums=0),
    Kernel("l2_squared i8 i8", r"l2_squared::(L2<i8, i8>|compiled$)",
           ["vpminsb|sabd"], [*SCALAR, "shll"], reads=2, sums=0),
    Kernel("cosine i8 i8", r"cosine::(Cosine<i8, i8>|compiled$)", ["vpxor|eor"], SCALAR, reads=2),
    Kernel("sum i8", r"sum::(Sum<i8>|compiled$)", ["vpdp|vpmadd|sdot|sadalp"], SCALAR, reads=1),
    Kernel("dot_rows i8·i8", r"dot_rows::(DotRows<i8, i8>|compiled$)", SIGNED, SCALAR, reads=1, sums=0,
           shares=True),
    Kernel("dot_rows u8·i8, two zero points", r"dot_rows::DotRows<u8, i8>", MULTIPLIES, UNMIXED, reads=1,
           sums=1, shares=True),
    Kernel("l2_rows i8 i8", r"l2_rows::(L2Rows<i8, i8>|compiled$)",
           ["vpminsb|sabd"], [*SCALAR, "shll"], reads=1, sums=0, shares=True),
]

# Of matrix products, which share one loop for each height of a tile: the tallest counts.
PRODUCTS = ["matmul u8·i8", "matmul i8·i8", "matmul i8·u8, by row and column", "matmul u8·u8",
            "matmul_requantize u8·i8", "matmul_dequantize u8·i8", "linear u8·i8"]

# By division, for blocks with an infinity or a NaN, and of less than a quad: not the usual loop.
UNUSUAL = ["div", "vcmpordps|fcmeq", "kmov|vpextr|vmovq"]


class Tier(NamedTuple):
    triple: str
    frame: str  # what the symbol must match
    register: str  # what a loop of the tier uses
    cpus: list[str]  # for llvm-mca
    # The dot products whose signs it has no instruction for: one side is flipped, which is a sum more
    # if there was none.
    flips: str = "(?!)"
    # What multiplies and adds in matrix products, to a register of that number; and how much that is.
    multiply: str = "vpdpbusd zmm{0}, zmm14, zmm15"
    macs: int = 64


NEON = r"\bv\d|\bq\d"
TIERS = {
    "avx2": Tier("x86_64", "Avx2", "ymm", ["znver4", "sapphirerapids"],
                 multiply="vpmaddwd ymm{0}, ymm14, ymm15\nvpaddd ymm{0}, ymm14, ymm15", macs=16),
    "avxvnni": Tier("x86_64", "AvxVnni", "ymm", ["znver4", "sapphirerapids"], "i8·i8|u8·u8",
                    "{{vex}} vpdpbusd ymm{0}, ymm14, ymm15", 32),
    "avx512": Tier("x86_64", r"Avx512(Vbmi)?\b", "zmm", ["znver4", "sapphirerapids"],
                   multiply="vpmaddwd zmm{0}, zmm14, zmm15\nvpaddd zmm{0}, zmm14, zmm15", macs=32),
    "avx512vnni": Tier("x86_64", "Avx512Vnni", "zmm", ["znver4", "sapphirerapids"],
                       "i8·i8|u8·u8"),
    "neon": Tier("aarch64", "^(?!.*(Dotprod|I8mm))", NEON,
                 ["neoverse-n1", "neoverse-v2", "apple-m1", "cortex-a72"], "u8·i8",
                 "smull v{0}.8h, v14.8b, v15.8b\nsadalp v{0}.4s, v14.8h", 8),
    "dotprod": Tier("aarch64", "Dotprod", NEON, ["neoverse-n1", "neoverse-v2", "apple-m1"],
                    "u8·i8", "sdot v{0}.4s, v14.16b, v15.4b[0]", 16),
    "i8mm": Tier("aarch64", "I8mm", NEON, ["neoverse-n2", "neoverse-v2"],
                 multiply="smmla v{0}.4s, v14.16b, v15.16b", macs=32),
}

# A branch that is not taken but to leave a loop.
LEAVES = re.compile(r"^(j(?!mp)\w+|b\.\w+|cbn?z|tbn?z)\b")
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


def cut(code: list[tuple[int, str]]) -> list[list[list[str]]]:
    """What may be the loop of a kernel: the loops without another branch; those that branches leave,
    where a bound is checked; and the blocks of code without a branch, where a loop of few rounds was
    unrolled until no loop was left."""
    index = {address: i for i, (address, _) in enumerate(code)}
    # By the place of each branch, where it goes: nowhere, if out of the function.
    targets = {}
    for i, (_, text) in enumerate(code):
        if BRANCH.match(text):
            target = re.search(r"0x([0-9a-f]+) <", text)
            targets[i] = index.get(int(target[1], 16), -1) if target else -1

    def straight(begin: int, end: int) -> list[str]:
        return [text for i, (_, text) in enumerate(code[begin:end], begin)
                if i not in targets and not text.startswith("nop")]

    closed, left = [], []
    for end, begin in targets.items():
        inside = [i for i in targets if begin <= i < end]
        leave = all(LEAVES.match(code[i][1]) and not begin <= targets[i] <= end for i in inside)
        if 0 <= begin <= end and leave:
            (left if inside else closed).append(straight(begin, end))
    edges = sorted({0, *targets, *targets.values(), len(code)} - {-1})
    return [closed, left, [straight(begin, end) for begin, end in zip(edges, edges[1:])]]


def hot_loop(kernel: Kernel, tier: Tier, code: dict[str, list]) -> list[str] | None:
    """The loop of a kernel; the same one may be there several times."""
    cuts = [
        of for symbol, of in code.items()
        if re.search(tier.frame, symbol) and re.search(kernel.symbol, symbol)
    ]
    fitting: list[list[str]] = []
    for kind in zip(*cuts):
        fitting = fitting or [loop for of in kind for loop in of if fits(kernel, tier, loop)]
    if kernel.sums is not None and fitting:
        def products(loop: list[str]) -> float:
            many = sum(bool(re.search(MULTIPLIES[0], name)) for name in names(loop))
            return many / elements(kernel, tier, loop)
        least = 1 if re.search("^dot " + f"({tier.flips})", kernel.operation) else 0
        wanted = sorted(set(map(products, fitting)))[max(kernel.sums, least)]
        fitting = [loop for loop in fitting if products(loop) == wanted]
        # Without zero points a shared vector is not the one that is flipped, but all others are; of the
        # loops that differ in which sum they have, the card's have the fewest instructions, or as many.
        sign = 1 if kernel.shares else -1

        def preference(loop: list[str]) -> tuple[int, float]:
            return elements(kernel, tier, loop), sign * counts(loop, 1)["arithmetic"]
        return max(fitting, key=preference)
    # Where a loop was unrolled, what is left over has one of its own.
    most = max((elements(kernel, tier, loop) for loop in fitting), default=0)
    fitting = [loop for loop in fitting if elements(kernel, tier, loop) == most]
    if len({tuple(counts(loop, 1).values()) for loop in fitting}) > 1:
        listed = "\n".join(" ".join(names(loop)) for loop in fitting)
        raise SystemExit(f"{kernel.operation}: several loops; say more of what it needs\n{listed}")
    # They differ in the arithmetic on addresses.
    return min(fitting, key=len, default=None)


def product_loop(tier: Tier, code: dict[str, list]) -> list[str]:
    """The loop of matrix products: of the tallest tile, whose rounds have the most products."""
    loops = [
        loop for symbol, (closed, left, _) in code.items() if re.search(tier.frame, symbol)
        for loop in closed + left if any(re.search(tier.register, text) for text in loop)
    ]
    return max(loops, key=lambda loop: (macs_of(tier, loop), -len(loop)))


def macs_of(tier: Tier, loop: list[str]) -> int:
    """The multiply-accumulates of a round."""
    return tier.macs * sum(name.startswith(instruction(tier)) for name in names(loop))


def instruction(tier: Tier) -> str:
    """What multiplies in matrix products."""
    return names([tier.multiply.format(0)])[0]


def names(loop: list[str]) -> list[str]:
    return [text.removeprefix("{vex} ").split()[0] for text in loop]


def fits(kernel: Kernel, tier: Tier, loop: list[str]) -> bool:
    """Whether a loop may be that of the kernel."""
    text = " ".join(names(loop))
    return (
        any(re.search(tier.register, instruction) for instruction in loop)
        and all(re.search(need, text) for need in kernel.needs)
        and not any(re.search(no, text) for no in kernel.forbids + UNUSUAL)
        and elements(kernel, tier, loop) > 0
    )


def access(text: str) -> tuple[str, int]:
    """Whether an instruction loads or stores, and how many bytes of vectors."""
    name, _, operands = text.partition(" ")
    if name == "lea" or not re.search(r"\[[a-z]", operands):
        return "", 0
    if sized := re.search(r"(zmm|ymm|xmm|q|d)word ptr", operands):
        size = {"zmm": 64, "ymm": 32, "xmm": 16, "q": 8, "d": 4}[sized[1]]
        return ("store" if operands.index("ptr") < 10 else "load"), size
    registers = re.findall(r"\b([qd])\d+", operands.partition("[")[0])
    kind = {"l": "load", "s": "store"}.get(name[0], "")
    return kind, sum(16 if register == "q" else 8 for register in registers)


def elements(kernel: Kernel, tier: Tier, loop: list[str]) -> int:
    """How many elements one round of the loop takes; what it has on the stack are none."""
    wanted, size = ("store", kernel.writes) if kernel.writes else ("load", kernel.reads)
    accesses = [access(text) for text in loop if not re.search(r"\[(rip|rsp|sp)", text)]
    total = sum(count for kind, count in accesses if kind == wanted)
    if kernel.shares:
        vector = {"zmm": 64, "ymm": 32}.get(tier.register, 16)
        total = total - vector if total // vector in (2, 3, 5) else 0
    return total // size


def counts(loop: list[str], per: float) -> dict[str, float]:
    """Instructions on vectors. What computes on an operand in memory counts twice, as it issues."""
    kinds = [access(text)[0] for text in loop]
    moves = re.compile(r"^(vmov[aduq]\w*|vp?broadcast[sdq]\w* .*ptr.*|ldr|ldp|str|stp|ld1r?|st1|mov|movi)\b")
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


def detailed(card: dict, operation: str, tier: str) -> dict | None:
    """What the card has for the operation, at the size that it has details of."""
    rows = [row for row in card["rows"] if (row["operation"], row["way"]) == (operation, tier)]
    return next((row for row in rows if row["is_detailed"]), None)


def measured(card: dict, operation: str, tier: str) -> str:
    """The same, in cycles for 64 elements."""
    row = detailed(card, operation, tier)
    return f"{row['ns'] * row['ghz'] / row['elements'] * 64:.1f}" if row else "–"


def print_products(card: dict, code: dict[str, dict], ports: dict[str, dict]) -> None:
    """A line for each tier and model, in multiply-accumulates a cycle; and the counts, to `ports`."""
    print("\n## Matrix products\n\n| tier | instruction | on the stack | core | MAC/cycle | unit's peak | of it |")
    print("|---|---|--:|---|--:|--:|--:|")
    for name, tier in TIERS.items():
        loop = product_loop(tier, code[tier.triple])
        macs = macs_of(tier, loop)
        count = counts(loop, 64 / macs)
        ports[name] |= dict.fromkeys(PRODUCTS, count)
        stack = sum(bool(re.search(r"\[(rsp|rbp|sp)", text)) for text in loop)
        for cpu in tier.cpus:
            rate = macs / predicted(loop, tier.triple, cpu)
            limit = 12 * tier.macs / predicted([tier.multiply.format(i) for i in range(12)], tier.triple, cpu)
            print(f"| {name} | `{instruction(tier)}` | {stack} | {cpu} | {rate:.0f} | {limit:.0f} | {rate / limit:.0%} |")
        row = detailed(card, PRODUCTS[0], name)
        if row:
            rate = row["elements"] / row["ns"] / row["ghz"]
            print(f"| {name} | | | measured on {card['machine']['core']}, {row['size']} | {rate:.0f} | | |")


def main() -> None:
    card_path, ports_path, *binaries = sys.argv[1:]
    with open(card_path, encoding="utf-8") as file:
        card = json.load(file)
    code = {
        triple: {symbol: cut(instructions) for symbol, instructions in functions(binary).items()}
        for triple, binary in zip(binaries[::2], binaries[1::2])
    }
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
            per = 64 / elements(kernel, tier, loop)
            count = counts(loop, per)
            ports.setdefault(name, {})[kernel.operation] = count
            cells = [kernel.operation, f"{count['arithmetic']:.0f}"]
            cells += [f"{predicted(loop, tier.triple, cpu) * per:.1f}" for cpu in tier.cpus]
            if has_card:
                cells.append(measured(card, kernel.operation, name))
            print(f"| {' | '.join(cells)} |")
    print_products(card, code, ports)
    with open(ports_path, "w", encoding="utf-8") as file:
        json.dump(ports, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
