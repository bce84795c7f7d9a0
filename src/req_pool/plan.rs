//! The settings that all sockets of a pool have in common.
//!
//! Owns: the sockets made so far, the options of new ones, and the endpoints to which each is connected.
//! Always true: a call reaches all sockets, or leaves each as it was.
//! Must not know: which socket is free.

use crate::endpoint::{Endpoint, Transport};
use crate::error::{ConnectError, EndpointError, OptionError};
use crate::facade::{AsSocket, Builder, Req, SocketRef};
use crate::socket::{Core, meant_by};

/// The settings. The lock around them is held while a socket is made, connected or set.
pub(super) struct Plan {
    /// `None` once the pool is closed.
    builder: Option<Builder<Req>>,
    endpoints: Vec<Connected>,
    sockets: Vec<SocketRef>,
}

/// An endpoint to which each socket is connected.
struct Connected {
    /// With an absolute path, so that a socket made later connects to the same place.
    endpoint: Endpoint,
    /// As `connect` got it, perhaps with a relative path.
    asked: Endpoint,
}

impl Plan {
    /// Of `first`, which `builder` has made.
    pub(super) fn new(builder: Builder<Req>, first: SocketRef) -> Self {
        Self {
            builder: Some(builder),
            endpoints: Vec::new(),
            sockets: vec![first],
        }
    }

    pub(super) fn sockets(&self) -> Vec<SocketRef> {
        self.sockets.clone()
    }

    /// Makes no more sockets.
    pub(super) fn end(&mut self) -> Option<Builder<Req>> {
        self.builder.take()
    }

    /// One more socket, connected as all others; of several endpoints, each begins with another. None after the end.
    pub(super) fn make(&mut self) -> Option<Req> {
        let req = self.builder.as_ref()?.again().build();
        let begins_with = self.sockets.len() % self.endpoints.len().max(1);
        let (late, early) = self.endpoints.split_at(begins_with);
        for known in early.iter().chain(late) {
            req.connect(&known.endpoint).ok()?;
        }
        self.sockets.push(req.as_socket());
        Some(req)
    }

    pub(super) fn connect(&mut self, asked: Endpoint) -> Result<(), ConnectError> {
        let endpoint = Core::resolve(&asked);
        // Over a wire a REQ connects to an endpoint once. Within the process it connects each time.
        let once = endpoint.transport() != Transport::Inproc;
        let mut connected: Vec<&Core> = Vec::with_capacity(self.sockets.len());
        for socket in &self.sockets {
            let core = socket.core();
            let was = once && core.endpoint_state(&endpoint).is_ok();
            if let Err(error) = core.connect(&endpoint, None) {
                for core in connected {
                    // One that was closed meanwhile is connected nowhere.
                    let _ = core.disconnect(&endpoint);
                }
                return Err(error);
            }
            if !was {
                connected.push(core);
            }
        }
        if once && self.endpoints.iter().any(|one| one.endpoint == endpoint) {
            return Ok(());
        }
        self.endpoints.push(Connected { endpoint, asked });
        Ok(())
    }

    /// One that was disconnected or closed alone keeps none of the others connected: its error comes after all.
    pub(super) fn disconnect(&mut self, named: Endpoint) -> Result<(), EndpointError> {
        let Some(index) = meant_by(&named, &self.endpoints, |one| {
            Some((&one.endpoint, &one.asked))
        }) else {
            return Err(EndpointError::NotFound(named));
        };
        let Connected { endpoint, .. } = self.endpoints.remove(index);
        let outcomes = self
            .sockets
            .iter()
            .map(|socket| socket.core().disconnect(&endpoint));
        outcomes.fold(Ok(()), Result::and)
    }

    pub(super) fn set_option(&mut self, name: &str, value: &str) -> Result<(), OptionError> {
        let set = |socket: &SocketRef| socket.core().set_option(name, value);
        // The first socket knows which options may change once it is built; a builder takes any.
        self.set_each(name, set)?;
        self.set_builder(name, |builder| builder.option(name, value))
    }

    /// Tells peers of the payload, by all sockets from now on.
    #[cfg(feature = "serde")]
    pub(super) fn set_payload(&mut self, payload: &str) -> Result<(), OptionError> {
        const NAME: &str = "metadata";
        self.set_each(NAME, |socket| socket.core().set_payload(payload.to_owned()))?;
        self.set_builder(NAME, |builder| builder.payload(payload))
    }

    /// Sets the option `name` of each socket by `set`. If one fails, those before it get their values back.
    fn set_each(
        &self,
        name: &str,
        set: impl Fn(&SocketRef) -> Result<(), OptionError>,
    ) -> Result<(), OptionError> {
        let mut before = Vec::with_capacity(self.sockets.len());
        for socket in &self.sockets {
            let outcome = socket.core().option(name).and_then(|value| {
                set(socket)?;
                before.push(value);
                Ok(())
            });
            if let Err(error) = outcome {
                for (socket, value) in self.sockets.iter().zip(&before) {
                    let _ = socket.core().set_option(name, value);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Sets the option `name` of the sockets to come, after those that are there.
    fn set_builder(
        &mut self,
        name: &str,
        set: impl FnOnce(Builder<Req>) -> Result<Builder<Req>, OptionError>,
    ) -> Result<(), OptionError> {
        if let Some(builder) = &self.builder {
            let set = set(builder.again());
            debug_assert!(
                set.is_ok(),
                "{name} is good for a socket, and not for a builder"
            );
            self.builder = Some(set?);
        }
        Ok(())
    }
}
