"""Compiles the breakages of ci/mutations.toml into a copy of the tree, and runs the tests on each.

Called by ci/mutate: mutate.py SCRATCH [OPTION...] [WORD...]
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import tomllib
from typing import NamedTuple

# What a breakage is switched by, in the copy: no test reads it.
VARIABLE = "ZEROPOINT_MUTANT"
MODULE = """//! Which breakage is switched on, if any. Read before `main`: kernels ask for it in their loops.
#![allow(unsafe_code)]

use core::sync::atomic::{AtomicU32, Ordering};

static MUTANT: AtomicU32 = AtomicU32::new(0);

#[used]
#[unsafe(link_section = ".init_array")]
static SET: extern "C" fn() = set;

extern "C" fn set() {
    if let Ok(n) = std::env::var("ZEROPOINT_MUTANT") {
        MUTANT.store(n.parse().unwrap(), Ordering::Relaxed);
    }
}

#[inline(always)]
pub(crate) fn is(n: u32) -> bool {
    MUTANT.load(Ordering::Relaxed) == n
}
"""

# In a replacement that does not stand for an expression or a statement but for any piece of code, what
# asks whether the breakage is on.
SWITCH = "MUTATED"

# Test programs, the quick ones first.
PROGRAMS = [
    "params", "tiers", "pad", "im2col", "worked_examples", "onnx", "peers", "reports", "threads", "sums",
    "memory", "wide", "dot", "matmul", "calibrate", "channels", "elementwise",
]
# The crate is compiled once more for them: only for mutations that ask for them.
UNIT = "unit tests"
# Random cases that a breakage is first tried on; one that survives them gets as many as usual.
FEW_CASES = 32
# A run is given up for lost after so many times what it takes without a breakage, and so many seconds.
PATIENCE, LEAST = 4, 20


class Mutation(NamedTuple):
    name: str
    file: str
    find: str
    replace: str
    breaks: str
    occurrence: int
    tests: list[str]
    equivalent: str | None


class Outcome(NamedTuple):
    by: str | None  # what noticed it
    how: str = ""


def fail(message):
    sys.exit(f"error: {message}")


def read_list(path):
    """The mutations, by number, and the edits that the copy needs to compile with them."""
    with open(path, "rb") as file:
        content = tomllib.load(file)
    mutations = {}
    for number, entry in enumerate(content["mutation"], 1):
        name = entry.pop("name")
        try:
            mutations[number] = Mutation(
                name, entry.pop("file"), entry.pop("find"), entry.pop("replace"), entry.pop("breaks"),
                entry.pop("occurrence", 0), entry.pop("tests", []), entry.pop("equivalent", None),
            )
        except KeyError as missing:
            fail(f"{name} has no {missing}")
        if entry:
            fail(f"{name} has {', '.join(entry)}, which means nothing")
    names = [mutation.name for mutation in mutations.values()]
    for name in names:
        if names.count(name) > 1:
            fail(f"two mutations are named {name}")
    return mutations, content.get("edit", [])


def place(text, mutation):
    """Where a mutation is, as start and end."""
    starts = [found.start() for found in re.finditer(re.escape(mutation.find), text)]
    # A snippet that begins or ends within a word would be another one.
    def whole(start):
        end = start + len(mutation.find)
        def word(i):
            return 0 <= i < len(text) and (text[i].isalnum() or text[i] == "_")
        return not (word(start) and word(start - 1)) and not (word(end - 1) and word(end))
    starts = [start for start in starts if whole(start)]
    if mutation.occurrence:
        if len(starts) < mutation.occurrence:
            return None
        start = starts[mutation.occurrence - 1]
    elif len(starts) == 1:
        start = starts[0]
    else:
        return None
    return start, start + len(mutation.find)


def rewritten(text, placed):
    """The text with these mutations, (start, end, number, replacement) each, compiled in."""
    spans = sorted({(start, end) for start, end, *_ in placed}, key=lambda span: (span[0], -span[1]))
    for (start, end), (next_start, next_end) in zip(spans, spans[1:]):
        if next_start < end < next_end:
            fail(f"two mutations overlap in {text[start:next_end]!r}")

    def within(start, end):
        """What stands from start to end, with the mutations that lie inside."""
        result, at = "", start
        for inner_start, inner_end in spans:
            if inner_start < at or inner_end > end or (inner_start, inner_end) == (start, end):
                continue
            result += text[at:inner_start] + switched(inner_start, inner_end)
            at = inner_end
        return result + text[at:end]

    def switched(start, end):
        here = [(number, replacement) for s, e, number, replacement in placed if (s, e) == (start, end)]
        original = within(start, end)
        if any(SWITCH in replacement for _, replacement in here):
            if len(here) > 1 or original != text[start:end]:
                fail(f"{text[start:end]!r} can't have other mutations")
            number, replacement = here[0]
            return re.sub(rf"\b{SWITCH}\b", f"crate::mutant::is({number})", replacement)
        code = ""
        for number, replacement in here:
            code += f"if crate::mutant::is({number}) {{ {replacement} }} else "
        code += f"{{ {original} }}"
        return code if text[:end].endswith(";") else f"({code})"

    return within(0, len(text))


def mutated_tree(root, mutations, edits):
    """The files of the tree, with the mutations, by name."""
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=root, capture_output=True, text=True, check=True,
    ).stdout.splitlines()
    # Nothing here needs the other packages.
    files = [name for name in files if not name.startswith(("fuzz/", "ci/", ".ci/", "benches/peers/"))]
    contents = {name: (root / name).read_bytes() for name in files if (root / name).is_file()}
    for edit in edits:
        text = contents[edit["file"]].decode()
        if text.count(edit["find"]) != 1:
            fail(f"{edit['file']} has {edit['find']!r} {text.count(edit['find'])} times, not once")
        contents[edit["file"]] = text.replace(edit["find"], edit["replace"]).encode()
    by_file = {}
    for number, mutation in mutations.items():
        by_file.setdefault(mutation.file, []).append((number, mutation))
    lost = []
    for name, in_file in by_file.items():
        if name not in contents:
            lost += [f"{mutation.name}: there is no {name}" for _, mutation in in_file]
            continue
        text = contents[name].decode()
        placed = []
        for number, mutation in in_file:
            span = place(text, mutation)
            if span is None:
                lost.append(f"{mutation.name}: not once in {name}: {mutation.find}")
            else:
                placed.append((*span, number, mutation.replace))
        contents[name] = rewritten(text, placed).encode()
    if lost:
        fail("these mutations have no place any more:\n" + "\n".join(lost))
    contents["src/lib.rs"] += b"\nmod mutant;\n"
    contents["src/mutant.rs"] = MODULE.encode()
    return contents


def write_tree(copy, contents):
    """Writes files; those that did not change keep their time, so that they are not built again."""
    for old in [path for path in copy.rglob("*") if path.is_file()]:
        if str(old.relative_to(copy)) not in contents:
            old.unlink()
    for name, content in contents.items():
        path = copy / name
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def build(copy, scratch, options):
    """Builds test programs, and returns their paths by name."""
    environment = os.environ | {
        "CARGO_TARGET_DIR": str(scratch / "build"),
        # Code that the breakages leave unused or strange is no fault.
        "RUSTFLAGS": "--cap-lints=allow",
        # Little to compile: nothing is debugged, and unwinding through inlined kernels is quick enough.
        "CARGO_PROFILE_TEST_OPT_LEVEL": "1",
        "CARGO_PROFILE_TEST_DEBUG": "0",
        "CARGO_INCREMENTAL": "1",
    }
    command = ["cargo", "test", "--no-run", "--features=rayon", "--message-format=json-render-diagnostics", *options]
    built = subprocess.run(command, cwd=copy, env=environment, stdout=subprocess.PIPE, text=True)
    if built.returncode != 0:
        fail("the copy does not compile")
    programs = {}
    for line in built.stdout.splitlines():
        message = json.loads(line)
        if message.get("reason") == "compiler-artifact" and message.get("executable"):
            programs[message["target"]["name"]] = message["executable"]
    return programs


def table(selected, outcomes):
    """What noticed the mutations of each file, as Markdown."""
    files = {}
    for number, mutation in selected.items():
        files.setdefault(mutation.file, []).append((mutation, outcomes[number]))
    lines = ["| file | breakages | noticed by | equivalent |", "|---|--:|---|--:|"]
    for file, found in files.items():
        tests = {}
        for _, outcome in found:
            if outcome.by:
                tests.setdefault(outcome.by, set()).add(outcome.how)
        noticed = "; ".join(
            f"`{program}`: " + ", ".join(how if " " in how else f"`{how}`" for how in sorted(hows))
            for program, hows in sorted(tests.items())
        )
        equivalent = sum(1 for mutation, outcome in found if mutation.equivalent and not outcome.by)
        lines.append(f"| `{file.removeprefix('src/')}` | {len(found)} | {noticed} | {equivalent or ''} |")
    return "\n".join(lines) + "\n"


class Runner:
    """Runs test programs, several at a time."""

    def __init__(self, copy, programs):
        self.copy = copy
        self.programs = programs
        self.seconds = {}

    def run(self, name, mutant, cases):
        """Runs a program until a test fails. None, if all pass; else what failed."""
        arguments = [self.programs[name], "--test-threads=1"]
        environment = os.environ | {
            VARIABLE: str(mutant),
            "PROPTEST_DISABLE_FAILURE_PERSISTENCE": "1",
            "PROPTEST_MAX_SHRINK_ITERS": "0",
            # The same cases every time.
            "PROPTEST_RNG_SEED": "1",
            # Where threads are tested, there are pools of them.
            "RAYON_NUM_THREADS": "1",
        }
        if cases:
            environment["PROPTEST_CASES"] = str(cases)
        process = subprocess.Popen(
            arguments, cwd=self.copy, env=environment, text=True, errors="replace",
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
        )
        limit = PATIENCE * self.seconds.get((name, cases), 600) + LEAST
        late = threading.Event()

        def stop():
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

        def give_up():
            late.set()
            stop()

        timer = threading.Timer(limit, give_up)
        timer.start()
        current, failed = "", None
        for line in process.stdout:
            begun = re.match(r"test (\S+)", line)
            if begun:
                current = begun[1]
                if line.rstrip().endswith("FAILED"):
                    failed = current
                    stop()
                    break
        process.stdout.close()
        status = process.wait()
        timer.cancel()
        if failed:
            return f"{failed}"
        if late.is_set():
            return "does not end"
        if status != 0:
            return f"killed by {signal.Signals(-status).name}" if status < 0 else f"status {status}"
        return None

    def outcome(self, number, mutation, few):
        order = [name for name in mutation.tests if name in self.programs]
        order += [name for name in self.programs if name not in [*order, UNIT]]
        for cases in [FEW_CASES] if few or mutation.equivalent else [FEW_CASES, None]:
            for name in order:
                how = self.run(name, number, cases)
                if how:
                    return Outcome(name, how)
        return Outcome(None)


def main():
    parser = argparse.ArgumentParser(prog="ci/mutate")
    parser.add_argument("scratch", type=pathlib.Path)
    parser.add_argument("--check", action="store_true", help="only see whether all of them have their place, and pass the compiler's checks")
    parser.add_argument("--build-only", action="store_true", help="only see whether all of them compile")
    parser.add_argument("--few", action="store_true", help="no more random cases for those that survive a few")
    parser.add_argument("--table", type=pathlib.Path, help="also write there, as Markdown, what noticed them")
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_intermixed_args()
    root = pathlib.Path(__file__).resolve().parent.parent
    mutations, edits = read_list(root / "ci/mutations.toml")
    selected = {
        number: mutation for number, mutation in mutations.items()
        if not arguments.words or any(word in mutation.name or word in mutation.file for word in arguments.words)
    }
    if not selected:
        fail("no mutation has such a name or file")
    copy = arguments.scratch / "tree"
    write_tree(copy, mutated_tree(root, mutations, edits))
    if arguments.check:
        environment = os.environ | {"CARGO_TARGET_DIR": str(arguments.scratch / "check"), "RUSTFLAGS": "--cap-lints=allow"}
        if subprocess.run(["cargo", "check", "--quiet", "--features=rayon"], cwd=copy, env=environment).returncode:
            fail("the copy does not compile")
        print(f"{len(mutations)} mutations have their place")
        return

    began = time.monotonic()
    built = build(copy, arguments.scratch, ["--test", "*"])
    unknown = sorted(set(built) - set(PROGRAMS))
    programs = {name: built[name] for name in [*PROGRAMS, *unknown] if name in built}
    needed = {test for mutation in selected.values() for test in mutation.tests}
    if UNIT in needed:
        [programs[UNIT]] = build(copy, arguments.scratch, ["--lib"]).values()
    if unknown := needed - set(programs):
        fail(f"there are no test programs {unknown}")
    print(f"{len(mutations)} mutations built in {time.monotonic() - began:.0f} s", flush=True)
    if arguments.build_only:
        return

    runner = Runner(copy, programs)
    workers = os.cpu_count() or 1
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        def without(name, cases):
            began = time.monotonic()
            how = runner.run(name, 0, cases)
            if how:
                fail(f"without any mutation, {name} fails: {how}")
            runner.seconds[name, cases] = time.monotonic() - began
        for future in [pool.submit(without, name, FEW_CASES) for name in reversed(programs)]:
            future.result()
        for name in programs:
            runner.seconds[name, None] = 8 * runner.seconds[name, FEW_CASES]
        total = sum(runner.seconds[name, FEW_CASES] for name in programs)
        print(f"without any, the tests pass in {total:.0f} s", flush=True)

        began, few = time.monotonic(), arguments.few
        running = {
            pool.submit(runner.outcome, number, mutation, few): number for number, mutation in selected.items()
        }
        outcomes = {}
        for future in concurrent.futures.as_completed(running):
            number, outcome = running[future], future.result()
            mutation, outcomes[number] = selected[number], outcome
            if outcome.by:
                verdict = f"{outcome.by}: {outcome.how}"
            elif mutation.equivalent:
                verdict = "equivalent"
            else:
                verdict = "SURVIVED"
            print(f"{len(outcomes):4}  {mutation.name:36} {verdict}", flush=True)

    if arguments.table:
        arguments.table.write_text(table(selected, outcomes))
    survivors, noticed, equivalent = [], [], []
    for number, mutation in selected.items():
        if outcomes[number].by:
            noticed += [(mutation, outcomes[number])] if mutation.equivalent else []
        else:
            (equivalent if mutation.equivalent else survivors).append(mutation)
    caught = len(selected) - len(survivors) - len(equivalent)
    print()
    for mutation in survivors:
        print(f"survived: {mutation.name}, {mutation.file}: {mutation.breaks}")
    for mutation, outcome in noticed:
        print(f"not equivalent: {mutation.name}, noticed by {outcome.by}")
    print(f"{caught} caught, {len(survivors)} survived, {len(equivalent)} equivalent, "
          f"in {time.monotonic() - began:.0f} s")
    sys.exit(1 if survivors or noticed else 0)


main()
