//! Which range to use: observers that are shown numbers batch by batch, and choose one.
//!
//! The scale, and with it the precision of every number, comes from the range. Where a few numbers
//! are far from all others, a range that leaves them out wastes fewer codes; how far it should go, a
//! [`Method`] decides. An [`Observer`] applies it to a tensor, [`ChannelObservers`] to each channel
//! of one; a [`Histogram`] is what several methods keep of the numbers.
//!
//! ```
//! # use zeropoint::{Scheme, calibrate::{Method, Observer}};
//! # let batches = [[0.0, 1.0, -2.0], [0.5, -0.25, 9.0]];
//! let mut observer = Observer::new(Method::Percentile { below: 0.001, above: 0.001 })?;
//! for batch in &batches {
//!     observer.observe(batch);
//! }
//! let params = observer.params(Scheme::<i8>::symmetric())?;
//! # Ok::<(), zeropoint::calibrate::Error>(())
//! ```
//!
//! The best method depends on the data. The signal-to-quantization-noise ratios, in dB, of tensors of
//! all-MiniLM-L6-v2 in affine `u8`, with each token or row of weights as a batch (by the example
//! `quantize_model --calibrate all`):
//!
//! | method | before layer norm | after it | GELU | softmax | weight |
//! |---|---|---|---|---|---|
//! | `min-max` | 23.81 | 31.28 | 36.68 | 41.70 | 37.86 |
//! | `moving-average=0.01` | 5.39 | 20.56 | 14.34 | 9.80 | 28.49 |
//! | `percentile=99.9` | 9.40 | 18.15 | 24.91 | 41.70 | 31.80 |
//! | `absolute-percentile=99.9` | 13.54 | 18.84 | 24.91 | 41.70 | 34.47 |
//! | `deviations=3` | 2.67 | 15.05 | 10.86 | 8.56 | 28.68 |
//! | `mse` | 23.93 | 31.48 | 37.00 | 41.70 | 38.98 |
//! | `entropy` | 23.81 | 31.28 | 27.18 | 41.70 | 37.86 |
//! | `gauss` | 3.33 | 17.27 | 13.93 | 11.46 | 37.09 |
//! | `laplace` | 2.98 | 20.48 | 22.38 | 14.45 | 37.86 |
//!
//! All results are the same on every tier, and in every order of the batches: exactly, but where
//! [`Method`] says how far sums may differ.

mod aciq;
mod bars;
mod channels;
mod entropy;
mod error;
mod histogram;
mod least_squares;
mod method;
mod moments;
mod observer;
mod tally;

pub use channels::ChannelObservers;
pub use error::Error;
pub use histogram::{Bin, Histogram};
pub use method::Method;
pub use observer::Observer;
pub use tally::Tally;
