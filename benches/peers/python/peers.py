"""ONNX Runtime and PyTorch on the operations of zeropoint, on one thread. Prints Markdown.

A call from Python costs microseconds before the first element. So each operation is also run on one
element; that is what the column "overhead" has, and "net" is without it. (Where the overhead is many
times the net, as at 4096 elements, take the net for a rough figure.)

    taskset -c 1 python peers.py [--card card.json] [--only TEXT] [--quick]

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
# Of matrix products, in multiply-accumulates: rows by weights of so many rows and columns.
MATRICES = [m * 768**2 for m in (1, 16, 64, 256)] + [m * 4096**2 for m in (1, 16, 128)]
SCALE, ZERO_POINT = 4 / 255, 64
ROW, CHANNELS, BLOCK = 1024, 256, 32
# The length of a row that is normalized, and sizes in multiples of it.
NORM = 768
NORMS = [NORM, NORM << 2, NORM << 6, NORM << 14]

Call = Callable[[], object]


class Peer(NamedTuple):
    """An operation by a library. `make` prepares it for so many elements."""

    operation: str  # as the card calls it
    who: str
    make: Callable[[int], Call]
    note: str = ""
    sizes: list[int] = SIZES


def floats(n: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(-1, 3, n).astype(np.float32)


def codes(n: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, n, dtype=np.uint8)


def signed(n: int) -> np.ndarray:
    return np.random.default_rng(1).integers(-128, 128, n, dtype=np.int8)


def by_rows(n: int) -> tuple[int, int]:
    """The shape of `n` elements in rows; or of one."""
    return max(n // ROW, 1), min(n, ROW)


def by_last_axis(n: int) -> tuple[int, int]:
    return max(n // CHANNELS, 1), min(n, CHANNELS)


def matrices(n: int) -> tuple[int, int]:
    """The rows of the left side, and of the right, of a product of `n` multiply-accumulates."""
    side = next(side for side in (768, 4096, 1) if n % side**2 == 0)
    return n // side**2, side


def scales(*shape: int) -> np.ndarray:
    """For so many channels or blocks."""
    return (0.016 + 1e-6 * np.arange(np.prod(shape))).astype(np.float32).reshape(shape)


def zero_points(*shape: int) -> np.ndarray:
    return (np.arange(np.prod(shape)) % 200).astype(np.uint8).reshape(shape)


def onnx_runtime() -> list[Peer]:
    onnx, ort = import_module("onnx"), import_module("onnxruntime")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    ort.set_default_logger_severity(3)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1

    def session(nodes: list, inputs: dict[str, np.ndarray], constants: dict[str, np.ndarray],
                outputs: dict[str, int]) -> Call:
        """A model of `nodes`, whose inputs and outputs are bound, so that none is copied."""
        def info(name: str, x: np.ndarray):
            kind = helper.np_dtype_to_tensor_dtype(x.dtype)
            return helper.make_tensor_value_info(name, kind, x.shape)

        graph = helper.make_graph(
            nodes,
            "peer",
            [info(name, x) for name, x in inputs.items()],
            [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()],
            [numpy_helper.from_array(np.asarray(x), name) for name, x in constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        running = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        binding = running.io_binding()
        for name, x in inputs.items():
            binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(x))
        for name in outputs:
            binding.bind_output(name)
        # The first run allocates the outputs, the others write to them.
        running.run_with_iobinding(binding)
        for name, value in zip(outputs, binding.get_outputs()):
            binding.bind_ortvalue_output(name, value)
        return lambda: running.run_with_iobinding(binding)

    f32, u8, i32 = onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8, onnx.TensorProto.INT32
    node = helper.make_node

    def min_max(n: int) -> Call:
        nodes = [node("ReduceMin", ["x"], ["lo"]), node("ReduceMax", ["x"], ["hi"])]
        return session(nodes, {"x": floats(n)}, {}, {"lo": f32, "hi": f32})

    def encode(x: np.ndarray, scale: np.ndarray, zero_point: np.ndarray, **attributes: int) -> Call:
        quantizes = x.dtype == np.float32
        kind = "QuantizeLinear" if quantizes else "DequantizeLinear"
        nodes = [node(kind, ["x", "scale", "zero_point"], ["y"], **attributes)]
        constants = {"scale": scale, "zero_point": zero_point}
        return session(nodes, {"x": x}, constants, {"y": u8 if quantizes else f32})

    def whole(data: Callable[[int], np.ndarray]) -> Callable[[int], Call]:
        return lambda n: encode(data(n), np.float32(SCALE), np.uint8(ZERO_POINT))

    def rows(data: Callable[[int], np.ndarray]) -> Callable[[int], Call]:
        def make(n: int) -> Call:
            shape = by_rows(n)
            return encode(data(n).reshape(shape), scales(shape[0]), zero_points(shape[0]), axis=0)
        return make

    def last_axis(data: Callable[[int], np.ndarray]) -> Callable[[int], Call]:
        def make(n: int) -> Call:
            shape = by_last_axis(n)
            return encode(data(n).reshape(shape), scales(shape[1]), zero_points(shape[1]), axis=1)
        return make

    def blocks(data: Callable[[int], np.ndarray]) -> Callable[[int], Call]:
        def make(n: int) -> Call:
            count = max(n // BLOCK, 1)
            return encode(data(n).reshape(1, n), scales(1, count), zero_points(1, count), axis=1,
                          block_size=BLOCK)
        return make

    def dynamic(n: int) -> Call:
        nodes = [node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"])]
        return session(nodes, {"x": floats(n)}, {}, {"q": u8, "s": f32, "z": u8})

    def norm(*then: object, **outputs: int) -> Callable[[int], Call]:
        """A layer norm, and the nodes after it."""
        def make(n: int) -> Call:
            row = min(n, NORM)
            nodes = [node("LayerNormalization", ["x", "w", "b"], ["y"], axis=-1), *then]
            constants = {"w": floats(row), "b": floats(row)}
            return session(nodes, {"x": floats(n).reshape(-1, row)}, constants, outputs)
        return make

    encodes = node("DynamicQuantizeLinear", ["y"], ["q", "s", "z"])

    def product(work: int) -> Call:
        m, n = matrices(work)
        nodes = [node("MatMulInteger", ["a", "b", "za", "zb"], ["y"])]
        a = codes(m * n).reshape(m, n)
        constants = {"b": signed(n * n).reshape(n, n), "za": np.uint8(3), "zb": np.int8(5)}
        return session(nodes, {"a": a}, constants, {"y": i32})

    def encoded_product(work: int) -> Call:
        m, n = matrices(work)
        of = [name + side for side in "aby" for name in ("", "s", "z")]
        nodes = [node("QLinearMatMul", of[:6] + of[7:], ["y"])]
        a = codes(m * n).reshape(m, n)
        constants = {"b": signed(n * n).reshape(n, n), "za": np.uint8(3), "zb": np.int8(5),
                     "zy": np.uint8(128)}
        constants |= {"sa": np.float32(0.02), "sb": np.float32(0.01), "sy": np.float32(0.5)}
        return session(nodes, {"a": a}, constants, {"y": u8})

    who = f"ONNX Runtime {metadata.version('onnxruntime')}"
    peers = [
        Peer("min_max", who, min_max, "two passes"),
        Peer("quantize affine u8", who, whole(floats)),
        Peer("dequantize affine u8", who, whole(codes)),
        Peer("quantize_dynamic u8", who, dynamic),
        Peer("quantize rows of 1024 u8", who, rows(floats)),
        Peer("quantize last axis u8", who, last_axis(floats)),
        Peer("quantize blocks of 32 u8", who, blocks(floats)),
    ]
    peers += [
        Peer("normalize_rows layer", who, norm(y=f32), "", NORMS),
        Peer("normalize_quantize_rows layer u8", who, norm(encodes, q=u8, s=f32, z=u8),
             "two operators; one range for all rows", NORMS),
    ]
    # The card has these of i8, by the same kernel.
    peers += [
        Peer("dequantize rows of 1024 i8", who, rows(codes), "of u8"),
        Peer("dequantize last axis i8", who, last_axis(codes), "of u8"),
        Peer("dequantize blocks of 32 i8", who, blocks(codes), "of u8"),
    ]
    peers += [
        Peer("matmul u8·i8", f"{who} MatMulInteger", product, "", MATRICES),
        Peer("matmul_requantize u8·i8", f"{who} QLinearMatMul", encoded_product, "one multiplier", MATRICES[:4]),
    ]
    return peers


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

    def channels(shape: Callable[[int], tuple[int, int]], axis: int, of: Callable) -> Callable[[int], Call]:
        """`of` is called with the tensor, and the parameters along the axis."""
        def make(n: int) -> Call:
            count = shape(n)[axis]
            x = torch.from_numpy(floats(n).reshape(shape(n)))
            return of(x, torch.from_numpy(scales(count)), torch.from_numpy(zero_points(count).astype(int)), axis)
        return make

    def quantize_channels(*args) -> Call:
        return lambda: torch.quantize_per_channel(*args, torch.quint8)

    def dequantize_channels(*args) -> Call:
        q = torch.quantize_per_channel(*args, torch.quint8)
        return lambda: torch.dequantize(q)

    def product(work: int) -> Call:
        m, n = matrices(work)
        a, b = (torch.from_numpy(signed(rows * n).reshape(rows, n)) for rows in (m, n))
        return lambda: torch._int_mm(a, b)

    who = f"PyTorch {metadata.version('torch')}"
    inexact = "inexact: multiplies by the reciprocal; allocates the result"
    return [
        Peer("min_max", who, min_max),
        Peer("quantize affine u8", who, quantize, inexact),
        Peer("dequantize affine u8", who, dequantize, "allocates the result"),
        Peer("fake_quantize affine u8", who, fake_quantize, inexact),
        Peer("quantize_dynamic u8", who, dynamic, inexact),
        Peer("quantize rows of 1024 u8", who, channels(by_rows, 0, quantize_channels), inexact),
        Peer("quantize last axis u8", who, channels(by_last_axis, 1, quantize_channels), inexact),
        Peer("dequantize rows of 1024 i8", who, channels(by_rows, 0, dequantize_channels), "of u8; allocates"),
        Peer("dequantize last axis i8", who, channels(by_last_axis, 1, dequantize_channels), "of u8; allocates"),
        Peer("matmul i8·i8", f"{who} _int_mm", product, "no zero points", MATRICES[:4]),
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
    for size in peers[0].sizes:
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
    parser.add_argument("--only", default="", help="operations with this in their name")
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
        if options.only not in operation:
            continue
        same = [peer for peer in peers if peer.operation == operation]
        print_operation(operation, same, card, 0.01 if options.quick else 1.0)


if __name__ == "__main__":
    main()
