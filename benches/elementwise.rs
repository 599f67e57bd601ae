//! The elementwise operations on every tier, from calls on a few elements to those on what is in no
//! cache, each beside bare loops that move the same bytes.
//!
//! ```text
//! cargo bench --bench elementwise                           # all
//! cargo bench --bench elementwise -- 'quantize.*avx2/4096'  # some
//! ```

mod common;
#[path = "common/frame.rs"]
mod frame;

use criterion::{Criterion, criterion_group, criterion_main};

/// The first two levels of the caches, the third, and memory; and a call that is hardly more than
/// one vector.
const SIZES: [usize; 6] = [16, 256, 4 << 10, 64 << 10, 1 << 20, 16 << 20];

fn elementwise(criterion: &mut Criterion) {
    frame::family(criterion, "elementwise", &SIZES);
}

criterion_group!(benches, elementwise);
criterion_main!(benches);
