//! The bound of `|x|` with the least divergence of `Q` from `P`: see
//! [`Method::Entropy`](super::Method::Entropy).

use super::bars::Bars;
use crate::params::{Choice, Range};

/// How many bounds are tried, about.
const BOUNDS: usize = 512;

/// The best range; all of it if no other can be tried.
pub(super) fn least_divergence(mut bars: Bars, choice: Choice) -> Range {
    let end = bars.first + bars.counts.len() as i32;
    bound_zeros(&mut bars);
    // Counts, bins that are not empty, and `c ln c`.
    let sums = bars.sums(|n, _| [n, f64::from(n > 0.0), n_ln(n, n)]);
    // The bound that has one bin within, and the one that has all, in bins.
    let (least, most) = (1.max(bars.first + 1).max(1 - end), end.max(-bars.first));
    let mut best = (f64::INFINITY, bars.range);
    for bound in (least..=most)
        .rev()
        .step_by((most - least) as usize / BOUNDS + 1)
    {
        let ends = [bars.first.max(-bound), end.min(bound)];
        let within = ends.map(|bin| (bin - bars.first) as usize);
        let range = range_of(&bars, within);
        if let Some(divergence) = divergence(&bars, &sums, choice, within, range)
            && divergence < best.0
        {
            best = (divergence, range);
        }
    }
    best.1
}

/// Lets the bin of 0 count at most as much as the larger of its neighbours.
fn bound_zeros(bars: &mut Bars) {
    let zeros = usize::try_from(-bars.first).unwrap_or(usize::MAX);
    if zeros < bars.counts.len() && bars.counts.len() > 1 {
        let before = zeros.checked_sub(1).map_or(0.0, |i| bars.counts[i]);
        let after = bars.counts.get(zeros + 1).map_or(0.0, |&count| count);
        bars.counts[zeros] = bars.counts[zeros].min(before.max(after));
    }
}

/// From where one bin begins to where another one does, or the ends of all.
fn range_of(bars: &Bars, [from, to]: [usize; 2]) -> Range {
    let min = bars.edge(from).max(bars.range.min.into());
    let max = bars.edge(to).min(bars.range.max.into());
    Range::new(min as f32, max as f32)
}

/// `a · ln b`, and 0 for nothing.
fn n_ln(a: f64, b: f64) -> f64 {
    if a > 0.0 { a * libm::log(b) } else { 0.0 }
}

/// `Σ P ln(P / Q)` for the bins from one to another, if `Q > 0` wherever `P > 0`, and there are as many
/// bins as codes.
fn divergence(
    bars: &Bars,
    sums: &[[f64; 3]],
    choice: Choice,
    [first, end]: [usize; 2],
    range: Range,
) -> Option<f64> {
    let grid = choice.compiled(range).ok()?;
    let total = sums[bars.counts.len()][0];
    let beyond = [sums[first][0], total - sums[end][0]];
    let edges = [bars.counts[first], bars.counts[end - 1]];
    if (0..2).any(|i| beyond[i] > 0.0 && edges[i] == 0.0) {
        return None;
    }
    // Σ p ln p, by way of that without what is beyond.
    let mut own = sums[end][2] - sums[first][2];
    for i in 0..2 {
        own += n_ln(edges[i] + beyond[i], edges[i] + beyond[i]) - n_ln(edges[i], edges[i]);
    }
    // Σ p ln q, code by code.
    let scale = f64::from(grid.scale);
    let (mut cross, mut from) = (0.0, first);
    for code in grid.lo()..=grid.hi() {
        let offset = f64::from(code - grid.zero_point);
        let to = if code == grid.hi() {
            end
        } else {
            bars.below((offset + 0.5) * scale).clamp(first, end)
        };
        if to > from {
            let count = sums[to][0] - sums[from][0];
            let bins = sums[to][1] - sums[from][1];
            let lower = if from == first { beyond[0] } else { 0.0 };
            let upper = if to == end { beyond[1] } else { 0.0 };
            cross += n_ln(count + lower + upper, count / bins);
            from = to;
        }
    }
    let [lo, hi] = grid.offsets().map(f64::from);
    let [least, most] =
        [range.min, range.max].map(|x| (f64::from(x) / scale).round().clamp(lo, hi));
    let enough = (end - first) as f64 > most - least;
    let within = sums[end][0] - sums[first][0];
    (enough && within > 0.0).then(|| (own - cross) / total + libm::log(within / total))
}
