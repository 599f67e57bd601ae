//! The page: charts, and the tables under them.

use crate::Named;
use crate::charts::{self, colour, figure};
use crate::data::{BARE, Row};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::error::Error;
use zeropoint::Tier;

const STYLE: &str = include_str!("style.css");

type Part = Result<Markup, Box<dyn Error>>;

pub(crate) fn page(machines: &[Named]) -> Part {
    let families = distinct(machines, |row| &row.family);
    let mut sections = Vec::new();
    for family in families {
        sections.push(section(machines, family)?);
    }
    Ok(html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "zeropoint: how fast" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "zeropoint: how fast" }
                p {
                    "Every figure is the shortest of many calls, one core, in elements (of dot \
                     products: multiply-accumulates) per cycle, so that machines of different \
                     frequencies can be compared. "
                    em { "Bare loop" }
                    ": a plain loop that reads and writes the same bytes and does nothing else."
                }
                (machines_table(machines))
                @for section in &sections { (section) }
            }
        }
    })
}

/// What there is in the rows of all machines, in the order in which it comes.
fn distinct<'a>(machines: &'a [Named], of: impl Fn(&'a Row) -> &'a String) -> Vec<&'a str> {
    let mut all: Vec<&str> = Vec::new();
    for row in machines.iter().flat_map(|machine| &machine.card.rows) {
        if !all.contains(&of(row).as_str()) {
            all.push(of(row));
        }
    }
    all
}

fn machines_table(machines: &[Named]) -> Markup {
    html! {
        div.wide { table.left {
            thead { tr {
                th { "machine" } th { "CPU" } th { "core" } th { "caches" } th { "tiers" }
                th { "compiler" } th { "zeropoint" }
            } }
            tbody {
                @for (i, Named { name, card }) in machines.iter().enumerate() {
                    tr {
                        th { (key(i)) (name) }
                        td { (card.machine.cpu) }
                        td { (card.machine.core) ", " (card.machine.architecture) }
                        td { (card.machine.caches) }
                        td { (card.machine.tiers.join(", ")) }
                        td { (card.compiler) }
                        td { (card.zeropoint) }
                    }
                }
            }
        } }
    }
}

/// A spot of a machine's colour.
fn key(machine: usize) -> Markup {
    let plotters::style::RGBColor(r, g, b) = colour(machine);
    html! { span.key style=(format!("background:rgb({r},{g},{b})")) {} }
}

fn section(machines: &[Named], family: &str) -> Part {
    let of_family = |row: &&Row| row.family == family;
    let having: Vec<_> = machines
        .iter()
        .filter(|machine| machine.card.rows.iter().any(|row| of_family(&row)))
        .collect();
    let mut detailed = having.iter().filter_map(|machine| machine.card.detailed(family));
    let detailed = detailed.next().map_or("", |row| &row.size);
    let mut overviews = Vec::new();
    let mut roofs = Vec::new();
    for machine in having {
        overviews.push(charts::overview(machine, family)?);
        if charts::has_roof(machine, family) {
            roofs.push((machine, charts::roofline(machine, family)?));
        }
    }
    let mut operations = Vec::new();
    for name in distinct(machines, |row| &row.operation) {
        if machines
            .iter()
            .flat_map(|machine| &machine.card.rows)
            .filter(of_family)
            .any(|row| row.operation == name)
        {
            operations.push(operation(machines, family, name)?);
        }
    }
    Ok(html! {
        h2 { (family) }
        div.charts { @for chart in &overviews { figure { (PreEscaped(chart)) } } }
        @if !roofs.is_empty() {
            h3 { "Under the roof of memory" }
            p {
                "The best tier of each operation, at every size that was measured (dots), and the bare \
                 loop of the same traffic (the line of that colour): what caches and memory give."
            }
            div.charts { @for (machine, chart) in &roofs { figure {
                figcaption { (machine.name) ", " (charts::tiers(machine, family).pop().unwrap_or_default()) }
                (PreEscaped(chart))
            } } }
        }
        h3 { "Each operation, at " (detailed) }
        div.grid { @for operation in &operations { (operation) } }
    })
}

fn operation(machines: &[Named], family: &str, name: &str) -> Part {
    let has =
        |tier: &&str| machines.iter().any(|machine| charts::tiers(machine, family).contains(tier));
    let tiers: Vec<_> = Tier::NAMES.iter().copied().filter(has).collect();
    let chart = charts::operation(machines, family, name, &tiers)?;
    Ok(html! {
        article {
            h4 { (name) }
            (PreEscaped(chart))
            (table(machines, name))
        }
    })
}

/// All rows of an operation.
fn table(machines: &[Named], operation: &str) -> Markup {
    html! {
        details {
            summary { "all figures" }
            div.wide { table {
                thead { tr {
                    th { "machine" } th { "tier" } th { "elements" } th { "ns" } th { "per cycle" }
                    th { "GB/s" } th { "of bare" } th { "of port" } th { "spread" }
                } }
                tbody {
                    @for (i, machine) in machines.iter().enumerate() {
                        @for row in machine.card.rows.iter().filter(|row| row.operation == operation) {
                            (table_row(i, machine, row))
                        }
                    }
                }
            } }
        }
    }
}

fn table_row(i: usize, machine: &Named, row: &Row) -> Markup {
    let bare = row.beside(&machine.card.rows, BARE).map(|bare| bare.ns / row.ns);
    let ports = row.port_cycles.map(|cycles| cycles / row.cycles());
    html! {
        tr {
            th { (key(i)) (machine.name) }
            td { (row.way) }
            td { (row.elements) }
            td { (figure(row.ns)) }
            td { (figure(row.elements_per_cycle())) }
            td { (figure(row.bandwidth())) }
            td { (percent(bare)) }
            td { (percent(ports)) }
            td { (percent(Some(row.median_ns / row.ns - 1.0))) }
        }
    }
}

fn percent(part: Option<f64>) -> String {
    part.map_or("–".to_owned(), |part| format!("{:.0} %", 100.0 * part))
}
