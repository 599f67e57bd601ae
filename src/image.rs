//! Images of codes: borders, and the windows of convolutions.

mod im2col;
mod pad;

pub use im2col::{Windows, im2col};
pub use pad::{Border, pad};
