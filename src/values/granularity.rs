//! Which elements of a tensor share their parameters, and which parameters these are.

use crate::check::{at_least_1, elements_of, one_for_each};
use crate::error::Error;
use crate::simd::environment::in_default;
use crate::values::code::{Code, Code8, params_as};
use crate::values::params::{QuantParams, RawParams};
use crate::values::zero_points::{Scales, Side, ZeroPoints, Zeros};
use core::ops::Range;

/// Blocks of elements along one axis of a tensor, each with parameters of its own.
///
/// The tensor is seen as `[outer, axis, inner]`, row by row, and its parameters as `[outer,
/// ⌈axis / block⌉, inner]`: `block` elements that follow each other along the axis share
/// parameters, and where the axis is not a whole number of blocks, the last one is shorter. This
/// is the blocked form of ONNX `QuantizeLinear`, with its `block_size`.
///
/// ```
/// # use zeropoint::{Blocks, Params, QuantParams, quantize};
/// // Two rows of five; blocks of three, so that the second block of each row has two elements.
/// let x = [
///     1.0, 2.0, 3.0, 10.0, 20.0, //
///     0.1, 0.2, 0.3, 7.0, 8.0,
/// ];
/// let params = [1.0, 10.0, 0.1, 1.0].map(|scale| QuantParams::<i8>::new(scale, 0).unwrap());
/// let mut codes = [0; 10];
/// quantize(&x, Params::per_block(&params, Blocks::of_rows(5, 3)), &mut codes)?;
/// assert_eq!(codes, [1, 2, 3, 1, 2, 1, 2, 3, 7, 8]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks {
    /// The length of the axis.
    pub axis: usize,
    /// Elements of a block.
    pub block: usize,
    /// Elements from one to the next along the axis: the product of the dimensions after it.
    pub inner: usize,
}

impl Blocks {
    /// Blocks within rows of `row` elements: along the last axis.
    #[must_use]
    pub const fn of_rows(row: usize, block: usize) -> Self {
        Self { axis: row, block, inner: 1 }
    }
}

/// Which elements of a tensor share parameters, or a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    /// All of them.
    Tensor,
    /// Those of each channel. The tensor is seen as `[outer, channels, inner]`, row by row: with
    /// channels along the last axis, `inner` is 1; with channels along the first, it is the product of
    /// all other dimensions. This is ONNX `QuantizeLinear` with its `axis`.
    Axis {
        /// Elements from one channel to the next: the product of the dimensions after the axis.
        inner: usize,
    },
    /// Those of each block.
    Blocks(Blocks),
}

/// The parameters of a tensor: the same for all of it, or for each channel or block its own.
///
/// What takes them takes `impl Into<Params>`: a [`QuantParams`], for all elements, or one of the
/// constructors here.
///
/// ```
/// # use zeropoint::{Granularity, Params, QuantParams, quantize};
/// let x = [1.0, 1.0, 4.0, 4.0];
/// let mut codes = [0; 4];
///
/// quantize(&x, QuantParams::<i8>::new(0.5, 0)?, &mut codes)?;
/// assert_eq!(codes, [2, 2, 8, 8]);
///
/// let params = [QuantParams::<i8>::new(0.5, 0)?, QuantParams::new(2.0, -10)?];
/// quantize(&x, Params::per_axis(&params, 1), &mut codes)?; // x[outer][channel]
/// assert_eq!(codes, [2, -10, 8, -8]);
/// quantize(&x, Params::per_axis(&params, 2), &mut codes)?; // x[channel][inner]
/// assert_eq!(codes, [2, 2, -8, -8]);
///
/// // The same as a model's file has them: scales and zero points as tensors of their own.
/// let (scales, zero_points) = ([0.5, 2.0], [0_i8, -10]);
/// let params = Params::parts(&scales, &zero_points, Granularity::Axis { inner: 2 });
/// quantize(&x, params, &mut codes)?;
/// assert_eq!(codes, [2, 2, -8, -8]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Params<'a, Q: Code>(pub(crate) Given<'a, Q>);

/// What [`Params`] are made of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Given<'a, Q: Code> {
    One(QuantParams<Q>),
    Each(Sets<'a, Q>),
}

/// Sets of parameters, and which elements have them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sets<'a, Q: Code> {
    stored: Stored<'a, Q>,
    stride: usize,
    granularity: Granularity,
}

#[derive(Clone, Copy, Debug)]
enum Stored<'a, Q: Code> {
    Whole(&'a [QuantParams<Q>]),
    Parts(&'a [f32], ZeroPoints<'a, Q>),
}

impl<Q: Code> From<QuantParams<Q>> for Params<'_, Q> {
    #[inline(always)]
    fn from(params: QuantParams<Q>) -> Self {
        Self(Given::One(params))
    }
}

impl<'a, Q: Code> Params<'a, Q> {
    /// Parameters for each channel: see [`Granularity::Axis`].
    #[must_use]
    pub const fn per_axis(params: &'a [QuantParams<Q>], inner: usize) -> Self {
        Self::each(Stored::Whole(params), Granularity::Axis { inner })
    }

    /// Parameters for each block: see [`Blocks`].
    #[must_use]
    pub const fn per_block(params: &'a [QuantParams<Q>], blocks: Blocks) -> Self {
        Self::each(Stored::Whole(params), Granularity::Blocks(blocks))
    }

    /// Scales and zero points as slices of their own. There is one zero point for all scales, or one for
    /// each: see [`ZeroPoints`]. All codes of the type are in use.
    ///
    /// Scales are checked where they are used, as [`QuantParams::new`] checks one;
    /// [`dequantize()`](crate::dequantize()) takes any that are finite.
    #[must_use]
    pub fn parts(
        scales: &'a [f32],
        zero_points: impl Into<ZeroPoints<'a, Q>>,
        granularity: Granularity,
    ) -> Self {
        Self::each(Stored::Parts(scales, zero_points.into()), granularity)
    }

    const fn each(stored: Stored<'a, Q>, granularity: Granularity) -> Self {
        Self(Given::Each(Sets { stored, stride: 1, granularity }))
    }

    /// The same where parameters lie `stride` elements apart, as those of one head of many do: the elements
    /// 0, `stride`, 2 · `stride` and so on of the slices count. It changes nothing where there is one set of
    /// parameters, or one zero point, for all.
    ///
    /// ```
    /// # use zeropoint::{Granularity, Params, dequantize};
    /// // The scales of two tokens, for three heads each; the codes of the second head.
    /// let scales = [
    ///     1.0, 0.5, 2.0, //
    ///     1.0, 0.25, 2.0,
    /// ];
    /// let params = Params::parts(&scales[1..], 0, Granularity::Axis { inner: 2 }).with_stride(3);
    /// let mut values = [0.0; 4];
    /// dequantize(&[1_i8, 2, 1, 2], params, &mut values)?;
    /// assert_eq!(values, [0.5, 1.0, 0.25, 0.5]);
    /// # Ok::<(), zeropoint::Error>(())
    /// ```
    #[must_use]
    pub const fn with_stride(mut self, stride: usize) -> Self {
        if let Given::Each(sets) = &mut self.0 {
            sets.stride = stride;
        }
        self
    }
}

/// The scales and the zero points of the rows, or the columns, of a matrix.
#[derive(Clone, Copy)]
pub(crate) struct OfRows<'a> {
    pub(crate) scales: Scales<'a>,
    pub(crate) zero_points: Zeros<'a>,
}

impl OfRows<'_> {
    /// `Ok` if they are those of so many rows, or columns, of this matrix.
    pub(crate) fn check(&self, matrix: Side, rows: usize) -> Result<(), Error> {
        let argument = match matrix {
            Side::Left => "params_a",
            Side::Right => "params_b",
        };
        self.zero_points.check(argument, matrix, rows)?;
        self.scales.check(argument, matrix, rows)
    }
}

impl<'a, Q: Code8> Params<'a, Q> {
    /// Those of the rows of a matrix, which have `inner` elements each; or of its columns, with an `inner`
    /// of 1. How many there are is asked by [`OfRows::check`].
    pub(crate) fn of_rows(self, matrix: Side, inner: usize) -> Result<OfRows<'a>, Error> {
        let sets = match self.0 {
            Given::One(params) => {
                return Ok(OfRows {
                    scales: Scales::Same(params.scale()),
                    zero_points: Zeros::Same(params.raw().zero_point),
                });
            }
            Given::Each(sets) => sets,
        };
        sets.check_len()?;
        sets.check()?;
        let stride = sets.stride;
        match sets.granularity {
            Granularity::Tensor => {
                one_for_each((sets.argument(), sets.len()), ("matrix", 1))?;
                return Ok(OfRows {
                    scales: Scales::Same(sets.scale(0)),
                    zero_points: Zeros::Same(sets.zero_point(0)),
                });
            }
            Granularity::Axis { inner: found } if found == inner => {}
            Granularity::Axis { inner: found } => {
                let expected = match matrix {
                    Side::Left => "the length of a row of `a`",
                    Side::Right => "1: the columns of `b` are its last axis",
                };
                let value = found as f64;
                return Err(Error::Number { argument: "inner", index: None, value, expected });
            }
            Granularity::Blocks(Blocks { block, .. }) => {
                return Err(Error::Number {
                    argument: "block",
                    index: None,
                    value: block as f64,
                    expected: "a row or a column of the matrix, which are not divided",
                });
            }
        }
        Ok(match sets.stored {
            Stored::Whole(params) => {
                let params = Q::erase_params(params);
                OfRows {
                    scales: Scales::Of { params, stride },
                    zero_points: Zeros::Of { params, stride },
                }
            }
            Stored::Parts(scales, zero_points) => OfRows {
                scales: Scales::Each { scales, stride },
                zero_points: match zero_points {
                    ZeroPoints::Same(zero_point) => Zeros::Same(zero_point.into()),
                    ZeroPoints::Each(each) => Zeros::Each { codes: Q::erase(each), stride },
                },
            },
        })
    }
}

impl<'a, Q: Code> Sets<'a, Q> {
    /// How many there are.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        let len = match self.stored {
            Stored::Whole(params) => params.len(),
            Stored::Parts(scales, _) => scales.len(),
        };
        // A division takes as long as a short call.
        if self.stride == 1 { len } else { len.div_ceil(self.stride) }
    }

    /// Which of them the element `i` has.
    pub(crate) fn parameters_of(&self, i: usize) -> usize {
        self.granularity.parameters_of(i, self.len())
    }

    /// The name of the argument.
    fn argument(&self) -> &'static str {
        match self.stored {
            Stored::Whole(_) => "params",
            Stored::Parts(..) => "scales",
        }
    }

    /// How they are spread over these elements, if their number fits.
    #[inline(always)]
    pub(crate) fn layout(&self, elements: (&'static str, usize)) -> Result<Layout, Error> {
        self.check_len()?;
        Layout::new(elements, (self.argument(), self.len()), self.granularity)
    }

    /// `Ok` if they are stored as they should be.
    fn check_len(&self) -> Result<(), Error> {
        at_least_1("stride", self.stride)?;
        if let Stored::Parts(_, ZeroPoints::Each(each)) = self.stored {
            one_for_each(
                ("zero_points", each.len().div_ceil(self.stride)),
                ("scales", self.len()),
            )?;
        }
        Ok(())
    }

    /// `Ok` if they are usable to quantize by.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if let Stored::Parts(scales, _) = self.stored {
            let mut are_plain = true;
            for &scale in scales.iter().step_by(self.stride.max(1)) {
                are_plain &= RawParams::is_plain(scale);
            }
            if are_plain {
                return Ok(());
            }
            for p in 0..self.len() {
                let index = Some(p * self.stride);
                RawParams::check::<Q>(("scales", index), self.scale(p), self.zero_point(p))?;
            }
        }
        Ok(())
    }

    /// `Ok` if they are usable to dequantize by.
    pub(crate) fn check_finite(&self) -> Result<(), Error> {
        if let Stored::Parts(..) = self.stored {
            for p in 0..self.len() {
                let scale = self.scale(p);
                if !scale.is_finite() {
                    return Err(Error::Number {
                        argument: "scales",
                        index: Some(p * self.stride),
                        value: scale.into(),
                        expected: "a finite number",
                    });
                }
            }
        }
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn scale(&self, p: usize) -> f32 {
        match self.stored {
            Stored::Whole(params) => params[p * self.stride].raw().scale,
            Stored::Parts(scales, _) => scales[p * self.stride],
        }
    }

    #[inline(always)]
    pub(crate) fn zero_point(&self, p: usize) -> i32 {
        match self.stored {
            Stored::Whole(params) => params[p * self.stride].raw().zero_point,
            Stored::Parts(_, ZeroPoints::Same(zero_point)) => zero_point.into(),
            Stored::Parts(_, ZeroPoints::Each(each)) => each[p * self.stride].into(),
        }
    }

    /// The set `p`, once [`Sets::check`] found it usable, where the floating-point environment is the
    /// default one.
    #[inline(always)]
    pub(crate) fn raw(&self, p: usize) -> RawParams {
        match self.stored {
            Stored::Whole(params) => *params[p * self.stride].raw(),
            Stored::Parts(..) => RawParams::by_division::<Q>(self.scale(p), self.zero_point(p)),
        }
    }

    /// The set `p` as far as it is dequantized by, once [`Sets::check_finite`] found it usable.
    #[inline(always)]
    pub(crate) fn raw_of_values(&self, p: usize) -> RawParams {
        RawParams::without_reciprocal::<Q>(self.scale(p), self.zero_point(p))
    }

    /// Runs `then` with the parameters, their layout and the elements that have them: all at once, if they lie
    /// in one slice; else as many of them at a time as `raw` makes on the stack. So kernels know one form of
    /// parameters, the one that is the fastest.
    pub(crate) fn each_part(
        &self,
        layout: &Layout,
        elements: usize,
        raw: impl Fn(&Self, usize) -> RawParams,
        mut then: impl FnMut(&[QuantParams<Q>], &Layout, Range<usize>),
    ) {
        /// So many that a call for some elements of each row costs little beside them.
        const SOME: usize = 256;
        const FEW: usize = 32;
        if let (Stored::Whole(params), 1) = (self.stored, self.stride) {
            return then(params, layout, 0..elements);
        }
        // Without elements the shape may be one that can't be counted.
        if elements == 0 {
            return;
        }
        // To clear room for all of them would take longer than a short call.
        let (mut few, mut many);
        let room: &mut [QuantParams<Q>] = if self.len() <= FEW {
            few = [QuantParams::default(); FEW];
            &mut few
        } else {
            many = [QuantParams::default(); SOME];
            &mut many
        };
        let mut start = 0;
        for p in 0..layout.panels {
            let Panel { first, rows, width, run, params } = layout.panel(p);
            let mut done = 0;
            while done < params {
                let some = &mut room[..SOME.min(params - done)];
                in_default(|| {
                    for i in 0..some.len() {
                        some[i] = QuantParams::of(raw(self, first + done + i));
                    }
                });
                let from = done * run;
                let len = some.len().saturating_mul(run).min(width - from);
                if len == width {
                    then(
                        some,
                        &Layout::of_rows(rows, width, run, params),
                        start..start + rows * width,
                    );
                } else {
                    for row in 0..rows {
                        let at = start + row * width + from;
                        then(some, &Layout::of_rows(1, len, run, some.len()), at..at + len);
                    }
                }
                done += some.len();
            }
            start += rows * width;
        }
    }

    /// The same sets for the type that `Q` is: `T`, within [`of_type!`](crate::values::code::of_type).
    #[inline(always)]
    pub(crate) fn retyped<T: Code>(self) -> Sets<'a, T> {
        let Self { stored, stride, granularity } = self;
        let stored = match stored {
            Stored::Whole(params) => Stored::Whole(params_as(params)),
            Stored::Parts(scales, zero_points) => Stored::Parts(scales, zero_points.retyped()),
        };
        Sets { stored, stride, granularity }
    }
}

/// How parameters are spread over a tensor: panel after panel, each with the next parameters.
///
/// It is made of single numbers, and given on by reference: a copy would be made in larger pieces than they were
/// written in, and wait for those writes as long as a short call takes.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) panels: usize,
    rows: usize,
    width: usize,
    run: usize,
    params: usize,
    /// The last of so many panels has `last_rows`.
    cycle: usize,
    last_rows: usize,
}

/// `rows` rows of `width` elements, all alike: the element `j` of each has the parameters
/// `first + j / run`, of which there are `params`.
#[derive(Clone, Copy)]
pub(crate) struct Panel {
    pub(crate) first: usize,
    pub(crate) rows: usize,
    pub(crate) width: usize,
    pub(crate) run: usize,
    pub(crate) params: usize,
}

impl Layout {
    /// How `params` sets of parameters, or of what else there is one for each channel or block, are spread
    /// over these elements.
    #[inline(always)]
    pub(crate) fn new(
        elements: (&'static str, usize),
        params: (&'static str, usize),
        granularity: Granularity,
    ) -> Result<Self, Error> {
        match granularity {
            Granularity::Tensor => {
                one_for_each(params, ("tensor", 1))?;
                Ok(Self::tensor(elements.1))
            }
            Granularity::Axis { inner } => Self::channels(elements, params.1, inner),
            Granularity::Blocks(blocks) => Self::blocks(elements, params, blocks),
        }
    }

    /// `rows` rows of `width` elements, each `run` of which have the next of `params` sets.
    #[inline(always)]
    pub(crate) const fn of_rows(rows: usize, width: usize, run: usize, params: usize) -> Self {
        Self { panels: 1, rows, width, run, params, cycle: 1, last_rows: rows }
    }

    /// The same for all elements.
    #[inline(always)]
    pub(crate) const fn tensor(width: usize) -> Self {
        Self::of_rows(1, width, width, 1)
    }

    /// `[outer, channels, inner]`, with parameters for each channel.
    #[inline(always)]
    pub(crate) fn channels(
        (argument, elements): (&'static str, usize),
        channels: usize,
        inner: usize,
    ) -> Result<Self, Error> {
        let width = channels.saturating_mul(inner);
        let rows = match elements {
            0 => Some(0),
            _ => elements.checked_div(width),
        };
        match rows {
            Some(rows) if rows * width == elements || elements == 0 => {
                Ok(Self::of_rows(rows, width, inner, channels))
            }
            _ => {
                Err(Error::Shape { argument, elements, shape: [None, Some(channels), Some(inner)] })
            }
        }
    }

    /// `[outer, axis, inner]`, with parameters for each block along the axis.
    #[inline(always)]
    fn blocks(
        (argument, elements): (&'static str, usize),
        params: (&'static str, usize),
        blocks: Blocks,
    ) -> Result<Self, Error> {
        let Blocks { axis, block, inner } = blocks;
        let slab = elements_of(&[axis, inner]).unwrap_or(usize::MAX);
        let outer = elements.checked_div(slab).unwrap_or(0);
        if outer * slab != elements {
            return Err(Error::Shape {
                argument,
                elements,
                shape: [None, Some(axis), Some(inner)],
            });
        }
        // Without elements there are no blocks, whatever their length.
        let along = match elements {
            0 => 0,
            _ => {
                at_least_1("block", block)?;
                axis.div_ceil(block)
            }
        };
        one_for_each(params, ("blocks", outer * along * inner))?;
        let (_, params) = params;
        if inner > 1 {
            let rows = block.min(axis);
            let last_rows = axis - (along.max(1) - 1) * rows;
            let panels = outer * along;
            return Ok(Self {
                panels,
                rows,
                width: inner,
                run: 1,
                params: inner,
                cycle: along,
                last_rows,
            });
        }
        // Blocks that fill their rows follow each other without regard to rows.
        if elements == 0 || axis.is_multiple_of(block) {
            Ok(Self::of_rows(1, elements, block, params))
        } else {
            Ok(Self { panels: outer, ..Self::of_rows(1, axis, block, along) })
        }
    }

    /// Whether many elements side by side have the same parameters.
    #[inline(always)]
    pub(crate) fn has_long_runs(&self) -> bool {
        self.run >= 1024
    }

    /// Cuts the elements into pieces of at most `longest`: the layout of each, which parameters it has, and
    /// which elements it is of.
    pub(crate) fn each_piece(
        &self,
        longest: usize,
        mut then: impl FnMut(&Self, Range<usize>, Range<usize>),
    ) {
        let mut start = 0;
        for p in 0..self.panels {
            let Panel { first, rows, width, run, params } = self.panel(p);
            let end = start + rows * width;
            while start < end && width <= longest {
                let rows = (longest / width).min((end - start) / width);
                let len = rows * width;
                let piece = Self::of_rows(rows, width, run, params);
                then(&piece, first..first + params, start..start + len);
                start += len;
            }
            // A part of a run, or whole runs of a row.
            let mut from = 0;
            while start < end {
                let first = first + from / run;
                let (len, run, params) = if run > longest {
                    let len = longest.min(run - from % run).min(width - from);
                    (len, len, 1)
                } else {
                    let params = (longest / run).min(params - from / run);
                    ((params * run).min(width - from), run, params)
                };
                let piece = Self::of_rows(1, len, run, params);
                then(&piece, first..first + params, start..start + len);
                start += len;
                from = (from + len) % width;
            }
        }
    }

    /// The panel `p`.
    #[inline(always)]
    pub(crate) fn panel(&self, p: usize) -> Panel {
        let Self { rows, width, run, params, cycle, last_rows, .. } = *self;
        let is_last = (p + 1).is_multiple_of(cycle);
        Panel {
            first: p * params,
            rows: if is_last { last_rows } else { rows },
            width,
            run,
            params,
        }
    }
}

impl Granularity {
    /// THE SPECIFICATION of granularity: which of `params` sets of parameters the element `i` has.
    pub(crate) fn parameters_of(self, i: usize, params: usize) -> usize {
        match self {
            Self::Tensor => 0,
            Self::Axis { inner } => i / inner % params,
            Self::Blocks(Blocks { axis, block, inner }) => {
                let (outer, along) = (i / inner / axis, i / inner % axis);
                (outer * axis.div_ceil(block) + along / block) * inner + i % inner
            }
        }
    }
}
