//! Printing what was found.

use crate::common::one_line;
use crate::groups::{Granularity, Groups};
use crate::quality::{Examined, Quality, Report};
use std::fmt::Display;
use std::io::{self, Write};
use zeropoint::{Range, Tier};

/// Prints the table: a heading per tensor, a line per scheme.
pub(crate) fn print(
    out: &mut dyn Write,
    tier: Tier,
    granularity: Granularity,
    examined: &[Examined<'_>],
) -> io::Result<()> {
    let grouped = granularity != Granularity::Tensor;
    writeln!(
        out,
        "Tier {tier}\n\
         Codes wasted: those that no value in the tensor's range is quantized to\n\
         SQNR: signal-to-quantization-noise ratio; Gel/s: billions of elements quantized in a second"
    )?;
    if grouped {
        writeln!(
            out,
            "Per {granularity}: the least and the greatest scale and zero point, and the mean of the codes wasted\n\
             Gain: of SQNR, over one scale and zero point for the tensor"
        )?;
    }
    if cfg!(debug_assertions) {
        writeln!(out, "This is a debug build, so the speeds mean nothing: run it with --release")?;
    }
    let width = if grouped { 24 } else { 12 };
    writeln!(
        out,
        "\n  {:<14}{:>width$}{:>12}{:>20}{:>10}{:>16}{:>8}{}",
        "scheme",
        "scale",
        "zero point",
        "codes wasted",
        "SQNR",
        "largest error",
        "Gel/s",
        if grouped { "      gain" } else { "" },
    )?;
    for examined in examined {
        let Examined { tensor, report, .. } = examined;
        let name = one_line(&tensor.name);
        write!(out, "\n{name} {:?} {}", tensor.shape(), tensor.dtype())?;
        match report {
            Some(report) => {
                print_heading(out, report)?;
                if grouped {
                    print_groups(out, &examined.groups, tensor.shape().iter().product())?;
                }
                print_schemes(out, report, width)?;
            }
            None => writeln!(out, ", skipped: only F32, F16 and BF16 are quantized")?,
        }
    }
    Ok(())
}

fn print_heading(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    match report.range {
        Some(range) => write!(out, " in {}", interval(range))?,
        None => write!(out, ", no numbers")?,
    }
    match report.nan {
        0 => writeln!(out),
        nan => writeln!(out, ", {nan} NaN"),
    }
}

/// What the parameters take.
fn print_groups(out: &mut dyn Write, groups: &Groups, elements: usize) -> io::Result<()> {
    write!(
        out,
        "  parameters per {}: {}, {} bytes",
        groups.granularity,
        groups.count(),
        groups.bytes()
    )?;
    match elements {
        0 => writeln!(out),
        _ => writeln!(out, ", {:.2} bits per element", groups.bits(elements)),
    }
}

fn print_schemes(out: &mut dyn Write, report: &Report, width: usize) -> io::Result<()> {
    for (scheme, quality) in &report.schemes {
        match quality {
            Ok(quality) => print_quality(out, scheme, quality, width)?,
            Err(error) => writeln!(out, "  {scheme:<14}  {error}")?,
        }
    }
    Ok(())
}

fn print_quality(
    out: &mut dyn Write,
    scheme: &str,
    quality: &Quality,
    width: usize,
) -> io::Result<()> {
    let (least, greatest) = quality.scale;
    write!(
        out,
        "  {scheme:<14}{:>width$}{:>12}{:>10.0}{:>8.1} %{:>7.1} dB{:>16}{:>8.2}",
        span(number(least.into()), number(greatest.into())),
        span(quality.zero_point.0, quality.zero_point.1),
        quality.wasted,
        percent(quality.wasted, quality.codes),
        quality.noise.sqnr,
        number(quality.noise.largest.into()),
        quality.speed / 1e9,
    )?;
    match quality.gain {
        Some(gain) => writeln!(out, "{gain:>+7.1} dB"),
        None => writeln!(out),
    }
}

/// From `least` to `greatest`, which may be the same.
fn span<T: Display + PartialEq>(least: T, greatest: T) -> String {
    if least == greatest { least.to_string() } else { format!("{least}..{greatest}") }
}

/// `part` of `whole`, in percent.
pub(crate) fn percent(part: f64, whole: f64) -> f64 {
    100.0 * part / whole
}

pub(crate) fn interval(range: Range) -> String {
    format!("[{}, {}]", number(range.min.into()), number(range.max.into()))
}

/// Four significant digits.
pub(crate) fn number(x: f64) -> String {
    let magnitude = x.abs().log10().floor();
    if (-5.0..6.0).contains(&magnitude) {
        format!("{x:.0$}", (3.0 - magnitude).max(0.0) as usize)
    } else if x == 0.0 || x.is_infinite() {
        x.to_string()
    } else {
        format!("{x:.3e}")
    }
}
