//! What tensors are like, and what quantization loses of them.

pub(crate) mod fidelity;
pub(crate) mod moments;

pub use fidelity::{Fidelity, fidelity, quantization_fidelity};
pub use moments::{Moments, moments};
