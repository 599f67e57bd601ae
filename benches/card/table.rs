//! The card as people read it: a line for each operation and tier.

use crate::data::{BARE, Card, Row};
use std::io::{self, Write};

/// A short call; in the first level of the caches, in the second, and in none.
pub(crate) const SIZES: [usize; 4] = [16, 4 << 10, 64 << 10, 16 << 20];

/// The size that the detailed columns are about.
const DETAILED: u64 = SIZES[1] as u64;

/// A number of elements, in the units of memory.
pub(crate) fn size(elements: u64) -> String {
    match elements {
        0..1024 => elements.to_string(),
        1024..1_048_576 => format!("{} Ki", elements >> 10),
        _ => format!("{} Mi", elements >> 20),
    }
}

pub(crate) fn print(out: &mut dyn Write, card: &Card) -> io::Result<()> {
    print_head(out, card)?;
    let mut last = "";
    for row in card.rows.iter().filter(|row| row.elements == DETAILED) {
        if row.operation != last {
            writeln!(out)?;
        }
        let operation = if row.operation == last {
            ""
        } else {
            &row.operation
        };
        print_row(out, operation, row, &card.rows)?;
        last = &row.operation;
    }
    print_legend(out)
}

fn print_head(out: &mut dyn Write, card: &Card) -> io::Result<()> {
    let machine = &card.machine;
    let slowest = card
        .rows
        .iter()
        .map(|row| row.ghz)
        .fold(f64::INFINITY, f64::min);
    let fastest = card.rows.iter().map(|row| row.ghz).fold(0.0, f64::max);
    let name = |text: &str, value: &str| format!("{text:<10}{value}");
    let lines = [
        name("zeropoint", &card.zeropoint),
        name(
            "CPU",
            &format!(
                "{} ({}, {})",
                machine.cpu, machine.core, machine.architecture
            ),
        ),
        name("caches", &machine.caches),
        name(
            "frequency",
            &format!("{slowest:.2} to {fastest:.2} GHz, by a chain of additions"),
        ),
        name("tiers", &machine.tiers.join(", ")),
        name("compiler", &card.compiler),
    ];
    for line in lines {
        writeln!(out, "{line}")?;
    }
    let [short, _, second, last] = SIZES.map(|len| size(len as u64));
    writeln!(
        out,
        "\n{:<38}{short:>7}  {:-^52}  {:-^16}  {:-^16}",
        "",
        format!(" {} ", size(DETAILED)),
        format!(" {second} "),
        format!(" {last} "),
    )?;
    writeln!(
        out,
        "{:<26}{:<12}{:>7}  {:>9}{:>10}{:>8}{:>9}{:>9}{:>7}  {:>8}{:>8}  {:>8}{:>8}",
        "operation",
        "tier",
        "ns",
        "ns",
        "el/cycle",
        "GB/s",
        "of bare",
        "of port",
        "spread",
        "GB/s",
        "of bare",
        "GB/s",
        "of bare"
    )
}

fn print_row(out: &mut dyn Write, operation: &str, row: &Row, rows: &[Row]) -> io::Result<()> {
    let at = |len: usize| {
        rows.iter().find(|other| {
            (&other.operation, &other.way, other.elements) == (&row.operation, &row.way, len as u64)
        })
    };
    let short = at(SIZES[0]).map_or("-".to_owned(), |row| format!("{:.1}", row.ns));
    let ports = row.port_cycles.map(|cycles| cycles / row.cycles());
    writeln!(
        out,
        "{operation:<26}{:<12}{short:>7}  {:>9.1}{:>10.2}{:>8.1}{:>9}{:>9}{:>7}  {}  {}",
        row.way,
        row.ns,
        row.elements_per_cycle(),
        row.bandwidth(),
        of_bare(row, rows),
        percent(ports),
        percent(Some(row.median_ns / row.ns - 1.0)),
        from_memory(at(SIZES[2]), rows),
        from_memory(at(SIZES[3]), rows),
    )
}

fn from_memory(row: Option<&Row>, rows: &[Row]) -> String {
    let bandwidth = row.map_or("-".to_owned(), |row| format!("{:.1}", row.bandwidth()));
    let of_bare = row.map_or("-".to_owned(), |row| of_bare(row, rows));
    format!("{bandwidth:>8}{of_bare:>8}")
}

fn of_bare(row: &Row, rows: &[Row]) -> String {
    percent(row.beside(rows, BARE).map(|bare| bare.ns / row.ns))
}

fn percent(part: Option<f64>) -> String {
    part.map_or("-".to_owned(), |part| format!("{:.0} %", 100.0 * part))
}

fn print_legend(out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "
ns        the shortest time of a call on so many elements, of many calls
el/cycle  elements for each cycle; of dot products, multiply-accumulates. The frequency is measured
          beside each operation
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
