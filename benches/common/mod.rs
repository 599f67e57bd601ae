//! What the benchmarks have in common: the list of operations, and the bare loops beside them.
//!
//! A family of operations is a file here with a list of [`Operation`]s. A new one joins the
//! Criterion benchmarks and the card by its entry in such a list; a new list by an entry in
//! [`FAMILIES`] and a Criterion benchmark of three lines, as `benches/elementwise.rs` is.

pub(crate) mod bare;
pub(crate) mod buffers;
pub(crate) mod channels;
pub(crate) mod dot;
pub(crate) mod elementwise;
pub(crate) mod matmul;
pub(crate) mod norms;
pub(crate) mod rows;

use bare::Bare;
use zeropoint::Tier;

/// Operations that are measured alike.
pub(crate) struct Family {
    pub(crate) name: &'static str,
    /// What it counts: elements, "el", or multiply-accumulates, "MAC".
    #[allow(dead_code, reason = "Criterion has no such units")]
    pub(crate) unit: &'static str,
    /// The sizes in the card.
    #[allow(dead_code, reason = "Criterion's benchmarks have sizes of their own")]
    pub(crate) card: &'static [usize],
    /// The one of them that it has details of.
    #[allow(dead_code, reason = "Criterion's benchmarks have sizes of their own")]
    pub(crate) detailed: usize,
    /// What it calls a size.
    #[allow(dead_code, reason = "Criterion's benchmarks have sizes of their own")]
    pub(crate) label: fn(usize) -> String,
    /// Whether the tiers that only add dot products to another run it as a kernel of their own;
    /// else they run that of the other, and it is not measured again.
    dots: bool,
    pub(crate) operations: &'static [Operation],
}

pub(crate) const FAMILIES: &[Family] = &[
    Family {
        name: "elementwise",
        unit: "el",
        // A short call; in the first level of the caches, in the second, and in none.
        card: &[16, 4 << 10, 64 << 10, 16 << 20],
        detailed: 4 << 10,
        label: memory,
        dots: false,
        operations: elementwise::OPERATIONS,
    },
    Family {
        name: "channels",
        unit: "el",
        card: &[16, 4 << 10, 64 << 10, 16 << 20],
        detailed: 4 << 10,
        label: memory,
        dots: false,
        operations: channels::OPERATIONS,
    },
    Family {
        name: "norms",
        unit: "el",
        // 1, 4, 64 and 16 Ki rows.
        card: &[norms::ROW, norms::ROW << 2, norms::ROW << 6, norms::ROW << 14],
        detailed: norms::ROW << 2,
        label: memory,
        dots: false,
        operations: norms::OPERATIONS,
    },
    Family {
        name: "dot",
        unit: "MAC",
        // The last so large that both vectors, and the one of a sum, are in no cache.
        card: &[64, 256, 768, 4 << 10, 64 << 10, 64 << 20],
        detailed: 4 << 10,
        label: memory,
        dots: true,
        operations: dot::OPERATIONS,
    },
    Family {
        name: "rows",
        unit: "MAC",
        // 1, 4, 64 and 64 Ki rows.
        card: &[rows::ROW, rows::ROW << 2, rows::ROW << 6, rows::ROW << 16],
        detailed: rows::ROW << 2,
        label: memory,
        dots: true,
        operations: rows::OPERATIONS,
    },
    Family {
        name: "matmul",
        unit: "MAC",
        // 1, 2, 4, 16 and 64 rows.
        card: &[
            matmul::ROW,
            matmul::ROW << 1,
            matmul::ROW << 2,
            matmul::ROW << 4,
            matmul::ROW << 6,
        ],
        detailed: matmul::ROW << 6,
        label: matmul::shape::<{ matmul::SIDE }>,
        dots: true,
        operations: matmul::OPERATIONS,
    },
    Family {
        name: "matmul-large",
        unit: "MAC",
        // 1 and 16 rows.
        card: &[matmul::LARGE_ROW, matmul::LARGE_ROW << 4],
        detailed: matmul::LARGE_ROW,
        label: matmul::shape::<{ matmul::LARGE_SIDE }>,
        dots: true,
        operations: matmul::LARGE,
    },
    Family {
        name: "matmul-small",
        unit: "MAC",
        // 4 and 16 rows.
        card: &[matmul::SMALL_ROW << 2, matmul::SMALL_ROW << 4],
        detailed: matmul::SMALL_ROW << 2,
        label: matmul::shape::<{ matmul::SMALL_SIDE }>,
        dots: true,
        operations: matmul::SMALL,
    },
    Family {
        name: "packing",
        unit: "el",
        card: &[matmul::ROW, matmul::LARGE_ROW],
        detailed: matmul::ROW,
        label: memory,
        dots: true,
        operations: matmul::PACKING,
    },
];

impl Family {
    /// The tiers of this CPU that have kernels of their own for these operations.
    pub(crate) fn tiers(&self) -> impl Iterator<Item = Tier> {
        Tier::available().filter(|tier| self.dots || !DOT_TIERS.contains(&tier.name()))
    }
}

/// A number of elements, in the units of memory.
fn memory(elements: usize) -> String {
    match elements {
        0..1024 => elements.to_string(),
        1024..1_048_576 => format!("{} Ki", elements >> 10),
        _ => format!("{} Mi", elements >> 20),
    }
}

/// The tiers that differ from another in their dot products only.
const DOT_TIERS: [&str; 4] = ["avxvnni", "avx512vnni", "dotprod", "i8mm"];

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
