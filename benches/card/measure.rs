//! Timing several ways to do a thing, fairly.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// A way to do it.
pub(crate) struct Way<'a> {
    name: &'a str,
    call: Box<dyn FnMut() + 'a>,
}

impl<'a> Way<'a> {
    pub(crate) fn new(name: &'a str, call: impl FnMut() + 'a) -> Self {
        let call = Box::new(call);
        Self { name, call }
    }
}

/// Nanoseconds of a call.
#[derive(Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) min: f64,
    pub(crate) median: f64,
}

/// What one sample should take: much longer than looking at the clock, much shorter than the time
/// until the operating system has other plans.
const SAMPLE: Duration = Duration::from_micros(20);

/// The fewest samples that say anything.
const FEWEST: usize = 3;

/// Times all ways in turn, again and again, so that whatever slows this machine down for a while
/// slows down all of them. Together they take `budget`, and each of them its share of it.
pub(crate) fn race<'a>(ways: &mut [Way<'a>], budget: Duration) -> Vec<(&'a str, Timing)> {
    let share = budget / ways.len() as u32;
    let mut entrants: Vec<Entrant> = ways.iter_mut().map(Entrant::new).collect();
    loop {
        let mut is_over = true;
        for (entrant, way) in entrants.iter_mut().zip(&mut *ways) {
            if entrant.samples.len() < FEWEST || entrant.spent < share {
                entrant.run(way);
                is_over = false;
            }
        }
        if is_over {
            let names = ways.iter().map(|way| way.name);
            return names.zip(entrants.into_iter().map(Entrant::timing)).collect();
        }
    }
}

struct Entrant {
    calls: u32,
    spent: Duration,
    samples: Vec<f64>,
}

impl Entrant {
    /// As many calls a sample as it takes; the first of all, which is slower, is not counted.
    fn new(way: &mut Way<'_>) -> Self {
        time(way, 1);
        let mut calls = 1;
        while calls < 1 << 20 && time(way, calls) < SAMPLE {
            calls *= 2;
        }
        Self { calls, spent: Duration::ZERO, samples: Vec::new() }
    }

    fn run(&mut self, way: &mut Way<'_>) {
        // What ran before it has left its own data in the caches. What is so long that one call is a
        // sample does not fit there anyway, or must not profit from having been there.
        if self.calls > 1 {
            time(way, 1);
        }
        let took = time(way, self.calls);
        self.spent += took;
        self.samples.push(took.as_nanos() as f64 / f64::from(self.calls));
    }

    fn timing(mut self) -> Timing {
        self.samples.sort_by(f64::total_cmp);
        Timing { min: self.samples[0], median: self.samples[self.samples.len() / 2] }
    }
}

fn time(way: &mut Way<'_>, calls: u32) -> Duration {
    let call = black_box(&mut way.call);
    let start = Instant::now();
    for _ in 0..calls {
        call();
    }
    start.elapsed()
}

/// Cycles that [`count_cycles`] takes.
pub(crate) const CYCLES: f64 = 4096.0;

/// A chain of operations that each wait for the one before and take one cycle on every CPU: how long
/// it takes tells the frequency.
pub(crate) fn count_cycles() {
    let (a, b) = black_box((3_u64, 5_u64));
    let mut chain = black_box(1_u64);
    for _ in 0..CYCLES as u32 / 32 {
        // Exclusive or, and addition, by turns: the compiler can't make one of several. Unrolled, so
        // that the loop's own instructions run beside the chain.
        for _ in 0..16 {
            chain = (chain ^ a).wrapping_add(b);
        }
    }
    black_box(chain);
}
