//! What quantization loses.

use zeropoint::measure::fidelity;

/// How far values are from the original ones; NaN is left out.
pub(crate) struct Noise {
    /// The signal-to-quantization-noise ratio, in dB.
    pub(crate) sqnr: f64,
    pub(crate) largest: f32,
}

impl Noise {
    pub(crate) fn between(x: &[f32], y: &[f32]) -> Self {
        let pairs = x.iter().zip(y).filter(|(x, _)| !x.is_nan());
        let (x, y): (Vec<_>, Vec<_>) = pairs.unzip();
        let found = fidelity(&x, &y).expect("as many values as original ones");
        Self { sqnr: found.sqnr_db(), largest: found.max_abs_error() }
    }
}
