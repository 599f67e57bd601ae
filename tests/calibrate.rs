//! Observers against plain definitions of what they choose, on every tier, in any order.
//!
//! The crate's unit tests include this file too: there the emulated tier is among the tiers.

#[path = "common/mod.rs"]
mod common;

use common::{base_tiers as tiers, values};
use proptest::prelude::*;
use std::collections::HashMap;
use zeropoint::calibrate::{ChannelObservers, Histogram, Method, Observer, Tally};
use zeropoint::{Code, Error, QuantParams, Range, Scheme, Tier, quantize_dynamic, reference};

/// What a histogram is of these numbers, by its definition.
struct Plain {
    tally: Tally,
    range: Option<Range>,
    width: f64,
    first: i64,
    counts: Vec<u64>,
}

impl Plain {
    fn of(x: &[f32]) -> Self {
        let finite: Vec<f32> = x.iter().copied().filter(|x| x.is_finite()).collect();
        let number = |of: fn(&f32) -> bool| x.iter().filter(|&x| of(x)).count() as u64;
        let tally = Tally {
            finite: finite.len() as u64,
            nan: number(|x| x.is_nan()),
            negative_infinity: number(|&x| x == f32::NEG_INFINITY),
            positive_infinity: number(|&x| x == f32::INFINITY),
        };
        let range = reference::min_max(&finite);
        let ends = range.unwrap_or(Range::new(0.0, 0.0));
        let bin = |x: f32, width: f64| (f64::from(x) / width).floor();
        let fits = |width: f64| {
            let largest = ends.max.abs().max(ends.min.abs());
            bin(ends.max, width) - bin(ends.min, width) < Histogram::BINS as f64
                && f64::from(largest) / width < f64::from(1 << 22)
        };
        let mut widths = (-126..128).map(|exponent| 2_f64.powi(exponent));
        let width = widths.find(|&width| fits(width)).unwrap();
        let first = bin(ends.min, width) as i64;
        let mut counts = match range {
            Some(_) => vec![0; (bin(ends.max, width) as i64 - first + 1) as usize],
            None => vec![],
        };
        for x in finite {
            counts[(bin(x, width) as i64 - first) as usize] += 1;
        }
        Self {
            tally,
            range,
            width,
            first,
            counts,
        }
    }

    #[track_caller]
    fn check(&self, histogram: &Histogram) {
        assert_eq!(histogram.tally(), self.tally);
        assert_eq!(histogram.range(), self.range);
        assert_eq!(histogram.width(), self.width);
        assert_eq!(histogram.start(), self.first as f64 * self.width);
        assert!(histogram.counts() == self.counts, "{histogram:?}");
    }
}

fn histogram(tier: Tier, x: &[f32]) -> Histogram {
    let mut histogram = Histogram::new();
    histogram.add_on(tier, x);
    histogram
}

fn observer(method: Method, x: &[f32]) -> Observer {
    let mut observer = Observer::new(method).unwrap();
    observer.observe(x);
    observer
}

/// Numbers that look random, in `[0, 1)`.
fn uniform(n: usize) -> impl Iterator<Item = f64> {
    let mut state = 1_u64;
    (0..n).map(move |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    })
}

/// Numbers with about a normal distribution, a few of them farther out.
fn activations(n: usize) -> Vec<f32> {
    let of = |u: &[f64]| (u.iter().sum::<f64>() - 6.0) as f32;
    let uniform: Vec<_> = uniform(12 * n).collect();
    let x = uniform.chunks(12).map(of).enumerate();
    x.map(|(i, x)| if i % 1000 == 7 { 6.0 * x } else { x })
        .collect()
}

/// Data of many kinds, each with a name.
fn datasets() -> Vec<(&'static str, Vec<f32>)> {
    let normal = activations(20_000);
    let few = |n: usize| normal[..n].to_vec();
    vec![
        ("nothing", vec![]),
        ("one", vec![-3.25]),
        ("NaN", vec![f32::NAN; 5]),
        ("infinities", vec![f32::INFINITY, f32::NEG_INFINITY]),
        ("zeros", vec![0.0, -0.0, 0.0]),
        ("constant", vec![0.1; 5000]),
        ("constant and negative", vec![-1e6; 40_000]),
        ("two", vec![1.0, 1.0 + f32::EPSILON]),
        ("all of f32", vec![f32::MAX, -f32::MAX, 0.0, 1.0]),
        ("subnormal", vec![1e-40, -1e-42, 0.0, f32::from_bits(1)]),
        (
            "tiny and huge",
            vec![-f32::from_bits(1), 1e30, -1e-38, 1e-30],
        ),
        ("far from 0", few(5000).iter().map(|x| 1e4 + x).collect()),
        ("above 0", few(5000).iter().map(|x| x + 40.0).collect()),
        ("below 0", few(5000).iter().map(|x| x - 40.0).collect()),
        ("ReLU", normal.iter().map(|x| x.max(0.0)).collect()),
        ("large", few(3000).iter().map(|x| x * 1e37).collect()),
        ("small", few(3000).iter().map(|x| x * 1e-37).collect()),
        ("special", values(20_000)),
        ("normal", normal),
    ]
}

#[test]
fn histograms() {
    for (name, x) in datasets() {
        let plain = Plain::of(&x);
        for tier in tiers().into_iter().chain([Tier::SCALAR]) {
            println!("{name}, {tier}");
            let whole = histogram(tier, &x);
            plain.check(&whole);
            for size in [1, 7, 100, 1023, 4097] {
                if x.len() / size > 5000 {
                    continue;
                }
                let (mut forward, mut backward) = (Histogram::new(), Histogram::new());
                for x in x.chunks(size) {
                    forward.add_on(tier, x);
                    let mut part = histogram(tier, x);
                    part.merge(&backward);
                    backward = part;
                }
                assert!(forward == whole && backward == whole, "{name}, {size}");
            }
            let mut again = whole.clone();
            again.reset();
            assert!(again == Histogram::new());
        }
    }
}

#[test]
fn histograms_of_all_lengths() {
    let x = values(20_000);
    for tier in tiers() {
        for n in (0..300).chain([1023, 1025, 4095, 4096, 4097, 16_383, 16_384, 16_389]) {
            Plain::of(&x[..n]).check(&histogram(tier, &x[..n]));
            // Without special values, and where the range grows on the way.
            let mut finite: Vec<_> = x[..n].iter().map(|x| x.clamp(-9.0, 9.0)).collect();
            if let Some(last) = finite.last_mut() {
                *last = 1e5;
            }
            Plain::of(&finite).check(&histogram(tier, &finite));
        }
    }
}

/// Any finite number or other, of any magnitude; often one of a few.
fn any_number() -> impl Strategy<Value = f32> {
    prop_oneof![
        any::<u32>().prop_map(f32::from_bits),
        -4.0_f32..4.0,
        prop::sample::select(vec![0.0, -0.0, 1.0, -1.0, f32::MAX, 1e-45, -1e-45]),
    ]
}

fn any_batches() -> impl Strategy<Value = Vec<Vec<f32>>> {
    prop_oneof![
        prop::collection::vec(prop::collection::vec(any_number(), 0..40), 0..8),
        prop::collection::vec(prop::collection::vec(-4.0_f32..4.0, 0..40), 0..8),
    ]
}

proptest! {
    #[test]
    fn any_histogram(batches in any_batches(), cut in 0_usize..8) {
        let x = batches.concat();
        let plain = Plain::of(&x);
        for tier in tiers().into_iter().chain([Tier::SCALAR]) {
            plain.check(&histogram(tier, &x));
            let mut parts = [Histogram::new(), Histogram::new()];
            for (i, x) in batches.iter().enumerate() {
                parts[usize::from(i < cut)].add_on(tier, x);
            }
            let [mut a, mut b] = parts;
            (a, b) = { let before = a.clone(); a.merge(&b); b.merge(&before); (a, b) };
            plain.check(&a);
            prop_assert!(a == b);
        }
    }

    #[test]
    fn any_observer(batches in any_batches(), cut in 0_usize..8) {
        let x = batches.concat();
        let range = Plain::of(&x).range;
        for method in Method::ALL {
            let mut parts = [observer(method, &[]), observer(method, &[])];
            for (i, x) in batches.iter().enumerate() {
                parts[usize::from(i < cut)].observe(x);
            }
            let [mut a, b] = parts;
            a.merge(&b).unwrap();
            prop_assert_eq!(a.tally(), Plain::of(&x).tally);
            check_within(&a, Scheme::<u8>::affine(), range);
            check_within(&a, Scheme::<i8>::symmetric(), range);
            check_within(&a, Scheme::<u8>::symmetric(), range);
            check_within(&a, Scheme::<i8>::symmetric().with_codes(0..=0).unwrap(), range);
        }
    }

    #[test]
    fn any_percentile(x in prop::collection::vec(any_number(), 0..300), below in 0.0..1.0, part in 0.0..1.0) {
        let above = (1.0 - below) * part;
        if below + above < 1.0 {
            let method = Method::Percentile { below, above };
            prop_assert_eq!(chosen(method, &x), sorted(&x, below, above));
        }
    }
}

/// The range is within that of the numbers, and there are parameters for it if there are for that.
#[track_caller]
fn check_within<Q: Code>(observer: &Observer, scheme: Scheme<Q>, whole: Option<Range>) {
    let range = observer.range(scheme);
    assert_eq!(range.is_some(), whole.is_some());
    let Some((range, whole)) = range.zip(whole) else {
        let nothing = scheme.params(Range::new(0.0, 0.0));
        return assert_eq!(observer.params(scheme), nothing);
    };
    let context = format!("{observer:?}: {range:?} in {whole:?}");
    assert!(
        whole.min <= range.min && range.min <= range.max && range.max <= whole.max,
        "{context}"
    );
    if scheme.params(whole).is_ok() {
        assert!(observer.params(scheme).is_ok(), "{context}");
    }
}

fn chosen(method: Method, x: &[f32]) -> Option<Range> {
    observer(method, x).range(Scheme::<u8>::affine())
}

/// The range without `⌊below · n⌋` and `⌊above · n⌋` numbers, by sorting.
fn sorted(x: &[f32], below: f64, above: f64) -> Option<Range> {
    let mut x: Vec<f32> = x.iter().copied().filter(|x| x.is_finite()).collect();
    x.sort_by(f32::total_cmp);
    let n = x.len();
    let cut = |fraction: f64| (fraction * n as f64).floor() as usize;
    (n > 0).then(|| Range::new(x[cut(below)] + 0.0, x[n - 1 - cut(above)] + 0.0))
}

#[test]
fn percentiles() {
    for (name, x) in datasets() {
        for (below, above) in [(0.0, 0.0), (0.001, 0.001), (0.25, 0.1), (0.5, 0.3)] {
            let method = Method::Percentile { below, above };
            assert_eq!(chosen(method, &x), sorted(&x, below, above), "{name}");
        }
    }
    let method = "percentile=60".parse().unwrap();
    let range = Some(Range::new(2.0, 2.0));
    assert_eq!(chosen(method, &[1.0, 2.0, 3.0]), range);
}

/// More numbers than are kept: the bins of a histogram, outward.
#[test]
fn percentiles_of_many() {
    let x: Vec<_> = activations(70_001);
    for (below, above) in [(0.0, 0.0), (0.001, 0.001), (0.2, 0.1)] {
        let method = Method::Percentile { below, above };
        let exact = sorted(&x, below, above).unwrap();
        let found = chosen(method, &x).unwrap();
        let whole = histogram(Tier::best(), &x);
        let (width, range) = (whole.width() as f32, whole.range().unwrap());
        let expected = Range::new(
            ((exact.min / width).floor() * width).max(range.min),
            ((exact.max / width).floor() * width + width).min(range.max),
        );
        assert_eq!(found, expected);

        // Around the number at which numbers are no longer kept, and merged in all ways.
        for cut in [1, 4464, 4465, 4466, 40_000, 65_536, 65_537] {
            let (a, b) = x.split_at(cut);
            let mut first = observer(method, a);
            first.observe(b);
            assert_eq!(first.range(Scheme::<u8>::affine()), Some(found), "{cut}");
            for (a, b) in [(a, b), (b, a)] {
                let mut merged = observer(method, a);
                merged.merge(&observer(method, b)).unwrap();
                assert_eq!(merged.range(Scheme::<u8>::affine()), Some(found), "{cut}");
            }
        }
    }
    // Numbers that are not finite don't count.
    let mut few = x[..65_536].to_vec();
    let method = Method::Percentile {
        below: 0.1,
        above: 0.1,
    };
    let exact = sorted(&few, 0.1, 0.1);
    few.extend([f32::NAN; 1000]);
    assert_eq!(chosen(method, &few), exact);
}

#[test]
fn moving_averages() {
    let method = Method::MovingAverage { momentum: 0.25 };
    let mut observer = observer(method, &[1.0, -1.0, f32::INFINITY]);
    observer.observe(&[f32::NAN]);
    observer.observe(&[]);
    observer.observe(&[5.0, 3.0]);
    let scheme = Scheme::<u8>::affine();
    assert_eq!(observer.range(scheme), Some(Range::new(0.0, 2.0)));
    // Two batches on one side, one on the other.
    let mut other = Observer::new(method).unwrap();
    other.observe(&[3.0, 5.0]);
    observer.merge(&other).unwrap();
    assert_eq!(observer.range(scheme), Some(Range::new(1.0, 3.0)));
    observer.reset();
    assert_eq!(observer.range(scheme), None);
}

#[test]
fn deviations() {
    for (name, x) in datasets() {
        let finite: Vec<f64> = x
            .iter()
            .filter(|x| x.is_finite())
            .map(|&x| x.into())
            .collect();
        let n = finite.len() as f64;
        let mean = finite.iter().sum::<f64>() / n;
        let deviation = (finite.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        let whole = Plain::of(&x).range;
        let method = Method::Deviations { n: 2.0 };
        let scheme = Scheme::<u8>::affine();
        let Some((found, whole)) = chosen(method, &x).zip(whole) else {
            assert!(finite.is_empty());
            continue;
        };
        // Both are off by 2⁻¹⁶ of the deviation at most; then the ends are rounded to f32.
        let rounding = 2_f64.powi(-24) * (mean.abs() + 2.0 * deviation) + 2_f64.powi(-149);
        let bound = 3.0 * 2_f64.powi(-16) * deviation + rounding;
        let near = |found: Range| {
            let min = (mean - 2.0 * deviation).max(whole.min.into());
            let max = (mean + 2.0 * deviation).min(whole.max.into());
            let off = (f64::from(found.min) - min)
                .abs()
                .max((f64::from(found.max) - max).abs());
            assert!(
                off <= bound,
                "{name}: {found:?}, off by {off:e} of {bound:e}"
            );
        };
        near(found);
        for size in [3, 1000] {
            let mut merged = Observer::new(method).unwrap();
            for x in x.chunks(size).rev() {
                merged.merge(&observer(method, x)).unwrap();
            }
            near(merged.range(scheme).unwrap());
        }
    }
}

/// The bins of a histogram as numbers, each with how often it counts.
fn bars(x: &[f32]) -> Option<(Vec<f64>, Vec<f64>)> {
    let histogram = histogram(Tier::best(), x);
    let range = histogram.range()?;
    let centre = |i| histogram.start() + (f64::from(i) + 0.5) * histogram.width();
    let within = |x: f64| x.clamp(range.min.into(), range.max.into());
    let counts = histogram.counts().into_iter().map(|n| n as f64);
    Some(((0..).zip(counts).map(|(i, n)| (within(centre(i)), n))).unzip())
}

/// `Σ n · (x − x̂)²` of numbers and how often they count.
fn squares<Q: Code>(numbers: &(Vec<f64>, Vec<f64>), params: QuantParams<Q>) -> f64 {
    let (values, counts) = numbers;
    let scale = f64::from(params.scale());
    let range = params.representable();
    let [lo, hi] = [range.min, range.max].map(|x| (f64::from(x) / scale).round());
    let error = |x: &f64| (x - (x / scale).round().clamp(lo, hi) * scale).powi(2);
    values
        .iter()
        .map(error)
        .zip(counts)
        .map(|(e, n)| e * n)
        .sum()
}

/// No candidate of the grid is better.
fn check_squares<Q: Code>(name: &str, x: &[f32], scheme: Scheme<Q>, symmetric: bool) {
    let Some(numbers) = bars(x) else { return };
    let whole = Plain::of(x).range.unwrap();
    let observer = observer(Method::MeanSquaredError, x);
    let (Ok(params), Ok(unclipped)) = (observer.params(scheme), scheme.params(whole)) else {
        assert!(scheme.params(whole).is_err());
        return;
    };
    let found = squares(&numbers, params);
    let values = numbers.0.iter().zip(&numbers.1);
    let slack = 1e-12 * values.map(|(x, n)| x * x * n).sum::<f64>();
    let context = format!("{name}, {scheme:?}: {:?}", observer.range(scheme));
    assert!(found <= squares(&numbers, unclipped) + slack, "{context}");
    let steps = if !symmetric && whole.min < 0.0 && whole.max > 0.0 {
        32
    } else {
        256
    };
    let part = |of: f32, i: i32| (f64::from(of) * f64::from(i) / f64::from(steps)) as f32;
    let largest = whole.max.abs().max(whole.min.abs());
    for i in (0..=steps).step_by(3) {
        for j in (0..=if symmetric { 0 } else { steps }).step_by(5) {
            let range = if symmetric {
                let bound = part(largest, i);
                Range::new(
                    (-bound).clamp(whole.min, whole.max),
                    bound.clamp(whole.min, whole.max),
                )
            } else {
                Range::new(part(whole.min.min(0.0), i), part(whole.max.max(0.0), j))
            };
            // Beyond the numbers, or a point: not tried.
            if range.min < whole.min || range.max > whole.max || range.min == range.max {
                continue;
            }
            let other = squares(&numbers, scheme.params(range).unwrap());
            assert!(
                found <= other + slack,
                "{context}, {range:?} has {other}, not {found}"
            );
        }
    }
}

#[test]
fn squared_errors() {
    for (name, x) in datasets() {
        check_squares(name, &x, Scheme::<u8>::affine(), false);
        check_squares(name, &x, Scheme::<i8>::symmetric(), true);
        check_squares(name, &x, Scheme::<u8>::symmetric(), true);
        check_squares(
            name,
            &x,
            Scheme::<u8>::affine().with_codes(0..=15).unwrap(),
            false,
        );
    }
    // On the numbers themselves: fewer codes, so clipping pays.
    let x = activations(50_000);
    let numbers = (x.iter().map(|&x| x.into()).collect(), vec![1.0; x.len()]);
    let scheme = Scheme::<i8>::symmetric().with_codes(-7..=7).unwrap();
    let error = |method| squares(&numbers, observer(method, &x).params(scheme).unwrap());
    let least = error(Method::MeanSquaredError);
    assert!(least < 0.5 * error(Method::MinMax));
    for method in Method::ALL {
        assert!(least <= 1.001 * error(method), "{method}");
    }
}

/// `Σ P ln(P / Q)` of a bound, bin by bin, as documented; `None` if it is left out.
fn divergence<Q: Code>(
    numbers: &(Vec<f64>, Vec<f64>),
    within: core::ops::Range<usize>,
    range: Range,
    scheme: Scheme<Q>,
) -> Option<f64> {
    let (values, counts) = numbers;
    let params = scheme.params(range).ok()?;
    let codes = params.used_codes(range).unwrap();
    let codes = (*codes.end()).into() - (*codes.start()).into() + 1;
    if (within.len() as i32) < codes {
        return None;
    }
    let mut p = counts[within.clone()].to_vec();
    p[0] += counts[..within.start].iter().sum::<f64>();
    *p.last_mut().unwrap() += counts[within.end..].iter().sum::<f64>();
    let [lo, hi] = [params.representable().min, params.representable().max]
        .map(|x| f64::from(x) / f64::from(params.scale()));
    let scale = f64::from(params.scale());
    let code = |i: usize| (values[i] / scale).round().clamp(lo.round(), hi.round()) as i32;
    // By code: how many numbers, in how many bins that are not empty.
    let mut codes = HashMap::new();
    for i in within.clone().filter(|&i| counts[i] > 0.0) {
        let (count, bins) = codes.entry(code(i)).or_insert((0.0, 0.0));
        (*count, *bins) = (*count + counts[i], *bins + 1.0);
    }
    let even = |i| match codes.get(&code(i)) {
        Some((count, bins)) if counts[i] > 0.0 => count / bins,
        _ => 0.0,
    };
    let q: Vec<f64> = within.map(even).collect();
    let (p_all, q_all) = (p.iter().sum::<f64>(), q.iter().sum::<f64>());
    let mut sum = 0.0;
    for (p, q) in p.iter().zip(&q).filter(|(p, _)| **p > 0.0) {
        if *q == 0.0 {
            return None;
        }
        sum += p / p_all * ((p / p_all) / (q / q_all)).ln();
    }
    Some(sum)
}

fn check_entropy<Q: Code>(name: &str, x: &[f32], scheme: Scheme<Q>) {
    let Some(mut numbers) = bars(x) else { return };
    let histogram = histogram(Tier::best(), x);
    let (whole, width) = (histogram.range().unwrap(), histogram.width());
    let first = (histogram.start() / width) as i64;
    let bins = numbers.1.len();
    // Zeros count at most as much as a neighbour.
    let zeros = usize::try_from(-first).ok().filter(|&zeros| zeros < bins);
    if let Some(zeros) = zeros.filter(|_| bins > 1) {
        let neighbours = [zeros.wrapping_sub(1), zeros + 1];
        let counts = neighbours.map(|i| numbers.1.get(i).map_or(0.0, |&n| n));
        numbers.1[zeros] = numbers.1[zeros].min(counts[0].max(counts[1]));
    }
    let found = observer(Method::Entropy, x).range(scheme).unwrap();
    let of = |bound: i64| {
        let from = (-bound).max(first);
        let to = bound.min(first + bins as i64);
        let within = (from - first) as usize..(to - first) as usize;
        let range = Range::new(
            ((from as f64 * width) as f32).max(whole.min),
            ((to as f64 * width) as f32).min(whole.max),
        );
        (range, divergence(&numbers, within, range, scheme))
    };
    let most = (first + bins as i64).max(-first);
    let least = 1.max(first + 1).max(1 - (first + bins as i64));
    let bounds: Vec<_> = (least..=most)
        .rev()
        .step_by((most - least) as usize / 512 + 1)
        .collect();
    let bounds = bounds.into_iter().step_by(7).map(of);
    let chosen = (least..=most).rev().map(|bound| {
        let from = (-bound).max(first) as f64 * width;
        let to = bound.min(first + bins as i64) as f64 * width;
        (
            bound,
            Range::new((from as f32).max(whole.min), (to as f32).min(whole.max)),
        )
    });
    let bound = chosen
        .into_iter()
        .find(|&(_, range)| range == found)
        .unwrap()
        .0;
    let best = of(bound).1;
    for (range, other) in bounds {
        if let Some(other) = other {
            let best = best.unwrap();
            assert!(
                best <= other + 1e-9,
                "{name}: {found:?} has {best}, {range:?} {other}"
            );
        }
    }
}

#[test]
fn entropies() {
    for (name, x) in datasets() {
        // Bins of a plain loop over pairs: not too many of them.
        if x.len() > 5000 && name != "normal" && name != "ReLU" {
            continue;
        }
        check_entropy(name, &x[..x.len().min(5000)], Scheme::<i8>::symmetric());
        let four_bits = Scheme::<u8>::affine().with_codes(0..=15).unwrap();
        check_entropy(name, &x[..x.len().min(5000)], four_bits);
    }
}

/// Normal and Laplace data: about where the theory says.
#[test]
fn analytic() {
    let scheme = Scheme::<u8>::affine().with_codes(0..=15).unwrap();
    let x: Vec<_> = activations(100_000);
    let x: Vec<_> = x.into_iter().filter(|x| x.abs() < 6.0).collect();
    let range = observer(Method::Gauss, &x).range(scheme).unwrap();
    assert!(
        (range.max - 2.55).abs() < 0.05 && (range.min + 2.55).abs() < 0.05,
        "{range:?}"
    );
    let x: Vec<_> = uniform(100_000)
        .map(|u| (2.0 - 4.0 * (u - 0.5).abs()).ln() as f32 * if u < 0.5 { 1.0 } else { -1.0 })
        .filter(|x| x.is_finite())
        .map(|x| x + 0.25)
        .collect();
    let expected = {
        let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / x.len() as f64;
        let b = x.iter().map(|&x| (f64::from(x) - mean).abs()).sum::<f64>() / x.len() as f64;
        [mean - 5.03 * b, mean + 5.03 * b]
    };
    let range = observer(Method::Laplace, &x).range(scheme).unwrap();
    let off = [
        f64::from(range.min) - expected[0],
        f64::from(range.max) - expected[1],
    ];
    assert!(
        off.iter().all(|off| off.abs() < 0.05),
        "{range:?}, {expected:?}"
    );
}

/// Exactly, but where the documentation gives a bound.
#[test]
fn order_does_not_matter() {
    let exact = |method: &Method| {
        !matches!(
            method,
            Method::MovingAverage { .. } | Method::Deviations { .. } | Method::Gauss
        )
    };
    for (name, x) in datasets() {
        for method in Method::ALL.into_iter().filter(exact) {
            let whole = observer(method, &x);
            for tier in tiers() {
                let (mut forward, mut merged) = (observer(method, &[]), observer(method, &[]));
                for x in x.chunks(1000) {
                    forward.observe_on(tier, x);
                    let mut part = observer(method, &[]);
                    part.observe_on(tier, x);
                    part.merge(&merged).unwrap();
                    merged = part;
                }
                let scheme = Scheme::<i8>::symmetric();
                assert_eq!(
                    forward.range(scheme),
                    whole.range(scheme),
                    "{name}, {method}"
                );
                assert_eq!(
                    merged.range(scheme),
                    whole.range(scheme),
                    "{name}, {method}"
                );
                assert_eq!(merged.tally(), whole.tally(), "{name}, {method}");
            }
        }
    }
}

#[test]
fn ranges_are_within_the_data() {
    for (_, x) in datasets() {
        let whole = Plain::of(&x).range;
        for method in Method::ALL {
            let observer = observer(method, &x);
            check_within(&observer, Scheme::<u8>::affine(), whole);
            check_within(&observer, Scheme::<i8>::affine(), whole);
            check_within(&observer, Scheme::<i8>::symmetric(), whole);
            check_within(&observer, Scheme::<u8>::symmetric(), whole);
            check_within(
                &observer,
                Scheme::<u8>::affine().with_codes(7..=8).unwrap(),
                whole,
            );
        }
    }
}

/// A constant, one number and nothing have one range only.
#[test]
fn data_with_one_range() {
    for method in Method::ALL {
        for x in [[0.1; 100].as_slice(), &[-3.25], &[0.0]] {
            let range = Some(Range::new(x[0], x[0]));
            assert_eq!(chosen(method, x), range, "{method}");
        }
        for x in [[].as_slice(), &[f32::NAN, f32::INFINITY]] {
            assert_eq!(chosen(method, x), None, "{method}");
            let params = observer(method, x).params(Scheme::<u8>::affine());
            let nothing = quantize_dynamic(&[f32::NAN], Scheme::<u8>::affine(), &mut [0]);
            assert_eq!(params, nothing);
        }
    }
}

#[test]
fn channels() {
    for (channels, inner) in [(1, 1), (3, 1), (40, 1), (5, 4), (7, 100), (2, 20)] {
        let size = channels * inner;
        let batches = [size, 5 * size, 0, 30 * size].map(|n| {
            let x = values(n + 11)[11..].to_vec();
            x.into_iter()
                .map(|x| if x.abs() > 1e9 { f32::NAN } else { x })
                .collect::<Vec<_>>()
        });
        for method in Method::ALL {
            let mut observers = ChannelObservers::new(method, channels).unwrap();
            let mut others = observers.clone();
            for x in &batches {
                observers.observe(x, inner).unwrap();
                others.observe(x, inner).unwrap();
            }
            let mut single = vec![observer(method, &[]); channels];
            for x in &batches {
                for (c, single) in single.iter_mut().enumerate() {
                    let of = |(i, x): (usize, &f32)| (i / inner % channels == c).then_some(*x);
                    let x: Vec<_> = x.iter().enumerate().filter_map(of).collect();
                    single.observe(&x);
                }
            }
            let scheme = Scheme::<i8>::symmetric();
            let expect = |observers: &ChannelObservers, single: &[Observer]| {
                let mut params = vec![QuantParams::default(); channels];
                observers.params(scheme, &mut params).unwrap();
                for ((params, single), many) in params.iter().zip(single).zip(observers.channels())
                {
                    assert_eq!(single.tally(), many.tally());
                    assert_eq!(
                        single.params(scheme),
                        Ok(*params),
                        "{method}, {channels}, {inner}"
                    );
                }
            };
            expect(&observers, &single);
            observers.merge(&others).unwrap();
            let copy = single.clone();
            for (single, copy) in single.iter_mut().zip(&copy) {
                single.merge(copy).unwrap();
            }
            expect(&observers, &single);
            observers.reset();
            expect(&observers, &vec![observer(method, &[]); channels]);
        }
    }
}

#[test]
fn wrong_arguments() {
    let mut observers = ChannelObservers::new(Method::MinMax, 3).unwrap();
    let error = observers.observe(&[0.0; 7], 2).unwrap_err().to_string();
    assert_eq!(
        error,
        "7 elements are not a whole number of times 3 channels of 2"
    );
    assert!(observers.observe(&[0.0; 7], 0).is_err());
    assert_eq!(observers.observe(&[], 0), Ok(()));
    let fewer = ChannelObservers::new(Method::MinMax, 2).unwrap();
    let error = observers.merge(&fewer).unwrap_err().to_string();
    assert_eq!(error, "3 channels were observed, not 2");
    let error = observers.params(Scheme::<u8>::affine(), &mut []);
    assert_eq!(
        error.unwrap_err().to_string(),
        "3 channels were observed, not 0"
    );
    assert!(matches!(
        ChannelObservers::new(Method::Gauss, usize::MAX).unwrap_err(),
        Error::Buffer { .. }
    ));

    let mut a = observer(Method::Deviations { n: 2.0 }, &[1.0]);
    let error = a.merge(&observer(Method::Gauss, &[])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "an observer by deviations=2 can't take in one by gauss"
    );
    let negative = observer(Method::MeanSquaredError, &[-1.0, 2.0]);
    let error = negative.params(Scheme::<u8>::symmetric()).unwrap_err();
    assert!(matches!(error, Error::OneSided { bound: -1.0, .. }));

    let wrong = [0.0, -1.0, 1.5, f64::NAN, f64::INFINITY];
    for number in wrong {
        let method = Method::MovingAverage { momentum: number };
        assert!(Observer::new(method).is_err(), "{number}");
        let method = Method::Percentile {
            below: number,
            above: 1.0,
        };
        assert!(Observer::new(method).is_err(), "{number}");
    }
    for n in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(Observer::new(Method::Deviations { n }).is_err(), "{n}");
    }
}

#[test]
fn methods_as_text() {
    for method in Method::ALL {
        assert_eq!(method.to_string().parse(), Ok(method));
        assert_eq!(method.name().parse(), Ok(method));
    }
    let two_sided = Method::Percentile {
        below: 0.005,
        above: 0.0001,
    };
    assert_eq!(two_sided.to_string(), "percentile=0.5..99.99");
    assert_eq!("percentile=0.5..99.99".parse(), Ok(two_sided));
    assert_eq!(
        "percentile=99.99".parse::<Method>().unwrap().to_string(),
        "percentile=99.99"
    );
    for text in [
        "",
        "max",
        "mse=1",
        "percentile=",
        "percentile=a..b",
        "deviations=x",
    ] {
        assert_eq!(text.parse::<Method>(), Err(Error::UnknownMethod), "{text}");
    }
    for text in [
        "percentile=20",
        "percentile=101",
        "moving-average=0",
        "deviations=nan",
    ] {
        let error = text.parse::<Method>().unwrap_err();
        assert!(matches!(error, Error::Method { .. }), "{text}");
        assert!(error.to_string().contains("is out of bounds"), "{error}");
    }
}
