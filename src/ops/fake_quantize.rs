//! `y = (clamp(rne(x / s) + z, lo, hi) − z) · s`

use super::quotient::{Divided, Product, Quotient};
use crate::drive::{Floats, Map, is_big, map};
use crate::element::{Code, sealed::Codes};
use crate::error::{Error, same_length};
use crate::params::{Grid, QuantParams};
use crate::reference;
use crate::simd::Simd;
use crate::tier::{Operation, Tier};

/// Quantizes and dequantizes in one pass, without codes: what `x` becomes by quantization.
///
/// The result is [`dequantize`](crate::dequantize()) of [`quantize`](crate::quantize()), bit for
/// bit.
///
/// # Errors
/// [`Error::Length`] if `x` and `out` differ in length.
///
/// ```
/// # use zeropoint::{QuantParams, fake_quantize};
/// let params = QuantParams::<i8>::new(0.5, 0)?;
/// let mut y = [0.0; 4];
/// fake_quantize(&[0.7, -0.3, 100.0, f32::NAN], params, &mut y)?;
/// assert_eq!(y, [0.5, -0.5, 63.5, 0.0]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn fake_quantize<Q: Code>(
    x: &[f32],
    params: QuantParams<Q>,
    out: &mut [f32],
) -> Result<(), Error> {
    Tier::best().fake_quantize(x, params, out)
}

impl Tier {
    /// [`fake_quantize`](crate::fake_quantize()) on this tier.
    ///
    /// # Errors
    /// As there.
    pub fn fake_quantize<Q: Code>(
        self,
        x: &[f32],
        params: QuantParams<Q>,
        out: &mut [f32],
    ) -> Result<(), Error> {
        same_length(x.len(), out.len())?;
        compiled(self, x, params.grid(), Q::erase(&[]), out)
    }
}

/// `code`: the type of the codes that there would be. Only the specification asks for it.
fn compiled(
    tier: Tier,
    x: &[f32],
    grid: &Grid,
    code: Codes<'_>,
    out: &mut [f32],
) -> Result<(), Error> {
    tier.run(FakeQuantize { x, grid, code, out })
}

struct FakeQuantize<'a> {
    x: &'a [f32],
    grid: &'a Grid,
    code: Codes<'a>,
    out: &'a mut [f32],
}

impl Operation for FakeQuantize<'_> {
    type Output = Result<(), Error>;

    fn scalar(&mut self) -> Result<(), Error> {
        match self.code {
            Codes::U8(_) => {
                reference::fake_quantize(self.x, QuantParams::<u8>::of(*self.grid), self.out)
            }
            Codes::I8(_) => {
                reference::fake_quantize(self.x, QuantParams::<i8>::of(*self.grid), self.out)
            }
        }
    }

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) -> Result<(), Error> {
        match self.grid.reciprocal {
            Some(r) => self.map(s, Product::new(s, r)),
            None => {
                let quotient = Divided::new(s, self.grid.scale);
                self.map(s, quotient);
            }
        }
        Ok(())
    }
}

impl FakeQuantize<'_> {
    #[inline(always)]
    fn map<S: Simd>(&mut self, s: S, quotient: impl Quotient<S>) {
        let Grid {
            scale,
            zero_point,
            lo,
            hi,
            ..
        } = *self.grid;
        let mut kernel = Kernel {
            quotient,
            scale,
            lo: s.splat_f32((lo - zero_point).into()),
            hi: s.splat_f32((hi - zero_point).into()),
            finite: s.finite(),
        };
        let is_big = is_big(size_of_val(self.x) + size_of_val(self.out));
        map(s, &mut kernel, self.x, self.out, is_big);
    }
}

struct Kernel<S: Simd, D> {
    quotient: D,
    scale: f32,
    lo: S::F32,
    hi: S::F32,
    finite: [S::F32; 2],
}

impl<S: Simd, D> Kernel<S, D> {
    /// `clamp(rne(quotients), lo − z, hi − z) · s`. The bounds are integers, so clamping may come
    /// first; and by way of an integer a −0.0 becomes +0.0.
    #[inline(always)]
    fn values(&self, s: S, mut quotients: [S::F32; 4]) -> [S::F32; 4] {
        for i in 0..4 {
            let offset = s.round(s.clamp(quotients[i], self.lo, self.hi));
            quotients[i] = s.mul(s.to_f32(offset), s.splat_f32(self.scale));
        }
        quotients
    }
}

impl<S: Simd, D: Quotient<S>> Map<S> for Kernel<S, D> {
    type In = Floats;
    type Out = Floats;

    const WATCHES: bool = true;

    #[inline(always)]
    fn input(&self) -> Floats {
        Floats
    }

    #[inline(always)]
    fn step(&mut self, s: S, mut x: [S::F32; 4]) -> [S::F32; 4] {
        for i in 0..4 {
            x[i] = self.quotient.of(s, x[i]);
        }
        self.finite = s.watch_finite(self.finite, x);
        self.values(s, x)
    }

    #[inline(always)]
    fn alarmed(&mut self, s: S) -> bool {
        let alarmed = !s.all_finite(self.finite);
        self.finite = s.finite();
        alarmed
    }

    #[inline(always)]
    fn careful_step(&mut self, s: S, mut x: [S::F32; 4]) -> [S::F32; 4] {
        for i in 0..4 {
            x[i] = self.quotient.careful(s, x[i], self.scale);
        }
        self.values(s, x)
    }
}
