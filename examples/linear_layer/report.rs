//! What is found out, and printing it.

use crate::layer::{ACTIVATIONS, Layer, Output, WEIGHT, Weights8};
use crate::noise::Noise;
use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;
use zeropoint::Tier;
use zeropoint::gemm::Activations;

/// A way to compute the layer, and what came of it.
struct Way {
    weights: &'static str,
    activations: &'static str,
    noise: Noise,
    /// By tier.
    times: Vec<(String, Duration)>,
}

pub(crate) struct Report<'a> {
    layer: &'a Layer,
    tier: Tier,
    ways: Vec<Way>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(layer: &'a Layer, tier: Tier) -> Result<Self, Box<dyn Error>> {
        let exact = layer.exact();
        let plain = layer.plain()?;
        let mut ways = vec![Way {
            weights: "f32",
            activations: "f32",
            noise: Noise::between(&exact, &plain.y),
            times: vec![("plain loop".into(), plain.time)],
        }];
        for (name, sets) in [("i8, one scale", 1), ("i8 per column", layer.n)] {
            let weights = Weights8::new(layer, tier, sets)?;
            let affine = |tier| layer.dynamic(&weights, Activations::AffineU8, tier);
            let symmetric = |tier| layer.dynamic(&weights, Activations::SymmetricI8, tier);
            ways.push(Way::new(name, "u8 affine", &exact, tier, affine)?);
            ways.push(Way::new(name, "i8 symmetric", &exact, tier, symmetric)?);
        }
        Ok(Self { layer, tier, ways })
    }

    pub(crate) fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let Layer { m, k, n, .. } = self.layer;
        writeln!(
            out,
            "Tier {}\n\
             {ACTIVATIONS} [{m}, {k}], each row quantized as it comes, times\n\
             {WEIGHT} [{k}, {n}], packed once\n",
            self.tier,
        )?;
        self.row(out, "weights", |way| way.weights.into())?;
        self.row(out, "activations", |way| way.activations.into())?;
        self.row(out, "SQNR", |way| format!("{:.1} dB", way.noise.sqnr))?;
        self.row(out, "largest error", |way| format!("{:.2e}", way.noise.largest))?;
        writeln!(
            out,
            "\n\
             Errors are those against sums in f64, of outputs that every tier gives the same bits of.\n\
             \n\
             Microseconds, one core"
        )?;
        if cfg!(debug_assertions) {
            writeln!(
                out,
                "This is a debug build, so the times mean nothing: run it with --release"
            )?;
        }
        let [plain, quantized, ..] = &self.ways[..] else {
            return Ok(());
        };
        for (name, _) in plain.times.iter().chain(&quantized.times) {
            self.row(out, &format!("  {name}"), |way| {
                let time = way.times.iter().find(|(other, _)| other == name);
                time.map_or(String::new(), |(_, time)| format!("{:.1}", time.as_secs_f64() * 1e6))
            })?;
        }
        Ok(())
    }

    /// A line of the table: a label, and a cell for each way.
    fn row(
        &self,
        out: &mut dyn Write,
        label: &str,
        cell: impl Fn(&Way) -> String,
    ) -> io::Result<()> {
        let mut line = format!("{label:<14}");
        for way in &self.ways {
            line += &format!("{:>15}", cell(way));
        }
        writeln!(out, "{}", line.trim_end())
    }
}

impl Way {
    /// What `output` gives on this tier, and how long it takes on each.
    fn new(
        weights: &'static str,
        activations: &'static str,
        exact: &[f32],
        tier: Tier,
        output: impl Fn(Tier) -> Result<Output, zeropoint::Error>,
    ) -> Result<Self, Box<dyn Error>> {
        let y = output(tier)?.y;
        let mut times = Vec::new();
        for other in Tier::available() {
            let output = output(other)?;
            if output.y != y {
                return Err(format!("{other} and {tier} give different outputs").into());
            }
            times.push((other.to_string(), output.time));
        }
        Ok(Self { weights, activations, noise: Noise::between(exact, &y), times })
    }
}
