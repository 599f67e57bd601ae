//! `Σ (aᵢ − za)(bᵢ − zb) / (√Σ (aᵢ − za)² · √Σ (bᵢ − zb)²)`

use super::operand::{Operand, of_pair, value};
use crate::check::one_for_each;
use crate::error::Error;
use crate::kernels::pairs::{Pairs, add_codes, padding, pairs};
use crate::simd::dot::{Bytes, Dot, Int};
use crate::simd::environment::in_default;
use crate::simd::{Byte, Simd};
use crate::tier::{DotOperation, Entry, Tier, dot_entries};
use crate::values::code::Code8;
use core::marker::PhantomData;

/// The cosine of the angle between two vectors of codes, less their zero points: `ab / (√aa · √bb)`
/// for `ab = Σ (a[i] − za)(b[i] − zb)`, `aa = Σ (a[i] − za)²` and `bb = Σ (b[i] − zb)²`.
///
/// The values have the same cosine, since the scales cancel. The three sums are exact. Where
/// `ab² = aa · bb`, exactly, the vectors are parallel, and the cosine is exactly 1.0 or −1.0. Elsewhere
/// each sum is rounded to f64, then each root, then the product of the roots, then the quotient, and
/// the result is clamped to [−1, 1]. A vector of zeros (or an empty one) gives 0.0.
///
/// # Errors
/// [`Error::Length`] if `a` and `b` differ in length.
///
/// ```
/// # use zeropoint::search::cosine;
/// assert_eq!(cosine(&[3_i8, 4], 0, &[128_u8, 255], 128)?, 4.0 / 5.0);
/// assert_eq!(cosine(&[1_u8, 5], 0, &[3_u8, 15], 0)?, 1.0); // exactly, and its `acos` is 0
/// assert_eq!(cosine(&[7_u8, 7], 7, &[1_u8, 2], 0)?, 0.0);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn cosine<A: Code8, B: Code8>(a: &[A], za: A, b: &[B], zb: B) -> Result<f64, Error> {
    Tier::best().cosine(a, za, b, zb)
}

impl Tier {
    /// [`cosine`](crate::search::cosine()) on this tier.
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn cosine<A: Code8, B: Code8>(self, a: &[A], za: A, b: &[B], zb: B) -> Result<f64, Error> {
        one_for_each(("b", b.len()), ("elements of `a`", a.len()))?;
        if const { A::SIGNED && !B::SIGNED } {
            return self.cosine(b, zb, a, za);
        }
        Ok(in_default(|| {
            of_pair!(A as S, B as T => {
                let (a, b) = (Operand::<S>::of(a, za), Operand::<T>::of(b, zb));
                Cosine { a, b }.on(self)
            })
        }))
    }
}

dot_entries!(Cosine<'_, u8, u8>, Cosine<'_, u8, i8>, Cosine<'_, i8, i8>);

struct Cosine<'a, A, B> {
    a: Operand<'a, A>,
    b: Operand<'a, B>,
}

impl<A: Byte, B: Byte> DotOperation for Cosine<'_, A, B> {
    type Output = f64;

    #[inline(always)]
    fn simd<D: Dot>(&mut self, d: D) -> f64 {
        let (a, b) = (self.a, self.b);
        let kernel = Kernel::<A, B>(PhantomData);
        let [ab, aa, bb, a_sum, b_sum] = pairs::<D, _, 5, 5>(d, kernel, a.codes, b.codes);
        // What the second factor has less than the unsigned code.
        let less = if D::SAME { 0 } else { 128 };
        let (a, b) = (Side::new(a, a_sum), Side::new(b, b_sum));
        let padding = padding::<D>(self.a.codes.len());
        let pairs = self.a.codes.len() as i64 + padding;
        quotient(
            offset_products(ab + less * a.sum, a, b, pairs, padding),
            offset_products(aa + less * a.sum, a, a, pairs, padding),
            offset_products(bb + less * b.sum, b, b, pairs, padding),
        )
    }
}

/// `ab / (√aa · √bb)`, for exact sums.
#[inline(always)]
fn quotient(ab: i64, aa: i64, bb: i64) -> f64 {
    if aa == 0 || bb == 0 {
        return 0.0;
    }
    let cosine = ab as f64 / (libm::sqrt(aa as f64) * libm::sqrt(bb as f64));
    // By Cauchy and Schwarz this is 1 at most, and only if the vectors are parallel. Rounding moves
    // the quotient by a few parts in 2⁵³: farther from 1 there is nothing to ask.
    if cosine.abs() < NEAR_ONE {
        return cosine;
    }
    let square = u128::from(ab.unsigned_abs()).pow(2);
    if square == aa as u128 * bb as u128 {
        f64::copysign(1.0, cosine)
    } else {
        cosine.clamp(-1.0, 1.0)
    }
}

/// 1 − 2⁻⁴⁰.
const NEAR_ONE: f64 = 1.0 - 1.0 / (1_u64 << 40) as f64;

/// What is known of a vector whose codes are taken as unsigned ones.
#[derive(Clone, Copy)]
struct Side {
    sum: i64,
    zero_point: i64,
    /// The zero point of the codes as they came.
    original: i64,
}

impl Side {
    #[inline(always)]
    fn new<Q: Byte>(operand: Operand<'_, Q>, sum: i64) -> Self {
        Self {
            sum,
            zero_point: operand.zero_point() - value::<Q>(bytemuck::must_cast(Q::MIN)),
            original: operand.zero_point(),
        }
    }
}

/// `Σ (a − za)(b − zb)` from `Σ ab`, less the pairs of zeros at the end.
#[inline(always)]
fn offset_products(products: i64, a: Side, b: Side, pairs: i64, padding: i64) -> i64 {
    products - a.zero_point * b.sum - b.zero_point * a.sum + pairs * a.zero_point * b.zero_point
        - padding * a.original * b.original
}

/// Codes as unsigned ones: the products `ab`, `aa` and `bb`, and the sums of `a` and `b`.
#[derive(Clone, Copy)]
struct Kernel<A, B>(PhantomData<(A, B)>);

impl<D: Dot, A: Byte, B: Byte> Pairs<D, 5, 5> for Kernel<A, B> {
    const USED: usize = 5;

    #[inline(always)]
    fn step(
        self,
        d: D,
        [ab, aa, bb, a_sum, b_sum]: [Int<D>; 5],
        mut a: Bytes<D>,
        mut b: Bytes<D>,
    ) -> [Int<D>; 5] {
        let s = d.base();
        if A::SIGNED {
            a = s.flip(a);
        }
        if B::SIGNED {
            b = s.flip(b);
        }
        let products = if D::SAME {
            [d.dot::<u8, u8>(ab, a, b), d.dot::<u8, u8>(aa, a, a), d.dot::<u8, u8>(bb, b, b)]
        } else {
            let (a_less, b_less) = (s.flip(a), s.flip(b));
            [
                d.dot::<u8, i8>(ab, a, b_less),
                d.dot::<u8, i8>(aa, a, a_less),
                d.dot::<u8, i8>(bb, b, b_less),
            ]
        };
        let [ab, aa, bb] = products;
        let a_sum = add_codes::<D, u8>(d, a_sum, a);
        let b_sum = add_codes::<D, u8>(d, b_sum, b);
        [ab, aa, bb, a_sum, b_sum]
    }

    #[inline(always)]
    fn results(self, _: D, sums: [Int<D>; 5]) -> [Int<D>; 5] {
        sums
    }
}
