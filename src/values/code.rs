//! The types of codes.

use crate::values::params::QuantParams;
use bytemuck::Pod;
use core::fmt::{Debug, Display};

/// A type of 8-bit codes: `u8` or `i8`.
///
/// The trait is sealed: the kernels exist for these two types only. Integer literals are `i32` where
/// nothing says otherwise, so one of them has to: `sum(&[2_u8, 4])`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type of codes, which are `u8` or `i8`",
    label = "codes must be `u8` or `i8`, not `{Self}`",
    note = "integer literals are `i32` where nothing gives them a type: give it to the first, as in \
            `[2_u8, 4]`"
)]
pub trait Code: sealed::Sealed + Pod + Ord + Into<i32> + Debug + Display + Send + Sync {
    /// The lowest code, 0 or −128.
    const MIN: Self;
    /// The highest code, 255 or 127.
    const MAX: Self;
}

impl Code for u8 {
    const MIN: Self = u8::MIN;
    const MAX: Self = u8::MAX;
}

impl Code for i8 {
    const MIN: Self = i8::MIN;
    const MAX: Self = i8::MAX;
}

/// A type of 8-bit codes, which matrix products and distances take.
pub trait Code8: Code {}

impl Code8 for u8 {}
impl Code8 for i8 {}

/// Evaluates `$body` with `$t` as the type that `$q`, a type of codes, is.
///
/// It is known when the caller is compiled, so what `$body` does with the other types is not compiled.
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
}
pub(crate) use of_type;

/// The entries of operations, for each type of codes.
macro_rules! of_each_code {
    ($entries:ident: $($operation:ident),*) => {
        $($entries!($operation<'_, u8>, $operation<'_, i8>);)*
    };
}
pub(crate) use of_each_code;

pub(crate) mod sealed {
    use crate::values::params::{Grid, QuantParams};

    /// Codes to read from, with their type as a value.
    #[derive(Clone, Copy, Debug)]
    pub enum Codes<'a> {
        U8(&'a [u8]),
        I8(&'a [i8]),
    }

    /// Parameters, with the type of their codes as a value.
    #[derive(Clone, Copy, Debug)]
    pub enum Params<'a> {
        U8(&'a [QuantParams<u8>]),
        I8(&'a [QuantParams<i8>]),
    }

    impl Codes<'_> {
        pub(crate) fn len(&self) -> usize {
            match self {
                Self::U8(codes) => codes.len(),
                Self::I8(codes) => codes.len(),
            }
        }
    }

    impl Params<'_> {
        pub(crate) fn len(&self) -> usize {
            match self {
                Self::U8(params) => params.len(),
                Self::I8(params) => params.len(),
            }
        }

        #[inline(always)]
        pub(crate) fn grid(&self, p: usize) -> &Grid {
            match self {
                Self::U8(params) => params[p].grid(),
                Self::I8(params) => params[p].grid(),
            }
        }
    }

    /// Parameters to write to, with the type of their codes as a value.
    #[derive(Debug)]
    pub enum ParamsMut<'a> {
        U8(&'a mut [QuantParams<u8>]),
        I8(&'a mut [QuantParams<i8>]),
    }

    pub trait Sealed: Sized {
        /// Whether the type has a sign.
        const SIGNED: bool;
        /// The lowest code of a symmetric scheme: 0, or −127.
        const SYMMETRIC_MIN: Self;

        /// `code` saturated to the type.
        fn saturate(code: i32) -> Self;
        fn erase(codes: &[Self]) -> Codes<'_>;
        fn erase_params(params: &[QuantParams<Self>]) -> Params<'_>;
        fn erase_params_mut(params: &mut [QuantParams<Self>]) -> ParamsMut<'_>;
        /// The parameters that are of this type; none, if they are of another.
        fn params(params: Params<'_>) -> &[QuantParams<Self>];
        /// The parameters that are of this type; none, if they are of another.
        fn params_mut(params: ParamsMut<'_>) -> &mut [QuantParams<Self>];
    }

    macro_rules! code_type {
        ($type:ident, $variant:ident, $symmetric_min:expr) => {
            impl Sealed for $type {
                #[allow(unused_comparisons, reason = "of unsigned types")]
                const SIGNED: bool = $type::MIN < 0;
                const SYMMETRIC_MIN: Self = $symmetric_min;

                #[inline(always)]
                fn saturate(code: i32) -> Self {
                    code.clamp($type::MIN.into(), $type::MAX.into()) as Self
                }

                #[inline(always)]
                fn erase(codes: &[Self]) -> Codes<'_> {
                    Codes::$variant(codes)
                }

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
        };
    }

    code_type!(u8, U8, 0);
    code_type!(i8, I8, -127);
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
