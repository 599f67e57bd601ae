//! `Σ (xᵢ − yᵢ)²`, `Σ xᵢ²`, `Σ yᵢ²`, `Σ xᵢ yᵢ`, `maxᵢ |xᵢ − yᵢ|`

use crate::check::one_for_each;
use crate::elementwise::fake_quantize::FakeQuantize;
use crate::error::Error;
use crate::kernels::sums::{BLOCK, Terms, sums};
use crate::simd::Simd;
use crate::simd::environment::in_default;
use crate::tier::{Composition, Entry, Operation, Tier, composed_entries, entries};
use crate::values::code::Code;
use crate::values::params::{QuantParams, RawParams};

/// How near `y` is to `x`: what quantization has made of a tensor, to what it was.
///
/// All measures are made of four sums in the order that [the contract](crate#sums) says, of
/// differences, squares and products rounded to f32; in blocks for which f32 lacks the range, of
/// differences, squares and products in f64. What is done with the sums is done in f64. So the
/// measures are right for all finite numbers, the largest and the smallest too. A NaN in `x` or `y`
/// makes them NaN.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fidelity {
    pub(crate) count: u64,
    /// `Σ (xᵢ − yᵢ)²`, `Σ xᵢ²`, `Σ yᵢ²`, `Σ xᵢ yᵢ`.
    pub(crate) sums: [f64; 4],
    /// `maxᵢ |xᵢ − yᵢ|`, without NaN.
    pub(crate) farthest: f32,
}

impl Fidelity {
    /// The mean squared error: `Σ (xᵢ − yᵢ)² / n`; 0 of nothing.
    #[must_use]
    pub fn mean_squared_error(&self) -> f64 {
        in_default(|| canonical(self.sums[0] / self.count.max(1) as f64))
    }

    /// The ratio of signal to quantization noise, in decibels: `10 · log10(Σ xᵢ² / Σ (xᵢ − yᵢ)²)`;
    /// infinite if there is no noise.
    #[must_use]
    pub fn sqnr_db(&self) -> f64 {
        let [noise, signal, ..] = self.sums;
        in_default(|| {
            if noise == 0.0 { f64::INFINITY } else { canonical(10.0 * libm::log10(signal / noise)) }
        })
    }

    /// The largest error: `maxᵢ |xᵢ − yᵢ|`, rounded to f32 (so it may be infinite); 0 of nothing.
    #[must_use]
    pub fn max_abs_error(&self) -> f32 {
        if self.sums[0].is_nan() { f32::NAN } else { self.farthest }
    }

    /// The cosine of the angle between them: `Σ xᵢ yᵢ / √(Σ xᵢ² · Σ yᵢ²)`, clamped to [−1, 1]; 0 if one
    /// of them is 0. It is exactly 1 or −1 where `y` is `x` or `−x`.
    #[must_use]
    pub fn cosine_similarity(&self) -> f64 {
        let [_, xx, yy, xy] = self.sums;
        in_default(|| {
            if xx == 0.0 || yy == 0.0 {
                0.0
            } else {
                canonical((xy / libm::sqrt(xx * yy)).clamp(-1.0, 1.0))
            }
        })
    }

    /// That of two parts of a tensor, taken together. (Parts give the sums of the whole, bit for bit,
    /// if they are taken in their order, and all but the last are a multiple of 4096 elements.)
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.count += other.count;
        in_default(|| {
            for i in 0..4 {
                self.sums[i] += other.sums[i];
            }
            self.farthest = self.farthest.max(other.farthest);
        });
        self
    }
}

/// `a`; one and the same NaN on all CPUs.
fn canonical(a: f64) -> f64 {
    if a.is_nan() { f64::NAN } else { a }
}

/// How near `y` is to `x`: errors, signal to noise, cosine.
///
/// # Errors
/// [`Error::Length`] if they differ in length.
///
/// ```
/// # use zeropoint::measure::fidelity;
/// let found = fidelity(&[3.0, 4.0], &[3.0, 4.5])?;
/// assert_eq!(found.mean_squared_error(), 0.125);
/// assert_eq!(found.max_abs_error(), 0.5);
/// assert_eq!(found.sqnr_db(), 20.0); // 25 to 0.25
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn fidelity(x: &[f32], y: &[f32]) -> Result<Fidelity, Error> {
    Tier::best().fidelity(x, y)
}

/// How near to `x` it is what quantization would make of it: [`fidelity()`] of `x` and
/// [`fake_quantize()`](crate::fake_quantize()), which is not written to memory.
///
/// ```
/// # use zeropoint::{QuantParams, measure::quantization_fidelity};
/// let params = QuantParams::<i8>::new(0.5, 0)?;
/// let found = quantization_fidelity(&[1.0, 0.75, 64.0], params);
/// assert_eq!(found.max_abs_error(), 0.5); // 64.0 saturates to 63.5, 0.75 goes to 1.0
/// assert_eq!(found.mean_squared_error(), 0.3125 / 3.0);
/// # Ok::<(), zeropoint::Error>(())
/// ```
#[must_use]
pub fn quantization_fidelity<Q: Code>(x: &[f32], params: QuantParams<Q>) -> Fidelity {
    Tier::best().quantization_fidelity(x, params)
}

impl Tier {
    /// [`fidelity`](crate::measure::fidelity()) on this tier.
    ///
    /// # Errors
    /// As there.
    pub fn fidelity(self, x: &[f32], y: &[f32]) -> Result<Fidelity, Error> {
        one_for_each(("y", y.len()), ("elements of `x`", x.len()))?;
        Ok(Between { x, y }.on(self))
    }

    /// [`quantization_fidelity`](crate::measure::quantization_fidelity()) on this tier.
    #[must_use]
    pub fn quantization_fidelity<Q: Code>(self, x: &[f32], params: QuantParams<Q>) -> Fidelity {
        OfQuantization { x, raw: params.raw() }.on(self)
    }
}

composed_entries!(OfQuantization<'_>);

entries!(Between<'_>);

struct Between<'a> {
    x: &'a [f32],
    y: &'a [f32],
}

impl Operation for Between<'_> {
    type Output = Fidelity;

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) -> Fidelity {
        between(s, self.x, self.y)
    }
}

struct OfQuantization<'a> {
    x: &'a [f32],
    raw: &'a RawParams,
}

impl Composition for OfQuantization<'_> {
    type Output = Fidelity;

    fn run(&mut self, tier: Tier) -> Fidelity {
        let mut total = Fidelity::default();
        let mut y = [0.0; BLOCK];
        for x in self.x.chunks(BLOCK) {
            let y = &mut y[..x.len()];
            FakeQuantize { x, raw: self.raw, out: &mut *y }.enter(tier, true);
            total = total.merge(Between { x, y }.enter(tier, true));
        }
        total
    }
}

#[inline(always)]
fn between<S: Simd>(s: S, x: &[f32], y: &[f32]) -> Fidelity {
    let mut kernel = Kernel::<S> { farthest: s.splat_f32(0.0) };
    Fidelity {
        sums: sums(s, &mut kernel, [x, y]),
        farthest: s.reduce_max(kernel.farthest),
        count: x.len() as u64,
    }
}

struct Kernel<S: Simd> {
    farthest: S::F32,
}

impl<S: Simd> Terms<S, 2, 4> for Kernel<S> {
    const SQUARES: [bool; 4] = [true, true, true, false];

    #[inline(always)]
    fn add(&mut self, s: S, [noise, xx, yy, xy]: [S::F32; 4], [x, y]: [S::F32; 2]) -> [S::F32; 4] {
        let error = s.sub(x, y);
        self.farthest = s.max(s.abs(error), self.farthest);
        [
            s.add(noise, s.mul(error, error)),
            s.add(xx, s.mul(x, x)),
            s.add(yy, s.mul(y, y)),
            s.add(xy, s.mul(x, y)),
        ]
    }

    #[inline(always)]
    fn wide(&self, [x, y]: [f64; 2]) -> [f64; 4] {
        let error = x - y;
        [error * error, x * x, y * y, x * y]
    }
}
