//! Search for the nearest vectors, in f32 and in 8-bit codes: how much of it the codes find, how
//! fast, and in how many bytes.
//!
//! ```text
//! cargo run --release --example vector_search             # neighbours of "king" among 1024 words
//! cargo run --release --example vector_search -- paris
//! cargo run --release --example vector_search -- --file vectors.safetensors '#17'
//! cargo run --release --example vector_search -- --help
//! ```
//!
//! `search.rs` is where `zeropoint` is at work; the rest reads and prints.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/plain.rs"]
mod plain;
mod report;
mod search;
mod vectors;

use clap::Parser;
use common::{about, end, print, tensors};
use report::Report;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vectors::Vectors;
use zeropoint::Tier;

const WORDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/minilm-words.safetensors");

/// Search for the nearest vectors, in f32 and in 8-bit codes.
#[derive(Parser)]
#[command(name = "vector_search")]
struct Options {
    /// The word whose neighbours to show; of a file without words the number of a row, as in '#17'
    #[arg(default_value = "king")]
    word: String,

    /// The vectors, the rows of a tensor in a .safetensors file [default: 1024 words of
    /// all-MiniLM-L6-v2]
    #[arg(long)]
    file: Option<PathBuf>,

    /// The tensor's name [default: the first that has rows]
    #[arg(long, value_name = "NAME")]
    tensor: Option<String>,

    /// The instruction set to search with, one of those that this CPU has
    #[arg(long, value_name = "NAME", default_value_t = Tier::best())]
    tier: Tier,
}

fn main() -> ExitCode {
    end(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let path = options.file.as_deref().unwrap_or(Path::new(WORDS));
    let bytes = fs::read(path).map_err(|error| about(path, error))?;
    let tensors = tensors(&bytes)
        .map_err(|error| about(path, format!("not a valid safetensors file: {error}")))?;
    let vectors = Vectors::new(&bytes, &tensors, options.tensor.as_deref())
        .map_err(|error| about(path, error))?;
    let word = vectors.find(&options.word).map_err(|error| about(path, error))?;
    let report = Report::new(&vectors, word, options.tier)?;
    print(|out| report.print(out))
}
