//! The bound of `|x|` with the least divergence of `Q` from `P`: see
//! [`Method::Entropy`](super::Method::Entropy).

use super::bars::count_from;
use super::histogram::{Bins, OCTAVE, edge};
use crate::values::params::{Choice, Range, RawParams};
use std::vec::Vec;

/// How many bounds are tried, about.
const BOUNDS: usize = 512;

/// Divergences that differ by less are equal but for rounding: the wider range stays.
const ROUNDED: f64 = 1e-12;

/// The bins of the distributions, numbered outward from 0: those of the histogram, but those nearer to 0
/// than a certain octave joined until they are as wide as the bins of that.
#[derive(Clone, Copy)]
struct Widths {
    /// The first bin of the octave, as the histogram numbers them.
    octave: i32,
}

/// A bin that is not empty: `i` is from the edge `i` to the next, `−1 − i` its mirror image.
#[derive(Clone, Copy)]
struct Bin {
    bin: i32,
    count: f64,
    width: f64,
    /// What its numbers count as: its centre, or the end of the range if that is beyond it.
    value: f64,
}

impl Widths {
    /// Those where the bin of the histogram that is so far from 0 is one of the octave.
    const fn of(bin: i32) -> Self {
        let octave = bin - bin % OCTAVE;
        // Bins below 2⁻¹²⁶ are as wide as those above.
        Self { octave: if octave > OCTAVE { octave } else { OCTAVE } }
    }

    /// In which bin the one of the histogram is.
    const fn joined(self, bin: i32) -> i32 {
        if bin < 0 {
            return -1 - self.joined(-bin);
        }
        if bin >= self.octave {
            return bin - self.octave + OCTAVE;
        }
        let (bin, octaves) = if bin < OCTAVE {
            (bin, self.octave / OCTAVE - 1)
        } else {
            (bin % OCTAVE + OCTAVE, (self.octave - bin / OCTAVE * OCTAVE) / OCTAVE)
        };
        if octaves < 31 { bin >> octaves } else { 0 }
    }

    /// Where the bin `i` begins; so many bins are below it.
    fn edge(self, i: i32) -> f64 {
        if i >= OCTAVE {
            edge(i - OCTAVE + self.octave)
        } else {
            f64::from(i) * (edge(self.octave) / f64::from(OCTAVE))
        }
    }
}

/// What is tried.
struct Search {
    range: Range,
    choice: Choice,
    widths: Widths,
    bins: Vec<Bin>,
    /// Counts, and `c ln(c / w)`, of the bins before each, and of all.
    sums: Vec<[f64; 2]>,
}

/// The best range; all of it if no other can be tried.
pub(super) fn least_divergence(bins: &Bins, range: Range, choice: Choice) -> Range {
    let counted = bins.counted();
    let Some(median) = median_magnitude(&counted) else {
        return range;
    };
    let widths = Widths::of(median);
    let bins = joined(&counted, widths, range);
    let mut sums = Vec::with_capacity(bins.len() + 1);
    let mut sum = [0.0; 2];
    sums.push(sum);
    for bin in &bins {
        sum[0] += bin.count;
        sum[1] += n_ln(bin.count, bin.count / bin.width);
        sums.push(sum);
    }
    let search = Search { range, choice, widths, bins, sums };
    search.run(widths.joined(median) + 1)
}

/// The bin, in magnitude, up to which there is half of the numbers that are not in that of 0.
fn median_magnitude(counted: &[(i32, u64)]) -> Option<i32> {
    let not_zero = counted.iter().filter(|(bin, _)| *bin != 0);
    let mut counted: Vec<_> = not_zero.map(|&(bin, n)| (bin.abs(), n as f64)).collect();
    counted.sort_unstable_by_key(|&(bin, _)| bin);
    let all: f64 = counted.iter().map(|(_, count)| count).sum();
    let mut within = 0.0;
    let median = counted.iter().find(|(_, count)| {
        within += count;
        2.0 * within >= all
    });
    median.map(|&(bin, _)| bin)
}

/// The bins, that of 0 with at most as many numbers as the larger of its neighbours has.
fn joined(counted: &[(i32, u64)], widths: Widths, range: Range) -> Vec<Bin> {
    let mut bins: Vec<Bin> = Vec::with_capacity(counted.len());
    for &(bin, count) in counted {
        let (bin, count) = (widths.joined(bin), count as f64);
        match bins.last_mut() {
            Some(last) if last.bin == bin => last.count += count,
            _ => {
                let (from, to) = if bin < 0 {
                    (-widths.edge(-bin), -widths.edge(-1 - bin))
                } else {
                    (widths.edge(bin), widths.edge(bin + 1))
                };
                let centre = f64::midpoint(from, to);
                bins.push(Bin {
                    bin,
                    count,
                    width: to - from,
                    value: centre.clamp(range.min.into(), range.max.into()),
                });
            }
        }
    }
    if let Ok(zeros) = bins.binary_search_by_key(&0, |bin| bin.bin)
        && bins.len() > 1
    {
        let count = |bin: i32| {
            let found = bins.binary_search_by_key(&bin, |bin| bin.bin);
            found.map_or(0.0, |i| bins[i].count)
        };
        bins[zeros].count = bins[zeros].count.min(count(-1).max(count(1)));
        if bins[zeros].count == 0.0 {
            bins.remove(zeros);
        }
    }
    bins
}

impl Search {
    /// Tries edges from the farthest on, as far as `least`.
    fn run(&self, least: i32) -> Range {
        let outer = |bin: &Bin| if bin.bin < 0 { -bin.bin } else { bin.bin + 1 };
        let mut bounds: Vec<_> = self.bins.iter().map(outer).collect();
        bounds.retain(|&bound| bound >= least);
        bounds.sort_unstable_by_key(|&bound| -bound);
        bounds.dedup();
        let mut best = (f64::INFINITY, self.range);
        for &bound in bounds.iter().step_by(bounds.len() / BOUNDS + 1) {
            let Range { min, max } = self.range;
            let edge = self.widths.edge(bound);
            let within = |x: f64| x.clamp(min.into(), max.into()) as f32;
            let range = Range::new(within(-edge), within(edge));
            if let Ok(raw) = self.choice.compiled(range)
                && let Some(divergence) = self.divergence(bound, &raw)
                && divergence < best.0 - ROUNDED
            {
                best = (divergence, range);
            }
        }
        best.1
    }

    /// `Σ P ln(P / Q)` for the bins within, if `Q > 0` wherever `P > 0`.
    fn divergence(&self, bound: i32, raw: &RawParams) -> Option<f64> {
        let [first, end] = [-bound, bound].map(|b| self.bins.partition_point(|bin| bin.bin < b));
        if first == end {
            return None;
        }
        let total = self.sums[self.bins.len()][0];
        let beyond = [self.sums[first][0], total - self.sums[end][0]];
        let last = end - 1;
        if beyond[0] > 0.0 && self.bins[first].bin != -bound
            || beyond[1] > 0.0 && self.bins[last].bin != bound - 1
        {
            return None;
        }
        // Σ p ln(p / w), by way of that without what is beyond.
        let mut own = self.sums[end][1] - self.sums[first][1];
        let mut with = |i: usize, beyond: f64| {
            let Bin { count, width, .. } = self.bins[i];
            own += n_ln(count + beyond, (count + beyond) / width) - n_ln(count, count / width);
        };
        // One bin alone has others beyond it on one side at most.
        with(first, beyond[0]);
        with(last, beyond[1]);
        // Σ p ln(q / w), code by code.
        let scale = f64::from(raw.scale);
        let (mut cross, mut from) = (0.0, first);
        for code in raw.lo()..=raw.hi() {
            let bound = (f64::from(code - raw.zero_point) + 0.5) * scale;
            let to = if code == raw.hi() {
                end
            } else {
                count_from(&self.bins[..end], from, |bin| bin.value < bound)
            };
            if to > from {
                let count = self.sums[to][0] - self.sums[from][0];
                // Not as a difference of sums: widths may be of any magnitude.
                let width: f64 = self.bins[from..to].iter().map(|bin| bin.width).sum();
                let lower = if from == first { beyond[0] } else { 0.0 };
                let upper = if to == end { beyond[1] } else { 0.0 };
                cross += n_ln(count + lower + upper, count / width);
                from = to;
            }
        }
        let within = self.sums[end][0] - self.sums[first][0];
        Some((own - cross) / total + libm::log(within / total))
    }
}

/// `a · ln b`, and 0 for nothing.
fn n_ln(a: f64, b: f64) -> f64 {
    if a > 0.0 { a * libm::log(b) } else { 0.0 }
}
