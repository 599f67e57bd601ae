use core::fmt;

/// What is wrong with an argument: which one, in which row of a batch, and with what numbers.
///
/// Arguments are called by their names in the signature of the operation.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// An argument has not one element for each of what it belongs to.
    Length {
        /// The argument.
        argument: &'static str,
        /// Its elements.
        len: usize,
        /// What it belongs to: the elements of another argument, the rows or columns of a matrix.
        of: &'static str,
        /// How many of those there are.
        there: usize,
    },
    /// An argument has neither one element, for all, nor one for each of what it belongs to.
    OneOrEach {
        /// The argument.
        argument: &'static str,
        /// Its elements.
        len: usize,
        /// What it belongs to: the rows or columns of a matrix.
        of: &'static str,
        /// How many of those there are.
        there: usize,
    },
    /// A matrix has too few or too many elements for its rows, or they overlap; or it was said to have
    /// another number of rows. With a stride, more elements may follow the last row.
    Rows {
        /// The matrix.
        argument: &'static str,
        /// Its elements.
        elements: usize,
        /// Rows that it should have.
        rows: usize,
        /// Elements that a row should have.
        row: usize,
        /// Elements from the start of a row to the start of the next.
        stride: usize,
    },
    /// A tensor has other elements than its shape says.
    Shape {
        /// The tensor.
        argument: &'static str,
        /// Its elements.
        elements: usize,
        /// Its shape; `None` where it may be any number.
        shape: [Option<usize>; 3],
    },
    /// A kernel, a stride or a dilation is 0, or not one window fits the image and its border, or
    /// their sizes are beyond `usize`.
    Window {
        /// Codes of a window along this axis.
        kernel: usize,
        /// From one window to the next.
        stride: usize,
        /// From one code of a window to the next.
        dilation: usize,
        /// Rows or columns of the image, with its border.
        length: usize,
    },
    /// A number is out of its bounds.
    Number {
        /// The argument.
        argument: &'static str,
        /// Which element of the argument, if it has several.
        index: Option<usize>,
        /// The number that was given.
        value: f64,
        /// What it must be.
        expected: &'static str,
    },
    /// The scale is NaN, infinite, or below [`MIN_SCALE`](crate::MIN_SCALE) (so too if it is
    /// negative or zero).
    Scale {
        /// The scale that was given.
        scale: f32,
    },
    /// The code farthest from the zero point would dequantize to infinity.
    Overflow {
        /// The scale that was given.
        scale: f32,
        /// The distance of the farthest code from the zero point.
        distance: u32,
    },
    /// The range has a NaN or infinite end, or its minimum is above its maximum.
    Range {
        /// The minimum that was given.
        min: f32,
        /// The maximum that was given.
        max: f32,
    },
    /// The codes to use are empty, or don't include the zero point (of a symmetric scheme: 0).
    Codes {
        /// The lowest code that was given.
        lo: i32,
        /// The highest code that was given.
        hi: i32,
        /// The zero point that must lie between them.
        zero_point: i32,
    },
    /// The data has a NaN or an infinity, and there is nothing that could stand for it.
    NonFinite {
        /// The argument.
        argument: &'static str,
        /// The first such row, if each row is quantized by itself.
        row: Option<usize>,
        /// The first such element (of that row): `"NaN"`, `"inf"` or `"-inf"`.
        found: &'static str,
    },
    /// There are too few codes: none at all (the first is above the last), or one for an affine
    /// scheme.
    TooFewCodes {
        /// The lowest code that was given.
        lo: i32,
        /// The highest code that was given.
        hi: i32,
    },
    /// A symmetric scheme has no codes for this side of the range: a negative minimum with
    /// unsigned codes, for instance.
    OneSided {
        /// The row, if each row is quantized by itself.
        row: Option<usize>,
        /// The end of the range that no code reaches.
        bound: f32,
        /// The lowest code in use.
        lo: i32,
        /// The highest code in use.
        hi: i32,
    },
    /// The multipliers are not all of one [kind](crate::MultiplierKind).
    MixedMultipliers {
        /// The first channel whose multiplier is of another kind than the one of channel 0.
        channel: usize,
    },
    /// A sum of so many products may not fit 32 bits.
    Depth {
        /// Products of each sum: columns of the left matrix, rows of the right one.
        depth: usize,
        /// The largest product, in magnitude, of these types with these zero points.
        product: u32,
    },
    /// The buffer is too small, or there is no memory for one.
    Buffer {
        /// Bytes that there are.
        bytes: usize,
        /// Bytes that are needed.
        needed: usize,
    },
    /// The matrix was packed for another tier.
    PackedFor {
        /// The tier that it was packed for.
        packed: &'static str,
        /// The tier that it was to be used on.
        tier: &'static str,
    },
    /// A number of the method is not one that it can use.
    #[cfg(feature = "std")]
    Method {
        /// The method, with its numbers.
        method: crate::calibrate::Method,
    },
    /// An observer can't take in what one with another method, or with other numbers, has observed.
    #[cfg(feature = "std")]
    OtherMethod {
        /// The method of the observer.
        method: crate::calibrate::Method,
        /// That of the other one.
        other: crate::calibrate::Method,
    },
    /// An observer can't take in what one with other bounds has observed.
    #[cfg(feature = "std")]
    OtherBounds {
        /// The bounds of the observer, if it has some.
        bounds: Option<crate::Range>,
        /// Those of the other one.
        other: Option<crate::Range>,
    },
    /// There are not as many channels as were observed.
    #[cfg(feature = "std")]
    ObservedChannels {
        /// Channels that were observed.
        observed: usize,
        /// Channels of the other observer, or parameters to write to.
        other: usize,
    },
    /// This is not the name of a calibration method, or the numbers after it can't be read.
    #[cfg(feature = "std")]
    UnknownMethod,
    /// This is not the name of a tier.
    UnknownTier,
    /// The tier exists, but this CPU (or this build, without the feature `std`) does not have it.
    UnavailableTier {
        /// The tier's name.
        name: &'static str,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Length { argument, len, of, there } => {
                write!(f, "`{argument}` has {} for the {there} {of}", Elements(len))
            }
            Self::OneOrEach { argument, len, of, there } => write!(
                f,
                "`{argument}` has {} for the {there} {of}: it must have one for all, or one for each",
                Elements(len)
            ),
            Self::Rows { argument, elements, rows, row, stride } => {
                let (elements, s) = (Elements(elements), if rows == 1 { "" } else { "s" });
                write!(f, "`{argument}`, of {elements}, is not {rows} row{s} of {row}")?;
                if stride != row {
                    write!(f, ", {stride} from one to the next")?;
                }
                Ok(())
            }
            Self::Shape { argument, elements, shape } => {
                let elements = Elements(elements);
                write!(f, "`{argument}`, of {elements}, is not of the shape [")?;
                for (i, size) in shape.into_iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    match size {
                        Some(size) => write!(f, "{comma}{size}")?,
                        None => write!(f, "{comma}any")?,
                    }
                }
                write!(f, "]")
            }
            Self::Number { argument, index, value, expected } => {
                write!(f, "`{argument}`")?;
                if let Some(index) = index {
                    write!(f, ", element {index},")?;
                }
                // With the digits that it was given with, if it was an integer or an f32.
                let integer = value as i64;
                if integer as f64 == value && integer.unsigned_abs() < 1 << 53 {
                    write!(f, " is {integer}, not {expected}")
                } else if f64::from(value as f32) == value {
                    write!(f, " is {:e}, not {expected}", value as f32)
                } else {
                    write!(f, " is {value:e}, not {expected}")
                }
            }
            Self::Scale { scale } => write!(
                f,
                "scale {scale:e} is not a finite number of at least {:e}",
                crate::MIN_SCALE
            ),
            Self::Overflow { scale, distance } => write!(
                f,
                "scale {scale:e} times {distance}, the farthest code's distance from the zero \
                 point, is beyond f32"
            ),
            Self::Range { min, max } => {
                write!(f, "[{min:e}, {max:e}] is not a finite range with min <= max")
            }
            Self::Codes { lo, hi, zero_point } => {
                write!(f, "the codes {lo}..={hi} don't include the zero point {zero_point}")
            }
            Self::NonFinite { argument, row, found } => match row {
                Some(row) => write!(f, "row {row} of `{argument}` has the element {found}"),
                None => write!(f, "`{argument}` has the element {found}"),
            },
            Self::TooFewCodes { lo, hi } => write!(
                f,
                "{lo}..={hi} are too few codes: an affine scheme needs two or more, a clamp one"
            ),
            Self::OneSided { row, bound, lo, hi } => {
                if let Some(row) = row {
                    write!(f, "row {row}: ")?;
                }
                write!(
                    f,
                    "a symmetric scheme with codes {lo}..={hi} has none on the side of {bound:e}"
                )
            }
            Self::Window { kernel, stride, dilation, length } => write!(
                f,
                "a kernel of {kernel} with a dilation of {dilation} and a stride of {stride} does \
                 not fit {length} rows or columns"
            ),
            Self::MixedMultipliers { channel } => {
                write!(f, "element {channel} of `multipliers` is not of the same kind as element 0")
            }
            Self::Depth { depth, product } => {
                write!(f, "a sum of {depth} products, of up to {product} each, may not fit 32 bits")
            }
            Self::Buffer { bytes, needed } => {
                write!(f, "{needed} bytes are needed, and there are {bytes}")
            }
            Self::PackedFor { packed, tier } => {
                write!(f, "the matrix is packed for the tier {packed} and can't be used on {tier}")
            }
            #[cfg(feature = "std")]
            Self::Method { method } => {
                use crate::calibrate::Method;
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
            #[cfg(feature = "std")]
            Self::OtherMethod { method, other } => {
                write!(f, "an observer by {method} can't take in one by {other}")
            }
            #[cfg(feature = "std")]
            Self::OtherBounds { bounds, other } => {
                let text = |bounds: Option<crate::Range>| {
                    bounds.map_or_else(
                        || "no bounds".into(),
                        |crate::Range { min, max }| std::format!("the bounds [{min:e}, {max:e}]"),
                    )
                };
                let [own, other] = [bounds, other].map(text);
                write!(f, "an observer with {own} can't take in one with {other}")
            }
            #[cfg(feature = "std")]
            Self::ObservedChannels { observed, other } => {
                write!(f, "{observed} channels were observed, not {other}")
            }
            #[cfg(feature = "std")]
            Self::UnknownMethod => write!(
                f,
                "no such method; there are min-max, moving-average=MOMENTUM, percentile=PERCENT, \
                 percentile=FROM..TO, absolute-percentile=PERCENT, deviations=N, mse, entropy, gauss, \
                 laplace"
            ),
            Self::UnknownTier => {
                write!(f, "no such tier; there are {}", crate::tier::Names(crate::Tier::NAMES))
            }
            Self::UnavailableTier { name } => {
                write!(f, "tier {name} is not available here; these are:")?;
                crate::Tier::available().try_for_each(|tier| write!(f, " {tier}"))
            }
        }
    }
}

/// How many elements, in words.
struct Elements(usize);

impl fmt::Display for Elements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => write!(f, "1 element"),
            count => write!(f, "{count} elements"),
        }
    }
}

impl core::error::Error for Error {}

impl Error {
    /// [`Error::NonFinite`] for this element.
    #[cold]
    pub(crate) fn non_finite(argument: &'static str, row: Option<usize>, value: f32) -> Self {
        let found = if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "inf"
        } else {
            "-inf"
        };
        Self::NonFinite { argument, row, found }
    }

    /// The same of a row that is quantized by itself.
    #[cold]
    pub(crate) fn in_row(self, row: usize) -> Self {
        match self {
            Self::OneSided { bound, lo, hi, .. } => {
                let row = Some(row);
                Self::OneSided { row, bound, lo, hi }
            }
            other => other,
        }
    }
}

/// `Ok` if an argument has an element for each of what it belongs to.
#[inline]
pub(crate) fn one_for_each(
    (argument, len): (&'static str, usize),
    (of, there): (&'static str, usize),
) -> Result<(), Error> {
    if len == there { Ok(()) } else { Err(Error::Length { argument, len, of, there }) }
}

/// `Ok` if an argument has one element for all, or one for each of what it belongs to.
#[inline]
pub(crate) fn one_or_each(
    (argument, len): (&'static str, usize),
    (of, there): (&'static str, usize),
) -> Result<(), Error> {
    if len == 1 || len == there {
        Ok(())
    } else {
        Err(Error::OneOrEach { argument, len, of, there })
    }
}

/// `Ok` if a matrix has exactly the elements of `rows` rows of `row` elements.
#[inline]
pub(crate) fn row_shape(
    (argument, elements): (&'static str, usize),
    rows: usize,
    row: usize,
) -> Result<(), Error> {
    if rows.checked_mul(row) == Some(elements) {
        Ok(())
    } else {
        Err(Error::Rows { argument, elements, rows, row, stride: row })
    }
}

/// `Ok` if `rows` rows of `row` elements, `stride` elements from one to the next, don't overlap and lie
/// within the elements of a matrix.
pub(crate) fn strided_shape(
    (argument, elements): (&'static str, usize),
    rows: usize,
    row: usize,
    stride: usize,
) -> Result<(), Error> {
    let least = if rows > 0 && row > 0 {
        (rows - 1).checked_mul(stride).and_then(|last| last.checked_add(row))
    } else {
        Some(0)
    };
    match least {
        Some(least) if stride >= row && least <= elements => Ok(()),
        _ => Err(Error::Rows { argument, elements, rows, row, stride }),
    }
}

/// The elements of a shape; `None` beyond `usize`. A shape with a zero has none, however large its
/// other numbers.
pub(crate) fn elements_of(shape: &[usize]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size))
}

/// `Ok` if no sum of so many products can overflow 32 bits, of numbers that reach so far from 0.
pub(crate) fn check_depth(depth: usize, reach: impl FnOnce() -> [u32; 2]) -> Result<(), Error> {
    /// Of products of any codes, less any zero points.
    const ANY: usize = i32::MAX as usize / (255 * 255);
    if depth <= ANY {
        return Ok(());
    }
    let [a, b] = reach();
    let product = a * b;
    if depth.saturating_mul(product as usize) <= i32::MAX as usize {
        Ok(())
    } else {
        Err(Error::Depth { depth, product })
    }
}
