//! Writing safetensors files.

use crate::common::Tensor;
use crate::quality::{Examined, Quantized};
use safetensors::tensor::{Dtype, View};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use zeropoint::{Code, QuantParams};

/// Writes the codes of each tensor under its name, with `NAME.scale` and `NAME.zero_point`;
/// returns how many tensors that were.
pub(crate) fn save(path: &Path, examined: &[Examined<'_>]) -> Result<usize, Box<dyn Error>> {
    let mut written = 0;
    let mut entries = BTreeMap::new();
    for Examined { tensor, codes, .. } in examined {
        for quantized in codes {
            let added = match quantized {
                Quantized::U8(params, codes) => entries_for(tensor, Dtype::U8, *params, codes),
                Quantized::I8(params, codes) => entries_for(tensor, Dtype::I8, *params, codes),
            };
            for (name, entry) in added {
                if entries.contains_key(&name) {
                    return Err(format!("two tensors would be named {name}").into());
                }
                entries.insert(name, entry);
            }
            written += 1;
        }
    }
    fs::write(path, safetensors::serialize(entries, None)?)?;
    Ok(written)
}

/// What the file gets for one tensor.
fn entries_for<'a, Q: Code>(
    tensor: &'a Tensor<'_>,
    dtype: Dtype,
    params: QuantParams<Q>,
    codes: &'a [Q],
) -> [(String, Entry<'a>); 3] {
    let entry = |dtype, shape, data| Entry { dtype, shape, data };
    let name = &tensor.name;
    let scale = params.scale().to_le_bytes().to_vec();
    let zero_point = bytemuck::bytes_of(&params.zero_point()).to_vec();
    [
        (
            name.clone(),
            entry(dtype, tensor.shape(), bytemuck::cast_slice(codes).into()),
        ),
        (
            format!("{name}.scale"),
            entry(Dtype::F32, &[1], scale.into()),
        ),
        (
            format!("{name}.zero_point"),
            entry(dtype, &[1], zero_point.into()),
        ),
    ]
}

struct Entry<'a> {
    dtype: Dtype,
    shape: &'a [usize],
    data: Cow<'a, [u8]>,
}

impl View for Entry<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.data)
    }

    fn data_len(&self) -> usize {
        self.data.len()
    }
}
