//! `params[r] = scheme(min_max(x[r]))`, `q[r] = quantize(x[r], params[r])`

use super::choices::{Choices, Chosen};
use super::min_max::{Reaches, finite_range, first_not_finite};
use super::quantize;
use super::quantize_per_axis::QuantizePerAxis;
use super::stream::{Buffer, Room, is_large, longest, piece};
use crate::error::Error;
#[cfg(feature = "gemm")]
use crate::simd::environment::in_default;
use crate::simd::{Byte, Simd};
use crate::tier::{Entry, Operation, Pieces, Tier, entries};
use crate::values::code::{Code8, of_each_code, of_type, params_mut_as};
use crate::values::granularity::Layout;
use crate::values::params::{QuantParams, Scheme};
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

/// Elements of rows whose parameters are found together, if they are more than one row: they stay in the first
/// cache until their codes are made.
const TOGETHER: usize = 4096;

/// Elements of a row from which its codes are worth a loop of their own.
const LONG: usize = 128;

/// Rows from which it is worth a call to make the codes of shorter ones together.
const MANY: usize = 8;

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
        of_type!(Q as T => {
            let params: &mut [QuantParams<T>] = params_mut_as(params);
            let out = (bytemuck::must_cast_slice_mut(out), out_stride);
            let (scheme, encodes) = (scheme.retyped(), true);
            QuantizeRows { x, row, first, scheme, params, out, encodes }.on(self)
        })
    }
}

#[cfg(feature = "gemm")]
impl Tier {
    /// The same for codes that are read again right away, and rows that are not many and short: neither past the
    /// caches nor as blocks, of whose kernels such a caller has no need.
    pub(crate) fn quantize_each_long_row<Q: Code8>(
        self,
        x: (&[f32], usize),
        row: usize,
        scheme: Scheme<Q>,
        params: &mut [QuantParams<Q>],
        (out, out_stride): (&mut [Q], usize),
    ) -> Result<Option<usize>, Error> {
        of_type!(Q as T => {
            let params: &mut [QuantParams<T>] = params_mut_as(params);
            let out = (bytemuck::must_cast_slice_mut(out), out_stride);
            let (scheme, first, encodes) = (scheme.retyped(), 0, true);
            let mut rows = QuantizeRows { x, row, first, scheme, params, out, encodes };
            in_default(|| self.run(&mut rows))
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
    scheme: Scheme<Q>,
    params: &'a mut [QuantParams<Q>],
    out: (&'a mut [Q], usize),
    /// Whether codes are made, and not only the parameters.
    encodes: bool,
}

impl<Q: Byte> Operation for QuantizeRows<'_, Q>
where
    for<'r> QuantizePerAxis<'r, Q>: Entry<Output = ()>,
{
    type Output = Result<Option<usize>, Error>;

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) -> Result<Option<usize>, Error> {
        let Self { x: (x, stride), row, encodes, .. } = *self;
        let (rows, choice) = (self.params.len(), self.scheme.choice());
        let mut together = 1;
        if rows > 1 && row <= TOGETHER / 2 {
            // A power of two: ranges are found by a tree.
            together = 1 << (TOGETHER / row.max(1)).min(S::LANES).ilog2();
        }
        let mut first_not_finite = None;
        let mut top = 0;
        while top < rows {
            let some = together.min(rows - top);
            let reaches = Reaches::of_rows(s, (&x[top * stride..], stride), row, some);
            let mut choices = Choices::of(s, choice, reaches);
            let (mut right, mut result, mut alike) = (some, Ok(None), some == 1);
            if choices.chosen.has_exceptions {
                (right, result) = self.exceptions(&mut choices.chosen, top, some);
                alike = false;
            }
            for lane in 0..right {
                self.params[top + lane] = QuantParams::of(choices.raw(lane));
            }
            if encodes {
                for lane in 0..right {
                    let r = top + lane;
                    let (x, raw) = (&x[r * stride..][..row], self.params[r].raw());
                    let out = &mut self.out.0[r * self.out.1..][..row];
                    let source = choices.source(s, lane, alike);
                    quantize::with_source(s, raw, source, x, out);
                }
            }
            first_not_finite = first_not_finite.or(result?);
            top += some;
        }
        Ok(first_not_finite)
    }

    #[inline(always)]
    fn in_pieces(&mut self, tier: Tier, by: Pieces) -> Option<Self::Output> {
        // Rows before one with an error are done, and none after it.
        let Pieces::Streamed = by else { return None };
        let bytes = self.params.len() * self.row * (size_of::<f32>() + size_of::<Q>());
        if is_large(bytes) && self.out.1 == self.row && self.row <= longest(size_of::<Q>()) {
            return Some(self.piece_by_piece(tier));
        }
        self.are_blocks().then(|| self.as_blocks(tier))
    }
}

impl<Q: Byte> QuantizeRows<'_, Q>
where
    for<'r> QuantizePerAxis<'r, Q>: Entry<Output = ()>,
{
    /// Chooses for those rows from `top` on for which formulas alone are not enough: how many rows have
    /// parameters, and the first of them that is not finite, or what is wrong with the next.
    #[cold]
    #[inline(never)]
    fn exceptions(
        &self,
        chosen: &mut Chosen,
        top: usize,
        rows: usize,
    ) -> (usize, Result<Option<usize>, Error>) {
        let Self { x: (x, stride), row, scheme, .. } = *self;
        let mut not_finite = None;
        for lane in 0..rows {
            let Some(reach) = chosen.exception(lane) else {
                continue;
            };
            let (x, number) = (&x[(top + lane) * stride..][..row], self.first + top + lane);
            let mut range = reach.range();
            if !reach.is_finite() {
                if !scheme.is_of_finite() {
                    let found = first_not_finite(x).unwrap_or(f32::NAN);
                    return (lane, Err(Error::non_finite("x", Some(number), found)));
                }
                not_finite = not_finite.or(Some(number));
                range = finite_range(x);
            }
            match scheme.choice().raw(range) {
                Ok(raw) => chosen.set(lane, &raw),
                Err(error) => return (lane, Err(error.in_row(number))),
            }
        }
        (rows, Ok(not_finite))
    }

    /// Some rows at a time past the caches, if they lie side by side and are not too long.
    #[cold]
    fn piece_by_piece(&mut self, tier: Tier) -> Result<Option<usize>, Error> {
        let Self { x: (x, stride), row, scheme, .. } = *self;
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
            let (made, encodes) = ((buffer.of(out), row), true);
            let mut quantize =
                QuantizeRows { x: now, row, first, scheme, params, out: made, encodes };
            match quantize.cached(tier) {
                Ok(not_finite) => first_not_finite = first_not_finite.or(not_finite),
                Err(_) => {
                    // The rows before the wrong one.
                    quantize.out = (out, row);
                    return quantize.cached(tier);
                }
            }
            let next = x.len().min(end * stride);
            let later = &x[next..x.len().min(next + now.0.len())];
            buffer.flush(tier, out, later);
        }
        Ok(first_not_finite)
    }

    /// By way of the caches.
    fn cached(&mut self, tier: Tier) -> Result<Option<usize>, Error> {
        if self.are_blocks() { self.as_blocks(tier) } else { tier.run(self) }
    }

    /// Whether rows are best seen as blocks: many short ones side by side.
    #[inline(always)]
    fn are_blocks(&self) -> bool {
        let Self { x: (_, stride), row, out: (_, out_stride), .. } = *self;
        row < LONG && self.params.len() >= MANY && stride == row && out_stride == row
    }

    /// Short rows side by side, as blocks: first the parameters of some of them, then their codes.
    fn as_blocks(&mut self, tier: Tier) -> Result<Option<usize>, Error> {
        let Self { x: (x, _), row, scheme, .. } = *self;
        let (rows, together) = (self.params.len(), TOGETHER / row.max(1));
        let mut first_not_finite = None;
        for top in (0..rows).step_by(together) {
            let end = rows.min(top + together);
            let (x, out) = (&x[top * row..end * row], &mut self.out.0[top * row..end * row]);
            let (first, params) = (self.first + top, &mut self.params[top..end]);
            let (now, made, encodes) = ((x, row), (&mut *out, row), false);
            let mut rows = QuantizeRows { x: now, row, first, scheme, params, out: made, encodes };
            let result = tier.run(&mut rows);
            let mut done = end - top;
            if let Err(error) = &result {
                done = error.row().unwrap_or(first) - first;
            }
            let (x, out) = (&x[..done * row], &mut out[..done * row]);
            let params = &self.params[top..top + done];
            let layout = &Layout::of_rows(1, done * row, row, done);
            QuantizePerAxis { x, params, layout, out }.enter(tier, true);
            first_not_finite = first_not_finite.or(result?);
        }
        Ok(first_not_finite)
    }
}
