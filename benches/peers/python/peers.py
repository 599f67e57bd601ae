"""ONNX Runtime and PyTorch on the operations of zeropoint, on one thread. Prints Markdown.

A call from Python costs microseconds before the first element. So each operation is also run on one
element; that is what the column "overhead" has, and "net" is without it. (Where the overhead is many
times the net, as at 4096 elements, take the net for a rough figure.)

    taskset -c 1 python peers.py [--card card.json] [--quick]

--card takes what `cargo bench --bench card -- --json FILE` kept: then zeropoint's times stand beside
those here. They were measured in another process, so compare within some per cent.
"""

import argparse
import json
import time
from collections.abc import Callable
from importlib import import_module, metadata
from typing import NamedTuple

import numpy as np

SIZES = [4096, 65536, 16 << 20]
SCALE, ZERO_POINT = 4 / 255, 64

Call = Callable[[], object]


class Peer(NamedTuple):
    """An operation by a library. `make` prepares it for so many elements."""

    operation: str  # as the card calls it
    who: str
    make: Callable[[int], Call]
    note: str = ""


def floats(n: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(-1, 3, n).astype(np.float32)


def codes(n: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, n, dtype=np.uint8)


def onnx_runtime() -> list[Peer]:
    onnx, ort = import_module("onnx"), import_module("onnxruntime")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    ort.set_default_logger_severity(3)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    constants = [
        numpy_helper.from_array(np.float32(SCALE), "scale"),
        numpy_helper.from_array(np.uint8(ZERO_POINT), "zero_point"),
    ]

    def session(nodes: list, x: np.ndarray, outputs: dict[str, int]) -> Call:
        """A model of `nodes`, whose input x and outputs are bound, so that none is copied."""
        kind = helper.np_dtype_to_tensor_dtype(x.dtype)
        graph = helper.make_graph(
            nodes,
            "peer",
            [helper.make_tensor_value_info("x", kind, [None])],
            [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()],
            constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        running = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        binding = running.io_binding()
        binding.bind_ortvalue_input("x", ort.OrtValue.ortvalue_from_numpy(x))
        for name in outputs:
            binding.bind_output(name)
        # The first run allocates the outputs, the others write to them.
        running.run_with_iobinding(binding)
        for name, value in zip(outputs, binding.get_outputs()):
            binding.bind_ortvalue_output(name, value)
        return lambda: running.run_with_iobinding(binding)

    f32, u8 = onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8
    node = helper.make_node
    parameters = ["scale", "zero_point"]

    def min_max(n: int) -> Call:
        nodes = [node("ReduceMin", ["x"], ["lo"]), node("ReduceMax", ["x"], ["hi"])]
        return session(nodes, floats(n), {"lo": f32, "hi": f32})

    def quantize(n: int) -> Call:
        return session([node("QuantizeLinear", ["x", *parameters], ["q"])], floats(n), {"q": u8})

    def dequantize(n: int) -> Call:
        return session([node("DequantizeLinear", ["x", *parameters], ["y"])], codes(n), {"y": f32})

    def dynamic(n: int) -> Call:
        nodes = [node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"])]
        return session(nodes, floats(n), {"q": u8, "s": f32, "z": u8})

    who = f"ONNX Runtime {metadata.version('onnxruntime')}"
    return [
        Peer("min_max", who, min_max, "two passes"),
        Peer("quantize affine u8", who, quantize),
        Peer("dequantize affine u8", who, dequantize),
        Peer("quantize_dynamic u8", who, dynamic),
    ]


def pytorch() -> list[Peer]:
    torch = import_module("torch")
    torch.set_num_threads(1)

    def min_max(n: int) -> Call:
        x = torch.from_numpy(floats(n))
        return lambda: torch.aminmax(x)

    def quantize(n: int) -> Call:
        x = torch.from_numpy(floats(n))
        return lambda: torch.quantize_per_tensor(x, SCALE, ZERO_POINT, torch.quint8)

    def dequantize(n: int) -> Call:
        q = torch.quantize_per_tensor(torch.from_numpy(floats(n)), SCALE, ZERO_POINT, torch.quint8)
        return lambda: torch.dequantize(q)

    def fake_quantize(n: int) -> Call:
        x = torch.from_numpy(floats(n))
        return lambda: torch.fake_quantize_per_tensor_affine(x, SCALE, ZERO_POINT, 0, 255)

    def dynamic(n: int) -> Call:
        x = torch.from_numpy(floats(n))
        return lambda: torch.quantize_per_tensor_dynamic(x, torch.quint8, False)

    who = f"PyTorch {metadata.version('torch')}"
    inexact = "inexact: multiplies by the reciprocal; allocates the result"
    return [
        Peer("min_max", who, min_max),
        Peer("quantize affine u8", who, quantize, inexact),
        Peer("dequantize affine u8", who, dequantize, "allocates the result"),
        Peer("fake_quantize affine u8", who, fake_quantize, inexact),
        Peer("quantize_dynamic u8", who, dynamic, inexact),
    ]


def shortest(calls: list[Call], seconds: float) -> list[tuple[float, float]]:
    """Minimum and median of each call, in ns; all of them in turn, for so long in total."""
    samples: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(samples[0]) < 5:
        for call, times in zip(calls, samples):
            call()
            start = time.perf_counter_ns()
            call()
            times.append(time.perf_counter_ns() - start)
    return [(min(times), float(np.median(times))) for times in samples]


def ours(card: dict | None, operation: str, size: int) -> float | None:
    """The time of the best tier in the card, if it has one."""
    if card is None:
        return None
    for tier in reversed(card["machine"]["tiers"]):
        for row in card["rows"]:
            if (row["operation"], row["way"], row["elements"]) == (operation, tier, size):
            return row["ns"]
    return None


def print_operation(operation: str, peers: list[Peer], card: dict | None, seconds: float) -> None:
    print(f"\n### {operation}\n")
    print("| size | who | min | median | overhead | net, µs | times ours | note |")
    print("|--:|---|--:|--:|--:|--:|--:|---|")
    for size in SIZES:
        mine = ours(card, operation, size)
        if mine is not None:
            print(f"| {size} | **zeropoint** | {mine / 1e3:.2f} | | | {mine / 1e3:.2f} | 1.00 | by its card |")
        calls = [peer.make(n) for peer in peers for n in (size, 1)]
        timings = shortest(calls, seconds)
        for peer, (least, median), (overhead, _) in zip(peers, timings[::2], timings[1::2]):
            net = max(least - overhead, 0)
            ratio = "–" if mine is None else f"{net / mine:.2f}"
            figures = " | ".join(f"{ns / 1e3:.2f}" for ns in (least, median, overhead, net))
            print(f"| {size} | {peer.who} | {figures} | {ratio} | {peer.note} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--card", help="a card of zeropoint, in JSON")
    parser.add_argument("--quick", action="store_true", help="only to see that all works")
    options = parser.parse_args()
    card = None
    if options.card:
        with open(options.card, encoding="utf-8") as file:
            card = json.load(file)

    peers: list[Peer] = []
    for library in (onnx_runtime, pytorch):
        try:
            peers += library()
        except ImportError as error:
            print(f"Left out: {error}\n")
    print("Microseconds, on one thread; \"net\" is without the overhead of a call on one element.")
    for operation in dict.fromkeys(peer.operation for peer in peers):
        same = [peer for peer in peers if peer.operation == operation]
        print_operation(operation, same, card, 0.01 if options.quick else 1.0)


if __name__ == "__main__":
    main()
