//! The same bits whatever the host did to the floating-point environment: every operation that
//! calculates with floats, or compares them, on every tier, under every rounding mode, with subnormal
//! numbers flushed to zero or taken as it; and the host's setting is there again afterwards.
#![cfg(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64"))]
#![allow(unsafe_code, reason = "the register is set by inline assembly")]

mod common;

use common::{base_tiers, values};
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use zeropoint::calibrate::{ChannelObservers, Histogram, Method, Observer};
use zeropoint::gemm::{Activations, Linear, Scratch, Weights};
use zeropoint::measure::Fidelity;
use zeropoint::norm::Norm;
use zeropoint::{
    Blocks, Code, Granularity, MIN_SCALE, Multiplier, Multipliers, Params, QuantParams, Range,
    Scheme, Tier,
};

/// The register, and what hosts may have put there.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod register {
    use std::arch::asm;

    /// The bits that are settings: the others are flags that operations leave behind.
    const SETTINGS: u32 = !0x3f;

    pub(super) fn get() -> u32 {
        let mut setting = 0_u32;
        // SAFETY: it writes `setting`.
        unsafe { asm!("stmxcsr dword ptr [{}]", in(reg) &raw mut setting, options(nostack)) };
        setting & SETTINGS
    }

    pub(super) fn set(setting: u32) {
        // SAFETY: a setting that the CPU has; the test calls nothing that depends on it but what it tests.
        unsafe { asm!("ldmxcsr dword ptr [{}]", in(reg) &raw const setting, options(nostack)) };
    }

    /// All rounding modes, with and without flush-to-zero, with and without denormals-are-zero.
    pub(super) fn hosts() -> Vec<u32> {
        (0..16).map(|i| 0x1f80 | (i & 3) << 13 | (i >> 2 & 1) << 15 | (i >> 3) << 6).collect()
    }
}

#[cfg(target_arch = "aarch64")]
mod register {
    use std::arch::asm;

    pub(super) fn get() -> u64 {
        let setting: u64;
        // SAFETY: it changes nothing.
        unsafe { asm!("mrs {}, fpcr", out(reg) setting, options(nostack)) };
        setting
    }

    pub(super) fn set(setting: u64) {
        // SAFETY: a setting that the CPU has; the test calls nothing that depends on it but what it tests.
        unsafe { asm!("msr fpcr, {}", in(reg) setting, options(nostack)) };
    }

    /// All rounding modes, with and without flush-to-zero, with and without default NaN and the
    /// alternative half precision.
    pub(super) fn hosts() -> Vec<u64> {
        (0..16)
            .map(|i| (i & 3) << 22 | (i >> 2 & 1) << 24 | (i >> 3) << 25 | (i >> 3) << 26)
            .collect()
    }
}

/// What `call` gives on a host with this setting, which must be the same afterwards.
fn on_host<S: Copy, T>(setting: S, set: fn(S), get: fn() -> S, call: &dyn Fn() -> T) -> (T, S) {
    let before = get();
    set(setting);
    let result = catch_unwind(AssertUnwindSafe(|| black_box(call)()));
    let after = get();
    set(before);
    (result.expect("no panic"), after)
}

/// Some results, as bits.
trait Bits {
    fn add_to(&self, bits: &mut Vec<u64>);
}

impl Bits for f32 {
    fn add_to(&self, bits: &mut Vec<u64>) {
        bits.push(self.to_bits().into());
    }
}

impl Bits for f64 {
    fn add_to(&self, bits: &mut Vec<u64>) {
        bits.push(self.to_bits());
    }
}

impl Bits for Range {
    fn add_to(&self, bits: &mut Vec<u64>) {
        [self.min, self.max].add_to(bits);
    }
}

impl<Q: Code> Bits for QuantParams<Q> {
    fn add_to(&self, bits: &mut Vec<u64>) {
        self.scale().add_to(bits);
        for code in [self.zero_point(), *self.codes().start(), *self.codes().end()] {
            let code: i32 = code.into();
            code.add_to(bits);
        }
    }
}

macro_rules! integers {
    ($($integer:ty)*) => {
        $(impl Bits for $integer {
            fn add_to(&self, bits: &mut Vec<u64>) {
                bits.push(i64::from(*self) as u64);
            }
        })*
    };
}
integers!(u8 u16 i8 i32 u32 bool);

impl Bits for u64 {
    fn add_to(&self, bits: &mut Vec<u64>) {
        bits.push(*self);
    }
}

impl Bits for String {
    fn add_to(&self, bits: &mut Vec<u64>) {
        bits.extend(self.bytes().map(u64::from));
    }
}

impl<T: Bits> Bits for Option<T> {
    fn add_to(&self, bits: &mut Vec<u64>) {
        bits.push(self.is_some().into());
        if let Some(value) = self {
            value.add_to(bits);
        }
    }
}

impl<T: Bits, E: std::fmt::Debug> Bits for Result<T, E> {
    fn add_to(&self, bits: &mut Vec<u64>) {
        bits.push(self.is_ok().into());
        if let Ok(value) = self {
            value.add_to(bits);
        }
    }
}

impl<T: Bits> Bits for [T] {
    fn add_to(&self, bits: &mut Vec<u64>) {
        for value in self {
            value.add_to(bits);
        }
    }
}

impl<T: Bits, const N: usize> Bits for [T; N] {
    fn add_to(&self, bits: &mut Vec<u64>) {
        self[..].add_to(bits);
    }
}

impl<T: Bits> Bits for Vec<T> {
    fn add_to(&self, bits: &mut Vec<u64>) {
        self[..].add_to(bits);
    }
}

impl<A: Bits, B: Bits> Bits for (A, B) {
    fn add_to(&self, bits: &mut Vec<u64>) {
        self.0.add_to(bits);
        self.1.add_to(bits);
    }
}

/// Asserts that `call` gives the same bits on every host as in the default environment.
#[track_caller]
fn same_on_every_host<T: Bits>(name: &str, call: impl Fn() -> T) {
    let bits = || {
        let mut bits = Vec::new();
        call().add_to(&mut bits);
        bits
    };
    let expected = bits();
    for host in register::hosts() {
        let (found, after) = on_host(host, register::set, register::get, &bits);
        assert_eq!(found, expected, "{name}, on a host with {host:#x}");
        assert_eq!(after, host, "{name}: the host's setting");
    }
}

/// Numbers of every kind, most of them ones whose quotients and products are rounded.
fn mixed() -> Vec<f32> {
    let mut x = values(400);
    x.extend((0..300).map(|i| (i as f32 - 150.0) * 0.073));
    x.extend(
        (0..40).map(|i| f32::from_bits(i * 0x3_1415 + 1) * if i % 2 == 0 { 1.0 } else { -1.0 }),
    );
    x
}

/// The same without NaN and infinities, and without numbers so large that all others vanish.
fn finite() -> Vec<f32> {
    mixed().into_iter().filter(|x| x.abs() < 1e4).collect()
}

fn subnormal() -> Vec<f32> {
    (0..200).map(|i| f32::from_bits((i * 0x0001_2345 % 0x80_0000) | ((i & 1) << 31))).collect()
}

const SCALES: [f32; 5] = [MIN_SCALE, 0.0731, 0.1, 3.3, 1e36];

#[test]
fn elementwise() {
    let inputs = [mixed(), finite(), subnormal()];
    for tier in base_tiers() {
        for x in &inputs {
            let of = |name| format!("{name} on {tier}");
            same_on_every_host(&of("min_max"), || tier.min_max(x));
            for scale in SCALES {
                let params = QuantParams::<u8>::new(scale, 131).unwrap();
                let signed = QuantParams::<i8>::new(scale, 0).unwrap();
                let (mut codes, mut signed_codes) = (vec![0; x.len()], vec![0; x.len()]);
                tier.quantize(x, params, &mut codes).unwrap();
                tier.quantize(x, signed, &mut signed_codes).unwrap();
                same_on_every_host(&of("quantize"), || {
                    let mut out = vec![0; x.len()];
                    tier.quantize(x, params, &mut out).map(|()| out)
                });
                same_on_every_host(&of("quantize i8"), || {
                    let mut out = vec![0; x.len()];
                    tier.quantize(x, signed, &mut out).map(|()| out)
                });
                same_on_every_host(&of("dequantize"), || {
                    let mut out = vec![0.0; x.len()];
                    tier.dequantize(&codes, params, &mut out).map(|()| out)
                });
                same_on_every_host(&of("fake_quantize"), || {
                    let mut out = vec![0.0; x.len()];
                    tier.fake_quantize(x, params, &mut out).map(|()| out)
                });
                let wide = QuantParams::<u16>::new(scale.min(1e33), 40_000).unwrap();
                let mut wide_codes = vec![0; x.len()];
                tier.quantize(x, wide, &mut wide_codes).unwrap();
                same_on_every_host(&of("quantize u16"), || {
                    let mut out = vec![0; x.len()];
                    tier.quantize(x, wide, &mut out).map(|()| out)
                });
                same_on_every_host(&of("dequantize u16"), || {
                    let mut out = vec![0.0; x.len()];
                    tier.dequantize(&wide_codes, wide, &mut out).map(|()| out)
                });
                same_on_every_host(&of("quantization_fidelity"), || {
                    measures(&tier.quantization_fidelity(x, params))
                });
                for other in SCALES {
                    let to = QuantParams::<i8>::new(other, -3).unwrap();
                    same_on_every_host(&of("rescale"), || {
                        let mut out = vec![0; codes.len()];
                        tier.rescale(&codes, params, to, &mut out).map(|()| out)
                    });
                }
            }
            same_on_every_host(&of("quantize_dynamic"), || {
                let mut out = vec![0; x.len()];
                (tier.quantize_dynamic(x, Scheme::<u8>::affine(), &mut out), out)
            });
        }
    }
}

#[test]
fn channels_blocks_and_rows() {
    let x = &finite()[..600];
    let params = SCALES.map(|scale| QuantParams::<i8>::new(scale, 7).unwrap());
    let blocks = Blocks::of_rows(60, 30);
    let of_blocks: Vec<_> = (0..20).map(|i| params[i % 5]).collect();
    let codes: Vec<_> = (0..600).map(|i| (i * 77 % 256) as u8 as i8).collect();
    for tier in base_tiers() {
        let of = |name: &str| format!("{name} on {tier}");
        for inner in [1, 4, 60] {
            let granularity = Granularity::Axis { inner };
            same_on_every_host(&of("min_max_each, by channels"), || {
                let mut out = [None; 5];
                tier.min_max_each(x, granularity, &mut out).map(|()| out)
            });
            // Of parts, what is divided by is found on the host.
            for (kind, params) in [
                ("channels", Params::per_axis(&params, inner)),
                ("parts", Params::parts(&SCALES, 7, granularity)),
            ] {
                same_on_every_host(&of(&format!("quantize, by {kind}")), || {
                    let mut out = vec![0; x.len()];
                    tier.quantize(x, params, &mut out).map(|()| out)
                });
                same_on_every_host(&of(&format!("dequantize, by {kind}")), || {
                    let mut out = vec![0.0; x.len()];
                    tier.dequantize(&codes, params, &mut out).map(|()| out)
                });
                same_on_every_host(&of(&format!("fake_quantize, by {kind}")), || {
                    let mut out = vec![0.0; x.len()];
                    tier.fake_quantize(x, params, &mut out).map(|()| out)
                });
            }
        }
        let of_blocks = Params::per_block(&of_blocks, blocks);
        same_on_every_host(&of("quantize, by blocks"), || {
            let mut out = vec![0; x.len()];
            tier.quantize(x, of_blocks, &mut out).map(|()| out)
        });
        same_on_every_host(&of("dequantize, by blocks"), || {
            let mut out = vec![0.0; x.len()];
            tier.dequantize(&codes, of_blocks, &mut out).map(|()| out)
        });
        for row in [30, 120] {
            same_on_every_host(&of("quantize_dynamic_rows"), || {
                let mut params = vec![QuantParams::<u8>::default(); 600 / row];
                let mut out = vec![0; x.len()];
                let scheme = Scheme::affine();
                tier.quantize_dynamic_rows(x, row, scheme, &mut params, &mut out).unwrap();
                (params, out)
            });
        }
    }
}

#[test]
fn requantize() {
    let accumulators: Vec<_> =
        (0..300).map(|i: i32| i.wrapping_mul(0x0135_7931) >> (i % 24)).collect();
    let params = QuantParams::<i8>::new(1.0, 5).unwrap();
    let multipliers = [
        Multiplier::real(0.0373).unwrap(),
        Multiplier::real(1e-40).unwrap(),
        Multiplier::real(1.7).unwrap(),
        Multiplier::fixed(0.0373).unwrap(),
    ];
    for tier in base_tiers() {
        for multiplier in multipliers {
            same_on_every_host(&format!("requantize on {tier}"), || {
                let mut out = vec![0; 300];
                tier.requantize(&accumulators, multiplier, params, &mut out).map(|()| out)
            });
        }
        same_on_every_host(&format!("requantize, by channels, on {tier}"), || {
            let (mut out, bias) = (vec![0; 300], [1000, -7, 123_456]);
            let each = Multipliers::per_axis(&multipliers[..3], 1).with_bias(&bias);
            tier.requantize(&accumulators, each, params, &mut out).map(|()| out)
        });
    }
}

#[test]
fn products() {
    let (m, k, n) = (7, 50, 33);
    let codes: Vec<_> = (0..k * n).map(|i| (i * 89 % 251) as u8 as i8).collect();
    let x = &finite()[..m * k];
    let params_b: Vec<_> =
        (0..n).map(|i| QuantParams::<i8>::new(0.013 * (i + 1) as f32, 0).unwrap()).collect();
    let bias: Vec<_> = (0..n).map(|i| i as f32 * 0.37 - 3.0).collect();
    for tier in Tier::available() {
        let b = Weights::new(&codes, k, n).pack(tier).unwrap();
        for by in [Activations::AffineU8, Activations::SymmetricI8] {
            same_on_every_host(&format!("a layer, {by:?}, on {tier}"), || {
                let mut y = vec![0.0; m * n];
                let layer = Linear::new(b.clone(), Params::per_axis(&params_b, 1)).unwrap();
                let layer = layer.with_bias(&bias).unwrap();
                layer.forward(x, by, &mut Scratch::new(), &mut y).map(|()| y)
            });
        }
        let multiplier = Multiplier::real(0.000_713).unwrap();
        let a: Vec<_> = (0..m * k).map(|i| (i * 57 % 256) as u8).collect();
        let out = QuantParams::<u8>::new(1.0, 30).unwrap();
        same_on_every_host(&format!("requantize of a product on {tier}"), || {
            let mut codes = vec![0; m * n];
            b.requantize(&a, 3, 0, multiplier, out, &mut codes).map(|()| codes)
        });
        let scales: Vec<_> = params_b.iter().map(|params| params.scale()).collect();
        let of_a: Vec<_> = (0..m).map(|r| 0.037 * (r + 1) as f32).collect();
        same_on_every_host(&format!("dequantize of a product on {tier}"), || {
            let of_a = Params::parts(&of_a, 3, Granularity::Axis { inner: k });
            let of_b = Params::parts(&scales, 0, Granularity::Axis { inner: 1 });
            let mut y = vec![0.0; m * n];
            b.dequantize(&a, of_a, of_b, Some(&bias), &mut y).map(|()| y)
        });
        same_on_every_host(&format!("cosine on {tier}"), || {
            tier.cosine(&a[..300], 100, &codes[..300], 3)
        });
    }
}

fn measures(fidelity: &Fidelity) -> ([f64; 3], f32) {
    let ratios = [fidelity.mean_squared_error(), fidelity.sqnr_db(), fidelity.cosine_similarity()];
    (ratios, fidelity.max_abs_error())
}

#[test]
fn sums_and_norms() {
    let x = finite();
    let y: Vec<_> = x.iter().map(|x| x * 1.01).collect();
    let weight: Vec<_> = (0..40).map(|i| 0.7 + i as f32 * 0.013).collect();
    for tier in base_tiers() {
        let of = |name| format!("{name} on {tier}");
        for x in [&x, &subnormal()] {
            same_on_every_host(&of("moments"), || {
                tier.moments(x).map(|found| [found.mean, found.variance])
            });
        }
        same_on_every_host(&of("fidelity"), || measures(&tier.fidelity(&x, &y).unwrap()));
        let norms = [
            Norm::layer(&weight, Some(&weight), 1e-5).unwrap(),
            Norm::rms(&weight, None, 1e-40).unwrap(),
        ];
        for norm in norms {
            same_on_every_host(&of("normalize_rows"), || {
                let mut out = vec![0.0; 600];
                tier.normalize_rows(&x[..600], norm, &mut out).map(|()| out)
            });
            same_on_every_host(&of("normalize_quantize_rows"), || {
                let (mut params, mut out) = (vec![QuantParams::<i8>::default(); 15], vec![0; 600]);
                let scheme = Scheme::symmetric();
                tier.normalize_quantize_rows(&x[..600], norm, scheme, &mut params, &mut out)
                    .map(|()| (params, out))
            });
        }
    }
}

#[test]
fn parameters() {
    let numbers = [
        0.0,
        -0.0,
        1e-45,
        -1e-45,
        1e-40,
        -1e-40,
        MIN_SCALE,
        -MIN_SCALE,
        MIN_SCALE.next_down(),
        0.1,
        -0.7,
        1.0,
        1e30,
        f32::MAX,
        f32::MIN,
        f32::MAX / 255.0,
        (f32::MAX / 255.0).next_up(),
        f32::INFINITY,
        f32::NAN,
    ];
    for a in numbers {
        same_on_every_host("QuantParams::new", || {
            (QuantParams::<u8>::new(a, 0), QuantParams::<i8>::new(a, 3))
        });
        same_on_every_host("Multiplier::real", || Multiplier::real(a).is_ok());
        // What the test calculates, it calculates outside.
        let tiny = f64::from(a) * 1e-300;
        let multipliers = [a.into(), tiny, -0.0];
        same_on_every_host("Multiplier::fixed", || {
            multipliers.map(|multiplier| format!("{:?}", Multiplier::fixed(multiplier)))
        });
        same_on_every_host("Norm::layer", || Norm::layer(&[1.0], None, a).is_ok());
        same_on_every_host("Method", || {
            Observer::new(Method::MovingAverage { momentum: tiny }).is_ok()
        });
        for b in numbers {
            let range = Range::new(a, b);
            same_on_every_host("Range", || {
                (range.union(Range::new(b, a)), range == Range::new(b, a))
            });
            same_on_every_host("Scheme::params", || {
                let affine = (QuantParams::<u8>::affine(range), QuantParams::<i8>::affine(range));
                let few = Scheme::<i8>::affine().with_codes(-7..=8).unwrap().params(range);
                ((affine, QuantParams::<i8>::symmetric(range)), few)
            });
            if let Ok(params) = QuantParams::<u8>::affine(range) {
                same_on_every_host("QuantParams", || {
                    let used = params.used_codes(Range::new(-0.3, 1e-39)).unwrap();
                    ((params.representable(), *used.start()), *used.end())
                });
            }
        }
    }
}

#[test]
fn calibration() {
    let mut batches = [finite(), subnormal(), mixed(), finite()];
    batches[3].extend((0..40_000).map(|i| (i * 7919 % 20_011) as f32 * 0.000_37 - 3.0));
    let names =
        ["percentile=99.37", "moving-average=0.013", "deviations=2.7", "percentile=0.013..98.7"];
    for name in names {
        same_on_every_host("Method::from_str", || {
            format!("{} {:?}", name.parse::<Method>().unwrap(), name.parse::<Method>())
        });
    }
    for tier in base_tiers() {
        same_on_every_host(&format!("Histogram on {tier}"), || {
            let [mut a, mut b] = [Histogram::new(), Histogram::new()];
            a.add_on(tier, &batches[0]);
            b.add_on(tier, &batches[1]);
            b.add_on(tier, &batches[3]);
            a.merge(&b);
            let bins = a.bins().into_iter().map(|bin| ([bin.from, bin.to], bin.count));
            (a.range(), bins.collect::<Vec<_>>())
        });
        for method in Method::ALL {
            same_on_every_host(&format!("{method} on {tier}"), || {
                let mut parts = [(); 2].map(|()| Observer::new(method).unwrap());
                for (i, batch) in batches.iter().enumerate() {
                    parts[i % 2].observe_on(tier, batch);
                }
                let [mut observer, other] = parts;
                observer.merge(&other).unwrap();
                let ranges = [Scheme::<i8>::affine(), Scheme::symmetric()]
                    .map(|scheme| observer.range(scheme));
                (ranges, observer.params(Scheme::<u8>::affine()))
            });
        }
        same_on_every_host(&format!("ChannelObservers on {tier}"), || {
            let mut observers = ChannelObservers::new(Method::Laplace, 4).unwrap();
            observers.observe_on(tier, &batches[0][..600], 2).unwrap();
            let mut params = [QuantParams::<i8>::default(); 4];
            observers.params(Scheme::symmetric(), &mut params).unwrap();
            params
        });
    }
}

/// Without the guard there would be one.
#[test]
fn the_test_sees_a_difference() {
    let third = || black_box(1.0_f32) / black_box(3.0);
    let found: Vec<_> = register::hosts()
        .into_iter()
        .map(|host| on_host(host, register::set, register::get, &third).0.to_bits())
        .collect();
    assert!(found.iter().any(|&bits| bits != third().to_bits()));
}
