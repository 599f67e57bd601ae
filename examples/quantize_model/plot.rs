//! Charts of what the calibration methods choose, as SVG for light and for dark pages.

use crate::calibration::{Calibrated, Chosen, Outcome, best};
use crate::common::{about, one_line};
use crate::svg::{Area, Drawn, Svg, draw, text};
use crate::table::number;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;
use std::error::Error;
use std::fs;
use std::path::Path;
use zeropoint::Range;
use zeropoint::calibrate::{Bin, Histogram};

/// Colours that are told apart by people who see few, on light and on dark.
const BLUE: RGBColor = RGBColor(0x2f, 0x81, 0xc7);
const ORANGE: RGBColor = RGBColor(0xe0, 0x8e, 0x1b);
const GREY: RGBColor = RGBColor(0x8b, 0x94, 0x9e);

/// Where things are, from left to right and from top to bottom.
const LEFT: i32 = 190;
const RIGHT: i32 = 900;
const WIDTH: i32 = 1000;
const TOP: i32 = 66;
const BASE: i32 = 300;
const CODES: i32 = 14;
const LANES: i32 = BASE + CODES + 34;
const LANE: i32 = 20;

/// Draws a chart of each tensor by the first scheme that was asked for; how many were drawn.
pub(crate) fn save(directory: &Path, all: &[Calibrated<'_>]) -> Result<usize, Box<dyn Error>> {
    fs::create_dir_all(directory).map_err(|error| about(directory, error))?;
    let mut drawn = 0;
    for calibrated in all {
        let Some((histogram, range)) = calibrated
            .histogram
            .as_ref()
            .and_then(|histogram| Some((histogram, histogram.range()?)))
        else {
            continue;
        };
        let Some((scheme, outcomes)) = calibrated.schemes.first() else {
            continue;
        };
        let name = one_line(&calibrated.tensor.name);
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let file = name.chars().map(plain).collect::<String>();
        let path = directory.join(format!("{drawn:03}_{file}.svg"));
        let svg = chart(&format!("{name}, {scheme}"), histogram, range, outcomes)?;
        fs::write(&path, svg).map_err(|error| about(&path, error))?;
        drawn += 1;
    }
    Ok(drawn)
}

/// How often values come, on a logarithmic scale; below it the codes of the best method, and the range
/// of each.
fn chart(title: &str, histogram: &Histogram, range: Range, outcomes: &[Outcome]) -> Svg {
    let (min, max) = (f64::from(range.min), f64::from(range.max));
    let span = if max > min { max - min } else { 1.0 };
    let place = |x: f64| LEFT + ((x - min) / span * f64::from(RIGHT - LEFT)).round() as i32;
    let height = LANES + LANE * outcomes.len() as i32 + 10;
    draw(WIDTH, height, |area| {
        text(area, title, (8, 16), HPos::Left, 17)?;
        let best = best(outcomes);
        let mut legend = "values (bars, logarithmic), the range of each method".to_owned();
        if let Some((method, chosen)) = best {
            let every = spacing(chosen, place);
            let codes = match every {
                1 => "the codes".to_owned(),
                _ => format!("1 code in {every}"),
            };
            legend += &format!(", {codes} by {method} (ticks)");
            draw_codes(area, chosen, every, range, place)?;
        }
        text(area, &legend, (8, 40), HPos::Left, 13)?;
        draw_bars(area, histogram, range, place)?;
        for (value, side, gap) in [(min, HPos::Left, 6), (max, HPos::Right, -6)] {
            let at = (place(value) + gap, BASE + CODES + 12);
            text(area, &number(value), at, side, 13)?;
        }
        let best = best.map(|(method, _)| method);
        for (lane, outcome) in (0..).zip(outcomes) {
            let y = LANES + LANE * lane;
            let is_best = best == Some(outcome.method);
            draw_lane(area, outcome, is_best, y, place)?;
        }
        Ok(())
    })
}

/// A bar of three pixels for the numbers within: those of a bin are spread over it evenly.
fn draw_bars(
    area: &Area<'_>,
    histogram: &Histogram,
    range: Range,
    place: impl Fn(f64) -> i32,
) -> Drawn {
    const BAR: i32 = 3;
    let mut bars = vec![0.0; ((RIGHT - LEFT) / BAR + 1) as usize];
    let within = |x: f64| x.clamp(range.min.into(), range.max.into());
    let bar = |x: f64| ((place(within(x)) - LEFT).clamp(0, RIGHT - LEFT) / BAR) as usize;
    for Bin { from, to, count } in histogram.bins() {
        let over = bar(from)..=bar(to);
        let share = count as f64 / over.clone().count() as f64;
        bars[over].iter_mut().for_each(|bar| *bar += share);
    }
    let log = |count: f64| (1.0 + count).log10();
    let largest = log(bars.iter().copied().fold(0.0, f64::max));
    for (i, &count) in (0..).zip(&bars).filter(|&(_, &count)| count > 0.0) {
        let (x, part) = (LEFT + i * BAR, log(count) / largest);
        let top = BASE - (part * f64::from(BASE - TOP)).round() as i32;
        let bar = [(x, top), (x + BAR - 1, BASE)];
        area.draw(&Rectangle::new(bar, BLUE.mix(0.8).filled()))?;
    }
    // A line for each power of ten.
    for power in 0..=largest as i32 {
        let y = BASE - (log(10_f64.powi(power)) / largest * f64::from(BASE - TOP)) as i32;
        let line = vec![(LEFT, y), (RIGHT, y)];
        area.draw(&PathElement::new(line, GREY.mix(0.35)))?;
        let label = 10_u64.pow(power as u32).to_string();
        text(area, &label, (LEFT - 8, y), HPos::Right, 12)?;
    }
    Ok(())
}

/// How many codes it is from one with a tick to the next, so that ticks are told apart.
fn spacing(chosen: &Chosen, place: impl Fn(f64) -> i32) -> usize {
    const APART: i32 = 5;
    let ends = [chosen.grid.first(), chosen.grid.last()];
    let [from, to] = ends.map(|end| end.map_or(0, |&x| place(x.into())));
    let mut every = 1;
    while (to - from) * every < APART * chosen.grid.len() as i32 && every < 256 {
        every *= 2;
    }
    every as usize
}

/// A tick for the code of 0 and `every` so many on both sides, within the range.
fn draw_codes(
    area: &Area<'_>,
    chosen: &Chosen,
    every: usize,
    range: Range,
    place: impl Fn(f64) -> i32,
) -> Drawn {
    let zero = chosen.grid.iter().position(|&x| x == 0.0).unwrap_or(0);
    let ticks = chosen.grid.iter().skip(zero % every).step_by(every);
    for &value in ticks.filter(|&&x| range.min <= x && x <= range.max) {
        let x = place(value.into());
        let tick = vec![(x, BASE + 3), (x, BASE + CODES)];
        area.draw(&PathElement::new(tick, ORANGE))?;
    }
    Ok(())
}

/// A method's name, range, and SQNR.
fn draw_lane(
    area: &Area<'_>,
    outcome: &Outcome,
    is_best: bool,
    y: i32,
    place: impl Fn(f64) -> i32,
) -> Drawn {
    let colour = if is_best { ORANGE } else { GREY };
    let name = outcome.method.to_string();
    text(area, &name, (LEFT - 8, y), HPos::Right, 14)?;
    let Ok(chosen) = &outcome.chosen else {
        return Ok(());
    };
    let [from, to] = [chosen.range.min, chosen.range.max].map(|x| place(x.into()));
    let bar = [(from, y - 3), (to.max(from + 1), y + 3)];
    area.draw(&Rectangle::new(bar, colour.filled()))?;
    if is_best {
        for x in [from, to] {
            let line = vec![(x, TOP), (x, y)];
            area.draw(&PathElement::new(line, ORANGE.mix(0.7)))?;
        }
    }
    let sqnr = format!("{:.2} dB", chosen.sqnr);
    text(area, &sqnr, (RIGHT + 10, y), HPos::Left, 14)
}
