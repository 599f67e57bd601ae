//! A linear layer of a transformer in 8 bits: the activations are quantized as they come, token by
//! token, the weights once, for the whole tensor or for each column. What it loses, and how long it
//! takes on each tier.
//!
//! ```text
//! cargo run --release --example linear_layer
//! cargo run --release --example linear_layer -- --help
//! ```
//!
//! `layer.rs` is where `zeropoint` is at work; the rest reads and prints.

#[path = "../common/mod.rs"]
mod common;
mod layer;
#[path = "../common/noise.rs"]
mod noise;
#[path = "../common/plain.rs"]
mod plain;
mod report;

use clap::Parser;
use common::{about, end, print, tensors};
use layer::Layer;
use report::Report;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use zeropoint::Tier;

const SAMPLE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/minilm-sample.safetensors");

/// A linear layer of a transformer in 8 bits: what it loses, and how long it takes.
#[derive(Parser)]
#[command(name = "linear_layer")]
struct Options {
    /// The instruction set to run on, one of those that this CPU has; times are those of each
    #[arg(long, value_name = "NAME", default_value_t = Tier::best())]
    tier: Tier,
}

fn main() -> ExitCode {
    end(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let path = Path::new(SAMPLE);
    let bytes = fs::read(path).map_err(|error| about(path, error))?;
    let tensors = tensors(&bytes).map_err(|error| about(path, error))?;
    let layer = Layer::new(&tensors).map_err(|error| about(path, error))?;
    let report = Report::new(&layer, options.tier)?;
    print(|out| report.print(out))
}
