//! Data, the same in every run.

use aligned_vec::AVec;
use bytemuck::Pod;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// `len` zeros. Every buffer begins at a cache line, so that no run is luckier than another.
pub(crate) fn zeros<T: Clone + Default>(len: usize) -> AVec<T> {
    AVec::from_iter(aligned_vec::CACHELINE_ALIGN, vec![T::default(); len])
}

/// Random bits, the same in every run.
pub(crate) fn random<T: Pod + Default>(len: usize) -> AVec<T> {
    let mut random = zeros(len);
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut random);
    SmallRng::seed_from_u64(1).fill(bytes);
    random
}

/// In [−1, 3), as activations might be.
pub(crate) fn floats(len: usize) -> AVec<f32> {
    let mut floats = zeros(len);
    for (x, bits) in floats.iter_mut().zip(&*random::<u32>(len)) {
        *x = *bits as f32 * 2_f32.powi(-30) - 1.0;
    }
    floats
}

/// As matrix products of codes give: some are saturated by the multiplier, most are not.
#[allow(dead_code, reason = "other libraries have no use for them")]
pub(crate) fn accumulators(len: usize) -> AVec<i32> {
    let mut accumulators = random(len);
    for x in accumulators.iter_mut() {
        *x >>= 14;
    }
    accumulators
}
