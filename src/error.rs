use core::fmt;

/// What is wrong with an argument. Each message names the offending numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// Input and output have different lengths.
    Length {
        /// Elements of the input.
        input: usize,
        /// Elements of the output.
        output: usize,
    },
    /// Two vectors have different lengths.
    Lengths {
        /// Elements of the first.
        a: usize,
        /// Elements of the second.
        b: usize,
    },
    /// There is not one zero point for each row.
    ZeroPoints {
        /// Zero points that were given.
        zero_points: usize,
        /// Rows (or columns) that there are.
        rows: usize,
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
    /// An affine scheme needs at least two codes.
    TooFewCodes {
        /// The lowest code that was given.
        lo: i32,
        /// The highest code that was given.
        hi: i32,
    },
    /// A symmetric scheme has no codes for this side of the range: a negative minimum with
    /// unsigned codes, for instance.
    OneSided {
        /// The end of the range that no code reaches.
        bound: f32,
        /// The lowest code in use.
        lo: i32,
        /// The highest code in use.
        hi: i32,
    },
    /// There are no codes in the range: its first is above its last.
    NoCodes {
        /// The first code that was given.
        lo: i32,
        /// The last code that was given.
        hi: i32,
    },
    /// Input and output are not as large as the shape says.
    Shape {
        /// Elements of the input.
        input: usize,
        /// Elements of the output.
        output: usize,
    },
    /// A kernel, a stride or a dilation is 0, or not one window fits the image and its border.
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
    /// There are not as many elements as that many rows have.
    Rows {
        /// Elements that were given.
        elements: usize,
        /// Rows that there should be.
        rows: usize,
        /// Elements that a row should have.
        row: usize,
    },
    /// The elements are not a whole number of times so many channels.
    Channels {
        /// Elements that were given.
        elements: usize,
        /// Channels: sets of parameters that were given.
        channels: usize,
        /// Elements that a channel should have in a row.
        inner: usize,
    },
    /// There are not as many elements as whole axes have, or not as many parameters as blocks.
    Blocks {
        /// Elements that were given.
        elements: usize,
        /// Sets of parameters that were given.
        params: usize,
        /// The blocks that there should be.
        blocks: crate::Blocks,
    },
    /// There is not one bias for each channel.
    Bias {
        /// Biases that were given.
        biases: usize,
        /// Channels: multipliers that were given.
        channels: usize,
    },
    /// The epsilon of a norm is NaN, infinite or negative.
    Epsilon {
        /// The epsilon that was given.
        epsilon: f32,
    },
    /// The multipliers of the channels are neither all real nor all in fixed point.
    MixedMultipliers {
        /// The first channel whose multiplier is of another kind than that of channel 0.
        channel: usize,
    },
    /// The multiplier is NaN, infinite, negative, or too large for fixed point.
    Multiplier {
        /// The multiplier that was given.
        multiplier: f64,
    },
    /// The fixed-point multiplier is negative, or its exponent is not in `−31..=30`.
    FixedMultiplier {
        /// The multiplier that was given, in units of 2⁻³¹.
        multiplier: i32,
        /// The exponent that was given.
        exponent: i32,
    },
    /// A sum of so many products may not fit 32 bits.
    Depth {
        /// Products of each sum: columns of the left matrix, rows of the right one.
        depth: usize,
        /// The largest product, in magnitude, of these types with these zero points.
        product: u32,
    },
    /// There are not as many elements as that many rows have, or the rows overlap.
    Strided {
        /// Elements that were given.
        elements: usize,
        /// Rows that there should be.
        rows: usize,
        /// Elements that a row should have.
        row: usize,
        /// Elements from the start of a row to that of the next.
        stride: usize,
    },
    /// There is neither one parameter (or multiplier) for all rows or columns, nor one for each.
    OneOrEach {
        /// How many were given.
        given: usize,
        /// Rows, or columns, that there are.
        there: usize,
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
            Self::Length { input, output } => {
                write!(f, "input has {input} elements, output {output}")
            }
            Self::Lengths { a, b } => {
                write!(f, "the first vector has {a} elements, the second {b}")
            }
            Self::ZeroPoints { zero_points, rows } => {
                write!(
                    f,
                    "{zero_points} zero points were given for {rows} rows or columns"
                )
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
                write!(
                    f,
                    "[{min:e}, {max:e}] is not a finite range with min <= max"
                )
            }
            Self::Codes { lo, hi, zero_point } => {
                write!(
                    f,
                    "the codes {lo}..={hi} don't include the zero point {zero_point}"
                )
            }
            Self::TooFewCodes { lo, hi } => {
                write!(
                    f,
                    "an affine scheme needs two codes or more, not {lo}..={hi}"
                )
            }
            Self::OneSided { bound, lo, hi } => write!(
                f,
                "a symmetric scheme with codes {lo}..={hi} has none on the side of {bound:e}"
            ),
            Self::NoCodes { lo, hi } => write!(f, "there are no codes from {lo} to {hi}"),
            Self::Shape { input, output } => write!(
                f,
                "input has {input} elements and output {output}: not as many of the shape in both"
            ),
            Self::Window {
                kernel,
                stride,
                dilation,
                length,
            } => write!(
                f,
                "a kernel of {kernel} with a dilation of {dilation} and a stride of {stride} does \
                 not fit {length} rows or columns"
            ),
            Self::Rows {
                elements,
                rows,
                row,
            } => write!(f, "{elements} elements are not {rows} rows of {row}"),
            Self::Channels {
                elements,
                channels,
                inner,
            } => write!(
                f,
                "{elements} elements are not a whole number of times {channels} channels of {inner}"
            ),
            Self::Blocks {
                elements,
                params,
                blocks: crate::Blocks { axis, block, inner },
            } => write!(
                f,
                "{params} sets of parameters for {elements} elements are not one for each block of \
                 {block} along an axis of {axis}, with {inner} elements from one to the next"
            ),
            Self::Bias { biases, channels } => {
                write!(f, "there are {biases} biases for {channels} channels")
            }
            Self::Epsilon { epsilon } => {
                write!(
                    f,
                    "epsilon {epsilon:e} is not a finite number of at least 0"
                )
            }
            Self::MixedMultipliers { channel } => write!(
                f,
                "the multiplier of channel {channel} is not of the same kind, real or fixed point, \
                 as that of channel 0"
            ),
            Self::Multiplier { multiplier } => write!(
                f,
                "multiplier {multiplier:e} is not a finite number of at least 0, and below 2^30 in \
                 fixed point"
            ),
            Self::FixedMultiplier {
                multiplier,
                exponent,
            } => write!(
                f,
                "fixed-point multiplier {multiplier} with exponent {exponent}: the multiplier must \
                 be at least 0, the exponent in -31..=30"
            ),
            Self::Depth { depth, product } => write!(
                f,
                "a sum of {depth} products, of up to {product} each, may not fit 32 bits"
            ),
            Self::Strided {
                elements,
                rows,
                row,
                stride,
            } => write!(
                f,
                "{elements} elements are not {rows} rows of {row}, {stride} from one to the next"
            ),
            Self::OneOrEach { given, there } => write!(
                f,
                "{given} parameters or multipliers were given for {there} rows or columns: there \
                 must be one, or one for each"
            ),
            Self::Buffer { bytes, needed } => {
                write!(f, "{needed} bytes are needed, and there are {bytes}")
            }
            Self::PackedFor { packed, tier } => write!(
                f,
                "the matrix is packed for the tier {packed} and can't be used on {tier}"
            ),
            #[cfg(feature = "std")]
            Self::Method { method } => {
                use crate::calibrate::Method;
                let name = method.name();
                match method {
                    Method::MovingAverage { momentum } => {
                        write!(
                            f,
                            "{name}: a momentum of {momentum} is not above 0 and at most 1"
                        )
                    }
                    Method::Percentile { below, above } if below >= 0.0 && above >= 0.0 => write!(
                        f,
                        "{name}: fractions of {below} below and {above} above are not less than 1 \
                         together"
                    ),
                    Method::Percentile { below, above } => {
                        let (fraction, side) = if below >= 0.0 {
                            (above, "above")
                        } else {
                            (below, "below")
                        };
                        write!(
                            f,
                            "{name}: a fraction of {fraction} {side} is not at least 0"
                        )
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
                write!(
                    f,
                    "no such tier; there are {}",
                    crate::tier::Names(crate::Tier::NAMES)
                )
            }
            Self::UnavailableTier { name } => {
                write!(f, "tier {name} is not available here; these are:")?;
                crate::Tier::available().try_for_each(|tier| write!(f, " {tier}"))
            }
        }
    }
}

impl core::error::Error for Error {}

/// `Ok` if an operation's input and output have the same length.
pub(crate) fn same_length(input: usize, output: usize) -> Result<(), Error> {
    if input == output {
        Ok(())
    } else {
        Err(Error::Length { input, output })
    }
}

/// `Ok` if two vectors have the same length.
pub(crate) fn same_lengths(a: usize, b: usize) -> Result<(), Error> {
    if a == b {
        Ok(())
    } else {
        Err(Error::Lengths { a, b })
    }
}

/// `Ok` if so many rows of that length have so many elements.
pub(crate) fn row_shape(elements: usize, rows: usize, row: usize) -> Result<(), Error> {
    if rows.checked_mul(row) == Some(elements) {
        Ok(())
    } else {
        Err(Error::Rows {
            elements,
            rows,
            row,
        })
    }
}

/// `Ok` if so many rows of that length, that far from each other, have so many elements. What lies
/// between the last row and the next one that would be may be there or not.
pub(crate) fn strided_shape(
    elements: usize,
    rows: usize,
    row: usize,
    stride: usize,
) -> Result<(), Error> {
    let most = rows.checked_mul(stride);
    let least = if rows > 0 && row > 0 {
        most.and_then(|most| (most - stride).checked_add(row))
    } else {
        Some(0)
    };
    match (least, most) {
        (Some(least), Some(most)) if stride >= row && least <= elements && elements <= most => {
            Ok(())
        }
        _ => Err(Error::Strided {
            elements,
            rows,
            row,
            stride,
        }),
    }
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

/// `Ok` if so many are one for all, or one for each of those that there are.
pub(crate) fn one_or_each(given: usize, there: usize) -> Result<(), Error> {
    if given == 1 || given == there {
        Ok(())
    } else {
        Err(Error::OneOrEach { given, there })
    }
}
