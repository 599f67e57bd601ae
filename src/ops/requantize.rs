//! `q = clamp(rne(f32(acc) · m) + z, lo, hi)`, or with `(acc · M + half) >> shift` for the product

use super::encode::{Encode, Encoder, encode};
use crate::drive::{Codes, Ints, Map, is_big, map};
use crate::element::{Code, sealed::CodesMut};
use crate::error::{Error, same_length};
use crate::multiplier::{Factor, Fixed, Multiplier};
use crate::params::{Grid, QuantParams};
use crate::reference;
use crate::simd::{Byte, Simd};
use crate::tier::{Operation, Tier};

/// Requantizes: turns the i32 accumulators of an integer product into codes.
///
/// By a real multiplier `m`, `out[i] = clamp(rne(f32(accumulators[i]) · m) + z, lo, hi)`: the
/// accumulator is rounded to f32, the product too, and that to an integer, each half to even. By a
/// fixed-point multiplier `M · 2^−shift`, `out[i] = clamp(((accumulators[i] · M + 2^(shift − 1)) >>
/// shift) + z, lo, hi)`, exact but for one rounding, half up: the single rounding of TensorFlow
/// Lite. Both saturate. Of `params`, the zero point and the codes in use count; a ReLU is
/// `lo = z`. See [`Multiplier`] for examples.
///
/// # Errors
/// [`Error::Length`] if `accumulators` and `out` differ in length.
pub fn requantize<Q: Code>(
    accumulators: &[i32],
    multiplier: Multiplier,
    params: QuantParams<Q>,
    out: &mut [Q],
) -> Result<(), Error> {
    Tier::best().requantize(accumulators, multiplier, params, out)
}

impl Tier {
    /// [`requantize`](crate::requantize()) on this tier.
    ///
    /// # Errors
    /// As there.
    pub fn requantize<Q: Code>(
        self,
        accumulators: &[i32],
        multiplier: Multiplier,
        params: QuantParams<Q>,
        out: &mut [Q],
    ) -> Result<(), Error> {
        same_length(accumulators.len(), out.len())?;
        compiled(
            self,
            accumulators,
            multiplier,
            params.grid(),
            Q::erase_mut(out),
        )
    }
}

fn compiled(
    tier: Tier,
    accumulators: &[i32],
    multiplier: Multiplier,
    grid: &Grid,
    out: CodesMut<'_>,
) -> Result<(), Error> {
    match out {
        CodesMut::U8(out) => tier.run(Requantize {
            accumulators,
            multiplier,
            grid,
            out,
        }),
        CodesMut::I8(out) => tier.run(Requantize {
            accumulators,
            multiplier,
            grid,
            out,
        }),
    }
}

struct Requantize<'a, Q> {
    accumulators: &'a [i32],
    multiplier: Multiplier,
    grid: &'a Grid,
    out: &'a mut [Q],
}

impl<Q: Byte> Operation for Requantize<'_, Q> {
    type Output = Result<(), Error>;

    fn scalar(&mut self) -> Result<(), Error> {
        let params = QuantParams::of(*self.grid);
        reference::requantize(self.accumulators, self.multiplier, params, self.out)
    }

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) -> Result<(), Error> {
        let grid = self.grid;
        match self.multiplier.0 {
            Factor::Real(multiplier) if multiplier < 1.0 => {
                encode(s, grid, (&mut *self, Real::<false>(multiplier)));
            }
            Factor::Real(multiplier) => {
                encode(s, grid, (&mut *self, Real::<true>(multiplier)));
            }
            Factor::Fixed(fixed) if i64::from(fixed.multiplier) < 1 << fixed.shift => {
                encode(s, grid, (&mut *self, Shifted::<false> { fixed, limit: 0 }));
            }
            Factor::Fixed(fixed) => {
                // The smallest accumulator whose product is beyond all codes.
                let multiplier = u64::from(fixed.multiplier.unsigned_abs());
                let limit = (BEYOND << fixed.shift).div_ceil(multiplier) as i32;
                encode(s, grid, (&mut *self, Shifted::<true> { fixed, limit }));
            }
        }
        Ok(())
    }
}

/// An integer beyond all codes, whatever the zero point.
const BEYOND: u64 = 1 << 16;

/// How an accumulator becomes an integer.
trait Product<S: Simd>: Copy {
    fn of(self, s: S, accumulators: S::I32) -> S::I32;
}

/// By a real multiplier. `LARGE`: it is 1 or more, so products may be too large for an integer.
#[derive(Clone, Copy)]
struct Real<const LARGE: bool>(f32);

impl<S: Simd, const LARGE: bool> Product<S> for Real<LARGE> {
    #[inline(always)]
    fn of(self, s: S, accumulators: S::I32) -> S::I32 {
        let mut product = s.mul(s.to_f32(accumulators), s.splat_f32(self.0));
        if LARGE {
            let beyond = BEYOND as f32;
            product = s.clamp(product, s.splat_f32(-beyond), s.splat_f32(beyond));
        }
        s.round(product)
    }
}

/// By a fixed-point multiplier. `LARGE`: it is 1 or more, so products may be too large for an
/// integer; but beyond `limit` they are beyond all codes.
#[derive(Clone, Copy)]
struct Shifted<const LARGE: bool> {
    fixed: Fixed,
    limit: i32,
}

impl<S: Simd, const LARGE: bool> Product<S> for Shifted<LARGE> {
    #[inline(always)]
    fn of(self, s: S, mut accumulators: S::I32) -> S::I32 {
        if LARGE {
            let (lo, hi) = (s.splat_i32(-self.limit), s.splat_i32(self.limit));
            accumulators = s.clamp_i32(accumulators, lo, hi);
        }
        s.mul_shift(accumulators, self.fixed)
    }
}

impl<S: Simd, Q: Byte, P: Product<S>> Encode<S, Q> for (&mut Requantize<'_, Q>, P) {
    #[inline(always)]
    fn with<const SHIFT: bool, const FLOOR: bool, const CEIL: bool>(
        self,
        s: S,
        encoder: Encoder<S, Q, SHIFT, FLOOR, CEIL>,
    ) {
        let (operation, product) = self;
        let (x, out) = (operation.accumulators, &mut *operation.out);
        let is_big = is_big(size_of_val(x) + size_of_val(out));
        map(s, &mut Kernel { product, encoder }, x, out, is_big);
    }
}

struct Kernel<S: Simd, Q, P, const SHIFT: bool, const FLOOR: bool, const CEIL: bool> {
    product: P,
    encoder: Encoder<S, Q, SHIFT, FLOOR, CEIL>,
}

impl<S: Simd, Q: Byte, P, const SHIFT: bool, const FLOOR: bool, const CEIL: bool> Map<S>
    for Kernel<S, Q, P, SHIFT, FLOOR, CEIL>
where
    P: Product<S>,
{
    type In = Ints;
    type Out = Codes<Q>;

    #[inline(always)]
    fn input(&self) -> Ints {
        Ints
    }

    #[inline(always)]
    fn step(&mut self, s: S, [a, b, c, d]: [S::I32; 4]) -> S::U8 {
        let integers = [
            s.narrow_i32(self.product.of(s, a), self.product.of(s, b)),
            s.narrow_i32(self.product.of(s, c), self.product.of(s, d)),
        ];
        self.encoder.codes(s, integers)
    }
}
