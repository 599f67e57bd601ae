//! The card as people read it: a line for each operation and tier.

use crate::data::{BARE, Card, Row};
use std::io::{self, Write};

pub(crate) fn print(out: &mut dyn Write, card: &Card) -> io::Result<()> {
    print_head(out, card)?;
    let mut families: Vec<&str> = Vec::new();
    for row in &card.rows {
        if families.last() != Some(&row.family.as_str()) {
            families.push(&row.family);
        }
    }
    for family in families {
        let rows = card.rows.iter().filter(|row| row.family == family);
        if let Some(detailed) = card.detailed(family) {
            Table::new(rows.collect(), detailed).print(out)?;
        }
    }
    print_legend(out)
}

/// The operations of a family, a line for each tier.
struct Table<'a> {
    rows: Vec<&'a Row>,
    /// A row of each size. Of the smaller ones there is the time only.
    short: Vec<&'a Row>,
    /// That the detailed columns are about.
    detailed: &'a Row,
    /// Of the larger ones there is the rate.
    long: Vec<&'a Row>,
}

impl<'a> Table<'a> {
    fn new(rows: Vec<&'a Row>, detailed: &'a Row) -> Self {
        let mut sizes = rows.clone();
        sizes.sort_unstable_by_key(|row| row.elements);
        sizes.dedup_by_key(|row| row.elements);
        let (mut short, mut long) = (sizes.clone(), sizes);
        short.retain(|row| row.elements < detailed.elements);
        long.retain(|row| row.elements > detailed.elements);
        Self { rows, short, detailed, long }
    }

    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        self.print_head(out)?;
        let mut last = "";
        for row in self.rows.iter().filter(|row| row.is_detailed) {
            if row.operation == last {
                self.print_row(out, "", row)?;
            } else {
                writeln!(out)?;
                self.print_row(out, &row.operation, row)?;
            }
            last = &row.operation;
        }
        Ok(())
    }

    fn print_head(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "\n{:<46}", "")?;
        for short in &self.short {
            write!(out, "{:>1$}", short.size, width(short))?;
        }
        write!(out, "  {:-^53}", format!(" {} ", self.detailed.size))?;
        for long in &self.long {
            write!(out, "  {:-^18}", format!(" {} ", long.size))?;
        }
        write!(out, "\n{:<34}{:<12}", self.detailed.family, "tier")?;
        for short in &self.short {
            write!(out, "{:>1$}", "ns", width(short))?;
        }
        let rate = format!("{}/cycle", self.detailed.unit);
        write!(
            out,
            "  {:>9}{:>11}{:>8}{:>9}{:>9}{:>7}",
            "ns", rate, "GB/s", "of bare", "of port", "spread",
        )?;
        for _ in &self.long {
            write!(out, "  {rate:>10}{:>8}", "of bare")?;
        }
        writeln!(out)
    }

    fn print_row(&self, out: &mut dyn Write, operation: &str, row: &Row) -> io::Result<()> {
        write!(out, "{operation:<34}{:<12}", row.way)?;
        for short in &self.short {
            let ns = self.at(row, short).map(|row| format!("{:.1}", row.ns));
            write!(out, "{:>1$}", ns.as_deref().unwrap_or("-"), width(short))?;
        }
        let ports = row.port_cycles.map(|cycles| cycles / row.cycles());
        write!(
            out,
            "  {:>9.1}{:>11.2}{:>8.1}{:>9}{:>9}{:>7}",
            row.ns,
            row.elements_per_cycle(),
            row.bandwidth(),
            self.of_bare(row),
            percent(ports),
            percent(Some(row.median_ns / row.ns - 1.0)),
        )?;
        for long in &self.long {
            let row = self.at(row, long);
            let rate = row.map_or("-".to_owned(), |row| format!("{:.2}", row.elements_per_cycle()));
            let of_bare = row.map_or("-".to_owned(), |row| self.of_bare(row));
            write!(out, "  {rate:>10}{of_bare:>8}")?;
        }
        writeln!(out)
    }

    /// The row like `row` of another size.
    fn at(&self, row: &Row, size: &Row) -> Option<&'a Row> {
        self.find(&row.operation, &row.way, size.elements)
    }

    fn of_bare(&self, row: &Row) -> String {
        let bare = self.find(&row.operation, BARE, row.elements);
        percent(bare.map(|bare| bare.ns / row.ns))
    }

    fn find(&self, operation: &str, way: &str, size: u64) -> Option<&'a Row> {
        let is_it =
            |row: &&&Row| row.operation == operation && row.way == way && row.elements == size;
        self.rows.iter().copied().find(|row| is_it(&row))
    }
}

/// Of the column of a short call.
fn width(of: &Row) -> usize {
    8.max(of.size.chars().count() + 2)
}

fn print_head(out: &mut dyn Write, card: &Card) -> io::Result<()> {
    let machine = &card.machine;
    let slowest = card.rows.iter().map(|row| row.ghz).fold(f64::INFINITY, f64::min);
    let fastest = card.rows.iter().map(|row| row.ghz).fold(0.0, f64::max);
    let name = |text: &str, value: &str| format!("{text:<10}{value}");
    let lines = [
        name("zeropoint", &card.zeropoint),
        name("CPU", &format!("{} ({}, {})", machine.cpu, machine.core, machine.architecture)),
        name("caches", &machine.caches),
        name("frequency", &format!("{slowest:.2} to {fastest:.2} GHz, by a chain of additions")),
        name("tiers", &machine.tiers.join(", ")),
        name("compiler", &card.compiler),
    ];
    for line in lines {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn percent(part: Option<f64>) -> String {
    part.map_or("-".to_owned(), |part| format!("{:.0} %", 100.0 * part))
}

fn print_legend(out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "
ns        the shortest time of a call on so many elements, of many calls
el/cycle  elements for each cycle; of dot and matrix products, multiply-accumulates: pairs of codes.
          The frequency is measured beside each operation
GB/s      bytes read and written
of bare   how near it comes to a plain loop that reads and writes the same bytes and does nothing
          else; the better of two, with and without streaming stores, where there is an output
          beyond the caches. Over 100 %: it is faster than the loop
of port   how near it comes to the limit of the execution ports: the instructions of its hot loop,
          counted by ci/mca, at as many a cycle as this kind of core can begin
spread    by how much the median of all samples is above the shortest; over 10 %, the machine was
          busy with something else"
    )
}
