//! The zero points of the rows, or the columns, of a matrix.

use crate::element::{
    Code,
    sealed::{Codes, Params},
};
use crate::error::Error;
use crate::params::QuantParams;

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

#[cfg(feature = "std")]
impl<'a, Q> From<&'a std::vec::Vec<Q>> for ZeroPoints<'a, Q> {
    fn from(zero_points: &'a std::vec::Vec<Q>) -> Self {
        Self::Each(zero_points)
    }
}

impl<'a, Q: Code> ZeroPoints<'a, Q> {
    /// `Ok` if they are those of so many rows.
    pub(crate) fn check(self, rows: usize) -> Result<(), Error> {
        match self {
            Self::Each(zero_points) if zero_points.len() != rows => Err(Error::ZeroPoints {
                zero_points: zero_points.len(),
                rows,
            }),
            _ => Ok(()),
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

    /// Their bits.
    #[inline(always)]
    pub(crate) fn bytes(self) -> ZeroPoints<'a, u8> {
        match self {
            Self::Same(zero_point) => ZeroPoints::Same(bytemuck::must_cast(zero_point)),
            Self::Each(each) => ZeroPoints::Each(bytemuck::must_cast_slice(each)),
        }
    }
}

/// Zero points, whatever they come from.
#[derive(Clone, Copy)]
pub(crate) enum Zeros<'a> {
    Same(i32),
    Each(Codes<'a>),
    Of(Params<'a>),
}

impl<'a, Q: Code> From<ZeroPoints<'a, Q>> for Zeros<'a> {
    fn from(zero_points: ZeroPoints<'a, Q>) -> Self {
        match zero_points {
            ZeroPoints::Same(zero_point) => Self::Same(zero_point.into()),
            ZeroPoints::Each(each) => Self::Each(Q::erase(each)),
        }
    }
}

impl<'a> Zeros<'a> {
    /// Those of parameters: one for all, or one for each.
    pub(crate) fn of_params<Q: Code>(params: &'a [QuantParams<Q>]) -> Self {
        match params {
            [same] => Self::Same(same.zero_point().into()),
            each => Self::Of(Q::erase_params(each)),
        }
    }

    /// `Ok` if they are those of so many rows, or columns.
    pub(crate) fn check(self, rows: usize) -> Result<(), Error> {
        match self {
            Self::Each(each) if each.len() != rows => Err(Error::ZeroPoints {
                zero_points: each.len(),
                rows,
            }),
            Self::Of(params) if params.len() != rows => Err(Error::OneOrEach {
                given: params.len(),
                there: rows,
            }),
            _ => Ok(()),
        }
    }

    /// The zero point of row `r`.
    #[inline(always)]
    pub(crate) fn of(self, r: usize) -> i32 {
        match self {
            Self::Same(zero_point) => zero_point,
            Self::Each(Codes::U8(each)) => each[r].into(),
            Self::Each(Codes::I8(each)) => each[r].into(),
            Self::Of(params) => params.grid(r).zero_point,
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
            Self::Each(Codes::U8(each)) => fill!(each => |&code| i32::from(code)),
            Self::Each(Codes::I8(each)) => fill!(each => |&code| i32::from(code)),
            Self::Of(Params::U8(params)) => {
                fill!(params => |params: &QuantParams<u8>| params.grid().zero_point);
            }
            Self::Of(Params::I8(params)) => {
                fill!(params => |params: &QuantParams<i8>| params.grid().zero_point);
            }
        }
    }

    /// The largest `|q − z|` of any code of this type and any of the first `rows` of them.
    pub(crate) fn reach<Q: Code>(self, rows: usize) -> u32 {
        let [lo, hi]: [i32; 2] = [Q::MIN, Q::MAX].map(Into::into);
        let reach = |r| (self.of(r) - lo).max(hi - self.of(r)).unsigned_abs();
        match self {
            Self::Same(_) => reach(0),
            _ => (0..rows).map(reach).max().unwrap_or(0),
        }
    }
}
