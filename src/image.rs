//! Images of codes: borders, and the windows of convolutions.

pub(crate) mod im2col;
pub(crate) mod pad;
