//! What is tried.

use std::fmt::{Debug, Display};
use zeropoint::{Code8, MIN_SCALE, Multiplier, QuantParams, Range, Tier, reference};

/// One thing to prove, in parts that may be tried in any order.
pub(crate) struct Proof {
    pub(crate) parts: u32,
    /// A sample tries each part after so many.
    pub(crate) stride: u32,
    /// Tries a part: how many cases it has, or one that is wrong.
    pub(crate) check: Box<dyn Fn(u32) -> Result<u64, String> + Sync>,
}

impl Proof {
    fn new(
        parts: u32,
        stride: u32,
        check: impl Fn(u32) -> Result<u64, String> + Sync + 'static,
    ) -> Self {
        let check = Box::new(check);
        Self { parts, stride, check }
    }
}

/// Proofs about one operation.
#[derive(Clone, Copy)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) proofs: fn() -> Vec<Proof>,
}

/// An operation joins by an entry here.
pub(crate) const FAMILIES: [Family; 6] = [
    Family { name: "quantize", proofs: quantize },
    Family { name: "thresholds", proofs: thresholds },
    Family { name: "dequantize", proofs: dequantize },
    Family { name: "requantize", proofs: requantize },
    Family { name: "rescale", proofs: rescale },
    Family { name: "min_max", proofs: min_max },
];

/// The tiers with kernels of their own for what is proven here; without any, the reference itself.
pub(crate) fn tiers() -> impl Iterator<Item = Tier> {
    const DOT: [&str; 4] = ["avxvnni", "avx512vnni", "dotprod", "i8mm"];
    let fast = Tier::available().count() > 1;
    Tier::available().skip(usize::from(fast)).filter(|tier| !DOT.contains(&tier.name()))
}

/// Parts of 2¹⁶ of all 2³² numbers.
const PART: u32 = 1 << 16;

/// Runs an operation by the reference and on every tier. `of`: what the output `i` comes from.
fn compare<T: Copy + PartialEq + Debug + Default, C: Display>(
    n: usize,
    by_reference: impl FnOnce(&mut [T]),
    on_tier: impl Fn(Tier, &mut [T]),
    of: impl Fn(usize) -> C,
) -> Result<u64, String> {
    let (mut expected, mut found) = (vec![T::default(); n], vec![T::default(); n]);
    by_reference(&mut expected);
    for tier in tiers() {
        on_tier(tier, &mut found);
        if found != expected {
            let i = (0..n).find(|&i| found[i] != expected[i]).unwrap_or(0);
            let (found, expected) = (found[i], expected[i]);
            return Err(format!("{tier}: {} gives {found:?}, not {expected:?}", of(i)));
        }
    }
    Ok(n as u64)
}

/// Numbers without order, from one that counts.
fn mixed(n: u32) -> u32 {
    let n = (n ^ n >> 15).wrapping_mul(0x2c1b_3c6d);
    let n = (n ^ n >> 12).wrapping_mul(0x297a_2d39);
    n ^ n >> 15
}

/// Of type `Q`, from the bits of a byte.
fn code<Q: Code8>(bits: u32) -> Q {
    bytemuck::cast(bits as u8)
}

/// 2^`exponent`, and so many floats from it.
fn near_power(exponent: i32, ulps: i32) -> f32 {
    let power = ((127 + exponent) as u32) << 23;
    f32::from_bits(power.wrapping_add_signed(ulps))
}

/// Scales of each kind, and others to make them 72.
fn scales() -> Vec<f32> {
    let mut scales = vec![
        0.019_607_844,
        0.1,
        1.0 / 3.0,
        3.921_568_6,
        1.0 / 127.0,
        10.0,
        MIN_SCALE,
        MIN_SCALE.next_up(),
        1e30,
        f32::MAX / 256.0,
    ];
    // The last scale with a reciprocal is 2⁷⁸. Mantissas all zeros, all ones, and one more than 0.
    for exponent in [-125, -100, -30, -8, -1, 0, 1, 7, 40, 77, 78] {
        scales.extend([-1, 0, 1].map(|ulps| near_power(exponent, ulps)));
    }
    for i in scales.len() as u32..72 {
        let mantissa = mixed(i) >> 9;
        let exponent = mixed(i + 1000) % 30 + 107;
        scales.push(f32::from_bits(exponent << 23 | mantissa));
    }
    scales
}

/// Parameters of a scale: zero points and codes rotate, the first ones symmetric.
fn params<Q: Code8>(scale: f32, i: u32) -> QuantParams<Q> {
    let params = |zero_point| QuantParams::new(scale, code(zero_point)).expect("a usable scale");
    match i / 2 % 4 {
        0 => params(0),
        1 => params(mixed(i)),
        2 => params([0xff, 0x80, 0x7f, 1][i as usize / 8 % 4]),
        _ => {
            let zero_point = code::<Q>(mixed(i));
            let (lo, hi) = (zero_point.min(code(mixed(i + 1))), zero_point.max(code(mixed(i + 2))));
            params(mixed(i)).with_codes(lo..=hi).expect("around it")
        }
    }
}

/// All 2³² floats, for each of the scales.
fn quantize() -> Vec<Proof> {
    fn proof<Q: Code8 + Default>(params: QuantParams<Q>) -> Proof {
        Proof::new(1 << 16, 257, move |part| {
            let x: Vec<_> = (0..PART).map(|i| f32::from_bits(part * PART + i)).collect();
            compare(
                x.len(),
                |out| reference::quantize(&x, params, out).expect("one length"),
                |tier, out| tier.quantize(&x, params, out).expect("one length"),
                |i| format!("{:e} by {params:?}", x[i]),
            )
        })
    }
    (0..)
        .zip(scales())
        .map(|(i, scale)| match i % 2 {
            0 => proof(params::<u8>(scale, i)),
            _ => proof(params::<i8>(scale, i)),
        })
        .collect()
}

/// What makes the reciprocal exact: for all 2²³ mantissas of the scale, each point at which the
/// integer nearest to x / s changes, and the five floats next to it, on both sides of zero.
///
/// Exponents don't matter as long as nothing is subnormal.
fn thresholds() -> Vec<Proof> {
    const MANTISSAS: u32 = 1 << 8;
    vec![Proof::new((1 << 23) / MANTISSAS, 513, |part| {
        let mut cases = 0;
        for mantissa in part * MANTISSAS..(part + 1) * MANTISSAS {
            let scale = f32::from_bits(0x3f80_0000 + mantissa);
            // Beyond ±255 every quotient saturates; the codes reach from −255 to 255 by turns.
            let near = |n: usize| ((n / 5) as f32 + 0.5) * scale;
            let x: Vec<_> = (0..256 * 5)
                .map(|n| f32::from_bits(near(n).to_bits() + n as u32 % 5 - 2))
                .collect();
            let negative: Vec<_> = x.iter().map(|x| -x).collect();
            for (x, zero_point) in [(x, 0), (negative, 255)] {
                let params = QuantParams::<u8>::new(scale, zero_point).expect("a usable scale");
                cases += compare(
                    x.len(),
                    |out| reference::quantize(&x, params, out).expect("one length"),
                    |tier, out| tier.quantize(&x, params, out).expect("one length"),
                    |i| format!("{:e} by {params:?}", x[i]),
                )?;
            }
        }
        Ok(cases)
    })]
}

/// All codes by all zero points, for scales of all exponents and many mantissas.
fn dequantize() -> Vec<Proof> {
    fn check<Q: Code8>(scale: f32) -> Result<u64, String> {
        let codes: Vec<Q> = (0..256).map(code).collect();
        let mut cases = 0;
        for &zero_point in &codes {
            let params = QuantParams::new(scale, zero_point).expect("a usable scale");
            cases += compare(
                codes.len(),
                |out| reference::dequantize(&codes, params, out).expect("one length"),
                |tier, out| tier.dequantize(&codes, params, out).expect("one length"),
                |i| format!("{} by {params:?}", codes[i]),
            )?;
        }
        Ok(cases)
    }
    vec![Proof::new(1 << 13, 129, |part| {
        // The exponents 1..=246: those that no code overflows with.
        let scale = f32::from_bits((part % 246 + 1) << 23 | mixed(part) >> 9);
        Ok(check::<u8>(scale)? + check::<i8>(scale)?)
    })]
}

/// All 2³² accumulators, for multipliers of each kind.
fn requantize() -> Vec<Proof> {
    fn proof<Q: Code8 + Default>(multiplier: Multiplier, params: QuantParams<Q>) -> Proof {
        Proof::new(1 << 16, 257, move |part| {
            let x: Vec<_> = (0..PART).map(|i| (part * PART + i) as i32).collect();
            compare(
                x.len(),
                |out| reference::requantize(&x, multiplier, params, out).expect("one length"),
                |tier, out| {
                    tier.requantize(&x, multiplier, params, out).expect("one length");
                },
                |i| format!("{} by {multiplier:?}, {params:?}", x[i]),
            )
        })
    }
    let multipliers = [
        Multiplier::real(3.1e-8),
        Multiplier::real(1.0 / 3.0),
        Multiplier::real(1_f32.next_down()),
        Multiplier::real(2.5),
        Multiplier::real(1e-40),
        Multiplier::fixed(3.1e-8),
        Multiplier::fixed(1.0 / 3.0),
        Multiplier::fixed(0.999_999),
        Multiplier::fixed(2.5),
        Multiplier::from_fixed(i32::MAX, 30),
        Multiplier::from_fixed(i32::MAX, -31),
        Multiplier::from_fixed(1, -31),
        Multiplier::fixed_double_rounding(1.0 / 3.0),
        Multiplier::fixed_double_rounding(2.5),
        Multiplier::from_fixed_double_rounding(i32::MAX, -31),
    ];
    (0..)
        .zip(multipliers)
        .map(|(i, multiplier)| {
            let multiplier = multiplier.expect("one that there is");
            match i % 2 {
                0 => proof(multiplier, params::<i8>(1.0, i)),
                _ => proof(multiplier, params::<u8>(1.0, i)),
            }
        })
        .collect()
}

/// All codes, by all pairs of zero points, for pairs of scales; once as they are, and once in a
/// slice that is long enough for a table.
fn rescale() -> Vec<Proof> {
    fn proof<A: Code8, B: Code8 + Default>([from, to]: [f32; 2]) -> Proof {
        Proof::new(256, 33, move |zero_point| {
            let from = QuantParams::<A>::new(from, code(zero_point)).expect("a usable scale");
            let mut cases = 0;
            for zero_point in 0..256 {
                let to = QuantParams::<B>::new(to, code(zero_point)).expect("a usable scale");
                for n in [256, 2048] {
                    let codes: Vec<A> = (0..n).map(code).collect();
                    cases += compare(
                        codes.len(),
                        |out| reference::rescale(&codes, from, to, out).expect("one length"),
                        |tier, out| tier.rescale(&codes, from, to, out).expect("one length"),
                        |i| format!("{} from {from:?} to {to:?}", codes[i]),
                    )?;
                }
            }
            Ok(cases)
        })
    }
    let pairs = [
        [1.0, 1.0],
        [1.0, 2.0],
        [0.1, 0.03],
        [0.019_607_844, 0.007_843_138],
        [1.0, 1e-30],
        [1e30, 1e30],
        [MIN_SCALE, MIN_SCALE],
        [1.0, 1_f32.next_up()],
    ];
    let of_types = |pair| {
        [proof::<u8, u8>(pair), proof::<u8, i8>(pair), proof::<i8, u8>(pair), proof::<i8, i8>(pair)]
    };
    pairs.into_iter().flat_map(of_types).collect()
}

/// The smallest and the largest at each pair of places of every length up to some vectors, among
/// NaN, among numbers between them, and with a NaN of each kind after them.
fn min_max() -> Vec<Proof> {
    fn check(x: &[f32]) -> Result<u64, String> {
        let ends = |range: Option<Range>| range.map(|r| [r.min.to_bits(), r.max.to_bits()]);
        let expected = ends(reference::min_max(x));
        for tier in tiers() {
            if ends(tier.min_max(x)) != expected {
                let (found, expected) = (tier.min_max(x), reference::min_max(x));
                return Err(format!("{tier}: {x:?} gives {found:?}, not {expected:?}"));
            }
        }
        Ok(1)
    }
    const EXTREMES: [[f32; 2]; 5] = [
        [-3.0, 5.0],
        [f32::NEG_INFINITY, f32::INFINITY],
        [-1e-45, 1e-45],
        [-0.0, 0.0],
        [f32::MIN, f32::MAX],
    ];
    const NAN: [u32; 4] = [0x7fc0_0000, 0xffc0_0000, 0x7f80_0001, 0xff80_0001];
    vec![Proof::new(140, 9, |n| {
        let mut cases = 0;
        for min_at in 0..n as usize {
            for max_at in 0..n as usize {
                let kind = min_at * 7 + max_at;
                let nan = f32::from_bits(NAN[kind % 4]);
                let [min, max] = EXTREMES[kind % 5];
                for fill in [nan, min / 2.0 + max / 2.0, max, min] {
                    let mut x = vec![fill; n as usize];
                    (x[min_at], x[max_at]) = (min, max);
                    cases += check(&x)?;
                    x[(max_at + 1) % n as usize] = nan;
                    cases += check(&x)?;
                }
            }
        }
        Ok(cases)
    })]
}
