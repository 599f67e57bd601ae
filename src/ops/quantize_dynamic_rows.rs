//! `params[r] = scheme(min_max(x[r]))`, `q[r] = quantize(x[r], params[r])`

use super::quantize;
use crate::drive::is_big;
use crate::element::Code;
use crate::error::{Error, row_shape, same_length};
use crate::params::{QuantParams, Range, Scheme};
use crate::tier::Tier;

/// [`quantize_dynamic`](crate::quantize_dynamic()) of each row of a matrix (each token of a batch,
/// for instance) by itself: `x` and `out` have `params.len()` rows of `row` elements, and
/// `params[r]` becomes the parameters of row `r`.
///
/// # Errors
/// [`Error::Length`] if `x` and `out` differ in length; [`Error::Rows`] if they don't have as many
/// rows as `params`; for a row, the errors of [`quantize_dynamic`](crate::quantize_dynamic()).
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
pub fn quantize_dynamic_rows<Q: Code>(
    x: &[f32],
    row: usize,
    scheme: Scheme<Q>,
    params: &mut [QuantParams<Q>],
    out: &mut [Q],
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
    pub fn quantize_dynamic_rows<Q: Code>(
        self,
        x: &[f32],
        row: usize,
        scheme: Scheme<Q>,
        params: &mut [QuantParams<Q>],
        out: &mut [Q],
    ) -> Result<(), Error> {
        same_length(x.len(), out.len())?;
        row_shape(x.len(), params.len(), row)?;
        let is_big = is_big(size_of_val(x) + size_of_val(out));
        let rows = params.len();
        let params_of = |r: usize| match r * row {
            start if r < rows => scheme.params(
                self.min_max(&x[start..][..row])
                    .unwrap_or(Range::new(0.0, 0.0)),
            ),
            _ => Ok(QuantParams::default()),
        };
        // The reduction to one range and the divisions have long latencies. Done ahead, they are not
        // waited for. But what comes from memory is asked for by the quantization of the row before.
        let ahead = row <= SHORT && !is_big;
        let mut next = params_of(0);
        for (r, params) in params.iter_mut().enumerate() {
            *params = next?;
            if ahead {
                next = params_of(r + 1);
            }
            let out = Q::erase_mut(&mut out[r * row..][..row]);
            quantize::compiled(self, &x[r * row..][..row], params.grid(), out, is_big)?;
            if !ahead {
                next = params_of(r + 1);
            }
        }
        Ok(())
    }
}
