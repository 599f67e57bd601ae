//! The types of codes.

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

pub(crate) mod sealed {
    use crate::values::params::{Grid, QuantParams};

    /// Codes to write to, with their type as a value.
    ///
    /// A generic public function is compiled in the caller's crate, by the caller's settings. It
    /// hands its slices over in this form, to a function that is not generic: so the kernels are
    /// compiled once, in this crate, by this crate's settings.
    #[derive(Debug)]
    pub enum CodesMut<'a> {
        U8(&'a mut [u8]),
        I8(&'a mut [i8]),
    }

    /// Codes to read from, with their type as a value; see [`CodesMut`].
    #[derive(Clone, Copy, Debug)]
    pub enum Codes<'a> {
        U8(&'a [u8]),
        I8(&'a [i8]),
    }

    /// Parameters, with the type of their codes as a value; see [`CodesMut`].
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

        /// Those of row `r`: the first, if it is the only one.
        #[inline(always)]
        pub(crate) fn grid(&self, r: usize) -> &Grid {
            match self {
                Self::U8(params) => params[r.min(params.len() - 1)].grid(),
                Self::I8(params) => params[r.min(params.len() - 1)].grid(),
            }
        }
    }

    /// Parameters to write to, with the type of their codes as a value; see [`CodesMut`].
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
        fn erase_mut(codes: &mut [Self]) -> CodesMut<'_>;
        fn erase_params(params: &[QuantParams<Self>]) -> Params<'_>;
        fn erase_params_mut(params: &mut [QuantParams<Self>]) -> ParamsMut<'_>;
    }

    impl Sealed for u8 {
        const SIGNED: bool = false;
        const SYMMETRIC_MIN: Self = 0;

        #[inline(always)]
        fn saturate(code: i32) -> Self {
            code.clamp(0, 255) as u8
        }

        #[inline(always)]
        fn erase(codes: &[Self]) -> Codes<'_> {
            Codes::U8(codes)
        }

        #[inline(always)]
        fn erase_mut(codes: &mut [Self]) -> CodesMut<'_> {
            CodesMut::U8(codes)
        }

        #[inline(always)]
        fn erase_params(params: &[QuantParams<Self>]) -> Params<'_> {
            Params::U8(params)
        }

        #[inline(always)]
        fn erase_params_mut(params: &mut [QuantParams<Self>]) -> ParamsMut<'_> {
            ParamsMut::U8(params)
        }
    }

    impl Sealed for i8 {
        const SIGNED: bool = true;
        const SYMMETRIC_MIN: Self = -127;

        #[inline(always)]
        fn saturate(code: i32) -> Self {
            code.clamp(-128, 127) as i8
        }

        #[inline(always)]
        fn erase(codes: &[Self]) -> Codes<'_> {
            Codes::I8(codes)
        }

        #[inline(always)]
        fn erase_mut(codes: &mut [Self]) -> CodesMut<'_> {
            CodesMut::I8(codes)
        }

        #[inline(always)]
        fn erase_params(params: &[QuantParams<Self>]) -> Params<'_> {
            Params::I8(params)
        }

        #[inline(always)]
        fn erase_params_mut(params: &mut [QuantParams<Self>]) -> ParamsMut<'_> {
            ParamsMut::I8(params)
        }
    }
}
