//! The vectors to search in.

use crate::common::{Tensor, one_line};
use safetensors::SafeTensors;

/// Rows of unit length, and what they are called.
pub(crate) struct Vectors {
    /// What they are, for the heading.
    pub(crate) title: String,
    /// Elements of a row.
    pub(crate) len: usize,
    pub(crate) elements: Vec<f32>,
    /// One for each row.
    pub(crate) names: Vec<String>,
}

impl Vectors {
    /// The rows of the tensor of that name, or of the first that has rows; named by the words in
    /// the file's metadata, if there are as many.
    pub(crate) fn new(
        file: &[u8],
        tensors: &[Tensor<'_>],
        name: Option<&str>,
    ) -> Result<Self, String> {
        let has_rows =
            |tensor: &Tensor<'_>| matches!(*tensor.shape(), [rows, len] if rows >= 2 && len >= 1);
        let tensor = match name {
            Some(name) => tensors
                .iter()
                .find(|tensor| tensor.name == name)
                .ok_or_else(|| format!("there is no tensor {name}"))?,
            None => tensors
                .iter()
                .find(|tensor| has_rows(tensor))
                .ok_or("no tensor is a matrix of two rows or more")?,
        };
        let title = format!("{} {:?} {}", one_line(&tensor.name), tensor.shape(), tensor.dtype());
        if !has_rows(tensor) {
            return Err(format!("{title} is not a matrix of two rows or more"));
        }
        let mut elements = tensor
            .to_f32()
            .ok_or_else(|| format!("{title}: only F32, F16 and BF16 can be searched"))?;
        let len = tensor.shape()[1];
        for (r, row) in elements.chunks_exact_mut(len).enumerate() {
            if !scale_to_unit_length(row) {
                return Err(format!("{title}: row {r} has an element that is not finite"));
            }
        }
        let count = elements.len() / len;
        let names = words(file)
            .filter(|words| words.len() == count)
            .unwrap_or_else(|| (0..count).map(|r| format!("#{r}")).collect());
        Ok(Self { title, len, elements, names })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.names.len()
    }

    /// The row of that name.
    pub(crate) fn find(&self, name: &str) -> Result<usize, String> {
        let found = self.names.iter().position(|known| known == name);
        found.ok_or_else(|| {
            let some = self.names.iter().take(8).cloned().collect::<Vec<_>>();
            format!(
                "no vector is called {name}; there are {} others: {}, …",
                self.count(),
                some.join(", ")
            )
        })
    }
}

/// A row of zeros stays one; `false` if there is something that is not a number.
fn scale_to_unit_length(row: &mut [f32]) -> bool {
    let squares: f64 = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    if squares > 0.0 {
        let length = squares.sqrt();
        for x in &mut *row {
            *x = (f64::from(*x) / length) as f32;
        }
    }
    squares.is_finite()
}

/// The words in the metadata of a file.
fn words(file: &[u8]) -> Option<Vec<String>> {
    let (_, header) = SafeTensors::read_metadata(file).ok()?;
    let words = header.metadata().as_ref()?.get("words")?;
    Some(words.split(' ').map(one_line).collect())
}
