//! `params[r] = scheme(min_max(x[r]))`, `q[r] = quantize(x[r], params[r])`

use super::min_max::{Reach, finite_range, first_not_finite};
use super::quantize;
use super::stream::{Buffer, Room, is_large, longest, piece};
use crate::error::Error;
use crate::simd::{Byte, Simd};
use crate::tier::{Entry, Operation, Tier, entries};
use crate::values::code::{Code8, of_each_code, of_type, params_mut_as};
use crate::values::params::{Choice, QuantParams, RawParams, Scheme};
use crate::values::rows::{Rows, RowsMut};

/// [`quantize_dynamic`](crate::quantize_dynamic()) of each row of a matrix (each token of a batch,
/// for instance) by itself: `x` and `out` are `params.len()` rows of `row` elements, which may be apart
/// ([`Rows`]), and `params[r]` becomes the parameters of row `r`.
///
/// # Errors
/// [`Error::Rows`] if `x` or `out` are not as many rows as `params`; `params` and `out` are then untouched.
/// [`Error::NonFinite`] names the first row with a NaN or an infinity, unless the scheme is
/// [`Scheme::of_finite`], and [`Error::OneSided`] the first row with a side that the scheme has no codes for.
/// The rows before that one are then done, the others untouched.
///
/// ```
/// # use zeropoint::{QuantParams, Scheme, quantize_dynamic_rows};
/// let x = [
///     0.0, 1.0, 2.55, //
///     -127.0, 0.0, 128.0,
/// ];
/// let mut codes = [0; 6];
/// let mut params = [QuantParams::default(); 2];
/// quantize_dynamic_rows(&x, 3, Scheme::<u8>::affine(), &mut params, &mut codes)?;
/// assert_eq!(codes, [0, 100, 255, 0, 127, 255]);
/// assert_eq!(params.map(|params| params.scale()), [2.55 / 255.0, 1.0]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn quantize_dynamic_rows<'x, 'o, Q: Code8>(
    x: impl Into<Rows<'x, f32>>,
    row: usize,
    scheme: Scheme<Q>,
    params: &mut [QuantParams<Q>],
    out: impl Into<RowsMut<'o, Q>>,
) -> Result<(), Error> {
    Tier::best().quantize_dynamic_rows(x, row, scheme, params, out)
}

/// Elements of a row up to which two rows stay in the first cache.
const SHORT: usize = 2048;

impl Tier {
    /// [`quantize_dynamic_rows`](crate::quantize_dynamic_rows()) on this tier.
    ///
    /// # Errors
    /// As there.
    pub fn quantize_dynamic_rows<'x, 'o, Q: Code8>(
        self,
        x: impl Into<Rows<'x, f32>>,
        row: usize,
        scheme: Scheme<Q>,
        params: &mut [QuantParams<Q>],
        out: impl Into<RowsMut<'o, Q>>,
    ) -> Result<(), Error> {
        let x = x.into().checked("x", params.len(), row)?;
        let out = out.into().strided_checked("out", params.len(), row)?;
        self.quantize_each_row(x, row, 0, scheme, params, out).map(|_| ())
    }

    /// The same of slices whose lengths fit, each with the stride of its rows; errors count from row `first`. The first row with a NaN or an
    /// infinity, if the scheme takes it.
    pub(crate) fn quantize_each_row<Q: Code8>(
        self,
        x: (&[f32], usize),
        row: usize,
        first: usize,
        scheme: Scheme<Q>,
        params: &mut [QuantParams<Q>],
        (out, out_stride): (&mut [Q], usize),
    ) -> Result<Option<usize>, Error> {
        let (choice, of_finite) = (scheme.choice(), scheme.is_of_finite());
        of_type!(Q as T => {
            let params: &mut [QuantParams<T>] = params_mut_as(params);
            let out = (bytemuck::must_cast_slice_mut(out), out_stride);
            QuantizeRows { x, row, first, choice, of_finite, params, out }.on(self)
        })
    }
}

of_each_code!(entries: QuantizeRows);

struct QuantizeRows<'a, Q> {
    /// With the stride of its rows.
    x: (&'a [f32], usize),
    row: usize,
    /// The number of the first row, where these are some of many.
    first: usize,
    choice: Choice,
    of_finite: bool,
    params: &'a mut [QuantParams<Q>],
    out: (&'a mut [Q], usize),
}

impl<Q: Byte> Operation for QuantizeRows<'_, Q> {
    type Output = Result<Option<usize>, Error>;

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) -> Result<Option<usize>, Error> {
        let Self { x: (x, stride), row, .. } = *self;
        let (out, out_stride) = (&mut *self.out.0, self.out.1);
        let rows = self.params.len();
        // The reduction to one range and the divisions have long latencies. Done a row ahead, they
        // are not waited for.
        let ahead = usize::from(row <= SHORT);
        let mut last = *QuantParams::<Q>::default().raw();
        let mut first_not_finite = None;
        let mut wrong = None;
        for step in 0..rows + ahead {
            let mut next = last;
            if step < rows {
                let x = &x[step * stride..][..row];
                let reach = Reach::of(s, x);
                let mut range = reach.range();
                if !reach.is_finite() {
                    if !self.of_finite {
                        wrong = Some(not_finite(x, self.first + step));
                    }
                    range = finite_range(x);
                    first_not_finite = first_not_finite.or(Some(self.first + step));
                }
                match self.choice.raw(range) {
                    Ok(raw) => next = raw,
                    Err(error) => wrong = wrong.or(Some(error.in_row(self.first + step))),
                }
            }
            if step >= ahead && (ahead > 0 || wrong.is_none()) {
                let r = step - ahead;
                let raw: RawParams = if ahead > 0 { last } else { next };
                self.params[r] = QuantParams::of(raw);
                let out = &mut out[r * out_stride..][..row];
                quantize::uniform(s, &raw, &x[r * stride..][..row], out);
            }
            if wrong.is_some() {
                break;
            }
            last = next;
        }
        match wrong {
            Some(error) => Err(error),
            None => Ok(first_not_finite),
        }
    }

    /// Some rows at a time, if they lie side by side and are not too long.
    #[inline(always)]
    fn streamed(&mut self, tier: Tier) -> Option<Self::Output> {
        let (rows, row) = (self.params.len(), self.row);
        let bytes = rows * row * (size_of::<f32>() + size_of::<Q>());
        if !is_large(bytes) || self.out.1 != row || row > longest(size_of::<Q>()) {
            return None;
        }
        Some(self.in_pieces(tier))
    }
}

impl<Q: Byte> QuantizeRows<'_, Q> {
    #[cold]
    fn in_pieces(&mut self, tier: Tier) -> Result<Option<usize>, Error> {
        let Self { x: (x, stride), row, choice, of_finite, .. } = *self;
        let rows = self.params.len();
        let together = (piece(size_of::<f32>(), size_of::<Q>()) / row).max(1);
        let mut room = Room::new();
        let mut buffer = Buffer::new(&mut room);
        let mut first_not_finite = None;
        for first in (0..rows).step_by(together) {
            let end = rows.min(first + together);
            let now = (&x[first * stride..][..(end - first - 1) * stride + row], stride);
            let params = &mut self.params[first..end];
            let out = &mut self.out.0[first * row..end * row];
            let made = (buffer.of(out), row);
            let mut quantize =
                QuantizeRows { x: now, row, first, choice, of_finite, params, out: made };
            match tier.run(&mut quantize) {
                Ok(not_finite) => first_not_finite = first_not_finite.or(not_finite),
                Err(_) => {
                    // The rows before the wrong one.
                    quantize.out = (out, row);
                    return tier.run(&mut quantize);
                }
            }
            let next = x.len().min(end * stride);
            let later = &x[next..x.len().min(next + now.0.len())];
            buffer.flush(tier, out, later);
        }
        Ok(first_not_finite)
    }
}

/// The error for a row.
#[cold]
fn not_finite(x: &[f32], row: usize) -> Error {
    Error::non_finite("x", Some(row), first_not_finite(x).unwrap_or(f32::NAN))
}
