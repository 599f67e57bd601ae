//! Other libraries beside zeropoint: the same data, in turn, in one process. Prints a table in
//! Markdown.
//!
//! ```text
//! taskset -c 1 cargo run --release
//! taskset -c 1 cargo run --release -- quantize   # contests with this in their names
//! ```
//!
//! A contest is an entry in a list of `elementwise.rs`, `dot.rs` or `matrix.rs`.

#[path = "../../common/buffers.rs"]
mod buffers;
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
    /// How much it processes: elements, or multiply-accumulates.
    unit: &'static str,
    sizes: &'static [usize],
    /// All who take part, on data of a size.
    entrants: fn(usize) -> Vec<Entrant>,
    /// How many elements or multiply-accumulates a size is.
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
    print_head();
    for contests in [elementwise::CONTESTS, dot::CONTESTS, matrix::CONTESTS] {
        for contest in contests
            .iter()
            .filter(|contest| contest.name.contains(filter))
        {
            for &size in contest.sizes {
                run(contest, size, budget);
            }
        }
    }
}

fn print_head() {
    println!(
        "{} ({}), caches {}; {}; zeropoint runs on the tier {}.\n\n\
         | operation | size | who | min | median | min of ours | per ns | per cycle | note |\n\
         |---|--:|---|--:|--:|--:|--:|--:|---|",
        machine::cpu(),
        machine::core(),
        machine::caches(),
        machine::compiler(),
        Tier::best(),
    );
}

fn run(contest: &Contest, size: usize, budget: Duration) {
    let mut entrants = (contest.entrants)(size);
    let mut ways = vec![Way::new("clock", count_cycles)];
    ways.extend(
        entrants
            .iter_mut()
            .map(|entrant| Way::new(entrant.who, &mut entrant.call)),
    );
    let timings = race(&mut ways, budget);
    drop(ways);

    let ghz = CYCLES / timings[0].1.min;
    let timings = &timings[1..];
    let ours = timings.iter().find(|(who, _)| *who == OURS);
    let ours = ours.map(|(_, timing)| timing.min);
    for (entrant, (_, timing)) in entrants.iter().zip(timings) {
        print_row(contest, size, entrant, *timing, ours, ghz);
    }
}

fn print_row(
    contest: &Contest,
    size: usize,
    entrant: &Entrant,
    timing: Timing,
    ours: Option<f64>,
    ghz: f64,
) {
    let work = (contest.work)(size) as f64;
    let ratio = ours.map_or("–".to_owned(), |ours| {
        format!("{:.2} ×", timing.min / ours)
    });
    println!(
        "| {} | {size} | {} | {} | {} | {ratio} | {:.2} {} | {:.2} | {} |",
        contest.name,
        entrant.who,
        duration(timing.min),
        duration(timing.median),
        work / timing.min,
        contest.unit,
        work / timing.min / ghz,
        entrant.note,
    );
}

/// In the unit in which it has up to four digits before the point.
fn duration(ns: f64) -> String {
    match ns {
        1e7.. => format!("{:.2} ms", ns / 1e6),
        1e4.. => format!("{:.2} µs", ns / 1e3),
        _ => format!("{ns:.1} ns"),
    }
}
