//! `out[i] = table[codes[i]]`

use super::stream::tensor_in_pieces;
use crate::check::one_for_each;
use crate::error::Error;
use crate::kernels::map::{Codes, Map, map};
use crate::simd::{BYTES, Lookup, Simd};
use crate::tier::{Entry, Operation, Pieces, Tier, entries};
use crate::values::code::Code8;
use crate::values::params::QuantParams;
use pulp::NullaryFnOnce;

/// Looks codes up in a table: `out[i] = table[codes[i]]`, of a negative code `table[codes[i] + 256]`.
///
/// So any function of one number is applied to codes, whatever it costs: [`lut_table()`] makes the table.
///
/// # Errors
/// [`Error::Length`] if `codes` and `out` differ in length.
///
/// ```
/// # use zeropoint::lut;
/// let mut table = [0_u8; 256];
/// table[3] = 30;
/// table[254] = 20; // of −2
/// let mut out = [0; 3];
/// lut(&[3_i8, -2, 5], &table, &mut out)?;
/// assert_eq!(out, [30, 20, 0]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn lut<A: Code8, B: Code8>(codes: &[A], table: &[B; 256], out: &mut [B]) -> Result<(), Error> {
    Tier::best().lut(codes, table, out)
}

/// The table of a function, for [`lut()`]: of each code, the code of what the function makes of its value.
///
/// `table[q] = quantize(f(dequantize(q, from)), to)`: NaN becomes the zero point, and what is too large
/// saturates.
///
/// ```
/// # use zeropoint::{QuantParams, lut, lut_table};
/// let from = QuantParams::<i8>::new(0.0625, 0)?; // ±8
/// let to = QuantParams::<u8>::new(1.0 / 256.0, 0)?; // [0, 1)
/// let sigmoid = lut_table(from, to, |x| 1.0 / (1.0 + (-x).exp()));
/// let mut out = [0; 4];
/// lut(&[-128_i8, 0, 16, 127], &sigmoid, &mut out)?;
/// assert_eq!(out, [0, 128, 187, 255]); // of −8, 0, 1 and 7.94
///
/// // GELU, by tanh.
/// let to = QuantParams::<i8>::new(0.0625, -120)?;
/// let gelu = lut_table(from, to, |x| {
///     0.5 * x * (1.0 + (0.797_884_6 * (x + 0.044_715 * x * x * x)).tanh())
/// });
/// let mut out = [0; 4];
/// lut(&[-128_i8, -16, 0, 16], &gelu, &mut out)?;
/// assert_eq!(out, [-120, -123, -120, -107]); // of −8, −1, 0 and 1
/// # Ok::<(), zeropoint::Error>(())
/// ```
#[must_use]
pub fn lut_table<A: Code8, B: Code8>(
    from: QuantParams<A>,
    to: QuantParams<B>,
    f: impl FnMut(f32) -> f32,
) -> [B; 256] {
    let (tier, mut values) = (Tier::best(), [0.0; 256]);
    let codes: &[A] = bytemuck::must_cast_slice(&BYTES);
    tier.dequantize_part(codes, from, &mut values);
    // The function is the caller's: it runs in the caller's floating-point environment.
    let values = values.map(f);
    let mut table = [B::zeroed(); 256];
    tier.quantize_part(&values, to, &mut table, 0);
    table
}

impl Tier {
    /// [`lut`](crate::lut()) on this tier.
    ///
    /// # Errors
    /// As there.
    pub fn lut<A: Code8, B: Code8>(
        self,
        codes: &[A],
        table: &[B; 256],
        out: &mut [B],
    ) -> Result<(), Error> {
        one_for_each(("out", out.len()), ("elements of `codes`", codes.len()))?;
        let (codes, out) = (bytemuck::must_cast_slice(codes), bytemuck::must_cast_slice_mut(out));
        Lut { codes, table: bytemuck::must_cast_ref(table), out }.on(self);
        Ok(())
    }
}

entries!(Lut<'_>);

struct Lut<'a> {
    codes: &'a [u8],
    table: &'a [u8; 256],
    out: &'a mut [u8],
}

impl Operation for Lut<'_> {
    type Output = ();

    const FLOATS: bool = false;

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        if let Some(lookup) = s.quick_lookup(self.table, None) {
            look_up(s, &lookup, self.codes, self.out);
        } else {
            look_up(s, &s.lookup(self.table), self.codes, self.out);
        }
    }

    #[inline(always)]
    fn in_pieces(&mut self, tier: Tier, by: Pieces) -> Option<()> {
        let Self { codes, table, .. } = *self;
        tensor_in_pieces(tier, by, codes, self.out, |codes, out| {
            tier.run(&mut Lut { codes, table, out });
        })
    }
}

/// Looks codes up, as bytes.
#[inline(always)]
pub(super) fn look_up<S: Simd, L: Lookup<S>>(s: S, lookup: &L, codes: &[u8], out: &mut [u8]) {
    lookup.vectorize(Frame { s, lookup, codes, out });
}

struct Frame<'a, S, L> {
    s: S,
    lookup: &'a L,
    codes: &'a [u8],
    out: &'a mut [u8],
}

impl<S: Simd, L: Lookup<S>> NullaryFnOnce for Frame<'_, S, L> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        map(self.s, Kernel(*self.lookup), self.codes, self.out);
    }
}

struct Kernel<L>(L);

impl<S: Simd, L: Lookup<S>> Map<S> for Kernel<L> {
    type In = Codes<u8>;
    type Out = Codes<u8>;

    #[inline(always)]
    fn input(&self) -> Codes<u8> {
        Codes::NEW
    }

    #[inline(always)]
    fn step(&mut self, s: S, codes: S::U8, _: usize) -> S::U8 {
        self.0.look_up(s, codes)
    }
}
