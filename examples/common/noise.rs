//! What quantization loses.

/// How far values are from the original ones; NaN is left out.
pub(crate) struct Noise {
    /// The signal-to-quantization-noise ratio, in dB.
    pub(crate) sqnr: f64,
    pub(crate) largest: f64,
}

impl Noise {
    pub(crate) fn between(x: &[f32], y: &[f32]) -> Self {
        let (mut signal, mut noise, mut largest) = (0.0, 0.0, 0.0_f64);
        for (&x, &y) in x.iter().zip(y).filter(|(x, _)| !x.is_nan()) {
            let (x, error) = (f64::from(x), f64::from(x) - f64::from(y));
            signal += x * x;
            noise += error * error;
            largest = largest.max(error.abs());
        }
        let sqnr = if noise == 0.0 {
            f64::INFINITY
        } else {
            10.0 * (signal / noise).log10()
        };
        Self { sqnr, largest }
    }
}
