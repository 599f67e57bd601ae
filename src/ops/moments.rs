//! `mean = Σ xᵢ / n`, `variance = Σ (xᵢ − mean)² / n`

use crate::reference;
use crate::simd::Simd;
use crate::sums::{Terms, sums};
use crate::tier::{Operation, Tier};

/// The mean of some numbers, and their variance about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// `Σ xᵢ / n`.
    pub mean: f32,
    /// `Σ (xᵢ − mean)² / n`: that of a population, not of a sample.
    pub variance: f32,
}

/// The mean and the variance of `x`; `None` if it is empty.
///
/// The sums are taken in the order that [the contract](crate#sums) says, divided by `n` in f64, and
/// rounded to f32; the differences and their squares are rounded to f32. With a NaN or an infinity
/// in `x`, or a sum of a block beyond f32, the variance is NaN, and the mean NaN or infinite.
///
/// ```
/// # use zeropoint::{Moments, moments};
/// let found = moments(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
/// assert_eq!(found, Some(Moments { mean: 5.0, variance: 4.0 }));
/// assert_eq!(moments(&[]), None);
/// ```
#[must_use]
pub fn moments(x: &[f32]) -> Option<Moments> {
    Tier::best().moments(x)
}

impl Tier {
    /// [`moments`](crate::moments()) on this tier.
    #[must_use]
    pub fn moments(self, x: &[f32]) -> Option<Moments> {
        (!x.is_empty()).then(|| reference::moments_of(self.moment_sums(x), x.len()))
    }

    /// What moments are made of.
    pub(crate) fn moment_sums(self, x: &[f32]) -> MomentSums {
        self.run(MomentsOf { x })
    }
}

/// What moments are made of.
#[derive(Clone, Copy)]
pub(crate) struct MomentSums {
    /// `Σ xᵢ`.
    pub(crate) sum: f64,
    /// Rounded.
    pub(crate) mean: f32,
    /// `Σ (xᵢ − mean)²`.
    pub(crate) squares: f64,
}

struct MomentsOf<'a> {
    x: &'a [f32],
}

impl Operation for MomentsOf<'_> {
    type Output = MomentSums;

    fn scalar(&mut self) -> MomentSums {
        reference::moment_sums(self.x)
    }

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) -> MomentSums {
        moment_sums(s, self.x)
    }
}

#[inline(always)]
pub(super) fn moment_sums<S: Simd>(s: S, x: &[f32]) -> MomentSums {
    let [sum] = sums(s, &mut Sum, [x]);
    let mean = (sum / x.len() as f64) as f32;
    let mut squares = f64::NAN;
    // What is filled in for missing elements would not be 0 otherwise.
    if mean.is_finite() {
        [squares] = sums(s, &mut Distances { mean }, [x]);
    }
    MomentSums { sum, mean, squares }
}

/// `Σ xᵢ²`.
#[inline(always)]
pub(super) fn squares<S: Simd>(s: S, x: &[f32]) -> f64 {
    let [squares] = sums(s, &mut Distances { mean: 0.0 }, [x]);
    squares
}

struct Sum;

impl<S: Simd> Terms<S, 1, 1> for Sum {
    #[inline(always)]
    fn add(&mut self, s: S, [sum]: [S::F32; 1], [x]: [S::F32; 1]) -> [S::F32; 1] {
        [s.add(sum, x)]
    }
}

/// `Σ (xᵢ − mean)²`
struct Distances {
    mean: f32,
}

impl<S: Simd> Terms<S, 1, 1> for Distances {
    #[inline(always)]
    fn fill(&self) -> f32 {
        self.mean
    }

    #[inline(always)]
    fn add(&mut self, s: S, [sum]: [S::F32; 1], [x]: [S::F32; 1]) -> [S::F32; 1] {
        let distance = s.sub(x, s.splat_f32(self.mean));
        [s.add(sum, s.mul(distance, distance))]
    }
}
