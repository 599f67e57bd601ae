//! What is found out, and printing it.

use crate::search::{Codes, Floats, Index, NEIGHBOURS, speed};
use crate::vectors::Vectors;
use std::io::{self, Write};
use zeropoint::{Error, Scheme, Tier};

/// A way to search, and what came of it.
struct Way {
    name: &'static str,
    bytes_per_vector: usize,
    /// The part of the neighbours in f32 that it finds.
    recall: f64,
    /// By tier: queries answered in a second.
    speeds: Vec<(String, f64)>,
    /// Those of the word.
    neighbours: Vec<(usize, f64)>,
}

pub(crate) struct Report<'a> {
    vectors: &'a Vectors,
    word: usize,
    tier: Tier,
    ways: Vec<Way>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(vectors: &'a Vectors, word: usize, tier: Tier) -> Result<Self, Error> {
        let exact = Floats(vectors);
        let signed = Codes::<i8>::new(vectors, Scheme::symmetric(), tier)?;
        let unsigned = Codes::<u8>::new(vectors, Scheme::affine(), tier)?;
        let truth = all_neighbours(&exact, tier, vectors.count())?;

        let mut ways = Vec::new();
        let indices: [(_, &dyn Index); 3] =
            [("f32", &exact), ("i8 symmetric", &signed), ("u8 affine", &unsigned)];
        for (name, index) in indices {
            let found = all_neighbours(index, tier, vectors.count())?;
            let mut speeds = Vec::new();
            if name == "f32" {
                let rate = speed(index, tier, vectors.count())?;
                speeds.push(("plain loop".into(), rate));
            } else {
                for tier in Tier::available() {
                    speeds.push((tier.to_string(), speed(index, tier, vectors.count())?));
                }
            }
            ways.push(Way {
                name,
                bytes_per_vector: index.bytes_per_vector(),
                recall: recall(&truth, &found),
                speeds,
                neighbours: index.neighbours(tier, word, vectors.count())?,
            });
        }
        Ok(Self { vectors, word, tier, ways })
    }

    pub(crate) fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "Tier {}\n\
             {}, each row scaled to unit length; similarity is the dot product\n",
            self.tier, self.vectors.title,
        )?;
        self.row(out, "", |way| way.name.into())?;
        self.row(out, "bytes per vector", |way| way.bytes_per_vector.to_string())?;
        let recall = format!("recall@{NEIGHBOURS}");
        self.row(out, &recall, |way| format!("{:.2} %", 100.0 * way.recall))?;
        self.print_speeds(out)?;
        self.print_neighbours(out)
    }

    /// A line of the table: a label, and a cell for each way.
    fn row(
        &self,
        out: &mut dyn Write,
        label: &str,
        cell: impl Fn(&Way) -> String,
    ) -> io::Result<()> {
        let mut line = format!("{label:<18}");
        for way in &self.ways {
            line += &format!("{:>20}", cell(way));
        }
        writeln!(out, "{}", line.trim_end())
    }

    fn print_speeds(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "\nQueries per second, one core")?;
        if cfg!(debug_assertions) {
            writeln!(
                out,
                "This is a debug build, so the speeds mean nothing: run it with --release"
            )?;
        }
        let names = self.ways.iter().flat_map(|way| &way.speeds);
        let mut seen: Vec<&str> = Vec::new();
        for (name, _) in names {
            if !seen.contains(&name.as_str()) {
                seen.push(name);
                self.row(out, &format!("  {name}"), |way| {
                    let speed = way.speeds.iter().find(|(other, _)| other == name);
                    speed.map_or(String::new(), |(_, rate)| format!("{rate:.0}"))
                })?;
            }
        }
        Ok(())
    }

    fn print_neighbours(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "\nNearest to {}", self.vectors.names[self.word])?;
        let longest = self.ways.iter().map(|way| way.neighbours.len()).max();
        for place in 0..longest.unwrap_or(0) {
            self.row(out, &format!("  {}", place + 1), |way| {
                let neighbour = way.neighbours.get(place);
                neighbour.map_or(String::new(), |&(vector, similarity)| {
                    format!("{} {similarity:.4}", self.vectors.names[vector])
                })
            })?;
        }
        Ok(())
    }
}

fn all_neighbours(index: &dyn Index, tier: Tier, count: usize) -> Result<Vec<Vec<usize>>, Error> {
    let mut all = Vec::with_capacity(count);
    for query in 0..count {
        let neighbours = index.neighbours(tier, query, count)?;
        all.push(neighbours.into_iter().map(|(vector, _)| vector).collect());
    }
    Ok(all)
}

/// The part of the true neighbours that are among those found.
fn recall(truth: &[Vec<usize>], found: &[Vec<usize>]) -> f64 {
    let (mut hits, mut all) = (0, 0);
    for (truth, found) in truth.iter().zip(found) {
        hits += truth.iter().filter(|vector| found.contains(vector)).count();
        all += truth.len();
    }
    hits as f64 / all.max(1) as f64
}
