//! What is wrong with an argument of calibration.

use super::Method;
use crate::Range;
use core::fmt;

/// What is wrong with an argument of calibration.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A number of the method is not one that it can use.
    Method {
        /// The method, with its numbers.
        method: Method,
    },
    /// An observer can't take in what one with another method, or with other numbers, has observed.
    OtherMethod {
        /// The method of the observer.
        method: Method,
        /// That of the other one.
        other: Method,
    },
    /// An observer can't take in what one with other bounds has observed.
    OtherBounds {
        /// The bounds of the observer, if it has some.
        bounds: Option<Range>,
        /// Those of the other one.
        other: Option<Range>,
    },
    /// There are not as many channels as were observed.
    ObservedChannels {
        /// Channels that were observed.
        observed: usize,
        /// Channels of the other observer, or parameters to write to.
        other: usize,
    },
    /// This is not the name of a calibration method, or the numbers after it can't be read.
    UnknownMethod,
    /// Something that is no matter of calibration: a shape, a range, memory.
    Other(crate::Error),
}

impl From<crate::Error> for Error {
    fn from(error: crate::Error) -> Self {
        Self::Other(error)
    }
}

impl core::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Method { method } => {
                let name = method.name();
                match method {
                    Method::MovingAverage { momentum } => {
                        write!(f, "{name}: a momentum of {momentum} is not above 0 and at most 1")
                    }
                    Method::Percentile { below, above } if below >= 0.0 && above >= 0.0 => write!(
                        f,
                        "{name}: fractions of {below} below and {above} above are not less than 1 \
                         together"
                    ),
                    Method::Percentile { below, above } => {
                        let (fraction, side) =
                            if below >= 0.0 { (above, "above") } else { (below, "below") };
                        write!(f, "{name}: a fraction of {fraction} {side} is not at least 0")
                    }
                    Method::AbsolutePercentile { beyond } => write!(
                        f,
                        "{name}: a fraction of {beyond} beyond is not at least 0 and less than 1"
                    ),
                    Method::Deviations { n } => {
                        write!(f, "{name}: {n} deviations are not a finite number above 0")
                    }
                    _ => write!(f, "{name} has no numbers"),
                }
            }
            Self::OtherMethod { method, other } => {
                write!(f, "an observer by {method} can't take in one by {other}")
            }
            Self::OtherBounds { bounds, other } => {
                let text = |bounds: Option<Range>| {
                    bounds.map_or_else(
                        || "no bounds".into(),
                        |Range { min, max }| std::format!("the bounds [{min:e}, {max:e}]"),
                    )
                };
                let [own, other] = [bounds, other].map(text);
                write!(f, "an observer with {own} can't take in one with {other}")
            }
            Self::ObservedChannels { observed, other } => {
                write!(f, "{observed} channels were observed, not {other}")
            }
            Self::UnknownMethod => write!(
                f,
                "no such method; there are min-max, moving-average=MOMENTUM, percentile=PERCENT, \
                 percentile=FROM..TO, absolute-percentile=PERCENT, deviations=N, mse, entropy, gauss, \
                 laplace"
            ),
            Self::Other(error) => error.fmt(f),
        }
    }
}
