//! Merges the cards of several machines, as `cargo bench --bench card -- --json FILE` keeps them,
//! into one page.
//!
//! ```text
//! cargo run --release --example bench_report -- benches/cards/*.json -o report.html
//! ```

mod charts;
#[path = "../../benches/card/data.rs"]
mod data;
mod page;
#[path = "../common/svg.rs"]
mod svg;

use clap::Parser;
use data::Card;
use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Merge the cards of several machines into one page: charts, rooflines and tables.
#[derive(Parser)]
#[command(name = "bench_report")]
struct Options {
    /// Cards, kept by `cargo bench --bench card -- --json FILE`; the file's name names the machine
    #[arg(required = true, value_name = "CARD")]
    cards: Vec<PathBuf>,

    /// Where to write the page
    #[arg(short, long, value_name = "FILE", default_value = "report.html")]
    output: PathBuf,

    /// Also write the overviews of the first card to DIRECTORY, a chart FAMILY.svg for each family
    #[arg(long, value_name = "DIRECTORY")]
    charts: Option<PathBuf>,
}

/// A card, and what its machine is called here.
struct Named {
    name: String,
    card: Card,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let mut cards = Vec::new();
    for path in &options.cards {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let (name, card) = (name.into_owned(), Card::read(path)?);
        cards.push(Named { name, card });
    }
    let names: BTreeSet<_> = cards.iter().map(|card| &card.name).collect();
    if names.len() < cards.len() {
        return Err("the names of the files are those of the machines, and two are the same".into());
    }
    if let Some(directory) = &options.charts {
        let families: BTreeSet<_> = cards[0].card.rows.iter().map(|row| &row.family).collect();
        for family in families {
            let path = directory.join(family).with_extension("svg");
            write(&path, &charts::overview(&cards[0], family)?)?;
        }
    }
    write(&options.output, &page::page(&cards)?.into_string())?;
    println!("{}: {} machines", options.output.display(), cards.len());
    Ok(())
}

fn write(path: &Path, contents: &str) -> Result<(), String> {
    fs::write(path, contents).map_err(|error| format!("{}: {error}", path.display()))
}
