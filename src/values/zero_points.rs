//! The zero points of the rows, or the columns, of a matrix.

use crate::check::one_for_each;
use crate::error::Error;
use crate::values::code::{
    Code, Code8,
    sealed::{Codes, Params},
};
use crate::values::params::QuantParams;
use bytemuck::Pod;

/// The zero points of the rows of a matrix: the same for all, or one for each.
///
/// What takes them takes `impl Into<ZeroPoints>`: a code, or a slice of codes.
#[derive(Clone, Copy, Debug)]
pub enum ZeroPoints<'a, Q> {
    /// The zero point of every row.
    Same(Q),
    /// The zero point of each row.
    Each(&'a [Q]),
}

impl<Q> From<Q> for ZeroPoints<'_, Q> {
    fn from(zero_point: Q) -> Self {
        Self::Same(zero_point)
    }
}

impl<'a, Q> From<&'a [Q]> for ZeroPoints<'a, Q> {
    fn from(zero_points: &'a [Q]) -> Self {
        Self::Each(zero_points)
    }
}

impl<'a, Q, const N: usize> From<&'a [Q; N]> for ZeroPoints<'a, Q> {
    fn from(zero_points: &'a [Q; N]) -> Self {
        Self::Each(zero_points)
    }
}

#[cfg(feature = "alloc")]
impl<'a, Q> From<&'a alloc::vec::Vec<Q>> for ZeroPoints<'a, Q> {
    fn from(zero_points: &'a alloc::vec::Vec<Q>) -> Self {
        Self::Each(zero_points)
    }
}

impl<'a, Q: Code> ZeroPoints<'a, Q> {
    /// `Ok` if they are those of so many rows.
    pub(crate) fn check(
        self,
        argument: &'static str,
        rows: (&'static str, usize),
    ) -> Result<(), Error> {
        match self {
            Self::Same(_) => Ok(()),
            Self::Each(zero_points) => one_for_each((argument, zero_points.len()), rows),
        }
    }

    /// The zero point of row `r`.
    #[inline(always)]
    pub(crate) fn of(self, r: usize) -> Q {
        match self {
            Self::Same(zero_point) => zero_point,
            Self::Each(zero_points) => zero_points[r],
        }
    }

    /// Whether all of them are `zero_point`.
    #[inline(always)]
    pub(crate) fn all_are(self, zero_point: Q) -> bool {
        match self {
            Self::Same(same) => same == zero_point,
            Self::Each(each) => {
                let mut all = true;
                for r in 0..each.len() {
                    all &= each[r] == zero_point;
                }
                all
            }
        }
    }

    /// Their bits as another type of the same size.
    #[inline(always)]
    pub(crate) fn retyped<T: Pod>(self) -> ZeroPoints<'a, T> {
        match self {
            Self::Same(zero_point) => ZeroPoints::Same(bytemuck::cast(zero_point)),
            Self::Each(each) => ZeroPoints::Each(bytemuck::cast_slice(each)),
        }
    }
}

/// One of the two matrices of a product.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    /// `a`, with parameters by row.
    Left,
    /// `b`, with parameters by column.
    Right,
}

impl Side {
    /// `Ok` if an argument has one element for all, or for each of so many rows, or columns.
    fn check(
        self,
        (argument, len): (&'static str, Option<usize>),
        rows: usize,
    ) -> Result<(), Error> {
        let of = match self {
            Self::Left => "rows of `a`",
            Self::Right => "columns of `b`",
        };
        len.map_or(Ok(()), |len| one_for_each((argument, len), (of, rows)))
    }
}

/// Zero points, whatever they come from: one of each `stride` counts.
#[derive(Clone, Copy)]
pub(crate) enum Zeros<'a> {
    Same(i32),
    Each { codes: Codes<'a>, stride: usize },
    Of { params: Params<'a>, stride: usize },
}

impl<'a, Q: Code8> From<ZeroPoints<'a, Q>> for Zeros<'a> {
    fn from(zero_points: ZeroPoints<'a, Q>) -> Self {
        match zero_points {
            ZeroPoints::Same(zero_point) => Self::Same(zero_point.into()),
            ZeroPoints::Each(each) => Self::Each { codes: Q::erase(each), stride: 1 },
        }
    }
}

impl Zeros<'_> {
    /// How many rows they say there are, if they do.
    pub(crate) fn rows(self) -> Option<usize> {
        match self {
            Self::Same(_) => None,
            Self::Each { codes, stride } => Some(codes.len().div_ceil(stride)),
            Self::Of { params, stride } => Some(params.len().div_ceil(stride)),
        }
    }

    /// `Ok` if they, which are an argument, are those of so many rows, or columns, of this matrix.
    pub(crate) fn check(
        self,
        argument: &'static str,
        matrix: Side,
        rows: usize,
    ) -> Result<(), Error> {
        matrix.check((argument, self.rows()), rows)
    }

    /// The zero point of row `r`.
    #[inline(always)]
    pub(crate) fn of(self, r: usize) -> i32 {
        match self {
            Self::Same(zero_point) => zero_point,
            Self::Each { codes: Codes::U8(each), stride } => each[r * stride].into(),
            Self::Each { codes: Codes::I8(each), stride } => each[r * stride].into(),
            Self::Of { params, stride } => params.raw(r * stride).zero_point,
        }
    }

    /// Those from row `first` on, with `plus` added.
    #[inline(always)]
    pub(crate) fn fill(self, first: usize, plus: i32, to: &mut [i32]) {
        macro_rules! fill {
            ($each:ident => $zero_point:expr) => {{
                let each = &$each[first..][..to.len()];
                for i in 0..to.len() {
                    to[i] = $zero_point(&each[i]) + plus;
                }
            }};
        }
        match self {
            Self::Same(zero_point) => to.fill(zero_point + plus),
            Self::Each { codes: Codes::U8(each), stride: 1 } => {
                fill!(each => |&code| i32::from(code));
            }
            Self::Each { codes: Codes::I8(each), stride: 1 } => {
                fill!(each => |&code| i32::from(code));
            }
            Self::Of { params: Params::U8(params), stride: 1 } => {
                fill!(params => |params: &QuantParams<u8>| params.raw().zero_point);
            }
            Self::Of { params: Params::I8(params), stride: 1 } => {
                fill!(params => |params: &QuantParams<i8>| params.raw().zero_point);
            }
            _ => {
                for i in 0..to.len() {
                    to[i] = self.of(first + i) + plus;
                }
            }
        }
    }

    /// The largest `|q − z|` of any code from `lo` to `hi` and any of the first `rows` of them.
    pub(crate) fn reach(self, [lo, hi]: [i32; 2], rows: usize) -> u32 {
        let reach = |r| (self.of(r) - lo).max(hi - self.of(r)).unsigned_abs();
        match self {
            Self::Same(_) => reach(0),
            _ => (0..rows).map(reach).max().unwrap_or(0),
        }
    }
}

/// Scales of rows or columns, whatever they come from: one of each `stride` counts.
#[derive(Clone, Copy)]
pub(crate) enum Scales<'a> {
    Same(f32),
    Each { scales: &'a [f32], stride: usize },
    Of { params: Params<'a>, stride: usize },
}

impl Scales<'_> {
    /// How many rows they say there are, if they do.
    pub(crate) fn rows(self) -> Option<usize> {
        match self {
            Self::Same(_) => None,
            Self::Each { scales, stride } => Some(scales.len().div_ceil(stride)),
            Self::Of { params, stride } => Some(params.len().div_ceil(stride)),
        }
    }

    /// `Ok` if they, which are an argument, are those of so many rows, or columns, of this matrix.
    pub(crate) fn check(
        self,
        argument: &'static str,
        matrix: Side,
        rows: usize,
    ) -> Result<(), Error> {
        matrix.check((argument, self.rows()), rows)
    }

    /// The scale of row `r`.
    #[inline(always)]
    pub(crate) fn of(self, r: usize) -> f32 {
        match self {
            Self::Same(scale) => scale,
            Self::Each { scales, stride } => scales[r * stride],
            Self::Of { params, stride } => params.raw(r * stride).scale,
        }
    }
}
