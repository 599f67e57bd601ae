//! `y = normalize(x[r])`, `params[r] = scheme(min_max(y))`, `q[r] = quantize(y, params[r])`

use super::normalize_rows::{Line, NormalizeRows};
use crate::elementwise::min_max::{Reach, finite_range, first_not_finite};
use crate::error::Error;
use crate::norm::Norm;
use crate::tier::{Composition, Entry, Tier, composed_entries};
use crate::values::code::{Code8, of_each_code, of_type, params_mut_as};
use crate::values::params::{QuantParams, Range, Scheme};
use crate::values::rows::{Rows, RowsMut};

/// Normalizes and quantizes each row of a matrix by itself, as transformers do before each linear
/// layer: [`normalize_rows()`](crate::norm::normalize_rows()), then
/// [`quantize_dynamic_rows()`](crate::quantize_dynamic_rows()), bit for bit. The normalized rows are
/// not written to memory.
///
/// # Errors
/// Those of [`quantize_dynamic_rows()`](crate::quantize_dynamic_rows()), for the normalized rows: a row
/// that becomes NaN (see [`normalize_rows()`](crate::norm::normalize_rows())) is [`Error::NonFinite`], with the
/// first element of `x` that is not finite, or NaN. If the scheme is [`Scheme::of_finite`], it gets the
/// codes that NaN get: its zero points.
///
/// ```
/// # use zeropoint::{QuantParams, Scheme, norm::{Norm, normalize_quantize_rows}};
/// // Worked example 5: of values in [2000, 4000] a symmetric scheme uses half of its codes on one
/// // side only. Normalized, they use both sides.
/// let x = [2000.0, 2000.0, 4000.0, 4000.0];
/// let norm = Norm::layer(&[1.0; 4], None, 1e-5)?;
/// let (mut codes, mut params) = ([0; 4], [QuantParams::default()]);
/// normalize_quantize_rows(&x, norm, Scheme::<i8>::symmetric(), &mut params, &mut codes)?;
/// assert_eq!(codes, [-127, -127, 127, 127]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn normalize_quantize_rows<'x, 'o, Q: Code8>(
    x: impl Into<Rows<'x, f32>>,
    norm: Norm<'_>,
    scheme: Scheme<Q>,
    params: &mut [QuantParams<Q>],
    out: impl Into<RowsMut<'o, Q>>,
) -> Result<(), Error> {
    Tier::best().normalize_quantize_rows(x, norm, scheme, params, out)
}

/// Elements that are normalized at a time. Rows that are longer are normalized twice: to find their
/// range, and to be quantized.
const PART: usize = 4096;

/// Elements of smaller buffers, for fewer rows: to clear one for `PART` takes as long as to quantize two thousand
/// elements.
const SMALL: [usize; 3] = [512, 1024, 2048];

/// Normalized elements, aligned for whole vectors.
#[repr(align(64))]
struct Buffer<const LEN: usize>([f32; LEN]);

impl Tier {
    /// [`normalize_quantize_rows`](crate::norm::normalize_quantize_rows()) on this tier.
    ///
    /// # Errors
    /// As there.
    pub fn normalize_quantize_rows<'x, 'o, Q: Code8>(
        self,
        x: impl Into<Rows<'x, f32>>,
        norm: Norm<'_>,
        scheme: Scheme<Q>,
        params: &mut [QuantParams<Q>],
        out: impl Into<RowsMut<'o, Q>>,
    ) -> Result<(), Error> {
        let x = x.into().checked("x", params.len(), norm.row())?;
        let (out, stride) = out.into().strided_checked("out", params.len(), norm.row())?;
        of_type!(Q as T => {
            let params: &mut [QuantParams<T>] = params_mut_as(params);
            let (scheme, out) = (scheme.retyped(), (bytemuck::must_cast_slice_mut(out), stride));
            NormalizeQuantize { x, norm, scheme, params, out }.on(self)
        })
    }
}

of_each_code!(composed_entries: NormalizeQuantize);

struct NormalizeQuantize<'a, Q> {
    /// With the stride of its rows.
    x: (&'a [f32], usize),
    norm: Norm<'a>,
    scheme: Scheme<Q>,
    params: &'a mut [QuantParams<Q>],
    out: (&'a mut [Q], usize),
}

impl<Q: Code8> Composition for NormalizeQuantize<'_, Q> {
    type Output = Result<(), Error>;

    fn run(&mut self, tier: Tier) -> Result<(), Error> {
        let (row, elements) = (self.norm.row(), self.params.len().saturating_mul(self.norm.row()));
        if elements <= SMALL[0] {
            self.in_buffer::<{ SMALL[0] }>(tier)
        } else if elements <= SMALL[1] {
            self.in_buffer::<{ SMALL[1] }>(tier)
        } else if elements <= 4 * SMALL[2] && row <= SMALL[2] {
            self.in_buffer::<{ SMALL[2] }>(tier)
        } else {
            self.in_buffer::<PART>(tier)
        }
    }
}

impl<Q: Code8> NormalizeQuantize<'_, Q> {
    /// By way of a buffer of so many elements; not inlined, so that there is no room on the stack for the others.
    #[inline(never)]
    fn in_buffer<const LEN: usize>(&mut self, tier: Tier) -> Result<(), Error> {
        let buffer = &mut Buffer([0.0; LEN]).0;
        let row = self.norm.row();
        if row <= LEN {
            return self.some_rows(tier, buffer);
        }
        for r in 0..self.params.len() {
            self.long_row(tier, r, buffer)?;
        }
        Ok(())
    }

    /// Some rows at a time.
    fn some_rows(&mut self, tier: Tier, buffer: &mut [f32]) -> Result<(), Error> {
        let Self { x: (x, stride), norm, scheme, .. } = *self;
        let row = norm.row();
        let together = buffer.len() / row.max(1);
        let mut first = 0;
        while first < self.params.len() {
            let rows = together.clamp(1, self.params.len() - first);
            let x = (&x[first * stride..], stride);
            let normalized = &mut buffer[..rows * row];
            let (part, out) = (0..row, (&mut *normalized, row));
            NormalizeRows { x, norm, part, rows, line: None, out, is_last: true }.enter(tier, true);
            let params = &mut self.params[first..][..rows];
            let out = (&mut self.out.0[first * self.out.1..], self.out.1);
            let result = tier.quantize_each_row((normalized, row), row, first, scheme, params, out);
            match result {
                Ok(_) => first += rows,
                // It names what the row has before it is normalized, if that is the reason.
                Err(Error::NonFinite { row: Some(r), .. }) => {
                    let x = first_not_finite(&x.0[(r - first) * stride..][..row]);
                    let y = first_not_finite(&buffer[(r - first) * row..][..row]);
                    let value = x.or(y).unwrap_or(f32::NAN);
                    return Err(Error::non_finite("x", Some(r), value));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Part by part, twice: for its range, and to be quantized.
    fn long_row(&mut self, tier: Tier, r: usize, buffer: &mut [f32]) -> Result<(), Error> {
        let row = self.norm.row();
        let whole = &self.x.0[r * self.x.1..][..row];
        let mut line = None;
        let mut reach = Reach::NOTHING;
        let mut range = Range::new(0.0, 0.0);
        let mut value = None;
        for start in (0..row).step_by(PART) {
            let part = start..row.min(start + PART);
            let of_part = self.normalize(tier, whole, part.clone(), &mut line, buffer);
            if of_part.is_finite() {
                reach = reach.union(of_part);
            } else {
                let normalized = &buffer[..part.len()];
                value = value.or(first_not_finite(whole)).or(first_not_finite(normalized));
                range = range.union(finite_range(normalized));
            }
        }
        if let (Some(value), false) = (value, self.scheme.is_of_finite()) {
            return Err(Error::non_finite("x", Some(r), value));
        }
        let raw = match self.scheme.choice().raw(range.union(reach.range())) {
            Ok(raw) => raw,
            Err(error) => return Err(error.in_row(r)),
        };
        let params = QuantParams::of(raw);
        self.params[r] = params;
        for start in (0..row).step_by(PART) {
            let part = start..row.min(start + PART);
            self.normalize(tier, whole, part.clone(), &mut line, buffer);
            let out = &mut self.out.0[r * self.out.1..][part.clone()];
            tier.quantize_part(&buffer[..part.len()], params, out, 0);
        }
        Ok(())
    }

    /// Normalizes a part of a row into a buffer.
    fn normalize(
        &self,
        tier: Tier,
        row: &[f32],
        part: core::ops::Range<usize>,
        line: &mut Option<Line>,
        buffer: &mut [f32],
    ) -> Reach {
        let out = (&mut buffer[..part.len()], part.len());
        let x = (row, row.len());
        let (norm, rows) = (self.norm, 1);
        let mut rows = NormalizeRows { x, norm, part, rows, line: *line, out, is_last: false };
        let reach = rows.enter(tier, true);
        *line = rows.line;
        reach
    }
}
