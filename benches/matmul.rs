//! Matrix products on every tier, of one row and more, with weights in the second cache and in the
//! third; each beside a bare loop that reads the weights once.
//!
//! ```text
//! cargo bench --bench matmul                               # all
//! cargo bench --bench matmul -- '^matmul u8.i8/avx512vnni' # some
//! ```

mod common;
#[path = "common/frame.rs"]
mod frame;

use common::matmul::{LARGE_ROW, ROW};
use criterion::{Criterion, criterion_group, criterion_main};

fn products(criterion: &mut Criterion) {
    frame::family(criterion, "matmul", &[1, 4, 16, 64, 256].map(|m| m * ROW));
    let large = [1, 16, 128].map(|m| m * LARGE_ROW);
    frame::family(criterion, "matmul-large", &large);
}

criterion_group!(benches, products);
criterion_main!(benches);
