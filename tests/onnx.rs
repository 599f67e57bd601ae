//! ONNX's own node tests of `QuantizeLinear` and `DequantizeLinear` (per tensor, per axis and
//! blocked), of `DynamicQuantizeLinear`, `MatMulInteger`, `QLinearMatMul` and `ConvInteger`.
//!
//! `data/onnx-node-tests.json` holds node tests of the onnx package 1.19.1 (Apache-2.0) as flat
//! arrays with their shapes.

mod common;

use half::f16;
use serde_json::Value;
use zeropoint::gemm::{PackedMatrix, Weights};
use zeropoint::image::{Border, Windows, im2col};
use zeropoint::{Blocks, Code, Code8, Granularity, Multiplier, Params, QuantParams, Scheme, Tier};

fn test(name: &str) -> Value {
    let tests: Value = serde_json::from_str(include_str!("data/onnx-node-tests.json")).unwrap();
    tests[name].clone()
}

fn input(test: &Value, n: usize) -> &Value {
    let inputs = test["inputs"].as_object().unwrap();
    let prefix = format!("{n}:");
    let mut named = inputs.iter().filter(|(name, _)| name.starts_with(&prefix));
    named.next().unwrap().1
}

fn floats(tensor: &Value) -> Vec<f32> {
    assert_eq!(tensor["dtype"], "float");
    let data = tensor["data"].as_array().unwrap();
    data.iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

fn integers(tensor: &Value) -> Vec<i32> {
    let data = tensor["data"].as_array().unwrap();
    data.iter().map(|x| x.as_i64().unwrap().try_into().unwrap()).collect()
}

fn codes<Q: Code>(tensor: &Value) -> Vec<Q> {
    let signed = Q::MIN.into() < 0;
    assert_eq!(tensor["dtype"], if signed { "int8" } else { "uint8" });
    let wrapped = integers(tensor).into_iter().map(wrapping);
    wrapped.collect()
}

/// The code that an integer is cast to.
fn wrapping<Q: Code>(integer: i32) -> Q {
    common::code(integer as u8)
}

fn size(number: &Value) -> usize {
    number.as_u64().unwrap().try_into().unwrap()
}

fn shape(tensor: &Value) -> Vec<usize> {
    tensor["shape"].as_array().unwrap().iter().map(size).collect()
}

/// How the parameters of a node are spread over its input.
fn granularity(attributes: &Value, x: &[usize], scale: &[usize]) -> Granularity {
    if scale.is_empty() {
        return Granularity::Tensor;
    }
    let axis = attributes.get("axis").map_or(1, size);
    let inner = x[axis + 1..].iter().product();
    let Some(block) = attributes.get("block_size").map(size) else {
        assert_eq!(scale, &x[axis..=axis]);
        return Granularity::Axis { inner };
    };
    let mut blocks = x.to_vec();
    blocks[axis] = x[axis].div_ceil(block);
    assert_eq!(scale, blocks);
    Granularity::Blocks(Blocks { axis: x[axis], block, inner })
}

/// A node QuantizeLinear or DequantizeLinear.
struct Node {
    x: Value,
    scales: Vec<f32>,
    zero_points: Vec<u8>,
    params: Vec<QuantParams<u8>>,
    granularity: Granularity,
    y: Value,
}

impl Node {
    fn new(name: &str) -> Self {
        let mut test = test(name);
        let [x, scales, zero_points] = [0, 1, 2].map(|n| input(&test, n));
        let (of_scales, of_zero_points) = (shape(scales), shape(zero_points));
        assert_eq!(of_scales, of_zero_points);
        let (scales, zero_points) = (floats(scales), codes(zero_points));
        let params = scales.iter().zip(&zero_points);
        Self {
            x: x.clone(),
            params: params
                .map(|(&scale, &zero_point)| QuantParams::new(scale, zero_point).unwrap())
                .collect(),
            granularity: granularity(&test["attributes"], &shape(x), &of_scales),
            scales,
            zero_points,
            y: test["outputs"]["0:y"].take(),
        }
    }

    /// The parameters, as sets of them and as the tensors that the node has.
    fn params(&self) -> [Params<'_, u8>; 2] {
        let sets = match self.granularity {
            Granularity::Tensor => self.params[0].into(),
            Granularity::Axis { inner } => Params::per_axis(&self.params, inner),
            Granularity::Blocks(blocks) => Params::per_block(&self.params, blocks),
        };
        [sets, Params::parts(&self.scales, &self.zero_points, self.granularity)]
    }
}

fn quantizes(name: &str, elements: usize, granularity: Granularity) {
    let node = Node::new(name);
    assert_eq!(node.granularity, granularity);
    let (x, expected) = (floats(&node.x), codes::<u8>(&node.y));
    assert_eq!(expected.len(), elements);
    for tier in Tier::available() {
        for params in node.params() {
            let mut y = vec![0; x.len()];
            tier.quantize(&x, params, &mut y).unwrap();
            assert_eq!(y, expected, "{tier}");
        }
    }
}

fn dequantizes(name: &str, elements: usize, granularity: Granularity) {
    let node = Node::new(name);
    assert_eq!(node.granularity, granularity);
    let (x, expected) = (codes::<u8>(&node.x), floats(&node.y));
    assert_eq!(expected.len(), elements);
    for tier in Tier::available() {
        for params in node.params() {
            let mut y = vec![0.0; x.len()];
            tier.dequantize(&x, params, &mut y).unwrap();
            assert_eq!(y, expected, "{tier}");
        }
    }
}

#[test]
fn test_quantizelinear() {
    quantizes("test_quantizelinear", 6, Granularity::Tensor);
}

#[test]
fn test_quantizelinear_axis() {
    quantizes("test_quantizelinear_axis", 18, Granularity::Axis { inner: 6 });
}

#[test]
fn test_quantizelinear_blocked_asymmetric() {
    let blocks = Blocks::of_rows(4, 2);
    quantizes("test_quantizelinear_blocked_asymmetric", 12, Granularity::Blocks(blocks));
}

#[test]
fn test_dequantizelinear() {
    dequantizes("test_dequantizelinear", 4, Granularity::Tensor);
}

#[test]
fn test_dequantizelinear_axis() {
    dequantizes("test_dequantizelinear_axis", 18, Granularity::Axis { inner: 6 });
}

#[test]
fn test_dequantizelinear_blocked() {
    let blocks = Blocks { axis: 4, block: 2, inner: 6 };
    dequantizes("test_dequantizelinear_blocked", 24, Granularity::Blocks(blocks));
}

#[test]
fn test_dynamicquantizelinear() {
    let test = test("test_dynamicquantizelinear");
    let x = floats(&test["inputs"]["0:x"]);
    let outputs = &test["outputs"];
    let expected = codes::<u8>(&outputs["0:y"]);
    assert_eq!(expected.len(), 6);
    for tier in Tier::available() {
        let mut y = vec![0; x.len()];
        let params = tier.quantize_dynamic(&x, Scheme::<u8>::affine(), &mut y).unwrap();
        assert_eq!(y, expected, "{tier}");
        assert_eq!(params.scale(), floats(&outputs["1:y_scale"])[0]);
        assert_eq!(params.zero_point(), codes::<u8>(&outputs["2:y_zero_point"])[0]);
    }
}

/// Matrices to multiply, one pair or a stack of them.
struct Pairs<Q> {
    a: Vec<Q>,
    za: Q,
    b: Vec<Q>,
    zb: Q,
    /// `[M, K, N]`
    shape: [usize; 3],
}

impl<Q: Code8> Pairs<Q> {
    fn new([a, za, b, zb]: [&Value; 4]) -> Self {
        let (a_shape, b_shape) = (shape(a), shape(b));
        let ([a_stack @ .., m, a_k], [b_stack @ .., k, n]) = (&a_shape[..], &b_shape[..]) else {
            panic!("{a_shape:?} and {b_shape:?} are not matrices");
        };
        assert_eq!((a_stack, a_k), (b_stack, k));
        Self { a: codes(a), za: codes(za)[0], b: codes(b), zb: codes(zb)[0], shape: [*m, *k, *n] }
    }

    /// The products, one after the other.
    fn multiplied<T: Copy>(
        &self,
        tier: Tier,
        none: T,
        product: impl Fn(&[Q], &PackedMatrix<'_, Q>, &mut [T]),
    ) -> Vec<T> {
        let [m, k, n] = self.shape;
        let pairs = self.a.chunks_exact(m * k).zip(self.b.chunks_exact(k * n));
        let products = pairs.map(|(a, b)| {
            let b = Weights::new(b, k, n).pack(tier).unwrap();
            let mut out = vec![none; m * n];
            product(a, &b, &mut out);
            out
        });
        products.flatten().collect()
    }

    fn sums(&self, tier: Tier) -> Vec<i32> {
        self.multiplied(tier, 0, |a, b, out| {
            b.multiply(a, self.za, self.zb, out).unwrap();
        })
    }
}

#[test]
fn test_matmulinteger() {
    let test = test("test_matmulinteger");
    let pairs = Pairs::<u8>::new([0, 2, 1, 3].map(|n| input(&test, n)));
    let expected = integers(&test["outputs"]["0:Y"]);
    assert_eq!(expected.len(), 8);
    for tier in Tier::available() {
        assert_eq!(pairs.sums(tier), expected, "{tier}");
    }
}

/// `a_scale · b_scale / y_scale` in the type of the scales.
fn multiplier(scales: [&Value; 3]) -> f32 {
    let [a, b, y] = scales.map(|scale| scale["data"][0].as_f64().unwrap());
    match scales[0]["dtype"].as_str() {
        Some("float") => a as f32 * b as f32 / y as f32,
        Some("float16") => (f16::from_f64(a) * f16::from_f64(b) / f16::from_f64(y)).into(),
        other => panic!("scales of type {other:?}"),
    }
}

/// The outputs are those of ONNX's reference, `rint(sum · m + z)`, cast to the type of the codes.
/// It departs from the operator's definition, and so from `PackedMatrix::requantize`, in three ways:
///
/// - The cast wraps where the definition saturates. Each node of `int8` has such outputs, `wrapped`
///   of them: there the codes must be the saturated ones, and the outputs the wrapped ones.
/// - The product `sum · m` is in f64 (of an `m` that is in the type of the scales). In f32 it could
///   round to the other side of a half; in these nodes it does not.
/// - The zero point is added before rounding half to even. With an odd one a tie would go to the
///   other integer; there is no tie in these nodes.
fn qlinearmatmul<Q: Code8>(name: &str, outputs: usize, wrapped: usize) {
    let test = test(name);
    let pairs = Pairs::<Q>::new([0, 2, 3, 5].map(|n| input(&test, n)));
    let m = multiplier([1, 4, 6].map(|n| input(&test, n)));
    let zero_point = codes::<Q>(input(&test, 7))[0];
    let expected = codes::<Q>(&test["outputs"]["0:y"]);
    assert_eq!(expected.len(), outputs);

    let multiplier = Multiplier::real(m).unwrap();
    let params = QuantParams::new(1.0, zero_point).unwrap();
    for tier in Tier::available() {
        let unbounded = pairs.sums(tier).into_iter().map(|sum| {
            let product = f64::from(sum) * f64::from(m) + f64::from(zero_point.into());
            product.round_ties_even() as i32
        });
        let unbounded: Vec<_> = unbounded.collect();
        let found = pairs.multiplied(tier, zero_point, |a, b, out| {
            b.requantize(a, pairs.za, pairs.zb, multiplier, params, out).unwrap();
        });
        for ((&unbounded, &found), &expected) in unbounded.iter().zip(&found).zip(&expected) {
            let saturated = unbounded.clamp(Q::MIN.into(), Q::MAX.into());
            assert_eq!(found.into(), saturated, "{tier}");
            assert_eq!(expected, wrapping(unbounded));
        }
        let differ = found.iter().zip(&expected).filter(|(x, y)| x != y).count();
        assert_eq!(differ, wrapped, "{tier}");
    }
}

#[test]
fn test_qlinearmatmul_2d() {
    qlinearmatmul::<u8>("test_qlinearmatmul_2D_uint8_float32", 6, 0);
    qlinearmatmul::<u8>("test_qlinearmatmul_2D_uint8_float16", 6, 0);
    qlinearmatmul::<i8>("test_qlinearmatmul_2D_int8_float32", 6, 1);
    qlinearmatmul::<i8>("test_qlinearmatmul_2D_int8_float16", 6, 1);
}

#[test]
fn test_qlinearmatmul_3d() {
    qlinearmatmul::<u8>("test_qlinearmatmul_3D_uint8_float32", 12, 0);
    qlinearmatmul::<u8>("test_qlinearmatmul_3D_uint8_float16", 12, 0);
    qlinearmatmul::<i8>("test_qlinearmatmul_3D_int8_float32", 12, 4);
    qlinearmatmul::<i8>("test_qlinearmatmul_3D_int8_float16", 12, 4);
}

/// One image, and one filter: with more, the outputs would be channels first there.
fn convinteger(name: &str, expected_shape: [usize; 4]) {
    let test = test(name);
    let [x, w, zero_point] = [0, 1, 2].map(|n| input(&test, n));
    let ([1, channels, height, width], [1, _, kernel @ ..]) = (&shape(x)[..], &shape(w)[..]) else {
        panic!("more than one image, or filter");
    };
    let pads = test["attributes"]["pads"].as_array();
    let [top, left, bottom, right] = [0, 1, 2, 3].map(|i| pads.map_or(0, |pads| size(&pads[i])));
    let border =
        Border { height: *height, width: *width, channels: *channels, top, bottom, left, right };
    let windows = Windows::new(border, [kernel[0], kernel[1]]);
    let [out_height, out_width, depth] = windows.shape().unwrap();
    let y = &test["outputs"]["0:y"];
    assert_eq!(shape(y), [1, 1, out_height, out_width]);
    assert_eq!(shape(y), expected_shape);

    let zero_point: u8 = codes(zero_point)[0];
    let mut rows = vec![0; out_height * out_width * depth];
    im2col(&codes(x), windows, zero_point, &mut rows).unwrap();
    let filters: Vec<u8> = codes(w);
    for tier in Tier::available() {
        let filters = Weights::transposed(&filters, depth, 1).pack(tier).unwrap();
        let mut out = vec![0; out_height * out_width];
        filters.multiply(&rows, zero_point, 0, &mut out).unwrap();
        assert_eq!(out, integers(y), "{tier}");
    }
}

#[test]
fn test_convinteger_without_padding() {
    convinteger("test_convinteger_without_padding", [1, 1, 2, 2]);
}

#[test]
fn test_convinteger_with_padding() {
    convinteger("test_convinteger_with_padding", [1, 1, 4, 4]);
}
