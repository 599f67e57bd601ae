//! Proofs by trying everything. They take from seconds to minutes:
//!
//! ```text
//! cargo test --release --test exhaustive -- --ignored --nocapture
//! ```

use std::time::Instant;
use zeropoint::{Multiplier, QuantParams, Tier, reference};

/// Runs `check` on each of `parts` parts, on all cores.
fn in_parallel(parts: u32, check: impl Fn(u32) + Sync) {
    let next = std::sync::atomic::AtomicU32::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let part = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if part >= parts {
                        break;
                    }
                    check(part);
                }
            });
        }
    });
}

/// All 2³² floats, on every tier, for scales of each kind: an ordinary one, one with all bits
/// set, a power of two, the ends of the range with a reciprocal, one beyond it.
#[test]
#[ignore = "takes minutes"]
fn quantize_of_every_float() {
    const PART: u32 = 1 << 16;
    let affine = |scale, zero_point| QuantParams::<u8>::new(scale, zero_point).unwrap();
    let beyond = f32::from_bits((127 + 78) << 23).next_up();
    let all_params = [
        affine(0.019_607_844, 153),
        affine(1.999_999_9, 255),
        affine(0.25, 0).with_codes(0..=15).unwrap(),
        affine(f32::MIN_POSITIVE, 128),
        affine(beyond.next_down(), 7).with_codes(3..=200).unwrap(),
        affine(beyond, 7),
    ];
    for params in all_params {
        let start = Instant::now();
        in_parallel(1 << 16, |part| {
            let x: Vec<_> = (0..PART).map(|i| f32::from_bits(part * PART + i)).collect();
            let (mut expected, mut codes) = (vec![0; x.len()], vec![0; x.len()]);
            reference::quantize(&x, params, &mut expected).unwrap();
            for tier in Tier::available().skip(1) {
                tier.quantize(&x, params, &mut codes).unwrap();
                if codes != expected {
                    let i = (0..x.len()).find(|&i| codes[i] != expected[i]).unwrap();
                    let (found, expected) = (codes[i], expected[i]);
                    panic!(
                        "{tier}: {:e} gives {found}, not {expected}: {params:?}",
                        x[i]
                    );
                }
            }
        });
        let tiers: Vec<_> = Tier::available().skip(1).map(Tier::name).collect();
        println!(
            "{params:?}: 2^32 floats on {tiers:?} in {:.1?}",
            start.elapsed()
        );
    }
}

/// All 2³² accumulators, on every tier, for multipliers of each kind.
#[test]
#[ignore = "takes minutes"]
fn requantize_of_every_accumulator() {
    const PART: u32 = 1 << 16;
    let params = QuantParams::<i8>::new(1.0, -5).unwrap();
    let multipliers = [
        Multiplier::real(3.1e-8),
        Multiplier::real(2.5),
        Multiplier::fixed(3.1e-8),
        Multiplier::fixed(0.999_999),
        Multiplier::fixed(2.5),
    ];
    for multiplier in multipliers.map(Result::unwrap) {
        let start = Instant::now();
        in_parallel(1 << 16, |part| {
            let x: Vec<_> = (0..PART).map(|i| (part * PART + i) as i32).collect();
            let (mut expected, mut codes) = (vec![0; x.len()], vec![0; x.len()]);
            reference::requantize(&x, multiplier, params, &mut expected).unwrap();
            for tier in Tier::available().skip(1) {
                tier.requantize(&x, multiplier, params, &mut codes).unwrap();
                assert!(codes == expected, "{tier}: {multiplier:?}, part {part}");
            }
        });
        println!(
            "{multiplier:?}: 2^32 accumulators in {:.1?}",
            start.elapsed()
        );
    }
}

/// What makes the reciprocal exact: for all 2²³ mantissas of the scale, each point at which the
/// integer nearest to x / s changes, and the five floats next to it, on both sides of zero.
///
/// Exponents don't matter as long as nothing is subnormal, which `Reciprocal` sees to.
#[test]
#[ignore = "takes a minute"]
fn quotient_of_every_mantissa() {
    const PART: u32 = 1 << 8;
    // Beyond ±255 every quotient saturates; the codes here reach from −255 to 255 by turns.
    let thresholds: Vec<f32> = (0..256).map(|n| n as f32 + 0.5).collect();
    let start = Instant::now();
    in_parallel((1 << 23) / PART, |part| {
        let mut x = Vec::new();
        let (mut expected, mut codes) = (Vec::new(), Vec::new());
        for mantissa in part * PART..(part + 1) * PART {
            let scale = f32::from_bits(0x3f80_0000 + mantissa);
            x.clear();
            x.extend(thresholds.iter().flat_map(|threshold| {
                let near = (threshold * scale).to_bits();
                (near - 2..=near + 2).map(f32::from_bits)
            }));
            expected.resize(x.len(), 0);
            codes.resize(x.len(), 0);
            for zero_point in [0, 255] {
                let params = QuantParams::<u8>::new(scale, zero_point).unwrap();
                reference::quantize(&x, params, &mut expected).unwrap();
                for tier in Tier::available().skip(1) {
                    tier.quantize(&x, params, &mut codes).unwrap();
                    assert!(codes == expected, "{tier}: scale {scale:e}");
                }
                x.iter_mut().for_each(|x| *x = -*x);
            }
        }
    });
    let n = (thresholds.len() * 10) << 23;
    println!("{n} quotients in {:.1?}", start.elapsed());
}
