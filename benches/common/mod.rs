//! What the benchmarks have in common: the list of operations, and the bare loops beside them.
//!
//! A family of operations is a file here with a list of [`Operation`]s. A new one joins the
//! Criterion benchmarks and the card by its entry in such a list; a new list by a line in
//! [`FAMILIES`] and a Criterion benchmark of three lines, as `benches/elementwise.rs` is.

pub(crate) mod bare;
pub(crate) mod elementwise;

use aligned_vec::AVec;
use bare::Bare;
use bytemuck::Pod;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use zeropoint::Tier;

/// The name of a family, what it counts (elements, "el", or multiply-accumulates, "MAC"), and its
/// operations.
pub(crate) type Family = (&'static str, &'static str, &'static [Operation]);

pub(crate) const FAMILIES: &[Family] = &[("elementwise", "el", elementwise::OPERATIONS)];

/// An operation on buffers of some length, on the tier that it is given.
pub(crate) type Call = Box<dyn FnMut(Tier)>;

/// What is measured.
pub(crate) struct Operation {
    /// The operation and its types.
    pub(crate) name: &'static str,
    /// The loops of the same traffic.
    pub(crate) bare: Bare,
    /// Makes buffers of so many elements, and the call on them.
    pub(crate) setup: fn(usize) -> Call,
}

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
