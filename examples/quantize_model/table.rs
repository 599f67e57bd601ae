//! Printing what was found.

use crate::common::one_line;
use crate::quality::{Examined, Quality, Report};
use std::io::{self, Write};
use zeropoint::{Range, Tier};

/// Prints the table: a heading per tensor, a line per scheme.
pub(crate) fn print(out: &mut dyn Write, tier: Tier, examined: &[Examined<'_>]) -> io::Result<()> {
    writeln!(
        out,
        "Tier {tier}\n\
         Codes wasted: those that no value in the tensor's range is quantized to\n\
         SQNR: signal-to-quantization-noise ratio; Gel/s: billions of elements quantized in a second"
    )?;
    if cfg!(debug_assertions) {
        writeln!(
            out,
            "This is a debug build, so the speeds mean nothing: run it with --release"
        )?;
    }
    writeln!(
        out,
        "\n  {:<14}{:>12}{:>12}{:>20}{:>10}{:>16}{:>8}",
        "scheme", "scale", "zero point", "codes wasted", "SQNR", "largest error", "Gel/s"
    )?;
    for Examined { tensor, report, .. } in examined {
        let name = one_line(&tensor.name);
        write!(out, "\n{name} {:?} {}", tensor.shape(), tensor.dtype())?;
        match report {
            Some(report) => print_report(out, report)?,
            None => writeln!(out, ", skipped: only F32, F16 and BF16 are quantized")?,
        }
    }
    Ok(())
}

fn print_report(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    match report.range {
        Some(range) => write!(out, " in {}", interval(range))?,
        None => write!(out, ", no numbers")?,
    }
    match report.nan {
        0 => writeln!(out)?,
        nan => writeln!(out, ", {nan} NaN")?,
    }
    for (scheme, quality) in &report.schemes {
        match quality {
            Ok(quality) => print_quality(out, scheme, quality)?,
            Err(error) => writeln!(out, "  {scheme:<14}  {error}")?,
        }
    }
    Ok(())
}

fn print_quality(out: &mut dyn Write, scheme: &str, quality: &Quality) -> io::Result<()> {
    writeln!(
        out,
        "  {scheme:<14}{:>12}{:>12}{:>10}{:>8.1} %{:>7.1} dB{:>16}{:>8.2}",
        number(quality.scale.into()),
        quality.zero_point,
        quality.wasted,
        percent(quality.wasted, quality.codes),
        quality.noise.sqnr,
        number(quality.noise.largest),
        quality.speed / 1e9,
    )
}

/// `part` of `whole`, in percent.
pub(crate) fn percent(part: u32, whole: u32) -> f64 {
    100.0 * f64::from(part) / f64::from(whole)
}

pub(crate) fn interval(range: Range) -> String {
    format!(
        "[{}, {}]",
        number(range.min.into()),
        number(range.max.into())
    )
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
