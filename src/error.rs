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
    /// The code farthest from the zero point would dequantize to infinity.
    Overflow {
        /// The argument.
        argument: &'static str,
        /// The element of it, if it is a slice.
        index: Option<usize>,
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
    /// This is not the name of a tier.
    UnknownTier {
        /// The names of all tiers.
        known: &'static [&'static str],
    },
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
                write!(f, "`{argument}`{}", At(index))?;
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
            Self::Overflow { argument, index, scale, distance } => {
                write!(f, "`{argument}`{} is {scale:e}; times {distance}, ", At(index))?;
                write!(f, "the farthest code's distance from the zero point, it is beyond f32")
            }
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
            Self::UnknownTier { known } => {
                write!(f, "no such tier; there are")?;
                for (i, name) in known.iter().enumerate() {
                    write!(f, "{} {name}", if i == 0 { "" } else { "," })?;
                }
                Ok(())
            }
            Self::UnavailableTier { name } => write!(f, "tier {name} is not available here"),
        }
    }
}

/// Which element of an argument, if it is one.
struct At(Option<usize>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(index) => write!(f, ", element {index},"),
            None => Ok(()),
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

    /// The row that it is about, of those that are quantized by themselves.
    #[cold]
    pub(crate) fn row(&self) -> Option<usize> {
        match *self {
            Self::NonFinite { row, .. } | Self::OneSided { row, .. } => row,
            _ => None,
        }
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
