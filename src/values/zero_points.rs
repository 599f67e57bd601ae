//! The zero points of the rows, or the columns, of a matrix.

use crate::error::{Error, one_for_each, one_or_each};
use crate::values::code::{
    Code,
    sealed::{Codes, Params},
};
use crate::values::params::QuantParams;

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

    /// Their bits.
    #[inline(always)]
    pub(crate) fn bytes(self) -> ZeroPoints<'a, u8> {
        match self {
            Self::Same(zero_point) => ZeroPoints::Same(bytemuck::must_cast(zero_point)),
            Self::Each(each) => ZeroPoints::Each(bytemuck::must_cast_slice(each)),
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

    /// How many rows they say there are, if they do.
    pub(crate) fn rows(self) -> Option<usize> {
        match self {
            Self::Same(_) => None,
            Self::Each(each) => Some(each.len()),
            Self::Of(params) => Some(params.len()),
        }
    }

    /// `Ok` if they are those of so many rows, or columns, of the matrix `matrix`, which is `a` or `b`.
    pub(crate) fn check(self, matrix: Side, rows: usize) -> Result<(), Error> {
        let (zero_points, params, rows) = match matrix {
            Side::Left => ("za", "params_a", ("rows of `a`", rows)),
            Side::Right => ("zb", "params_b", ("columns of `b`", rows)),
        };
        match self {
            Self::Same(_) => Ok(()),
            Self::Each(each) => one_for_each((zero_points, each.len()), rows),
            Self::Of(of) => one_or_each((params, of.len()), rows),
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
