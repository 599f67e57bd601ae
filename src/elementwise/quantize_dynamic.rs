//! `params = scheme(min_max(x))`, `q = quantize(x, params)`

use super::min_max::finite_range;
#[cfg(feature = "rayon")]
use super::stream::threads;
use crate::check::one_for_each;
use crate::error::Error;
use crate::simd::environment::in_default;
use crate::tier::Tier;
use crate::values::code::Code;
use crate::values::params::{QuantParams, Range, Scheme};

/// Finds the range of `x`, chooses the parameters for it, and quantizes `x`, in one call.
///
/// With [`Scheme::affine`] and `u8` this is ONNX `DynamicQuantizeLinear`, bit for bit. NaN are
/// ignored, as [`min_max`](crate::min_max()) ignores them, and get the zero point; an `x` in which
/// nothing else is left counts as the range `[0, 0]`.
///
/// # Errors
/// [`Error::Length`] if `x` and `out` differ in length; [`Error::NonFinite`] if there is an infinity
/// in `x`, unless the scheme is [`Scheme::of_finite`]; [`Error::OneSided`] if the scheme has no codes for
/// one side of the range. On an error `out` is untouched.
///
/// ```
/// # use zeropoint::{Scheme, quantize_dynamic};
/// let mut codes = [0; 6];
/// let x = [0.0, 2.0, -3.0, -2.5, 1.34, 0.5];
/// let params = quantize_dynamic(&x, Scheme::<u8>::affine(), &mut codes)?;
/// assert_eq!((params.scale(), params.zero_point()), (5.0 / 255.0, 153));
/// assert_eq!(codes, [153, 255, 0, 26, 221, 179]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn quantize_dynamic<Q: Code>(
    x: &[f32],
    scheme: Scheme<Q>,
    out: &mut [Q],
) -> Result<QuantParams<Q>, Error> {
    Tier::best().quantize_dynamic(x, scheme, out)
}

/// Elements that are quantized at a time, from the last to the first: the search for the range
/// ended there, so they are still in a cache.
const CHUNK: usize = 64 << 10;

impl Tier {
    /// [`quantize_dynamic`](crate::quantize_dynamic()) on this tier.
    ///
    /// # Errors
    /// As there.
    pub fn quantize_dynamic<Q: Code>(
        self,
        x: &[f32],
        scheme: Scheme<Q>,
        out: &mut [Q],
    ) -> Result<QuantParams<Q>, Error> {
        one_for_each(("out", out.len()), ("elements of `x`", x.len()))?;
        let mut range = self.min_max(x).unwrap_or(Range::new(0.0, 0.0));
        if range.min.is_infinite() || range.max.is_infinite() {
            if !scheme.is_of_finite() {
                let infinity = x.iter().copied().find(|x| x.is_infinite());
                return Err(Error::non_finite("x", None, infinity.unwrap_or(f32::INFINITY)));
            }
            range = in_default(|| finite_range(x));
        }
        let params = scheme.params(range)?;
        let bytes = size_of_val(x) + size_of_val(out);
        #[cfg(feature = "rayon")]
        if threads(bytes).is_some() {
            self.quantize_part(x, params, out, bytes);
            return Ok(params);
        }
        let mut end = x.len();
        while end > 0 {
            let start = (end - 1) / CHUNK * CHUNK;
            self.quantize_part(&x[start..end], params, &mut out[start..end], bytes);
            end = start;
        }
        Ok(params)
    }
}
