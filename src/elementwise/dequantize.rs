//! `y = (q − z) · s`

use crate::error::{Error, one_for_each};
use crate::kernels::map::{Floats, Load, Map, Offsets, Traffic, Way, map};
use crate::simd::{Byte, Simd};
use crate::tier::{Entry, Operation, Tier, entries};
use crate::values::code::{Code, of_each_code, of_type};
use crate::values::params::{Grid, QuantParams};

/// Dequantizes: `out[i] = (codes[i] − z) · s`.
///
/// The difference is exact, as an integer; the product is rounded to f32 once. This is ONNX
/// `DequantizeLinear`.
///
/// # Errors
/// [`Error::Length`] if `codes` and `out` differ in length.
///
/// ```
/// # use zeropoint::{QuantParams, dequantize};
/// let params = QuantParams::<u8>::new(2.0, 128)?;
/// let mut values = [0.0; 4];
/// dequantize(&[0, 3, 128, 255], params, &mut values)?;
/// assert_eq!(values, [-256.0, -250.0, 0.0, 254.0]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn dequantize<Q: Code>(
    codes: &[Q],
    params: QuantParams<Q>,
    out: &mut [f32],
) -> Result<(), Error> {
    Tier::best().dequantize(codes, params, out)
}

impl Tier {
    /// [`dequantize`](crate::dequantize()) on this tier.
    ///
    /// # Errors
    /// As there.
    pub fn dequantize<Q: Code>(
        self,
        codes: &[Q],
        params: QuantParams<Q>,
        out: &mut [f32],
    ) -> Result<(), Error> {
        one_for_each(("out", out.len()), ("elements of `codes`", codes.len()))?;
        self.dequantize_part(codes, params, out);
        Ok(())
    }

    /// The same of slices of one length.
    pub(crate) fn dequantize_part<Q: Code>(
        self,
        codes: &[Q],
        params: QuantParams<Q>,
        out: &mut [f32],
    ) {
        let grid = params.grid();
        of_type!(Q as T => {
            let codes: &[T] = bytemuck::must_cast_slice(codes);
            Dequantize { codes, grid, out }.on(self);
        });
    }
}

of_each_code!(entries: Dequantize);

struct Dequantize<'a, Q> {
    codes: &'a [Q],
    grid: &'a Grid,
    out: &'a mut [f32],
}

impl<Q: Byte> Operation for Dequantize<'_, Q> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        let traffic = Traffic::of(s, size_of_val(self.codes) + size_of_val(self.out));
        uniform(s, self.grid, self.codes, self.out, &traffic);
    }
}

/// Dequantizes `codes`, all of them with the same parameters.
#[inline(always)]
pub(super) fn uniform<S: Simd, Q: Byte>(
    s: S,
    grid: &Grid,
    codes: &[Q],
    out: &mut [f32],
    traffic: &Traffic<S>,
) {
    let zero_point = Q::saturate(grid.zero_point);
    let scale = s.splat_f32(grid.scale);
    if grid.zero_point == 0 {
        let kernel = Kernel::<S, Q, false> { zero_point, scale };
        map(s, kernel, codes, out, traffic);
    } else {
        let kernel = Kernel::<S, Q, true> { zero_point, scale };
        map(s, kernel, codes, out, traffic);
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
    fn pass(&mut self, s: S, way: impl Way<S>, codes: &[Q], out: &mut [f32], _: usize) {
        let offsets = self.input().load(s, codes);
        for i in 0..4 {
            Floats::store_vector(s, way, s.mul(offsets[i], self.scale), out, i);
        }
    }
}
