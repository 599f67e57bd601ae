//! Other libraries beside zeropoint: the same data, in turn, in one process. Prints tables
//! in Markdown.
//!
//! ```text
//! taskset -c 1 cargo run --release
//! taskset -c 1 cargo run --release -- quantize   # contests with this in their names
//! ```
//!
//! A contest is an entry in a list of `elementwise.rs`, `channels.rs`, `dot.rs` or
//! `matrix.rs`.

#[path = "../../common/buffers.rs"]
mod buffers;
mod channels;
mod dot;
mod elementwise;
#[path = "../../card/machine.rs"]
mod machine;
mod matrix;
#[path = "../../card/measure.rs"]
mod measure;

use clap::Parser;
use measure::{CYCLES, Timing, Way, count_cycles, race};
use std::time::Duration;
use zeropoint::Tier;

/// What is computed, by whom.
struct Contest {
    name: &'static str,
    /// What is counted: elements ("el"), or multiply-accumulates ("MAC").
    unit: &'static str,
    sizes: &'static [usize],
    /// All who take part, on data of a size.
    entrants: fn(usize) -> Vec<Entrant>,
    /// How many of them there are at a size.
    work: fn(usize) -> usize,
}

struct Entrant {
    who: &'static str,
    /// In what it computes less than is asked, or more.
    note: &'static str,
    call: Box<dyn FnMut()>,
}

/// Ours; the ratios are to it.
const OURS: &str = "**zeropoint**";

fn entrant(who: &'static str, note: &'static str, call: impl FnMut() + 'static) -> Entrant {
    let call = Box::new(call);
    Entrant { who, note, call }
}

/// Compare with other libraries; prints Markdown.
#[derive(Parser)]
struct Options {
    /// Only contests with this in their names
    filter: Option<String>,

    /// A few milliseconds for each contest: only to see that all works
    #[arg(long)]
    quick: bool,
}

fn main() {
    let options = Options::parse();
    let filter = options.filter.as_deref().unwrap_or_default();
    let budget = Duration::from_millis(if options.quick { 4 } else { 500 });
    println!(
        "{} ({}), caches {}; {}; zeropoint on the tier {}.",
        machine::cpu(),
        machine::core(),
        machine::caches(),
        machine::compiler(),
        Tier::best(),
    );
    for contests in [
        elementwise::CONTESTS,
        channels::CONTESTS,
        dot::CONTESTS,
        matrix::CONTESTS,
    ] {
        for contest in contests
            .iter()
            .filter(|contest| contest.name.contains(filter))
        {
            println!(
                "\n### {}\n\n\
                 | size | who | min | median | times ours | {}/cycle | note |\n\
                 |--:|---|--:|--:|--:|--:|---|",
                contest.name, contest.unit,
            );
            for &size in contest.sizes {
                run(contest, size, budget);
            }
        }
    }
}

fn run(contest: &Contest, size: usize, budget: Duration) {
    let entrants = (contest.entrants)(size);
    let notes: Vec<_> = entrants.iter().map(|entrant| entrant.note).collect();
    let mut ways = vec![Way::new("clock", count_cycles)];
    ways.extend(
        entrants
            .into_iter()
            .map(|entrant| Way::new(entrant.who, entrant.call)),
    );
    let timings = race(&mut ways, budget);

    let ghz = CYCLES / timings[0].1.min;
    let timings = &timings[1..];
    let ours = timings.iter().find(|(who, _)| *who == OURS);
    let ours = ours.map(|(_, timing)| timing.min);
    for ((who, timing), note) in timings.iter().zip(notes) {
        print_row(contest, size, who, note, *timing, ours, ghz);
    }
}

fn print_row(
    contest: &Contest,
    size: usize,
    who: &str,
    note: &str,
    timing: Timing,
    ours: Option<f64>,
    ghz: f64,
) {
    let work = (contest.work)(size) as f64;
    let ratio = ours.map_or("–".to_owned(), |ours| format!("{:.2}", timing.min / ours));
    println!(
        "| {size} | {who} | {} | {} | {ratio} | {:.2} | {note} |",
        duration(timing.min),
        duration(timing.median),
        work / timing.min / ghz,
    );
}

/// In a unit in which it is readable.
fn duration(ns: f64) -> String {
    match ns {
        1e6.. => format!("{:.2} ms", ns / 1e6),
        1e4.. => format!("{:.2} µs", ns / 1e3),
        _ => format!("{ns:.1} ns"),
    }
}
