//! Which elements of a tensor share their parameters.

use crate::error::{Error, elements_of, one_for_each};

/// Blocks of elements along one axis of a tensor, each with parameters of its own.
///
/// The tensor is seen as `[outer, axis, inner]`, row by row, and its parameters as `[outer,
/// ⌈axis / block⌉, inner]`: so many elements that follow each other along the axis share
/// parameters, and where the axis is not a whole number of blocks, the last one is shorter. This
/// is the blocked form of ONNX `QuantizeLinear`, with its `block_size`.
///
/// ```
/// # use zeropoint::{Blocks, QuantParams, quantize_blocks};
/// // Two rows of five; blocks of three, so that the second block of each row has two elements.
/// let x = [
///     1.0, 2.0, 3.0, 10.0, 20.0, //
///     0.1, 0.2, 0.3, 7.0, 8.0,
/// ];
/// let params = [1.0, 10.0, 0.1, 1.0].map(|scale| QuantParams::<i8>::new(scale, 0).unwrap());
/// let mut codes = [0; 10];
/// quantize_blocks(&x, &params, Blocks::of_rows(5, 3), &mut codes)?;
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

/// How parameters are spread over a tensor: panel after panel, each with the next parameters.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    sharing: Sharing,
    pub(crate) panels: usize,
    panel: Panel,
    /// The last of so many panels has `last_rows`.
    cycle: usize,
    last_rows: usize,
}

#[derive(Clone, Copy)]
enum Sharing {
    Channels { channels: usize, inner: usize },
    Blocks(Blocks),
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
    /// `[outer, channels, inner]`, with parameters for each channel.
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
            Some(rows) if rows * width == elements || elements == 0 => Ok(Self::of(
                Sharing::Channels { channels, inner },
                Panel { first: 0, rows, width, run: inner, params: channels },
            )),
            _ => {
                Err(Error::Shape { argument, elements, shape: [None, Some(channels), Some(inner)] })
            }
        }
    }

    /// `[outer, axis, inner]`, with parameters for each block along the axis.
    pub(crate) fn blocks(
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
            _ if block == 0 => {
                return Err(Error::Number {
                    argument: "block",
                    index: None,
                    value: 0.0,
                    expected: "at least 1",
                });
            }
            _ => axis.div_ceil(block),
        };
        one_for_each(params, ("blocks", outer * along * inner))?;
        let (_, params) = params;
        let sharing = Sharing::Blocks(blocks);
        if inner > 1 {
            let panel =
                Panel { first: 0, rows: block.min(axis), width: inner, run: 1, params: inner };
            return Ok(Self {
                panels: outer * along,
                cycle: along,
                last_rows: axis - (along.max(1) - 1) * panel.rows,
                ..Self::of(sharing, panel)
            });
        }
        // Blocks that fill their rows follow each other without regard to rows.
        let whole = elements == 0 || axis.is_multiple_of(block);
        let panel = Panel {
            first: 0,
            rows: 1,
            width: if whole { elements } else { axis },
            run: block,
            params: if whole { params } else { along },
        };
        Ok(Self { panels: if whole { 1 } else { outer }, ..Self::of(sharing, panel) })
    }

    const fn of(sharing: Sharing, panel: Panel) -> Self {
        Self { sharing, panels: 1, panel, cycle: 1, last_rows: panel.rows }
    }

    /// THE SPECIFICATION of layouts: which parameters the element `i` has.
    pub(crate) fn parameters_of(&self, i: usize) -> usize {
        match self.sharing {
            Sharing::Channels { channels, inner } => i / inner % channels,
            Sharing::Blocks(Blocks { axis, block, inner }) => {
                let (outer, along) = (i / inner / axis, i / inner % axis);
                (outer * axis.div_ceil(block) + along / block) * inner + i % inner
            }
        }
    }

    /// The panel `p`.
    #[inline(always)]
    pub(crate) fn panel(&self, p: usize) -> Panel {
        let mut panel = self.panel;
        panel.first = p * panel.params;
        if (p + 1).is_multiple_of(self.cycle) {
            panel.rows = self.last_rows;
        }
        panel
    }
}
