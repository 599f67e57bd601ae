//! `y = (q − z) · s`

use super::stream::tensor_in_pieces;
use super::wide::DequantizeWide;
use crate::check::one_for_each;
use crate::error::Error;
use crate::kernels::map::{Floats, Load, Map, Offsets, map};
use crate::simd::{Byte, Simd};
use crate::tier::{Entry, Operation, Pieces, Tier, entries};
use crate::values::code::{Code, of_each_code, of_type};
use crate::values::granularity::{Given, Layout, Params};
use crate::values::params::{QuantParams, RawParams};

/// Dequantizes: `out[i] = (codes[i] − z) · s`.
///
/// The difference is exact, as an integer; the product is rounded to f32 once. This is ONNX
/// `DequantizeLinear`.
///
/// `params` are one [`QuantParams`] for all elements, or [`Params`] for each channel or block. Scales that
/// are given as a slice may be any finite numbers here: 0, subnormal and negative ones too.
///
/// # Errors
/// [`Error::Length`] if `codes` and `out` differ in length; those of the [`Params`] if they don't fit
/// `codes`; [`Error::Number`] if a scale is not finite.
///
/// ```
/// # use zeropoint::{QuantParams, dequantize};
/// let params = QuantParams::<u8>::new(2.0, 128)?;
/// let mut values = [0.0; 4];
/// dequantize(&[0, 3, 128, 255], params, &mut values)?;
/// assert_eq!(values, [-256.0, -250.0, 0.0, 254.0]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
#[inline]
pub fn dequantize<'p, Q: Code>(
    codes: &[Q],
    params: impl Into<Params<'p, Q>>,
    out: &mut [f32],
) -> Result<(), Error> {
    Tier::best().dequantize(codes, params, out)
}

impl Tier {
    /// [`dequantize`](crate::dequantize()) on this tier.
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn dequantize<'p, Q: Code>(
        self,
        codes: &[Q],
        params: impl Into<Params<'p, Q>>,
        out: &mut [f32],
    ) -> Result<(), Error> {
        one_for_each(("out", out.len()), ("elements of `codes`", codes.len()))?;
        match params.into().0 {
            Given::One(params) => {
                self.dequantize_part(codes, params, out);
                Ok(())
            }
            Given::Each(sets) => self.dequantize_each(codes, sets, out),
        }
    }

    /// The same of slices of one length.
    pub(crate) fn dequantize_part<Q: Code>(
        self,
        codes: &[Q],
        params: QuantParams<Q>,
        out: &mut [f32],
    ) {
        let raw = params.raw();
        of_type!(Q as T => {
            let codes: &[T] = bytemuck::cast_slice(codes);
            Dequantize { codes, raw, out }.on(self);
        }, wide => {
            let params = Q::erase_params(core::slice::from_ref(&params));
            let (layout, codes) = (&Layout::tensor(codes.len()), bytemuck::cast_slice(codes));
            DequantizeWide { codes, params, layout, out }.on(self);
        });
    }
}

of_each_code!(entries: Dequantize);

struct Dequantize<'a, Q> {
    codes: &'a [Q],
    raw: &'a RawParams,
    out: &'a mut [f32],
}

impl<Q: Byte> Operation for Dequantize<'_, Q> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        let RawParams { scale, zero_point, .. } = *self.raw;
        uniform(s, scale, zero_point, self.codes, self.out);
    }

    #[inline(always)]
    fn in_pieces(&mut self, tier: Tier, by: Pieces) -> Option<()> {
        let Self { codes, raw, .. } = *self;
        tensor_in_pieces(tier, by, codes, self.out, |codes, out| {
            tier.run(&mut Dequantize { codes, raw, out });
        })
    }
}

/// Dequantizes `codes`, all of them with the same parameters.
#[inline(always)]
pub(super) fn uniform<S: Simd, Q: Byte>(
    s: S,
    scale: f32,
    zero_point: i32,
    codes: &[Q],
    out: &mut [f32],
) {
    let (is_0, zero_point) = (zero_point == 0, Q::from_i32(zero_point));
    let scale = s.splat_f32(scale);
    if is_0 {
        let kernel = Kernel::<S, Q, false> { zero_point, scale };
        map(s, kernel, codes, out);
    } else {
        let kernel = Kernel::<S, Q, true> { zero_point, scale };
        map(s, kernel, codes, out);
    }
}

struct Kernel<S: Simd, Q, const AFFINE: bool> {
    zero_point: Q,
    scale: S::F32,
}

impl<S: Simd, Q: Byte, const AFFINE: bool> Map<S> for Kernel<S, Q, AFFINE> {
    type In = Offsets<Q, AFFINE>;
    type Out = Floats;

    #[inline(always)]
    fn input(&self) -> Offsets<Q, AFFINE> {
        Offsets { zero_point: self.zero_point }
    }

    #[inline(always)]
    fn step(&mut self, s: S, mut offsets: [S::F32; 4], _: usize) -> [S::F32; 4] {
        for i in 0..4 {
            offsets[i] = s.mul(offsets[i], self.scale);
        }
        offsets
    }

    /// Stores each vector when it is done: all of them at the end would come in bursts.
    #[inline(always)]
    fn pass(&mut self, s: S, codes: &[Q], out: &mut [f32], _: usize) {
        let offsets = self.input().load(s, codes);
        for i in 0..4 {
            Floats::store_vector(s, s.mul(offsets[i], self.scale), out, i);
        }
    }
}
