//! The range with the least `Σ c · (v − v̂)²`, of values `v` that come `c` times.

use super::bars::{Bars, count_from};
use crate::values::params::{Choice, Range, RawParams};
use crate::values::rounding::rne;
use std::vec::Vec;

/// Steps from one end of what is tried to the other, where both ends of the range are tried.
const STEPS_OF_TWO: i32 = 32;

/// The same where one is.
const STEPS_OF_ONE: i32 = 256;

/// How often the steps are halved.
const HALVINGS: i32 = 8;

/// What one range must lose less than another to be better for certain: the sums of a measurement in f32
/// may be off by `70 · 2⁻²⁴` of themselves.
const CERTAIN: f64 = 1.0 + 1.0 / (1 << 16) as f64;

/// What is tried: ranges with ends between 0 (or the end that is nearest to it) and those of the data.
struct Search<'a> {
    bars: &'a Bars,
    choice: Choice,
    /// Counts, sums, and sums of squares of the values before each.
    sums: Vec<[f64; 3]>,
    best: [f64; 2],
    range: Range,
    error: f64,
}

/// The best range; all of it if there are no parameters for any.
pub(super) fn least_squares(bars: &Bars, choice: Choice) -> Range {
    let mut search = Search {
        bars,
        choice,
        sums: bars.sums(|n, value| [n, n * value, n * value * value]),
        best: [1.0; 2],
        range: bars.range,
        error: f64::INFINITY,
    };
    search.run();
    search.range
}

/// `Σ c · (v − v̂)²`, value by value, with `v̂` as it is in f32.
fn measured(bars: &Bars, raw: &RawParams) -> f64 {
    let [lo, hi] = raw.offsets();
    let error = |value: f64| {
        let offset = rne(value as f32 / raw.scale) as f32;
        value - f64::from(offset.clamp(lo, hi) * raw.scale)
    };
    let bars = bars.bars.iter();
    bars.map(|bar| bar.count * error(bar.value).powi(2)).sum()
}

impl Search<'_> {
    fn run(&mut self) {
        let Range { min, max } = self.bars.range;
        // Which ends there are to move.
        let moves = if self.choice.is_symmetric() { [false, true] } else { [min < 0.0, max > 0.0] };
        let steps = if moves == [true; 2] { STEPS_OF_TWO } else { STEPS_OF_ONE };
        let [lower, upper] = moves.map(|moves| if moves { 0 } else { steps }..=steps);
        // All of the range first: what is no better does not replace it. If that has no parameters,
        // nothing has.
        self.attempt([1.0; 2]);
        if self.error == f64::INFINITY {
            return;
        }
        for i in lower.rev() {
            for j in upper.clone().rev() {
                self.attempt([i, j].map(|i| f64::from(i) / f64::from(steps)));
            }
        }
        let mut step = 1.0 / f64::from(steps);
        for _ in 0..HALVINGS {
            step /= 2.0;
            let [lower, upper] = self.best;
            for i in if moves[0] { -1..=1 } else { 0..=0 } {
                for j in if moves[1] { -1..=1 } else { 0..=0 } {
                    let at = [lower + f64::from(i) * step, upper + f64::from(j) * step];
                    self.attempt(at.map(|at| at.clamp(0.0, 1.0)));
                }
            }
        }
        // Sums of squares less sums of squares are rounded: what is chosen must hold without these.
        let whole = self.bars.range;
        let measured = [whole, self.range].map(|range| {
            let raw = self.choice.compiled(range).ok();
            raw.map_or(f64::INFINITY, |raw| measured(self.bars, &raw))
        });
        if measured[0] <= measured[1] * CERTAIN {
            self.range = whole;
        }
    }

    /// Tries the range with its ends at these fractions of the way.
    fn attempt(&mut self, at: [f64; 2]) {
        let Range { min, max } = self.bars.range;
        let [lower, upper] = at;
        let range = if self.choice.is_symmetric() {
            let bound = (upper * f64::from(max.abs().max(min.abs()))) as f32;
            Range::new((-bound).clamp(min, max), bound.clamp(min, max))
        } else {
            let from = 0.0_f32.clamp(min, max);
            Range::new(between(from, min, lower), between(from, max, upper))
        };
        // A point at 0 would have the scale 1.
        if (range.min < range.max || at == [1.0; 2])
            && let Ok(raw) = self.choice.compiled(range)
        {
            let error = self.error(&raw);
            if error < self.error {
                (self.best, self.range, self.error) = (at, range, error);
            }
        }
    }

    /// `Σ c · (v − v̂)²`, code by code: of the values that get it, by their sums.
    fn error(&self, raw: &RawParams) -> f64 {
        let scale = f64::from(raw.scale);
        let (mut error, mut from) = (0.0, 0);
        for code in raw.lo()..=raw.hi() {
            let offset = f64::from(code - raw.zero_point);
            let bars = &self.bars.bars;
            let to = if code == raw.hi() {
                bars.len()
            } else {
                let bound = (offset + 0.5) * scale;
                count_from(bars, from, |bar| bar.value < bound)
            };
            if to > from {
                let (value, mut sums) = (offset * scale, self.sums[to]);
                for (sum, before) in sums.iter_mut().zip(self.sums[from]) {
                    *sum -= before;
                }
                let [n, sum, squares] = sums;
                error += squares - value * (2.0 * sum - value * n);
                from = to;
            }
        }
        error
    }
}

/// So much of the way.
fn between(from: f32, to: f32, part: f64) -> f32 {
    (f64::from(from) + part * (f64::from(to) - f64::from(from))) as f32
}
