//! A histogram to choose a range from: each bin as so many numbers at its centre.

use super::histogram::Bins;
use crate::params::Range;
use std::vec::Vec;

/// The bins from that of the smallest number to that of the largest.
pub(super) struct Bars {
    pub(super) range: Range,
    /// The first bin.
    pub(super) first: i32,
    pub(super) width: f64,
    pub(super) counts: Vec<f64>,
    /// The values of the first bin and of the last.
    ends: [f64; 2],
}

impl Bars {
    pub(super) fn new(bins: &Bins, range: Range) -> Self {
        let mut bars = Self {
            range,
            first: bins.bin(range.min),
            width: bins.width(),
            counts: bins.counts(range).into_iter().map(|n| n as f64).collect(),
            ends: [0.0; 2],
        };
        bars.ends = [0, bars.counts.len() - 1].map(|i| bars.value(i));
        bars
    }

    /// What the numbers of a bin count as: its centre, or the end of the range if that is beyond it.
    pub(super) fn value(&self, i: usize) -> f64 {
        let centre = (f64::from(self.first) + i as f64 + 0.5) * self.width;
        centre.clamp(self.range.min.into(), self.range.max.into())
    }

    /// How many bins have values below the bound.
    pub(super) fn below(&self, bound: f64) -> usize {
        let (bins, [first, last]) = (self.counts.len(), self.ends);
        if bound <= first {
            0
        } else if bound > last {
            bins
        } else {
            let below = (bound / self.width - f64::from(self.first) - 0.5).ceil();
            (below as usize).clamp(1, bins - 1)
        }
    }

    /// Where the bin `i` begins.
    pub(super) fn edge(&self, i: usize) -> f64 {
        (f64::from(self.first) + i as f64) * self.width
    }

    /// `[Σ c, Σ c·v, …]` of the bins before each, and of all, by `of(count, value)`.
    pub(super) fn sums<const N: usize>(&self, of: impl Fn(f64, f64) -> [f64; N]) -> Vec<[f64; N]> {
        let mut sum = [0.0; N];
        let mut sums = Vec::with_capacity(self.counts.len() + 1);
        sums.push(sum);
        for (i, &count) in self.counts.iter().enumerate() {
            for (sum, term) in sum.iter_mut().zip(of(count, self.value(i))) {
                *sum += term;
            }
            sums.push(sum);
        }
        sums
    }

    /// The range without so many numbers at each end, outward to whole bins.
    pub(super) fn without(&self, below: f64, above: f64) -> Range {
        let (mut first, mut cut) = (0, self.counts[0]);
        while cut <= below && first + 1 < self.counts.len() {
            first += 1;
            cut += self.counts[first];
        }
        let (mut end, mut cut) = (self.counts.len(), self.counts[self.counts.len() - 1]);
        while cut <= above && end > first + 1 {
            end -= 1;
            cut += self.counts[end - 1];
        }
        let min = self.edge(first).max(self.range.min.into());
        let max = self.edge(end).min(self.range.max.into());
        Range::new(min as f32, max as f32)
    }

    /// The mean, and the mean distance from it.
    pub(super) fn spread(&self) -> (f64, f64) {
        let sums = self.sums(|n, value| [n, n * value]);
        let [n, sum] = sums[self.counts.len()];
        let mean = sum / n;
        let distances = self.sums(|n, value| [n * (value - mean).abs()]);
        (mean, distances[self.counts.len()][0] / n)
    }
}
