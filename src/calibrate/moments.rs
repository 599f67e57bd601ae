//! Mean and variance of a stream.

use crate::ops::MomentSums;
use crate::tier::Tier;

/// How many numbers, their mean, and `Σ (x − mean)²`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Moments {
    n: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Of a chunk. The squares are those of differences from the mean as f32, corrected for what that
    /// is off.
    pub(super) fn of(tier: Tier, x: &[f32]) -> Self {
        let MomentSums { sum, mean, squares } = tier.moment_sums(x);
        let (n, near) = (x.len() as f64, f64::from(mean));
        let mean = sum / n;
        let off = near - mean;
        let squares = (squares - n * off * off).max(0.0);
        Self { n, mean, squares }
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

    /// The standard deviation, `√(Σ (x − mean)² / n)`, if f32 had room for the sums.
    pub(super) fn deviation(&self) -> Option<f64> {
        /// Squares of smaller numbers are subnormal, or nearly.
        const SMALLEST: f64 = 1e-15;
        let deviation = (self.squares / self.n).sqrt();
        (SMALLEST..f64::INFINITY)
            .contains(&deviation)
            .then_some(deviation)
    }
}
