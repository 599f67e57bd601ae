//! Writing safetensors files.

use crate::common::Tensor;
use crate::groups::{Granularity, Groups};
use crate::quality::{Examined, Quantized};
use safetensors::tensor::{Dtype, View};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fs;
use std::path::Path;
use zeropoint::{Code, QuantParams};

/// Writes the codes of each tensor under its name, with `NAME.scale` and `NAME.zero_point`, which
/// hold a number for each group; returns how many tensors that were.
///
/// The shapes don't tell how long blocks are, if they don't fill their rows: so the file's metadata
/// has it, as `block`.
pub(crate) fn save(
    path: &Path,
    granularity: Granularity,
    examined: &[Examined<'_>],
) -> Result<usize, Box<dyn Error>> {
    let mut written = 0;
    let mut entries = BTreeMap::new();
    for examined in examined {
        let Examined { tensor, groups, .. } = examined;
        for quantized in &examined.codes {
            let added = match quantized {
                Quantized::U8(params, codes) => {
                    entries_for(tensor, Dtype::U8, groups, params, codes)
                }
                Quantized::I8(params, codes) => {
                    entries_for(tensor, Dtype::I8, groups, params, codes)
                }
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
    let metadata = match granularity {
        Granularity::Blocks(block) => Some(HashMap::from([("block".into(), block.to_string())])),
        _ => None,
    };
    fs::write(path, safetensors::serialize(entries, metadata)?)?;
    Ok(written)
}

/// What the file gets for one tensor.
fn entries_for<'a, Q: Code>(
    tensor: &'a Tensor<'_>,
    dtype: Dtype,
    groups: &'a Groups,
    params: &[QuantParams<Q>],
    codes: &'a [Q],
) -> [(String, Entry<'a>); 3] {
    let entry = |dtype, shape, data| Entry { dtype, shape, data };
    let name = &tensor.name;
    let scales: Vec<u8> = params.iter().flat_map(|params| params.scale().to_le_bytes()).collect();
    let zero_points: Vec<Q> = params.iter().map(QuantParams::zero_point).collect();
    let zero_points = bytemuck::cast_slice(&zero_points).to_vec();
    [
        (name.clone(), entry(dtype, tensor.shape(), bytemuck::cast_slice(codes).into())),
        (format!("{name}.scale"), entry(Dtype::F32, &groups.shape, scales.into())),
        (format!("{name}.zero_point"), entry(dtype, &groups.shape, zero_points.into())),
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
