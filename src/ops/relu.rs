//! `q = max(q, z)`

use crate::drive::{Codes, Map, map_in_place};
use crate::element::{Code, sealed::CodesMut};
use crate::reference;
use crate::simd::{Byte, Simd};
use crate::tier::{Operation, Tier};

/// ReLU on codes, in place: `codes[i] = max(codes[i], zero_point)`, compared as `Q`.
///
/// Worked example 6, padding and ReLU. What stands for a padded 0.0 is the zero point itself, and
/// the codes of negative values are those below it:
/// ```
/// # use zeropoint::{QuantParams, Range, quantize, relu};
/// let params = QuantParams::<i8>::affine(Range::new(-20.0, 1000.0))?;
/// let mut codes = [0; 4];
/// quantize(&[0.0, -20.0, 8.0, 0.0], params, &mut codes)?; // one 0.0 of padding at each end
/// assert_eq!(codes, [-123, -128, -121, -123]);
/// relu(&mut codes, params.zero_point());
/// assert_eq!(codes, [-123, -123, -121, -123]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn relu<Q: Code>(codes: &mut [Q], zero_point: Q) {
    Tier::best().relu(codes, zero_point);
}

impl Tier {
    /// [`relu`](crate::relu()) on this tier.
    pub fn relu<Q: Code>(self, codes: &mut [Q], zero_point: Q) {
        compiled(self, Q::erase_mut(codes), bytemuck::must_cast(zero_point));
    }
}

fn compiled(tier: Tier, codes: CodesMut<'_>, zero_point: u8) {
    match codes {
        CodesMut::U8(codes) => tier.run(Relu { codes, zero_point }),
        CodesMut::I8(codes) => tier.run(Relu {
            codes,
            zero_point: zero_point as i8,
        }),
    }
}

struct Relu<'a, Q> {
    codes: &'a mut [Q],
    zero_point: Q,
}

impl<Q: Byte> Operation for Relu<'_, Q> {
    type Output = ();

    fn scalar(&mut self) {
        reference::relu(self.codes, self.zero_point);
    }

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        let mut kernel = Kernel::<Q, S> {
            zero_point: self.zero_point.splat(s),
            codes: Codes::NEW,
        };
        map_in_place(s, &mut kernel, self.codes);
    }
}

struct Kernel<Q, S: Simd> {
    zero_point: S::U8,
    codes: Codes<Q>,
}

impl<S: Simd, Q: Byte> Map<S> for Kernel<Q, S> {
    type In = Codes<Q>;
    type Out = Codes<Q>;

    #[inline(always)]
    fn input(&self) -> Codes<Q> {
        self.codes
    }

    #[inline(always)]
    fn step(&mut self, s: S, codes: S::U8) -> S::U8 {
        Q::larger(s, codes, self.zero_point)
    }
}
