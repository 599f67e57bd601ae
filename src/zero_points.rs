//! The zero points of the rows, or the columns, of a matrix.

use crate::element::Code;
use crate::error::Error;

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

    /// The largest `|q − z|` of any code and any of them.
    pub(crate) fn reach(self) -> u32 {
        let reach = |zero_point: Q| {
            let [zero_point, lo, hi]: [i32; 3] = [zero_point, Q::MIN, Q::MAX].map(Into::into);
            (zero_point - lo).max(hi - zero_point).unsigned_abs()
        };
        match self {
            Self::Same(zero_point) => reach(zero_point),
            Self::Each(each) => each.iter().copied().map(reach).max().unwrap_or(0),
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

impl<'a> ZeroPoints<'a, u8> {
    /// Of these bits.
    pub(crate) fn typed<Q: Code>(self) -> ZeroPoints<'a, Q> {
        match self {
            Self::Same(bits) => ZeroPoints::Same(bytemuck::must_cast(bits)),
            Self::Each(bits) => ZeroPoints::Each(bytemuck::must_cast_slice(bits)),
        }
    }
}
