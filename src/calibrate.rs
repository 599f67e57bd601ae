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
//! # Ok::<(), zeropoint::Error>(())
//! ```
//!
//! All results are the same on every tier, and in every order of the batches: exactly, but where
//! [`Method`] says how far sums may differ.

mod aciq;
mod bars;
mod channels;
mod entropy;
mod histogram;
mod least_squares;
mod method;
mod moments;
mod observer;
mod tally;

pub use channels::ChannelObservers;
pub use histogram::Histogram;
pub use method::Method;
pub use observer::Observer;
pub use tally::Tally;
