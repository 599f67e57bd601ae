//! `q = clamp(rne(x / s) + z, lo, hi)`

use super::quotient::{Divided, Product, Quotient};
use crate::drive::{Codes, Floats, Map, is_big, map};
use crate::element::{Code, sealed::CodesMut};
use crate::error::{Error, same_length};
use crate::params::{Grid, QuantParams};
use crate::reference;
use crate::simd::{Byte, Simd};
use crate::tier::{Operation, Tier};
use core::marker::PhantomData;

/// Quantizes: `out[i] = clamp(rne(x[i] / s) + z, lo, hi)`.
///
/// `x / s` is the quotient rounded to f32, as in ONNX `QuantizeLinear`, not the product with a
/// reciprocal; `rne` rounds half to even. NaN gives `z`, so it dequantizes to 0.0; ±∞ and what is
/// too large saturate.
///
/// # Errors
/// [`Error::Length`] if `x` and `out` differ in length.
///
/// ```
/// # use zeropoint::{QuantParams, quantize};
/// let params = QuantParams::<u8>::new(2.0, 128)?;
/// let mut codes = [0; 5];
/// quantize(&[0.0, 3.0, 1000.0, -254.0, f32::NAN], params, &mut codes)?;
/// assert_eq!(codes, [128, 130, 255, 1, 128]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn quantize<Q: Code>(x: &[f32], params: QuantParams<Q>, out: &mut [Q]) -> Result<(), Error> {
    Tier::best().quantize(x, params, out)
}

impl Tier {
    /// [`quantize`](crate::quantize()) on this tier.
    ///
    /// # Errors
    /// As there.
    pub fn quantize<Q: Code>(
        self,
        x: &[f32],
        params: QuantParams<Q>,
        out: &mut [Q],
    ) -> Result<(), Error> {
        same_length(x.len(), out.len())?;
        let is_big = is_big(size_of_val(x) + size_of_val(out));
        compiled(self, x, params.grid(), Q::erase_mut(out), is_big)
    }
}

/// `is_big`: that of the whole, where this is a part.
pub(super) fn compiled(
    tier: Tier,
    x: &[f32],
    grid: &Grid,
    out: CodesMut<'_>,
    is_big: bool,
) -> Result<(), Error> {
    match out {
        CodesMut::U8(out) => tier.run(Quantize {
            x,
            grid,
            out,
            is_big,
        }),
        CodesMut::I8(out) => tier.run(Quantize {
            x,
            grid,
            out,
            is_big,
        }),
    }
}

struct Quantize<'a, Q> {
    x: &'a [f32],
    grid: &'a Grid,
    out: &'a mut [Q],
    is_big: bool,
}

impl<Q: Byte> Operation for Quantize<'_, Q> {
    type Output = Result<(), Error>;

    fn scalar(&mut self) -> Result<(), Error> {
        reference::quantize(self.x, QuantParams::of(*self.grid), self.out)
    }

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) -> Result<(), Error> {
        let from_lowest = Q::MIN.into() == i32::from(self.grid.lo);
        let to_highest = Q::MAX.into() == i32::from(self.grid.hi);
        let symmetric = self.grid.zero_point == 0;
        match self.grid.reciprocal {
            Some(r) if symmetric && to_highest => {
                self.map::<S, _, false, true, false>(s, Product::new(s, r));
            }
            Some(r) if from_lowest && to_highest => {
                self.map::<S, _, true, false, false>(s, Product::new(s, r));
            }
            Some(r) => self.map::<S, _, true, true, true>(s, Product::new(s, r)),
            None => {
                let quotient = Divided::new(s, self.grid.scale);
                self.map::<S, _, true, true, true>(s, quotient);
            }
        }
        Ok(())
    }
}

impl<Q: Byte> Quantize<'_, Q> {
    #[inline(always)]
    fn map<S: Simd, D, const SHIFT: bool, const FLOOR: bool, const CEIL: bool>(
        &mut self,
        s: S,
        quotient: D,
    ) where
        D: Quotient<S>,
    {
        let mut kernel = Kernel::<S, Q, D, SHIFT, FLOOR, CEIL> {
            quotient,
            scale: self.grid.scale,
            zero_point: s.splat_i16(self.grid.zero_point),
            lo: s.splat_u8(self.grid.lo as u8),
            hi: s.splat_u8(self.grid.hi as u8),
            watch: s.unwatched(),
            code: PhantomData,
        };
        map(s, &mut kernel, self.x, self.out, self.is_big);
    }
}

/// `SHIFT`: the zero point is not 0. `FLOOR`, `CEIL`: the lowest and highest code in use are not
/// those of the type.
struct Kernel<S: Simd, Q, D, const SHIFT: bool, const FLOOR: bool, const CEIL: bool> {
    quotient: D,
    scale: f32,
    zero_point: S::I16,
    lo: S::U8,
    hi: S::U8,
    watch: S::Watch,
    code: PhantomData<Q>,
}

impl<S: Simd, Q: Byte, D, const SHIFT: bool, const FLOOR: bool, const CEIL: bool>
    Kernel<S, Q, D, SHIFT, FLOOR, CEIL>
{
    /// `clamp(rne(quotients) + z, lo, hi)`.
    #[inline(always)]
    fn codes(&mut self, s: S, quotients: [S::F32; 4]) -> S::U8 {
        let [a, b, c, d] = quotients;
        let mut low = s.narrow_i32(s.round(a), s.round(b));
        let mut high = s.narrow_i32(s.round(c), s.round(d));
        self.watch = s.watch(self.watch, quotients, [low, high]);
        if SHIFT {
            low = s.add_i16(low, self.zero_point);
            high = s.add_i16(high, self.zero_point);
        }
        let mut codes = Q::narrow(s, low, high);
        if FLOOR {
            codes = Q::larger(s, codes, self.lo);
        }
        if CEIL {
            codes = Q::smaller(s, codes, self.hi);
        }
        codes
    }
}

impl<S: Simd, Q: Byte, D, const SHIFT: bool, const FLOOR: bool, const CEIL: bool> Map<S>
    for Kernel<S, Q, D, SHIFT, FLOOR, CEIL>
where
    D: Quotient<S>,
{
    type In = Floats;
    type Out = Codes<Q>;

    const WATCHES: bool = true;

    #[inline(always)]
    fn input(&self) -> Floats {
        Floats
    }

    #[inline(always)]
    fn step(&mut self, s: S, mut x: [S::F32; 4]) -> S::U8 {
        for i in 0..4 {
            x[i] = self.quotient.of(s, x[i]);
        }
        self.codes(s, x)
    }

    #[inline(always)]
    fn alarmed(&mut self, s: S) -> bool {
        let alarmed = s.alarmed(self.watch);
        self.watch = s.unwatched();
        alarmed
    }

    #[inline(always)]
    fn careful_step(&mut self, s: S, mut x: [S::F32; 4]) -> S::U8 {
        for i in 0..4 {
            x[i] = self.quotient.careful(s, x[i], self.scale);
        }
        self.codes(s, x)
    }
}
