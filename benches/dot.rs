//! Dot products, distances, cosines and sums on every tier, from short vectors to main memory, and of
//! one vector with many rows; each beside a bare loop that reads the same bytes.
//!
//! ```text
//! cargo bench --bench dot                              # all
//! cargo bench --bench dot -- '^dot u8.*avx512vnni/768' # some
//! ```

mod common;
#[path = "common/frame.rs"]
mod frame;

use common::rows::ROW;
use criterion::{Criterion, criterion_group, criterion_main};

/// Less than a vector; embeddings; the first two levels of the caches, the third, and memory.
const SIZES: [usize; 9] = [16, 64, 256, 768, 1 << 10, 4 << 10, 64 << 10, 1 << 20, 16 << 20];

/// Rows in the first two levels of the caches, in the third, and in memory.
const ROWS: [usize; 5] = [ROW, ROW << 2, ROW << 9, ROW << 13, ROW << 17];

fn dots(criterion: &mut Criterion) {
    frame::family(criterion, "dot", &SIZES);
    frame::family(criterion, "rows", &ROWS);
}

criterion_group!(benches, dots);
criterion_main!(benches);
