//! What the benchmarks have in common: the list of operations, and the bare loops beside them.
//!
//! A family of operations is a file here with a list of [`Operation`]s. A new one joins the
//! Criterion benchmarks and the card by its entry in such a list; a new list by a line in
//! [`FAMILIES`] and a Criterion benchmark of three lines, as `benches/elementwise.rs` is.

pub(crate) mod bare;
pub(crate) mod buffers;
pub(crate) mod channels;
pub(crate) mod elementwise;

use bare::Bare;
use zeropoint::Tier;

/// The name of a family, what it counts (elements, "el", or multiply-accumulates, "MAC"), and its
/// operations.
pub(crate) type Family = (&'static str, &'static str, &'static [Operation]);

pub(crate) const FAMILIES: &[Family] = &[
    ("elementwise", "el", elementwise::OPERATIONS),
    ("channels", "el", channels::OPERATIONS),
];

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
