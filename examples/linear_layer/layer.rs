//! The layer `y = x · w + bias`, in f32 and in 8 bits.

use crate::common::Tensor;
use crate::plain;
use std::hint::black_box;
use std::time::{Duration, Instant};
use zeropoint::gemm::{Activations, Linear, Scratch, Weights};
use zeropoint::{Error, Granularity, Params, QuantParams, Range, Tier};

pub(crate) const WEIGHT: &str = "encoder.layer.5.attention.self.query.weight";
const BIAS: &str = "encoder.layer.5.attention.self.query.bias";
/// What comes out of that layer of the model; what goes into it is of the same kind: tokens after a
/// layer norm.
pub(crate) const ACTIVATIONS: &str = "activations.after_layer_norm";

/// A layer, and activations to put in.
pub(crate) struct Layer {
    /// `[M, K]`
    x: Vec<f32>,
    /// `[N, K]`: the columns, one after the other.
    w: Vec<f32>,
    /// `[N]`
    bias: Vec<f32>,
    pub(crate) m: usize,
    pub(crate) k: usize,
    pub(crate) n: usize,
}

impl Layer {
    pub(crate) fn new(tensors: &[Tensor<'_>]) -> Result<Self, String> {
        let find = |name| {
            let tensor = tensors.iter().find(|tensor| tensor.name == name);
            let values = tensor.and_then(|tensor| Some((tensor.shape(), tensor.to_f32()?)));
            values.ok_or_else(|| format!("there is no tensor {name} of floats"))
        };
        let ((x_shape, x), (w_shape, w)) = (find(ACTIVATIONS)?, find(WEIGHT)?);
        let (bias_shape, bias) = find(BIAS)?;
        match (x_shape, w_shape, bias_shape) {
            (&[m, x_k], &[n, k], &[biases]) if x_k == k && biases == n => {
                Ok(Self { x, w, bias, m, k, n })
            }
            _ => Err(format!("{x_shape:?}, {w_shape:?} and {bias_shape:?} are not a layer")),
        }
    }

    /// Each output from the row of `x` and the column of `w` that it belongs to, and the bias.
    fn each(&self, y: &mut [f32], output: impl Fn(&[f32], &[f32], f32) -> f32) {
        for (row, y) in self.x.chunks_exact(self.k).zip(y.chunks_exact_mut(self.n)) {
            let columns = self.w.chunks_exact(self.k).zip(&self.bias);
            for (y, (column, &bias)) in y.iter_mut().zip(columns) {
                *y = output(row, column, bias);
            }
        }
    }

    /// What is true: all of it in f64, rounded once.
    pub(crate) fn exact(&self) -> Vec<f32> {
        let mut y = vec![0.0; self.m * self.n];
        self.each(&mut y, |row, column, bias| {
            let pairs = row.iter().zip(column);
            let products = pairs.map(|(&x, &w)| f64::from(x) * f64::from(w));
            (products.sum::<f64>() + f64::from(bias)) as f32
        });
        y
    }

    /// In f32, by a plain loop.
    pub(crate) fn plain(&self) -> Result<Output, Error> {
        let mut y = vec![0.0; self.m * self.n];
        let time = best_time(|| {
            self.each(&mut y, |row, column, bias| plain::dot(row, column) + bias);
            black_box(&mut y);
            Ok(())
        })?;
        Ok(Output { y, time })
    }

    /// In 8 bits, with each row of `x` quantized as it comes.
    pub(crate) fn dynamic(
        &self,
        weights: &Weights8,
        by: Activations,
        tier: Tier,
    ) -> Result<Output, Error> {
        let packed = Weights::transposed(&weights.codes, self.k, self.n).pack(tier)?;
        let layer = Linear::new(packed, weights.params())?.with_bias(&self.bias)?;
        let mut scratch = Scratch::new();
        let mut y = vec![0.0; self.m * self.n];
        let time = best_time(|| layer.forward(black_box(&self.x), by, &mut scratch, &mut y))?;
        Ok(Output { y, time })
    }
}

/// What comes out of a layer, and after how long.
pub(crate) struct Output {
    pub(crate) y: Vec<f32>,
    pub(crate) time: Duration,
}

/// The weights of a layer in 8 bits.
pub(crate) struct Weights8 {
    codes: Vec<i8>,
    /// For all of them, or for each column.
    params: Vec<QuantParams<i8>>,
}

impl Weights8 {
    /// With so many sets of parameters: 1, or one for each column, which in memory is a row.
    pub(crate) fn new(layer: &Layer, tier: Tier, sets: usize) -> Result<Self, Error> {
        let inner = layer.w.len() / sets;
        let mut ranges = vec![None; sets];
        tier.min_max_each(&layer.w, Granularity::Axis { inner }, &mut ranges)?;
        let params = ranges
            .into_iter()
            .map(|range| QuantParams::symmetric(range.unwrap_or(Range::new(0.0, 0.0))))
            .collect::<Result<Vec<_>, _>>()?;
        let mut codes = vec![0; layer.w.len()];
        tier.quantize(&layer.w, Params::per_axis(&params, inner), &mut codes)?;
        Ok(Self { codes, params })
    }

    fn params(&self) -> Params<'_, i8> {
        match self.params[..] {
            [params] => params.into(),
            ref columns => Params::per_axis(columns, 1),
        }
    }
}

/// The shortest that a few milliseconds allow to find.
fn best_time(mut work: impl FnMut() -> Result<(), Error>) -> Result<Duration, Error> {
    const PATIENCE: Duration = Duration::from_millis(40);
    let mut best = Duration::MAX;
    let first = Instant::now();
    while best == Duration::MAX || first.elapsed() < PATIENCE {
        let start = Instant::now();
        work()?;
        best = best.min(start.elapsed());
    }
    Ok(best)
}
