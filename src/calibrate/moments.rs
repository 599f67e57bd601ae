//! Mean and variance of a stream.

use crate::measure::moments::MomentSums;
use crate::tier::Tier;

/// How many numbers, their mean, and `Σ (x − mean)²`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Moments {
    n: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Of a chunk.
    pub(super) fn of(tier: Tier, x: &[f32]) -> Self {
        let MomentSums { near, off, squares } = tier.moment_sums(x);
        Self { n: x.len() as f64, mean: f64::from(near) + off, squares }
    }

    /// Of both (by Chan and others, 1979).
    pub(super) fn merge(&mut self, other: &Self) {
        let n = self.n + other.n;
        if n > 0.0 {
            let difference = other.mean - self.mean;
            let share = other.n / n;
            self.mean += difference * share;
            self.squares += other.squares + difference * difference * self.n * share;
        }
        self.n = n;
    }

    pub(super) const fn mean(&self) -> f64 {
        self.mean
    }

    /// The standard deviation, `√(Σ (x − mean)² / n)`; `None` if all numbers are equal.
    pub(super) fn deviation(&self) -> Option<f64> {
        let deviation = (self.squares / self.n).sqrt();
        (deviation > 0.0).then_some(deviation)
    }
}
