//! Mean and variance of a stream.

/// How many numbers, their mean, and `Σ (x − mean)²`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Moments {
    n: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Of a chunk.
    ///
    /// The sums are f32 in 64 lanes, of which the element `i` goes to `i mod 64`. The squares are
    /// those of differences from the mean as f32, corrected for what that is off.
    pub(super) fn of(x: &[f32]) -> Self {
        let n = x.len() as f64;
        let mean = sum(x, |x| x) / n;
        let near = mean as f32;
        let off = f64::from(near) - mean;
        let squares = sum(x, |x| (x - near) * (x - near)) - n * off * off;
        let squares = squares.max(0.0);
        Self { n, mean, squares }
    }

    /// Of both (by Chan and others, 1979).
    pub(super) fn merge(&mut self, other: &Self) {
        let n = self.n + other.n;
        if n > 0.0 {
            let difference = other.mean - self.mean;
            let share = other.n / n;
            self.mean += difference * share;
            self.squares += other.squares + difference * difference * self.n * share;
        }
        self.n = n;
    }

    pub(super) const fn mean(&self) -> f64 {
        self.mean
    }

    /// The standard deviation, `√(Σ (x − mean)² / n)`, if f32 had room for the sums.
    pub(super) fn deviation(&self) -> Option<f64> {
        /// Squares of smaller numbers are subnormal, or nearly.
        const SMALLEST: f64 = 1e-15;
        let deviation = (self.squares / self.n).sqrt();
        (SMALLEST..f64::INFINITY)
            .contains(&deviation)
            .then_some(deviation)
    }
}

const LANES: usize = 64;

/// `Σ of(x)`, in lanes that are then added by halves.
fn sum(x: &[f32], of: impl Fn(f32) -> f32) -> f64 {
    let mut lanes = [0.0_f32; LANES];
    for x in x.chunks(LANES) {
        for (lane, &x) in lanes.iter_mut().zip(x) {
            *lane += of(x);
        }
    }
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
        half /= 2;
    }
    lanes[0].into()
}
