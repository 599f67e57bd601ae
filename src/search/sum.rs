//! `Σ aᵢ`

use crate::kernels::pairs::{Pairs, add_codes, pairs};
use crate::simd::Byte;
use crate::simd::dot::{Bytes, Dot, Int};
use crate::tier::{DotOperation, Entry, Tier, dot_entries};
use crate::values::code::{Code8, of_each_code, of_type};
use core::marker::PhantomData;

/// The sum of codes, exact for every length: `Σ codes[i]`.
///
/// Dot products with zero points are made of it: see [`dot_with_sums()`](crate::search::dot_with_sums()).
///
/// ```
/// # use zeropoint::search::sum;
/// assert_eq!(sum(&[255_u8; 1000]), 255_000);
/// assert_eq!(sum(&[-128_i8, 127]), -1);
/// ```
#[must_use]
pub fn sum<Q: Code8>(codes: &[Q]) -> i64 {
    Tier::best().sum(codes)
}

impl Tier {
    /// [`sum`](crate::search::sum()) on this tier.
    #[must_use]
    pub fn sum<Q: Code8>(self, codes: &[Q]) -> i64 {
        of_type!(Q as T => {
            let codes: &[T] = bytemuck::must_cast_slice(codes);
            Sum { codes }.on(self)
        })
    }
}

of_each_code!(dot_entries: Sum);

struct Sum<'a, Q> {
    codes: &'a [Q],
}

impl<Q: Byte> DotOperation for Sum<'_, Q> {
    type Output = i64;

    #[inline(always)]
    fn simd<D: Dot>(&mut self, d: D) -> i64 {
        sum_of::<D, Q>(d, bytemuck::must_cast_slice(self.codes))
    }
}

/// The sum of codes of `A`.
#[inline(always)]
pub(super) fn sum_of<D: Dot, A: Byte>(d: D, codes: &[u8]) -> i64 {
    let kernel = Kernel::<A>(PhantomData);
    // As pairs with themselves, of which it takes the first.
    let [sum] = pairs::<D, _, 1, 1>(d, kernel, codes, codes);
    sum
}

#[derive(Clone, Copy)]
struct Kernel<A>(PhantomData<A>);

impl<D: Dot, A: Byte> Pairs<D, 1, 1> for Kernel<A> {
    const USED: usize = 1;

    #[inline(always)]
    fn step(self, d: D, [sum]: [Int<D>; 1], a: Bytes<D>, _: Bytes<D>) -> [Int<D>; 1] {
        [add_codes::<D, A>(d, sum, a)]
    }

    #[inline(always)]
    fn results(self, _: D, sums: [Int<D>; 1]) -> [Int<D>; 1] {
        sums
    }
}
