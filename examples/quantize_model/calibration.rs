//! What ranges the calibration methods choose for a tensor, and what those lose.

use crate::common::{Tensor, one_line};
use crate::noise::Noise;
use crate::quality::{AnyScheme, NamedScheme};
use crate::table::{interval, percent};
use std::io::{self, Write};
use std::str::FromStr;
use std::time::Instant;
use zeropoint::calibrate::{Error, Histogram, Method, Observer};
use zeropoint::{Code, QuantParams, Range, Scheme, Tier};

/// The methods that were asked for.
#[derive(Clone)]
pub(crate) struct Methods(Vec<Method>);

impl FromStr for Methods {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(Self(match text {
            "all" => Method::ALL.to_vec(),
            _ => vec![text.parse()?],
        }))
    }
}

/// A tensor, and what each scheme and method makes of it.
pub(crate) struct Calibrated<'a> {
    pub(crate) tensor: &'a Tensor<'a>,
    /// `None` if its elements are of a type that is not quantized here.
    pub(crate) histogram: Option<Histogram>,
    pub(crate) schemes: Vec<(&'static str, Vec<Outcome>)>,
}

/// What a method makes of it, or why it can't.
pub(crate) struct Outcome {
    pub(crate) method: Method,
    pub(crate) chosen: Result<Chosen, Error>,
}

pub(crate) struct Chosen {
    pub(crate) range: Range,
    /// How many elements are farther than half a step beyond what the codes stand for.
    clipped: usize,
    pub(crate) sqnr: f64,
    /// The values of the codes.
    pub(crate) grid: Vec<f32>,
    /// How long the choice took, in ms.
    time: f64,
}

impl<'a> Calibrated<'a> {
    pub(crate) fn new(
        tensor: &'a Tensor<'a>,
        schemes: &[NamedScheme],
        Methods(methods): &Methods,
        tier: Tier,
    ) -> Self {
        let (mut histogram, mut outcomes) = (None, Vec::new());
        if let Some(x) = tensor.to_f32() {
            // A token, or a row of weights.
            let batch = match tensor.shape() {
                [batches, _, ..] if !x.is_empty() => x.len() / batches,
                _ => x.len().max(1),
            };
            for &(name, scheme) in schemes {
                let outcome = |&method: &Method| Outcome {
                    method,
                    chosen: match scheme {
                        AnyScheme::U8(scheme) => choose(tier, &x, batch, method, scheme),
                        AnyScheme::I8(scheme) => choose(tier, &x, batch, method, scheme),
                    },
                };
                outcomes.push((name, methods.iter().map(outcome).collect()));
            }
            let mut all = Histogram::new();
            all.add_on(tier, &x);
            histogram = Some(all);
        }
        Self { tensor, histogram, schemes: outcomes }
    }
}

/// The main job.
fn choose<Q: Code>(
    tier: Tier,
    x: &[f32],
    batch: usize,
    method: Method,
    scheme: Scheme<Q>,
) -> Result<Chosen, Error> {
    let mut observer = Observer::new(method)?;
    for x in x.chunks(batch) {
        observer.observe_on(tier, x);
    }
    let start = Instant::now();
    let params = observer.params(scheme)?;
    let time = start.elapsed().as_secs_f64() * 1e3;

    let mut y = vec![0.0; x.len()];
    tier.fake_quantize(x, params, &mut y)?;
    let (Range { min, max }, half) = (params.representable(), params.scale() / 2.0);
    Ok(Chosen {
        range: observer.range(scheme).unwrap_or(Range::new(0.0, 0.0)),
        clipped: x.iter().filter(|&&x| x < min - half || x > max + half).count(),
        sqnr: Noise::between(x, &y).sqnr,
        grid: grid(params),
        time,
    })
}

/// The values of all codes in use.
fn grid<Q: Code>(params: QuantParams<Q>) -> Vec<f32> {
    let zero_point = params.zero_point().into();
    let (lo, hi) = params.codes().into_inner();
    let values = (lo.into()..=hi.into()).map(|code| (code - zero_point) as f32 * params.scale());
    values.collect()
}

/// The outcome with the highest SQNR; the first of several.
pub(crate) fn best(outcomes: &[Outcome]) -> Option<(Method, &Chosen)> {
    let all =
        outcomes.iter().filter_map(|outcome| Some((outcome.method, outcome.chosen.as_ref().ok()?)));
    all.reduce(|best, next| if next.1.sqnr > best.1.sqnr { next } else { best })
}

/// Prints a line for each method.
pub(crate) fn print(out: &mut dyn Write, tier: Tier, all: &[Calibrated<'_>]) -> io::Result<()> {
    writeln!(
        out,
        "Tier {tier}\n\
         Each index of the first of several axes is a batch\n\
         Clipped: elements half a step or more beyond what the codes stand for\n\
         Choice: how long it takes, once all batches are observed\n\n  \
         {:<26}{:>26}{:>12}{:>12}{:>12}",
        "scheme and method", "range", "clipped", "SQNR", "choice"
    )?;
    for calibrated in all {
        let tensor = calibrated.tensor;
        let elements = tensor.shape().iter().product::<usize>() as f64;
        let name = one_line(&tensor.name);
        writeln!(out, "\n{name} {:?} {}", tensor.shape(), tensor.dtype())?;
        if calibrated.histogram.is_none() {
            writeln!(out, "  skipped: only F32, F16 and BF16 are quantized")?;
        }
        for (scheme, outcomes) in &calibrated.schemes {
            writeln!(out, "  {scheme}")?;
            let best = best(outcomes).map(|(method, _)| method);
            for Outcome { method, chosen } in outcomes {
                write!(out, "    {:<24}", method.to_string())?;
                match chosen {
                    Err(error) => writeln!(out, "  {error}")?,
                    Ok(chosen) => writeln!(
                        out,
                        "{:>26}{:>10.3} %{:>9.2} dB{:>9.2} ms{}",
                        interval(chosen.range),
                        percent(chosen.clipped as f64, elements.max(1.0)),
                        chosen.sqnr,
                        chosen.time,
                        if best == Some(*method) { "  best" } else { "" },
                    )?,
                }
            }
        }
    }
    Ok(())
}
