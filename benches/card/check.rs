//! Comparing a run with one from before.

use crate::data::{BARE, Card, Row};
use std::io::{self, Write};
use std::process::ExitCode;

/// How often what seems slower is measured again before it is believed.
const AGAIN: usize = 3;

/// Elements from which on a bare loop is long enough to be a measure.
const LONG: u64 = 3072;

/// What became of the rows of a card.
pub(crate) struct Changes {
    slower: Vec<Change>,
    compared: usize,
    faster: usize,
    new: usize,
    tolerance: f64,
    /// Why the ratios may mean little.
    doubt: Option<String>,
}

struct Change {
    operation: String,
    elements: u64,
    size: String,
    way: String,
    before: f64,
    now: f64,
}

/// Compares `card` with `before`, after measuring again what seemed slower, so that a noisy moment
/// is not taken for a change. `again` measures once more what a comparison found slower.
pub(crate) fn settle(
    card: &mut Card,
    before: &Card,
    tolerance: f64,
    mut again: impl FnMut(&mut Card, &Changes),
) -> Changes {
    let mut changes = compare(card, before, tolerance);
    for _ in 0..AGAIN {
        if changes.slower.is_empty() {
            break;
        }
        again(card, &changes);
        changes = compare(card, before, tolerance);
    }
    changes
}

fn compare(card: &Card, before: &Card, tolerance: f64) -> Changes {
    let mut changes = Changes {
        slower: Vec::new(),
        compared: 0,
        faster: 0,
        new: 0,
        tolerance,
        doubt: (card.machine.core != before.machine.core).then(|| {
            let (now, then) = (&card.machine.core, &before.machine.core);
            format!("this is a {now}, and that was a {then}")
        }),
    };
    let factor = 1.0 + tolerance / 100.0;
    for row in card.rows.iter().filter(|row| row.way != BARE) {
        let old = row.beside(&before.rows, &row.way);
        let old_ratio = old.and_then(|old| ratio(old, &before.rows));
        let (Some(before), Some(now)) = (old_ratio, ratio(row, &card.rows)) else {
            changes.new += 1;
            continue;
        };
        changes.compared += 1;
        if now * factor < before {
            changes.faster += 1;
        } else if now > before * factor {
            changes.slower.push(Change {
                operation: row.operation.clone(),
                elements: row.elements,
                size: row.size.clone(),
                way: row.way.clone(),
                before,
                now,
            });
        }
    }
    changes
}

/// The time of a row in times of a bare loop: that of its own size, or else of the next that is long
/// enough.
fn ratio(row: &Row, rows: &[Row]) -> Option<f64> {
    let is_measure = |bare: &&Row| {
        bare.way == BARE
            && bare.operation == row.operation
            && bare.elements >= row.elements.max(LONG)
    };
    let measure = rows.iter().filter(is_measure).min_by_key(|bare| bare.elements)?;
    Some(row.ns / measure.ns)
}

/// Puts those of `rows` that are faster in the place of those before.
pub(crate) fn keep_faster(all: &mut [Row], rows: Vec<Row>) {
    for new in rows {
        let old = all.iter_mut().find(|old| {
            (&old.operation, &old.way, old.elements) == (&new.operation, &new.way, new.elements)
        });
        if let Some(old) = old
            && new.ns < old.ns
        {
            *old = new;
        }
    }
}

impl Changes {
    /// Whether something of this operation at this size is slower.
    pub(crate) fn concern(&self, operation: &str, elements: u64) -> bool {
        let is_it = |change: &Change| change.operation == operation && change.elements == elements;
        self.slower.iter().any(is_it)
    }

    /// Prints them, and says how the program is to exit.
    pub(crate) fn print(&self, out: &mut dyn Write) -> io::Result<ExitCode> {
        writeln!(
            out,
            "\nCompared with the other run, by the ratio to the bare loop: {} rows; {} slower and {} \
             faster by more than {} %; {} not there",
            self.compared,
            self.slower.len(),
            self.faster,
            self.tolerance,
            self.new,
        )?;
        if let Some(doubt) = &self.doubt {
            writeln!(out, "The ratios may differ for a reason: {doubt}.")?;
        }
        for change in &self.slower {
            writeln!(
                out,
                "  SLOWER  {:<34}{:<14}{:>12}  {:>6.2} → {:.2}, {:+.0} %",
                change.operation,
                change.way,
                change.size,
                change.before,
                change.now,
                100.0 * (change.now / change.before - 1.0),
            )?;
        }
        Ok(match self.slower.len() {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        })
    }
}
