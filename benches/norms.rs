//! What is made of sums of f32, histograms, and norms of rows, on every tier, from one row to what is
//! in no cache, each beside bare loops that move the same bytes.
//!
//! ```text
//! cargo bench --bench norms                        # all
//! cargo bench --bench norms -- 'rows.*avx2/3072'   # some
//! ```

mod common;
#[path = "common/frame.rs"]
mod frame;

use common::norms::ROW;
use criterion::{Criterion, criterion_group, criterion_main};

/// One row; the first two levels of the caches, the third, and memory.
const SIZES: [usize; 5] = [ROW, ROW << 2, ROW << 6, ROW << 10, ROW << 14];

fn norms(criterion: &mut Criterion) {
    frame::family(criterion, "norms", &SIZES);
}

criterion_group!(benches, norms);
criterion_main!(benches);
