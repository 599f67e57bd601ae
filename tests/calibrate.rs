//! Observers against plain definitions of what they choose, on every tier, in any order.

#[path = "common/mod.rs"]
mod common;

use common::{base_tiers as tiers, values};
use proptest::prelude::*;
use std::collections::HashMap;
use zeropoint::calibrate::{Bin, ChannelObservers, Error, Histogram, Method, Observer, Tally};
use zeropoint::{Code, QuantParams, Range, Scheme, Tier, quantize_dynamic, reference};

/// What a histogram is of these numbers, by its definition.
struct Plain {
    tally: Tally,
    range: Option<Range>,
    bins: Vec<Bin>,
}

/// The bin of a number: a 512th of the power of two before it wide.
fn bin_of(x: f32) -> [f64; 2] {
    let magnitude = f64::from(x).abs();
    let power = (-126..128).rev().find(|&e| magnitude >= 2_f64.powi(e));
    let width = 2_f64.powi(power.unwrap_or(-126) - 9);
    let from = (magnitude / width).floor() * width;
    if from == 0.0 {
        [-width, width]
    } else if x > 0.0 {
        [from, from + width]
    } else {
        [-from - width, -from]
    }
}

/// How often each comes, sorted by where it begins.
fn counted(bins: impl Iterator<Item = [f64; 2]>) -> Vec<Bin> {
    let mut bins: Vec<_> = bins.collect();
    bins.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let bin =
        |equal: &[[f64; 2]]| Bin { from: equal[0][0], to: equal[0][1], count: equal.len() as u64 };
    bins.chunk_by(|a, b| a == b).map(bin).collect()
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
            ..Tally::default()
        };
        Self {
            tally,
            range: reference::min_max(&finite),
            bins: counted(finite.iter().map(|&x| bin_of(x))),
        }
    }

    #[track_caller]
    fn check(&self, histogram: &Histogram) {
        assert_eq!(histogram.tally(), self.tally);
        assert_eq!(histogram.range(), self.range);
        assert!(histogram.bins() == self.bins, "{histogram:?}");
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
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    })
}

/// Numbers with about a normal distribution, a few of them farther out.
fn activations(n: usize) -> Vec<f32> {
    let of = |u: &[f64]| (u.iter().sum::<f64>() - 6.0) as f32;
    let uniform: Vec<_> = uniform(12 * n).collect();
    let x = uniform.chunks(12).map(of).enumerate();
    x.map(|(i, x)| if i % 1000 == 7 { 6.0 * x } else { x }).collect()
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
        ("tiny and huge", vec![-f32::from_bits(1), 1e30, -1e-38, 1e-30]),
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
        for tier in tiers() {
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
        for tier in tiers() {
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
    // In f64 these are less than 1 together, but of six numbers one and five.
    let method = Method::Percentile { below: 1.0 / 6.0, above: 0.833_333_333_333_333_3 };
    assert_eq!(chosen(method, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), range);
}

/// The range without the `⌊beyond · n⌋` numbers that are farthest from 0, by sorting.
fn sorted_by_magnitude(x: &[f32], beyond: f64) -> Option<Range> {
    let Range { min, max } = Plain::of(x).range?;
    let mut x: Vec<f32> = x.iter().filter(|x| x.is_finite()).map(|x| x.abs()).collect();
    x.sort_by(f32::total_cmp);
    let bound = x[x.len() - 1 - (beyond * x.len() as f64).floor() as usize];
    Some(Range::new((-bound).clamp(min, max), bound.clamp(min, max)))
}

#[test]
fn absolute_percentiles() {
    let method = Method::AbsolutePercentile { beyond: 0.25 };
    let range = Some(Range::new(-3.0, 2.0));
    assert_eq!(chosen(method, &[-3.0, 1.0, 2.0, -4.0]), range);
    for (name, x) in datasets() {
        for beyond in [0.0, 0.001, 0.1, 0.5, 0.999] {
            let method = Method::AbsolutePercentile { beyond };
            assert_eq!(chosen(method, &x), sorted_by_magnitude(&x, beyond), "{name}");
        }
    }
    // More than are kept: the ends of bins, outward.
    let x = activations(70_001);
    for beyond in [0.0, 0.001, 0.3, 0.999] {
        let exact = sorted_by_magnitude(&x, beyond).unwrap();
        let found = chosen(Method::AbsolutePercentile { beyond }, &x).unwrap();
        let whole = Plain::of(&x).range.unwrap();
        let bound = bin_of(exact.max.max(-exact.min))[1] as f32;
        let within = |x: f32| x.clamp(whole.min, whole.max);
        assert_eq!(found, Range::new(within(-bound), within(bound)), "{beyond}");
    }
}

/// More numbers than are kept: the bins of a histogram, outward.
#[test]
fn percentiles_of_many() {
    let x: Vec<_> = activations(70_001);
    let outward = |exact: Range| {
        let range = Plain::of(&x).range.unwrap();
        let within = |x: f64| x.clamp(range.min.into(), range.max.into()) as f32;
        Range::new(within(bin_of(exact.min)[0]), within(bin_of(exact.max)[1]))
    };
    for (below, above) in [(0.0, 0.0), (0.001, 0.001), (0.2, 0.1)] {
        let method = Method::Percentile { below, above };
        let found = chosen(method, &x).unwrap();
        assert_eq!(found, outward(sorted(&x, below, above).unwrap()));

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
    let method = Method::Percentile { below: 0.1, above: 0.1 };
    // Numbers that are not finite don't count.
    let few = &x[..65_536];
    let exact = sorted(few, 0.1, 0.1);
    assert_eq!(chosen(method, &[few, &[f32::NAN; 1000]].concat()), exact);
    // As many as are kept, and one more, merged.
    for (n, is_exact) in [(65_536, true), (65_537, false)] {
        for cut in [1, 30_000, n - 1] {
            let mut merged = observer(method, &x[..cut]);
            merged.merge(&observer(method, &x[cut..n])).unwrap();
            let found = merged.range(Scheme::<u8>::affine());
            assert_eq!(found == sorted(&x[..n], 0.1, 0.1), is_exact, "{n}, {cut}");
        }
    }
}

/// As many equal numbers at an end as are to be left out: these, and no others.
#[test]
fn percentiles_at_the_cut() {
    for n in [1000, 100_000] {
        for (outside, expected) in [(n / 1000 - 1, 1.0), (n / 1000, 1.0), (n / 1000 + 1, 5.0)] {
            let x = |outer: f32| [vec![outer; outside], vec![outer / 5.0; n - outside]].concat();
            let end =
                |method: &str, outer: f32| chosen(method.parse().unwrap(), &x(outer)).unwrap();
            // Bins of 1.0 and 5.0 begin there: of numbers below 0 they end there.
            let above = end("percentile=99.9", 5.0).max;
            let below = end("percentile=99.9", -5.0).min;
            let beyond = end("absolute-percentile=99.9", 5.0).max;
            for end in [above, -below, beyond] {
                assert!((expected..expected * 1.002).contains(&end), "{n}, {outside}: {end}");
            }
        }
    }
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
        let finite: Vec<f64> = x.iter().filter(|x| x.is_finite()).map(|&x| x.into()).collect();
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
            let off = (f64::from(found.min) - min).abs().max((f64::from(found.max) - max).abs());
            assert!(off <= bound, "{name}: {found:?}, off by {off:e} of {bound:e}");
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

/// Numbers and how often they count: each once or, of more than are kept, bins of them.
fn bars(x: &[f32]) -> Option<(Vec<f64>, Vec<f64>)> {
    let plain = Plain::of(x);
    let range = plain.range?;
    let within = |x: f64| x.clamp(range.min.into(), range.max.into());
    Some(if plain.tally.finite > 65_536 {
        let value = |bin: &Bin| f64::midpoint(within(bin.from), within(bin.to));
        let mut values: Vec<f64> = plain.bins.iter().map(value).collect();
        values[0] = range.min.into();
        values[plain.bins.len() - 1] = range.max.into();
        (values, plain.bins.iter().map(|bin| bin.count as f64).collect())
    } else {
        let finite = x.iter().filter(|x| x.is_finite());
        finite.map(|&x| (f64::from(x), 1.0)).unzip()
    })
}

/// `Σ n · (x − x̂)²` of numbers and how often they count.
fn squares<Q: Code>(numbers: &(Vec<f64>, Vec<f64>), params: QuantParams<Q>) -> f64 {
    let (values, counts) = numbers;
    let scale = f64::from(params.scale());
    let range = params.representable();
    let [lo, hi] = [range.min, range.max].map(|x| (f64::from(x) / scale).round());
    let error = |x: &f64| (x - (x / scale).round().clamp(lo, hi) * scale).powi(2);
    values.iter().map(error).zip(counts).map(|(e, n)| e * n).sum()
}

/// The range with its ends at these fractions of the way from 0, or from the end that is nearest to it; `None`
/// for a point.
fn between(whole: Range, symmetric: bool, [lower, upper]: [f64; 2]) -> Option<Range> {
    let Range { min, max } = whole;
    let range = if symmetric {
        let bound = (upper * f64::from(max.max(-min))) as f32;
        Range::new((-bound).clamp(min, max), bound.clamp(min, max))
    } else {
        let from = 0.0_f32.clamp(min, max);
        let between =
            |to: f32, part| (f64::from(from) + part * (f64::from(to) - f64::from(from))) as f32;
        Range::new(between(min, lower), between(max, upper))
    };
    (range.min < range.max).then_some(range)
}

/// The least error of the search as it is documented, by a plain loop.
fn least_squares<Q: Code>(
    numbers: &(Vec<f64>, Vec<f64>),
    whole: Range,
    scheme: Scheme<Q>,
    symmetric: bool,
) -> f64 {
    let moves = [!symmetric && whole.min < 0.0, symmetric || whole.max > 0.0];
    let steps = if moves == [true; 2] { 32 } else { 256 };
    let error = |at| {
        let params = between(whole, symmetric, at).map(|range| scheme.params(range).unwrap());
        params.map_or(f64::INFINITY, |params| squares(numbers, params))
    };
    let mut best = ([1.0; 2], squares(numbers, scheme.params(whole).unwrap()));
    let ends = |moves: bool, at: f64, step: f64, by: core::ops::RangeInclusive<i32>| {
        let at = move |i: i32| (at + f64::from(i) * step).clamp(0.0, 1.0);
        let by = if moves { by } else { 0..=0 };
        by.map(at).collect::<Vec<f64>>()
    };
    let mut step = 1.0 / f64::from(steps);
    for by in [-steps..=0].into_iter().chain([const { -1..=1 }; 8]) {
        if by.end() == &1 {
            step /= 2.0;
        }
        let [lower, upper] = best.0;
        // All of them in the first round, the neighbours later.
        for i in ends(moves[0], lower, step, by.clone()).into_iter().rev() {
            for j in ends(moves[1], upper, step, by.clone()).into_iter().rev() {
                let error = error([i, j]);
                if error < best.1 {
                    best = ([i, j], error);
                }
            }
        }
    }
    best.1
}

/// The least error of the search, and no more than that of the whole range.
fn check_squares<Q: Code>(name: &str, x: &[f32], scheme: Scheme<Q>, symmetric: bool) {
    let Some(numbers) = bars(x) else { return };
    let whole = Plain::of(x).range.unwrap();
    let observer = observer(Method::MeanSquaredError, x);
    let (Ok(params), Ok(unclipped)) = (observer.params(scheme), scheme.params(whole)) else {
        assert!(scheme.params(whole).is_err());
        return;
    };
    let found = squares(&numbers, params);
    let context = format!("{name}, {scheme:?}: {:?}", observer.range(scheme));
    assert!(found <= squares(&numbers, unclipped), "{context}");
    // Sums of squares less sums of squares.
    let values = numbers.0.iter().zip(&numbers.1);
    let slack = 1e-13 * values.map(|(x, n)| x * x * n).sum::<f64>();
    if numbers.0.len() <= 500 {
        let least = least_squares(&numbers, whole, scheme, symmetric);
        let most = least * (1.0 + 1.1 / 65_536.0) + slack;
        assert!(found <= most, "{context} has {found}, not {least}");
        return;
    }
    let steps = if !symmetric && whole.min < 0.0 && whole.max > 0.0 { 32 } else { 256 };
    for i in (0..=steps).step_by(3) {
        for j in (0..=steps).step_by(if symmetric { steps } else { 5 }) {
            let at = [j, i].map(|i| i as f64 / steps as f64);
            if let Some(range) = between(whole, symmetric, at) {
                let other = squares(&numbers, scheme.params(range).unwrap());
                let most = other * (1.0 + 1.1 / 65_536.0) + slack;
                assert!(found <= most, "{context} has {found}, {range:?} {other}");
            }
        }
    }
}

#[test]
fn squared_errors() {
    let four_bits = Scheme::<u8>::affine().with_codes(0..=15).unwrap();
    for (name, x) in datasets() {
        // In full, and many numbers at some points.
        for x in [&x[..x.len().min(500)], &x] {
            check_squares(name, x, Scheme::<u8>::affine(), false);
            check_squares(name, x, Scheme::<i8>::symmetric(), true);
            check_squares(name, x, Scheme::<u8>::symmetric(), true);
            check_squares(name, x, four_bits, false);
        }
    }
    let many = activations(70_000);
    check_squares("many", &many, four_bits, false);
    check_squares("many", &many, Scheme::<i8>::symmetric(), true);
    // Numbers on the grid of a range at one of the points that are tried, and outliers: from other points no
    // way leads there that goes downhill.
    let on_grid = |scale: f64, n: i32, largest: i32, outliers: &[f32]| {
        let number = |i: i32| (f64::from(i % (2 * largest + 1) - largest) * scale) as f32;
        let mut x: Vec<f32> = (0..n).map(number).collect();
        x.extend(outliers);
        x
    };
    let x = on_grid(61.0 / 255.0, 6000, 115, &[-32.0, 32.0]);
    let affine = Scheme::<u8>::affine();
    let error = |method| {
        let params = observer(method, &x).params(affine).unwrap();
        squares(&bars(&x).unwrap(), params)
    };
    assert!(error(Method::MeanSquaredError) < 0.5 * error(Method::MinMax));
    let x = on_grid(251.0 / 127.0, 600, 125, &[256.0]);
    let symmetric = Scheme::<i8>::symmetric();
    let error = |method| {
        let params = observer(method, &x).params(symmetric).unwrap();
        squares(&bars(&x).unwrap(), params)
    };
    assert!(error(Method::MeanSquaredError) < 0.5 * error(Method::MinMax));
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

/// `Σ P ln(P / Q)` of a range, bin by bin, as documented; `None` if it is left out.
fn divergence<Q: Code>(
    bins: &[([f64; 2], f64)],
    within: core::ops::Range<usize>,
    edge: f64,
    whole: Range,
    scheme: Scheme<Q>,
) -> Option<f64> {
    let range = range_of(edge, whole);
    let params = scheme.params(range).ok()?;
    let before = |bins: &[([f64; 2], f64)]| bins.iter().map(|bin| bin.1).sum::<f64>();
    let beyond = [before(&bins[..within.start]), before(&bins[within.end..])];
    let bins = &bins[within];
    // A bin beside those beyond that is empty.
    if beyond[0] > 0.0 && bins[0].0[0] != -edge || beyond[1] > 0.0 && bins.last()?.0[1] != edge {
        return None;
    }
    let mut p: Vec<f64> = bins.iter().map(|bin| bin.1).collect();
    p[0] += beyond[0];
    *p.last_mut()? += beyond[1];
    let scale = f64::from(params.scale());
    let [lo, hi] = [params.representable().min, params.representable().max]
        .map(|x| (f64::from(x) / scale).round());
    let code = |[from, to]: [f64; 2]| {
        let value = f64::midpoint(from, to).clamp(whole.min.into(), whole.max.into());
        (value / scale).round().clamp(lo, hi) as i32
    };
    // By code: how many numbers, in bins how wide.
    let mut codes = HashMap::new();
    for &(ends, n) in bins {
        let (count, width) = codes.entry(code(ends)).or_insert((0.0, 0.0));
        (*count, *width) = (*count + n, *width + (ends[1] - ends[0]));
    }
    let even = |ends: [f64; 2]| codes[&code(ends)].0 / codes[&code(ends)].1 * (ends[1] - ends[0]);
    let q: Vec<f64> = bins.iter().map(|bin| even(bin.0)).collect();
    let (p_all, q_all) = (p.iter().sum::<f64>(), q.iter().sum::<f64>());
    let term = |(p, q): (&f64, &f64)| p / p_all * ((p / p_all) / (q / q_all)).ln();
    Some(p.iter().zip(&q).map(term).sum())
}

/// The part of the range in which `|x|` is at most so large.
fn range_of(edge: f64, whole: Range) -> Range {
    let within = |x: f64| x.clamp(whole.min.into(), whole.max.into()) as f32;
    Range::new(within(-edge), within(edge))
}

/// Ends of bins, each with how many numbers lie between.
type Bins = Vec<([f64; 2], f64)>;

/// The bins that the entropy is that of, and the end of that with the median of `|x|`; `None` if all are 0.
fn bins_of_entropy(x: &[f32]) -> Option<(Bins, f64)> {
    let is_zero = |x: f32| bin_of(x)[0] < 0.0 && bin_of(x)[1] > 0.0;
    let finite: Vec<f32> = x.iter().copied().filter(|x| x.is_finite()).collect();
    let mut magnitudes: Vec<f32> = finite.iter().map(|x| x.abs()).collect();
    magnitudes.retain(|&x| !is_zero(x));
    magnitudes.sort_by(f32::total_cmp);
    let median = *magnitudes.get(magnitudes.len().saturating_sub(1) / 2)?;
    // The width of its octave, below that too.
    let [from, to] = bin_of(median);
    let width = to - from;
    let joined = |x: f32| {
        let [from, to] = bin_of(x);
        if to - from > width {
            [from, to]
        } else if x < 0.0 && !is_zero(x) {
            let to = (to / width).ceil() * width;
            [to - width, to]
        } else {
            let from = (from.max(0.0) / width).floor() * width;
            [from, from + width]
        }
    };
    let bins = counted(finite.iter().map(|&x| joined(x)));
    let mut bins: Vec<_> = bins.iter().map(|bin| ([bin.from, bin.to], bin.count as f64)).collect();
    // Zeros count at most as much as a neighbour.
    if let Some(zeros) = bins.iter().position(|bin| bin.0[0] == 0.0)
        && bins.len() > 1
    {
        let of = |ends: [f64; 2]| bins.iter().find(|bin| bin.0 == ends).map_or(0.0, |bin| bin.1);
        bins[zeros].1 = bins[zeros].1.min(of([-width, 0.0]).max(of([width, 2.0 * width])));
        bins.retain(|bin| bin.1 > 0.0);
    }
    Some((bins, to))
}

fn check_entropy<Q: Code>(name: &str, x: &[f32], scheme: Scheme<Q>) {
    let Some(whole) = Plain::of(x).range else {
        return;
    };
    let found = observer(Method::Entropy, x).range(scheme).unwrap();
    let Some((bins, least)) = bins_of_entropy(x) else {
        return assert_eq!(found, whole, "{name}");
    };
    let mut edges: Vec<f64> = bins.iter().map(|(ends, _)| ends[1].max(-ends[0])).collect();
    edges.retain(|&edge| edge >= least);
    edges.sort_by(|a, b| b.total_cmp(a));
    edges.dedup();
    let tried: Vec<_> = edges.iter().step_by(edges.len() / 512 + 1).collect();
    let of = |&&edge: &&f64| {
        let first = bins.partition_point(|bin| bin.0[0] < -edge);
        let end = bins.partition_point(|bin| bin.0[0] < edge);
        let divergence = divergence(&bins, first..end, edge, whole, scheme)?;
        Some((range_of(edge, whole), divergence))
    };
    let all: Vec<_> = tried.iter().filter_map(of).collect();
    let Some(best) = all.iter().find(|(range, _)| *range == found) else {
        assert!(found == whole && all.is_empty(), "{name}: {found:?}, not tried");
        return;
    };
    for other in &all {
        assert!(best.1 <= other.1 + 1e-9, "{name}: {best:?}, {other:?}");
    }
}

#[test]
fn entropies() {
    for (name, x) in datasets() {
        for n in [20, 1000, 20_000] {
            // Not too many bins for a plain loop.
            if x.len() < n / 10 || n > 5000 && name != "normal" && name != "ReLU" {
                continue;
            }
            let x = &x[..x.len().min(n)];
            check_entropy(name, x, Scheme::<i8>::symmetric());
            check_entropy(name, x, Scheme::<u8>::affine());
            let four_bits = Scheme::<u8>::affine().with_codes(0..=15).unwrap();
            check_entropy(name, x, four_bits);
        }
    }
}

/// Normal and Laplace data: about where the theory says.
#[test]
fn analytic() {
    let scheme = Scheme::<u8>::affine().with_codes(0..=15).unwrap();
    let x: Vec<_> = activations(100_000);
    let x: Vec<_> = x.into_iter().filter(|x| x.abs() < 6.0).collect();
    let range = observer(Method::Gauss, &x).range(scheme).unwrap();
    assert!((range.max - 2.55).abs() < 0.05 && (range.min + 2.55).abs() < 0.05, "{range:?}");
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
    // All in one bin, far from 0: outward to its ends, and those of the data.
    let far: Vec<f32> = (0..70_000).map(|i| 1e6 + i as f32 / 1e6).collect();
    assert_eq!(chosen(Method::Laplace, &far), Plain::of(&far).range);
    let range = observer(Method::Laplace, &x).range(scheme).unwrap();
    let off = [f64::from(range.min) - expected[0], f64::from(range.max) - expected[1]];
    assert!(off.iter().all(|off| off.abs() < 0.05), "{range:?}, {expected:?}");
}

/// Exactly, but where the documentation gives a bound.
#[test]
fn order_does_not_matter() {
    let exact = |method: &Method| {
        !matches!(method, Method::MovingAverage { .. } | Method::Deviations { .. } | Method::Gauss)
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
                assert_eq!(forward.range(scheme), whole.range(scheme), "{name}, {method}");
                assert_eq!(merged.range(scheme), whole.range(scheme), "{name}, {method}");
                assert_eq!(merged.tally(), whole.tally(), "{name}, {method}");
            }
        }
    }
}

/// Numbers of a kind, so many, each kind with a name.
fn families(n: usize) -> Vec<(String, Vec<f32>)> {
    let u: Vec<f64> = uniform(2 * n).collect();
    let normal = |i: usize| {
        let [u, v] = [1.0 - u[i], u[n + i]];
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    };
    let laplace = |i: usize| (2.0 * u[i].min(1.0 - u[i])).max(1e-9).ln() * (u[i] - 0.5).signum();
    let cauchy = |i: usize| (std::f64::consts::PI * (u[i] - 0.5)).tan();
    let mut all = Vec::new();
    let mut add = |name: String, of: &dyn Fn(usize) -> f64| {
        all.push((name, (0..n).map(|i| of(i) as f32).collect()));
    };
    for (mean, spread) in [
        (0.0, 1.0),
        (1.0, 0.05),
        (10.0, 1.0),
        (-10.0, 1.0),
        (-0.3, 0.1),
        (1e4, 1.0),
        (1e6, 1e-1),
        (0.0, 1e-30),
        (5.5e-6, 4.5e-6),
        (3e37, 1e37),
    ] {
        add(format!("N({mean}, {spread})"), &|i| mean + spread * normal(i));
        add(format!("U({mean} ± {spread})"), &|i| mean + spread * (2.0 * u[i] - 1.0));
    }
    for sigma in [0.1, 1.0, 3.0] {
        add(format!("lognormal {sigma}"), &|i| (sigma * normal(i)).exp());
        add(format!("minus lognormal {sigma}"), &|i| -(sigma * normal(i)).exp());
    }
    add("ReLU".into(), &|i| normal(i).max(0.0));
    add("sparse".into(), &|i| (normal(i) - 2.0).max(0.0));
    add("Laplace".into(), &laplace);
    add("Cauchy".into(), &cauchy);
    add("|Cauchy| + 1".into(), &|i| 1.0 + cauchy(i).abs());
    for outlier in [-1e4, 1e9, f64::from(f32::MIN)] {
        add(format!("N(0, 1) and {outlier:e}"), &|i| {
            if i % 1000 == 1 { outlier } else { normal(i) }
        });
        add(format!("half {outlier:e}"), &|i| {
            if u[i] < 0.5 { outlier } else { normal(i) }
        });
    }
    for (a, b) in [(0.0, 1.0), (1.0, 1.0001), (-3.0, 1000.0), (-1e-30, 1e30), (5.0, 5.0)] {
        add(format!("{a} or {b}"), &|i| if u[i] < 0.3 { a } else { b });
    }
    add("-2, 7 or 9".into(), &|i| [-2.0, 7.0, 9.0][(3.0 * u[i]) as usize]);
    add("whole".into(), &|i| (20.0 * normal(i)).round());
    all
}

/// How much is left out, and how much is lost, as `Method` promises.
fn check_promises<Q: Code>(name: &str, x: &[f32], scheme: Scheme<Q>) {
    let whole = Plain::of(x).range.unwrap();
    let Ok(unclipped) = scheme.params(whole) else {
        return;
    };
    let values: Vec<f64> = x.iter().map(|&x| x.into()).collect();
    let signal: f64 = values.iter().map(|x| x * x).sum();
    let numbers = (values, vec![1.0; x.len()]);
    let sqnr = |params| match squares(&numbers, params) {
        0.0 => f64::INFINITY,
        noise => 10.0 * (signal / noise).log10(),
    };
    let of_all = sqnr(unclipped);
    for method in Method::ALL {
        let observer = observer(method, x);
        check_within(&observer, scheme, Some(whole));
        let params = observer.params(scheme).unwrap();
        let (Range { min, max }, half) = (params.representable(), params.scale() / 2.0);
        let within = x.iter().filter(|&&x| min - half <= x && x <= max + half);
        let (within, found) = (within.count(), sqnr(params));
        let context = format!(
            "{method}, {name}, {} numbers, {scheme:?}: {within} within {:?}, {found} dB, not {of_all}",
            x.len(),
            observer.range(scheme),
        );
        assert!(2 * within >= x.len(), "{context}");
        if method == Method::MeanSquaredError && x.len() <= 65_536 {
            assert!(found >= of_all, "{context}");
        }
        // Without outliers no method assumes what is far from true.
        let has_light_tails = name.starts_with(['N', 'U']) && !name.contains(" and ");
        if has_light_tails {
            assert!(found >= of_all - 20.0 || of_all.is_infinite(), "{context}");
        }
    }
}

#[test]
fn promises() {
    let four_bits = Scheme::<i8>::symmetric().with_codes(-8..=7).unwrap();
    for n in [1, 2, 30, 400, 2000] {
        for (name, x) in families(n) {
            check_promises(&name, &x, Scheme::<u8>::affine());
            check_promises(&name, &x, Scheme::<u8>::symmetric());
            check_promises(&name, &x, Scheme::<i8>::symmetric());
            check_promises(&name, &x, four_bits);
        }
    }
    // More than are kept, of some kinds.
    for (name, x) in families(70_000).iter().step_by(3) {
        check_promises(name, x, Scheme::<i8>::symmetric());
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
            check_within(&observer, Scheme::<u8>::affine().with_codes(7..=8).unwrap(), whole);
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
            x.into_iter().map(|x| if x.abs() > 1e9 { f32::NAN } else { x }).collect::<Vec<_>>()
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
                    assert_eq!(single.params(scheme), Ok(*params), "{method}, {channels}, {inner}");
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
    assert_eq!(error, "`x`, of 7 elements, is not of the shape [any, 3, 2]");
    assert!(observers.observe(&[0.0; 7], 0).is_err());
    assert_eq!(observers.observe(&[], 0), Ok(()));
    let fewer = ChannelObservers::new(Method::MinMax, 2).unwrap();
    let error = observers.merge(&fewer).unwrap_err().to_string();
    assert_eq!(error, "3 channels were observed, not 2");
    let error = observers.params(Scheme::<u8>::affine(), &mut []);
    assert_eq!(error.unwrap_err().to_string(), "3 channels were observed, not 0");
    assert!(matches!(
        ChannelObservers::new(Method::Gauss, usize::MAX).unwrap_err(),
        Error::Other(zeropoint::Error::Buffer { .. })
    ));

    let mut a = observer(Method::Deviations { n: 2.0 }, &[1.0]);
    let error = a.merge(&observer(Method::Gauss, &[])).unwrap_err();
    assert_eq!(error.to_string(), "an observer by deviations=2 can't take in one by gauss");
    let negative = observer(Method::MeanSquaredError, &[-1.0, 2.0]);
    let error = negative.params(Scheme::<u8>::symmetric()).unwrap_err();
    assert!(matches!(error, zeropoint::Error::OneSided { bound: -1.0, .. }));
    // The same of channels: an error of another kind, in its own words.
    let mut channels = ChannelObservers::new(Method::MeanSquaredError, 1).unwrap();
    channels.observe(&[-1.0, 2.0], 1).unwrap();
    let mut params = [QuantParams::default()];
    let of_channels = channels.params(Scheme::<u8>::symmetric(), &mut params).unwrap_err();
    assert_eq!(of_channels, Error::from(error));
    assert_eq!(of_channels.to_string(), error.to_string());

    let wrong = [0.0, -1.0, 1.5, f64::NAN, f64::INFINITY];
    for number in wrong {
        let method = Method::MovingAverage { momentum: number };
        assert!(Observer::new(method).is_err(), "{number}");
        let method = Method::Percentile { below: number, above: 1.0 };
        assert!(Observer::new(method).is_err(), "{number}");
    }
    for beyond in [-1.0, 1.0, f64::NAN, f64::INFINITY] {
        assert!(Observer::new(Method::AbsolutePercentile { beyond }).is_err());
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
    let two_sided = Method::Percentile { below: 0.005, above: 0.0001 };
    assert_eq!(two_sided.to_string(), "percentile=0.5..99.99");
    assert_eq!("percentile=0.5..99.99".parse(), Ok(two_sided));
    assert_eq!("percentile=99.99".parse::<Method>().unwrap().to_string(), "percentile=99.99");
    let absolute = Method::AbsolutePercentile { beyond: 0.0001 };
    assert_eq!("absolute-percentile=99.99".parse(), Ok(absolute));
    assert_eq!(absolute.to_string(), "absolute-percentile=99.99");
    for text in [
        "",
        "max",
        "mse=1",
        "absolute-percentile=1..99",
        "percentile=",
        "percentile=a..b",
        "deviations=x",
    ] {
        assert_eq!(text.parse::<Method>(), Err(Error::UnknownMethod), "{text}");
    }
    // The bound at fault, and no other.
    for (text, message) in [
        (
            "percentile=20",
            "percentile: fractions of 0.8 below and 0.8 above are not less than 1 together",
        ),
        ("percentile=101", "percentile: a fraction of -0.01 below is not at least 0"),
        ("percentile=1..100.5", "percentile: a fraction of -0.005 above is not at least 0"),
        (
            "absolute-percentile=0",
            "absolute-percentile: a fraction of 1 beyond is not at least 0 and less than 1",
        ),
        ("moving-average=0", "moving-average: a momentum of 0 is not above 0 and at most 1"),
        ("deviations=nan", "deviations: NaN deviations are not a finite number above 0"),
    ] {
        let error = text.parse::<Method>().unwrap_err();
        assert!(matches!(error, Error::Method { .. }), "{text}");
        assert_eq!(error.to_string(), message);
    }
}
