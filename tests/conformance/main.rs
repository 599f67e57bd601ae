//! What ONNX Runtime gives, in thousands of cases that `generate.py` has tried: every tier gives the
//! same, but for the differences that are named here. `ci/conformance` runs both.

#[path = "../common/mod.rs"]
mod common;

use common::bits;
use safetensors::tensor::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::{env, fs};
use zeropoint::gemm::Weights;
use zeropoint::{
    Blocks, Code, Code8, Error, Granularity, MIN_SCALE, Multiplier, Multipliers, Params,
    QuantParams, Scheme, Tier, ZeroPoints,
};

/// Where `generate.py` was told to leave its files.
const DIRECTORY: &str = "ZEROPOINT_CONFORMANCE";

/// The inputs, attributes and outputs of one run of ONNX Runtime.
struct Case<'a> {
    tensors: &'a SafeTensors<'a>,
    number: usize,
}

impl Case<'_> {
    fn has(&self, name: &str) -> bool {
        let name = format!("{}.{name}", self.number);
        self.tensors.tensor(&name).is_ok()
    }

    fn tensor<T: bytemuck::Pod>(&self, name: &str, dtype: Dtype) -> (Vec<T>, Vec<usize>) {
        let name = format!("{}.{name}", self.number);
        let tensor = self.tensors.tensor(&name).unwrap();
        assert_eq!(tensor.dtype(), dtype, "{name}");
        let elements = tensor.data().chunks_exact(size_of::<T>());
        let elements = elements.map(bytemuck::pod_read_unaligned).collect();
        (elements, tensor.shape().to_vec())
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        self.tensor(name, Dtype::F32).0
    }

    fn codes<Q: Code>(&self, name: &str) -> Vec<Q> {
        self.tensor(name, dtype::<Q>()).0
    }

    fn attribute(&self, name: &str) -> usize {
        let (value, _) = self.tensor::<i64>(name, Dtype::I64);
        value[0].try_into().unwrap()
    }

    fn is_signed(&self, name: &str) -> bool {
        let name = format!("{}.{name}", self.number);
        self.tensors.tensor(&name).unwrap().dtype() == Dtype::I8
    }
}

fn dtype<Q: Code>() -> Dtype {
    if Q::MIN.into() < 0 { Dtype::I8 } else { Dtype::U8 }
}

/// How many outputs there were, and how many were others than ONNX Runtime's, by the reason.
#[derive(Default)]
struct Tally {
    outputs: usize,
    differences: BTreeMap<&'static str, [usize; 2]>,
}

impl Tally {
    /// For this reason, so many outputs of a case.
    fn differs(&mut self, reason: &'static str, outputs: usize) {
        if outputs > 0 {
            let [all_cases, all_outputs] = self.differences.entry(reason).or_default();
            *all_cases += 1;
            *all_outputs += outputs;
        }
    }
}

/// Checks each case of an operator, and says what differed.
fn each_case(operator: &str, check: impl Fn(&Case<'_>, &mut Tally)) {
    let directory = env::var(DIRECTORY).unwrap_or_else(|_| panic!("{DIRECTORY} is not set"));
    let path = PathBuf::from(directory).join(format!("{operator}.safetensors"));
    let file = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (_, metadata) = SafeTensors::read_metadata(&file).unwrap();
    let metadata = metadata.metadata().as_ref().unwrap();
    let tensors = &SafeTensors::deserialize(&file).unwrap();
    let mut tally = Tally::default();
    let mut number = 0;
    loop {
        let case = Case { tensors, number };
        if !case.has("y") {
            break;
        }
        check(&case, &mut tally);
        number += 1;
    }
    assert!(number >= 2000, "there are {number} cases of {operator}");
    println!(
        "{operator}: {number} cases, {} outputs; ONNX Runtime {} on {}",
        tally.outputs, metadata["onnxruntime"], metadata["cpu"]
    );
    for (reason, [cases, outputs]) in tally.differences {
        println!("{operator}: {reason}: {outputs} outputs in {cases} cases");
    }
}

/// The result on every tier.
fn on_every_tier<R: PartialEq + Debug>(number: usize, on: impl Fn(Tier) -> R) -> R {
    let result = on(Tier::SCALAR);
    for tier in Tier::available() {
        assert_eq!(on(tier), result, "case {number} on {tier}");
    }
    result
}

/// How parameters are spread over the input of a node.
fn granularity(case: &Case<'_>, shape: &[usize]) -> Granularity {
    if !case.has("axis") {
        return Granularity::Tensor;
    }
    let axis = case.attribute("axis");
    let inner = shape[axis + 1..].iter().product();
    if !case.has("block_size") {
        return Granularity::Axis { inner };
    }
    Granularity::Blocks(Blocks { axis: shape[axis], block: case.attribute("block_size"), inner })
}

/// Which parameters the element `i` has, of so many.
fn of_element(granularity: Granularity, i: usize, params: usize) -> usize {
    match granularity {
        Granularity::Tensor => 0,
        Granularity::Axis { inner } => i / inner % params,
        Granularity::Blocks(Blocks { axis, block, inner }) => {
            let (outer, along) = (i / inner / axis, i / inner % axis);
            (outer * axis.div_ceil(block) + along / block) * inner + i % inner
        }
    }
}

/// The parameters of a tensor.
fn spread<Q: Code>(params: &[QuantParams<Q>], granularity: Granularity) -> Params<'_, Q> {
    match granularity {
        Granularity::Tensor => params[0].into(),
        Granularity::Axis { inner } => Params::per_axis(params, inner),
        Granularity::Blocks(blocks) => Params::per_block(params, blocks),
    }
}

/// The parameters of a node; none, if there is a scale that must be refused.
fn params<Q: Code>(case: &Case<'_>) -> Option<Vec<QuantParams<Q>>> {
    let (scales, zero_points) = (case.floats("scale"), case.codes::<Q>("zero_point"));
    assert_eq!(scales.len(), zero_points.len());
    let mut params = Some(Vec::new());
    for (&scale, &zero_point) in scales.iter().zip(&zero_points) {
        let found = QuantParams::new(scale, zero_point);
        let (lo, hi): (i32, i32) = (Q::MIN.into(), Q::MAX.into());
        let distance = (zero_point.into() - lo).max(hi - zero_point.into());
        if !(MIN_SCALE..=f32::MAX).contains(&scale) {
            let is_of_scale = matches!(found, Err(Error::Number { argument: "scale", .. }));
            assert!(is_of_scale, "{found:?}");
            params = None;
        } else if (scale * distance as f32).is_infinite() {
            assert!(matches!(found, Err(Error::Overflow { .. })), "{found:?}");
            params = None;
        } else if let Some(params) = &mut params {
            params.push(found.unwrap());
        }
    }
    params
}

const REFUSED: &str = "a scale is refused: NaN, infinite, below 2^-126, or a code would overflow";
const NAN: &str = "NaN";

fn quantize_linear<Q: Code>(case: &Case<'_>, tally: &mut Tally) {
    let (x, shape) = case.tensor::<f32>("x", Dtype::F32);
    let (granularity, expected) = (granularity(case, &shape), case.codes::<Q>("y"));
    tally.outputs += x.len();
    let Some(params) = params::<Q>(case) else {
        return tally.differs(REFUSED, x.len());
    };
    let y = on_every_tier(case.number, |tier| {
        let mut y = vec![Q::MIN; x.len()];
        tier.quantize(&x, spread(&params, granularity), &mut y).unwrap();
        y
    });
    let mut of_nan = 0;
    for (i, (&y, &expected)) in y.iter().zip(&expected).enumerate() {
        let params = params[of_element(granularity, i, params.len())];
        if x[i].is_nan() {
            assert_eq!(y, params.zero_point());
            of_nan += usize::from(y != expected);
        } else {
            assert_eq!(y, expected, "case {}: {:e} by {params:?}", case.number, x[i]);
        }
    }
    tally.differs(NAN, of_nan);
}

#[test]
#[ignore = "needs the outputs of ONNX Runtime: ci/conformance"]
fn quantize_linear_cases() {
    each_case("QuantizeLinear", |case, tally| match case.is_signed("y") {
        true => quantize_linear::<i8>(case, tally),
        false => quantize_linear::<u8>(case, tally),
    });
}

fn dequantize_linear<Q: Code>(case: &Case<'_>, tally: &mut Tally) {
    let (x, shape) = case.tensor::<Q>("x", dtype::<Q>());
    let granularity = granularity(case, &shape);
    tally.outputs += x.len();
    let by = |params: Params<'_, Q>| {
        on_every_tier(case.number, |tier| {
            let mut y = vec![7.0; x.len()];
            let done = tier.dequantize(&x, params, &mut y);
            // As text, since NaN is not equal to itself.
            done.map(|()| bits(&y)).map_err(|error| format!("{error:?}"))
        })
    };
    let expected = Ok(bits(&case.floats("y")));
    if let Some(params) = params::<Q>(case) {
        let y = by(spread(&params, granularity));
        assert_eq!(y, expected, "case {}", case.number);
    }
    // Scales as the tensor that the node has may be any finite numbers.
    let (scales, zero_points) = (case.floats("scale"), case.codes::<Q>("zero_point"));
    let y = by(Params::parts(&scales, &zero_points, granularity));
    let Some(p) = scales.iter().position(|scale| !scale.is_finite()) else {
        return assert_eq!(y, expected, "case {}", case.number);
    };
    let (argument, index, value, expected) =
        ("scales", Some(p), scales[p].into(), "a finite number");
    let error = Error::Number { argument, index, value, expected };
    assert_eq!(y, Err(format!("{error:?}")), "case {}", case.number);
    tally.differs("a scale is refused: NaN, or infinite", x.len());
}

#[test]
#[ignore = "needs the outputs of ONNX Runtime: ci/conformance"]
fn dequantize_linear_cases() {
    each_case("DequantizeLinear", |case, tally| match case.is_signed("x") {
        true => dequantize_linear::<i8>(case, tally),
        false => dequantize_linear::<u8>(case, tally),
    });
}

/// `clamp(rne(x / s) + z, 0, 255)`; NaN gives `z`.
fn code(x: f32, scale: f32, zero_point: u8) -> u8 {
    let quotient = if x.is_nan() { 0.0 } else { x / scale };
    (quotient.round_ties_even().clamp(-1e3, 1e3) + f32::from(zero_point)).clamp(0.0, 255.0) as u8
}

fn dynamic_quantize_linear(case: &Case<'_>, tally: &mut Tally) {
    let (x, expected) = (case.floats("x"), case.codes::<u8>("y"));
    let outputs = x.len() + 2;
    tally.outputs += outputs;
    let found = on_every_tier(case.number, |tier| {
        let mut y = vec![7; x.len()];
        let params = tier.quantize_dynamic(&x, Scheme::<u8>::affine(), &mut y);
        params.map(|params| (params.scale(), params.zero_point(), y))
    });
    if x.iter().any(|x| x.is_infinite()) {
        assert!(matches!(found, Err(Error::NonFinite { .. })), "{found:?}");
        return tally.differs("an infinite number is refused", outputs);
    }
    let (scale, zero_point, y) = found.unwrap();
    for (&x, &y) in x.iter().zip(&y) {
        assert_eq!(y, code(x, scale, zero_point), "case {}: {x:e}", case.number);
    }
    // `f32::min` and `max` ignore NaN.
    let [min, max] = [f32::min, f32::max].map(|of| x.iter().copied().fold(0.0, of));
    let by_formula = match max - min {
        0.0 => 1.0,
        span => span / 255.0,
    };
    let reason = if x.iter().any(|x| x.is_nan()) {
        NAN
    } else if by_formula.is_infinite() {
        "max - min is beyond f32"
    } else if by_formula < MIN_SCALE {
        "the scale is subnormal or 0: here it is 2^-126"
    } else {
        "none"
    };
    if by_formula.is_infinite() {
        assert!(scale.is_finite());
        assert_eq!([min, max].map(|x| code(x, scale, zero_point)), [0, 255]);
    } else {
        assert_eq!(scale, by_formula.max(MIN_SCALE));
        assert_eq!(zero_point, code(-min, scale, 0));
    }
    let differ = y.iter().zip(&expected).filter(|(y, expected)| y != expected);
    let differ = differ.count()
        + usize::from(scale != case.floats("y_scale")[0])
        + usize::from(zero_point != case.codes::<u8>("y_zero_point")[0]);
    assert!(differ == 0 || reason != "none", "case {}", case.number);
    tally.differs(reason, differ);
}

#[test]
#[ignore = "needs the outputs of ONNX Runtime: ci/conformance"]
fn dynamic_quantize_linear_cases() {
    each_case("DynamicQuantizeLinear", dynamic_quantize_linear);
}

/// The matrices of a case, and their zero points.
struct Matrices<A, B> {
    a: Vec<A>,
    za: A,
    b: Vec<B>,
    zb: Vec<B>,
    /// `[M, K, N]`
    shape: [usize; 3],
}

impl<A: Code8, B: Code8> Matrices<A, B> {
    fn of(case: &Case<'_>) -> Self {
        let (a, a_shape) = case.tensor("a", dtype::<A>());
        let (b, b_shape) = case.tensor("b", dtype::<B>());
        let ([m, k], [_, n]) = (&a_shape[..], &b_shape[..]) else {
            panic!("not matrices");
        };
        Self {
            a,
            za: case.codes("a_zero_point")[0],
            b,
            zb: case.codes("b_zero_point"),
            shape: [*m, *k, *n],
        }
    }

    /// One for all columns, or one for each.
    fn zb(&self) -> ZeroPoints<'_, B> {
        match self.zb[..] {
            [same] => ZeroPoints::Same(same),
            _ => ZeroPoints::Each(&self.zb),
        }
    }

    fn sums(&self) -> Vec<i64> {
        let [m, k, n] = self.shape;
        let sum = |i: usize| {
            let (row, column) = (i / n, i % n);
            let zb = self.zb[column % self.zb.len()].into();
            let products = (0..k).map(|j| {
                let a = self.a[row * k + j].into() - self.za.into();
                let b = self.b[j * n + column].into() - zb;
                i64::from(a * b)
            });
            products.sum()
        };
        (0..m * n).map(sum).collect()
    }

    /// Whether some codes with these zero points would have a sum beyond i32.
    fn may_overflow(&self) -> bool {
        fn reach<Q: Code>(zero_points: &[Q]) -> i64 {
            let ends = [Q::MIN, Q::MAX].map(Into::<i32>::into);
            let distances =
                zero_points.iter().flat_map(|&z| ends.map(|end| i64::from(end - z.into()).abs()));
            distances.max().unwrap()
        }
        let depth = self.shape[1] as i64;
        depth * reach(&[self.za]) * reach(&self.zb) > i64::from(i32::MAX)
    }

    /// Why the output `i` of ONNX Runtime may be another.
    fn excuse(&self, i: usize) -> Option<&'static str> {
        let [_, k, n] = self.shape;
        let product = |j: usize| self.a[i / n * k + j].into() * self.b[j * n + i % n].into();
        let beyond_i16 = |j: usize| i16::try_from(product(j) + product(j + 1)).is_err();
        let is_u8_by_i8 = A::MIN.into() == 0 && B::MIN.into() < 0;
        if k == 0 {
            Some("K is 0: ONNX Runtime leaves the outputs as they are")
        } else if is_u8_by_i8 && (0..k - k % 2).step_by(2).any(beyond_i16) {
            Some("u8 by i8: two products beyond i16 saturate on a CPU without VNNI")
        } else {
            None
        }
    }

    /// Holds what was found to what is right, and to ONNX Runtime's outputs.
    fn compare<T: PartialEq + Debug>(
        &self,
        number: usize,
        tally: &mut Tally,
        found: Result<Vec<T>, Error>,
        right: &[T],
        expected: &[T],
    ) {
        tally.outputs += expected.len();
        if self.may_overflow() {
            assert!(matches!(found, Err(Error::Depth { .. })), "{found:?}");
            return tally.differs("K is refused: a sum may not fit i32", expected.len());
        }
        assert_eq!(found.as_deref(), Ok(right), "case {number}");
        let mut differ = BTreeMap::<_, usize>::new();
        for (i, (right, expected)) in right.iter().zip(expected).enumerate() {
            if right != expected {
                let excuse = self.excuse(i);
                let excuse = excuse.unwrap_or_else(|| {
                    panic!("case {number}: output {i} is {right:?}, not {expected:?}")
                });
                *differ.entry(excuse).or_default() += 1;
            }
        }
        for (reason, outputs) in differ {
            tally.differs(reason, outputs);
        }
    }
}

fn matmul_integer<A: Code8, B: Code8>(case: &Case<'_>, tally: &mut Tally) {
    let matrices = Matrices::<A, B>::of(case);
    let [m, k, n] = matrices.shape;
    let found = on_every_tier(case.number, |tier| {
        let b = Weights::new(&matrices.b, k, n).pack(tier).unwrap();
        let mut sums = vec![7; m * n];
        b.multiply(&matrices.a, matrices.za, matrices.zb(), &mut sums).map(|()| sums)
    });
    let right: Vec<_> = matrices.sums().iter().map(|&sum| sum as i32).collect();
    let (expected, _) = case.tensor("y", Dtype::I32);
    matrices.compare(case.number, tally, found, &right, &expected);
}

#[test]
#[ignore = "needs the outputs of ONNX Runtime: ci/conformance"]
fn matmul_integer_cases() {
    each_case("MatMulInteger", |case, tally| match (case.is_signed("a"), case.is_signed("b")) {
        (false, false) => matmul_integer::<u8, u8>(case, tally),
        (false, true) => matmul_integer::<u8, i8>(case, tally),
        (true, false) => matmul_integer::<i8, u8>(case, tally),
        (true, true) => matmul_integer::<i8, i8>(case, tally),
    });
}

fn qlinear_matmul<A: Code8, B: Code8>(case: &Case<'_>, tally: &mut Tally) {
    let matrices = Matrices::<A, B>::of(case);
    let [m, k, n] = matrices.shape;
    let (sa, sb) = (case.floats("a_scale")[0], case.floats("b_scale"));
    let sy = case.floats("y_scale")[0];
    let factors: Vec<f32> = sb.iter().map(|sb| sa * sb / sy).collect();
    let multipliers = factors.iter().map(|&m| Multiplier::real(m).unwrap());
    let multipliers: Vec<_> = multipliers.collect();
    // One for all columns, or one for each.
    let multipliers = match multipliers[..] {
        [same] => same.into(),
        _ => Multipliers::per_axis(&multipliers, 1),
    };
    let zero_point: A = case.codes("y_zero_point")[0];
    let output = QuantParams::new(1.0, zero_point).unwrap();
    let found = on_every_tier(case.number, |tier| {
        let b = Weights::new(&matrices.b, k, n).pack(tier).unwrap();
        let mut codes = vec![A::MIN; m * n];
        let (za, zb) = (matrices.za, matrices.zb());
        b.requantize(&matrices.a, za, zb, multipliers, output, &mut codes).map(|()| codes)
    });
    let right = matrices.sums().into_iter().enumerate().map(|(i, sum)| {
        let offset = (sum as f32 * factors[i % n % factors.len()]).round_ties_even();
        let code = f64::from(offset) + f64::from(zero_point.into());
        let code = code.clamp(f64::from(A::MIN.into()), f64::from(A::MAX.into()));
        common::code(code as i32 as u8)
    });
    let right: Vec<A> = right.collect();
    matrices.compare(case.number, tally, found, &right, &case.codes("y"));
}

#[test]
#[ignore = "needs the outputs of ONNX Runtime: ci/conformance"]
fn qlinear_matmul_cases() {
    each_case("QLinearMatMul", |case, tally| match (case.is_signed("a"), case.is_signed("b")) {
        (false, false) => qlinear_matmul::<u8, u8>(case, tally),
        (false, true) => qlinear_matmul::<u8, i8>(case, tally),
        (true, true) => qlinear_matmul::<i8, i8>(case, tally),
        (true, false) => panic!("ONNX Runtime has no i8 by u8"),
    });
}
