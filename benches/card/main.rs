//! The card: how fast every operation is on every tier of this machine, in one table.
//!
//! ```text
//! cargo bench --bench card                         # all, in under two minutes
//! cargo bench --bench card -- quantize             # operations with this in their names
//! cargo bench --bench card -- --json before.json   # keeps the results
//! cargo bench --bench card -- --check before.json  # what is slower than it was then?
//! cargo bench --bench card -- --help
//! ```

mod check;
#[path = "../common/mod.rs"]
mod common;
mod data;
mod machine;
mod measure;
mod ports;
mod table;

use check::Changes;
use clap::Parser;
use common::{FAMILIES, Family, Operation};
use data::{BARE, Card, FORMAT, Machine, Row};
use indicatif::{ProgressBar, ProgressStyle};
use measure::{CYCLES, Timing, Way, count_cycles, race};
use ports::Limits;
use std::error::Error;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use std::{fs, io};
use zeropoint::Tier;

/// How fast every operation is on every tier of this machine, in one table.
///
/// Pin it to a core that has nothing else to do: taskset -c 1 cargo bench --bench card
#[derive(Parser)]
#[command(
    name = "card",
    bin_name = "cargo bench --bench card --",
    after_help = "Exit status: 0 if all is well, 1 if --check found something slower, 2 if the card \
                  could not be made."
)]
struct Options {
    /// Only operations with this in their names
    #[arg(value_name = "NAME")]
    filter: Option<String>,

    /// Keep the results in FILE, for --check and for a report across machines
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Compare with the results in FILE, by ratios to the bare loops of each run, so that the
    /// frequency and what else slows down a machine cancel out; exit with 1 if something is slower
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,

    /// By how many per cent --check lets a ratio grow
    #[arg(long, value_name = "PERCENT", default_value_t = 10.0)]
    tolerance: f64,

    /// A few milliseconds for each operation, and nothing from memory: only to see that all works
    #[arg(long)]
    quick: bool,

    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    fn sizes(&self, family: &Family) -> &'static [usize] {
        match family.card {
            [sizes @ .., _] if self.quick => sizes,
            sizes => sizes,
        }
    }

    fn budget(&self) -> Duration {
        Duration::from_millis(if self.quick { 2 } else { 400 })
    }

    fn operations(&self) -> impl Iterator<Item = Measured> {
        let filter = self.filter.as_deref().unwrap_or_default();
        FAMILIES
            .iter()
            .flat_map(|family| {
                let of_family = move |operation| Measured { family, operation };
                family.operations.iter().map(of_family)
            })
            .filter(move |measured| measured.operation.name.contains(filter))
    }
}

/// An operation, and its family.
struct Measured {
    family: &'static Family,
    operation: &'static Operation,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    // Before anything is measured: a file that can't be read should not cost two minutes.
    let before = options.check.as_deref().map(Card::read).transpose()?;
    let machine = machine();
    let limits = Limits::of(&machine.core);
    let mut card = Card {
        format: FORMAT,
        zeropoint: env!("CARGO_PKG_VERSION").to_owned(),
        compiler: machine::compiler(),
        machine,
        rows: measure_all(options, &limits)?,
    };
    let changes = before.map(|before| {
        let again =
            |card: &mut Card, changes: &Changes| measure_again(card, changes, options, &limits);
        check::settle(&mut card, &before, options.tolerance, again)
    });
    if let Some(path) = &options.json {
        let json = serde_json::to_string_pretty(&card)? + "\n";
        fs::write(path, json).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    table::print(&mut io::stdout().lock(), &card)?;
    Ok(match changes {
        Some(changes) => changes.print(&mut io::stdout().lock())?,
        None => ExitCode::SUCCESS,
    })
}

fn machine() -> Machine {
    Machine {
        cpu: machine::cpu(),
        core: machine::core(),
        architecture: std::env::consts::ARCH.to_owned(),
        caches: machine::caches(),
        tiers: Tier::available().map(|tier| tier.to_string()).collect(),
    }
}

/// Every operation at every size.
fn measure_all(options: &Options, limits: &Limits) -> Result<Vec<Row>, Box<dyn Error>> {
    let operations: Vec<_> = options.operations().collect();
    if operations.is_empty() {
        return Err("no operation has such a name".into());
    }
    let style = ProgressStyle::with_template("{bar:30} {wide_msg}")?;
    let progress = ProgressBar::new(operations.len() as u64).with_style(style);
    let mut rows = Vec::new();
    for measured in operations {
        progress.set_message(measured.operation.name);
        for &len in options.sizes(measured.family) {
            rows.extend(measured.at(len, options.budget(), limits));
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(rows)
}

/// Measures once more what is slower, and keeps the better times.
fn measure_again(card: &mut Card, changes: &Changes, options: &Options, limits: &Limits) {
    for measured in options.operations() {
        for &len in options.sizes(measured.family) {
            if changes.concern(measured.operation.name, len as u64) {
                let rows = measured.at(len, options.budget(), limits);
                check::keep_faster(&mut card.rows, rows);
            }
        }
    }
}

impl Measured {
    /// The rows of this operation on `len` elements.
    fn at(&self, len: usize, budget: Duration, limits: &Limits) -> Vec<Row> {
        let Self { family, operation } = self;
        let mut ways = vec![Way::new("clock", count_cycles)];
        // Each has buffers of its own, so that none finds what another has left in a cache.
        ways.extend(family.tiers().map(|tier| {
            let mut call = (operation.setup)(len);
            Way::new(tier.name(), move || call(black_box(tier)))
        }));
        let bare = operation.bare.loops(len);
        ways.extend(bare.map(|setup| Way::new(BARE, setup(len))));

        let timings = race(&mut ways, budget);
        let ghz = CYCLES / timings[0].1.min;
        let mut rows: Vec<Row> = Vec::new();
        for (way, timing) in timings.into_iter().skip(1) {
            let row = self.row(way, len, timing, ghz, limits);
            match rows.last_mut() {
                // The better of the bare loops.
                Some(last) if last.way == row.way && last.ns > row.ns => *last = row,
                Some(last) if last.way == row.way => (),
                _ => rows.push(row),
            }
        }
        rows
    }

    fn row(&self, way: &str, len: usize, timing: Timing, ghz: f64, limits: &Limits) -> Row {
        let (name, elements) = (self.operation.name, len as u64);
        Row {
            family: self.family.name.to_owned(),
            unit: self.family.unit.to_owned(),
            operation: name.to_owned(),
            way: way.to_owned(),
            elements,
            size: (self.family.label)(len),
            is_detailed: len == self.family.detailed,
            bytes: (self.operation.bare.bytes)(len) as u64,
            ns: timing.min,
            median_ns: timing.median,
            ghz,
            port_cycles: limits.cycles(name, way, elements),
        }
    }
}
