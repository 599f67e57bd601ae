//! `mean = Σ xᵢ / n`, `variance = Σ (xᵢ − mean)² / n`

use crate::kernels::sums::{Terms, sums};
use crate::simd::Simd;
use crate::simd::environment::in_default;
use crate::tier::{Entry, Operation, Tier, entries};

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
/// They are made of [sums](crate#sums) about a number `c` near the mean:
///
/// ```text
/// c = f32(Σ xᵢ / n)
/// A = Σ (xᵢ − c),  B = Σ (xᵢ − c)²
/// if n · c² <= 8 · B:  mean = c,          variance = B / n
/// else:                mean = c + A / n,  variance = max(B − A · (A / n), 0) / n
/// ```
///
/// Differences and squares are rounded to f32; what is done with the sums is done in f64, from left
/// to right, and `mean` and `variance` are rounded to f32 at the end. In the second case, where the
/// mean is far from 0, and if `17 · A² > n · B`, where `c` is not near enough, `c` is first replaced
/// by `f32(c + A / n)`, and `A` and `B` are made again.
///
/// So whatever the distance from 0, the mean is off by at most 2⁻¹⁶ standard deviations and its
/// rounding to f32, and the variance by 2⁻¹⁵ of itself. Numbers that are all equal have exactly that
/// mean, and the variance 0. A variance beyond f32 is infinite. With a NaN or an infinity in `x` it is
/// NaN, and the mean NaN or infinite.
///
/// ```
/// # use zeropoint::measure::{Moments, moments};
/// let found = moments(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
/// assert_eq!(found, Some(Moments { mean: 5.0, variance: 4.0 }));
/// assert_eq!(moments(&[]), None);
/// ```
#[must_use]
pub fn moments(x: &[f32]) -> Option<Moments> {
    Tier::best().moments(x)
}

impl Tier {
    /// [`moments`](crate::measure::moments()) on this tier.
    #[must_use]
    pub fn moments(self, x: &[f32]) -> Option<Moments> {
        (!x.is_empty()).then(|| in_default(|| self.moment_sums(x).moments(x.len())))
    }

    /// The sums that moments are made of.
    pub(crate) fn moment_sums(self, x: &[f32]) -> MomentSums {
        MomentsOf { x }.on(self)
    }
}

/// The sums that moments are made of.
#[derive(Clone, Copy)]
pub(crate) struct MomentSums {
    /// A number near the mean. It is infinite or NaN if there is such an element.
    pub(crate) near: f32,
    /// The mean less `near`.
    pub(crate) off: f64,
    /// `Σ (xᵢ − mean)²`.
    pub(crate) squares: f64,
}

impl MomentSums {
    /// Of so many numbers.
    fn moments(self, n: usize) -> Moments {
        let mean = (f64::from(self.near) + self.off) as f32;
        let variance = (self.squares / n as f64) as f32;
        let canonical = |of: f32| if of.is_nan() { f32::NAN } else { of };
        Moments { mean: canonical(mean), variance: canonical(variance) }
    }
}

entries!(MomentsOf<'_>);

struct MomentsOf<'a> {
    x: &'a [f32],
}

impl Operation for MomentsOf<'_> {
    type Output = MomentSums;

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) -> MomentSums {
        moment_sums(s, self.x)
    }
}

#[inline(always)]
pub(crate) fn moment_sums<S: Simd>(s: S, x: &[f32]) -> MomentSums {
    let n = x.len() as f64;
    let [sum] = sums(s, &mut Sum, [x]);
    let mut near = (sum / n) as f32;
    // What is filled in for missing elements would not be 0 otherwise.
    if !near.is_finite() {
        return MomentSums { near, off: 0.0, squares: f64::NAN };
    }
    let [squares] = sums(s, &mut Distances { near }, [x]);
    // Near 0, seen from the elements: the rounding of `near` is small beside their distances from it.
    if n * f64::from(near) * f64::from(near) <= 8.0 * squares {
        return MomentSums { near, off: 0.0, squares };
    }
    let [mut distances, mut squares] = sums(s, &mut Both(Distances { near }), [x]);
    // Farther from the mean than a quarter of the standard deviation: to correct the sums for that
    // would cost precision.
    if 17.0 * (distances * distances) > n * squares {
        near = (f64::from(near) + distances / n) as f32;
        [distances, squares] = sums(s, &mut Both(Distances { near }), [x]);
    }
    let off = distances / n;
    let squares = (squares - distances * off).max(0.0);
    MomentSums { near, off, squares }
}

/// `Σ xᵢ²`.
#[inline(always)]
pub(crate) fn squares<S: Simd>(s: S, x: &[f32]) -> f64 {
    let [squares] = sums(s, &mut Distances { near: 0.0 }, [x]);
    squares
}

/// `Σ xᵢ`
struct Sum;

impl<S: Simd> Terms<S, 1, 1> for Sum {
    const SQUARES: [bool; 1] = [false];

    #[inline(always)]
    fn add(&mut self, s: S, [sum]: [S::F32; 1], [x]: [S::F32; 1]) -> [S::F32; 1] {
        [s.add(sum, x)]
    }

    #[inline(always)]
    fn wide(&self, x: [f64; 1]) -> [f64; 1] {
        x
    }
}

/// `Σ (xᵢ − near)²`
struct Distances {
    near: f32,
}

impl<S: Simd> Terms<S, 1, 1> for Distances {
    const SQUARES: [bool; 1] = [true];

    #[inline(always)]
    fn fill(&self) -> f32 {
        self.near
    }

    #[inline(always)]
    fn add(&mut self, s: S, [squares]: [S::F32; 1], [x]: [S::F32; 1]) -> [S::F32; 1] {
        let distance = s.sub(x, s.splat_f32(self.near));
        [s.add(squares, s.mul(distance, distance))]
    }

    #[inline(always)]
    fn wide(&self, [x]: [f64; 1]) -> [f64; 1] {
        let distance = x - f64::from(self.near);
        [distance * distance]
    }
}

/// `Σ (xᵢ − near)`, `Σ (xᵢ − near)²`
struct Both(Distances);

impl<S: Simd> Terms<S, 1, 2> for Both {
    const SQUARES: [bool; 2] = [false, true];

    #[inline(always)]
    fn fill(&self) -> f32 {
        self.0.near
    }

    #[inline(always)]
    fn add(&mut self, s: S, [sum, squares]: [S::F32; 2], [x]: [S::F32; 1]) -> [S::F32; 2] {
        let distance = s.sub(x, s.splat_f32(self.0.near));
        [s.add(sum, distance), s.add(squares, s.mul(distance, distance))]
    }

    #[inline(always)]
    fn wide(&self, [x]: [f64; 1]) -> [f64; 2] {
        let distance = x - f64::from(self.0.near);
        [distance, distance * distance]
    }
}
