//! `params[r] = scheme(min_max(x[r]))`, `q[r] = quantize(x[r], params[r])`

use super::min_max::{Reach, finite_range, first_not_finite};
use super::quantize;
use crate::error::Error;
use crate::kernels::map::Traffic;
use crate::simd::{Byte, Simd};
use crate::tier::{Entry, Operation, Tier, entries};
use crate::values::code::{Code8, of_each_code, of_type, params_mut_as};
use crate::values::params::{Choice, Grid, QuantParams, Scheme};
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
        self.quantize_each_row(x, row, scheme, params, out).map(|_| ())
    }

    /// The same of slices whose lengths fit, each with the stride of its rows. The first row with a NaN or an
    /// infinity, if the scheme takes it.
    pub(crate) fn quantize_each_row<Q: Code8>(
        self,
        x: (&[f32], usize),
        row: usize,
        scheme: Scheme<Q>,
        params: &mut [QuantParams<Q>],
        (out, out_stride): (&mut [Q], usize),
    ) -> Result<Option<usize>, Error> {
        let (choice, of_finite) = (scheme.choice(), scheme.is_of_finite());
        of_type!(Q as T => {
            let params: &mut [QuantParams<T>] = params_mut_as(params);
            let out = (bytemuck::must_cast_slice_mut(out), out_stride);
            QuantizeRows { x, row, choice, of_finite, params, out }.on(self)
        })
    }
}

of_each_code!(entries: QuantizeRows);

struct QuantizeRows<'a, Q> {
    /// With the stride of its rows.
    x: (&'a [f32], usize),
    row: usize,
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
        let traffic = Traffic::of(s, rows * row * (size_of::<f32>() + size_of::<Q>()));
        // The reduction to one range and the divisions have long latencies. Done a row ahead, they
        // are not waited for. But what comes from memory is asked for by the quantization of the row
        // before.
        let ahead = usize::from(row <= SHORT && !traffic.is_streamed());
        let mut last = *QuantParams::<Q>::default().grid();
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
                        wrong = Some(not_finite(x, step));
                    }
                    range = finite_range(x);
                    first_not_finite = first_not_finite.or(Some(step));
                }
                match self.choice.grid(range) {
                    Ok(grid) => next = grid,
                    Err(error) => wrong = wrong.or(Some(error.in_row(step))),
                }
            }
            if step >= ahead && (ahead > 0 || wrong.is_none()) {
                let r = step - ahead;
                let grid: Grid = if ahead > 0 { last } else { next };
                self.params[r] = QuantParams::of(grid);
                let out = &mut out[r * out_stride..][..row];
                quantize::uniform(s, &grid, &x[r * stride..][..row], out, &traffic);
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
}

/// The error for a row.
#[cold]
fn not_finite(x: &[f32], row: usize) -> Error {
    Error::non_finite("x", Some(row), first_not_finite(x).unwrap_or(f32::NAN))
}
