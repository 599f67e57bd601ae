//! An observer for each channel.

use super::error::Error;
use super::histogram::reserve;
use super::method::Method;
use super::observer::{Observer, checked};
use crate::tier::Tier;
use crate::values::code::Code;
use crate::values::granularity::Layout;
use crate::values::params::{QuantParams, Range, Scheme};
use std::vec::Vec;

/// An [`Observer`] for each channel of a tensor.
///
/// ```
/// # use zeropoint::{QuantParams, Scheme, calibrate::{ChannelObservers, Method}};
/// let mut observers = ChannelObservers::new(Method::MinMax, 2)?;
/// observers.observe(&[1.0, 50.0, -1.0, 20.0], 1)?; // x[outer][channel]
/// observers.observe(&[0.5, 100.0], 1)?;
/// let mut params = [QuantParams::<i8>::default(); 2];
/// observers.params(Scheme::symmetric(), &mut params)?;
/// assert_eq!(params.map(|params| params.scale()), [1.0 / 127.0, 100.0 / 127.0]);
/// # Ok::<(), zeropoint::calibrate::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ChannelObservers {
    observers: Vec<Observer>,
}

/// Elements that are copied at a time, to gather channels: a cache line or more.
const RUN: usize = 16;

impl ChannelObservers {
    /// Observers that have seen nothing. What they keep of numbers (the table of [`Method`] says what) takes
    /// memory only once there are some.
    ///
    /// # Errors
    /// [`Error::Method`] if a number of the method is out of bounds; [`crate::Error::Buffer`] if there is no
    /// memory for so many.
    pub fn new(method: Method, channels: usize) -> Result<Self, Error> {
        let observer = Observer::new(method)?;
        let mut observers = Vec::new();
        reserve(&mut observers, channels)?;
        observers.resize(channels, observer);
        Ok(Self { observers })
    }

    /// The same observers, which have seen nothing, with bounds: see [`Observer::within`].
    ///
    /// # Errors
    /// [`crate::Error::Range`] if an end is NaN, or the minimum is above the maximum.
    pub fn within(mut self, bounds: Range) -> Result<Self, crate::Error> {
        let bounds = checked(bounds)?;
        for observer in &mut self.observers {
            observer.bound(bounds);
        }
        Ok(self)
    }

    /// Takes in a batch of numbers, `[outer, channels, inner]`; `inner == 1` is the last axis. Each
    /// channel's are a batch of its observer, in their order.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if `x` is not a whole number of times all channels; [`crate::Error::Buffer`] if there is no
    /// memory to gather the numbers of some channels, or for what the method keeps of them: then some
    /// channels have taken in the batch, or a part of it, and others not.
    pub fn observe(&mut self, x: &[f32], inner: usize) -> Result<(), crate::Error> {
        self.observe_on(Tier::best(), x, inner)
    }

    /// [`ChannelObservers::observe`] on this tier.
    ///
    /// # Errors
    /// As there.
    pub fn observe_on(&mut self, tier: Tier, x: &[f32], inner: usize) -> Result<(), crate::Error> {
        let channels = self.observers.len();
        Layout::channels(("x", x.len()), channels, inner)?;
        if x.is_empty() {
            return Ok(());
        }
        let row = channels * inner;
        let outer = x.len() / row;
        if outer == 1 {
            for (observer, x) in self.observers.iter_mut().zip(x.chunks(inner)) {
                observer.try_observe_on(tier, x)?;
            }
            return Ok(());
        }
        // Some channels that are neighbours at a time, each gathered in a row of the buffer.
        let together = (RUN / inner).clamp(1, channels);
        let of_one = outer * inner;
        let mut gathered = Vec::new();
        reserve(&mut gathered, together * of_one)?;
        gathered.resize(together * of_one, 0.0);
        for (i, observers) in self.observers.chunks_mut(together).enumerate() {
            for (j, x) in x.chunks(row).enumerate() {
                let x = &x[i * together * inner..][..observers.len() * inner];
                for (c, x) in x.chunks(inner).enumerate() {
                    gathered[c * of_one + j * inner..][..inner].copy_from_slice(x);
                }
            }
            for (observer, x) in observers.iter_mut().zip(gathered.chunks(of_one)) {
                observer.try_observe_on(tier, x)?;
            }
        }
        Ok(())
    }

    /// Takes in what others have observed, channel by channel.
    ///
    /// # Errors
    /// [`Error::ObservedChannels`] unless there are as many; [`Error::OtherMethod`] unless they have
    /// the same method, and [`Error::OtherBounds`] unless they have the same bounds: then nothing is taken
    /// in. [`crate::Error::Buffer`] if there is no memory: then some channels have taken in what others observed,
    /// and others not.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        self.same_channels(other.observers.len())?;
        for (observer, other) in self.observers.iter_mut().zip(&other.observers) {
            observer.merge(other)?;
        }
        Ok(())
    }

    /// Forgets everything but the method and the bounds.
    pub fn reset(&mut self) {
        for observer in &mut self.observers {
            observer.reset();
        }
    }

    /// The observer of each channel.
    #[must_use]
    pub fn channels(&self) -> &[Observer] {
        &self.observers
    }

    /// The parameters of each channel, by [`Observer::params`].
    ///
    /// # Errors
    /// [`Error::ObservedChannels`] unless there are as many parameters as channels;
    /// [`crate::Error::OneSided`] if the scheme has no codes for one side of a range. Then the parameters
    /// before that are written, the others untouched.
    pub fn params<Q: Code>(
        &self,
        scheme: Scheme<Q>,
        out: &mut [QuantParams<Q>],
    ) -> Result<(), Error> {
        self.same_channels(out.len())?;
        for (observer, out) in self.observers.iter().zip(out) {
            *out = observer.params(scheme)?;
        }
        Ok(())
    }

    fn same_channels(&self, other: usize) -> Result<(), Error> {
        let observed = self.observers.len();
        if observed == other { Ok(()) } else { Err(Error::ObservedChannels { observed, other }) }
    }
}
