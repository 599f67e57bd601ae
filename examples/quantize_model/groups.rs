//! Which elements of a tensor share a scale and a zero point.

use std::error::Error;
use std::fmt;
use zeropoint::{Blocks, Code, Params, QuantParams, Range, Scheme, Tier};

/// The bytes of a scale and a zero point.
const PARAMS_BYTES: usize = 5;

/// What is wanted of all tensors.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Granularity {
    Tensor,
    /// Parameters for each index along the first axis.
    Channels,
    /// Parameters for so many elements along the last axis.
    Blocks(usize),
}

impl fmt::Display for Granularity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tensor => write!(f, "tensor"),
            Self::Channels => write!(f, "channel"),
            Self::Blocks(block) => write!(f, "block of {block}"),
        }
    }
}

/// The groups of a tensor: each has parameters of its own.
pub(crate) struct Groups {
    /// What became of the wish.
    pub(crate) granularity: Granularity,
    /// The shape of the tensors of scales and of zero points.
    pub(crate) shape: Vec<usize>,
    /// Elements of a channel, or of a row of blocks.
    row: usize,
}

impl Groups {
    /// Those of a tensor of this shape. It stays one group if there is nothing in it, or if its
    /// channels would be single elements.
    pub(crate) fn new(wanted: Granularity, shape: &[usize]) -> Self {
        let empty = shape.contains(&0);
        let (granularity, shape, row) = match (wanted, shape) {
            (Granularity::Channels, [channels, rest @ ..]) if !empty && !rest.is_empty() => {
                (wanted, vec![*channels], rest.iter().product())
            }
            (Granularity::Blocks(block), [outer @ .., row]) if !empty => {
                (wanted, [outer, &[row.div_ceil(block)]].concat(), *row)
            }
            _ => (Granularity::Tensor, vec![1], 0),
        };
        Self { granularity, shape, row }
    }

    pub(crate) fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// The bytes of all scales and zero points.
    pub(crate) fn bytes(&self) -> usize {
        self.count() * PARAMS_BYTES
    }

    /// Bits for each of so many elements: those of its code, and its share of the parameters.
    pub(crate) fn bits(&self, elements: usize) -> f64 {
        8.0 + 8.0 * self.bytes() as f64 / elements as f64
    }

    /// The range of each group. Without numbers it is as if there were only zeros.
    pub(crate) fn ranges(&self, tier: Tier, x: &[f32]) -> Result<Vec<Range>, zeropoint::Error> {
        let mut ranges = vec![None; self.count()];
        let each = match self.granularity {
            Granularity::Tensor => zeropoint::Granularity::Tensor,
            Granularity::Channels => zeropoint::Granularity::Axis { inner: self.row },
            Granularity::Blocks(block) => {
                zeropoint::Granularity::Blocks(Blocks::of_rows(self.row, block))
            }
        };
        tier.min_max_each(x, each, &mut ranges)?;
        let zeros = Range::new(0.0, 0.0);
        Ok(ranges.iter().map(|range| range.unwrap_or(zeros)).collect())
    }

    /// The parameters of each group, by its range.
    pub(crate) fn params<Q: Code>(
        &self,
        scheme: Scheme<Q>,
        ranges: &[Range],
    ) -> Result<Vec<QuantParams<Q>>, Box<dyn Error>> {
        let params = ranges.iter().enumerate().map(|(i, &range)| {
            scheme.params(range).map_err(|error| match self.granularity {
                Granularity::Tensor => error.into(),
                Granularity::Channels => format!("channel {i}: {error}").into(),
                Granularity::Blocks(_) => format!("block {i}: {error}").into(),
            })
        });
        params.collect()
    }

    pub(crate) fn quantize<Q: Code>(
        &self,
        tier: Tier,
        x: &[f32],
        params: &[QuantParams<Q>],
        codes: &mut [Q],
    ) -> Result<(), zeropoint::Error> {
        tier.quantize(x, self.spread(params), codes)
    }

    pub(crate) fn dequantize<Q: Code>(
        &self,
        tier: Tier,
        codes: &[Q],
        params: &[QuantParams<Q>],
        y: &mut [f32],
    ) -> Result<(), zeropoint::Error> {
        tier.dequantize(codes, self.spread(params), y)
    }

    /// The parameters, with the groups that they are of.
    fn spread<'a, Q: Code>(&self, params: &'a [QuantParams<Q>]) -> Params<'a, Q> {
        match self.granularity {
            Granularity::Tensor => params[0].into(),
            Granularity::Channels => Params::per_axis(params, self.row),
            Granularity::Blocks(block) => {
                Params::per_block(params, Blocks::of_rows(self.row, block))
            }
        }
    }
}
