"""Runs operators of ONNX Runtime on random and adversarial inputs, and keeps what they gave.

python generate.py DIRECTORY: a safetensors file for each operator, with the inputs, attributes and
outputs of case 17 as 17.x, 17.axis, 17.y and so on. Inputs are the same in every run.
"""

import pathlib
import platform
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from safetensors.numpy import save_file

OPSET = 21
TYPES = {
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.int32): TensorProto.INT32,
    np.dtype(np.uint8): TensorProto.UINT8,
    np.dtype(np.int8): TensorProto.INT8,
}
FLOAT = np.finfo(np.float32)

random = np.random.default_rng(7)
sessions = {}


def session(operator, inputs, outputs, constants, attributes):
    """One node, as it is: no optimizer, one thread. `constants` are packed when it is made."""
    ends = [
        [helper.make_tensor_value_info(name, TYPES[np.dtype(dtype)], None) for name, dtype in end]
        for end in (inputs, outputs)
    ]
    initializers = [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()]
    node = helper.make_node(
        operator, [name for name, _ in inputs], [name for name, _ in outputs], **attributes
    )
    graph_inputs = [end for end in ends[0] if end.name not in constants]
    graph = helper.make_graph([node], "case", graph_inputs, ends[1], initializers)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10
    )
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def run(operator, inputs, outputs, constant=(), **attributes):
    """The inputs, attributes and outputs of a case, by name."""
    inputs = {name: np.asarray(value) for name, value in inputs.items()}
    types = [(name, value.dtype) for name, value in inputs.items()]
    fed = {name: value for name, value in inputs.items() if name not in constant}
    constants = {name: inputs[name] for name in constant}
    if constants:
        node = session(operator, types, outputs, constants, attributes)
    else:
        key = (operator, *types, *attributes.items())
        if key not in sessions:
            sessions[key] = session(operator, types, outputs, constants, attributes)
        node = sessions[key]
    results = node.run(None, fed)
    case = inputs | {name: np.int64([value]) for name, value in attributes.items()}
    return case | {name: result for (name, _), result in zip(outputs, results)}


def codes(dtype, shape):
    """Random ones; or of few values, the ends among them; or of one."""
    lo, hi = np.iinfo(dtype).min, np.iinfo(dtype).max
    kind = random.integers(4)
    if kind == 0:
        return random.choice(np.array([lo, hi, lo + 1, 0, hi - 1], dtype), shape)
    if kind == 1:
        return np.full(shape, random.choice([lo, hi]), dtype)
    return random.integers(lo, hi, shape, dtype, endpoint=True)


def scales(shape):
    """Ordinary ones; or powers of two, and the floats beside them; or all that there are."""
    kind = random.integers(5)
    if kind == 0:
        return np.float32(np.exp2(random.uniform(-126, 119.9, shape)))
    if kind == 1:
        powers = np.array(np.exp2(random.integers(-30, 30, shape)), np.float32)
        return (powers.view(np.int32) + random.integers(-1, 2, shape, np.int32)).view(np.float32)
    return np.float32(random.lognormal(-3, 2, shape))


def unusable(shape):
    """Scales that are no number, or 0, or subnormal, or that a code would overflow with."""
    return random.choice(
        np.array([0, 1e-45, 1e-39, -0.5, 3e38, FLOAT.max, np.inf, np.nan], np.float32), shape
    )


SPECIAL = np.array(
    [np.nan, np.inf, -np.inf, FLOAT.max, FLOAT.min, 0, -0.0, 1e-45, -1e-45, 1e-39, 1e10, -1e10, 2.0**31],
    np.float32,
)


def numbers(scale):
    """To quantize by `scale`, which has their shape: points where the code changes, and the floats
    beside them; special ones; random bits, NaN among them; others. All of them, or ordinary ones."""
    shape = scale.shape
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        ordinary = random.normal(0, 90, shape).astype(np.float32) * scale
        if random.integers(4) == 0:
            return ordinary
        ties = (random.integers(-300, 300, shape) + 0.5).astype(np.float32) * scale
        ties = (ties.view(np.int32) + random.integers(-2, 3, shape, np.int32)).view(np.float32)
    bits = random.integers(0, 1 << 32, shape, np.uint32).view(np.float32)
    special = random.choice(SPECIAL, shape)
    kind = random.choice(4, shape, p=[0.4, 0.5, 0.05, 0.05])
    return np.choose(kind, [ordinary, ties, bits, special])


def spread(kind):
    """A shape, the shape of its scales, where each element finds its scale, and attributes."""
    if kind == "tensor":
        shape = (int(random.choice([0, 1, 3, 15, 16, 17, 64, 100, 257, 1000, 5000])),)
        return shape, (), lambda scale: np.broadcast_to(scale, shape), {}
    # ONNX Runtime has no blocks of vectors.
    rank = random.integers(2 if kind == "block" else 1, 4)
    shape = tuple(int(n) for n in random.integers(1, 12, rank))
    axis = int(random.integers(len(shape)))
    shape = shape[:axis] + (int(random.integers(1, 70)),) + shape[axis + 1 :]
    if kind == "axis":
        along = [1] * len(shape)
        along[axis] = shape[axis]
        each = lambda scale: np.broadcast_to(scale.reshape(along), shape)
        return shape, (shape[axis],), each, {"axis": axis}
    block = int(random.choice([1, 2, 3, 5, 16, 32, 64]))
    blocks = -(-shape[axis] // block)
    # The length of a block must be one that gives so many.
    each = lambda scale: scale.repeat(block, axis).take(range(shape[axis]), axis)
    of_blocks = shape[:axis] + (blocks,) + shape[axis + 1 :]
    return shape, of_blocks, each, {"axis": axis, "block_size": block}


def linear(operator):
    """QuantizeLinear or DequantizeLinear."""
    for n in range(2400):
        dtype = np.dtype([np.uint8, np.int8][n % 2])
        shape, of_scales, each, attributes = spread(["tensor", "axis", "block"][n // 2 % 3])
        scale = np.asarray(unusable(of_scales) if n % 40 < 2 else scales(of_scales))
        if operator == "QuantizeLinear":
            x, out = numbers(each(scale)), dtype
        else:
            x, out = codes(dtype, shape), np.float32
        inputs = {"x": x, "scale": scale, "zero_point": codes(dtype, of_scales)}
        yield run(operator, inputs, [("y", out)], **attributes)


def ranges():
    """Numbers to find the range of."""
    n = int(random.choice([0, 1, 2, 3, 7, 15, 16, 17, 31, 33, 64, 100, 257, 1000]))
    kind = random.integers(10)
    scale = np.exp2(random.uniform(-40, 40)).astype(np.float32)
    x = random.normal(random.choice([-3, 0, 3]), 1, n).astype(np.float32) * scale
    if kind == 0:
        x[:] = random.choice([0, -0.0, scale, -scale])
    elif kind == 1:
        # From −(k + ½) · s: a zero point that is a tie, or nearly.
        k = random.integers(0, 255)
        x = random.uniform(-(k + 0.5), 254.5 - k, n + 2).astype(np.float32)
        x[0], x[-1] = -(k + 0.5), 254.5 - k
        x *= scale
    elif kind == 2:
        x *= np.float32(1e-38) / scale * random.choice(np.array([1, 1e-3, 1e-6], np.float32))
    elif kind == 3:
        x = random.choice(np.array([FLOAT.max, FLOAT.min, 3e38, -2e38, 1], np.float32), n)
    elif kind == 4:
        x[random.random(n) < random.choice([0.02, 0.3, 1])] = np.nan
    elif kind == 5:
        x[random.random(n) < random.choice([0.02, 0.3])] = random.choice([np.inf, -np.inf])
    elif kind == 6:
        x = abs(x) * random.choice([-1, 1])
    return x.astype(np.float32)


def dynamic():
    outputs = [("y", np.uint8), ("y_scale", np.float32), ("y_zero_point", np.uint8)]
    for _ in range(2000):
        yield run("DynamicQuantizeLinear", {"x": ranges()}, outputs)


def matrices(n, types):
    """`a` and `b` of types that take turns, their zero points, and what of them is constant."""
    a_type, b_type = types[n % len(types)]
    m = int(random.choice([1, 1, 2, 3, 4, 5, 7, 12, 16, 17, 33]))
    k = int(random.choice([0, 1, 2, 3, 4, 7, 16, 31, 64, 65, 100, 256, 300, 1000]))
    columns = int(random.choice([1, 2, 5, 8, 15, 16, 17, 31, 33, 48, 64, 65, 100]))
    if n % 100 == 99:
        m, k, columns = 2, 40_000, 3
    of_b = () if random.integers(2) else (columns,)
    case = {
        "a": codes(a_type, (m, k)),
        "b": codes(b_type, (k, columns)),
        "a_zero_point": codes(a_type, ()),
        "b_zero_point": codes(b_type, of_b),
    }
    constant = ["b", "b_zero_point"] if random.integers(2) else []
    return case, constant, of_b


def matmul_integer():
    types = [(a, b) for a in (np.uint8, np.int8) for b in (np.uint8, np.int8)]
    for n in range(2000):
        case, constant, _ = matrices(n, types)
        yield run("MatMulInteger", case, [("y", np.int32)], constant)


def qlinear_matmul():
    types = [(np.uint8, np.uint8), (np.uint8, np.int8), (np.int8, np.int8)]
    for n in range(2001):
        case, constant, of_b = matrices(n, types)
        a, b = case["a"], case["b"]
        sums = (a.astype(np.int64) - case["a_zero_point"]) @ (b - case["b_zero_point"].astype(np.int64))
        largest = max(1, abs(sums).max(initial=0))
        # Codes that are spread out, or saturate, or are all near the zero point; halves.
        y_scale = largest / random.choice([1, 50, 128, 500])
        if random.integers(3) == 0:
            y_scale = 2.0 ** random.integers(1, 12)
            case["a_scale"] = np.float32(1)
            case["b_scale"] = np.float32(np.exp2(random.integers(-2, 2, of_b)))
        else:
            case["a_scale"] = np.float32(random.lognormal(-3, 1))
            case["b_scale"] = np.float32(random.lognormal(-3, 1, of_b))
            y_scale *= case["a_scale"] * np.median(case["b_scale"])
        case["y_scale"] = np.float32(y_scale)
        case["y_zero_point"] = codes(a.dtype, ())
        of_a, of_b, of_y = (
            [of + part for part in ("", "_scale", "_zero_point")] for of in ("a", "b", "y")
        )
        inputs = {name: case[name] for name in of_a + of_b + of_y[1:]}
        yield run("QLinearMatMul", inputs, [("y", a.dtype)], constant and of_b)


def cpu():
    """Its name, and whether it multiplies 8-bit codes without saturation."""
    info = pathlib.Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    fields = {}
    for line in lines:
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    name = fields.get("model name", platform.machine())
    vnni = [flag for flag in fields.get("flags", "").split() if flag in ("avx_vnni", "avx512_vnni")]
    return f"{name}, {' '.join(vnni) or 'no VNNI'}"


def main():
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    metadata = {"onnxruntime": onnxruntime.__version__, "cpu": cpu()}
    operators = {
        "QuantizeLinear": linear("QuantizeLinear"),
        "DequantizeLinear": linear("DequantizeLinear"),
        "DynamicQuantizeLinear": dynamic(),
        "MatMulInteger": matmul_integer(),
        "QLinearMatMul": qlinear_matmul(),
    }
    for operator, cases in operators.items():
        tensors = {
            f"{n}.{name}": np.ascontiguousarray(value).reshape(value.shape)
            for n, case in enumerate(cases)
            for name, value in case.items()
        }
        save_file(tensors, directory / f"{operator}.safetensors", metadata)
        print(f"{operator}: {n_cases(tensors)} cases")


def n_cases(tensors):
    return len({name.split(".")[0] for name in tensors})


main()
