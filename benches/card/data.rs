//! What a card holds, as it is kept in JSON.

use serde::{Deserialize, Serialize};
use std::error::Error;
use std::fs;
use std::path::Path;

/// Of this file's format; a change that older readers can't read counts it up.
pub(crate) const FORMAT: u32 = 2;

/// The way that is not a tier.
pub(crate) const BARE: &str = "bare loop";

/// The results of a run.
#[derive(Serialize, Deserialize)]
pub(crate) struct Card {
    pub(crate) format: u32,
    /// The version of the crate.
    pub(crate) zeropoint: String,
    pub(crate) compiler: String,
    pub(crate) machine: Machine,
    pub(crate) rows: Vec<Row>,
}

impl Card {
    /// A row of a family, of the size that details are of.
    pub(crate) fn detailed(&self, family: &str) -> Option<&Row> {
        let mut rows = self.rows.iter();
        rows.find(|row| row.family == family && row.is_detailed)
    }

    /// The card in the file at `path`; or what is wrong with it, in words that name the file.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let read = || -> Result<Self, Box<dyn Error>> {
            let card: Self = serde_json::from_str(&fs::read_to_string(path)?)
                .map_err(|error| format!("not a card: {error}"))?;
            if card.format != FORMAT {
                return Err(format!("a card of format {}, not {FORMAT}", card.format).into());
            }
            match card.rows.iter().find(|row| !row.is_sound()) {
                Some(row) => Err(format!(
                    "a card with figures that make no sense, of {} by {}",
                    row.operation, row.way
                )
                .into()),
                None => Ok(card),
            }
        };
        read().map_err(|error| format!("{}: {error}", path.display()))
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Machine {
    /// As it calls itself.
    pub(crate) cpu: String,
    /// The kind of core, by its name in LLVM.
    pub(crate) core: String,
    pub(crate) architecture: String,
    pub(crate) caches: String,
    pub(crate) tiers: Vec<String>,
}

/// One operation, at one size, by one way.
#[derive(Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) family: String,
    /// What is counted: "el" or "MAC".
    pub(crate) unit: String,
    pub(crate) operation: String,
    /// A tier, or the bare loop.
    pub(crate) way: String,
    /// How many a call processes.
    pub(crate) elements: u64,
    /// The same as people read it.
    pub(crate) size: String,
    /// Whether details are of this size.
    pub(crate) is_detailed: bool,
    /// How many bytes it reads and writes.
    pub(crate) bytes: u64,
    /// The shortest time of a call.
    pub(crate) ns: f64,
    pub(crate) median_ns: f64,
    /// Estimated beside it.
    pub(crate) ghz: f64,
    /// The fewest cycles that the execution ports allow for a call, if they were counted.
    pub(crate) port_cycles: Option<f64>,
}

impl Row {
    /// Whether the figures are such as a run can have.
    fn is_sound(&self) -> bool {
        [self.ns, self.median_ns, self.ghz].iter().all(|figure| figure.is_finite() && *figure > 0.0)
            && self.elements > 0
            && self.bytes > 0
    }

    pub(crate) fn cycles(&self) -> f64 {
        self.ns * self.ghz
    }

    pub(crate) fn elements_per_cycle(&self) -> f64 {
        self.elements as f64 / self.cycles()
    }

    /// GB/s.
    pub(crate) fn bandwidth(&self) -> f64 {
        self.bytes as f64 / self.ns
    }

    /// The row by the way `way` beside this one.
    pub(crate) fn beside<'a>(&self, rows: &'a [Row], way: &str) -> Option<&'a Row> {
        rows.iter().find(|row| {
            row.way == way && row.operation == self.operation && row.elements == self.elements
        })
    }
}
