//! What 8 bits make of the tensors of a model: their scales and zero points, the codes that go to
//! waste, the noise, and the speed.
//!
//! ```text
//! cargo run --release --example quantize_model                        # a sample that is built in
//! cargo run --release --example quantize_model -- model.safetensors   # F32, F16 and BF16 tensors
//! cargo run --release --example quantize_model -- --scheme symmetric-i8 --out i8.safetensors
//! cargo run --release --example quantize_model -- --per-channel       # or --block 32
//! cargo run --release --example quantize_model -- --calibrate all     # which ranges methods choose
//! cargo run --release --example quantize_model -- --calibrate all --plot charts
//! cargo run --release --example quantize_model -- --help
//! ```
//!
//! `quality.rs`, `groups.rs` and `calibration.rs` are where `zeropoint` is at work; the rest reads, prints
//! and draws.

mod calibration;
#[path = "../common/mod.rs"]
mod common;
mod file;
mod findings;
mod groups;
#[path = "../common/noise.rs"]
mod noise;
mod plot;
mod quality;
#[path = "../common/svg.rs"]
mod svg;
mod table;

use calibration::{Calibrated, Methods};
use clap::Parser;
use clap::builder::PossibleValuesParser;
use common::{Tensor, about, end, one_line, print, tensors};
use groups::Granularity;
use indicatif::{ProgressBar, ProgressStyle};
use quality::{Examined, NamedScheme, SCHEMES};
use std::error::Error;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use zeropoint::Tier;

const SAMPLE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/minilm-sample.safetensors");

/// Quantize the tensors of a model to 8 bits, and show what that does to them.
#[derive(Parser)]
#[command(name = "quantize_model")]
struct Options {
    /// The model, a .safetensors file [default: a few tensors of all-MiniLM-L6-v2]
    model: Option<PathBuf>,

    /// How to choose scales and zero points
    #[arg(long, value_name = "NAME", default_value = "all", value_parser = scheme_names())]
    scheme: String,

    /// A scale and zero point for each channel, along the first axis of tensors with two or more axes
    #[arg(long, conflicts_with = "block")]
    per_channel: bool,

    /// A scale and zero point for each block of N elements along the last axis
    #[arg(long, value_name = "N", value_parser = block_length)]
    block: Option<NonZeroUsize>,

    /// Write the codes to FILE, with the scales and zero points of each tensor; needs one scheme
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Compare the ranges that calibration methods choose: all, or one, as percentile=99.9
    #[arg(long, value_name = "METHOD", conflicts_with_all = ["per_channel", "block", "out"])]
    calibrate: Option<Methods>,

    /// Draw these ranges and the values of each tensor, as an SVG in DIR
    #[arg(long, value_name = "DIR", requires = "calibrate")]
    plot: Option<PathBuf>,

    /// The instruction set to run on, one of those that this CPU has
    #[arg(long, value_name = "NAME", default_value_t = Tier::best())]
    tier: Tier,
}

impl Options {
    fn granularity(&self) -> Granularity {
        match self.block {
            Some(block) => Granularity::Blocks(block.get()),
            None if self.per_channel => Granularity::Channels,
            None => Granularity::Tensor,
        }
    }
}

fn scheme_names() -> PossibleValuesParser {
    let names = SCHEMES.iter().map(|(name, _)| *name);
    names.chain(["all"]).into()
}

fn block_length(text: &str) -> Result<NonZeroUsize, &'static str> {
    let not_a_length = |_| "a block is a whole number of elements, 1 or more";
    text.parse().map_err(not_a_length)
}

fn main() -> ExitCode {
    end(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let schemes: Vec<_> = SCHEMES
        .into_iter()
        .filter(|&(name, _)| options.scheme == "all" || options.scheme == name)
        .collect();
    if options.out.is_some() && schemes.len() != 1 {
        return Err("--out writes one scheme: choose it with --scheme".into());
    }

    let path = options.model.as_deref().unwrap_or(Path::new(SAMPLE));
    let bytes = fs::read(path).map_err(|error| about(path, error))?;
    let tensors = tensors(&bytes)
        .map_err(|error| about(path, format!("not a valid safetensors file: {error}")))?;
    if let Some(methods) = &options.calibrate {
        return calibrate(&tensors, &schemes, methods, options);
    }
    let examined = examine(&tensors, &schemes, options)?;

    print(|out| {
        table::print(out, options.tier, options.granularity(), &examined)?;
        if options.model.is_none() {
            findings::print(out, options.tier, &tensors)?;
        }
        Ok(())
    })?;

    if let Some(path) = &options.out {
        let written = file::save(path, options.granularity(), &examined)
            .map_err(|error| about(path, error))?;
        print(|out| {
            let path = one_line(&path.to_string_lossy());
            writeln!(out, "\n{path}: {written} of {} tensors written", tensors.len())
        })?;
    }
    Ok(())
}

fn calibrate(
    tensors: &[Tensor<'_>],
    schemes: &[NamedScheme],
    methods: &Methods,
    options: &Options,
) -> Result<(), Box<dyn Error>> {
    let progress = progress_bar(tensors)?;
    let mut all = Vec::new();
    for tensor in tensors {
        progress.set_message(one_line(&tensor.name));
        all.push(Calibrated::new(tensor, schemes, methods, options.tier));
        progress.inc(tensor.bytes().len() as u64);
    }
    progress.finish_and_clear();
    print(|out| calibration::print(out, options.tier, &all))?;
    if let Some(directory) = &options.plot {
        let drawn = plot::save(directory, &all)?;
        let path = one_line(&directory.to_string_lossy());
        print(|out| writeln!(out, "\n{path}: {drawn} charts drawn"))?;
    }
    Ok(())
}

fn examine<'a>(
    tensors: &'a [Tensor<'a>],
    schemes: &[NamedScheme],
    options: &Options,
) -> Result<Vec<Examined<'a>>, Box<dyn Error>> {
    let progress = progress_bar(tensors)?;
    let mut all = Vec::new();
    for tensor in tensors {
        progress.set_message(one_line(&tensor.name));
        let mut examined = Examined::new(tensor, schemes, options.granularity(), options.tier);
        if options.out.is_none() {
            examined.codes.clear();
        }
        all.push(examined);
        progress.inc(tensor.bytes().len() as u64);
    }
    progress.finish_and_clear();
    Ok(all)
}

/// A bar on standard error, if that is a terminal and the work is long.
fn progress_bar(tensors: &[Tensor<'_>]) -> Result<ProgressBar, Box<dyn Error>> {
    const LONG: u64 = 16 << 20;
    let sizes = tensors.iter().map(|tensor| tensor.bytes().len() as u64);
    let bytes = sizes.sum();
    if bytes <= LONG {
        return Ok(ProgressBar::hidden());
    }
    let style = ProgressStyle::with_template("{bar:30} {bytes} of {total_bytes} {wide_msg}")?;
    Ok(ProgressBar::new(bytes).with_style(style))
}
