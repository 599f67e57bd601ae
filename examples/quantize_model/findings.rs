//! What the built-in sample shows.

use crate::common::Tensor;
use crate::groups::{Granularity, Groups};
use crate::noise::Noise;
use crate::quality::Outcome;
use crate::table::{interval, number, percent};
use std::io::{self, Write};
use zeropoint::{Code, Error, QuantParams, Range, Scheme, Tier};

pub(crate) fn print(out: &mut dyn Write, tier: Tier, tensors: &[Tensor<'_>]) -> io::Result<()> {
    let find = |name| tensors.iter().find(|tensor| tensor.name == name);
    let look = |name| Activations::new(tier, find(name)?.to_f32()?);
    writeln!(out, "\nWhat it shows")?;
    if let Some(x) = look("activations.softmax") {
        softmax(out, &x)?;
    }
    if let Some(x) = look("activations.gelu") {
        gelu(out, &x)?;
    }
    let before = look("activations.before_layer_norm");
    let after = look("activations.after_layer_norm");
    if let (Some(before), Some(after)) = (before, after) {
        layer_norm(out, &before, &after)?;
    }
    let weight = find("encoder.layer.5.attention.self.query.weight");
    if let Some(weight) = weight.and_then(|weight| Weight::new(tier, weight)) {
        granularity(out, &weight)?;
    }
    Ok(())
}

fn softmax(out: &mut dyn Write, x: &Activations) -> io::Result<()> {
    let (affine, symmetric) = (&x.affine, &x.symmetric);
    writeln!(
        out,
        "\n\
         Softmax. The range {} has no zero in it. Affine schemes extend it down to 0, since 0.0\n\
         must have a code; that wastes {} of 256 codes here. The symmetric scheme extends it to {} and\n\
         wastes {} of 255: its steps are {:.2} times as large, and its SQNR is {:.1} dB lower.",
        interval(x.range),
        affine.wasted,
        number((-x.range.max).into()),
        symmetric.wasted,
        symmetric.params.scale() / affine.params.scale(),
        affine.sqnr - symmetric.sqnr,
    )
}

fn gelu(out: &mut dyn Write, x: &Activations) -> io::Result<()> {
    let (affine, symmetric) = (&x.affine, &x.symmetric);
    writeln!(
        out,
        "\n\
         GELU. The values go down to {} and up to {}. The symmetric scheme reaches as far below 0\n\
         as above, and wastes {} of 255 codes ({:.1} %). The affine schemes have {} codes for the\n\
         negative values and {} for the positive ones, and an SQNR that is {:.1} dB higher.",
        number(x.range.min.into()),
        number(x.range.max.into()),
        symmetric.wasted,
        percent(symmetric.wasted.into(), 255.0),
        affine.params.zero_point(),
        255 - affine.params.zero_point(),
        affine.sqnr - symmetric.sqnr,
    )
}

fn layer_norm(out: &mut dyn Write, before: &Activations, after: &Activations) -> io::Result<()> {
    writeln!(
        out,
        "\n\
         Layer normalization. Before it the range is {}, but only {} of {} values are\n\
         beyond half of the largest: 90 % of them share {} of the 256 codes of affine-u8. After it the range\n\
         is {}, 90 % of the values have {} codes, and the SQNR is {:.1} dB higher. The wasted\n\
         codes don't tell ({} before, {} after; symmetric-i8: {} and {}): they depend on the smallest and the\n\
         largest value alone.",
        interval(before.range),
        before.far_out(),
        before.x.len(),
        before.codes_of_most(),
        interval(after.range),
        after.codes_of_most(),
        after.affine.sqnr - before.affine.sqnr,
        before.affine.wasted,
        after.affine.wasted,
        before.symmetric.wasted,
        after.symmetric.wasted,
    )
}

fn granularity(out: &mut dyn Write, weight: &Weight) -> io::Result<()> {
    let Weight { tensor, channels, blocks } = weight;
    writeln!(
        out,
        "\n\
         Granularity. With one scale and zero point, the query weight has an SQNR of {:.1} dB (affine-u8)\n\
         and {:.1} dB (symmetric-i8). Parameters per {} win {:.1} and {:.1} dB, for {:.2} bits per weight in\n\
         place of {:.2}; per {} they win {:.1} and {:.1} dB, for {:.2} bits.",
        tensor.affine.sqnr,
        tensor.symmetric.sqnr,
        channels.granularity,
        channels.affine.gain_over(&tensor.affine),
        channels.symmetric.gain_over(&tensor.symmetric),
        channels.bits,
        tensor.bits,
        blocks.granularity,
        blocks.affine.gain_over(&tensor.affine),
        blocks.symmetric.gain_over(&tensor.symmetric),
        blocks.bits,
    )
}

/// How a weight fares with coarse and with fine parameters.
struct Weight {
    tensor: Grouped,
    channels: Grouped,
    blocks: Grouped,
}

impl Weight {
    fn new(tier: Tier, tensor: &Tensor<'_>) -> Option<Self> {
        let x = tensor.to_f32()?;
        let grouped = |granularity| Grouped::new(tier, &x, granularity, tensor.shape()).ok();
        Some(Self {
            tensor: grouped(Granularity::Tensor)?,
            channels: grouped(Granularity::Channels)?,
            blocks: grouped(Granularity::Blocks(32))?,
        })
    }
}

struct Grouped {
    granularity: Granularity,
    bits: f64,
    affine: Noise,
    symmetric: Noise,
}

impl Grouped {
    fn new(
        tier: Tier,
        x: &[f32],
        granularity: Granularity,
        shape: &[usize],
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let groups = Groups::new(granularity, shape);
        Ok(Self {
            granularity,
            bits: groups.bits(x.len()),
            affine: Outcome::new(tier, x, &groups, Scheme::<u8>::affine())?.noise,
            symmetric: Outcome::new(tier, x, &groups, Scheme::<i8>::symmetric())?.noise,
        })
    }
}

/// A tensor, and how it fares with an affine and with a symmetric scheme.
struct Activations {
    x: Vec<f32>,
    range: Range,
    affine: Fared<u8>,
    symmetric: Fared<i8>,
}

impl Activations {
    fn new(tier: Tier, x: Vec<f32>) -> Option<Self> {
        let range = tier.min_max(&x)?;
        let affine = QuantParams::affine(range).and_then(|p| Fared::new(tier, &x, range, p));
        let symmetric = QuantParams::symmetric(range).and_then(|p| Fared::new(tier, &x, range, p));
        Some(Self { range, affine: affine.ok()?, symmetric: symmetric.ok()?, x })
    }

    /// How many values are beyond half of the largest.
    fn far_out(&self) -> usize {
        let largest = self.range.max.max(-self.range.min);
        self.x.iter().filter(|x| x.abs() > largest / 2.0).count()
    }

    /// How many affine codes there are for 90 % of the values: all but the lowest and highest 5 %.
    fn codes_of_most(&self) -> usize {
        let mut sorted = self.x.clone();
        sorted.sort_by(f32::total_cmp);
        let cut = sorted.len() / 20;
        let most = Range::new(sorted[cut], sorted[sorted.len() - 1 - cut]);
        self.affine.params.used_codes(most).map_or(0, |codes| codes.count())
    }
}

struct Fared<Q> {
    params: QuantParams<Q>,
    wasted: u32,
    sqnr: f64,
}

impl<Q: Code> Fared<Q> {
    fn new(tier: Tier, x: &[f32], range: Range, params: QuantParams<Q>) -> Result<Self, Error> {
        let mut y = vec![0.0; x.len()];
        tier.fake_quantize(x, params, &mut y)?;
        Ok(Self { params, wasted: params.wasted_codes(range)?, sqnr: Noise::between(x, &y).sqnr })
    }
}
