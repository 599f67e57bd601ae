//! What the examples share: the tensors of safetensors files, and printing.

use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};
use std::error::Error;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

/// A tensor as it is in the file.
pub(crate) struct Tensor<'a> {
    pub(crate) name: String,
    view: TensorView<'a>,
}

impl Tensor<'_> {
    pub(crate) fn dtype(&self) -> Dtype {
        self.view.dtype()
    }

    pub(crate) fn shape(&self) -> &[usize] {
        self.view.shape()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.view.data()
    }

    /// The values, if they are of a type that is quantized here.
    pub(crate) fn to_f32(&self) -> Option<Vec<f32>> {
        let bytes = self.bytes();
        match self.dtype() {
            Dtype::F32 => Some(convert(bytes, f32::from_le_bytes)),
            Dtype::F16 => Some(convert(bytes, |x| f16::from_le_bytes(x).to_f32())),
            Dtype::BF16 => Some(convert(bytes, |x| bf16::from_le_bytes(x).to_f32())),
            _ => None,
        }
    }
}

fn convert<const SIZE: usize>(bytes: &[u8], value: impl Fn([u8; SIZE]) -> f32) -> Vec<f32> {
    let (elements, _) = bytes.as_chunks();
    elements.iter().map(|&element| value(element)).collect()
}

/// The tensors of a file, in the order of their data.
pub(crate) fn tensors(file: &[u8]) -> Result<Vec<Tensor<'_>>, SafeTensorError> {
    let mut tensors: Vec<_> = SafeTensors::deserialize(file)?
        .tensors()
        .into_iter()
        .map(|(name, view)| Tensor { name, view })
        .collect();
    // By name where one of two tensors is empty, so that the order is always the same.
    tensors.sort_by(|a, b| {
        let (a_data, b_data) = (a.bytes().as_ptr(), b.bytes().as_ptr());
        a_data.cmp(&b_data).then_with(|| a.name.cmp(&b.name))
    });
    Ok(tensors)
}

/// `error`, with the file that it is about.
pub(crate) fn about(path: &Path, error: impl Into<Box<dyn Error>>) -> String {
    format!("{}: {}", path.display(), error.into())
}

/// Prints to standard output. That its reader has seen enough, as `head` has, is not an error.
pub(crate) fn print(
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Box<dyn Error>> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("standard output: {error}").into())
        }
        _ => Ok(()),
    }
}

/// How an example ends; if with an error, that is told.
pub(crate) fn end(result: Result<(), Box<dyn Error>>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If this fails too, there is nobody to tell.
            let _ = writeln!(io::stderr(), "error: {}", one_line(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}

/// `text` on one line, whatever a file has for a name: control characters are escaped.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().fold(String::new(), |mut line, c| {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
        line
    })
}
