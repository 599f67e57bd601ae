//! Proofs by trying everything: every case that there is, on every tier, against the reference.
//!
//! ```text
//! cargo run --release --example prove                       # minutes to an hour
//! cargo run --release --example prove -- --quick            # a sample, in seconds
//! cargo run --release --example prove -- --only requantize
//! ```
//!
//! `proofs.rs` says what is tried; here it is shared out among threads and counted.

mod proofs;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use proofs::{Family, Proof};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Try everything, on every tier, against the reference.
#[derive(Parser)]
#[command(name = "prove")]
struct Options {
    /// A sample of each proof
    #[arg(long)]
    quick: bool,

    /// The family of proofs to do [default: all]
    #[arg(long, value_name = "NAME", value_parser = proofs::FAMILIES.map(|family| family.name))]
    only: Option<String>,
}

/// What was tried, and how long it took.
struct Done {
    name: &'static str,
    proofs: usize,
    cases: u64,
    time: Duration,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let tiers: Vec<_> = proofs::tiers().map(|tier| tier.name()).collect();
    println!("On {}, against the reference:", tiers.join(" and "));
    let mut all_done = Vec::new();
    for family in proofs::FAMILIES {
        if options.only.as_ref().is_none_or(|only| only == family.name) {
            match run(family, options.quick) {
                Ok(done) => all_done.push(done),
                Err(counterexample) => {
                    eprintln!("{}: {counterexample}", family.name);
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    let kind = if options.quick { "sampled" } else { "complete" };
    println!("{:12} {:>7} {:>17} {:>9}", kind, "proofs", "cases", "time");
    for Done { name, proofs, cases, time } in all_done {
        println!("{name:12} {proofs:>7} {cases:>17} {:>7.1} s", time.as_secs_f64());
    }
    ExitCode::SUCCESS
}

fn run(family: Family, is_quick: bool) -> Result<Done, String> {
    let start = Instant::now();
    let proofs = (family.proofs)();
    let stride = |proof: &Proof| if is_quick { proof.stride } else { 1 };
    let parts = |proof: &Proof| u64::from(proof.parts.div_ceil(stride(proof)));
    let style = ProgressStyle::with_template("{prefix:12} {wide_bar} {percent:>3} % {eta:>5}");
    let bar = ProgressBar::new(proofs.iter().map(parts).sum())
        .with_style(style.expect("a template"))
        .with_prefix(family.name);
    let cases = AtomicU64::new(0);
    for proof in &proofs {
        let counterexample = Mutex::new(None);
        let next = AtomicU32::new(0);
        let work = || {
            loop {
                let part = next.fetch_add(stride(proof), Ordering::Relaxed);
                if part >= proof.parts {
                    break;
                }
                match (proof.check)(part) {
                    Ok(count) => cases.fetch_add(count, Ordering::Relaxed),
                    Err(found) => {
                        *counterexample.lock().expect("no panic") = Some(found);
                        break;
                    }
                };
                bar.inc(1);
            }
        };
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(work);
            }
        });
        if let Some(found) = counterexample.into_inner().expect("no panic") {
            return Err(found);
        }
    }
    bar.finish_and_clear();
    Ok(Done {
        name: family.name,
        proofs: proofs.len(),
        cases: cases.into_inner(),
        time: start.elapsed(),
    })
}
