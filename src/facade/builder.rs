//! Gathers the options of a socket before it exists, so that nothing half-built can be used.

mod setters;

use std::fmt;
use std::sync::Arc;

use highwater_patterns::{PatternOptions, SocketType};
use rand::TryRng;
use rand::rngs::SysRng;

use crate::Context;
use crate::error::OptionError;
use crate::options::{self, Options};
use crate::socket::Core;

/// Builds a socket of type `S` with options of its own; each option says what it does and when it takes effect.
///
/// ```
/// use std::time::Duration;
/// use highwater::{Context, Linger, Push};
///
/// let context = Context::new();
/// let push = Push::builder(&context)
///     .send_high_water_mark(10_000)
///     .linger(Linger::AtMost(Duration::from_secs(5)))
///     .build();
/// ```
pub struct Builder<S> {
    context: Context,
    options: Options,
    pattern: PatternOptions,
    kind: SocketType,
    make: fn(Arc<Core>, Context) -> S,
}

impl<S> Builder<S> {
    pub(super) fn new(
        context: &Context,
        kind: SocketType,
        make: fn(Arc<Core>, Context) -> S,
    ) -> Self {
        Self {
            context: context.clone(),
            options: Options::default(),
            pattern: PatternOptions {
                seed: seed(),
                ..PatternOptions::default()
            },
            kind,
            make,
        }
    }

    /// Sets the option `name` from text, as [`set_option`](crate::Push::set_option) of a socket does.
    ///
    /// # Errors
    ///
    /// [`OptionError`]: the option does not exist, or does not allow the value.
    pub fn option(mut self, name: &str, value: &str) -> Result<Self, OptionError> {
        match self.options.set(name, value, false) {
            Err(OptionError::Unknown { .. }) => {
                options::pattern::set(&mut self.pattern, self.kind, name, value)?;
                self.options.is_settled(name);
            }
            settled => settled?,
        }
        if name == "conflate" {
            self.options.check_conflate(self.kind)?;
        }
        Ok(self)
    }

    /// Makes the socket, unless an option was given a value that it does not allow.
    ///
    /// # Errors
    ///
    /// [`OptionError::Invalid`]: the first such value, here or in the builder of the context, unless its option was
    /// later given a good one.
    ///
    /// ```
    /// use highwater::{Context, Push};
    ///
    /// let refused = Push::builder(&Context::new()).send_high_water_mark(0).try_build();
    /// assert_eq!(
    ///     refused.expect_err("no message would ever be sent").to_string(),
    ///     "send_high_water_mark takes a number of messages from 1, or none (None) for no limit"
    /// );
    /// ```
    pub fn try_build(self) -> Result<S, OptionError> {
        self.check()?;
        Ok(self.build())
    }

    /// An error if an option, here or of the context, was given a value that it does not allow.
    pub(crate) fn check(&self) -> Result<(), OptionError> {
        match self.options.refused().or(self.context.hub().refused()) {
            Some(refused) => Err(refused.clone()),
            None => Ok(()),
        }
    }

    /// A builder of one more such socket.
    pub(crate) fn again(&self) -> Self {
        Self {
            context: self.context.clone(),
            options: self.options.clone(),
            pattern: PatternOptions {
                seed: seed(),
                ..self.pattern.clone()
            },
            kind: self.kind,
            make: self.make,
        }
    }

    /// Tells peers what the payload is.
    #[cfg(feature = "serde")]
    pub(crate) fn payload(mut self, payload: &str) -> Result<Self, OptionError> {
        self.options.set_payload(payload.to_owned())?;
        Ok(self)
    }

    pub(crate) fn has_routing_id(&self) -> bool {
        self.options.routing_id.is_some()
    }

    /// Makes the socket. An option that was given a value it does not allow keeps its former value, and every `bind`
    /// and `connect` is refused until it has another: [`try_build`](Self::try_build) reports the error at once.
    pub fn build(self) -> S {
        let hub = self.context.hub();
        let core = Core::new(hub, self.kind, self.options, &self.pattern);
        (self.make)(core, self.context)
    }
}

/// A random number from the system. The generator of a thread would give the same numbers in a forked child.
fn seed() -> u32 {
    SysRng.try_next_u32().unwrap_or_else(|_| rand::random())
}

/// One line: the type of the socket, and the options that differ from their defaults.
impl<S> fmt::Debug for Builder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("socket_type", &self.kind)
            .field("changed", &self.options.changed())
            .finish_non_exhaustive()
    }
}
