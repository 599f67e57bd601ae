//! What the built-in sample shows.

use crate::common::Tensor;
use crate::quality::Noise;
use crate::table::{interval, number, percent};
use std::io::{self, Write};
use zeropoint::{Code, Error, QuantParams, Range, Tier};

pub(crate) fn print(out: &mut dyn Write, tier: Tier, tensors: &[Tensor<'_>]) -> io::Result<()> {
    let look = |name| {
        let tensor = tensors.iter().find(|tensor| tensor.name == name)?;
        Activations::new(tier, tensor.to_f32()?)
    };
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
        percent(symmetric.wasted, 255),
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
        Some(Self {
            range,
            affine: affine.ok()?,
            symmetric: symmetric.ok()?,
            x,
        })
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
        self.affine
            .params
            .used_codes(most)
            .map_or(0, |codes| codes.count())
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
        Ok(Self {
            params,
            wasted: params.wasted_codes(range)?,
            sqnr: Noise::between(x, &y).sqnr,
        })
    }
}
