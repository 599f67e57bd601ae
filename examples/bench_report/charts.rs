//! The charts, as SVG that is readable on light and on dark pages.

use crate::Named;
use crate::data::{BARE, Row};
use crate::svg::{Area, Drawn, Svg, draw, text};
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

/// Colours that are told apart by people who see few, on light and on dark.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0x2f, 0x81, 0xc7),
    RGBColor(0xe0, 0x8e, 0x1b),
    RGBColor(0x1f, 0x9e, 0x78),
    RGBColor(0xc7, 0x6f, 0xa3),
    RGBColor(0xd0, 0x5a, 0x2b),
    RGBColor(0x4b, 0xb3, 0xd6),
    RGBColor(0x9a, 0x8c, 0x2f),
];
const GREY: RGBColor = RGBColor(0x8b, 0x94, 0x9e);

const BAR: i32 = 14;
const TEXT: i32 = 15;
const VALUES: i32 = 60;

pub(crate) fn colour(i: usize) -> RGBColor {
    COLOURS[i % COLOURS.len()]
}

/// A group of bars with a label, and perhaps a limit that a tick marks.
struct Group {
    label: String,
    /// Each with its colour.
    bars: Vec<(f64, RGBColor)>,
    limit: Option<f64>,
}

/// The operations of a family on one machine: a group for each, with a bar for each tier.
pub(crate) fn overview(machine: &Named, family: &str) -> Svg {
    let rows: Vec<_> = detailed(machine, family).collect();
    let (tiers, all_tiers) = (tiers(machine, family), &machine.card.machine.tiers);
    let mut groups: Vec<Group> = Vec::new();
    for row in &rows {
        if groups.last().is_none_or(|group| group.label != row.operation) {
            groups.push(Group { label: row.operation.clone(), bars: Vec::new(), limit: None });
        }
        let group = groups.last_mut().expect("one was pushed");
        match all_tiers.iter().position(|tier| *tier == row.way) {
            Some(i) => group.bars.push((row.elements_per_cycle(), colour(i))),
            None => group.limit = Some(row.elements_per_cycle()),
        }
    }
    let (unit, size) = rows.first().map_or(("el", ""), |row| (&row.unit, &row.size));
    let title =
        format!("zeropoint, {family}: {unit}/cycle at {size}, {}", machine.card.machine.core);
    let legend: Vec<_> = all_tiers
        .iter()
        .enumerate()
        .filter(|(_, tier)| tiers.contains(&tier.as_str()))
        .map(|(i, tier)| (tier.as_str(), colour(i)))
        .collect();
    bars(&title, &legend, &groups, 760)
}

/// One operation on all machines: a group for each tier, with a bar for each machine.
pub(crate) fn operation(machines: &[Named], family: &str, operation: &str, tiers: &[&str]) -> Svg {
    let group = |way: &&str| {
        let bar = |(i, machine): (usize, &Named)| {
            let row = detailed(machine, family)
                .find(|row| row.operation == operation && row.way == *way)?;
            Some((row.elements_per_cycle(), colour(i)))
        };
        Group {
            label: (*way).to_owned(),
            bars: machines.iter().enumerate().filter_map(bar).collect(),
            limit: None,
        }
    };
    let groups = tiers.iter().chain([&BARE]).map(group);
    let groups: Vec<_> = groups.filter(|group| !group.bars.is_empty()).collect();
    bars("", &[], &groups, 460)
}

/// The rows of a family that bars are about: without bare loops that are no limit, since all of the
/// time goes into arithmetic.
fn detailed<'a>(machine: &'a Named, family: &'a str) -> impl Iterator<Item = &'a Row> {
    let rows = || of_family(machine, family).filter(|row| row.is_detailed);
    let is_limit = move |bare: &Row| {
        rows()
            .any(|row| row.way != BARE && row.operation == bare.operation && row.ns < 8.0 * bare.ns)
    };
    rows().filter(move |row| row.way != BARE || is_limit(row))
}

fn of_family<'a>(machine: &'a Named, family: &'a str) -> impl Iterator<Item = &'a Row> {
    let rows = machine.card.rows.iter();
    rows.filter(move |row| row.family == family)
}

/// The tiers that run the operations of a family, slowest first.
pub(crate) fn tiers<'a>(machine: &'a Named, family: &str) -> Vec<&'a str> {
    let all = machine.card.machine.tiers.iter().map(String::as_str);
    all.filter(|tier| of_family(machine, family).any(|row| row.way == **tier)).collect()
}

/// Horizontal bars. `title` and `legend` may be empty.
fn bars(title: &str, legend: &[(&str, RGBColor)], groups: &[Group], width: i32) -> Svg {
    let values =
        groups.iter().flat_map(|group| group.bars.iter().map(|bar| bar.0).chain(group.limit));
    let largest = values.fold(f64::MIN_POSITIVE, f64::max);
    let longest = groups.iter().map(|group| group.label.chars().count()).max();
    let labels = 16 + 7 * longest.unwrap_or(0) as i32;
    let scale = f64::from(width - labels - VALUES) / largest;
    let head = if title.is_empty() { 4 } else { 62 };
    let height = |group: &Group| group.bars.len().max(1) as i32 * BAR + 8;
    let total = head + groups.iter().map(height).sum::<i32>();

    draw(width, total, |area| {
        if !title.is_empty() {
            draw_head(area, title, legend)?;
        }
        let mut y = head;
        for group in groups {
            let bottom = y + height(group) - 8;
            text(area, &group.label, (labels - 8, (y + bottom) / 2), HPos::Right, TEXT)?;
            let tick = group.limit.map(|limit| labels + (limit * scale).round() as i32);
            if let Some(x) = tick {
                let line = vec![(x, y - 1), (x, bottom + 1)];
                area.draw(&PathElement::new(line, GREY.stroke_width(3)))?;
            }
            for (i, (value, colour)) in group.bars.iter().enumerate() {
                let top = y + i as i32 * BAR;
                let end = labels + (value * scale).round().max(1.0) as i32;
                let bar = [(labels, top + 1), (end, top + BAR - 1)];
                area.draw(&Rectangle::new(bar, colour.filled()))?;
                // Beyond the tick, if it would stand in the figure.
                let beyond = tick.filter(|x| (end - 2..end + 40).contains(x));
                let at = beyond.unwrap_or(end) + 5;
                text(area, &figure(*value), (at, top + BAR / 2), HPos::Left, TEXT - 2)?;
            }
            y = bottom + 8;
        }
        Ok(())
    })
}

fn draw_head(area: &Area<'_>, title: &str, legend: &[(&str, RGBColor)]) -> Drawn {
    text(area, title, (8, 14), HPos::Left, TEXT + 2)?;
    let mut x = 8;
    let limit = [("bare loop of the same traffic", GREY)];
    for (name, colour) in legend.iter().chain(&limit) {
        area.draw(&Rectangle::new([(x, 34), (x + 12, 46)], colour.filled()))?;
        text(area, name, (x + 18, 40), HPos::Left, TEXT - 1)?;
        x += 36 + 8 * name.len() as i32;
    }
    Ok(())
}

/// Three significant digits, and not more than two after the point.
pub(crate) fn figure(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Whether operations read and write as much for each element at every size, so that there are lines
/// to draw.
pub(crate) fn has_roof(machine: &Named, family: &str) -> bool {
    let rows: Vec<_> = of_family(machine, family).collect();
    let is_alike = |pair: &[&Row]| {
        pair[0].operation != pair[1].operation || traffic(pair[0]) == traffic(pair[1])
    };
    rows.windows(2).all(is_alike)
}

/// Bytes in a cycle against the bytes of a call: the best tier of each operation (dots) under the
/// bare loop of its traffic (a line of the same colour).
pub(crate) fn roofline(machine: &Named, family: &str) -> Svg {
    let best = tiers(machine, family).pop().unwrap_or_default();
    let rows: Vec<_> = of_family(machine, family).collect();
    let points = |way: &str, traffic: f64| -> Vec<(f64, f64)> {
        let is_it = |row: &&&Row| row.way == way && self::traffic(row) == traffic;
        rows.iter().filter(is_it).map(|row| point(row)).collect()
    };
    let mut traffics: Vec<f64> = rows.iter().map(|row| traffic(row)).collect();
    traffics.sort_by(f64::total_cmp);
    traffics.dedup();

    let (x, y) = (bounds(&rows, |point| point.0), bounds(&rows, |point| point.1));
    draw(760, 430, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(58)
            .build_cartesian_2d(x.log_scale().base(4.0), y.log_scale())?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GREY.mix(0.35))
            .axis_style(GREY)
            .label_style(("sans-serif", TEXT))
            .x_desc("bytes of a call")
            .y_desc("bytes per cycle")
            .x_label_formatter(&|bytes| memory(*bytes))
            .y_label_formatter(&|bytes| figure(*bytes))
            .draw()?;
        for (i, &traffic) in traffics.iter().enumerate() {
            let colour = colour(i);
            let mut roof = points(BARE, traffic);
            roof.sort_by(|a, b| a.0.total_cmp(&b.0));
            roof.dedup_by_key(|point| point.0.to_bits());
            chart.draw_series(LineSeries::new(roof, colour.stroke_width(2)))?;
            let dots = points(best, traffic).into_iter();
            chart
                .draw_series(dots.map(|point| Circle::new(point, 4, colour.mix(0.85).filled())))?;
            let bytes = if traffic == 1.0 { "byte" } else { "bytes" };
            let label = format!("{traffic} {bytes} per {}", rows[0].unit);
            let y = 24 + 20 * i as i32;
            area.draw(&Circle::new((90, y), 5, colour.filled()))?;
            text(area, &label, (102, y), HPos::Left, TEXT - 1)?;
        }
        Ok(())
    })
}

/// The bytes for each element.
fn traffic(row: &Row) -> f64 {
    row.bytes as f64 / row.elements as f64
}

/// The bytes of a call, and those in a cycle.
fn point(row: &Row) -> (f64, f64) {
    let bytes = row.bytes as f64;
    (bytes, bytes / row.cycles())
}

/// What an axis must show, of all but the scalar tier.
fn bounds(rows: &[&Row], of: fn((f64, f64)) -> f64) -> std::ops::Range<f64> {
    let values = rows.iter().filter(|row| row.way != "scalar").map(|row| of(point(row)));
    let (lo, hi) = values.fold((f64::INFINITY, 1.0_f64), |(lo, hi), x| (lo.min(x), hi.max(x)));
    lo.min(hi) / 1.5..hi * 1.5
}

fn memory(bytes: f64) -> String {
    match bytes {
        1_048_576.0.. => format!("{:.0} MiB", bytes / 1_048_576.0),
        1024.0.. => format!("{:.0} KiB", bytes / 1024.0),
        _ => format!("{bytes:.0} B"),
    }
}
