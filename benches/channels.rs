//! The operations with parameters for each channel or block, on every tier.
//!
//! ```text
//! cargo bench --bench channels
//! cargo bench --bench channels -- 'blocks.*avx2/4096'
//! ```

mod common;
#[path = "common/frame.rs"]
mod frame;

use criterion::{Criterion, criterion_group, criterion_main};

/// The first two levels of the caches, the third, and memory; and less than one row of most shapes.
const SIZES: [usize; 6] = [16, 256, 4 << 10, 64 << 10, 1 << 20, 16 << 20];

fn channels(criterion: &mut Criterion) {
    frame::family(criterion, "channels", &SIZES);
}

criterion_group!(benches, channels);
criterion_main!(benches);
