//! The choice of parameters and multipliers: what is accepted keeps its promises, and what is not
//! deserves it.
#![no_main]

mod shared;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shared::code;
use zeropoint::{Code, MIN_SCALE, Multiplier, QuantParams, Range, Scheme, requantize};

#[derive(Arbitrary, Debug)]
struct Case {
    signed: bool,
    is_symmetric: bool,
    codes: [u8; 2],
    range: Bounds,
    used: Bounds,
    scale: u32,
    zero_point: u8,
    multiplier: f64,
    fixed: (i32, i8),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Bounds {
    Any(u32, u32),
    Ordinary(i16, i16),
}

impl Bounds {
    fn range(self) -> Range {
        match self {
            Self::Any(min, max) => Range::new(f32::from_bits(min), f32::from_bits(max)),
            Self::Ordinary(min, max) => Range::new(f32::from(min) * 0.01, f32::from(max) * 0.01),
        }
    }
}

/// What holds for all parameters, and for the codes that a range uses.
fn check_params<Q: Code>(params: QuantParams<Q>, used: Range) {
    let (lo, hi) = params.codes().into_inner();
    let zero_point = params.zero_point();
    assert!(params.scale().is_finite() && params.scale() >= MIN_SCALE);
    assert!(lo <= zero_point && zero_point <= hi);
    let Range { min, max } = params.representable();
    assert!(min.is_finite() && min <= 0.0 && max.is_finite() && max >= 0.0);
    match params.used_codes(used) {
        Ok(codes) => {
            let (first, last): (i32, i32) = ((*codes.start()).into(), (*codes.end()).into());
            assert!(lo.into() <= first && first <= last && last <= hi.into());
            let wasted = i32::try_from(params.wasted_codes(used).unwrap()).unwrap();
            assert_eq!(wasted + last - first, hi.into() - lo.into());
        }
        Err(_) => assert!(used.min.is_nan() || used.max.is_nan() || used.min > used.max),
    }
}

fn check_scheme<Q: Code>(case: &Case) {
    let Range { min, max } = case.range.range();
    let [lo, hi] = case.codes.map(code::<Q>);
    let [low, high] = [lo, hi].map(Into::into);
    let all = if case.is_symmetric { Scheme::symmetric() } else { Scheme::affine() };
    let Ok(scheme) = all.with_codes(lo..=hi) else {
        let is_symmetric_wrong = low > 0 || high < 0;
        assert!(if case.is_symmetric { is_symmetric_wrong } else { low >= high });
        return;
    };
    match scheme.params(Range::new(min, max)) {
        Err(_) => {
            let is_finite = min.is_finite() && max.is_finite() && min <= max;
            let is_one_sided = (min < 0.0 && low == 0) || (max > 0.0 && high == 0);
            assert!(!is_finite || (case.is_symmetric && is_one_sided));
        }
        Ok(params) => {
            assert_eq!(params.codes(), lo..=hi);
            check_params(params, case.used.range());
            // The formulas, where nothing overflows and nothing is too small.
            let (min, max) = (min.min(0.0), max.max(0.0));
            let scale = if case.is_symmetric {
                let side = |end: f32, code: i32| if end == 0.0 { 0.0 } else { end / code as f32 };
                side(min, low).max(side(max, high))
            } else {
                (max - min) / (high - low) as f32
            };
            let farthest = low.abs().max(high.abs()).max(high - low) as f32;
            if scale >= MIN_SCALE && scale * farthest < f32::MAX {
                assert_eq!(params.scale(), scale);
                let zero_point = if case.is_symmetric {
                    0.0
                } else {
                    (low as f32 - min / scale).round_ties_even()
                };
                let zero_point = zero_point.clamp(low as f32, high as f32);
                assert_eq!(params.zero_point().into() as f32, zero_point);
            }
        }
    }
}

fn check_by_hand<Q: Code>(case: &Case) {
    let scale = f32::from_bits(case.scale);
    let zero_point = code::<Q>(case.zero_point);
    let is_usable = scale.is_finite() && scale >= MIN_SCALE;
    let distance = |lo: Q, hi: Q| {
        let z: i32 = zero_point.into();
        (hi.into() - z).max(z - lo.into()) as f32
    };
    let fits = |lo, hi| (scale * distance(lo, hi)).is_finite();
    match QuantParams::new(scale, zero_point) {
        Err(_) => assert!(!is_usable || !fits(Q::MIN, Q::MAX)),
        Ok(params) => {
            assert!(is_usable && fits(Q::MIN, Q::MAX));
            check_params(params, case.used.range());
            let [lo, hi] = case.codes.map(code);
            match params.with_codes(lo..=hi) {
                Ok(params) => {
                    assert_eq!((params.scale(), params.codes()), (scale, lo..=hi));
                    check_params(params, case.used.range());
                }
                Err(_) => assert!(zero_point < lo || hi < zero_point),
            }
        }
    }
}

fn check_multipliers(case: &Case) {
    let multiplier = case.multiplier;
    let is_usable = multiplier >= 0.0 && multiplier.is_finite();
    let real = multiplier as f32;
    assert_eq!(Multiplier::real(real).is_ok(), real >= 0.0 && real.is_finite());
    match Multiplier::fixed(multiplier) {
        Err(_) => assert!(!is_usable || multiplier >= f64::from((1 << 30) - 1)),
        Ok(fixed) => {
            assert!(is_usable && multiplier < f64::from(1 << 30));
            // Half of an integer is as near as 31 bits can come to it.
            let params = QuantParams::new(1.0, 0_i8).unwrap();
            let accumulators = [1, -1, 77, -1000, 1 << 20];
            let mut codes = [0; 5];
            requantize(&accumulators, fixed, params, &mut codes).unwrap();
            for (accumulator, code) in accumulators.into_iter().zip(codes) {
                let exact = (f64::from(accumulator) * multiplier).clamp(-128.0, 127.0);
                assert!((exact - f64::from(code)).abs() <= 0.500_001);
            }
        }
    }
    let (multiplier, exponent) = case.fixed;
    let is_usable = multiplier >= 0 && (-31..=30).contains(&exponent);
    let fixed = Multiplier::from_fixed(multiplier, exponent.into());
    assert_eq!(fixed.is_ok(), is_usable);
}

fn check<Q: Code>(case: &Case) {
    check_scheme::<Q>(case);
    check_by_hand::<Q>(case);
    check_multipliers(case);
}

fuzz_target!(|case: Case| by_type!(case.signed, check(&case)));
