//! Numbers to choose a range from, sorted: each with how often there is one, or bins of them.

use super::histogram::{Bins, ends};
use crate::values::params::Range;
use std::vec::Vec;

/// Numbers that are equal, or in one bin.
#[derive(Clone, Copy)]
pub(super) struct Bar {
    /// Where they begin, within the range of all.
    from: f32,
    /// Where they end.
    to: f32,
    /// What they count as.
    pub(super) value: f64,
    pub(super) count: f64,
}

/// All numbers, from the smallest to the largest: at least one.
pub(super) struct Bars {
    pub(super) range: Range,
    pub(super) bars: Vec<Bar>,
}

impl Bars {
    pub(super) fn of_numbers(numbers: &[f32], range: Range) -> Self {
        // A zero is a positive one.
        let mut numbers: Vec<f32> = numbers.iter().map(|x| x + 0.0).collect();
        numbers.sort_unstable_by(f32::total_cmp);
        let equal = numbers.chunk_by(|a, b| a == b);
        let bar = |equal: &[f32]| Bar {
            from: equal[0],
            to: equal[0],
            value: equal[0].into(),
            count: equal.len() as f64,
        };
        let bars = equal.map(bar).collect();
        Self { range, bars }
    }

    pub(super) fn of_bins(bins: &Bins, range: Range) -> Self {
        let within = |x: f64| x.clamp(range.min.into(), range.max.into()) as f32;
        let bar = |(bin, count)| {
            let [from, to] = ends(bin).map(within);
            Bar { from, to, value: f64::midpoint(from.into(), to.into()), count: count as f64 }
        };
        let mut bars: Vec<Bar> = bins.counted().into_iter().map(bar).collect();
        // One number at least is at the end; of masks, and of what was clipped before, all are.
        if let Some(first) = bars.first_mut() {
            first.value = range.min.into();
        }
        if let Some(last) = bars.last_mut() {
            last.value = range.max.into();
        }
        Self { range, bars }
    }

    /// How many there are.
    pub(super) fn numbers(&self) -> f64 {
        self.bars.iter().map(|bar| bar.count).sum()
    }

    /// `[Σ c, Σ c·v, …]` of the bars before each, and of all, by `of(count, value)`.
    pub(super) fn sums<const N: usize>(&self, of: impl Fn(f64, f64) -> [f64; N]) -> Vec<[f64; N]> {
        let mut sum = [0.0; N];
        let mut sums = Vec::with_capacity(self.bars.len() + 1);
        sums.push(sum);
        for bar in &self.bars {
            for (sum, term) in sum.iter_mut().zip(of(bar.count, bar.value)) {
                *sum += term;
            }
            sums.push(sum);
        }
        sums
    }

    /// Without this many numbers at each end, outward to whole bins; one bin is left, however many they are.
    pub(super) fn without(&self, below: f64, above: f64) -> Range {
        let last = self.bars.len() - 1;
        let (mut first, mut cut) = (0, self.bars[0].count);
        while cut <= below && first < last {
            first += 1;
            cut += self.bars[first].count;
        }
        let (mut end, mut cut) = (last, self.bars[last].count);
        while cut <= above && end > first {
            end -= 1;
            cut += self.bars[end].count;
        }
        Range::new(self.bars[first].from, self.bars[end].to)
    }

    /// Without this many of the numbers that are farthest from 0, outward to whole bins; one bin is left,
    /// however many they are.
    pub(super) fn without_farthest(&self, mut beyond: f64) -> Range {
        let (mut first, mut last) = (0, self.bars.len() - 1);
        let bound = loop {
            let (lower, upper) = (self.bars[first], self.bars[last]);
            let is_lower = -lower.from > upper.to;
            let (bound, count) =
                if is_lower { (-lower.from, lower.count) } else { (upper.to, upper.count) };
            if count > beyond || first == last {
                break bound;
            }
            beyond -= count;
            if is_lower {
                first += 1;
            } else {
                last -= 1;
            }
        };
        let Range { min, max } = self.range;
        Range::new((-bound).clamp(min, max), bound.clamp(min, max))
    }

    /// The same ends, outward to those of bins that they lie in.
    pub(super) fn outward(&self, range: Range) -> Range {
        let bar = |x: f32| {
            let i = self.bars.partition_point(|bar| bar.to < x);
            self.bars.get(i).filter(|bar| bar.from <= x)
        };
        Range::new(
            bar(range.min).map_or(range.min, |bar| bar.from),
            bar(range.max).map_or(range.max, |bar| bar.to),
        )
    }

    /// The mean, and the mean distance from it.
    pub(super) fn run_per_axis(&self) -> (f64, f64) {
        let sums = self.sums(|n, value| [n, n * value]);
        let [n, sum] = sums[self.bars.len()];
        let mean = sum / n;
        let distances = self.sums(|n, value| [n * (value - mean).abs()]);
        (mean, distances[self.bars.len()][0] / n)
    }
}

/// How many of the sorted `items` are below something, if so many are: by steps that grow, then by halves.
pub(super) fn count_from<T>(items: &[T], so_many: usize, is_below: impl Fn(&T) -> bool) -> usize {
    let (mut from, mut step) = (so_many, 1);
    while from + step <= items.len() && is_below(&items[from + step - 1]) {
        from += step;
        step *= 2;
    }
    let end = (from + step).min(items.len());
    from + items[from..end].partition_point(is_below)
}
