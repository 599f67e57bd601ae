//! Observers: the same histogram on every tier, in any batches, however merged; ranges within the
//! numbers, and parameters for them; no method is accepted that can't be used.
#![no_main]

mod shared;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shared::{Floats, Slip, code, ends, same};
use zeropoint::calibrate::{ChannelObservers, Histogram, Method, Observer};
use zeropoint::{Code, Granularity, QuantParams, Range, Scheme, Tier, reference};

#[derive(Arbitrary, Debug)]
struct Case {
    signed: bool,
    is_symmetric: bool,
    codes: [u8; 2],
    method: u8,
    numbers: Option<[f64; 2]>,
    bounds: Option<[f32; 2]>,
    scale: u32,
    batches: [Floats; 3],
    order: [u8; 3],
    /// Channels, and the elements of one that follow each other.
    shape: (u8, Slip),
    inner: usize,
}

impl Case {
    /// A method, with its usual numbers or any others.
    fn method(&self) -> Method {
        let method = Method::ALL[usize::from(self.method) % Method::ALL.len()];
        match (method, self.numbers) {
            (Method::MovingAverage { .. }, Some([momentum, _])) => {
                Method::MovingAverage { momentum }
            }
            (Method::Percentile { .. }, Some([below, above])) => {
                Method::Percentile { below, above }
            }
            (Method::AbsolutePercentile { .. }, Some([beyond, _])) => {
                Method::AbsolutePercentile { beyond }
            }
            (Method::Deviations { .. }, Some([n, _])) => Method::Deviations { n },
            _ => method,
        }
    }

    fn batches(&self) -> Vec<Vec<f32>> {
        let scale = f32::from_bits(self.scale & 0x7fff_ffff);
        self.batches.iter().map(|x| x.values(scale)).collect()
    }
}

fn histogram(tier: Tier, x: &[f32]) -> Histogram {
    let mut histogram = Histogram::new();
    histogram.add_on(tier, x);
    histogram
}

fn check_histogram(case: &Case, batches: &[Vec<f32>]) {
    let x = batches.concat();
    let whole = histogram(Tier::SCALAR, &x);
    let finite: Vec<_> = x.iter().copied().filter(|x| x.is_finite()).collect();
    assert_eq!(ends(whole.range()), ends(reference::min_max(&finite)));
    let (tally, bins) = (whole.tally(), whole.bins());
    assert_eq!(tally.finite, finite.len() as u64);
    assert_eq!(tally.left_out(), (x.len() - finite.len()) as u64);
    assert_eq!(bins.iter().map(|bin| bin.count).sum::<u64>(), tally.finite);
    for bin in &bins {
        assert!(bin.from < bin.to && bin.count > 0);
        assert!(
            bin.to - bin.from <= bin.from.abs().max(bin.to.abs()).max(2_f64.powi(-125)) / 512.0
        );
    }
    assert!(bins.windows(2).all(|pair| pair[0].to <= pair[1].from));
    for tier in Tier::available() {
        assert!(histogram(tier, &x) == whole, "{tier}");
        let mut merged = Histogram::new();
        for i in case.order {
            let mut part = histogram(tier, &batches[usize::from(i) % 3]);
            part.merge(&merged);
            merged = part;
        }
        let again = case.order.map(|i| &*batches[usize::from(i) % 3]).concat();
        assert!(merged == histogram(Tier::SCALAR, &again), "{tier}");
    }
}

/// The range, if it is as it must be.
fn checked_range<Q: Code>(
    observer: &Observer,
    scheme: Scheme<Q>,
    whole: Option<Range>,
) -> Option<Range> {
    let range = observer.range(scheme);
    match (range, whole) {
        (Some(range), Some(whole)) => {
            assert!(whole.min <= range.min && range.min <= range.max && range.max <= whole.max);
            if scheme.params(whole).is_ok() {
                scheme.params(range).unwrap();
            }
        }
        (range, whole) => assert_eq!(range, whole),
    }
    range
}

fn check<Q: Code>(case: &Case) {
    let batches = case.batches();
    check_histogram(case, &batches);

    let method = case.method();
    let Ok(mut empty) = Observer::new(method) else {
        assert!(case.numbers.is_some());
        assert!(ChannelObservers::new(method, 3).is_err());
        return;
    };
    // Bounds leave out what is beyond, and nothing else.
    let mut all = batches.concat();
    if let Some([min, max]) = case.bounds {
        let Ok(bounded) = empty.within(Range::new(min, max)) else {
            assert!(!(min <= max));
            return;
        };
        empty = bounded;
        let mut tally = empty.clone();
        tally.observe(&all);
        let tally = tally.tally();
        let count = |is: &dyn Fn(f32) -> bool| all.iter().filter(|&&x| is(x)).count() as u64;
        assert_eq!(tally.below, count(&|x| x.is_finite() && x < min));
        assert_eq!(tally.above, count(&|x| x.is_finite() && x > max));
        all.retain(|x| (min..=max).contains(x));
    }
    let whole = histogram(Tier::SCALAR, &all).range();
    let scheme = if case.is_symmetric { Scheme::<Q>::symmetric() } else { Scheme::affine() };
    let [lo, hi] = case.codes.map(code);
    let scheme = scheme.with_codes(lo..=hi).unwrap_or(scheme);
    let observe = |tier: Tier| {
        let mut parts = [empty.clone(), empty.clone()];
        for (x, i) in batches.iter().zip(case.order) {
            parts[usize::from(i % 2)].observe_on(tier, x);
        }
        let [mut merged, other] = parts;
        merged.merge(&other).unwrap();
        (merged.tally(), ends(checked_range(&merged, scheme, whole)))
    };
    same(|| observe(Tier::SCALAR), observe);

    let (channels, inner) = case.shape;
    let channels = usize::from(channels % 5);
    let inner = if case.signed { inner.of(3) } else { case.inner };
    let mut observers = ChannelObservers::new(method, channels).unwrap();
    for x in &batches {
        let len = x.len() / (3 * channels).max(1) * 3 * channels;
        let mut out = vec![None; channels];
        let expected = reference::min_max_each(&x[..len], Granularity::Axis { inner }, &mut out);
        assert_eq!(observers.observe(&x[..len], inner), expected);
    }
    let copy = observers.clone();
    observers.merge(&copy).unwrap();
    let mut params = vec![QuantParams::default(); channels];
    let result = observers.params(scheme, &mut params);
    for (observer, params) in observers.channels().iter().zip(params) {
        assert!(result.is_err() || observer.params(scheme) == Ok(params));
    }
}

fuzz_target!(|case: Case| by_type!(case.signed, check(&case)));
