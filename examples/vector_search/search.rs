//! Exact search: every query is compared with every vector.

use crate::plain::dot;
use crate::vectors::Vectors;
use std::hint::black_box;
use std::time::{Duration, Instant};
use zeropoint::{Code8, Error, QuantParams, Range, Scheme, Tier};

/// How many neighbours are looked for.
pub(crate) const NEIGHBOURS: usize = 10;

/// What can be asked for similarities.
pub(crate) trait Index {
    /// Bytes that a vector takes.
    fn bytes_per_vector(&self) -> usize;

    /// The dot product of vector `query` with each vector: of unit length, so it is the cosine.
    fn similarities(&self, tier: Tier, query: usize, out: &mut [f64]) -> Result<(), Error>;

    /// The nearest other vectors, the most similar first.
    fn neighbours(
        &self,
        tier: Tier,
        query: usize,
        count: usize,
    ) -> Result<Vec<(usize, f64)>, Error> {
        let mut similarities = vec![0.0; count];
        self.similarities(tier, query, &mut similarities)?;
        Ok(nearest(query, &similarities))
    }
}

/// The vectors as they are.
pub(crate) struct Floats<'a>(pub(crate) &'a Vectors);

impl Index for Floats<'_> {
    fn bytes_per_vector(&self) -> usize {
        size_of::<f32>() * self.0.len
    }

    fn similarities(&self, _: Tier, query: usize, out: &mut [f64]) -> Result<(), Error> {
        let Vectors { len, elements, .. } = self.0;
        let query = &elements[query * len..][..*len];
        for (out, row) in out.iter_mut().zip(elements.chunks_exact(*len)) {
            *out = dot(query, row).into();
        }
        Ok(())
    }
}

/// The vectors as codes, with the same scale and zero point for all.
pub(crate) struct Codes<Q: Code8> {
    params: QuantParams<Q>,
    len: usize,
    codes: Vec<Q>,
}

impl<Q: Code8> Codes<Q> {
    pub(crate) fn new(vectors: &Vectors, scheme: Scheme<Q>, tier: Tier) -> Result<Self, Error> {
        let range = tier.min_max(&vectors.elements);
        let params = scheme.params(range.unwrap_or(Range::new(0.0, 0.0)))?;
        let mut codes = vec![params.zero_point(); vectors.elements.len()];
        tier.quantize(&vectors.elements, params, &mut codes)?;
        Ok(Self { params, len: vectors.len, codes })
    }
}

impl<Q: Code8> Index for Codes<Q> {
    fn bytes_per_vector(&self) -> usize {
        self.len
    }

    /// Exact dot products of codes; `s²` makes them dot products of values.
    fn similarities(&self, tier: Tier, query: usize, out: &mut [f64]) -> Result<(), Error> {
        let query = &self.codes[query * self.len..][..self.len];
        let z = self.params.zero_point();
        let mut products = vec![0; out.len()];
        tier.dot_rows(query, z, &self.codes, z, &mut products)?;
        let scale = f64::from(self.params.scale());
        for (out, product) in out.iter_mut().zip(products) {
            *out = product as f64 * scale * scale;
        }
        Ok(())
    }
}

/// The most similar vectors but for `query` itself; of equal ones, the first.
fn nearest(query: usize, similarities: &[f64]) -> Vec<(usize, f64)> {
    let mut nearest: Vec<(usize, f64)> = Vec::with_capacity(NEIGHBOURS + 1);
    for (vector, &similarity) in similarities.iter().enumerate() {
        let last = nearest.last().map_or(f64::NEG_INFINITY, |&(_, last)| last);
        if vector == query || (nearest.len() == NEIGHBOURS && similarity <= last) {
            continue;
        }
        let place = nearest.partition_point(|&(_, other)| other >= similarity);
        nearest.insert(place, (vector, similarity));
        nearest.truncate(NEIGHBOURS);
    }
    nearest
}

/// Queries answered in a second: the best of what a few milliseconds allow to try.
pub(crate) fn speed(index: &dyn Index, tier: Tier, count: usize) -> Result<f64, Error> {
    const PATIENCE: Duration = Duration::from_millis(40);
    let mut best = Duration::MAX;
    let mut similarities = vec![0.0; count];
    let first = Instant::now();
    let mut query = 0;
    while best == Duration::MAX || first.elapsed() < PATIENCE {
        let start = Instant::now();
        index.similarities(tier, query, &mut similarities)?;
        black_box(nearest(query, &similarities));
        best = best.min(start.elapsed());
        query = (query + 1) % count;
    }
    Ok(1.0 / best.as_secs_f64())
}
