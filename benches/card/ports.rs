//! The fewest cycles that the execution ports of a core allow: how many instructions the hot loop of
//! a kernel has, and how many of them can begin in a cycle.

use serde::Deserialize;
use std::collections::BTreeMap;

/// Instructions on vectors in the hot loop of a kernel, for 64 elements; counted in a release binary
/// by `ci/mca`, which wrote the file.
#[derive(Deserialize)]
struct Instructions {
    /// All but those that only load, store or copy.
    arithmetic: f64,
    loads: f64,
    stores: f64,
}

/// By tier, then by operation.
type Counts = BTreeMap<String, BTreeMap<String, Instructions>>;

/// What a core begins in a cycle, at most, on vectors of the tier's width.
struct Ports {
    arithmetic: f64,
    loads: f64,
    stores: f64,
}

const fn ports(arithmetic: f64, loads: f64, stores: f64) -> Ports {
    Ports { arithmetic, loads, stores }
}

impl Ports {
    /// Those of a tier on a core, by the name that LLVM has for it. Where it is none of these, the
    /// commonest; so the limit is an estimate there. `None` for a tier that is not here.
    fn of(tier: &str, core: &str) -> Option<Self> {
        let is = |names: &[&str]| names.iter().any(|name| core.starts_with(name));
        // What dot products are added to another tier has the vectors of that one.
        let base = match tier {
            "avxvnni" => "avx2",
            "avx512vnni" => "avx512",
            "dotprod" | "i8mm" => "neon",
            tier => tier,
        };
        Some(match base {
            "avx512" if is(&["znver5"]) => ports(4.0, 2.0, 1.0),
            // Two halves of 256 bits each.
            "avx512" if is(&["znver4"]) => ports(2.0, 1.0, 0.5),
            "avx512" => ports(2.0, 2.0, 1.0),
            "avx2" if is(&["znver5"]) => ports(4.0, 2.0, 2.0),
            "avx2" if is(&["znver"]) => ports(4.0, 2.0, 1.0),
            "avx2" => ports(3.0, 2.0, 1.0),
            "neon" if is(&["apple"]) => ports(4.0, 3.0, 2.0),
            "neon" if is(&["neoverse-v", "cortex-x"]) => ports(4.0, 3.0, 2.0),
            "neon" => ports(2.0, 2.0, 1.0),
            _ => return None,
        })
    }
}

/// What is known of the tiers of this core.
pub(crate) struct Limits {
    counts: Counts,
    core: String,
}

impl Limits {
    pub(crate) fn of(core: &str) -> Self {
        Self {
            counts: serde_json::from_str(include_str!("ports.json"))
                .expect("a file that ci/mca wrote"),
            core: core.to_owned(),
        }
    }

    /// The fewest cycles for `elements`, if the instructions were counted.
    pub(crate) fn cycles(&self, operation: &str, tier: &str, elements: u64) -> Option<f64> {
        let count = self.counts.get(tier)?.get(operation)?;
        let ports = Ports::of(tier, &self.core)?;
        let cycles = (count.arithmetic / ports.arithmetic)
            .max(count.loads / ports.loads)
            .max(count.stores / ports.stores);
        Some(cycles * elements as f64 / 64.0)
    }
}
