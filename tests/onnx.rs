//! ONNX's own node tests of QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear per tensor.
//!
//! `data/onnx-node-tests.json` holds node tests of the onnx package 1.19.1 (Apache-2.0) as flat
//! arrays; those per axis and per block, and of other operators, are not for this file.

use serde_json::Value;
use zeropoint::{QuantParams, Scheme, Tier};

fn test(name: &str) -> Value {
    let tests: Value = serde_json::from_str(include_str!("data/onnx-node-tests.json")).unwrap();
    tests[name].clone()
}

fn floats(tensor: &Value) -> Vec<f32> {
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

#[test]
fn test_quantizelinear() {
    let test = test("test_quantizelinear");
    let inputs = &test["inputs"];
    let scale = floats(&inputs["1:y_scale"])[0];
    let zero_point = codes(&inputs["2:y_zero_point"])[0];
    let params = QuantParams::new(scale, zero_point).unwrap();
    let x = floats(&inputs["0:x"]);
    let expected = codes(&test["outputs"]["0:y"]);
    assert_eq!(expected.len(), 6);
    for tier in Tier::available() {
        let mut y = vec![0; x.len()];
        tier.quantize(&x, params, &mut y).unwrap();
        assert_eq!(y, expected, "{tier}");
    }
}

#[test]
fn test_dequantizelinear() {
    let test = test("test_dequantizelinear");
    let inputs = &test["inputs"];
    let scale = floats(&inputs["1:x_scale"])[0];
    let zero_point = codes(&inputs["2:x_zero_point"])[0];
    let params = QuantParams::new(scale, zero_point).unwrap();
    let x = codes(&inputs["0:x"]);
    let expected = floats(&test["outputs"]["0:y"]);
    assert_eq!(expected.len(), 4);
    for tier in Tier::available() {
        let mut y = vec![0.0; x.len()];
        tier.dequantize(&x, params, &mut y).unwrap();
        assert_eq!(y, expected, "{tier}");
    }
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
