//! ONNX's own node tests of QuantizeLinear and DequantizeLinear (per tensor, per axis and blocked)
//! and of DynamicQuantizeLinear.
//!
//! `data/onnx-node-tests.json` holds node tests of the onnx package 1.19.1 (Apache-2.0) as flat
//! arrays with their shapes; those of other operators are not for this file.

use serde_json::Value;
use zeropoint::{Blocks, Error, QuantParams, Scheme, Tier};

fn test(name: &str) -> Value {
    let tests: Value = serde_json::from_str(include_str!("data/onnx-node-tests.json")).unwrap();
    tests[name].clone()
}

fn floats(tensor: &Value) -> Vec<f32> {
    assert_eq!(tensor["dtype"], "float");
    let data = tensor["data"].as_array().unwrap();
    data.iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

fn codes(tensor: &Value) -> Vec<u8> {
    assert_eq!(tensor["dtype"], "uint8");
    let data = tensor["data"].as_array().unwrap();
    data.iter()
        .map(|x| x.as_u64().unwrap().try_into().unwrap())
        .collect()
}

fn size(number: &Value) -> usize {
    number.as_u64().unwrap().try_into().unwrap()
}

fn shape(tensor: &Value) -> Vec<usize> {
    tensor["shape"]
        .as_array()
        .unwrap()
        .iter()
        .map(size)
        .collect()
}

/// How the parameters of a node are spread over its input.
#[derive(Debug, PartialEq)]
enum Spread {
    PerTensor,
    /// Each channel of `[outer, channels, inner]` has its own, and there are so many `inner`.
    PerAxis(usize),
    Blocked(Blocks),
}

impl Spread {
    fn of(attributes: &Value, x: &[usize], scale: &[usize]) -> Self {
        if scale.is_empty() {
            return Self::PerTensor;
        }
        let axis = attributes.get("axis").map_or(1, size);
        let inner = x[axis + 1..].iter().product();
        let Some(block) = attributes.get("block_size").map(size) else {
            assert_eq!(scale, &x[axis..=axis]);
            return Self::PerAxis(inner);
        };
        let mut blocks = x.to_vec();
        blocks[axis] = x[axis].div_ceil(block);
        assert_eq!(scale, blocks);
        Self::Blocked(Blocks {
            axis: x[axis],
            block,
            inner,
        })
    }
}

/// A node QuantizeLinear or DequantizeLinear.
struct Node {
    x: Value,
    params: Vec<QuantParams<u8>>,
    spread: Spread,
    y: Value,
}

impl Node {
    fn new(name: &str) -> Self {
        let mut test = test(name);
        let inputs = test["inputs"].as_object().unwrap();
        let input = |prefix| {
            let mut named = inputs.iter().filter(|(name, _)| name.starts_with(prefix));
            named.next().unwrap().1
        };
        let (x, scales, zero_points) = (input("0:"), input("1:"), input("2:"));
        let params = floats(scales).into_iter().zip(codes(zero_points));
        assert_eq!(shape(scales), shape(zero_points));
        Self {
            x: x.clone(),
            params: params
                .map(|(scale, zero_point)| QuantParams::new(scale, zero_point).unwrap())
                .collect(),
            spread: Spread::of(&test["attributes"], &shape(x), &shape(scales)),
            y: test["outputs"]["0:y"].take(),
        }
    }

    fn quantize(&self, tier: Tier, x: &[f32], y: &mut [u8]) -> Result<(), Error> {
        match self.spread {
            Spread::PerTensor => tier.quantize(x, self.params[0], y),
            Spread::PerAxis(inner) => tier.quantize_channels(x, &self.params, inner, y),
            Spread::Blocked(blocks) => tier.quantize_blocks(x, &self.params, blocks, y),
        }
    }

    fn dequantize(&self, tier: Tier, x: &[u8], y: &mut [f32]) -> Result<(), Error> {
        match self.spread {
            Spread::PerTensor => tier.dequantize(x, self.params[0], y),
            Spread::PerAxis(inner) => tier.dequantize_channels(x, &self.params, inner, y),
            Spread::Blocked(blocks) => tier.dequantize_blocks(x, &self.params, blocks, y),
        }
    }
}

fn quantizes(name: &str, elements: usize, spread: Spread) {
    let node = Node::new(name);
    assert_eq!(node.spread, spread);
    let (x, expected) = (floats(&node.x), codes(&node.y));
    assert_eq!(expected.len(), elements);
    for tier in Tier::available() {
        let mut y = vec![0; x.len()];
        node.quantize(tier, &x, &mut y).unwrap();
        assert_eq!(y, expected, "{tier}");
    }
}

fn dequantizes(name: &str, elements: usize, spread: Spread) {
    let node = Node::new(name);
    assert_eq!(node.spread, spread);
    let (x, expected) = (codes(&node.x), floats(&node.y));
    assert_eq!(expected.len(), elements);
    for tier in Tier::available() {
        let mut y = vec![0.0; x.len()];
        node.dequantize(tier, &x, &mut y).unwrap();
        assert_eq!(y, expected, "{tier}");
    }
}

#[test]
fn test_quantizelinear() {
    quantizes("test_quantizelinear", 6, Spread::PerTensor);
}

#[test]
fn test_quantizelinear_axis() {
    quantizes("test_quantizelinear_axis", 18, Spread::PerAxis(6));
}

#[test]
fn test_quantizelinear_blocked_asymmetric() {
    let blocks = Blocks::of_rows(4, 2);
    quantizes(
        "test_quantizelinear_blocked_asymmetric",
        12,
        Spread::Blocked(blocks),
    );
}

#[test]
fn test_dequantizelinear() {
    dequantizes("test_dequantizelinear", 4, Spread::PerTensor);
}

#[test]
fn test_dequantizelinear_axis() {
    dequantizes("test_dequantizelinear_axis", 18, Spread::PerAxis(6));
}

#[test]
fn test_dequantizelinear_blocked() {
    let blocks = Blocks {
        axis: 4,
        block: 2,
        inner: 6,
    };
    dequantizes("test_dequantizelinear_blocked", 24, Spread::Blocked(blocks));
}

#[test]
fn test_dynamicquantizelinear() {
    let test = test("test_dynamicquantizelinear");
    let x = floats(&test["inputs"]["0:x"]);
    let outputs = &test["outputs"];
    let expected = codes(&outputs["0:y"]);
    assert_eq!(expected.len(), 6);
    for tier in Tier::available() {
        let mut y = vec![0; x.len()];
        let params = tier
            .quantize_dynamic(&x, Scheme::<u8>::affine(), &mut y)
            .unwrap();
        assert_eq!(y, expected, "{tier}");
        assert_eq!(params.scale(), floats(&outputs["1:y_scale"])[0]);
        assert_eq!(params.zero_point(), codes(&outputs["2:y_zero_point"])[0]);
    }
}
