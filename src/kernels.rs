//! The loops, written once for every kernel and every instruction set.

pub(crate) mod map;
pub(crate) mod pairs;
pub(crate) mod per_axis;
pub(crate) mod sums;
