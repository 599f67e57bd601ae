//! What a call costs before the first element: short slices, and the first call of a process.
//!
//! ```text
//! cargo bench --bench dispatch
//! ```

mod common;
#[path = "common/frame.rs"]
mod frame;

use criterion::{Criterion, criterion_group};
use std::env;
use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};
use zeropoint::Tier;

/// Lengths around those of vectors and quads.
const SHORT: [usize; 13] = [1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 33, 63, 64];

fn short_calls(criterion: &mut Criterion) {
    frame::family(criterion, "elementwise", &SHORT);
    frame::family(criterion, "dot", &SHORT);
}

/// What the free functions add to the method of a tier: looking up which is the best.
fn best_tier(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("Tier::best");
    group.bench_function("remembered", |bencher| bencher.iter(Tier::best));
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(1))
        .measurement_time(Duration::from_millis(10));
    group.bench_function("first call of a process", |bencher| {
        bencher.iter_custom(in_new_processes);
    });
    group.finish();
}

/// The argument by which this program, started by itself, only times its first call.
const FIRST_CALL: &str = "--first-call";

/// The time of `calls` first calls, each in a process of its own; of many, as if the rest were like
/// the first.
fn in_new_processes(calls: u64) -> Duration {
    let processes = calls.min(20) as u32;
    let total: Duration = (0..processes).map(|_| in_new_process()).sum();
    (total / processes).saturating_mul(calls.try_into().unwrap_or(u32::MAX))
}

fn in_new_process() -> Duration {
    let program = env::current_exe().expect("a program that runs");
    let output = Command::new(program).arg(FIRST_CALL).output().expect("a program that ran before");
    let nanoseconds = String::from_utf8_lossy(&output.stdout).trim().parse();
    Duration::from_nanos(nanoseconds.expect("a time in nanoseconds"))
}

fn print_first_call() {
    let start = Instant::now();
    black_box(Tier::best());
    println!("{}", start.elapsed().as_nanos());
}

criterion_group!(benches, short_calls, best_tier);

fn main() {
    if env::args().any(|argument| argument == FIRST_CALL) {
        print_first_call();
    } else {
        benches();
        Criterion::default().configure_from_args().final_summary();
    }
}
