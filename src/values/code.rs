//! The types of codes.

use crate::values::params::QuantParams;
use bytemuck::Pod;
use core::fmt::{Debug, Display};

/// A type of codes: `u8`, `i8`, `u16` or `i16`.
///
/// The trait is sealed: the kernels exist for these types only. Integer literals are `i32` where
/// nothing says otherwise, so one of them has to: `sum(&[2_u8, 4])`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type of codes, which are `u8`, `i8`, `u16` and `i16`",
    label = "codes can't be `{Self}`",
    note = "integer literals are `i32` where nothing gives them a type: give it to the first, as in \
            `[2_u8, 4]`"
)]
pub trait Code:
    sealed::Sealed + Pod + Ord + Into<i32> + Default + Debug + Display + Send + Sync
{
    /// The lowest code.
    const MIN: Self;
    /// The highest code.
    const MAX: Self;

    /// `code`, or the nearest code of the type.
    ///
    /// ```
    /// # use zeropoint::Code;
    /// assert_eq!(i8::from_i32(-5), -5);
    /// assert_eq!(u8::from_i32(1000), 255);
    /// ```
    #[must_use]
    fn from_i32(code: i32) -> Self;
}

/// A type of codes of 8 bits, `u8` or `i8`, which matrix products, distances and tables take.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type of 8-bit codes, which are `u8` and `i8`",
    label = "codes must be `u8` or `i8` here, not `{Self}`",
    note = "integer literals are `i32` where nothing gives them a type: give it to the first, as in \
            `[2_u8, 4]`"
)]
pub trait Code8: Code + sealed::Sealed8 {}

impl Code8 for u8 {}
impl Code8 for i8 {}

/// Evaluates `$body` with `$t` as the type that `$q`, a type of 8-bit codes, is; or, if there is a `$wide`,
/// that, if the codes of `$q` have 16 bits.
///
/// It is known when the caller is compiled, so what `$body` does with the other type is not compiled.
macro_rules! of_type {
    ($q:ty as $t:ident => $body:expr) => {
        if const { <$q as $crate::values::code::sealed::Sealed>::SIGNED } {
            type $t = i8;
            $body
        } else {
            type $t = u8;
            $body
        }
    };
    ($q:ty as $t:ident => $body:expr, wide => $wide:expr) => {
        if const { size_of::<$q>() == 1 } {
            $crate::values::code::of_type!($q as $t => $body)
        } else {
            $wide
        }
    };
}
pub(crate) use of_type;

/// The entries of operations, for each type of 8-bit codes.
macro_rules! of_each_code {
    ($entries:ident: $($operation:ident),*) => {
        $($entries!($operation<'_, u8>, $operation<'_, i8>);)*
    };
}
pub(crate) use of_each_code;

pub(crate) mod sealed {
    use crate::values::params::{QuantParams, RawParams};

    /// 8-bit codes to read from, with their type as a value.
    #[derive(Clone, Copy, Debug)]
    pub enum Codes<'a> {
        U8(&'a [u8]),
        I8(&'a [i8]),
    }

    impl Codes<'_> {
        pub(crate) fn len(&self) -> usize {
            match self {
                Self::U8(codes) => codes.len(),
                Self::I8(codes) => codes.len(),
            }
        }
    }

    /// What 8-bit codes have besides.
    pub trait Sealed8: Sized {
        fn erase(codes: &[Self]) -> Codes<'_>;
    }

    impl Sealed8 for u8 {
        #[inline(always)]
        fn erase(codes: &[u8]) -> Codes<'_> {
            Codes::U8(codes)
        }
    }

    impl Sealed8 for i8 {
        #[inline(always)]
        fn erase(codes: &[i8]) -> Codes<'_> {
            Codes::I8(codes)
        }
    }

    pub trait Sealed: Sized {
        /// Whether the type has a sign.
        const SIGNED: bool;
        /// The lowest code of a symmetric scheme: 0, or one above the lowest.
        const SYMMETRIC_MIN: Self;

        fn erase_params(params: &[QuantParams<Self>]) -> Params<'_>;
        fn erase_params_mut(params: &mut [QuantParams<Self>]) -> ParamsMut<'_>;
        /// The parameters that are of this type; none, if they are of another.
        fn params(params: Params<'_>) -> &[QuantParams<Self>];
        /// The parameters that are of this type; none, if they are of another.
        fn params_mut(params: ParamsMut<'_>) -> &mut [QuantParams<Self>];
    }

    /// The types of codes.
    macro_rules! code_types {
        ($($type:ident $variant:ident $symmetric_min:expr;)*) => {
            /// Parameters, with the type of their codes as a value.
            #[derive(Clone, Copy, Debug)]
            pub enum Params<'a> {
                $($variant(&'a [QuantParams<$type>]),)*
            }

            impl Params<'_> {
                pub(crate) fn len(&self) -> usize {
                    match self {
                        $(Self::$variant(params) => params.len(),)*
                    }
                }

                /// Whether the codes have a sign.
                pub(crate) fn are_signed(&self) -> bool {
                    match self {
                        $(Self::$variant(_) => <$type as Sealed>::SIGNED,)*
                    }
                }

                pub(crate) fn part(self, sets: core::ops::Range<usize>) -> Self {
                    match self {
                        $(Self::$variant(params) => Self::$variant(&params[sets]),)*
                    }
                }

                #[inline(always)]
                pub(crate) fn raw(&self, p: usize) -> &RawParams {
                    match self {
                        $(Self::$variant(params) => params[p].raw(),)*
                    }
                }
            }

            /// Parameters to write to, with the type of their codes as a value.
            #[derive(Debug)]
            pub enum ParamsMut<'a> {
                $($variant(&'a mut [QuantParams<$type>]),)*
            }

            $(
                impl crate::Code for $type {
                    const MIN: Self = $type::MIN;
                    const MAX: Self = $type::MAX;

                    #[inline(always)]
                    fn from_i32(code: i32) -> Self {
                        code.clamp($type::MIN.into(), $type::MAX.into()) as Self
                    }
                }

                impl Sealed for $type {
                    #[allow(unused_comparisons, reason = "of unsigned types")]
                    const SIGNED: bool = $type::MIN < 0;
                    const SYMMETRIC_MIN: Self = $symmetric_min;

                    #[inline(always)]
                    fn erase_params(params: &[QuantParams<Self>]) -> Params<'_> {
                        Params::$variant(params)
                    }

                    #[inline(always)]
                    fn erase_params_mut(params: &mut [QuantParams<Self>]) -> ParamsMut<'_> {
                        ParamsMut::$variant(params)
                    }

                    #[inline(always)]
                    fn params(params: Params<'_>) -> &[QuantParams<Self>] {
                        if let Params::$variant(params) = params { params } else { &[] }
                    }

                    #[inline(always)]
                    fn params_mut(params: ParamsMut<'_>) -> &mut [QuantParams<Self>] {
                        if let ParamsMut::$variant(params) = params { params } else { &mut [] }
                    }
                }
            )*
        };
    }

    code_types! {
        u8 U8 0;
        i8 I8 -127;
        u16 U16 0;
        i16 I16 -32767;
    }
}

/// These parameters as those of the type that `Q` is: `T`, within [`of_type!`].
#[inline(always)]
pub(crate) fn params_as<Q: Code, T: Code>(params: &[QuantParams<Q>]) -> &[QuantParams<T>] {
    T::params(Q::erase_params(params))
}

/// The same of parameters to write to.
#[inline(always)]
pub(crate) fn params_mut_as<Q: Code, T: Code>(
    params: &mut [QuantParams<Q>],
) -> &mut [QuantParams<T>] {
    T::params_mut(Q::erase_params_mut(params))
}
